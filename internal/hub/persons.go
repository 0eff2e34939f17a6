package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// Those who act for the owner of a space. The truth of it is in that space; the
// helper's own space has a hint of where to look, which is written before and
// removed after, so that a link is never without it. A hint without its link
// shows nothing.

// An Invitation is what somebody is asked to be.
type Invitation struct {
	Kind  patient.PersonKind
	Scope patient.Scope // of a carer
	Until time.Time     // of a carer: the end
}

// A HelpedPerson is somebody for whom an actor may act, or is asked to.
type HelpedPerson struct {
	Record string // ID
	Name   string
	Link   patient.Person // what the actor may do there, and until when
	Ends   time.Time      // when it ends by itself, at the majority of a child or the end of a carer; zero where nobody knows
}

const maxInvitations = 20 // of one person, in a day

var (
	onlyForMinors = Refusal{Rule: "delegation/only-minors-are-represented", Kind: fault.Denied,
		FR: "Seul le représentant légal d'un mineur peut en inviter un second.", EN: "Only the legal representative of a minor may invite a second one."}
	representativesStay = Refusal{Rule: "delegation/representatives-stay", Kind: fault.Denied,
		FR: "Un représentant légal ne peut être retiré que par lui-même ou par qui l'a invité.", EN: "A legal representative is only removed by themselves or by who invited them."}
)

// Invite asks the owner of another space to help in this one, or to represent its
// owner too. One who has no open space is fault.NotFound, and is counted like a
// refused recipient. The invited are told that an invitation waits, and find it
// in their own space.
func (h *Hub) Invite(ctx context.Context, a Actor, recordID string, invited ident.Address, n Invitation) error {
	part := recordPart(recordID)
	if err := h.proved(ctx, a); err != nil {
		return err
	}
	f, d, err := h.stand(ctx, a, part, policy.Delegate)
	switch {
	case err != nil:
		return err
	case !d.Allow:
		return h.refused(ctx, part, a.entry(policy.Delegate, ""), a, d)
	case n.Kind == patient.Representative && (a.Part == part || !f.space.IsMinor(h.Now())):
		return &onlyForMinors
	}
	p := patient.Person{Address: invited.Canonical(), Kind: n.Kind, Scope: n.Scope, Until: n.Until, By: a.Address.Canonical()}
	if p.Part, err = h.invited(ctx, a, invited); err != nil {
		return err
	}
	if p.Part == part || p.Part == a.Part {
		return fmt.Errorf("hub: invite: oneself: %w", fault.Invalid)
	}
	hint, err := h.helpedIn(part, f.space, n.Kind)
	if err != nil {
		return err
	}
	hint.Waiting = true
	if err := h.hintHelped(ctx, p.Part, hint); err != nil {
		return err
	}
	e := a.did("invite", p.Address)
	ask := func(q *policy.Request) { q.Act = policy.Delegate }
	err = h.decideAt(ctx, a, part, e, ask, func(t *tx, _ standing) error { return patient.Invite(t, t.Scope, p, t.now) })
	if err != nil {
		return err
	}
	return h.do(ctx, p.Part, func(t *tx) error {
		e.Object, e.OnBehalf = "", f.space.Traits.Name()
		t.note(e)
		return h.notice(t, Notice{Kind: NoticeDelegation})
	})
}

// invited finds the space of somebody who is asked to help, for one who does not
// invite too many.
func (h *Hub) invited(ctx context.Context, a Actor, invited ident.Address) (store.Part, error) {
	if err := h.countCode("invite "+string(a.Part), maxInvitations); err != nil {
		return "", err
	}
	if err := h.throttleSender(a, 1, 0); err != nil {
		return "", err
	}
	part, err := h.partOf(ctx, invited)
	if err != nil {
		return "", err
	}
	sp, err := h.spaceOf(ctx, part)
	if err == nil && sp.State != policy.Active {
		err = errors.Join(h.throttleSender(a, 0, 1), fmt.Errorf("hub: invite: %w", fault.NotFound))
	}
	return part, err
}

// helpedIn makes the hint to somebody's space, of one who acts there.
func (h *Hub) helpedIn(part store.Part, sp patient.Space, kind patient.PersonKind) (patient.Helped, error) {
	address, err := h.addressOf(sp)
	return patient.Helped{Part: part, Address: address.Canonical(), Name: sp.Traits.Name(), Kind: kind}, err
}

// hintHelped writes into somebody's space for whom they may act, or are asked to.
// Hints that lead to nothing any more make room first.
func (h *Hub) hintHelped(ctx context.Context, helper store.Part, n patient.Helped) error {
	write := func() error {
		return h.commit(ctx, helper, func(t *tx) error {
			list, err := patient.AllHelped(t, t.Scope)
			for _, old := range list {
				if old.Part == n.Part && !old.Waiting && n.Waiting {
					return err // a link in force is no invitation; Invite will say so
				}
			}
			return errors.Join(err, patient.Help(t, t.Scope, n))
		})
	}
	err := write()
	if !errors.Is(err, fault.Quota) {
		return err
	}
	if _, err := h.helped(ctx, helper, true); err != nil {
		return err
	}
	return write()
}

// AnswerInvitation accepts or declines the invitation to act in a space. One that
// does not wait any more is fault.NotFound; who helps patient.MaxHelped people
// already is told fault.Quota.
func (h *Hub) AnswerInvitation(ctx context.Context, a Actor, recordID string, accept bool) error {
	part := recordPart(recordID)
	var link patient.Person
	var sp patient.Space
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		var errs [2]error
		sp, _, errs[0] = patient.Load(r, h.scope(part))
		link, _, errs[1] = patient.PersonOf(r, h.scope(part), a.Part)
		return errors.Join(errs[:]...)
	})
	if err != nil {
		return err
	}
	if a.Role != policy.Patient || link.State != patient.Invited || !link.Live(h.Now()) {
		return fmt.Errorf("hub: answer: %w", fault.NotFound)
	}
	if accept {
		hint, err := h.helpedIn(part, sp, link.Kind)
		if err != nil {
			return err
		}
		if err := h.hintHelped(ctx, a.Part, hint); err != nil {
			return err
		}
	}
	e := a.did("decline-invitation", "")
	if accept {
		e = a.did("accept-invitation", "")
	}
	err = h.do(ctx, part, func(t *tx) error {
		t.note(e)
		_, err := patient.Answer(t, t.Scope, a.Part, a.Name, accept, t.now)
		return err
	})
	if err != nil {
		return err
	}
	e.OnBehalf = sp.Traits.Name()
	return h.do(ctx, a.Part, func(t *tx) error {
		t.note(e)
		if accept {
			return nil
		}
		return patient.Unhelp(t, t.Scope, part)
	})
}

// EndPerson ends what lets somebody act in a space, or takes their invitation
// back: for the owner, or for the one who acts. personID is the ID of that one's
// own record, as Persons has it. Nothing to end is fault.NotFound.
func (h *Hub) EndPerson(ctx context.Context, a Actor, recordID, personID string) error {
	part, person := recordPart(recordID), recordPart(personID)
	e := a.did("end-person", "")
	end := func(t *tx) error {
		p, err := patient.EndLink(t, t.Scope, person, t.now)
		if err == nil && p.Kind == patient.Representative && person != a.Part && p.By != a.Address.Canonical() {
			return &representativesStay
		}
		t.trail[len(t.trail)-1].Object = p.Address
		return err
	}
	sp, err := h.spaceOf(ctx, part)
	if err != nil {
		return err
	}
	if person == a.Part && part != a.Part {
		err = h.do(ctx, part, func(t *tx) error {
			t.note(e)
			return end(t)
		})
	} else {
		ask := func(q *policy.Request) { q.Act = policy.Delegate }
		err = h.decideAt(ctx, a, part, e, ask, func(t *tx, _ standing) error { return end(t) })
	}
	if err != nil {
		return err
	}
	e.OnBehalf = sp.Traits.Name()
	return h.unhelp(ctx, person, part, e)
}

// unhelp removes the hint of a link that has ended, and writes into the trail of
// the one who acted how it ended.
func (h *Hub) unhelp(ctx context.Context, helper, helped store.Part, e audit.Entry) error {
	sp, err := h.spaceOf(ctx, helper)
	if err != nil || sp.State == policy.None {
		return err // gone meanwhile, with all they had
	}
	return h.do(ctx, helper, func(t *tx) error {
		t.note(e)
		return patient.Unhelp(t, t.Scope, helped)
	})
}

// Persons lists who may act in a space, may have been, or is invited to, for
// whoever decides over that. It goes into the trail first, once a session.
func (h *Hub) Persons(ctx context.Context, a Actor, recordID string) (list []patient.Person, err error) {
	part := recordPart(recordID)
	_, d, err := h.stand(ctx, a, part, policy.Delegate)
	switch {
	case err != nil:
		return nil, err
	case !d.Allow:
		return nil, h.refused(ctx, part, a.entry(policy.Delegate, ""), a, d)
	}
	err = h.once(a, part, policy.ManageAccess.String(), func() error {
		return h.note(ctx, part, decided(a.entry(policy.ManageAccess, ""), d))
	})
	if err != nil {
		return nil, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		list, err = patient.Persons(r, h.scope(part))
		return err
	})
	return list, err
}

// Helped lists for whom an actor may act now, or is asked to.
func (h *Hub) Helped(ctx context.Context, a Actor) ([]HelpedPerson, error) {
	return h.helped(ctx, a.Part, false)
}

// helped follows the hints in a helper's space; with prune it removes those that
// lead to nothing any more.
func (h *Hub) helped(ctx context.Context, helper store.Part, prune bool) (list []HelpedPerson, err error) {
	var hints []patient.Helped
	err = h.view(ctx, helper, func(r store.Reader) error {
		hints, err = patient.AllHelped(r, h.scope(helper))
		return err
	})
	if err != nil {
		return nil, err
	}
	var dead []store.Part
	for _, n := range hints {
		var f standing
		err := h.view(ctx, n.Part, func(r store.Reader) error {
			f, err = h.standing(r, n.Part, Actor{Role: policy.Patient, Part: helper})
			return err
		})
		if err != nil {
			return nil, err
		}
		over := f.person.Kind == patient.Representative && !f.space.IsMinor(h.Now())
		if over || !f.person.Live(h.Now()) {
			dead = append(dead, n.Part)
			continue
		}
		ends := f.person.Until
		if f.person.Kind == patient.Representative {
			ends, _ = f.space.Majority()
		}
		list = append(list, HelpedPerson{string(n.Part), n.Name, f.person, ends})
	}
	if !prune || len(dead) == 0 {
		return list, nil
	}
	return list, h.commit(ctx, helper, func(t *tx) error {
		for _, part := range dead {
			if err := patient.Unhelp(t, t.Scope, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// lapse ends what time has ended in a space: carers and invitations whose time is
// over, and the representatives of somebody who is of age now, who is told.
func (h *Hub) lapse(ctx context.Context, part store.Part, sp patient.Space) error {
	var over []patient.Person
	err := h.do(ctx, part, func(t *tx) (err error) {
		over, err = patient.Lapse(t, t.Scope, sp.IsMinor(t.now), t.now)
		ofAge := false
		for _, p := range over {
			t.note(byHub("lapse-person", p.Address))
			ofAge = ofAge || p.Kind == patient.Representative && p.State == patient.Ended
		}
		if err != nil || !ofAge {
			return err
		}
		return h.notice(t, Notice{Kind: NoticeOfAge})
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range over {
		e := byHub("lapse-person", "")
		e.OnBehalf = sp.Traits.Name()
		errs = append(errs, h.unhelp(ctx, p.Part, part, e))
	}
	return errors.Join(errs...)
}
