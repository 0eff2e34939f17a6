package hub

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/vault"
)

// cabinet lists alice's record as somebody looks through it: of each document
// its title and what is marked, or the error.
func (w *ward) cabinet(who string) string {
	w.t.Helper()
	c, err := w.Cabinet(w.t.Context(), w.login(who), w.record)
	if err != nil {
		return fmt.Sprint(fault.Of(err))
	}
	return marked(c)
}

func marked(c Cabinet) string {
	var list []string
	for _, d := range c.Documents {
		s := d.Entry.Title
		for _, mark := range []struct {
			text string
			on   bool
		}{{"pinned", d.Pinned}, {"filed", d.Folder != ""}, {"new", d.New}} {
			if mark.on {
				s += " " + mark.text
			}
		}
		if d.Older+d.Copies > 0 {
			s += fmt.Sprintf(" +%d=%d", d.Older, d.Copies)
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

func called(title string) func(*vault.Entry) {
	return func(e *vault.Entry) { e.Title = title }
}

func TestACabinetIsTheLatestFirstAndEachDocumentOnce(t *testing.T) {
	w := newWard(t)
	w.file(alice, consultation, 0, called("first"))
	same := func(e *vault.Entry) { e.SHA256 = "abc" }
	w.file(alice, biology, 0, called("copy"), same)
	w.file(alice, biology, 0, called("same"), same)
	w.file(alice, biology, vault.Masked, called("same, but masked"), same)
	views, err := w.add(thomas, w.cda("1.2.3"))
	w.must(err)
	newer := w.cda("1.2.4")
	newer.Replaces = views[0].ID
	_, err = w.add(thomas, newer)
	w.must(err)
	if got := w.cabinet(alice); got != "Radiographie 1.2.4 new +1=0, same, but masked new, same new +0=1, first new" {
		t.Errorf("alice's is %s", got)
	}
	w.must(w.Declare(t.Context(), w.login(martin), w.record, InCareTeam))
	if got := w.cabinet(martin); got != "Radiographie 1.2.4 +1=0, same +0=1, first" {
		t.Errorf("a nurse's is %s", got)
	}
	if got := w.cabinet(petit); got != "not found" {
		t.Errorf("a stranger's is %s", got)
	}
	w.verifies()
}

func TestFoldersAndPinsAreOfThePeopleOfTheSpace(t *testing.T) {
	w, ctx := newWard(t), t.Context()
	id, other := w.file(alice, consultation, 0, called("one")), w.file(alice, biology, 0, called("two"))
	a := w.login(alice)
	folder, err := w.NameFolder(ctx, a, w.record, "", "Mon genou")
	w.must(err)
	w.must(w.PutInFolder(ctx, a, folder, id, other))
	w.must(w.PutInFolder(ctx, a, "", other))
	w.must(w.PinDocument(ctx, a, id, true))
	if got := w.cabinet(alice); got != "two new, one pinned filed new" {
		t.Errorf("alice's is %s", got)
	}
	w.must(w.Declare(ctx, w.login(thomas), w.record, InCareTeam))
	c, err := w.Cabinet(ctx, w.login(thomas), w.record)
	if err != nil || len(c.Folders) != 0 || marked(c) != "two, one" || c.May != (CabinetRights{File: true}) {
		t.Errorf("her physician's is %s, %+v, %v", marked(c), c.May, err)
	}
	for who, want := range map[string]string{thomas: "filing/only-the-patient", bruno: "document/not-yours"} {
		if _, err := w.NameFolder(ctx, w.login(who), w.record, "", "Le mien"); ruleOf(err) != want {
			t.Errorf("%s makes a folder: %v", who, err)
		}
		for what, err := range map[string]error{
			"renames": func() error { _, err := w.NameFolder(ctx, w.login(who), w.record, folder, "Le mien"); return err }(),
			"removes": w.RemoveFolder(ctx, w.login(who), w.record, folder), "fills": w.PutInFolder(ctx, w.login(who), folder, other),
			"pins": w.PinDocument(ctx, w.login(who), other, true),
		} {
			if ruleOf(err) != want {
				t.Errorf("%s %s it: %v", who, what, err)
			}
		}
	}
	for what, err := range map[string]error{
		"a folder that is not there": func() error { _, err := w.NameFolder(ctx, a, w.record, vault.NewID(), "Autre"); return err }(),
		"into it":                    w.PutInFolder(ctx, a, vault.NewID(), id),
		"a document of nobody":       w.PinDocument(ctx, a, w.record+"."+vault.NewID(), true),
		"one of another record":      w.PutInFolder(ctx, a, folder, id, w.file(bruno, consultation, 0)),
	} {
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.must(w.RemoveFolder(ctx, a, w.record, folder))
	if got := w.cabinet(alice); got != "two new, one pinned new" {
		t.Errorf("without the folder it is %s", got)
	}
	w.did(alice, alice+" arrange-record")
	w.did(alice, thomas+" arrange-record, refused")
	w.verifies()
}

func TestARepresentativeArrangesWhatTheySee(t *testing.T) {
	h := newWard(t)
	child := h.child("20140510")
	h.record = h.house.record(child)
	shown, secret := h.file(child, consultation, 0, called("shown")), h.file(child, biology, vault.HiddenFromRepresentatives, called("secret"))
	b := h.login(bruno)
	h.must(h.PinDocument(t.Context(), b, shown, true))
	if err := h.PinDocument(t.Context(), b, secret, true); !errors.Is(err, fault.NotFound) {
		t.Errorf("what is kept from him: %v", err)
	}
	if got := h.cabinet(bruno); got != "shown pinned new" {
		t.Errorf("he sees %s", got)
	}
}

func TestADocumentsPageSaysWhatIsOfUse(t *testing.T) {
	w, ctx := newWard(t), t.Context()
	id := w.file(alice, consultation, 0, called("one"))
	p, err := w.DocumentPage(ctx, w.login(alice), id)
	if err != nil || !p.New || p.May != (DocumentRights{Arrange: true, Mask: true, Decide: true}) || p.Access.Rule != "document/owner-reads" {
		t.Errorf("alice's is %+v, %v", p, err)
	}
	if got := w.cabinet(alice); got != "one" {
		t.Errorf("after it was opened there is %s", got)
	}
	p, err = w.DocumentPage(ctx, w.login(adam), id)
	if err != nil || p.May != (DocumentRights{Archive: true, Delete: true}) {
		t.Errorf("its author's is %+v, %v", p.May, err)
	}
	if _, err := w.DocumentPage(ctx, w.login(petit), id); !errors.Is(err, fault.NotFound) {
		t.Errorf("a stranger's is %v", err)
	}
	w.must(w.change(adam, id, DocumentChange{Archived: yes()}))
	if p, _ := w.DocumentPage(ctx, w.login(adam), id); !p.May.Archive || !p.Flags.Has(vault.Archived) {
		t.Errorf("once archived it is %+v", p)
	}

	mine, _, err := w.Deposit(ctx, w.login(alice), w.record, Submission{Content: []byte(pdf)})
	w.must(err)
	p, err = w.DocumentPage(ctx, w.login(alice), mine.ID)
	if err != nil || p.New || !p.May.Delete || !p.May.Archive {
		t.Errorf("of what she deposited it is %+v, %v", p, err)
	}
	w.verifies()
}

func TestAPageAndItsFileAreOneReading(t *testing.T) {
	w, ctx := newWard(t), t.Context()
	id, other := w.file(alice, consultation, 0), w.file(alice, biology, 0)
	w.must(w.Declare(ctx, w.login(thomas), w.record, InCareTeam))
	read := func(a Actor, id string) (n int) {
		t.Helper()
		_, err := w.DocumentPage(ctx, a, id)
		w.must(err)
		_, _, err = w.OpenDocument(ctx, a, id)
		w.must(err)
		for _, e := range w.trailOf(alice) {
			if e.Actor == thomas && e.Act == "read-document" {
				n++
			}
		}
		return n
	}
	a := w.login(thomas)
	if n := read(a, id); n != 2 {
		t.Errorf("without a session there are %d readings in the trail", n)
	}
	a.Web, a.Session = true, "s1"
	if n := read(a, id); n != 3 {
		t.Errorf("a page and its file are %d readings", n-2)
	}
	if n := read(a, other); n != 4 {
		t.Errorf("the next document is %d readings", n-3)
	}
	w.now = w.now.Add(oneReading)
	if n := read(a, id); n != 5 {
		t.Errorf("looking again later is %d readings", n-4)
	}
	a.Session = "s2"
	if n := read(a, id); n != 6 {
		t.Errorf("another session is %d readings", n-5)
	}
}

func TestAMinorsPageOffersToKeepItFromRepresentatives(t *testing.T) {
	w := newWard(t)
	child := w.child("20100510")
	id := w.file(child, consultation, 0)
	part := w.part(child)
	p, err := w.DocumentPage(t.Context(), Actor{Part: part, Role: w.login(alice).Role, Address: addr(child)}, id)
	if err != nil || !p.May.HideFromRepresentatives {
		t.Errorf("the minor's is %+v, %v", p.May, err)
	}
	if p, err := w.DocumentPage(t.Context(), w.login(bruno), id); err != nil || p.May.HideFromRepresentatives {
		t.Errorf("the representative's is %+v, %v", p.May, err)
	}
}

func TestAPageHasTheVersionsAndTheTwins(t *testing.T) {
	w, ctx := newWard(t), t.Context()
	views, err := w.add(thomas, w.cda("1.2.3"))
	w.must(err)
	newer := w.cda("1.2.4")
	newer.Replaces = views[0].ID
	latest, err := w.add(thomas, newer)
	w.must(err)
	p, err := w.DocumentPage(ctx, w.login(alice), views[0].ID)
	if err != nil || len(p.Versions) != 2 || p.Versions[0].ID != latest[0].ID || p.New {
		t.Errorf("the versions are %+v, %v", p.Versions, err)
	}
	same := func(e *vault.Entry) { e.SHA256 = "abc" }
	id, twin := w.file(alice, biology, 0, same), w.file(alice, biology, 0, same)
	if p, err = w.DocumentPage(ctx, w.login(alice), id); err != nil || len(p.Twins) != 1 || p.Twins[0].ID != twin || p.Versions != nil {
		t.Errorf("the twins are %+v, %v", p.Twins, err)
	}
}

func TestWhatWasDeletedIsListedForWhoMayPutItBack(t *testing.T) {
	w, ctx := newWard(t), t.Context()
	v, there, err := w.Deposit(ctx, w.login(alice), w.record, Submission{Content: []byte(pdf)})
	if err != nil || there {
		t.Fatal(there, err)
	}
	again, there, err := w.Deposit(ctx, w.login(alice), w.record, Submission{Content: []byte(pdf)})
	if err != nil || !there || again.ID != v.ID {
		t.Errorf("the same bytes again: %v, %v, %v", again.ID, there, err)
	}
	w.must(w.change(alice, v.ID, DocumentChange{Deleted: yes()}))
	list, err := w.Withdrawn(ctx, w.login(alice), w.record)
	if err != nil || len(list) != 1 || list[0].ID != v.ID {
		t.Errorf("deleted are %v, %v", list, err)
	}
	w.must(w.Declare(ctx, w.login(thomas), w.record, InCareTeam))
	if list, err := w.Withdrawn(ctx, w.login(thomas), w.record); err != nil || len(list) != 0 {
		t.Errorf("her physician finds %v, %v", list, err)
	}
	if fresh, there, err := w.Deposit(ctx, w.login(alice), w.record, Submission{Content: []byte(pdf)}); err != nil || there || fresh.ID == v.ID {
		t.Errorf("what was deleted is deposited again: %v, %v", there, err)
	}
	w.must(w.change(alice, v.ID, DocumentChange{Deleted: no()}))
	if list, _ := w.Withdrawn(ctx, w.login(alice), w.record); len(list) != 0 {
		t.Errorf("put back, there are %v", list)
	}
	w.verifies()
}

func TestASearchFindsEveryWordInWhatIsSaidOrInTheText(t *testing.T) {
	w, ctx := newWard(t), t.Context()
	_, err := w.add(thomas, w.cda("1.2.3"))
	w.must(err)
	w.file(alice, prescription, 0, called("Ordonnance de kinésithérapie"), func(e *vault.Entry) { e.Author.Organisation = "Clinique du Lac" })
	w.file(alice, biology, vault.Masked, called("Bilan"))
	w.must(w.Declare(ctx, w.login(thomas), w.record, InCareTeam))
	text := "bonjour" // in the text of what file files
	for words, want := range map[string]string{
		"KINESITHERAPIE":          "Ordonnance de kinésithérapie",
		"lac ordonnance":          "Ordonnance de kinésithérapie",
		"lac radiographie":        "",
		"hoda " + text:            "Bilan, Ordonnance de kinésithérapie",
		"":                        "",
		"  ":                      "",
		strings.Repeat("zz ", 40): "",
	} {
		c, err := w.SearchDocuments(ctx, w.login(alice), w.record, words)
		w.must(err)
		if got := strings.ReplaceAll(marked(c), " new", ""); got != want {
			t.Errorf("%q finds %q, want %q", words, got, want)
		}
	}
	c, err := w.SearchDocuments(ctx, w.login(thomas), w.record, text)
	if w.must(err); marked(c) != "Ordonnance de kinésithérapie" {
		t.Errorf("her physician finds %s: what is masked is not found", marked(c))
	}
	if _, err := w.SearchDocuments(ctx, w.login(petit), w.record, text); !errors.Is(err, fault.NotFound) {
		t.Errorf("a stranger: %v", err)
	}
	for _, e := range w.trailOf(alice) {
		if strings.Contains(e.Object, text) {
			t.Errorf("the trail has the words: %+v", e)
		}
	}
	w.did(alice, thomas+" search-documents")
	w.verifies()
}

func TestManyDocumentsAreOpenedWithOneTrail(t *testing.T) {
	w, ctx := newWard(t), t.Context()
	ids := []string{w.file(alice, consultation, 0), w.file(alice, biology, 0)}
	open := func(who string, ids ...string) (texts []string, err error) {
		list, err := w.OpenDocuments(ctx, w.login(who), w.record, ids)
		if err != nil {
			return nil, err
		}
		for d, err := range list {
			w.must(err)
			var b bytes.Buffer
			w.must(d.File.ReadRange(&b, 0, d.File.Size()))
			texts = append(texts, b.String())
		}
		return texts, nil
	}
	texts, err := open(alice, ids...)
	if got := strings.Join(texts, ", "); err != nil || got != "Bonjour, "+consultation+", Bonjour, "+biology {
		t.Errorf("alice gets %s, %v", got, err)
	}
	w.did(alice, alice+" download-documents")
	w.must(w.Declare(ctx, w.login(martin), w.record, InCareTeam))
	if _, err := open(martin, ids...); err != nil {
		t.Errorf("a nurse gets %v", err)
	}
	read := 0
	for _, e := range w.trailOf(alice) {
		if e.Actor == martin && e.Act == "read-document" {
			read++
		}
	}
	if read != 2 {
		t.Errorf("the trail says that a nurse read %d documents", read)
	}
	masked := w.file(alice, consultation, vault.Masked)
	for what, list := range map[string][]string{"none": nil, "too many": make([]string, maxDownload+1)} {
		if _, err := open(alice, list...); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for who, list := range map[string][]string{martin: {ids[0], masked}, petit: ids, bruno: ids, alice: {w.file(bruno, consultation, 0)}} {
		if got, err := open(who, list...); !errors.Is(err, fault.NotFound) {
			t.Errorf("%s gets %v, %v", who, got, err)
		}
	}
	w.verifies()
}

// TestTheKeyStaysAtHandAfterALookAtTheMailbox: pages open a mailbox for each
// request.
func TestTheKeyStaysAtHandAfterALookAtTheMailbox(t *testing.T) {
	w := newWard(t)
	part := w.part(alice)
	look := func() {
		m, err := w.OpenMailbox(t.Context(), w.login(alice))
		w.must(err)
		w.must(m.Close())
	}
	look()
	if _, at := w.keys.get(part); at {
		t.Error("a session with the mailbox leaves the key behind")
	}
	w.cabinet(alice)
	look()
	if _, at := w.keys.get(part); !at {
		t.Error("whoever looks at their documents unlocks them each time")
	}
	w.now = w.now.Add(lingering)
	_, err := w.Cabinet(t.Context(), w.login(bruno), string(w.part(bruno)))
	w.must(err)
	if _, at := w.keys.get(part); at {
		t.Error("the key stays for ever")
	}
}

func TestWhatIsNewIsNotNewForEver(t *testing.T) {
	w := newWard(t)
	w.file(alice, consultation, 0, called("one"))
	w.now = w.now.Add(31 * 24 * time.Hour)
	if got := w.cabinet(alice); got != "one" {
		t.Errorf("after a month there is %s", got)
	}
}
