// Package patient is the record of the life of a space: enrolled, opposed or
// active, closed, archived, erased; whose it is; who counts for the patient,
// and what they may; and what the patient has chosen.
//
// Its keys begin with "pat/":
//
//	pat/space         state and identity, a right
//	pat/insured       what the register of the insured says, a right
//	pat/enrolment     how far its enrolment has come, a right
//	pat/terms         the terms that were accepted, a right
//	pat/contact       how the owner is reached, a right
//	pat/proof         in the partition of a reference: an objection or a closing, a right
//	pat/person/<mac>  one representative or carer, a right
//	pat/helped/<mac>  one person the owner may act for, a right
//	pat/choices       the patient's settings, a right
//	pat/rel/<mac>     the relation with one professional, a right
//	pat/glass/<mac>   the emergency access of one professional, a right
package patient

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A Space is whose it is and where it is in its life.
type Space struct {
	Matricule string // canonical
	Traits    Traits
	State     policy.SpaceState
	Since     time.Time // of the state
	Minor     bool      // said by the operator; counts only where the birth date is not known

	Noticed    time.Time `json:",omitzero"`  // the owner was told that the space will open
	EraseAsked time.Time `json:",omitzero"`  // the owner wants the data gone
	Proof      string    `json:",omitempty"` // reference of the last opposition or closing
}

// Traits are the identity traits (traits d'identité) that go with a matricule.
type Traits struct {
	BirthName  string
	FirstNames string
	BirthDate  string `json:",omitempty"` // YYYYMMDD, 00 where unknown
	Sex        string `json:",omitempty"` // "M" or "F"
	BirthPlace string `json:",omitempty"` // INSEE code
}

// Name is how the person is called in full: the register writes in capitals, people
// write but the last name so.
func (t Traits) Name() string { return strings.TrimSpace(asWritten(t.FirstNames) + " " + t.BirthName) }

// FirstName is how the person is greeted: by the first of their first names, or as
// in Name if there is none.
func (t Traits) FirstName() string {
	first, _, _ := strings.Cut(strings.TrimSpace(t.FirstNames), " ")
	return cmp.Or(asWritten(first), t.BirthName)
}

// asWritten returns names in capitals as people write them, and others as they
// are: somebody has chosen how.
func asWritten(names string) string {
	if names != strings.ToUpper(names) {
		return names
	}
	inside := false
	return strings.Map(func(r rune) rune {
		if inside {
			r = unicode.ToLower(r)
		}
		inside = unicode.IsLetter(r)
		return r
	}, names)
}

// Enrol makes a space, not yet open. A partition that holds one is
// fault.Exists.
func Enrol(w store.Writer, s fact.Scope, m ident.Matricule, t Traits, minor bool, now time.Time) error {
	if _, ok, err := Load(w, s); err != nil || ok {
		return fmt.Errorf("patient: enrol: %w", cmpErr(err, fault.Exists))
	}
	return fact.PutRight(w, s, "pat/space", Space{Matricule: m.Canonical(), Traits: t, State: policy.Enrolled, Since: now, Minor: minor})
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Load reads the space of a partition. ok is false if it holds none.
func Load(r store.Reader, s fact.Scope) (sp Space, ok bool, err error) {
	return fact.GetRight[Space](r, s, "pat/space")
}

// Erase removes the space.
func Erase(w store.Writer) error { return fact.Erase(w, "pat/") }
