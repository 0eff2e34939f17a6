package patient

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A Who names somebody who cares for the patient. All mailboxes of one person
// are one Who where their RPPS is known; else a mailbox is.
type Who struct {
	RPPS    string `json:",omitempty"`
	Address string // canonical, of the mailbox last seen
}

// A Grant is something that holds from a time on and, where Until is set, to an
// end.
type Grant struct {
	Since    time.Time `json:",omitzero"`
	Until    time.Time `json:",omitzero"`
	Declared bool      `json:",omitempty"` // by the professional, not given by the patient
}

// InForce reports whether the grant holds.
func (g Grant) InForce(now time.Time) bool {
	return !g.Since.IsZero() && !now.Before(g.Since) && (g.Until.IsZero() || now.Before(g.Until))
}

// A Role is one that the patient gives to one professional at a time.
type Role string

// The roles, as the product names them.
const (
	TreatingPhysician       Role = "MEDECIN_TRAITANT"
	ReferringMidwife        Role = "SAGE_FEMME_REFERENTE"
	CorrespondingPharmacist Role = "PHARMACIEN_CORRESPONDANT"
)

// professionOf says who may have a role.
var professionOf = map[Role]policy.Profession{
	TreatingPhysician: policy.Physician, ReferringMidwife: policy.Midwife, CorrespondingPharmacist: policy.Pharmacist,
}

// Suits reports whether the role is one that somebody of that profession may
// be given.
func (r Role) Suits(p policy.Profession) bool { return p != "" && professionOf[r] == p }

// A Relation is what stands between a patient and one who cares for them: how
// the patient sees that person in their list of professionals (CSP L.1111-19),
// and what decides what that person reads. The zero Relation gives nothing.
type Relation struct {
	Who          Who
	Name         string            `json:",omitempty"`
	Profession   policy.Profession `json:",omitempty"`
	Organisation string            `json:",omitempty"`

	Blocked         time.Time `json:",omitzero"` // since then, by the patient
	Consent         Grant     `json:",omitzero"` // to this person, express
	CareTeam        Grant     `json:",omitzero"` // declared membership; of this person alone, not of their establishment
	CareTeamOpposed time.Time `json:",omitzero"` // the patient objects to that presumption
	Administrator   Grant     `json:",omitzero"` // full rights, given by the patient
	Role            Role      `json:",omitempty"`

	FirstAccess time.Time `json:",omitzero"` // to the record
	Since       time.Time // the patient's list has this person
}

// stands reports whether anything is left of the relation.
func (n Relation) stands() bool {
	return !n.Blocked.IsZero() || n.Consent != Grant{} || n.CareTeam != Grant{} || !n.CareTeamOpposed.IsZero() ||
		n.Administrator != Grant{} || n.Role != "" || !n.FirstAccess.IsZero()
}

const relationPrefix = "pat/rel/"

func relationKey(s fact.Scope, kind, name string) string {
	mac := s.Key.MAC("patient/relation", string(s.Part), kind, name)
	return relationPrefix + hex.EncodeToString(mac[:16])
}

// keys returns where the relation with who is kept, and where it may be of a
// time when their RPPS was not known.
func (w Who) keys(s fact.Scope) []string {
	var keys []string
	if w.RPPS != "" {
		keys = append(keys, relationKey(s, "rpps", w.RPPS))
	}
	if w.Address != "" {
		keys = append(keys, relationKey(s, "address", w.Address))
	}
	return keys
}

// With reads the relation with somebody; the zero Relation if there is none. A
// mailbox that was blocked stays so when its owner becomes known by name.
func With(r store.Reader, s fact.Scope, who Who) (n Relation, err error) {
	for i, key := range who.keys(s) {
		found, ok, err := fact.GetRight[Relation](r, s, key)
		switch {
		case err != nil:
			return Relation{}, err
		case !ok:
		case i == 0 || n.Since.IsZero():
			n = found
		default:
			n.Blocked = laterOf(n.Blocked, found.Blocked)
			n.CareTeamOpposed = laterOf(n.CareTeamOpposed, found.CareTeamOpposed)
		}
	}
	return n, nil
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// SetRelation writes what a relation has become, in place of all that With
// reads for that person. One of which nothing is left is gone. A role that
// another has is taken from them; one that does not suit the profession is
// fault.Invalid.
func SetRelation(w store.Writer, s fact.Scope, n Relation, now time.Time) error {
	keys := n.Who.keys(s)
	switch {
	case len(keys) == 0:
		return fmt.Errorf("patient: relation with nobody: %w", fault.Invalid)
	case n.Role != "" && !n.Role.Suits(n.Profession):
		return fmt.Errorf("patient: a role of another profession: %w", fault.Invalid)
	case n.Role != "":
		if err := vacate(w, s, n.Role, keys); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := fact.DeleteRight(w, s, key); err != nil {
			return err
		}
	}
	if !n.stands() {
		return nil
	}
	if n.Since.IsZero() {
		n.Since = now
	}
	return fact.PutRight(w, s, keys[0], n)
}

// vacate takes a role from whoever has it, but for those at keys.
func vacate(w store.Writer, s fact.Scope, role Role, except []string) error {
	all, err := Relations(w, s)
	if err != nil {
		return err
	}
	for _, n := range all {
		key := n.Who.keys(s)[0]
		if n.Role != role || slices.Contains(except, key) {
			continue
		}
		if n.Role = ""; n.stands() {
			err = fact.PutRight(w, s, key, n)
		} else {
			err = fact.DeleteRight(w, s, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Relations lists those who count for the patient, by name.
func Relations(r store.Reader, s fact.Scope) (list []Relation, err error) {
	for n, err := range fact.AllRights[Relation](r, s, relationPrefix) {
		if err != nil {
			return nil, err
		}
		if len(n.Who.keys(s)) > 0 {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b Relation) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Who.Address, b.Who.Address))
	})
	return list, nil
}

// Blocked reports whether the patient has barred somebody.
func Blocked(r store.Reader, s fact.Scope, who Who) (bool, error) {
	n, err := With(r, s, who)
	return !n.Blocked.IsZero(), err
}
