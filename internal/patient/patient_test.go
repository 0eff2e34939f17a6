package patient

import (
	"bytes"
	"errors"
	"fmt"
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
	want := Space{mine.Canonical(), traits, policy.Enrolled, noon, true}
	if got, ok := r.space(); got != want || !ok {
		t.Errorf("Load = %+v, want %+v", got, want)
	}
	if err := r.enrol(); !errors.Is(err, fault.Exists) {
		t.Errorf("a second time gives %v, want Exists", err)
	}
}

// TestTheLifeOfASpace walks every event in every state that a life can reach:
// the arrows of the table lead where they say, and nothing else moves.
func TestTheLifeOfASpace(t *testing.T) {
	lives := map[policy.SpaceState][]Event{
		policy.Enrolled: {}, policy.Opposed: {Oppose}, policy.Active: {Activate},
		policy.Closed: {Activate, Close}, policy.Archived: {Activate, Close, Archive},
	}
	arrows := map[string]policy.SpaceState{
		"activate enrolled": policy.Active, "activate opposed": policy.Active,
		"oppose enrolled": policy.Opposed,
		"close active":    policy.Closed,
		"reopen closed":   policy.Active, "reopen archived": policy.Active,
		"archive closed": policy.Archived,
	}
	for state, life := range lives {
		for _, e := range Events() {
			r := newSpace(t)
			for _, before := range life {
				if _, err := r.apply(before, noon); err != nil {
					t.Fatal(err)
				}
			}
			later := noon.Add(time.Hour)
			name := fmt.Sprintf("%s %s", e, StateName(state))
			to, allowed := arrows[name]
			got, err := r.apply(e, later)
			kept, _ := r.space()
			switch {
			case allowed && (err != nil || got.State != to || !got.Since.Equal(later) || got != kept):
				t.Errorf("%s: %+v, %v, want %s", name, got, err, StateName(to))
			case !allowed && (!errors.Is(err, fault.Invalid) || kept.State != state || !kept.Since.Equal(noon)):
				t.Errorf("%s: %v, and it is %s now; want Invalid and no change", name, err, StateName(kept.State))
			}
			if kept.Matricule != mine.Canonical() || kept.Traits != traits || !kept.Minor {
				t.Errorf("%s changes whose it is: %+v", name, kept)
			}
		}
	}
}

func TestAnEventNeedsASpace(t *testing.T) {
	r := newRecord(t)
	for _, e := range append(Events(), "no such event") {
		if _, err := r.apply(e, noon); !errors.Is(err, fault.NotFound) {
			t.Errorf("%s gives %v, want NotFound", e, err)
		}
	}
	if _, err := newSpace(t).apply("no such event", noon); !errors.Is(err, fault.Invalid) {
		t.Errorf("an unknown event gives %v, want Invalid", err)
	}
}

func TestEveryStateHasAName(t *testing.T) {
	seen := map[string]bool{}
	for s := policy.None; s <= policy.Erased; s++ {
		name := StateName(s)
		if name == "unknown" || seen[name] {
			t.Errorf("state %d is called %q", s, name)
		}
		seen[name] = true
	}
	if StateName(200) != "unknown" {
		t.Error("a state that is none has a name")
	}
}

func TestABlockBarsOneProfessionalInOneSpace(t *testing.T) {
	r := newSpace(t)
	thomas, _ := ident.ParseAddress("eric.thomas@medecin.test")
	adam, _ := ident.ParseAddress("hoda.adam@hopital.test")
	blocked := func(a ident.Address) (on bool) {
		r.View(func(rd store.Reader) (err error) {
			on, err = Blocked(rd, r.Scope, a)
			return err
		})
		return on
	}
	block := func(on bool) {
		err := r.Update(func(w store.Writer) error {
			if on {
				return Block(w, r.Scope, thomas, noon)
			}
			Unblock(w, r.Scope, thomas)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, on := range []bool{false, true, true, false, false} {
		block(on)
		if blocked(thomas) != on || blocked(adam) {
			t.Errorf("after block %t: %t, and another %t", on, blocked(thomas), blocked(adam))
		}
	}
	block(true)
	elsewhere := r.Scope
	elsewhere.Part = "part2"
	if blockKey(r.Scope, thomas) == blockKey(elsewhere, thomas) {
		t.Error("the key of a block is the same in two spaces: they can be linked")
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
	a, _ := ident.ParseAddress("eric.thomas@medecin.test")
	if err := r.Update(func(w store.Writer) error { return Block(w, r.Scope, a, noon) }); err != nil {
		t.Fatal(err)
	}
	if err := r.Update(Erase); err != nil {
		t.Fatal(err)
	}
	if rows := r.Rows(); len(rows) != 0 {
		t.Errorf("left are %v", rows)
	}
}
