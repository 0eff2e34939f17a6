// Package patient is the record of the life of a space: enrolled, opposed or
// active, closed, archived, erased; whose it is; and whom the patient has
// blocked.
//
// Its keys begin with "pat/":
//
//	pat/space         state and identity, a fact
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
	Minor     bool      // representatives read for this person
}

// Traits are the identity traits (traits d'identité) that go with a matricule.
type Traits struct {
	BirthName  string
	FirstNames string
	BirthDate  string `json:",omitempty"` // YYYYMMDD, 00 where unknown
	Sex        string `json:",omitempty"` // "M" or "F"
	BirthPlace string `json:",omitempty"` // INSEE code
}

// An Event moves a space from one state to another.
type Event string

// The events of the life of a space (house.md, E).
const (
	Activate Event = "activate" // by the patient, or by itself when the delay of the law is over
	Oppose   Event = "oppose"
	Close    Event = "close"
	Reopen   Event = "reopen"
	Archive  Event = "archive"
)

// transitions is the life of a space as a table: what is not in it cannot be.
var transitions = map[Event]map[policy.SpaceState]policy.SpaceState{
	Activate: {policy.Enrolled: policy.Active, policy.Opposed: policy.Active},
	Oppose:   {policy.Enrolled: policy.Opposed},
	Close:    {policy.Active: policy.Closed},
	Reopen:   {policy.Closed: policy.Active, policy.Archived: policy.Active},
	Archive:  {policy.Closed: policy.Archived},
}

// Events lists the events in the order of a life.
func Events() []Event { return []Event{Activate, Oppose, Close, Reopen, Archive} }

// StateName returns the English word for a state, as operators see it.
func StateName(s policy.SpaceState) string {
	names := [...]string{"none", "enrolled", "opposed", "active", "closed", "archived", "erased"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Enrol makes a space, not yet open. A partition that holds one is
// fault.Exists.
func Enrol(w store.Writer, s fact.Scope, m ident.Matricule, t Traits, minor bool, now time.Time) error {
	if _, ok, err := Load(w, s); err != nil || ok {
		return fmt.Errorf("patient: enrol: %w", cmpErr(err, fault.Exists))
	}
	return fact.Put(w, s, "pat/space", Space{m.Canonical(), t, policy.Enrolled, now, minor})
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Apply makes an event happen. One that the state does not allow is
// fault.Invalid.
func Apply(w store.Writer, s fact.Scope, e Event, now time.Time) (Space, error) {
	sp, ok, err := Load(w, s)
	if err != nil || !ok {
		return sp, fmt.Errorf("patient: %s: %w", e, cmpErr(err, fault.NotFound))
	}
	to, ok := transitions[e][sp.State]
	if !ok {
		return sp, fmt.Errorf("patient: cannot %s a space that is %s: %w", e, StateName(sp.State), fault.Invalid)
	}
	sp.State, sp.Since = to, now
	return sp, fact.Put(w, s, "pat/space", sp)
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
