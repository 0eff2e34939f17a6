// Package patient is the record of the life of a space: enrolled, opposed or
// active, closed, archived, erased; whose it is; and whom the patient has
// blocked.
//
// Its keys begin with "pat/":
//
//	pat/space         state and identity, a fact
//	pat/insured       what the register of the insured says, a fact
//	pat/person/<mac>  one representative or carer, a fact
//	pat/helped/<mac>  one person the owner may act for, a fact
//	pat/block/<mac>   one professional the patient has blocked, a fact
package patient

import (
	"encoding/hex"
	"fmt"
	"time"

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

// Enrol makes a space, not yet open. A partition that holds one is
// fault.Exists.
func Enrol(w store.Writer, s fact.Scope, m ident.Matricule, t Traits, minor bool, now time.Time) error {
	if _, ok, err := Load(w, s); err != nil || ok {
		return fmt.Errorf("patient: enrol: %w", cmpErr(err, fault.Exists))
	}
	return fact.Put(w, s, "pat/space", Space{Matricule: m.Canonical(), Traits: t, State: policy.Enrolled, Since: now, Minor: minor})
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Load reads the space of a partition. ok is false if it holds none.
func Load(r store.Reader, s fact.Scope) (sp Space, ok bool, err error) {
	return fact.Get[Space](r, s, "pat/space")
}

func blockKey(s fact.Scope, a ident.Address) string {
	mac := s.Key.MAC("patient/block", string(s.Part), a.Canonical())
	return "pat/block/" + hex.EncodeToString(mac[:16])
}

// Block bars a professional; Unblock lets them in again.
func Block(w store.Writer, s fact.Scope, a ident.Address, now time.Time) error {
	return fact.Put(w, s, blockKey(s, a), now)
}

// Unblock ends a block. One that does not exist is not an error.
func Unblock(w store.Writer, s fact.Scope, a ident.Address) { w.Delete(blockKey(s, a)) }

// Blocked reports whether the patient has barred a professional.
func Blocked(r store.Reader, s fact.Scope, a ident.Address) (bool, error) {
	b, err := r.Get(blockKey(s, a))
	return b != nil, err
}

// Erase removes the space.
func Erase(w store.Writer) error { return fact.Erase(w, "pat/") }
