package fhirapi

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
)

func TestEveryKindOfFailureHasAReply(t *testing.T) {
	s := newServer(t, newFake())
	for _, k := range fault.Kinds() {
		r, ok := replies[k]
		if !ok || r.status < 400 || r.code == "" || r.fr == "" || r.en == "" {
			t.Errorf("no reply for %q", k)
		}
		emittedValue(t, string(k), s.outcome(k).resource)
	}
	if len(replies) != len(fault.Kinds()) {
		t.Errorf("%d replies for %d kinds", len(replies), len(fault.Kinds()))
	}
	if o := s.outcome(errors.New("a secret")); o.status != http.StatusInternalServerError || strings.Contains(o.resource.Issue[0].Details.Text, "secret") {
		t.Errorf("an error without a kind gives %+v", o)
	}
	if s.outcome(fault.NotFound).status != http.StatusNotFound || s.outcome(fault.Denied).status != http.StatusForbidden {
		t.Error("what is hidden does not look like what is not there")
	}
}

func TestEveryRefusalOfADocumentHasAReply(t *testing.T) {
	s := newServer(t, newFake())
	for code := 900; code <= 906; code++ {
		o := s.outcome(&hub.Refusal{Rule: "document/x", Code: code, Kind: fault.Denied, FR: "Non.", EN: "No."})
		text, coding := o.resource.Issue[0].Details.Text, o.resource.Issue[0].Details.Coding
		if o.status == 0 || text != "Non. / No." || len(coding) != 2 || coding[1].Code != itoa(code) {
			t.Errorf("%d gives %+v", code, o)
		}
		emittedValue(t, itoa(code), o.resource)
	}
	if len(codes) != 7 {
		t.Errorf("%d codes", len(codes))
	}
	o := s.outcome(&hub.Refusal{Rule: "access/too-many-records", Kind: fault.Throttled, FR: "Trop.", EN: "Too many."})
	if o.status != http.StatusTooManyRequests || o.header["Retry-After"] == "" {
		t.Errorf("too many records gives %+v", o)
	}
}

func TestWhoIsNotKnownIsToldHowToBe(t *testing.T) {
	o := newServer(t, newFake()).outcome(fault.Unauthenticated)
	if o.status != http.StatusUnauthorized || !strings.HasPrefix(o.header["WWW-Authenticate"], "Bearer ") || o.resource.Issue[0].Code != "login" {
		t.Errorf("%+v", o)
	}
}

func TestTheFaultsOfAResourceAreTold(t *testing.T) {
	_, err := checked([]byte(`{"resourceType":"Patient","birthDate":"12/06/2026"}`), "Patient", fhir.Limits{})
	o := newServer(t, newFake()).outcome(err)
	if o.status != http.StatusBadRequest || len(o.resource.Issue) != 2 || o.resource.Issue[1].Expression[0] != "Patient.birthDate" {
		t.Errorf("%+v", o)
	}
	emittedValue(t, "faults", o.resource)
}

func TestAServerWithoutWhatItNeedsIsNotMade(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no base":     {Authenticate: func(*http.Request) (hub.Actor, error) { return gp, nil }},
		"nobody asks": {Base: "https://dmp.test/fhir"},
		"a bad key":   {Base: "https://dmp.test/fhir", Authenticate: func(*http.Request) (hub.Actor, error) { return gp, nil }, CursorKey: []byte("short")},
	} {
		if _, err := New(newFake(), cfg); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsDiscreetlyRefusedIsOnlyNotThere(t *testing.T) {
	s := newServer(t, newFake())
	want := s.outcome(fault.NotFound)
	for _, rule := range []string{"block/by-patient", "document/hidden-from-patient", "space/opposed", "habilitation/not-this-type"} {
		if got := s.outcome(&hub.Refusal{Rule: rule, Kind: fault.NotFound}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %+v, want what nothing gives: %+v", rule, got, want)
		}
	}
	unknown := s.outcome(&hub.Refusal{Rule: "space/opposed", Kind: fault.NotFound, Code: 902})
	if c := unknown.resource.Issue[0].Details.Coding; len(c) != 1 || c[0].Code != "902" {
		t.Errorf("902 gives %+v", c)
	}
}
