package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// UndoTime is how long a mail that was sent may be taken back, where Limits name
// no other time.
const UndoTime = 20 * time.Second

// leavingFlag marks a draft that is about to leave, for mail programs.
const leavingFlag = "$Leaving"

// Unreachable is the error of a mail that may not leave because of whom it is
// for: each of those with the reason. It is for all of them or for none.
type Unreachable struct{ Who []Unreached }

// An Unreached is an addressee who may not be written to, and why: a *Refusal, or
// what CheckRecipient gives beside it.
type Unreached struct {
	Address message.Address
	Err     error
}

// Error implements error. It names nobody.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("hub: %d addressees may not be written to", len(u.Who))
}

// Unwrap gives the reason of the first.
func (u *Unreachable) Unwrap() error { return u.Who[0].Err }

// SendDraft lets a draft leave. It is decided now whether it may, and again when
// it does; until the time that is returned its writer may take it back. Asked
// again it changes nothing. A draft for nobody is fault.Invalid, one of which an
// addressee may not be written to *Unreachable, one that has left fault.Conflict.
func (h *Hub) SendDraft(ctx context.Context, a Actor, id MessageID) (leaves time.Time, err error) {
	err = h.atDrafts(ctx, a, func(m *Mailbox) error {
		for range 3 {
			leaves, err = m.sendDraft(ctx, id)
			if !errors.Is(err, errDraftMoved) {
				return err
			}
		}
		return fmt.Errorf("hub: send: saved elsewhere: %w", fault.Conflict)
	})
	return leaves, err
}

func (m *Mailbox) sendDraft(ctx context.Context, id MessageID) (leaves time.Time, err error) {
	k, err := m.keptDraft(ctx, id)
	switch {
	case err != nil:
		return leaves, err
	case k == nil:
		return leaves, m.h.whereDraftWent(ctx, m.actor, id)
	case !k.Leaves.IsZero():
		return k.Leaves, nil
	case k.foreign: // as another program wrote it, it may lack what a mail that leaves needs
		if _, err := m.saveDraft(ctx, k.Draft, DraftChange{}, 0); err != nil {
			return leaves, err
		}
		if k, err = m.keptDraft(ctx, id); err != nil || k == nil {
			return leaves, errors.Join(errDraftMoved, err)
		}
	}
	if err := m.h.mayLeave(ctx, m.actor, k); err != nil {
		return leaves, err
	}
	return m.letLeave(ctx, k)
}

// whereDraftWent tells of a draft that is not there whether it has left.
func (h *Hub) whereDraftWent(ctx context.Context, a Actor, id MessageID) error {
	return h.view(ctx, a.Part, func(r store.Reader) error {
		if err := h.editable(r, a.Part, id); err != nil {
			return err
		}
		return fmt.Errorf("hub: draft: %w", fault.NotFound)
	})
}

// mayLeave decides whether a draft may leave: whom it is for, how large it is,
// and what its files are.
func (h *Hub) mayLeave(ctx context.Context, a Actor, k *keptDraft) error {
	if len(k.To)+len(k.Cc) == 0 {
		return fmt.Errorf("hub: send: to nobody: %w", fault.Invalid)
	}
	refused := &Unreachable{}
	patients, others := 0, 0
	for _, one := range slices.Concat(k.To, k.Cc) {
		address, err := ident.ParseAddress(one.Spec())
		if err == nil {
			err = h.CheckRecipient(ctx, a, address)
		}
		if h.isPatient(address) {
			patients++
		} else {
			others++
		}
		switch fault.Of(err) {
		case "":
		case fault.Denied, fault.NotFound, fault.Invalid, fault.Quota:
			refused.Who = append(refused.Who, Unreached{one, err})
		default:
			return err
		}
	}
	if len(refused.Who) > 0 {
		return refused
	}
	if patients > 0 && k.Size > h.Limits.PatientMail {
		return fmt.Errorf("hub: send: to a patient: %w", fault.TooLarge)
	}
	if patients > 0 && k.marks&fromHidden != 0 {
		return errHiddenToPatient
	}
	if patients > 0 && k.marks&fromSecret != 0 {
		return errSecretToPatient
	}
	if others > 0 && k.marks&fromMasked != 0 && a.Role != policy.Patient {
		return errMaskedToProfessional
	}
	return nil
}

// letLeave writes down, durably, when a draft leaves, and marks it.
func (m *Mailbox) letLeave(ctx context.Context, k *keptDraft) (leaves time.Time, err error) {
	h, a := m.h, m.actor
	if err := h.hint(ctx, outbox.Departing, a.Part); err != nil {
		return leaves, err
	}
	err = h.do(ctx, a.Part, func(t *tx) error {
		if err := h.editable(t, a.Part, k.ID); err != nil {
			return err
		}
		uids, err := m.draftUIDs(t, k.ID)
		if err != nil {
			return err
		}
		if !slices.Equal(uids, k.uids) {
			return errDraftMoved
		}
		leaves = t.now.Add(cmp.Or(h.Limits.Undo, UndoTime))
		if _, err := m.book.SetFlags(t.Writer, mailbox.Drafts, uids, mailbox.AddFlags, mailbox.Flags{Keywords: []string{leavingFlag}}); err != nil {
			return err
		}
		return outbox.PutDeparture(t, t.Scope, outbox.Departure{
			ID: string(k.ID), Stage: outbox.Waiting, At: leaves, Writer: a.Name, Device: a.Device, Session: a.Session, Member: a.person(),
		}, t.now)
	})
	if err == nil {
		h.departures.remember(a.Part, leaves)
	}
	return leaves, err
}

// TakeBack makes a mail that was sent a draft again. Once it leaves it is
// fault.Conflict; one that was not sent is left as it is.
func (h *Hub) TakeBack(ctx context.Context, a Actor, id MessageID) error {
	return h.atDrafts(ctx, a, func(m *Mailbox) error {
		return h.do(ctx, a.Part, func(t *tx) error {
			d, ok, err := outbox.FindDeparture(t, t.Scope, string(id))
			switch {
			case err != nil || !ok || d.Stage == outbox.Returned:
				return err
			case d.Stage != outbox.Waiting || !t.now.Before(d.At):
				return errDraftLeft
			}
			outbox.DropDeparture(t, string(id))
			return m.unmark(t, id)
		})
	})
}

// unmark takes off a draft the mark of one that leaves.
func (m *Mailbox) unmark(t *tx, id MessageID) error {
	uids, err := m.draftUIDs(t, id)
	if err != nil || len(uids) == 0 {
		return err
	}
	_, err = m.book.SetFlags(t.Writer, mailbox.Drafts, uids, mailbox.RemoveFlags, mailbox.Flags{Keywords: []string{leavingFlag}})
	return err
}

// A Passage is what became of a mail that was sent.
type Passage struct {
	Leaves time.Time // it may be taken back until then; zero: it may not
	Going  bool      // it is being delivered
	Left   time.Time
	Failed *Refusal // it came back
}

// Passage says what became of a mail that an actor sent. One that was not sent,
// or was taken back, is fault.NotFound.
func (h *Hub) Passage(ctx context.Context, a Actor, id MessageID) (p Passage, err error) {
	err = h.view(ctx, a.Part, func(r store.Reader) error {
		if _, err := h.mayUse(r, a); err != nil {
			return err
		}
		d, ok, err := outbox.FindDeparture(r, h.scope(a.Part), string(id))
		if err == nil && !ok {
			err = fmt.Errorf("hub: passage: %w", fault.NotFound)
		}
		p = Passage{}
		switch d.Stage {
		case outbox.Waiting:
			p.Leaves, p.Going = d.At, !h.Now().Before(d.At)
		case outbox.Leaving:
			p.Leaves, p.Going = d.At, true
		case outbox.Left:
			p.Left = d.At
		case outbox.Returned:
			p.Failed = &Refusal{Rule: d.Rule, FR: d.FR, EN: d.EN, Kind: fault.Denied}
		}
		return err
	})
	return p, err
}
