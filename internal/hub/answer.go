package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/dsn"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// answer takes a patient's mail: for all its addressees or for none. The act is
// one transaction in the patient's partition, which decides and writes one line
// into the outbox for each addressee; carrying the lines to the mailboxes comes
// after, and again until it succeeds.
func (h *Hub) answer(ctx context.Context, p *parcel, to []addressee) error {
	if int64(len(p.Mail)) > h.Limits.PatientMail {
		return fmt.Errorf("hub: answer: %w", fault.TooLarge)
	}
	lines := make([]outbox.Line, len(to))
	objects := make([][]vault.Object, len(to))
	for i, a := range to {
		if !a.Known || a.Patient {
			continue // policy refuses it below, with its reason
		}
		var err error
		if lines[i], objects[i], err = h.line(ctx, p, a); err != nil {
			return err
		}
	}
	if err := h.hint(ctx, outbox.Hints, p.Actor.Part); err != nil {
		return err
	}
	err := h.do(ctx, p.Actor.Part, func(t *tx) error {
		for i, a := range to {
			req, err := h.sendFacts(t, p.Actor, a)
			if err != nil {
				return err
			}
			d := policy.Decide(req)
			if !d.Allow || !a.Known {
				return refuse(d)
			}
			t.note(decided(p.Actor.entry(policy.SendMail, p.receipt.ID), d))
			if err := outbox.Add(t, t.Scope, lines[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if r := (*Refusal)(nil); errors.As(err, &r) { // for certain: nothing was committed
			for i, a := range to {
				h.dropBlobs(a.Part, objects[i])
			}
		}
		return err
	}
	if err := h.Carry(ctx, p.Actor.Part); err != nil {
		h.Log.Warn("answer not carried yet", "actor", p.Actor.Address, "err", err)
	}
	return nil
}

// A cargo is what a line of the outbox carries: a mail sealed to the mailbox it
// goes to. Its large objects are there already.
type cargo struct {
	Filing  mailbox.Filing
	Inline  []vault.Object
	Blobs   []vault.Ref // in place already; kept from the sweep
	Cert    string      `json:",omitempty"` // fingerprint of the certificate it is sealed to
	Sender  string      // canonical
	Receipt string
	Name    string `json:",omitempty"` // Message-ID, that a notice is found beside the mail

	Arrival              time.Time
	Notify               Notify // and what else the notice about this addressee takes (RFC 3461)
	Original, EnvelopeID string
}

// line seals a mail for one addressee and puts its objects into place, so that
// what is left to do needs no key.
func (h *Hub) line(ctx context.Context, p *parcel, to addressee) (outbox.Line, []vault.Object, error) {
	s, err := h.seal(p, to)
	if err != nil {
		return outbox.Line{}, nil, err
	}
	if s.filing.Mark == nil { // a line must be known again, even where its mail is not
		m := h.Index.MAC("hub/line", vault.NewID())
		s.filing.Mark = m[:]
	}
	asked := p.asked(to.Address)
	c := cargo{
		Filing: s.filing, Cert: to.Cert.Fingerprint(), Sender: p.Actor.Address.Canonical(), Receipt: p.receipt.ID, Name: p.mail.MessageID(),
		Arrival: p.receipt.Time, Notify: asked.Notify, Original: asked.Original, EnvelopeID: p.EnvelopeID,
	}
	if p.From.IsZero() {
		c.Notify = NotifyNever // notices are not answered by notices (RFC 3464 §2)
	}
	for _, o := range s.objects {
		if o.Ref.Inline() {
			c.Inline = append(c.Inline, o)
		} else {
			c.Blobs = append(c.Blobs, o.Ref)
		}
	}
	if err := h.putBlobs(ctx, to.Part, s.objects); err != nil {
		return outbox.Line{}, nil, err
	}
	b, err := json.Marshal(c)
	return outbox.Line{To: to.Part, Address: to.Address.Canonical(), Since: h.Now().UTC(), Filing: b}, s.objects, err
}

// maxLineAge is how long a line is tried before its sender is told.
const maxLineAge = 5 * 24 * time.Hour

// Carry takes the lines of a partition to where they go. A line that cannot be
// carried stays, and the error says so.
func (h *Hub) Carry(ctx context.Context, part store.Part) error {
	lines, err := h.lines(ctx, part)
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range lines {
		if err := h.carry(ctx, part, l); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	empty := false
	err = h.view(ctx, part, func(r store.Reader) (err error) {
		empty, err = outbox.Empty(r)
		return err
	})
	if err != nil || !empty {
		return err // a notice is still to leave
	}
	return h.takeBackHint(ctx, outbox.Hints, part)
}

// CarryAll takes every line there is to where it goes: what a restart and the
// janitor do.
func (h *Hub) CarryAll(ctx context.Context) error {
	parts, err := h.hinted(ctx, outbox.Hints)
	if err != nil {
		return err
	}
	var errs []error
	for _, part := range parts {
		errs = append(errs, h.Carry(ctx, part))
	}
	return errors.Join(errs...)
}

func (h *Hub) lines(ctx context.Context, part store.Part) (lines []outbox.Line, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		lines, err = outbox.Lines(r, h.scope(part))
		return err
	})
	return lines, err
}

func openCargo(l outbox.Line) (c cargo, err error) {
	if err := json.Unmarshal(l.Filing, &c); err != nil {
		return c, fmt.Errorf("hub: outbox: %w", fault.Corrupt)
	}
	return c, nil
}

// carry files one line, and removes it once that is durable. Filing it twice
// is filing it once: its mark says so.
func (h *Hub) carry(ctx context.Context, from store.Part, l outbox.Line) error {
	c, err := openCargo(l)
	if err != nil {
		return err
	}
	err = h.do(ctx, l.To, func(t *tx) error {
		twice, err := mailbox.Marked(t, c.Filing.Mark, t.now)
		if err != nil || twice {
			return err
		}
		if err := h.stillOpens(t, l.To, c.Cert); err != nil {
			return err
		}
		if err := h.hasRoom(t, c.Filing.Size); err != nil {
			return err
		}
		for _, o := range c.Inline {
			vault.Keep(t, o)
		}
		if _, _, err := mailbox.File(t, mailbox.Inbox, c.Filing); err != nil {
			return err
		}
		t.note(audit.Entry{Actor: c.Sender, Role: policy.Patient.String(), Act: policy.SendMail.String(), Object: c.Receipt})
		return nil
	})
	if err != nil && h.Now().Sub(l.Since) < maxLineAge {
		return err
	}
	var refusal *Refusal
	if err != nil {
		refusal = &Refusal{Kind: fault.Unavailable}
	}
	return h.settle(ctx, from, l, c, refusal)
}

// settle removes a line that is carried, or given up, and tells the sender if
// that is owed: both or neither.
func (h *Hub) settle(ctx context.Context, from store.Part, l outbox.Line, c cargo, refusal *Refusal) error {
	a, err := ident.ParseAddress(l.Address)
	if err != nil {
		return fmt.Errorf("hub: outbox: %w", fault.Corrupt)
	}
	line, owed := Recipient{Address: a, Notify: c.Notify, Original: c.Original}.outcome(refusal)
	done := func(t *tx) (bool, error) { return outbox.Done(t, l.ID) }
	if !owed {
		return h.commit(ctx, from, func(t *tx) error {
			_, err := done(t)
			return err
		})
	}
	return h.report(ctx, from, dsn.Delivery{
		To: c.Sender, EnvelopeID: c.EnvelopeID, Arrival: c.Arrival, Recipients: []dsn.Recipient{line}, Original: mentioned(c.Name),
	}, done)
}
