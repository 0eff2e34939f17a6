package hub

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

const (
	// maxDeparting is how long a mail is tried that nobody refuses, but that cannot
	// be delivered, before its writer is told.
	maxDeparting = time.Hour

	departAgain = 15 * time.Second // until it is tried again

	// lookAround is how often a process looks for mails that another has let go.
	lookAround = time.Minute
	// othersTurn is how long it leaves them to that process.
	othersTurn = 10 * time.Second
)

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

// departures is what a process knows of the mails that are about to leave, so
// that it need not look for them each second.
type departures struct {
	mu     sync.Mutex
	at     map[store.Part]time.Time // when the first leaves
	looked time.Time                // for those of other processes
}

func newDepartures() *departures { return &departures{at: map[store.Part]time.Time{}} }

func (s *departures) remember(part store.Part, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.at[part]; !ok || at.Before(was) {
		s.at[part] = at
	}
}

// due takes the partitions from which something leaves by now, and says whether
// it is time to look for others.
func (s *departures) due(now time.Time) (parts []store.Part, look bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for part, at := range s.at {
		if !at.After(now) {
			parts = append(parts, part)
			delete(s.at, part)
		}
	}
	if look = now.Sub(s.looked) >= lookAround || now.Before(s.looked); look {
		s.looked = now
	}
	return parts, look
}

// DueDepartures delivers the mails whose time to be taken back is over. It is
// asked each second, and looks at what this process knows of; now and then, and
// the first time, also for what others have left behind. A mail that fails keeps
// none of the others. In a sealed hub nothing leaves.
func (h *Hub) DueDepartures(ctx context.Context) error {
	if h.Sealed() {
		return nil
	}
	parts, look := h.departures.due(h.Now())
	var errs []error
	for _, part := range parts {
		errs = append(errs, h.departFrom(ctx, part, 0))
	}
	if !look {
		return errors.Join(errs...)
	}
	others, err := h.hinted(ctx, outbox.Departing)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, part := range others {
		if !slices.Contains(parts, part) {
			errs = append(errs, h.departFrom(ctx, part, othersTurn))
		}
	}
	return errors.Join(errs...)
}

// departFrom delivers what is due in a partition, and remembers what is not yet.
func (h *Hub) departFrom(ctx context.Context, part store.Part, later time.Duration) error {
	var list []outbox.Departure
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		list, err = outbox.Departures(r, h.scope(part))
		return err
	})
	if err != nil {
		h.departures.remember(part, h.Now().Add(departAgain))
		return err
	}
	waiting := false
	var errs []error
	for _, d := range list {
		if d.Stage != outbox.Waiting && d.Stage != outbox.Leaving {
			continue
		}
		waiting = true
		if at := d.At.Add(later); at.After(h.Now()) {
			h.departures.remember(part, at)
			continue
		}
		if err := h.depart(ctx, part, d); err != nil {
			h.departures.remember(part, h.Now().Add(departAgain))
			errs = append(errs, err)
		}
	}
	if !waiting {
		errs = append(errs, h.takeBackHint(ctx, outbox.Departing, part))
	}
	return errors.Join(errs...)
}

// depart delivers one mail, by the very way that mails of other programs take. It
// may be stopped anywhere and done again: what was filed is not filed twice.
func (h *Hub) depart(ctx context.Context, part store.Part, d outbox.Departure) error {
	gone := false
	err := h.commit(ctx, part, func(t *tx) (err error) { // from here on it is not taken back
		now, ok, err := outbox.FindDeparture(t, t.Scope, d.ID)
		if gone = !ok || now.Stage != outbox.Waiting && now.Stage != outbox.Leaving; err != nil || gone || now.Stage == outbox.Leaving {
			return err
		}
		now.Stage = outbox.Leaving
		return outbox.PutDeparture(t, t.Scope, now, t.now)
	})
	if err != nil || gone {
		return err
	}
	a, m, err := h.writer(ctx, part, d)
	if err != nil {
		return h.comeBack(ctx, part, nil, d, err)
	}
	defer m.Close()
	k, err := m.keptDraft(ctx, MessageID(d.ID))
	if err != nil {
		return err
	}
	if k == nil { // its writer has deleted it, in another program
		return h.commit(ctx, part, func(t *tx) error {
			outbox.DropDeparture(t, d.ID)
			return nil
		})
	}
	raw, err := m.wholeDraft(ctx, k)
	if err != nil {
		return err
	}
	if raw, err = withoutState(raw); err != nil {
		return err
	}
	if err = h.mayStillLeave(a, k); err == nil {
		_, err = h.Deliver(ctx, k.delivery(a, bytes.Clone(raw)))
	}
	if err != nil {
		return h.comeBack(ctx, part, m, d, err)
	}
	return m.hasLeft(ctx, k, raw)
}

// mayStillLeave asks of a draft what Deliver does not.
func (h *Hub) mayStillLeave(a Actor, k *keptDraft) error {
	for _, one := range slices.Concat(k.To, k.Cc) {
		address, err := ident.ParseAddress(one.Spec())
		switch {
		case err != nil:
			return err
		case h.isPatient(address) && k.marks&fromHidden != 0:
			return errHiddenToPatient
		case h.isPatient(address) && k.marks&fromSecret != 0:
			return errSecretToPatient
		case !h.isPatient(address) && k.marks&fromMasked != 0 && a.Role != policy.Patient:
			return errMaskedToProfessional
		}
	}
	return nil
}

// writer is who has sent a mail, as they are now, with their mailbox.
func (h *Hub) writer(ctx context.Context, part store.Part, d outbox.Departure) (a Actor, m *Mailbox, err error) {
	own := cmp.Or(store.Part(d.Member), part)
	err = h.view(ctx, own, func(r store.Reader) error {
		a, _, err = h.admit(r, own, d.Device, h.Now())
		return err
	})
	a.Session, a.Web = d.Session, true
	if err == nil && own != part {
		a, err = h.asMember(ctx, a, part)
	}
	if err != nil {
		return a, nil, err
	}
	a.Name = cmp.Or(d.Writer, a.Name)
	m, err = h.OpenMailbox(ctx, a)
	return a, m, err
}

// delivery is a draft as it is handed over.
func (k *keptDraft) delivery(a Actor, raw []byte) Delivery {
	d := Delivery{Actor: a, From: a.Address, Mail: raw, Protocol: "HTTPS", Hello: "portal"}
	notify := Notify(0)
	if k.Delivered {
		notify = NotifySuccess | NotifyFailure
	}
	for _, one := range slices.Concat(k.To, k.Cc) {
		if address, err := ident.ParseAddress(one.Spec()); err == nil {
			d.To = append(d.To, Recipient{Address: address, Notify: notify})
		}
	}
	return d
}

// withoutState returns a mail without the field that is of its draft only.
func withoutState(raw []byte) ([]byte, error) {
	mail, err := message.Parse(raw, message.Limits{Size: int64(len(raw))})
	if err != nil {
		return nil, err
	}
	body := mail.Root.BodyStart
	return append(mail.Head().Fields([]string{draftField}, true), raw[body:]...), nil
}

// hasLeft files the copy of a mail that was delivered, deletes its draft, and
// marks the message that it answers: all of that once.
func (m *Mailbox) hasLeft(ctx context.Context, k *keptDraft, raw []byte) error {
	h := m.h
	s, err := m.sealSent(ctx, k, raw)
	if err != nil {
		return err
	}
	if err := h.putBlobs(ctx, m.actor.Part, s.objects); err != nil {
		return err
	}
	filed := false
	err = m.releasing(ctx, func(t *tx) ([]string, error) {
		filed = false
		d, ok, err := outbox.FindDeparture(t, t.Scope, string(k.ID))
		if err != nil || !ok || d.Stage != outbox.Leaving {
			return nil, err
		}
		d.Stage, d.At = outbox.Left, t.now
		if err := outbox.PutDeparture(t, t.Scope, d, t.now); err != nil {
			return nil, err
		}
		if err := m.hold(t, s); err != nil {
			return nil, err
		}
		if _, _, err := m.book.File(t.Writer, mailbox.Sent, s.filing); err != nil {
			return nil, err
		}
		if err := m.markAnswered(t, k.Answers); err != nil {
			return nil, err
		}
		uids, err := m.draftUIDs(t, k.ID)
		if err != nil {
			return nil, err
		}
		freed, err := m.expungeDraft(t, uids)
		filed = err == nil
		return freed, err
	})
	if !filed {
		h.dropBlobs(m.actor.Part, s.objects)
	}
	return err
}

// sealSent seals the copy of a mail that has left: the files are those of its
// draft.
func (m *Mailbox) sealSent(ctx context.Context, k *keptDraft, raw []byte) (*sealedMail, error) {
	cert, err := m.h.certOf(ctx, m.actor.Part)
	if err != nil {
		return nil, err
	}
	s, err := newSealedMail(m.actor.Part, cert)
	if err != nil {
		return nil, err
	}
	mail, err := message.Parse(raw, message.Limits{Size: m.h.Limits.Mail})
	if err != nil {
		return nil, fmt.Errorf("hub: sent: %w", err)
	}
	s.filing.ID = string(k.ID)
	s.filing.Flags = mailbox.Flags{System: mailbox.Seen}
	return s, s.finishShared(mail, m.h.Now().UTC(), k.files)
}

// markAnswered marks the message that was answered, if it is still there.
func (m *Mailbox) markAnswered(t *tx, id MessageID) error {
	if id == "" {
		return nil
	}
	at, found, err := m.placeOf(t, id)
	if err != nil || !found {
		return err
	}
	_, err = m.book.SetFlags(t.Writer, at.folder, []mailbox.UID{at.uid}, mailbox.AddFlags, mailbox.Flags{System: mailbox.Answered})
	return err
}

// comeBack makes a mail a draft again that may not leave, with the reason. What
// fails for now is tried again, for some time.
func (h *Hub) comeBack(ctx context.Context, part store.Part, m *Mailbox, d outbox.Departure, err error) error {
	why := whyNot(err)
	if why == nil {
		if h.Now().Sub(d.At) < maxDeparting {
			return err
		}
		why = errNotDelivered
	}
	return h.do(ctx, part, func(t *tx) error {
		now, ok, err := outbox.FindDeparture(t, t.Scope, d.ID)
		if err != nil || !ok || now.Stage != outbox.Leaving {
			return err
		}
		now.Stage, now.At, now.Rule, now.FR, now.EN = outbox.Returned, t.now, why.Rule, why.FR, why.EN
		if err := outbox.PutDeparture(t, t.Scope, now, t.now); err != nil || m == nil {
			return err
		}
		return m.unmark(t, MessageID(d.ID))
	})
}

// What is told of a mail that did not leave.
var (
	errNotDelivered = &Refusal{Rule: "draft/not-delivered",
		FR: "Votre message n'a pas pu être remis : la messagerie était indisponible. Vous pouvez l'envoyer à nouveau.",
		EN: "Your message could not be delivered: the mail service was not available. You may send it again."}
	errNoMailbox = &Refusal{Rule: "draft/nobody-there",
		FR: "Un des destinataires ne reçoit pas de messages à cette adresse.",
		EN: "One of the addressees does not receive messages at this address."}
	errMailTooLarge = &Refusal{Rule: "draft/too-large",
		FR: "Votre message, avec ses pièces jointes, est trop volumineux.",
		EN: "Your message, with its attachments, is too large."}
	errMailInvalid = &Refusal{Rule: "draft/invalid",
		FR: "Ce message ne peut pas être envoyé tel qu'il est.",
		EN: "This message cannot be sent as it is."}
)

// whyNot is what is told of a mail that may not leave; nil if it may, later.
func whyNot(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		if r.FR == "" { // what the one refused may not know
			return errNoMailbox
		}
		return r
	}
	switch fault.Of(err) {
	case fault.TooLarge:
		return errMailTooLarge
	case fault.Invalid, fault.Denied, fault.NotFound:
		return errMailInvalid
	}
	return nil
}
