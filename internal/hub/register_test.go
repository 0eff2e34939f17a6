package hub

import (
	"errors"
	"slices"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

func insured(base, name, birth string) InsuredPerson {
	m, err := ident.MakeMatricule(base)
	if err != nil {
		panic(err)
	}
	return InsuredPerson{
		Person: Person{Matricule: m, Traits: patient.Traits{BirthName: name, FirstNames: "Alix", BirthDate: birth, Sex: "F"}},
		Cards:  []VitaleCard{{patient.WithPhoto, "12345 678901"}},
		Mail:   "alix@example.org",
	}
}

func (h *house) register(apply bool, lines ...InsuredPerson) (changes []RegisterChange) {
	h.t.Helper()
	for _, p := range lines {
		c, err := h.CompareInsured(h.t.Context(), p)
		if apply && err == nil {
			c, err = h.ApplyInsured(h.t.Context(), "operator", p)
		}
		if err != nil {
			h.t.Fatal(err)
		}
		if c.New || c.Alone || len(c.Changed) > 0 {
			changes = append(changes, c)
		}
	}
	return changes
}

func TestTheRegisterIsComparedBeforeItIsApplied(t *testing.T) {
	h := newHouse(t)
	mother, child := insured("2852099999011", "MERCIER", "19850000"), insured("1142099999016", "MERCIER", "20140000")
	child.Holder, child.Cards, child.Mail = mother.Matricule, nil, ""

	for _, c := range h.register(false, mother, child) {
		if !c.New {
			t.Errorf("%s is not said to be new", c.Matricule)
		}
	}
	a, err := h.PatientAddress(mother.Matricule)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.state(a.Canonical()); got != policy.None {
		t.Fatalf("comparing has made a space: %s", patient.StateName(got))
	}
	got := h.register(true, child, mother) // the child comes first: its holder is not known yet
	if len(got) != 2 || !got[0].Alone || !got[0].ByPost || got[1].Alone || got[1].ByPost {
		t.Fatalf("applied: %+v", got)
	}
	if got := h.state(a.Canonical()); got != policy.Enrolled {
		t.Fatalf("the space is %s", patient.StateName(got))
	}
	if got := h.register(true, child); len(got) != 0 {
		t.Errorf("given again after its holder: %+v", got)
	}
	if got := h.register(false, mother, child); len(got) != 0 {
		t.Errorf("what is applied still differs: %+v", got)
	}
	if due := h.due(); len(due) != 1 || due[0].Kind != NoticeSpaceMade || due[0].Address != "alix@example.org" {
		t.Errorf("told: %+v", due)
	}
	mother.Traits.BirthName, mother.Mail, mother.Cards = "MERCIER-ROY", "roy@example.org", nil
	got = h.register(false, mother)
	if len(got) != 1 || !slices.Equal(got[0].Changed, []string{"birth_name", "cards", "mail"}) {
		t.Errorf("changes: %+v", got)
	}
	h.register(true, mother)
	if d, err := h.Describe(t.Context(), a); err != nil || d.Space.Traits.BirthName != "MERCIER-ROY" {
		t.Errorf("%+v, %v", d.Space, err)
	}
	h.verifies()
}

func TestALineWithACardThatCannotBeIsRefused(t *testing.T) {
	h := newHouse(t)
	p := insured("2852099999011", "MERCIER", "19850000")
	p.Cards = []VitaleCard{{patient.WithPhoto, "12"}}
	if _, err := h.ApplyInsured(t.Context(), "operator", p); !errors.Is(err, fault.Invalid) {
		t.Errorf("gives %v", err)
	}
}

func TestAMinorIsDescribedByTheirDateOfBirth(t *testing.T) {
	h := newTown(t)
	for _, p := range []InsuredPerson{h.karim, h.lina} {
		d, err := h.Describe(t.Context(), addr(h.address(p)))
		if err != nil || d.Space.Minor != (p.Traits.BirthDate == h.lina.Traits.BirthDate) {
			t.Errorf("born on %s: minor %t, %v", p.Traits.BirthDate, d.Space.Minor, err)
		}
	}
}

func TestARegisterThatLacksAColumnTakesNothingAway(t *testing.T) {
	h := newHouse(t)
	p := insured("2852099999011", "MERCIER", "19850000")
	p.Traits.Sex, p.Traits.BirthPlace = "F", "99999"
	h.register(true, p)
	p.Traits.Sex, p.Traits.BirthPlace, p.Traits.BirthName = "", "", "MERCIER-ROY"
	if got := h.register(true, p); len(got) != 1 || !slices.Equal(got[0].Changed, []string{"birth_name"}) {
		t.Errorf("changes: %+v", got)
	}
	a, err := h.PatientAddress(p.Matricule)
	if err != nil {
		t.Fatal(err)
	}
	d, err := h.Describe(t.Context(), a)
	if got := d.Space.Traits; err != nil || got.Sex != "F" || got.BirthPlace != "99999" || got.BirthName != "MERCIER-ROY" {
		t.Errorf("%+v, %v", got, err)
	}
}
