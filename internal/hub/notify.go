package hub

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/dsn"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
)

// A failure is a recipient who was refused after others were not.
type failure struct {
	Address ident.Address
	*Refusal
}

// notify tells the sender what became of a mail, where that is owed: recipients
// refused after the mail was taken, successes the sender asked to hear of (RFC
// 3461), and documents that were filed as doubtful.
func (h *Hub) notify(ctx context.Context, p *parcel, to []addressee, refused []failure) error {
	if p.From.IsZero() {
		return nil // notices are not answered by notices (RFC 3464 §2)
	}
	failed := map[ident.Address]*Refusal{}
	for _, f := range refused {
		failed[f.Address] = f.Refusal
	}
	var report []dsn.Recipient
	for _, a := range to {
		asked := p.asked(a.Address)
		line, owed := asked.report(failed[a.Address])
		if doubts := p.doubts(); a.Patient && failed[a.Address] == nil && len(doubts) > 0 && asked.Notify&NotifyNever == 0 {
			owed = true
			doubtful(&line, doubts)
		}
		if owed {
			report = append(report, line)
		}
	}
	if len(report) == 0 {
		return nil
	}
	return h.post(ctx, p.Actor.Part, dsn.Delivery{
		To: p.From.Canonical(), EnvelopeID: p.EnvelopeID, Arrival: p.receipt.Time,
		Recipients: report, Original: p.Mail, Full: p.ReturnFull,
	}, func(*tx) (bool, error) { return true, nil })
}

// asked returns what the sender asked for about a recipient.
func (p *parcel) asked(a ident.Address) Recipient {
	for _, r := range p.To {
		if r.Address == a {
			return r
		}
	}
	return Recipient{Address: a}
}

// report says what became of a mail for a recipient, and whether the sender is
// owed to hear it. refusal is nil if the mail was filed.
func (r Recipient) report(refusal *Refusal) (line dsn.Recipient, owed bool) {
	line = dsn.Recipient{Address: r.Address.Canonical(), Action: dsn.Delivered, Status: "2.0.0"}
	if kind, address, ok := strings.Cut(r.Original, ";"); ok {
		line.OriginalType, line.Original = kind, address
	}
	if refusal == nil {
		return line, r.Notify&NotifySuccess != 0
	}
	line.Action, line.Status = dsn.Failed, "5.7.1"
	switch {
	case refusal.Rule == "":
		line.Status = "5.2.0" // a mailbox that would not take it
	case refusal.FR == "":
		line.Status = "5.1.1"
	default:
		line.Diagnostic = "550 5.7.1 " + refusal.EN
	}
	return line, r.Notify&NotifyNever == 0 && (r.Notify == 0 || r.Notify&NotifyFailure != 0)
}

// post files a notification in a mailbox of this hub, in one transaction with
// what settle does there; it files none if settle says that all is settled
// already.
func (h *Hub) post(ctx context.Context, part store.Part, d dsn.Delivery, settle func(*tx) (bool, error)) error {
	now := h.Now().UTC()
	d.ReportingMTA, d.Date = h.Domain, now
	d.From = message.Address{Name: "Vaguemestre", Mailbox: "postmaster", Host: h.Domain}
	d.MessageID = strings.ToLower(rand.Text()) + "@" + h.Domain
	raw, err := d.Compose(rand.Reader)
	if err != nil {
		return fmt.Errorf("hub: notify: %w", err)
	}
	cert, err := h.certOf(ctx, part)
	if err != nil {
		return err
	}
	s, err := h.sealOwn(Actor{Part: part}, cert, raw, now)
	if err != nil {
		return err
	}
	if err := h.putBlobs(ctx, part, s.objects); err != nil {
		return err
	}
	return h.do(ctx, part, func(t *tx) error {
		if owed, err := settle(t); err != nil || !owed {
			return err
		}
		s.keep(t)
		t.note(audit.Entry{Actor: audit.SystemActor, Role: audit.SystemActor, Act: "notify", Object: d.EnvelopeID})
		_, _, err := mailbox.File(t, mailbox.Inbox, s.filing)
		return err
	})
}
