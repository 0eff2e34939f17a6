package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// Life makes an event of the life of a space happen, for an operator who says
// that the patient wants it. The end of a space is Erase.
func (h *Hub) Life(ctx context.Context, operator string, a ident.Address, e patient.Event) (patient.Space, error) {
	if e == patient.End {
		return patient.Space{}, fmt.Errorf("hub: life: %w", fault.Invalid)
	}
	var sp patient.Space
	err := h.atMailbox(ctx, a, func(t *tx) (err error) {
		sp, err = h.happen(t, e)
		t.note(byOperator(operator, string(e), ""))
		return err
	})
	return sp, err
}

// lifeNotices are what the owner of a space is told of its life.
var lifeNotices = map[patient.Event]NoticeKind{
	patient.Activate: NoticeOpened, patient.Oppose: NoticeOpposed, patient.Close: NoticeClosed, patient.Reopen: NoticeReopened,
}

// happen makes an event happen in the space of a transaction: nobody stays
// logged in to one that is closed, and its owner is told.
func (h *Hub) happen(t *tx, e patient.Event) (patient.Space, error) {
	sp, err := patient.Apply(t, t.Scope, e, t.now)
	if err == nil && e == patient.Close {
		_, err = account.EndSessions(t, t.Scope, "")
	}
	if kind, ok := lifeNotices[e]; ok && err == nil {
		err = h.notice(t, Notice{Kind: kind})
	}
	return sp, err
}

// CloseSpace closes a space for its owner, or for whoever represents them, who
// has lately proved who they are, and gives the proof of it. With wantsErasure
// what it holds is erased within the legal delay. Those who had an exchange open
// are told nothing: to them it is closed, as to anybody else.
func (h *Hub) CloseSpace(ctx context.Context, a Actor, recordID string, wantsErasure bool) (Proof, error) {
	events := []patient.Event{patient.Close}
	if wantsErasure {
		events = append(events, patient.AskErasure)
	}
	if err := h.proved(ctx, a); err != nil {
		return Proof{}, err
	}
	sp, err := h.changeLife(ctx, a, recordPart(recordID), events...)
	if err != nil {
		return Proof{}, err
	}
	return h.prove(ctx, sp)
}

// proved is a Refusal if an actor has not lately proved who they are.
func (h *Hub) proved(ctx context.Context, a Actor) error {
	return h.view(ctx, a.Part, func(r store.Reader) error { return h.sensitive(r, h.scope(a.Part), a) })
}

// ReopenSpace opens a closed space again, with all it held. Its owner cannot log
// in to one: they come by BeginEnrolment.
func (h *Hub) ReopenSpace(ctx context.Context, a Actor, recordID string) error {
	_, err := h.changeLife(ctx, a, recordPart(recordID), patient.Reopen)
	return err
}

// AskErasure asks for what a closed space holds to be erased, WithdrawErasure
// takes that back while there is time.
func (h *Hub) AskErasure(ctx context.Context, a Actor, recordID string) error {
	if err := h.proved(ctx, a); err != nil {
		return err
	}
	_, err := h.changeLife(ctx, a, recordPart(recordID), patient.AskErasure)
	return err
}

// WithdrawErasure takes back that a space is to be erased.
func (h *Hub) WithdrawErasure(ctx context.Context, a Actor, recordID string) error {
	_, err := h.changeLife(ctx, a, recordPart(recordID), patient.KeepAll)
	return err
}

// changeLife makes events happen in a space, for whoever policy lets decide over
// its life. All of them happen, or none.
func (h *Hub) changeLife(ctx context.Context, a Actor, part store.Part, events ...patient.Event) (sp patient.Space, err error) {
	e := a.entry(policy.LiveSpace, "")
	e.Act = string(events[0])
	ask := func(q *policy.Request) { q.Act = policy.LiveSpace }
	err = h.decideAt(ctx, a, part, e, ask, func(t *tx, _ standing) error {
		for i, event := range events {
			if sp, err = h.happen(t, event); err != nil {
				return err
			}
			if i > 0 {
				e.Act = string(event)
				t.note(e)
			}
		}
		return nil
	})
	return sp, err
}

// LiveOn makes happen what is due in the life of every space: one whose owner
// was told and did not object opens, a closed one is put away, and one whose
// time is over, or whose owner asked for it, is erased; and what lets somebody
// act for another ends in its time. It may be interrupted and repeated. A sealed
// hub does nothing: it cannot sign rights.
func (h *Hub) LiveOn(ctx context.Context) error {
	if h.Sealed() {
		return nil
	}
	var errs []error // one space that fails keeps none of the others
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		if err := h.liveOn(ctx, part); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (h *Hub) liveOn(ctx context.Context, part store.Part) error {
	var sp patient.Space
	var over []patient.Person
	var enrolling bool
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		var known bool
		if sp, known, err = patient.Load(r, h.scope(part)); err != nil || !known {
			return err
		}
		if over, err = patient.Lapsing(r, h.scope(part), sp.IsMinor(h.Now()), h.Now()); err != nil {
			return err
		}
		_, enrolling, err = patient.LoadEnrolment(r, h.scope(part))
		return err
	})
	if err == nil && len(over) > 0 {
		err = h.lapse(ctx, part, sp)
	}
	if err == nil && enrolling {
		err = h.endEnrolment(ctx, part)
	}
	if err != nil {
		return fmt.Errorf("hub: life: %w", err)
	}
	e, due := sp.Due(h.Now(), h.Delays)
	switch {
	case !due:
		return nil
	case e == patient.End:
		a, err := h.addressOf(sp)
		if err != nil {
			return err
		}
		return h.Erase(ctx, audit.SystemActor, a)
	}
	return h.do(ctx, part, func(t *tx) error {
		now, _, err := patient.Load(t, t.Scope)
		if err != nil {
			return err
		}
		if again, due := now.Due(t.now, h.Delays); !due || again != e {
			return nil // the owner was faster
		}
		_, err = h.happen(t, e)
		t.note(byHub(string(e), ""))
		return err
	})
}
