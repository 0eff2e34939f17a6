package hub

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// newHistory is a ward in which alice's record was filled, read, refused and
// opened in an emergency.
func newHistory(t *testing.T) (w *ward, shown, hidden string) {
	w = newWard(t)
	shown, hidden = w.file(alice, consultation, 0), w.file(alice, psychiatry, vault.HiddenFromPatient)
	w.must(w.Declare(t.Context(), w.login(thomas), w.record, InCareTeam))
	w.now = w.now.Add(time.Hour)
	for _, id := range []string{shown, hidden} {
		_, _, err := w.OpenDocument(t.Context(), w.login(thomas), id)
		w.must(err)
	}
	w.now = w.now.Add(time.Hour)
	if _, err := w.Documents(t.Context(), w.login(martin), w.record); fault.Of(err) != fault.NotFound {
		t.Fatalf("without consent: %v", err)
	}
	_, err := w.BreakGlass(t.Context(), w.login(petit), w.record, policy.BrokenGlass, "Patient inconscient")
	w.must(err)
	w.now = w.now.Add(time.Hour)
	return w, shown, hidden
}

// history reads all pages.
func (w *ward) history(a Actor, q HistoryQuery) (list []audit.Line) {
	w.t.Helper()
	for pages := 0; ; pages++ {
		p, err := w.History(w.t.Context(), a, w.record, q)
		w.must(err)
		list = append(list, p.Lines...)
		if q.Before = p.Next; q.Before == "" {
			return list
		}
		if pages > 1000 {
			w.t.Fatal("the pages do not end")
		}
	}
}

// line returns the first line of an act by somebody.
func line(t *testing.T, list []audit.Line, actor, act string) audit.Line {
	t.Helper()
	for _, l := range list {
		if l.Actor == actor && l.Act == act {
			return l
		}
	}
	t.Fatalf("no line says that %s did %s", actor, act)
	return audit.Line{}
}

func TestThePatientReadsWhoDidWhatAndWhy(t *testing.T) {
	w, shown, hidden := newHistory(t)
	list := w.history(w.login(alice), HistoryQuery{})
	for i, l := range list {
		if i > 0 && (l.Number >= list[i-1].Number || l.Time.After(list[i-1].Time)) {
			t.Errorf("line %d is newer than the one before", l.Number)
		}
	}
	read := map[string]audit.Line{}
	for _, l := range list {
		if l.Act == "read-document" {
			read[w.record+"."+l.Object] = l
		}
	}
	l := read[shown]
	if l.Kind != audit.Professional || l.Group != audit.MedicalDocument || l.RPPS != thomasRPPS || l.Title != consultation ||
		!strings.HasPrefix(l.FR, "Le 21 novembre 2026 à 10 h 00 : Dr Éric THOMAS, profession : médecin, ") ||
		!strings.HasSuffix(l.FR, " a lu un document. "+policy.Explain("access/care-team").FR) ||
		!strings.HasSuffix(l.EN, " read a document. "+policy.Explain("access/care-team").EN) {
		t.Errorf("the reading is %+v", l)
	}
	if l, ok := read[w.record+"."]; !ok || l.Title != "" || l.Actor != thomas {
		t.Errorf("of what waits for its announcement, the reading is %+v", l)
	}
	if _, ok := read[hidden]; ok {
		t.Error("what waits for its announcement is named")
	}
	glass := line(t, list, petit, "break-glass")
	if !glass.Emergency || glass.Reason != "Patient inconscient" || !strings.Contains(glass.FR, "Motif : « Patient inconscient ».") {
		t.Errorf("the emergency is %+v", glass)
	}
	refused := line(t, list, martin, "list-documents")
	if !refused.Refused || refused.ActorName != "Sylvie MARTIN" || refused.Means != "" || refused.Session != "" || refused.Object != "" {
		t.Errorf("the refusal is %+v", refused)
	}
	if e := line(t, list, "operator", "enrol"); e.Kind != audit.Enrolment {
		t.Errorf("the enrolment is %+v", e)
	}
	w.verifies()
}

func TestAHistoryGivesNoDocumentAwayBeforeItsAnnouncement(t *testing.T) {
	w := newWard(t)
	ctx, a := t.Context(), w.login(alice)
	secret := note(psychiatry)
	secret.Flags = vault.HiddenFromPatient
	filed, err := w.add(thomas, secret)
	w.must(err)
	_, own := documentPart(filed[0].ID)
	if _, err := w.Document(ctx, a, filed[0].ID); fault.Of(err) != fault.NotFound {
		t.Fatalf("the patient reads it: %v", err)
	}
	if _, err := w.ChangeDocument(ctx, a, filed[0].ID, DocumentChange{Masked: yes()}); fault.Of(err) != fault.NotFound {
		t.Fatalf("the patient masks it: %v", err)
	}
	lines := func() (all string, read audit.Line) {
		list := w.history(a, HistoryQuery{})
		raw, err := json.Marshal(list)
		w.must(err)
		var b bytes.Buffer
		w.must(w.ExportHistory(ctx, a, w.record, HistoryQuery{}, audit.CSV, &b))
		return string(raw) + b.String(), line(t, list, a.Address.Canonical(), "read-document")
	}
	all, read := lines()
	for _, word := range []string{own, "hidden-from", "annonc", "announce"} {
		if strings.Contains(all, word) {
			t.Errorf("the history says %q", word)
		}
	}
	if got := w.history(a, HistoryQuery{Document: own}); len(got) != 0 {
		t.Errorf("whoever has its ID is told %+v", got)
	}
	if !read.Refused || !strings.HasSuffix(read.FR, notAvailable.FR) || !strings.HasSuffix(read.EN, notAvailable.EN) {
		t.Errorf("the attempt is told as %+v", read)
	}
	no := false
	_, err = w.ChangeDocument(ctx, w.login(thomas), filed[0].ID, DocumentChange{HiddenFromPatient: &no})
	w.must(err)
	if got := w.history(a, HistoryQuery{Document: own}); len(got) < 3 {
		t.Errorf("after the announcement its lines are %+v", got)
	}
	if all, read = lines(); !strings.Contains(all, own) || read.Object != own || read.Rule != "document/hidden-from-patient" || read.Title == "" {
		t.Errorf("after the announcement the attempt is told as %+v", read)
	}
}

func TestAHistorySaysWhyADocumentWasNotTaken(t *testing.T) {
	for rule, why := range whyRefused {
		if policy.Explain(rule) != policy.Explain(policy.DefaultDeny) {
			t.Errorf("%s has words of policy already", rule)
		}
		l := explained(audit.LineOf(1, audit.Entry{Act: "file-document", Rule: rule, Refused: true}))
		if !strings.HasSuffix(l.FR, " : cela lui a été refusé. "+why.FR) || !strings.HasSuffix(l.EN, ", which was refused. "+why.EN) {
			t.Errorf("%s is told as %q, %q", rule, l.FR, l.EN)
		}
	}
}

func TestAHistoryIsFilteredAndPaged(t *testing.T) {
	w, _, _ := newHistory(t)
	a := w.login(alice)
	all := w.history(a, HistoryQuery{})
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		q    HistoryQuery
		want func(audit.Line) bool
	}{
		"an hour":         {HistoryQuery{From: start.Add(time.Hour), To: start.Add(2 * time.Hour)}, func(l audit.Line) bool { return l.Time.Hour() == 10 }},
		"from an hour on": {HistoryQuery{From: start.Add(2 * time.Hour)}, func(l audit.Line) bool { return l.Time.Hour() >= 11 }},
		"professionals":   {HistoryQuery{Kind: audit.Professional}, func(l audit.Line) bool { return l.Kind == audit.Professional }},
		"documents":       {HistoryQuery{Group: audit.MedicalDocument}, func(l audit.Line) bool { return l.Group == audit.MedicalDocument }},
		"emergencies":     {HistoryQuery{Emergency: true}, func(l audit.Line) bool { return l.Emergency }},
		"nobody":          {HistoryQuery{Kind: audit.ThirdParty}, func(audit.Line) bool { return false }},
	} {
		want := 0
		for _, l := range all {
			if c.want(l) {
				want++
			}
		}
		for _, limit := range []int{0, 1, 3} {
			c.q.Limit = limit
			got := w.history(a, c.q)
			for _, l := range got {
				if !c.want(l) {
					t.Errorf("%s: %s is not asked for", name, l.EN)
				}
			}
			if len(got) != want {
				t.Errorf("%s, %d a page: %d lines, want %d", name, limit, len(got), want)
			}
		}
	}
	for _, cursor := range []string{"x", "-1", "0", "99999999999999999999", "1.5"} {
		if _, err := w.History(t.Context(), a, w.record, HistoryQuery{Before: cursor}); fault.Of(err) != fault.Invalid {
			t.Errorf("the cursor %q gives %v", cursor, err)
		}
	}
	p, err := w.History(t.Context(), a, "", HistoryQuery{Before: "1000000"})
	if err != nil || len(p.Lines) == 0 {
		t.Errorf("a cursor beyond the end: %d lines, %v", len(p.Lines), err)
	}
}

func TestAHistoryIsItsOwnersAlone(t *testing.T) {
	w, _, _ := newHistory(t)
	for _, who := range []string{bruno, thomas, martin, cardio} {
		a := w.login(who)
		for _, record := range []string{w.record, "", "nobody", strings.Repeat("a", 26), "hub", "../x"} {
			if who == bruno && record == "" {
				continue // his own
			}
			p, err := w.History(t.Context(), a, record, HistoryQuery{})
			if k := fault.Of(err); len(p.Lines) != 0 || k != fault.NotFound && k != fault.Denied {
				t.Errorf("%s reads %d lines of %q, %v", who, len(p.Lines), record, err)
			}
			var out bytes.Buffer
			if err := w.ExportHistory(t.Context(), a, record, HistoryQuery{}, audit.CSV, &out); err == nil || out.Len() > 0 {
				t.Errorf("%s exports %d bytes of %q, %v", who, out.Len(), record, err)
			}
		}
	}
	l := line(t, w.history(w.login(alice), HistoryQuery{}), bruno, "read-trail")
	if !l.Refused {
		t.Errorf("bruno's attempt is %+v", l)
	}
	w.verifies()
}

func TestReadingAHistoryIsInItOnceASession(t *testing.T) {
	w, _, _ := newHistory(t)
	count := func() (n int) {
		for _, e := range w.trailOf(alice) {
			if e.Act == audit.ActReadTrail {
				n++
			}
		}
		return n
	}
	for session := 1; session <= 2; session++ {
		a := w.login(alice)
		for range 3 {
			w.history(a, HistoryQuery{Limit: 2})
		}
		if n := count(); n != session {
			t.Errorf("%d sessions left %d traces", session, n)
		}
	}
}

func TestAHistoryIsExportedWhole(t *testing.T) {
	w, _, _ := newHistory(t)
	for range exportBatch { // several batches
		w.must(w.note(t.Context(), w.part(alice), byOperator("=1+1", "why", "")))
	}
	a := w.login(alice)
	var lines, table bytes.Buffer
	w.must(w.ExportHistory(t.Context(), a, w.record, HistoryQuery{}, audit.NDJSON, &lines))
	dec, n, last := json.NewDecoder(&lines), 0, uint64(0)
	for ; dec.More(); n++ {
		var l audit.Line
		w.must(dec.Decode(&l))
		if last != 0 && l.Number != last-1 {
			t.Fatalf("line %d follows %d", l.Number, last)
		}
		last = l.Number
	}
	if last != 1 || n <= exportBatch {
		t.Errorf("%d lines, down to %d", n, last)
	}
	w.must(w.ExportHistory(t.Context(), a, "", HistoryQuery{}, audit.CSV, &table))
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != n+2 { // the names, and the export before
		t.Errorf("%d rows for %d lines, %v", len(rows), n, err)
	}
	for _, r := range rows[1:] {
		for _, cell := range r {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("a spreadsheet would reckon %q", cell)
			}
		}
	}
	if err := w.ExportHistory(t.Context(), a, "", HistoryQuery{}, "pdf", &table); fault.Of(err) != fault.Invalid {
		t.Errorf("a format that is none: %v", err)
	}
}

func TestAnExportedHistoryHasTheMatriculeOfNobodyElse(t *testing.T) {
	w := newWard(t)
	if _, err := w.Documents(t.Context(), w.login(bruno), w.record); fault.Of(err) != fault.NotFound {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w.must(w.ExportHistory(t.Context(), w.login(alice), w.record, HistoryQuery{}, audit.CSV, &b))
	if _, other, _ := strings.Cut(b.String(), "document/not-yours"); other == "" {
		t.Fatal("Bruno's attempt is not in it")
	}
	if strings.Contains(b.String(), bruno) || !strings.Contains(b.String(), alice) {
		t.Error("it tells the address of Bruno, or not that of Alice herself")
	}
}

// TestARepresentativesActsAreToldAsDoneForTheOwner lets a father read the record
// and the history of his child.
func TestARepresentativesActsAreToldAsDoneForTheOwner(t *testing.T) {
	w := newWard(t)
	m, err := ident.MakeMatricule("2102099999008")
	w.must(err)
	child, err := w.Enrol(t.Context(), "operator", Person{Matricule: m, Minor: true,
		Traits: patient.Traits{BirthName: "ESSAI", FirstNames: "Lou", BirthDate: "20100415"}})
	w.must(err)
	w.lives(child.Canonical(), patient.Activate)
	w.record = string(w.part(child.Canonical()))
	open, secret := w.file(child.Canonical(), consultation, 0), w.file(child.Canonical(), biology, vault.HiddenFromRepresentatives)
	w.must(w.atMailbox(t.Context(), child, func(t *tx) error {
		return patient.Represent(t, t.Scope, patient.Person{Part: w.part(bruno), Address: bruno, Name: "Bruno"}, t.now)
	}))
	w.must(w.Declare(t.Context(), w.login(thomas), w.record, InCareTeam))
	for _, id := range []string{open, secret} {
		_, _, err := w.OpenDocument(t.Context(), w.login(thomas), id)
		w.must(err)
	}
	if got := w.sees(bruno); got != consultation {
		t.Fatalf("the father sees %q", got)
	}
	list := w.history(w.login(bruno), HistoryQuery{})
	for _, act := range []string{"list-documents", "read-trail"} {
		if l := line(t, list, bruno, act); l.OnBehalf != "Lou ESSAI" || l.Kind != audit.Patient || !strings.Contains(l.FR, "pour Lou ESSAI, ") {
			t.Errorf("%s is told as %+v", act, l)
		}
	}
	titles := map[string]string{}
	for _, l := range list {
		if l.Act == "read-document" {
			titles[w.record+"."+l.Object] = l.Title
		}
	}
	if titles[open] != consultation || titles[secret] != "" {
		t.Errorf("the titles he sees are %v", titles)
	}
	for _, e := range w.trailOf(alice) { // who acts for nobody but herself
		if e.OnBehalf != "" {
			t.Errorf("%s is told as done for %s", e.Act, e.OnBehalf)
		}
	}
}
