package hub

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/vault"
)

// TestWhoChangesADocument asks each person for each change of a document that
// thomas filed for alice and of one that she deposited.
func TestWhoChangesADocument(t *testing.T) {
	base := newWard(t)
	filed, err := base.add(thomas, note("11488-4"))
	base.must(err)
	own, err := base.add(alice, note("DOCPAT03"))
	base.must(err)
	hidden := note("11488-4")
	hidden.Flags = vault.HiddenFromPatient
	waiting, err := base.add(thomas, hidden)
	base.must(err)
	changes := []struct {
		name string
		c    DocumentChange
		flag vault.Flags // that is set then
	}{
		{"mask", DocumentChange{Masked: yes()}, vault.Masked},
		{"archive", DocumentChange{Archived: yes()}, vault.Archived},
		{"withdraw", DocumentChange{Deleted: yes()}, vault.Deleted},
		{"hide", DocumentChange{HiddenFromPatient: yes()}, vault.HiddenFromPatient},
		{"keep from representatives", DocumentChange{HiddenFromRepresentatives: yes()}, vault.HiddenFromRepresentatives},
	}
	for _, c := range []struct {
		who, id string
		may     string // the changes that may be made
		else_   string // what else gives
	}{
		{thomas, filed[0].ID, "archive withdraw", "not permitted"},
		{adam, filed[0].ID, "archive withdraw", "not found"}, // of the same establishment, without access
		{martin, filed[0].ID, "", "not found"},
		{alice, filed[0].ID, "mask keep from representatives", "not permitted"},
		{bruno, filed[0].ID, "", "not found"},
		{alice, own[0].ID, "mask archive withdraw keep from representatives", "not permitted"},
		{thomas, own[0].ID, "", "not found"},
	} {
		for _, change := range changes {
			w := &ward{house: base.copyOf(t), record: base.record}
			before := w.state(c.id)
			v, err := w.ChangeDocument(t.Context(), w.login(c.who), c.id, change.c)
			after := w.state(c.id)
			name := fmt.Sprintf("%s, %s: %s", c.who, before.Entry.TypeCode, change.name)
			if strings.Contains(c.may, change.name) {
				if err != nil || !after.Flags.Has(change.flag) || v.Flags != after.Flags || after.Entry.EntryUUID == before.Entry.EntryUUID ||
					v.Entry.EntryUUID != after.Entry.EntryUUID || v.ID != c.id {
					t.Errorf("%s: %v, the states are %b", name, err, after.Flags)
				}
				continue
			}
			if fault.Of(err).Error() != c.else_ || after.Flags != before.Flags || after.Entry.EntryUUID != before.Entry.EntryUUID {
				t.Errorf("%s: %v, the states are %b; want %s", name, err, after.Flags, c.else_)
			}
			if c.else_ == "not found" && strings.Contains(fmt.Sprint(sentenceOf(err)), " ") {
				t.Errorf("%s: the one refused reads %q", name, sentenceOf(err))
			}
			if !strings.Contains(fmt.Sprint(w.trail(alice)), c.who) {
				t.Errorf("%s: the refusal is not in her trail", name)
			}
		}
	}
	if err := base.change(alice, waiting[0].ID, DocumentChange{HiddenFromPatient: no()}); !errors.Is(err, fault.NotFound) {
		t.Errorf("she learns of what waits: %v", err)
	}
	if err := base.change(thomas, waiting[0].ID, DocumentChange{Masked: yes()}); !errors.Is(err, fault.Denied) {
		t.Errorf("masked by its author: %v", err)
	}
	if err := base.change(martin, base.record+".aaaaaaaaaaaaaaaaaaaaaaaaaa", DocumentChange{Masked: yes()}); !errors.Is(err, fault.NotFound) {
		t.Errorf("a document that is not there: %v", err)
	}
	base.verifies()
}

func sentenceOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.EN
	}
	return ""
}

func TestAChangeIsOfWhatTheActorSaw(t *testing.T) {
	w := newWard(t)
	v, err := w.add(thomas, note("11488-4"))
	w.must(err)
	seen := v[0].Entry.EntryUUID
	w.must(w.change(thomas, v[0].ID, DocumentChange{Archived: yes(), IfVersion: seen}))
	if err := w.change(thomas, v[0].ID, DocumentChange{Archived: no(), IfVersion: seen}); codeOf(err) != 900 || !errors.Is(err, fault.Conflict) {
		t.Errorf("of an older version: %v", err)
	}
	now := w.state(v[0].ID).Entry.EntryUUID
	w.must(w.change(thomas, v[0].ID, DocumentChange{Archived: yes(), IfVersion: now}))
	w.must(w.change(thomas, v[0].ID, DocumentChange{}))
	if got := w.state(v[0].ID).Entry.EntryUUID; got != now {
		t.Error("what changes nothing makes another version")
	}
	w.must(w.change(thomas, v[0].ID, DocumentChange{Archived: no()}))
	trail := fmt.Sprint(w.trail(alice))
	for _, want := range []string{"at hand → archived", "archived → at hand"} {
		if strings.Count(trail, want) != 1 {
			t.Errorf("her trail has %q %d times", want, strings.Count(trail, want))
		}
	}
}

func TestOnlyTheNewestVersionIsWithdrawn(t *testing.T) {
	w := newWard(t)
	v, err := w.add(thomas, w.cda("1.1"))
	w.must(err)
	n, err := w.add(thomas, Submission{Content: []byte(replacing(string(w.cda("1.2").Content), "1.1"))})
	w.must(err)
	if err := w.change(thomas, v[0].ID, DocumentChange{Deleted: yes()}); codeOf(err) != 900 {
		t.Errorf("the old one: %v", err)
	}
	w.must(w.change(thomas, n[0].ID, DocumentChange{Deleted: yes()}))
	_, err = w.add(thomas, Submission{Content: []byte(replacing(string(w.cda("1.3").Content), "1.2"))})
	if codeOf(err) != 900 {
		t.Errorf("replacing one that was withdrawn: %v", err)
	}
	if err := w.change(thomas, n[0].ID, DocumentChange{Archived: yes()}); !errors.Is(err, fault.NotFound) {
		t.Errorf("archiving one that was withdrawn: %v", err)
	}
	w.must(w.change(thomas, n[0].ID, DocumentChange{Deleted: no()}))
	if got := w.subjects(); got["Imagerie"] != "1:Radiographie 1.2" {
		t.Errorf("restored, the shelves show %v", got)
	}
}

func TestWithdrawnByOneWhoIsNotItsAuthorIs901(t *testing.T) {
	w := newWard(t)
	v, err := w.add(thomas, note("11488-4"))
	w.must(err)
	if err := w.change(alice, v[0].ID, DocumentChange{Deleted: yes()}); codeOf(err) != 901 || !errors.Is(err, fault.Denied) {
		t.Errorf("by the patient: %v", err)
	}
	// Withdrawn and masked are asked for at once: all or nothing.
	if err := w.change(alice, v[0].ID, DocumentChange{Masked: yes(), Deleted: yes()}); codeOf(err) != 901 || w.state(v[0].ID).Flags != 0 {
		t.Errorf("with something she may do: %v, %b", err, w.state(v[0].ID).Flags)
	}
}

func TestNothingIsChangedInAClosedSpace(t *testing.T) {
	w := newWard(t)
	v, err := w.add(thomas, note("11488-4"))
	w.must(err)
	_, err = w.Life(t.Context(), "operator", addr(alice), patient.Close)
	w.must(err)
	for _, id := range []string{v[0].ID, w.record + ".x", "x.y", "", string(w.part(denis)) + ".y", string(w.part(thomas)) + ".y"} {
		if err := w.change(thomas, id, DocumentChange{Archived: yes()}); !errors.Is(err, fault.NotFound) {
			t.Errorf("document %q: %v", id, err)
		}
	}
	if _, err := w.add(thomas, note("11488-4")); codeOf(err) != 902 {
		t.Errorf("adding one: %v", err)
	}
}

func TestAChangeInterrupted(t *testing.T) {
	var id string
	interrupt(t, act{
		prepare: func(h *house) {
			w := &ward{house: h, record: string(h.login(alice).Part)}
			v, err := w.add(thomas, w.cda("1.1"))
			w.must(err)
			_, err = w.add(thomas, Submission{Content: []byte(replacing(string(w.cda("1.2").Content), "1.1"))})
			w.must(err)
			id = v[0].ID
		},
		do: func(h *house, as map[string]Actor) error {
			_, err := h.ChangeDocument(t.Context(), as[alice], id, DocumentChange{Masked: yes()})
			return err
		},
		done: func(h *house) error {
			list := h.documents(alice)
			if list[0].Flags != vault.Masked|vault.Superseded || list[1].Flags != vault.Masked {
				return fmt.Errorf("the states are %b and %b", list[0].Flags, list[1].Flags)
			}
			if n := strings.Count(fmt.Sprint(h.trail(alice)), "→ masked"); n != 1 {
				return fmt.Errorf("%d entries in the trail", n)
			}
			return nil
		},
	})
}

func TestNobodyIsShownADocumentByAChangeThatIsNone(t *testing.T) {
	w := newWard(t)
	filed, err := w.add(thomas, note("11488-4"))
	w.must(err)
	id, no := filed[0].ID, false
	for _, c := range []struct {
		who    string
		change DocumentChange
		shown  bool
	}{
		{martin, DocumentChange{}, false},
		{martin, DocumentChange{IfVersion: "another"}, false},
		{martin, DocumentChange{Deleted: &no}, false},
		{bruno, DocumentChange{}, false},
		{adam, DocumentChange{}, false},            // of the establishment of its author, without access
		{adam, DocumentChange{Deleted: &no}, true}, // who may restore it
		{thomas, DocumentChange{}, true},
	} {
		before := w.length(w.part(alice))
		v, err := w.ChangeDocument(t.Context(), w.login(c.who), id, c.change)
		if shown := err == nil && v.Entry.Title != ""; shown != c.shown || !shown && (fault.Of(err) != fault.NotFound || v.Entry.Title != "") {
			t.Errorf("%s by %s: %+v, %v", id, c.who, v, err)
		}
		if e := w.last(alice); w.length(w.part(alice)) == before || e.Refused == c.shown {
			t.Errorf("%s is not in the trail: %+v", c.who, e)
		}
	}
}

// Who may keep a document in order finds it, though it be withdrawn, or they be a
// program that reads nothing; nobody else does.
func TestItsAuthorFindsADocumentThatNobodyReads(t *testing.T) {
	w := newWard(t)
	v, err := w.add(biolab, note("11502-2"))
	w.must(err)
	every := func(DocumentView) bool { return true }
	kept := func(who string) error {
		d, err := w.KeptDocument(t.Context(), w.login(who), w.record, every)
		if err == nil && d.ID != v[0].ID {
			t.Errorf("%s finds %s", who, d.ID)
		}
		return err
	}
	for _, withdrawn := range []bool{false, true} {
		if withdrawn {
			w.must(w.change(biolab, v[0].ID, DocumentChange{Deleted: yes()}))
		}
		for who, want := range map[string]error{biolab: nil, thomas: fault.NotFound, martin: fault.NotFound, alice: fault.NotFound} {
			if err := kept(who); !errors.Is(err, want) {
				t.Errorf("%s, withdrawn %t: %v", who, withdrawn, err)
			}
		}
	}
	w.must(kept(biolab))
	if e := w.last(alice); e.Act != "read-document" || e.Rule != "document/author-amends" {
		t.Errorf("the trail says %+v", e)
	}
	if _, err := w.KeptDocument(t.Context(), w.login(biolab), w.record, func(DocumentView) bool { return false }); !errors.Is(err, fault.NotFound) {
		t.Errorf("what does not match: %v", err)
	}
	again := note("11502-2")
	again.Entry.UniqueID = "1.2.250.1.999.77"
	_, err = w.add(biolab, again)
	w.must(err)
	if err := kept(biolab); !errors.Is(err, fault.Conflict) {
		t.Errorf("two that match: %v", err)
	}
	_, err = w.Life(t.Context(), "operator", addr(alice), patient.Close)
	w.must(err)
	if err := kept(biolab); !errors.Is(err, fault.NotFound) {
		t.Errorf("in a closed space: %v", err)
	}
}
