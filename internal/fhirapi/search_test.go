package fhirapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/vault"
)

// get asks a server as somebody, and decodes what it answers.
func get(t testing.TB, s http.Handler, who, target string, into any) int {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Authorization", "Bearer "+who)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	emitted(t, target, w.Body.Bytes())
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v", target, err)
		}
	}
	return w.Code
}

type found struct {
	Total int
	Link  []fhir.BundleLink
	Entry []struct{ Resource struct{ ID string } }
}

func (f found) next() string {
	for _, l := range f.Link {
		if l.Relation == "next" {
			return l.URL
		}
	}
	return ""
}

// numbers are the documents found, by the number the fake gave them.
func (f found) numbers() string {
	var ns []string
	for _, e := range f.Entry {
		_, doc, _ := strings.Cut(e.Resource.ID, ".doc0")
		ns = append(ns, doc[:1])
	}
	return strings.Join(ns, " ")
}

func TestEverySearchParameterFinds(t *testing.T) {
	s := newServer(t, newFake())
	for _, tt := range []struct{ query, want string }{
		{"", "4 3 2 1"},
		{"status=current", "4 3 2 1"},
		{"status=superseded", ""},
		{"status:not=current", ""},
		{"type=11488-4", "1"},
		{"type=http://loinc.org|11488-4", "1"},
		{"type=urn:oid:2.16.840.1.113883.6.1|11488-4", "1"},
		{"type=http://snomed.info/sct|11488-4", ""},
		{"type=11488-4,78513-9", "2 1"},
		{"type=http://loinc.org|", "3 2 1"},
		{"type=urn:oid:1.2.250.1.213.1.1.4.12|EXPPAT_2", "4"},
		{"category=10", "3 2 1"},
		{"category=https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument|90", "4"},
		{"facility=SA07", "1"},
		{"facility:missing=true", "4 3 2"},
		{"setting=https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice|AMBULATOIRE", "1"},
		{"event=DEQP003", "1"},
		{"format=urn:ihe:lab:xd-lab:2008", "3"},
		{"format=urn:ihe:iti:xds:2017:mimeTypeSufficient", "4 2 1"},
		{"contenttype=application/pdf", "2"},
		{"security-label=MASQUE_PS", "3"},
		{"security-label=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N", "4 3 2 1"},
		{"security-label:not=MASQUE_PS", "4 2 1"},
		{"PDSm_isArchived=true", "4"},
		{"PDSm_isArchived=false", "3 2 1"},
		{"identifier=urn:oid:1.2.250.1.999.1|2026-1", "1"},
		{"identifier=urn:ietf:rfc:3986|urn:uuid:0b2f3c1e-0000-4000-8000-00000000000a", "2"},
		{"identifier=http://labo.test|17", "3"},
		{"identifier=2026-1", "1"},
		{"identifier=|2026-1", ""},
		{"relatesto:identifier=urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.9.9", "3"},
		{"related:identifier=urn:ietf:rfc:3986|urn:oid:1.2.250.1.999.9.9", "3"},
		{"author.identifier=899900000001", "3 1"},
		{"author:identifier=urn:oid:1.2.250.1.71.4.2.2|1750000001", "3 1"},
		{"author=Patient/" + store26("anna"), "4"},
		{"author=PractitionerRole/1", ""},
		{"description=contrôle", "1"},
		{"description=CONTROLE", "1"},
		{"description:contains=annuel", "1"},
		{"description:exact=contrôle annuel", ""},
		{"title=mes%20allergies", "4"},
		{"_id=" + store26("anna") + "." + store26("doc02"), "2"},
		{"date=2026-10", "4"},
		{"date=ge2026-09-21", "4 3"},
		{"date=ge2026-08&date=lt2026-10", "3 2"},
		{"date=2026-10-21T12:00:00Z", "4"},
		{"date=ne2026-10-21", "3 2 1"},
		{"_lastUpdated=gt2026-10", ""},
		{"creation=le2026-03-31", "1"},
		{"period=2026-03-03", "1"},
		{"period=sa2026-03-03", "4 3 2"},
		{"period=eb2026-03-04", "1"},
		{"period=gt2026-03-03", "4 3 2"},
		{"period=lt2026-03-03", ""},
		{"PDSm_DocumentReference_period-start=eq2026-03-03T12:00:00Z", "1"},
		{"PDSm_DocumentReference_period-end=ap2026-03", "1"},
		{"_sort=date", "1 2 3 4"},
		{"_sort=-type,title", "3 1 4 2"}, // one cannot sort by type: passed over, as is what is not known
		{"_sort=title", "3 1 4 2"},
		{"type=78513-9&category=90", ""},
		{`description=Contrôle\, annuel`, ""},
		{"colour=red", "4 3 2 1"},
		{"_format=json&_pretty=true", "4 3 2 1"},
	} {
		var f found
		target := "/fhir/DocumentReference?patient=" + store26("anna") + "&" + strings.ReplaceAll(strings.ReplaceAll(tt.query, " ", "%20"), "+", "%2B")
		if code := get(t, s, "gp", target, &f); code != http.StatusOK || f.numbers() != tt.want || f.Total != len(f.Entry) {
			t.Errorf("%s: %d, %q of %d, want %q", tt.query, code, f.numbers(), f.Total, tt.want)
		}
	}
}

func TestWhatCannotBeSearchedIsTold(t *testing.T) {
	s := newServer(t, newFake())
	for _, query := range []string{"date=yesterday", "date=2026-13", "date=xx2026", "type:exact=1", "date:exact=2026", "description:not=x", "author:Basket=1", "_count=many", "_count=-1",
		"type=" + strings.Repeat("a,", 300), "%zz", strings.Repeat("type=1&", 60)} {
		if code := get(t, s, "gp", "/fhir/DocumentReference?patient="+store26("anna")+"&"+query, nil); code != http.StatusBadRequest {
			t.Errorf("%.40s: %d", query, code)
		}
	}
}

// Pages are cut after what was seen last, so that what arrives in between moves
// nothing.
func TestPagesDoNotMove(t *testing.T) {
	f := newFake()
	s := newServer(t, f)
	var all []string
	target := "https://dmp.test/fhir/DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.8%7C" + anna.Canonical() + "&_count=1&type:not=EXPPAT_2"
	for range 10 {
		var p found
		if code := get(t, s, "gp", target, &p); code != http.StatusOK {
			t.Fatalf("%s: %d", target, code)
		}
		all = append(all, p.numbers())
		if strings.Contains(fmt.Sprint(p.Link), anna.Canonical()) {
			t.Fatalf("a link tells the matricule: %v", p.Link)
		}
		if target = p.next(); target == "" {
			break
		}
		if len(all) == 1 { // newer than what was seen: not among what follows
			f.add(f.patients[0], vault.Entry{TypeCode: "11488-4", MediaType: "text/plain", Filed: noon}, 0, "x")
		}
	}
	if got := strings.Join(all, " "); got != "3 2 1" {
		t.Errorf("pages show %q", got)
	}
}

func TestTheTrailIsReadPageByPage(t *testing.T) {
	s := newServer(t, newFake())
	for count, want := range map[int]int{1: 5, 2: 3, 3: 2, 10: 1} {
		var ids []string
		pages := 0
		for target := fmt.Sprint("/fhir/AuditEvent?_count=", count); target != ""; pages++ {
			var f found
			get(t, s, "anna", target, &f)
			for _, e := range f.Entry {
				ids = append(ids, e.Resource.ID[27:])
			}
			target = f.next()
		}
		if got := strings.Join(ids, " "); got != "5 4 3 2 1" || pages != want {
			t.Errorf("by %d: %q in %d pages, want %d", count, got, pages, want)
		}
	}
}

func TestACursorIsOfUseToNobodyElse(t *testing.T) {
	s := newServer(t, newFake())
	var p found
	get(t, s, "gp", "/fhir/DocumentReference?_count=1&patient="+store26("anna"), &p)
	if code := get(t, s, "optic", p.next(), nil); code != http.StatusNotFound {
		t.Errorf("somebody else gets %d", code)
	}
	if code := get(t, s, "gp", strings.Replace(p.next(), "DocumentReference", "List", 1), nil); code != http.StatusNotFound {
		t.Errorf("another type gives %d", code)
	}
	cut := p.next()
	if code := get(t, s, "gp", cut[:len(cut)-3], nil); code != http.StatusBadRequest {
		t.Errorf("one that was cut gives %d", code)
	}
}

func TestLogsAndCountersTellNoPatient(t *testing.T) {
	var logs bytes.Buffer
	var counted []string
	f := newFake()
	s := newServer(t, f, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Observe = func(what string, status int) { counted = append(counted, fmt.Sprint(what, " ", status)) }
	})
	for _, target := range []string{
		"/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8%7C" + anna.Canonical(), "/fhir/DocumentReference?patient=" + store26("nobody"),
		"/fhir/Patient/" + anna.Canonical(), "/fhir/DocumentReference?patient=" + store26("anna") + "&date=" + anna.Canonical(),
		"/fhir/" + anna.Canonical() + "/1",
	} {
		get(t, s, "gp", target, nil)
	}
	told := logs.String() + strings.Join(counted, "\n")
	for _, word := range []string{anna.Canonical(), "TOURNESOL", "anna00", "Consultation"} {
		if strings.Contains(told, word) {
			t.Errorf("%q is told:\n%s", word, told)
		}
	}
	if want := "Patient/search-type 200"; len(counted) != 5 || counted[0] != want {
		t.Errorf("counted %v", counted)
	}
}

func TestAMistakeOfOursIsAnAnswer(t *testing.T) {
	s := newServer(t, struct{ Hub }{}) // every method of it panics
	if code := get(t, s, "gp", "/fhir/Patient/"+store26("anna"), nil); code != http.StatusInternalServerError {
		t.Errorf("%d", code)
	}
}

func TestDatesCoverWhatTheySay(t *testing.T) {
	for in, want := range map[string]string{
		"2026":                      "2025-12-31T23:00:00Z 2026-12-31T23:00:00Z",
		"2026-07":                   "2026-06-30T22:00:00Z 2026-07-31T22:00:00Z",
		"2026-07-14":                "2026-07-13T22:00:00Z 2026-07-14T22:00:00Z",
		"2026-07-14T10:00":          "2026-07-14T08:00:00Z 2026-07-14T08:01:00Z",
		"2026-07-14T10:00:00Z":      "2026-07-14T10:00:00Z 2026-07-14T10:00:01Z",
		"2026-07-14T10:00:00+02:00": "2026-07-14T08:00:00Z 2026-07-14T08:00:01Z",
		"2026-7-14":                 "",
		"":                          "",
	} {
		v, ok := spanOf(in)
		got := ""
		if ok {
			got = v.from.UTC().Format(time.RFC3339) + " " + v.to.UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q covers %q, want %q", in, got, want)
		}
	}
}

func FuzzSearch(f *testing.F) {
	f.Add("type=http://loinc.org|1,2\\,3&date=ge2026-01-01&_sort=-date&_count=3")
	f.Add("identifier:not=a|b&description:contains=é&period:missing=true&_summary=count")
	fk := newFake()
	s := newServer(f, fk)
	search := documentSearcher(s)
	f.Fuzz(func(t *testing.T, raw string) {
		params, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q, err := search.read(params)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		page, total, more := q.run(fk.docs)
		if len(page) > q.count || len(page) > total || total > len(fk.docs) || more && len(page) == 0 {
			t.Errorf("%d of %d, more %v", len(page), total, more)
		}
		if again, err := search.read(q.params); err != nil || len(again.tests) != len(q.tests) {
			t.Errorf("what was understood is not understood again: %v", err)
		}
	})
}

func documentSearcher(s *Server) searcher[hub.DocumentView] {
	return searcher[hub.DocumentView]{criteria: documentCriteria(s), id: documents.id, known: documents.known, page: 500, byDefault: "-date"}
}

func BenchmarkListOf500Documents(b *testing.B) {
	f := newFake()
	first := slices.Clone(f.docs)
	for i := range 496 {
		d := first[i%len(first)]
		d.ID = store26("anna") + "." + store26(fmt.Sprintf("more%03d", i))
		d.Entry.Filed = d.Entry.Filed.Add(time.Duration(i) * time.Minute)
		f.docs = append(f.docs, d)
	}
	s := newServer(b, f)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/fhir/DocumentReference?patient="+store26("anna")+"&status=current&_count=1000", nil)
		r.Header.Set("Authorization", "Bearer gp")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.Len() < 500_000 {
			b.Fatal(w.Code, w.Body.Len())
		}
	}
}

// post sends a resource as the general practitioner, and returns the status.
func post(t testing.TB, s http.Handler, target, body string) int {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer gp")
	r.Header.Set("Content-Type", fhir.MediaType)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	emitted(t, target, w.Body.Bytes())
	return w.Code
}

// A body that has no room waits until there is some, or the time is over.
func TestBodiesWaitForRoom(t *testing.T) {
	s := newServer(t, newFake(), func(c *Config) { c.Limits.Body.Bytes, c.Limits.Bodies, c.Limits.Time = 1000, 1000, 20*time.Millisecond })
	body := `{"resourceType":"Bundle","type":"batch"}`
	held, err := s.bodies.take(t.Context(), "somebody else", 980)
	if err != nil {
		t.Fatal("there is no room at first")
	}
	if got := post(t, s, "/fhir", body); got != http.StatusServiceUnavailable {
		t.Errorf("without room: %d", got)
	}
	held.release()
	for range 50 {
		if got := post(t, s, "/fhir", body); got != http.StatusOK {
			t.Fatalf("with room: %d", got)
		}
	}
}

// Whoever sends slowly, and as much as they can at a time, keeps nobody else
// from sending; and what trickles in ends with its time.
func TestASlowSenderKeepsOnlyThemselvesWaiting(t *testing.T) {
	s := newServer(t, newFake(), func(c *Config) { c.Limits.Body.Bytes, c.Limits.Time = 1000, 300*time.Millisecond })
	server := httptest.NewServer(s)
	defer server.Close()
	send := func(who string, body io.Reader) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/fhir", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+who)
		r.Header.Set("Content-Type", fhir.MediaType)
		resp, err := server.Client().Do(r)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	var slow sync.WaitGroup
	begin := time.Now()
	for range 8 { // twice what there is room for
		body, feed := io.Pipe()
		defer feed.Close()
		slow.Go(func() { send("optic", body) })
	}
	for held := false; !held; time.Sleep(time.Millisecond) {
		s.bodies.mu.Lock()
		held = s.bodies.shares["optic"] != nil && s.bodies.shares["optic"].users == 8
		s.bodies.mu.Unlock()
	}
	if got := send("gp", strings.NewReader(`{"resourceType":"Bundle","type":"batch"}`)); got != http.StatusOK {
		t.Errorf("somebody else is answered %d", got)
	}
	if took := time.Since(begin); took > 250*time.Millisecond {
		t.Errorf("somebody else waits %v", took)
	}
	slow.Wait() // nobody ends them but the server
	if len(s.bodies.shares) != 0 {
		t.Errorf("%d shares are left", len(s.bodies.shares))
	}
}

// What one search may compare is bounded, in however many parameters it comes.
func TestASearchNamesSoManyValuesAndNoMore(t *testing.T) {
	s := newServer(t, newFake())
	q := func(parameters, values int) string {
		one := "title:contains=" + strings.Repeat("x,", values-1) + "e"
		return "/fhir/DocumentReference/_search?patient=" + store26("anna") + strings.Repeat("&"+one, parameters)
	}
	for _, c := range []struct{ parameters, values, status int }{
		{1, 200, http.StatusOK}, {20, 10, http.StatusOK}, {48, 1, http.StatusOK},
		{1, 201, http.StatusBadRequest}, {2, 150, http.StatusBadRequest}, {48, 200, http.StatusBadRequest},
	} {
		r := httptest.NewRequest(http.MethodPost, q(c.parameters, c.values), nil)
		r.Header.Set("Authorization", "Bearer gp")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%d parameters of %d values: %d, want %d: %s", c.parameters, c.values, w.Code, c.status, w.Body)
		}
	}
}

func TestABatchEndsWithItsTime(t *testing.T) {
	s := newServer(t, newFake())
	ctx, cancel := context.WithCancel(t.Context())
	c := &call{Server: s, ctx: ctx, actor: gp}
	b := sentBundle{Type: "batch", Entry: []sentEntry{{Request: &fhir.BundleRequest{Method: "GET", URL: "Patient/" + store26("anna")}}}}
	if _, err := c.batch(b); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := c.batch(b); fault.Of(err) != fault.Unavailable {
		t.Errorf("a batch out of time: %v", err)
	}
}

// Whoever reads slowly, and as much as they can at a time, keeps nobody else
// from reading, and does not fill the memory.
func TestASlowReaderKeepsOnlyThemselvesWaiting(t *testing.T) {
	f := newFake()
	id := f.docs[0].ID
	f.bytes[id] = bytes.Repeat([]byte("x"), 1000)
	s := newServer(t, f, func(c *Config) { c.Limits.Body.Bytes, c.Limits.Time = 1000, 100*time.Millisecond })
	open := func(a hub.Actor) (answer, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		c := &call{Server: s, ctx: ctx, actor: a, method: http.MethodGet, id: id}
		return c.readBinary()
	}
	var sent []answer
	for n := range 3 {
		a, err := open(gp)
		if ok := n < 2; ok != (err == nil) || !ok && fault.Of(err) != fault.Unavailable {
			t.Fatalf("document %d: %v", n, err)
		}
		sent = append(sent, a)
	}
	a, err := open(herself)
	if err != nil {
		t.Errorf("somebody else: %v", err)
	}
	for _, a := range append(sent, a) {
		a.release()
	}
	if len(s.contents.shares) != 0 {
		t.Errorf("%d shares are left", len(s.contents.shares))
	}
	entry := sentEntry{Request: &fhir.BundleRequest{Method: "GET", URL: "Binary/" + id}}
	all := gp
	all.Scopes = "user/*.cruds"
	c := &call{Server: s, ctx: t.Context(), actor: all}
	whole, err := c.batch(sentBundle{Entry: []sentEntry{entry, entry, entry}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range whole.resource.(fhir.Bundle).Entry {
		got = append(got, e.Response.Status)
	}
	if !slices.Equal(got, []string{"200", "413", "413"}) {
		t.Errorf("a batch of documents gives %v", got)
	}
	whole.release()
	if len(s.contents.shares) != 0 {
		t.Errorf("after a batch %d shares are left", len(s.contents.shares))
	}
}

// An answer may take longer to be sent than a request may last: the connection
// is good afterwards.
func TestAConnectionOutlivesALongAnswer(t *testing.T) {
	f := newFake()
	id := f.docs[0].ID
	const size = 32 << 20 // more than the buffers of a connection hold
	f.docs[0].Entry.Size, f.bytes[id] = size, make([]byte, size)
	s := newServer(t, f, func(c *Config) { c.Limits.Body.Bytes, c.Limits.Time = size, 300*time.Millisecond })
	server := httptest.NewServer(s)
	defer server.Close()
	get := func(path string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/fhir/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer gp")
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	resp := get("Binary/" + id)
	time.Sleep(500 * time.Millisecond)
	n, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if n != size || err != nil {
		t.Fatalf("%d bytes came, %v", n, err)
	}
	resp = get("DocumentReference?patient=" + store26("anna"))
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("then: %d", resp.StatusCode)
	}
}
