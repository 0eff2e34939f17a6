package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// subjects returns what each shelf of alice's shows, by title.
func (w *ward) subjects() map[string]string {
	w.t.Helper()
	s := w.session(alice)
	defer s.Close()
	folders, err := s.Folders(w.t.Context())
	w.must(err)
	shown := map[string]string{}
	for _, f := range folders {
		name, ok := strings.CutPrefix(f.Name, shelfRoot)
		if !ok {
			continue
		}
		d, err := s.Changes(w.t.Context(), f.ID, mailbox.Cursor{})
		w.must(err)
		var uids []mailbox.UID
		for _, m := range d.Messages {
			uids = append(uids, m.UID)
		}
		var titles []string
		for e, err := range s.Entries(w.t.Context(), f.ID, uids) {
			w.must(err)
			titles = append(titles, fmt.Sprintf("%d:%s", e.UID, e.Envelope.Subject))
		}
		if len(titles) != int(f.Messages) {
			w.t.Errorf("%s counts %d messages and shows %v", name, f.Messages, titles)
		}
		if len(titles) > 0 {
			shown[name] = strings.Join(titles, " ")
		}
	}
	return shown
}

func titled(s Submission, title string) Submission {
	s.Entry.Title = title
	return s
}

func TestShelvesFollowTheVault(t *testing.T) {
	w := newWard(t)
	hidden := titled(note("11488-4"), "caché")
	hidden.Flags = vault.HiddenFromPatient
	v, err := w.add(thomas, titled(note("11488-4"), "un"), titled(note("11488-4"), "deux"), hidden, titled(note("11488-4"), "quatre"))
	w.must(err)
	ids := map[string]string{}
	for i, name := range []string{"un", "deux", "caché", "quatre"} {
		ids[name] = v[i].ID
	}
	const shelf = "Comptes rendus"
	check := func(what string, want map[string]string) {
		t.Helper()
		if got := w.subjects(); !maps.Equal(got, want) {
			t.Errorf("%s: the shelves show %v, want %v", what, got, want)
		}
		w.verifies()
	}
	check("at first", map[string]string{shelf: "1:un 2:deux 3:quatre"})

	w.must(w.change(alice, ids["un"], DocumentChange{Masked: yes()}))
	check("masked from professionals, it stays", map[string]string{shelf: "1:un 2:deux 3:quatre"})

	w.must(w.change(thomas, ids["deux"], DocumentChange{Deleted: yes()}))
	check("withdrawn, it leaves", map[string]string{shelf: "1:un 3:quatre"})

	w.must(w.change(thomas, ids["deux"], DocumentChange{Deleted: no()}))
	check("restored, it comes anew", map[string]string{shelf: "1:un 3:quatre 4:deux"})

	w.must(w.change(thomas, ids["caché"], DocumentChange{HiddenFromPatient: no()}))
	check("announced, it comes", map[string]string{shelf: "1:un 3:quatre 4:deux 5:caché"})

	w.must(w.change(thomas, ids["quatre"], DocumentChange{Archived: yes()}))
	check("archived, it is among the archives", map[string]string{shelf: "1:un 4:deux 5:caché", archives: "1:quatre"})

	newer := titled(note("11488-4"), "deux bis")
	newer.Replaces = ids["deux"]
	_, err = w.add(thomas, newer)
	w.must(err)
	check("replaced, its newest version shows", map[string]string{shelf: "1:un 5:caché 6:deux bis", archives: "1:quatre"})

	newer.Replaces, newer.Flags = ids["un"], vault.HiddenFromPatient
	newer.Entry.Title = "un bis"
	w.must(w.change(alice, ids["un"], DocumentChange{Masked: no()}))
	v, err = w.add(thomas, newer)
	w.must(err)
	check("replaced by one that waits, it stays until then", map[string]string{shelf: "1:un 5:caché 6:deux bis", archives: "1:quatre"})
	w.must(w.change(thomas, v[0].ID, DocumentChange{HiddenFromPatient: no()}))
	check("and goes when that is announced", map[string]string{shelf: "5:caché 6:deux bis 7:un bis", archives: "1:quatre"})
}

func TestADocumentThatNobodyAnnouncedShowsByItself(t *testing.T) {
	w := newWard(t)
	s := titled(note("11488-4"), "caché")
	s.Flags = vault.HiddenFromPatient
	_, err := w.add(thomas, s)
	w.must(err)
	if got := w.subjects(); len(got) != 0 {
		t.Errorf("the shelves show %v", got)
	}
	w.now = w.now.AddDate(0, 1, 0)
	for range 2 {
		if got := w.subjects(); got["Comptes rendus"] != "1:caché" {
			t.Errorf("after a month the shelves show %v", got)
		}
	}
}

// TestACopyOutlivesTheShelf copies a document into a folder of the patient's
// own before it is withdrawn: what she kept she has.
func TestACopyOutlivesTheShelf(t *testing.T) {
	w := newWard(t)
	v, err := w.add(thomas, Submission{Entry: vault.Entry{TypeCode: "11488-4", Title: "un"}, Content: []byte(paper(100_000))})
	w.must(err)
	s := w.session(alice)
	f, err := s.Folder(t.Context(), shelfRoot+"Comptes rendus")
	w.must(err)
	_, err = s.Copy(t.Context(), f.ID, s.uids(f.ID), mailbox.Archive)
	w.must(err)
	w.must(w.change(thomas, v[0].ID, DocumentChange{Deleted: yes()}))
	if got := w.subjects(); len(got) != 0 {
		t.Errorf("the shelves show %v", got)
	}
	if got := w.read(alice, "Archive"); len(got) != 1 || len(got[0]) < 100_000 {
		t.Errorf("the copy is gone: %d", len(got))
	}
	w.verifies()
	w.must(noOrphans(w.house, 1))
}

// TestShelvesOfBeforeFollowToo forgets where documents are shown, as stores did
// that were filled before shelves said so.
func TestShelvesOfBeforeFollowToo(t *testing.T) {
	w := newWard(t)
	v, err := w.add(thomas, titled(note("11488-4"), "un"), titled(note("11488-4"), "deux"))
	w.must(err)
	w.subjects()
	w.must(w.commit(t.Context(), w.part(alice), func(t *tx) error {
		for _, d := range v {
			_, own := documentPart(d.ID)
			t.Delete("doc/v/" + own)
		}
		return nil
	}))
	w.must(w.change(thomas, v[0].ID, DocumentChange{Deleted: yes()}))
	if got := w.subjects(); got["Comptes rendus"] != "2:deux" {
		t.Errorf("the shelves show %v", got)
	}
	w.verifies()
}

func TestMovingOnShelvesInterrupted(t *testing.T) {
	var ids []string
	interrupt(t, act{
		prepare: func(h *house) {
			w := &ward{house: h, record: string(h.login(alice).Part)}
			v, err := w.add(thomas, titled(note("11488-4"), "un"), titled(note("11488-4"), "deux"), titled(note("11488-4"), "trois"))
			w.must(err)
			w.subjects()
			for _, d := range v {
				ids = append(ids, d.ID)
			}
			w.must(w.change(thomas, ids[0], DocumentChange{Deleted: yes()}))
			w.must(w.change(thomas, ids[1], DocumentChange{Archived: yes()}))
		},
		do: func(h *house, as map[string]Actor) error {
			m, err := h.OpenMailbox(t.Context(), as[alice])
			if err != nil {
				return err
			}
			defer m.Close()
			_, err = m.Folders(t.Context())
			return err
		},
		done: func(h *house) error {
			w := &ward{house: h}
			if got := w.subjects(); got["Comptes rendus"] != "3:trois" || len(got) != 2 || !strings.HasSuffix(got[archives], ":deux") {
				return fmt.Errorf("the shelves show %v", got)
			}
			return nil
		},
	})
}

func TestTwoSessionsMoveADocumentOnce(t *testing.T) {
	w := newWard(t)
	var list []Submission
	for i := range 40 {
		list = append(list, titled(note("11488-4"), fmt.Sprint(i)))
	}
	v, err := w.add(thomas, list...)
	w.must(err)
	for round := range 3 {
		for i := round; i < len(v); i += 3 {
			w.must(w.change(thomas, v[i].ID, DocumentChange{Archived: yes()}))
		}
		done := make(chan error)
		for range 4 {
			go func() {
				m, err := w.OpenMailbox(t.Context(), w.login(alice))
				if err == nil {
					_, err = m.Folders(t.Context())
					m.Close()
				}
				done <- err
			}()
		}
		for range 4 {
			w.must(<-done)
		}
	}
	got := w.subjects()
	uids := strings.Fields(got[archives])
	if len(got) != 1 || len(uids) != 40 || len(slices.Compact(slices.Sorted(slices.Values(uids)))) != 40 {
		t.Errorf("the shelves show %v", got)
	}
	w.verifies()
	var left int
	w.must(w.view(t.Context(), w.part(alice), func(r store.Reader) error {
		ids, err := vault.ToFollow(r, 100)
		left = len(ids)
		return err
	}))
	if left != 0 {
		t.Errorf("%d documents are still to be followed", left)
	}
}
