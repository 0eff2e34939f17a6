package hub

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"vaguemestre/internal/dsn"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
)

// A failure is a recipient who was refused after others were not.
type failure struct {
	Address ident.Address
	*Refusal
}

// reportDelivery tells the sender what became of a mail, where that is owed: recipients
// refused after the mail was taken, successes the sender asked to hear of (RFC
// 3461), and documents that were filed as doubtful.
func (h *Hub) reportDelivery(ctx context.Context, p *parcel, to []addressee, refused []failure) error {
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
		line, owed := asked.outcome(failed[a.Address])
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
	return h.report(ctx, p.Actor.Part, dsn.Delivery{
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

// outcome says what became of a mail for a recipient, and whether the sender is
// owed to hear it. refusal is nil if the mail was filed.
func (r Recipient) outcome(refusal *Refusal) (line dsn.Recipient, owed bool) {
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

// report files a delivery status notification, in one transaction with what
// settle does; it files none if settle says that all is settled already.
func (h *Hub) report(ctx context.Context, part store.Part, d dsn.Delivery, settle func(*tx) (bool, error)) error {
	d.ReportingMTA, d.Date = h.Domain, h.Now().UTC()
	d.From, d.MessageID = h.postmaster(), h.newMessageID()
	raw, err := d.Compose(rand.Reader)
	if err != nil {
		return fmt.Errorf("hub: report: %w", err)
	}
	return h.post(ctx, part, raw, d.Date, d.EnvelopeID, settle)
}

// mentioned is as much of a mail as a notice needs to be found beside it, where
// nothing else of the mail is at hand.
func mentioned(messageID string) []byte {
	if messageID == "" {
		return nil
	}
	return []byte("Message-ID: <" + messageID + ">\r\n\r\n")
}
