package patient

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func matricule(base string) ident.Matricule {
	m, err := ident.MakeMatricule(base)
	if err != nil {
		panic(err)
	}
	return m
}

var (
	mine   = matricule("2602099999001")
	traits = Traits{BirthName: "ZEPHYRINE", FirstNames: "Bonbonnière", BirthDate: "19600229", Sex: "F", BirthPlace: "99999"}
)

func newSpace(t *testing.T) record {
	r := newRecord(t)
	if err := r.enrol(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r record) enrol() error {
	return r.Update(func(w store.Writer) error { return Enrol(w, r.Scope, mine, traits, true, noon) })
}

func (r record) apply(e Event, at time.Time) (sp Space, err error) {
	err = r.Update(func(w store.Writer) error {
		sp, err = Apply(w, r.Scope, e, at)
		return err
	})
	return sp, err
}

func (r record) space() (sp Space, ok bool) {
	r.View(func(rd store.Reader) (err error) {
		sp, ok, err = Load(rd, r.Scope)
		return err
	})
	return sp, ok
}

func TestASpaceIsEnrolledOnce(t *testing.T) {
	r := newSpace(t)
	want := Space{Matricule: mine.Canonical(), Traits: traits, State: policy.Enrolled, Since: noon, Minor: true}
	if got, ok := r.space(); got != want || !ok {
		t.Errorf("Load = %+v, want %+v", got, want)
	}
	if err := r.enrol(); !errors.Is(err, fault.Exists) {
		t.Errorf("a second time gives %v, want Exists", err)
	}
}

func TestNothingPersonalIsOnDiskAndNothingCanBeMoved(t *testing.T) {
	r := newSpace(t)
	for _, p := range r.Rows() {
		for _, word := range []string{"ZEPHYRINE", "Bonbon", mine.Canonical(), "19600229", "99999"} {
			if bytes.Contains(p.Value, []byte(word)) || strings.Contains(p.Key, word) {
				t.Errorf("%s shows %q", p.Key, word)
			}
		}
	}
	other := r.Scope
	other.Part = "part2"
	r.View(func(rd store.Reader) error {
		if _, _, err := Load(rd, other); !errors.Is(err, fault.Corrupt) {
			t.Errorf("in another partition it gives %v, want Corrupt", err)
		}
		return nil
	})
}

func TestEraseLeavesNothing(t *testing.T) {
	r := newSpace(t)
	err := r.Update(func(w store.Writer) error {
		return errors.Join(block(w, r.Scope, thomas, noon), SetChoices(w, r.Scope, Choices{HideHistory: true}),
			Glass{Kind: policy.BrokenGlass, Since: noon}.Grant(w, r.Scope, thomas))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Update(Erase); err != nil {
		t.Fatal(err)
	}
	if rows := r.Rows(); len(rows) != 0 {
		t.Errorf("left are %v", rows)
	}
}

// TestPeopleAreCalledAsTheyWriteIt: registers write in capitals.
func TestPeopleAreCalledAsTheyWriteIt(t *testing.T) {
	for _, c := range []struct{ first, last, name, greeted string }{
		{"DOMINIQUE MARIE-LOUISE", "PAT-TROIS", "Dominique Marie-Louise PAT-TROIS", "Dominique"},
		{"ÉLÉONORE", "D'OR", "Éléonore D'OR", "Éléonore"},
		{"N'GOLO", "ESSAI", "N'Golo ESSAI", "N'Golo"},
		{"Jean-McKay Éric", "de ESSAI", "Jean-McKay Éric de ESSAI", "Jean-McKay"},
		{" ZOÉ  ANNE", "ESSAI", "Zoé  Anne ESSAI", "Zoé"},
		{"", "ESSAI", "ESSAI", "ESSAI"},
		{"ALIX", "", "Alix", "Alix"},
	} {
		n := Traits{FirstNames: c.first, BirthName: c.last}
		if got := n.Name(); got != c.name {
			t.Errorf("%q %q: Name() = %q, want %q", c.first, c.last, got, c.name)
		}
		if got := n.FirstName(); got != c.greeted {
			t.Errorf("%q %q: FirstName() = %q, want %q", c.first, c.last, got, c.greeted)
		}
	}
}
