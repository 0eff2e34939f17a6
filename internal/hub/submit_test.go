package hub

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// qualified writes a report as report does, of a patient whose INS is whole.
func qualified(uniqueID, matricule, name, title string) string {
	return strings.Replace(report(uniqueID, matricule, name, title), "</name></patient>",
		`</name><administrativeGenderCode code="F"/><birthTime value="1960"/></patient>`, 1)
}

// replacing says of a report that it replaces another.
func replacing(text, uniqueID string) string {
	return strings.Replace(text, "<component>",
		`<relatedDocument typeCode="RPLC"><parentDocument><id root="`+uniqueID+`"/></parentDocument></relatedDocument><component>`, 1)
}

func (w *ward) add(who string, list ...Submission) ([]DocumentView, error) {
	return w.AddDocuments(w.t.Context(), w.login(who), w.record, list)
}

func (w *ward) cda(id string) Submission {
	return Submission{Content: []byte(qualified(id, matriculeOf(alice), "ESSAI", "Radiographie "+id))}
}

func note(typeCode string) Submission {
	return Submission{Entry: vault.Entry{TypeCode: typeCode, Title: "Note " + typeCode}, Content: []byte(pdf)}
}

// documents returns the documents of a record as they are.
func (h *house) documents(whose string) (list []vault.Document) {
	h.t.Helper()
	part := h.login(whose).Part
	key, err := h.unlock(h.t.Context(), part)
	if err == nil {
		err = h.view(h.t.Context(), part, func(r store.Reader) error {
			list, err = h.Hub.documents(r, part, key)
			return err
		})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// state returns a document of alice's as it is.
func (w *ward) state(id string) vault.Document {
	w.t.Helper()
	for _, d := range w.documents(alice) {
		if _, own := documentPart(id); d.ID == own {
			return d
		}
	}
	w.t.Fatalf("there is no document %s", id)
	return vault.Document{}
}

func codeOf(err error) int {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}

func TestDocumentsAreAddedThroughTheDoor(t *testing.T) {
	w := newWard(t)
	views, err := w.add(thomas, w.cda("1.2.250.1.999.1"), note("11488-4"))
	if err != nil || len(views) != 2 {
		t.Fatalf("%d views, %v", len(views), err)
	}
	e := views[0].Entry
	for name, ok := range map[string]bool{
		"type":         e.TypeCode == "18748-4" && e.Class == "31",
		"uniqueId":     e.UniqueID == "1.2.250.1.999.1",
		"title":        e.Title == "Radiographie 1.2.250.1.999.1",
		"author":       e.Author.Name == "Éric THOMAS" && e.Author.ID == "899900000001",
		"sender":       e.Sender == thomas && e.FiledBy == string(w.part(thomas)) && e.Establishment == "750000001",
		"confidential": e.Confidentiality == "N" && e.Language == "fr-FR",
		"sums":         len(e.SHA1) == 40 && len(e.SHA256) == 64 && e.Size == int64(len(w.cda("1.2.250.1.999.1").Content)),
		"media type":   e.MediaType == "text/xml" && views[1].Entry.MediaType == "application/pdf",
		"a PDF's own":  views[1].Entry.Author.Name == "Dr Éric THOMAS" && views[1].Entry.Author.ID == "8"+thomasRPPS,
		"access":       views[0].Access.Allow && views[0].Access.Rule == "document/author-reads",
	} {
		if !ok {
			t.Errorf("%s is wrong: %+v", name, views)
		}
	}
	for i, v := range views {
		again, content, err := w.OpenDocument(t.Context(), w.login(thomas), v.ID)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w.must(content.ReadRange(&b, 0, content.Size()))
		want := [][]byte{w.cda("1.2.250.1.999.1").Content, []byte(pdf)}[i]
		if !bytes.Equal(b.Bytes(), want) || again.Entry.EntryUUID != v.Entry.EntryUUID {
			t.Errorf("document %d comes back as %d bytes, entry %+v", i, b.Len(), again.Entry)
		}
	}
	if got := w.shelves(alice); got["Imagerie"] != 1 || len(got) != 2 {
		t.Errorf("the shelves are %v", got)
	}
	w.verifies()
}

func TestWhatIsRefusedIsNotAdded(t *testing.T) {
	w := newWard(t)
	_, err := w.add(thomas, w.cda("1.2.250.1.999.1"))
	w.must(err)
	mine, his := matriculeOf(alice), matriculeOf(bruno)
	text := func(s string) Submission { return Submission{Content: []byte(s)} }
	with := func(s Submission, fn func(*Submission)) Submission { fn(&s); return s }
	for _, c := range []struct {
		name string
		who  string
		s    Submission
		code int
		rule string // or kind
	}{
		{"no INS", thomas, text(strings.Replace(qualified("1.9", mine, "ESSAI", "T"), "1.2.250.1.213.1.4.8", "1.2.3", 1)), 903, "document/no-identity"},
		{"another patient's", thomas, text(qualified("1.9", his, "ESSAI", "T")), 904, "document/wrong-patient"},
		{"another patient's, deposited by the patient", alice, text(qualified("1.9", his, "ESSAI", "T")), 904, "document/wrong-patient"},
		{"another name", thomas, text(qualified("1.9", mine, "AUTRE", "T")), 904, "document/other-traits"},
		{"a wrong key", thomas, text(qualified("1.9", mine[:13]+"00", "ESSAI", "T")), 904, "document/other-traits"},
		{"traits that lack", thomas, text(report("1.9", mine, "ESSAI", "T")), 905, "document/incomplete-traits"},
		{"a CDA that cannot be read", thomas, text(qualified("1.9", mine, "ESSAI", "T")[:400]), 906, "document/unreadable"},
		{"the same uniqueId with other bytes", thomas, text(qualified("1.2.250.1.999.1", mine, "ESSAI", "Autre")), 906, "document/other-bytes"},
		{"another uniqueId than it has", thomas, with(w.cda("1.9"), func(s *Submission) { s.Entry.UniqueID = "1.8" }), 906, "document/not-as-described"},
		{"another type than it has", thomas, with(w.cda("1.9"), func(s *Submission) { s.Entry.TypeCode = "11488-4" }), 906, "document/not-as-described"},
		{"another hash than it has", thomas, with(w.cda("1.9"), func(s *Submission) { s.Entry.SHA1 = "00" }), 906, "document/not-as-described"},
		{"masked and hidden", thomas, with(note("11488-4"), func(s *Submission) { s.Flags = vault.Masked | vault.HiddenFromPatient }), 0, "flags/masked-and-hidden"},
		{"a state nobody files", thomas, with(note("11488-4"), func(s *Submission) { s.Flags = vault.ToVerify }), 0, "hub: add documents: not valid"},
		{"nothing", thomas, Submission{}, 0, "hub: add documents: not valid"},
		{"a document without a type", thomas, Submission{Content: []byte(pdf)}, 0, "hub: add documents: type or uniqueId: not valid"},
		{"a program deposited by the patient", alice, Submission{Content: []byte("MZ\x90\x00\x03")}, 0, "document/not-a-deposit"},
		{"too large for a deposit", alice, Submission{Content: []byte(pdf + strings.Repeat("%", maxDeposit))}, 0, "document/not-a-deposit"},
		{"hidden by the patient", alice, with(note("DOCPAT03"), func(s *Submission) { s.Flags = vault.HiddenFromPatient }), 0, "flags/patient-hides-from-themselves"},
		{"by another patient", bruno, note("DOCPAT03"), 902, "document/not-yours"},
		{"replacing one that is not theirs", martin, with(note("11488-4"), func(s *Submission) { s.Replaces = "1.2.250.1.999.1" }), 901, "document/not-the-author"},
	} {
		views, err := w.add(c.who, note("11488-4"), c.s)
		if err == nil || codeOf(err) != c.code || c.rule != "" && ruleOf(err) != c.rule || len(views) != 0 {
			t.Errorf("%s: %d views, %v, code %d; want %s, %d", c.name, len(views), err, codeOf(err), c.rule, c.code)
		}
	}
	if list := w.documents(alice); len(list) != 1 {
		t.Errorf("%d documents, want the one that was taken", len(list))
	}
	for _, id := range []string{"", "x", strings.Repeat("a", 26), string(w.part(celia)), string(w.part(denis)), string(w.part(thomas)), "documents", "hub"} {
		_, err := w.AddDocuments(t.Context(), w.login(thomas), id, []Submission{note("11488-4")})
		if codeOf(err) != 902 || !errors.Is(err, fault.NotFound) || strings.Contains(fmt.Sprint(err), "FR") {
			t.Errorf("record %q: %v, want 902", id, err)
		}
	}
	w.verifies()
}

func TestADocumentIsOneHoweverOftenAndBywhateverItComes(t *testing.T) {
	w := newWard(t)
	s := w.cda("1.2.250.1.999.1")
	first, err := w.add(thomas, s)
	w.must(err)
	again, err := w.add(thomas, s)
	if err != nil || again[0].ID != first[0].ID || again[0].Entry.EntryUUID != first[0].Entry.EntryUUID {
		t.Errorf("added again it is %q, %v, want %q", again[0].ID, err, first[0].ID)
	}
	w.must(w.deliver(thomas, attach(thomas, alice, "by-mail@test", "", "cr.xml", string(s.Content)), alice))
	if got := w.shelves(alice); got["Imagerie"] != 1 {
		t.Errorf("by mail too: %v", got)
	}
	// One who may not read it learns nothing of it but what they brought.
	w.must(w.change(alice, first[0].ID, DocumentChange{Masked: yes()}))
	theirs, err := w.add(martin, s)
	if err != nil || theirs[0].Flags != 0 || theirs[0].Access.Allow || theirs[0].Entry.Sender != martin {
		t.Errorf("to one who may not read it: %+v, %v", theirs, err)
	}
	other := strings.Replace(string(s.Content), "Radiographie", "Échographie", 1)
	err = w.deliver(thomas, attach(thomas, alice, "other@test", "", "cr.xml", other), alice)
	if codeOf(err) != 906 || ruleOf(err) != "document/other-bytes" {
		t.Errorf("other bytes by mail: %v", err)
	}
	if n := len(w.read(alice, "INBOX")); n != 1 {
		t.Errorf("%d mails were filed, want 1", n)
	}
	w.verifies()
}

func yes() *bool { b := true; return &b }
func no() *bool  { return new(bool) }

func (w *ward) change(who, id string, c DocumentChange) error {
	_, err := w.ChangeDocument(w.t.Context(), w.login(who), id, c)
	return err
}

func TestADocumentIsReplacedByItsAuthorAlone(t *testing.T) {
	for _, by := range []string{"API", "mail"} {
		t.Run(by, func(t *testing.T) {
			w := newWard(t)
			first, err := w.add(thomas, w.cda("1.1"))
			w.must(err)
			replace := func(who, id, old string) error {
				text := replacing(string(w.cda(id).Content), old)
				if by == "mail" {
					return w.deliver(who, attach(who, alice, id+"@test", "", "cr.xml", text), alice)
				}
				_, err := w.add(who, Submission{Content: []byte(text)})
				return err
			}
			if err := replace(alone, "1.2", "1.1"); codeOf(err) != 901 {
				t.Errorf("by another: %v", err)
			}
			w.must(replace(adam, "1.2", "1.1")) // of the same establishment
			if err := replace(thomas, "1.3", "1.1"); codeOf(err) != 900 {
				t.Errorf("not the newest: %v", err)
			}
			w.must(replace(thomas, "1.3", "1.2"))
			w.must(replace(alone, "1.9", "1.8")) // which is nowhere
			list := w.documents(alice)[:3]
			logical, current := map[string]bool{}, 0
			for _, v := range list {
				if logical[v.Entry.LogicalID] = true; !v.Flags.Has(vault.Superseded) {
					current++
				}
			}
			if len(list) != 3 || len(logical) != 1 || current != 1 {
				t.Errorf("%d versions, %d logical ids, %d current", len(list), len(logical), current)
			}
			if v := w.state(first[0].ID); v.Flags != vault.Superseded || v.Entry.LogicalID != first[0].Entry.LogicalID {
				t.Errorf("the first is %+v", v)
			}
			if got := w.shelves(alice); got["Imagerie"] != 2 {
				t.Errorf("the shelves are %v, want the newest version and the stranger's document", got)
			}
			if n := len(w.read(alice, "INBOX")); by == "mail" && n != 3 {
				t.Errorf("%d mails, want those that were taken", n)
			}
			w.verifies()
		})
	}
}

func TestWhomADocumentIsKeptFromOutlivesAReplacement(t *testing.T) {
	w := newWard(t)
	v, err := w.add(thomas, w.cda("1.1"))
	w.must(err)
	w.must(w.change(alice, v[0].ID, DocumentChange{Masked: yes()}))
	newer, err := w.add(thomas, Submission{Content: []byte(replacing(string(w.cda("1.2").Content), "1.1"))})
	w.must(err)
	if !w.state(newer[0].ID).Flags.Has(vault.Masked) {
		t.Error("the new version of a masked document is not masked")
	}
	w.must(w.change(alice, newer[0].ID, DocumentChange{Masked: no()}))
	if w.state(v[0].ID).Flags.Has(vault.Masked) {
		t.Error("unmasked, its old version is masked still")
	}
}

func TestAPatientMayHaveNewDocumentsMasked(t *testing.T) {
	w := newWard(t)
	w.must(w.do(t.Context(), w.part(alice), func(t *tx) error {
		return patient.SetChoices(t, t.Scope, patient.Choices{MaskNewDocuments: true})
	}))
	hidden := note("11488-4")
	hidden.Flags = vault.HiddenFromPatient
	v, err := w.add(thomas, w.cda("1.1"), hidden)
	w.must(err)
	w.must(w.deliver(thomas, attach(thomas, alice, "m@test", "", "cr.pdf", pdf), alice))
	list, err := w.Documents(t.Context(), w.login(alice), w.record)
	w.must(err)
	for _, v := range list {
		if v.Flags != vault.Masked {
			t.Errorf("%s came with %b", v.Entry.Title, v.Flags)
		}
	}
	w.must(w.change(thomas, v[1].ID, DocumentChange{HiddenFromPatient: no()}))
	if f := w.state(v[1].ID).Flags; f != vault.Masked {
		t.Errorf("announced, it is %b", f)
	}
}

func TestDocumentsCountForTheQuota(t *testing.T) {
	w := newWard(t)
	w.Limits.Quota = 10_000
	big := note("11488-4")
	big.Content = []byte(pdf + strings.Repeat("%", 6000))
	_, err := w.add(thomas, big)
	w.must(err)
	if _, err = w.add(thomas, big); !errors.Is(err, fault.Quota) {
		t.Errorf("over the quota: %v", err)
	}
	if err := w.deliver(thomas, attach(thomas, alice, "q@test", "", "cr.pdf", string(big.Content)), alice); !errors.Is(err, fault.Unavailable) { // so to one who never wrote to her
		t.Errorf("a mail over what documents leave: %v", err)
	}
}

func TestARepresentativeDepositsInTheNameOfTheOwner(t *testing.T) {
	w := newWard(t)
	v, err := w.add(alice, note("DOCPAT03"), Submission{Entry: vault.Entry{FileName: "mot.txt"}, Content: []byte("Bonjour")})
	w.must(err)
	if v[0].Entry.Depositor != vault.ByPatient || v[1].Entry.TypeCode != ownDocument || v[0].Access.Rule != "document/owner-reads" {
		t.Errorf("the views are %+v", v)
	}
	if d := documentFacts(w.state(v[0].ID), w.login(adam)); !d.DepositedByPatient || d.AuthorIsActor || d.AuthorIsEstablishment {
		t.Errorf("to a professional it is %+v", d)
	}
}

func TestAddingDocumentsInterrupted(t *testing.T) {
	var record string
	interrupt(t, act{
		prepare: func(h *house) { record = string(h.login(alice).Part) },
		do: func(h *house, as map[string]Actor) error {
			text := qualified("1.2.250.1.999.7", matriculeOf(alice), "ESSAI", "T")
			_, err := h.AddDocuments(t.Context(), as[thomas], record, []Submission{
				{Content: []byte(text), Flags: vault.HiddenFromPatient},
				{Entry: vault.Entry{UniqueID: "1.2.250.1.999.8", TypeCode: "11488-4"}, Content: []byte(pdf + strings.Repeat("%", 70_000))},
			})
			return err
		},
		done: func(h *house) error {
			if list := h.documents(alice); len(list) != 2 {
				return fmt.Errorf("%d documents, want 2", len(list))
			}
			return noOrphans(h, 1)
		},
	})
}

func TestWhatAnAuthorSaysOfADocumentIsBounded(t *testing.T) {
	w := newWard(t)
	s := note("11488-4")
	s.Entry.Title = "Un\r\nBcc: tous\u202e " + strings.Repeat("é", 5000)
	s.Entry.Author.Name = "Dr\x00Nobody"
	v, err := w.add(thomas, s)
	w.must(err)
	if e := v[0].Entry; !strings.HasPrefix(e.Title, "Un Bcc: tous ééé") || len(e.Title) > 600 || e.Author.Name != "DrNobody" {
		t.Errorf("it is kept as %q by %q", e.Title, e.Author.Name)
	}
	if got := w.subjects(); len(got) != 1 {
		t.Errorf("the shelves show %v", got)
	}
	for range 5000 {
		s.Entry.Folders = append(s.Entry.Folders, "1.2.250.1.999")
	}
	if _, err := w.add(thomas, s); !errors.Is(err, fault.TooLarge) {
		t.Errorf("too much said: %v", err)
	}
}

func TestAFilingRoleAddsDocuments(t *testing.T) {
	w := newWard(t)
	sealed := w.Hub.Config
	sealed.Ring = nil
	front, err := New(sealed)
	w.must(err)
	a := w.login(thomas)
	v, err := front.AddDocuments(t.Context(), a, w.record, []Submission{w.cda("1.1")})
	w.must(err)
	_, err = front.AddDocuments(t.Context(), a, w.record, []Submission{{Content: []byte(replacing(string(w.cda("1.2").Content), "1.1"))}})
	w.must(err)
	if _, err := front.ChangeDocument(t.Context(), a, v[0].ID, DocumentChange{Archived: yes()}); !errors.Is(err, fault.Sealed) {
		t.Errorf("a change without the hub key gives %v", err)
	}
	if list := w.documents(alice); len(list) != 2 || list[0].Flags != vault.Superseded || list[1].Entry.LogicalID != list[0].Entry.LogicalID {
		t.Errorf("the documents are %+v", list)
	}
}
