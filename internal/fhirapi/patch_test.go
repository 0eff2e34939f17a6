package fhirapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
	"vaguemestre/vault"
)

const archivedPointer = `/extension[url:'` + pdsm.ExtArchived + `']/valueBoolean`

func masqued(code string) string {
	return `{"coding":[{"system":"` + pdsm.SysVisibility + `","code":"` + code + `"}]}`
}

// said tells a change in words.
func said(c hub.DocumentChange) string {
	var out []string
	for _, x := range []struct {
		name string
		on   *bool
	}{{"masked", c.Masked}, {"hidden", c.HiddenFromPatient}, {"from-representatives", c.HiddenFromRepresentatives}, {"archived", c.Archived}, {"deleted", c.Deleted}} {
		if x.on != nil {
			out = append(out, map[bool]string{true: "+", false: "-"}[*x.on]+x.name)
		}
	}
	return strings.Join(out, " ")
}

func TestPatches(t *testing.T) {
	replace := func(path, value string) string {
		return `[{"op":"replace","path":"` + path + `","value":` + value + `}]`
	}
	for _, tt := range []struct {
		name, patch, want string
		was               vault.Flags
		status            int
	}{
		{name: "mask, as the guide writes it", patch: replace("/securityLabel/0", masqued("MASQUE_PS")), want: "+masked"},
		{name: "unmask, as the guide writes it", patch: replace("/securityLabel/0", `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}`), was: vault.Masked, want: "-masked"},
		{name: "mask what is masked", patch: replace("/securityLabel/0", masqued("MASQUE_PS")), was: vault.Masked},
		{name: "hiding from the patient does not unmask", patch: replace("/securityLabel/0", masqued("INVISIBLE_PATIENT")), was: vault.Masked, want: "+hidden"},
		{name: "another spelling", patch: replace("/securityLabel/0", masqued("INVISIBLE_REP_LEGAUX")), want: "+from-representatives"},
		{name: "add a label", patch: `[{"op":"add","path":"/securityLabel/-","value":` + masqued("MASQUE_PS") + `}]`, want: "+masked"},
		{name: "remove a label", patch: `[{"op":"remove","path":"/securityLabel/0"}]`, was: vault.Masked | vault.HiddenFromPatient, want: "-masked"},
		{name: "all labels anew", patch: replace("/securityLabel", `[`+masqued("INVISIBLE_PATIENT")+`]`), was: vault.Masked, want: "-masked +hidden"},
		{name: "archive, with the pointer of the guide", patch: replace(archivedPointer, "true"), want: "+archived"},
		{name: "archive, with a plain pointer", patch: replace("/extension/0/valueBoolean", "true"), want: "+archived"},
		{name: "out of the archive", patch: replace(archivedPointer, "false"), was: vault.Archived, want: "-archived"},
		{name: "withdraw by status", patch: replace("/status", `"superseded"`), want: "+deleted"},
		{name: "withdraw as an error", patch: replace("/status", `"entered-in-error"`), want: "+deleted"},
		{name: "withdraw by extension", patch: `[{"op":"add","path":"/extension/-","value":{"url":"` + pdsm.ExtDeleted + `","valueBoolean":true}}]`, want: "+deleted"},
		{name: "restore", patch: replace("/status", `"current"`), was: vault.Deleted, want: "-deleted"},
		{name: "restore by extension", patch: replace("/extension[url:'"+pdsm.ExtDeleted+"']/valueBoolean", "false"), was: vault.Deleted, want: "-deleted"},
		{name: "several at once", patch: `[{"op":"test","path":"/status","value":"current"},{"op":"replace","path":"` + archivedPointer + `","value":true},{"op":"add","path":"/securityLabel/-","value":` + masqued("MASQUE_PS") + `}]`, want: "+masked +archived"},
		{name: "it is not what was tested", patch: `[{"op":"test","path":"/status","value":"superseded"},{"op":"replace","path":"/status","value":"current"}]`, status: http.StatusPreconditionFailed},
		{name: "the description", patch: replace("/description", `"x"`), status: http.StatusMethodNotAllowed},
		{name: "the bytes", patch: replace("/content/0/attachment/url", `"x"`), status: http.StatusMethodNotAllowed},
		{name: "another extension", patch: `[{"op":"add","path":"/extension/-","value":{"url":"http://a.test","valueBoolean":true}}]`, status: http.StatusMethodNotAllowed},
		{name: "the confidentiality", patch: replace("/securityLabel/0", `{"coding":[{"code":"V"}]}`), status: http.StatusMethodNotAllowed},
		{name: "a label nobody knows", patch: replace("/securityLabel/0", `{"coding":[{"code":"SECRET"}]}`), status: http.StatusUnprocessableEntity},
		{name: "a label that is no label", patch: replace("/securityLabel/0", `7`), status: http.StatusUnprocessableEntity},
		{name: "a status nobody knows", patch: replace("/status", `"gone"`), status: http.StatusUnprocessableEntity},
		{name: "what is not there", patch: replace("/securityLabel/7", masqued("MASQUE_PS")), status: http.StatusUnprocessableEntity},
		{name: "an operation nobody knows", patch: `[{"op":"copy","from":"/status","path":"/status"}]`, status: http.StatusBadRequest},
		{name: "no pointer", patch: replace("status", `"current"`), status: http.StatusBadRequest},
		{name: "no list", patch: `{"op":"replace"}`, status: http.StatusBadRequest},
		{name: "nothing", patch: `[]`, status: http.StatusBadRequest},
		{name: "more than a list", patch: `[],"x":[]`, status: http.StatusBadRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, newFake())
			d := newFake().docs[0]
			d.Flags = tt.was
			var c hub.DocumentChange
			ops, err := operations("application/json-patch+json", []byte(tt.patch), fhir.Limits{})
			if err == nil {
				c, err = s.change(d, ops)
			}
			if err != nil && s.outcome(err).status != tt.status || err == nil && (said(c) != tt.want || tt.status != 0) {
				t.Errorf("%q, %v, want %q, %d", said(c), err, tt.want, tt.status)
			}
		})
	}
}

func TestFHIRPathPatches(t *testing.T) {
	operation := func(parts string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[` + parts + `]}]}`
	}
	for _, tt := range []struct{ name, patch, want string }{
		{"archive", operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.extension.where(url='` + pdsm.ExtArchived + `').value"},{"name":"value","valueBoolean":true}`), "+archived"},
		{"mask", operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.securityLabel[0]"},{"name":"value","valueCodeableConcept":` + masqued("MASQUE_PS") + `}`), "+masked"},
		{"mask by the code alone", operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.securityLabel.coding.where(system='` + pdsm.SysConfidentiality + `').code"},{"name":"value","valueCode":"MASQUE_PS"}`), "+masked"},
		{"add a label", operation(`{"name":"type","valueCode":"add"},{"name":"path","valueString":"DocumentReference"},{"name":"name","valueString":"securityLabel"},{"name":"value","valueCodeableConcept":` + masqued("INVISIBLE_PATIENT") + `}`), "+hidden"},
		{"withdraw", operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueCode":"superseded"}`), "+deleted"},
		{"the type", operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.type"},{"name":"value","valueCode":"x"}`), "405"},
		{"delete the status", operation(`{"name":"type","valueCode":"delete"},{"name":"path","valueString":"DocumentReference.status"}`), "422"},
		{"what is not there", operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.extension.where(url='` + pdsm.ExtDeleted + `').value"},{"name":"value","valueBoolean":true}`), "422"},
		{"another resource", operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.active"},{"name":"value","valueBoolean":true}`), "400"},
		{"a function", operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.status.toString()"},{"name":"value","valueCode":"x"}`), "400"},
		{"a move", operation(`{"name":"type","valueCode":"move"},{"name":"path","valueString":"DocumentReference.status"}`), "400"},
		{"no operation", strings.Replace(operation(`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueCode":"superseded"}`), `"operation"`, `"remark"`, 1), "400"},
		{"nothing", `{"resourceType":"Parameters"}`, "400"},
		{"another kind of resource", `{"resourceType":"Patient"}`, "400"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, newFake())
			d := newFake().docs[0]
			d.Flags = 0
			var c hub.DocumentChange
			ops, err := operations(fhir.MediaType, []byte(tt.patch), fhir.Limits{})
			if err == nil {
				c, err = s.change(d, ops)
			}
			got := said(c)
			if err != nil {
				got = itoa(s.outcome(err).status)
			}
			if got != tt.want {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func FuzzPatch(f *testing.F) {
	f.Add([]byte(`[{"op":"replace","path":"/securityLabel/0","value":{"coding":[{"code":"MASQUE_PS"}]}}]`), true)
	f.Add([]byte(`[{"op":"add","path":"/extension[url:'x']/valueBoolean","value":true},{"op":"remove","path":"/securityLabel/-"}]`), true)
	f.Add([]byte(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"DocumentReference.extension.where(url='a')[0].value"},{"name":"name","valueString":"x"},{"name":"value","valueBoolean":true}]}]}`), false)
	s := newServer(f, newFake())
	d := newFake().docs[0]
	d.Flags = vault.Masked | vault.Archived
	f.Fuzz(func(t *testing.T, in []byte, plain bool) {
		media := fhir.MediaType
		if plain {
			media = "application/json-patch+json"
		}
		ops, err := operations(media, in, fhir.Limits{Bytes: 1 << 16})
		if err == nil {
			_, err = s.change(d, ops)
		}
		if k := fault.Of(err); err != nil && k != fault.Invalid && k != fault.TooLarge && k != fault.Conflict {
			t.Errorf("%v", err)
		}
		if now, _ := json.Marshal(s.out.DocumentReference(d)); len(now) == 0 {
			t.Error("the document cannot be written any more")
		}
	})
}

func TestWhatIsSentIsBounded(t *testing.T) {
	s := newServer(t, newFake(), func(c *Config) { c.Limits.Body.Bytes = 1000; c.Limits.Entries = 2 })
	for body, want := range map[string]int{
		`{"resourceType":"Bundle","type":"batch","entry":[` + strings.Repeat(`{"request":{"method":"GET","url":"metadata"}},`, 2) + `{"request":{"method":"GET","url":"x"}}]}`: http.StatusRequestEntityTooLarge,
		strings.Repeat(" ", 1001):                                   http.StatusRequestEntityTooLarge,
		`{"resourceType":"Bundle","type":"batch"}`:                  http.StatusOK,
		`{"resourceType":"Bundle","type":"collection"}`:             http.StatusBadRequest,
		`{"resourceType":"Bundle","type":"batch","entry":[{}]}`:     http.StatusBadRequest,
		`{"resourceType":"Patient"}`:                                http.StatusBadRequest,
		strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40): http.StatusRequestEntityTooLarge,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/1"}}]}`: http.StatusUnprocessableEntity,
	} {
		if got := post(t, s, "/fhir", body); got != want {
			t.Errorf("%.60s: %d, want %d", body, got, want)
		}
	}
}

func TestStrictnessRefusesWhatTheProfileWants(t *testing.T) {
	body := `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/` + store26("anna") + `"},"content":[{"attachment":{"contentType":"text/plain","data":"Qm9uam91cg=="}}]}`
	if got := post(t, newServer(t, newFake()), "/fhir/DocumentReference", body); got != http.StatusCreated {
		t.Errorf("lenient: %d", got)
	}
	if got := post(t, newServer(t, newFake(), func(c *Config) { c.Strict = true }), "/fhir/DocumentReference", body); got != http.StatusUnprocessableEntity {
		t.Errorf("strict: %d", got)
	}
}

func TestAPatchThatChangesNothingAsksNothing(t *testing.T) {
	f := newFake()
	s := newServer(t, f)
	d := f.docs[0]
	c, err := s.change(d, []operation{{op: "replace", steps: []step{{field: "status"}}, value: "current"}})
	if err != nil || c != (hub.DocumentChange{}) {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzBundle(f *testing.F) {
	f.Add(lot("1", "", "Bonjour"))
	f.Add(lot("2", store26("anna")+"."+store26("doc01"), "Bonjour"))
	f.Add(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"DocumentReference?patient=1&_count=x"}},{"request":{"method":"GET","url":"Patient/$see-as"}}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		s := newServer(t, newFake(), func(c *Config) { c.Limits.Body.Bytes = 1 << 16 })
		if status := post(t, s, "/fhir", body); status >= 500 {
			t.Errorf("%d", status)
		}
	})
}
