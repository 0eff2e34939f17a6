package patient

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

var (
	thomas  = Who{RPPS: "10101010101", Address: "eric.thomas@medecin.test"}
	evening = Who{RPPS: "10101010101", Address: "eric.thomas@garde.test"} // the same person
	adam    = Who{RPPS: "20202020202", Address: "hoda.adam@hopital.test"}
	ward    = Who{Address: "secretariat@hopital.test"}
)

func (r record) with(who Who) (n Relation) {
	r.t.Helper()
	r.View(func(rd store.Reader) (err error) {
		n, err = With(rd, r.Scope, who)
		return err
	})
	return n
}

func (r record) set(n Relation) {
	r.t.Helper()
	if err := r.Update(func(w store.Writer) error { return SetRelation(w, r.Scope, n, noon) }); err != nil {
		r.t.Fatal(err)
	}
}

func (r record) block(who Who, on bool) {
	r.t.Helper()
	err := r.Update(func(w store.Writer) error {
		if on {
			return block(w, r.Scope, who, noon)
		}
		return unblock(w, r.Scope, who, noon)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestABlockBarsAPersonInAllTheirMailboxesInOneSpace(t *testing.T) {
	r := newSpace(t)
	for _, on := range []bool{false, true, true, false, false} {
		r.block(thomas, on)
		for who, want := range map[Who]bool{thomas: on, evening: on, adam: false, ward: false} {
			if got := !r.with(who).Blocked.IsZero(); got != want {
				t.Errorf("after block %t: %v is blocked %t, want %t", on, who, got, want)
			}
		}
	}
	if n := len(r.Rows()); n != 1 {
		t.Errorf("a relation of which nothing is left stays: %d rows", n)
	}
	elsewhere := r.Scope
	elsewhere.Part = "part2"
	if thomas.keys(r.Scope)[0] == thomas.keys(elsewhere)[0] {
		t.Error("the key of a relation is the same in two spaces: they can be linked")
	}
}

// TestABlockedMailboxStaysBlockedWhenItsOwnerBecomesKnown: a grant of the time
// before does not open anything, a block of it does shut.
func TestABlockedMailboxStaysBlockedWhenItsOwnerBecomesKnown(t *testing.T) {
	r := newSpace(t)
	unknown := Who{Address: thomas.Address}
	r.block(unknown, true)
	if r.with(thomas).Blocked.IsZero() || !r.with(evening).Blocked.IsZero() {
		t.Error("the block of a mailbox is not that mailbox's")
	}
	r.set(Relation{Who: evening, Consent: Grant{Since: noon}})
	if n := r.with(thomas); n.Blocked.IsZero() || n.Consent.Since.IsZero() {
		t.Errorf("the two are %+v", n)
	}
	r.block(thomas, false)
	if n := r.with(thomas); !n.Blocked.IsZero() || n.Consent.Since.IsZero() {
		t.Errorf("unblocked it is %+v", n)
	}
	if n := r.with(unknown); n != (Relation{}) {
		t.Errorf("the mailbox alone is still %+v", n)
	}
}

func TestAGrantHoldsFromItsBeginningToItsEnd(t *testing.T) {
	at := func(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }
	for _, c := range []struct {
		name string
		g    Grant
		now  time.Time
		want bool
	}{
		{"none was given", Grant{}, at(0), false},
		{"none was given, but it has an end", Grant{Until: at(2)}, at(0), false},
		{"before it begins", Grant{Since: at(1)}, at(0), false},
		{"when it begins", Grant{Since: at(0)}, at(0), true},
		{"long after, without an end", Grant{Since: at(0)}, at(100_000), true},
		{"before its end", Grant{Since: at(0), Until: at(2)}, at(1), true},
		{"at its end", Grant{Since: at(0), Until: at(2)}, at(2), false},
	} {
		if got := c.g.InForce(c.now); got != c.want {
			t.Errorf("%s: in force %t", c.name, got)
		}
	}
}

func TestOneTreatingPhysicianAtATime(t *testing.T) {
	r := newSpace(t)
	r.set(Relation{Who: thomas, Profession: policy.Physician, Role: TreatingPhysician, Administrator: Grant{Since: noon}})
	r.set(Relation{Who: adam, Profession: policy.Physician, Role: TreatingPhysician})
	if n := r.with(thomas); n.Role != "" || n.Administrator.Since.IsZero() {
		t.Errorf("the former one is %+v", n)
	}
	r.set(Relation{Who: thomas, Profession: policy.Physician, Role: TreatingPhysician})
	if n := r.with(adam); n != (Relation{}) {
		t.Errorf("of the one who was nothing else there is %+v", n)
	}
	r.set(Relation{Who: thomas, Profession: policy.Physician, Role: TreatingPhysician, FirstAccess: noon})
	if n := r.with(thomas); n.Role != TreatingPhysician || n.FirstAccess.IsZero() {
		t.Errorf("written again the same is %+v", n)
	}
}

func TestARoleIsForItsProfession(t *testing.T) {
	r := newSpace(t)
	for role, p := range professionOf {
		for _, other := range []policy.Profession{policy.Physician, policy.Midwife, policy.Pharmacist, policy.Optician, ""} {
			err := r.Update(func(w store.Writer) error {
				return SetRelation(w, r.Scope, Relation{Who: adam, Profession: other, Role: role}, noon)
			})
			if fits := other == p; fits && err != nil || !fits && !errors.Is(err, fault.Invalid) {
				t.Errorf("%s for %q gives %v", role, other, err)
			}
		}
	}
	err := r.Update(func(w store.Writer) error {
		return SetRelation(w, r.Scope, Relation{Who: adam, Profession: policy.Physician, Role: "CHEF"}, noon)
	})
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("a role that is none gives %v", err)
	}
	err = r.Update(func(w store.Writer) error { return block(w, r.Scope, Who{}, noon) })
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("a relation with nobody gives %v", err)
	}
}

func TestThePatientsListIsByName(t *testing.T) {
	r := newSpace(t)
	want := []Relation{
		{Who: ward, Name: "Cardiologie", Blocked: noon, Since: noon},
		{Who: adam, Name: "Dr ADAM", Profession: policy.Physician, CareTeamOpposed: noon, Since: noon},
		{Who: thomas, Name: "Dr THOMAS", Profession: policy.Physician, Organisation: "Cabinet",
			CareTeam: Grant{Since: noon, Until: noon.Add(time.Hour), Declared: true}, Since: noon},
	}
	for _, i := range []int{2, 0, 1} {
		r.set(want[i])
	}
	r.View(func(rd store.Reader) error {
		got, err := Relations(rd, r.Scope)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, %s", err, diff)
		}
		return nil
	})
	for _, p := range r.Rows() {
		for _, word := range []string{"THOMAS", "thomas", "Cardio", "10101010101"} {
			if bytes.Contains(p.Value, []byte(word)) {
				t.Errorf("%s shows %q", p.Key, word)
			}
		}
	}
}

func TestWhoHasChosenNothingHasWhatTheLawSays(t *testing.T) {
	r := newSpace(t)
	load := func() (c Choices) {
		r.View(func(rd store.Reader) (err error) {
			c, err = LoadChoices(rd, r.Scope)
			return err
		})
		return c
	}
	if diff := cmp.Diff(Choices{}, load()); diff != "" {
		t.Error(diff)
	}
	for _, n := range Topics() {
		c := Choices{OpposedToCentre15: true, MaskNewDocuments: true, Silenced: []Topic{n}}
		err := r.Update(func(w store.Writer) error { return SetChoices(w, r.Scope, c) })
		if n == OfEmergency {
			if !errors.Is(err, fault.Invalid) {
				t.Errorf("silencing emergencies gives %v", err)
			}
			continue
		}
		if diff := cmp.Diff(c, load()); diff != "" || err != nil {
			t.Errorf("%v, %s", err, diff)
		}
		for _, other := range Topics() {
			if load().Wants(other) != (other != n) {
				t.Errorf("with %s silenced, %s is wanted: %t", n, other, load().Wants(other))
			}
		}
	}
	err := r.Update(func(w store.Writer) error { return SetChoices(w, r.Scope, Choices{Silenced: []Topic{"rain"}}) })
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("silencing what is no kind gives %v", err)
	}
}

func TestAnEmergencyAccessIsOfOnePerson(t *testing.T) {
	r := newSpace(t)
	g := Glass{Kind: policy.BrokenGlass, Since: noon, Until: noon.Add(2 * time.Hour)}
	if err := r.Update(func(w store.Writer) error { return g.Grant(w, r.Scope, thomas) }); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[Who]Glass{thomas: g, evening: g, adam: {}, ward: {}} {
		r.View(func(rd store.Reader) error {
			if got, err := LoadGlass(rd, r.Scope, who); got != want || err != nil {
				t.Errorf("%v has %+v, %v", who, got, err)
			}
			return nil
		})
	}
}

// block bars somebody; unblock lets them in again.
func block(w store.Writer, s fact.Scope, who Who, now time.Time) error {
	return change(w, s, who, now, func(n *Relation) { n.Blocked = now })
}

func unblock(w store.Writer, s fact.Scope, who Who, now time.Time) error {
	return change(w, s, who, now, func(n *Relation) { n.Blocked = time.Time{} })
}

func change(w store.Writer, s fact.Scope, who Who, now time.Time, fn func(*Relation)) error {
	n, err := With(w, s, who)
	if err != nil {
		return err
	}
	n.Who = who
	fn(&n)
	return SetRelation(w, s, n, now)
}
