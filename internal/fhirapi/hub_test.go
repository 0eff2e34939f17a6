package fhirapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/blob/memblob"
	"vaguemestre/internal/bus/membus"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// A house is a server over a real hub in memory, with people in it.
type house struct {
	*Server
	t     testing.TB
	who   map[string]hub.Actor
	clock time.Time
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, who: map[string]hub.Actor{}, clock: noon}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	secrets, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	must(err)
	const escrow store.Part = "escrow"
	secret, err := secrets.Add(escrow)
	must(err)
	cert, _, err := keyring.NewRing().NewOwner(escrow, secret[0])
	must(err)
	door, err := hub.New(hub.Config{
		Store: memstore.New(), Blobs: memblob.New(), Bus: membus.New(),
		Index: keyring.NewIndexKey(), Ring: keyring.NewRing(), Erasure: secrets, Escrow: cert,
		Domain: "hub.test", PatientDomain: "patient.test", TestMode: true, Now: func() time.Time { return h.clock },
	})
	must(err)
	whose, err := door.Enrol(t.Context(), "operator", hub.Person{Matricule: anna, Traits: patient.Traits{BirthName: "TOURNESOL", FirstNames: "ANNA", BirthDate: "19600001", Sex: "F"}})
	must(err)
	_, err = door.Life(t.Context(), "operator", whose, patient.Activate)
	must(err)
	people := map[string]directory.BAL{
		"gp":     {Address: "eric.thomas@medecin.test", Name: "Dr Éric THOMAS", Profession: policy.Physician, RPPS: "89990000001", Organisation: "Cabinet du Parc", Establishment: "750000001"},
		"other":  {Address: "hoda.adam@hopital.test", Name: "Dr Hoda ADAM", Profession: policy.Physician, Organisation: "Hôpital"},
		"optic":  {Address: "opticien@medecin.test", Name: "Optique du Parc", Profession: policy.Optician},
		"reader": {Address: "infirmier@medecin.test", Name: "Marc INFIRMIER", Profession: policy.Nurse},
	}
	for name, b := range people {
		b.Kind = directory.Personal
		must(door.AddBAL(t.Context(), "operator", b))
		people[name] = b
	}
	people["anna"] = directory.BAL{Address: whose.Canonical()}
	for name, b := range people {
		password, err := door.AddPassword(t.Context(), "operator", address(b.Address), "poste")
		must(err)
		a, err := door.Login(t.Context(), hub.Attempt{Login: b.Address, Protocol: "smtp", Remote: netip.MustParseAddr("127.0.0.1")}, password)
		must(err)
		a.Scopes = "user/*.cruds"
		h.who[name] = a
	}
	h.Server = newServer(t, door, func(c *Config) {
		c.Now = func() time.Time { return h.clock }
		c.Authenticate = func(r *http.Request) (hub.Actor, error) {
			a, ok := h.who[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
			if !ok {
				return a, fault.Unauthenticated
			}
			return a, nil
		}
	})
	return h
}

// ask sends a request and decodes the answer, whatever it is.
func (h *house) ask(who, method, target, body string) (status int, text string) {
	h.t.Helper()
	h.clock = h.clock.Add(time.Second)
	r := httptest.NewRequest(method, "https://dmp.test/fhir/"+target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+who)
	r.Header.Set("Content-Type", fhir.MediaType)
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/json-patch+json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if strings.HasPrefix(w.Header().Get("Content-Type"), fhir.MediaType) {
		emitted(h.t, method+" "+target, w.Body.Bytes())
	}
	return w.Code, w.Body.String()
}

// find returns the ids of what a search finds.
func (h *house) find(who, target string) (ids []string) {
	h.t.Helper()
	status, text := h.ask(who, http.MethodGet, target, "")
	var f found
	if err := json.Unmarshal([]byte(text), &f); err != nil || status != http.StatusOK {
		h.t.Fatalf("%s %s: %d %s", who, target, status, text)
	}
	for _, e := range f.Entry {
		ids = append(ids, e.Resource.ID)
	}
	return ids
}

func (h *house) expect(want int, who, method, target, body string) string {
	h.t.Helper()
	status, text := h.ask(who, method, target, body)
	if status != want {
		h.t.Fatalf("%s %s %s: %d, want %d: %s", who, method, target, status, want, text)
	}
	return text
}

// lot writes a submission of one document.
func lot(id, replaces, content string) string {
	relates := ""
	if replaces != "" {
		relates = `"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/` + replaces + `"}}],`
	}
	return `{"resourceType":"Bundle","type":"transaction","entry":[
	{"fullUrl":"urn:uuid:1","request":{"method":"POST","url":"List"},"resource":{"resourceType":"List","status":"current","mode":"working","title":"Lot",
	 "identifier":[{"value":"urn:oid:1.2.250.1.999.` + id + `.0"}],"code":{"coding":[{"code":"submissionset"}]}}},
	{"fullUrl":"urn:uuid:2","request":{"method":"POST","url":"DocumentReference"},"resource":{"resourceType":"DocumentReference","status":"current",` + relates + `
	 "masterIdentifier":{"system":"urn:ietf:rfc:3986","value":"urn:oid:1.2.250.1.999.` + id + `"},"type":{"coding":[{"system":"http://loinc.org","code":"11488-4"}]},
	 "subject":{"reference":"Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|` + anna.Canonical() + `"},
	 "content":[{"attachment":{"contentType":"text/plain","url":"urn:uuid:3","title":"Consultation"}}]}},
	{"fullUrl":"urn:uuid:3","request":{"method":"POST","url":"Binary"},"resource":{"resourceType":"Binary","contentType":"text/plain","data":"` + base64.StdEncoding.EncodeToString([]byte(content)) + `"}}]}`
}

const parameters = `{"resourceType":"Parameters","parameter":[{"name":"%s","valueString":"%s"}]}`

// A professional reads a record exactly as far as law and patient allow, and
// the patient sees that it happened.
func TestARecordThroughTheAPI(t *testing.T) {
	h := newHouse(t)
	ins := "patient.identifier=urn:oid:1.2.250.1.213.1.4.8|" + anna.Canonical()
	record := h.find("gp", "Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|"+anna.Canonical())[0]
	if text := h.expect(200, "gp", "GET", "Patient/"+record, ""); strings.Contains(text, "TOURNESOL") {
		t.Error("who may not consult the record is told whose it is")
	}
	h.expect(200, "gp", "POST", "", lot("1", "", "Bonjour, tout va bien.")) // filing needs no consent
	if ids := h.find("other", "DocumentReference?"+ins); len(ids) != 0 {
		t.Fatalf("without consent %v are seen", ids)
	}
	h.expect(200, "other", "POST", "Patient/"+record+"/$declare-care", fmt.Sprintf(parameters, "link", "care-team"))
	ids := h.find("other", "DocumentReference?"+ins+"&status=current&type=http://loinc.org|11488-4")
	if len(ids) != 1 {
		t.Fatalf("the care team sees %v", ids)
	}
	if text := h.expect(200, "other", "GET", "Binary/"+ids[0], ""); text != "Bonjour, tout va bien." {
		t.Errorf("the document is %q", text)
	}
	h.expect(404, "optic", "GET", "Binary/"+ids[0], "")

	// A newer version: only its author may.
	if status, _ := h.ask("other", "POST", "", lot("2", ids[0], "Faux.")); status != http.StatusForbidden {
		t.Errorf("somebody else replaces it: %d", status)
	}
	h.expect(200, "gp", "POST", "", lot("2", ids[0], "Bonjour, corrigé."))
	if old := h.find("other", "DocumentReference?"+ins+"&status=superseded"); len(old) > 1 || len(old) == 1 && old[0] != ids[0] {
		t.Errorf("superseded are %v", old)
	}
	newest := h.find("other", "DocumentReference?"+ins+"&status=current")[0]

	// The patient masks it; nobody but its author sees it any more.
	h.expect(200, "anna", "PATCH", "DocumentReference?identifier=urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.2", `[{"op":"replace","path":"/securityLabel/0","value":`+masqued("MASQUE_PS")+`}]`)
	h.expect(404, "other", "GET", "DocumentReference/"+newest, "")
	h.expect(200, "gp", "GET", "DocumentReference/"+newest, "")
	if text := h.expect(200, "anna", "GET", "DocumentReference/"+newest+"/$who-can-see", ""); !strings.Contains(text, "document/owner-reads") || !strings.Contains(text, "Hoda ADAM") {
		t.Errorf("who can see: %s", text)
	}
	h.expect(405, "anna", "PATCH", "DocumentReference/"+newest, `[{"op":"replace","path":"/type","value":"x"}]`)

	// The emergency, and the patient's word on it.
	h.expect(403, "reader", "POST", "Patient/"+record+"/$break-glass", fmt.Sprintf(parameters, "reason", "vite"))
	h.expect(200, "reader", "POST", "Patient/"+record+"/$break-glass", fmt.Sprintf(parameters, "reason", "inconsciente, antécédents inconnus"))
	h.expect(200, "anna", "PUT", "Consent/"+record+".c-BTG", `{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"provision":{"type":"deny"}}`)
	h.expect(404, "reader", "GET", "DocumentReference/"+newest, "")

	// The patient sees that it happened, and shuts somebody out.
	if seen := h.find("anna", "AuditEvent?agent-name=Dr%20Hoda&action=R&entity=DocumentReference/"+ids[0]); len(seen) == 0 {
		t.Error("the trail tells nothing of who read the document")
	}
	if seen := h.find("anna", "AuditEvent?purpose=ETREAT"); len(seen) == 0 {
		t.Error("the trail tells nothing of the emergency")
	}
	h.expect(403, "gp", "GET", "AuditEvent?patient="+record, "")
	h.expect(201, "anna", "POST", "Consent", `{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"provision":{"type":"deny","actor":[
		{"role":{"text":"x"},"reference":{"identifier":{"value":"hoda.adam@hopital.test"}}}]}}`)
	if ids := h.find("other", "DocumentReference?"+ins); len(ids) != 0 {
		t.Errorf("somebody who is blocked sees %v", ids)
	}
	if lists := h.find("anna", "List?code=submissionset"); len(lists) != 2 {
		t.Errorf("lots are %v", lists)
	}
}

// BenchmarkRealListOf500 lists 500 documents of a real hub in memory.
func BenchmarkRealListOf500(b *testing.B) {
	h := newHouse(b)
	for i := range 500 {
		h.expect(200, "gp", "POST", "", lot(fmt.Sprint(100+i), "", fmt.Sprint("Bonjour ", i)))
	}
	record := h.find("gp", "Patient?identifier="+anna.Canonical())[0]
	h.expect(200, "gp", "POST", "Patient/"+record+"/$declare-care", fmt.Sprintf(parameters, "link", "care-team"))
	b.ResetTimer()
	for b.Loop() {
		h.clock = h.clock.Add(time.Second)
		r := httptest.NewRequest(http.MethodGet, "https://dmp.test/fhir/DocumentReference?patient="+record+"&_count=1000", nil)
		r.Header.Set("Authorization", "Bearer gp")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); strings.Count(w.Body.String(), `"mode":"match"`) != 500 {
			b.Fatal(w.Code)
		}
	}
}

// BenchmarkRealOpen300KB opens one document of 300 kB of a real hub in memory.
func BenchmarkRealOpen300KB(b *testing.B) {
	h := newHouse(b)
	h.expect(200, "gp", "POST", "", lot("1", "", strings.Repeat("Bonjour, tout va bien. ", 13_000)))
	record := h.find("gp", "Patient?identifier="+anna.Canonical())[0]
	h.expect(200, "gp", "POST", "Patient/"+record+"/$declare-care", fmt.Sprintf(parameters, "link", "care-team"))
	id := h.find("gp", "DocumentReference?patient="+record)[0]
	b.ResetTimer()
	for b.Loop() {
		h.clock = h.clock.Add(time.Second)
		r := httptest.NewRequest(http.MethodGet, "https://dmp.test/fhir/Binary/"+id, nil)
		r.Header.Set("Authorization", "Bearer gp")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Body.Len() < 299_000 {
			b.Fatal(w.Code)
		}
	}
}
