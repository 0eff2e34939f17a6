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

// A mail that was sent leaves, once the time to take it back is over: it is
// delivered, and filed as sent, or comes back to its writer.

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
