package patient

import (
	"encoding/hex"
	"fmt"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Person may act in somebody else's space: a legal representative (L.1111-2
// CSP), until majority, or a carer (aidant) whom the owner has chosen, for what
// and for as long as the owner said. Everything they do is attributed to them.
type Person struct {
	Part    store.Part // of their own space
	Address string     // canonical, of their own mailbox
	Name    string     // as it is shown; of who was invited, once they have accepted
	Kind    PersonKind
	Scope   Scope     `json:",omitzero"` // of a carer
	Until   time.Time `json:",omitzero"` // of a carer: the end
	State   LinkState
	Since   time.Time // of the state
	By      string    // who made the link: an address, or the register
}

// A PersonKind is in what right somebody acts for another.
type PersonKind string

// The kinds.
const (
	Representative PersonKind = "representative"
	Carer          PersonKind = "carer"
)

// A Scope is what a carer may do. Nothing is implied by anything else.
type Scope struct {
	ReadDocuments bool `json:",omitempty"`
	ReadMessages  bool `json:",omitempty"`
	WriteMessages bool `json:",omitempty"`
	Agenda        bool `json:",omitempty"`
	Profile       bool `json:",omitempty"`
	Trail         bool `json:",omitempty"`
}

// A LinkState is how far a link between two people has come.
type LinkState string

// The states. Only an accepted link lets anybody act.
const (
	Invited  LinkState = "invited"
	Accepted LinkState = "accepted"
	Refused  LinkState = "refused"
	Expired  LinkState = "expired"
	Ended    LinkState = "ended"
)

const (
	// MaxCarers is how many carers a person may have at a time.
	MaxCarers = 3
	// MaxHelped is how many people one may be the carer of.
	MaxHelped = 5

	// InvitationLife is how long an invitation waits for its answer.
	InvitationLife = 14 * 24 * time.Hour
)

// InForce reports whether the person may act now.
func (p Person) InForce(now time.Time) bool {
	return p.State == Accepted && (p.Until.IsZero() || now.Before(p.Until))
}

// waits reports whether an invitation still waits for its answer.
func (p Person) waits(now time.Time) bool {
	return p.State == Invited && now.Sub(p.Since) < InvitationLife
}

func personKey(s fact.Scope, part store.Part) string {
	mac := s.Key.MAC("patient/person", string(s.Part), string(part))
	return "pat/person/" + hex.EncodeToString(mac[:16])
}

// Persons lists who may act, or was asked to, in a space, in no order.
func Persons(r store.Reader, s fact.Scope) ([]Person, error) {
	return fact.Collect(fact.AllRights[Person](r, s, "pat/person/"))
}

// PersonOf reads the link to somebody's space. ok is false if there is none.
func PersonOf(r store.Reader, s fact.Scope, part store.Part) (p Person, ok bool, err error) {
	return fact.GetRight[Person](r, s, personKey(s, part))
}

// Represent makes somebody a legal representative, as the register or an act of
// justice says.
func Represent(w store.Writer, s fact.Scope, p Person, now time.Time) error {
	p.Kind, p.State, p.Since, p.Scope, p.Until = Representative, Accepted, now, Scope{}, time.Time{}
	return fact.PutRight(w, s, personKey(s, p.Part), p)
}

// Invite asks somebody to act for the owner of a space: a carer, within a scope
// and until a time, or a second representative. One more than MaxCarers is
// fault.Quota, somebody who is linked already is fault.Exists; a carer without a
// scope or without an end to come is fault.Invalid.
func Invite(w store.Writer, s fact.Scope, p Person, now time.Time) error {
	switch p.Kind {
	case Carer:
		if (p.Scope == Scope{}) || !now.Before(p.Until) {
			return fmt.Errorf("patient: invite: %w", fault.Invalid)
		}
	case Representative:
		p.Scope, p.Until = Scope{}, time.Time{}
	default:
		return fmt.Errorf("patient: invite: %w", fault.Invalid)
	}
	list, err := Persons(w, s)
	if err != nil {
		return err
	}
	carers := 0
	for _, q := range list {
		live := q.InForce(now) || q.waits(now)
		if live && q.Part == p.Part {
			return fmt.Errorf("patient: invite: %w", fault.Exists)
		}
		if live && q.Kind == Carer {
			carers++
		}
	}
	if p.Kind == Carer && carers >= MaxCarers {
		return fmt.Errorf("patient: invite: %w", fault.Quota)
	}
	p.State, p.Since = Invited, now
	return fact.PutRight(w, s, personKey(s, p.Part), p)
}

// Answer accepts or refuses an invitation. Only who accepts is known by name to
// those who invited them. One that does not wait any more is fault.NotFound.
func Answer(w store.Writer, s fact.Scope, part store.Part, name string, accept bool, now time.Time) (Person, error) {
	p, ok, err := PersonOf(w, s, part)
	if err != nil || !ok || !p.waits(now) {
		return p, fmt.Errorf("patient: answer: %w", cmpErr(err, fault.NotFound))
	}
	p.State, p.Since = Refused, now
	if accept {
		p.State, p.Name = Accepted, name
	}
	return p, fact.PutRight(w, s, personKey(s, part), p)
}

// EndLink ends what lets somebody act, whoever of the two wants it. Nothing to
// end is fault.NotFound.
func EndLink(w store.Writer, s fact.Scope, part store.Part, now time.Time) (Person, error) {
	p, ok, err := PersonOf(w, s, part)
	if err != nil || !ok || p.State != Accepted && p.State != Invited {
		return p, fmt.Errorf("patient: end of a link: %w", cmpErr(err, fault.NotFound))
	}
	p.State, p.Since = Ended, now
	return p, fact.PutRight(w, s, personKey(s, part), p)
}

// Lapse ends what time has ended: it marks carers and invitations whose time is
// over as expired, and the representatives of an owner who is of age as ended. It
// returns those it has changed.
func Lapse(w store.Writer, s fact.Scope, minor bool, now time.Time) (changed []Person, err error) {
	list, err := Lapsing(w, s, minor, now)
	for _, p := range list {
		switch p.State {
		case Accepted:
			p.State = Ended
			if p.Kind == Carer {
				p.State = Expired
			}
		default:
			p.State = Expired
		}
		p.Since = now
		if err := fact.PutRight(w, s, personKey(s, p.Part), p); err != nil {
			return nil, err
		}
		changed = append(changed, p)
	}
	return changed, err
}

// Lapsing lists what Lapse would change, as it is before.
func Lapsing(r store.Reader, s fact.Scope, minor bool, now time.Time) (over []Person, err error) {
	list, err := Persons(r, s)
	for _, p := range list {
		ofAge := p.Kind == Representative && !minor && (p.State == Accepted || p.State == Invited)
		if ofAge || p.State == Accepted && !p.InForce(now) || p.State == Invited && !p.waits(now) {
			over = append(over, p)
		}
	}
	return over, err
}

// Live reports whether a link lets somebody act now, or may come to.
func (p Person) Live(now time.Time) bool { return p.InForce(now) || p.waits(now) }

// A Helped is somebody for whom the owner of a space may act: what the helper's
// own space knows of it. Whether they may is said in the other space.
type Helped struct {
	Part    store.Part // of the helped person's space
	Address string     // canonical
	Name    string
	Kind    PersonKind
	Waiting bool `json:",omitempty"` // an invitation that has no answer yet
}

// maxWaiting bounds the invitations that wait for one person's answer.
const maxWaiting = 20

func helpedKey(s fact.Scope, part store.Part) string {
	mac := s.Key.MAC("patient/helped", string(s.Part), string(part))
	return "pat/helped/" + hex.EncodeToString(mac[:16])
}

// Help notes for whom the owner may act, or is invited to. One more than
// MaxHelped is fault.Quota.
func Help(w store.Writer, s fact.Scope, h Helped) error {
	list, err := AllHelped(w, s)
	if err != nil {
		return err
	}
	carers, waiting := 0, 0
	for _, other := range list {
		switch {
		case other.Part == h.Part:
		case other.Waiting:
			waiting++
		case other.Kind == Carer:
			carers++
		}
	}
	if h.Waiting && waiting >= maxWaiting || !h.Waiting && h.Kind == Carer && carers >= MaxHelped {
		return fmt.Errorf("patient: help: %w", fault.Quota)
	}
	return fact.PutRight(w, s, helpedKey(s, h.Part), h)
}

// Unhelp forgets that.
func Unhelp(w store.Writer, s fact.Scope, part store.Part) error {
	return fact.DeleteRight(w, s, helpedKey(s, part))
}

// AllHelped lists for whom the owner may act, as far as their own space knows.
func AllHelped(r store.Reader, s fact.Scope) ([]Helped, error) {
	return fact.Collect(fact.AllRights[Helped](r, s, "pat/helped/"))
}
