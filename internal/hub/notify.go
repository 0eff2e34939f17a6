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
// refused after the mail was taken, and successes the sender asked to hear of
// (RFC 3461).
func (h *Hub) notify(ctx context.Context, p *parcel, to []addressee, refused []failure) error {
	if p.From.IsZero() {
		return nil // notices are not answered by notices (RFC 3464 §2)
	}
	asked := map[ident.Address]Recipient{}
	for _, r := range p.To {
		asked[r.Address] = r
	}
	failed := map[ident.Address]*Refusal{}
	for _, f := range refused {
		failed[f.Address] = f.Refusal
	}
	var report []dsn.Recipient
	for _, a := range to {
		r := asked[a.Address]
		line := dsn.Recipient{Address: a.Address.Canonical(), Action: dsn.Delivered, Status: "2.0.0"}
		if kind, address, ok := strings.Cut(r.Original, ";"); ok {
			line.OriginalType, line.Original = kind, address
		}
		refusal := failed[a.Address]
		switch {
		case refusal != nil && r.Notify&NotifyNever == 0 && (r.Notify == 0 || r.Notify&NotifyFailure != 0):
			line.Action, line.Status = dsn.Failed, "5.7.1"
			if refusal.FR == "" {
				line.Status = "5.1.1"
			} else {
				line.Diagnostic = "550 5.7.1 " + refusal.EN
			}
		case refusal == nil && r.Notify&NotifySuccess != 0:
		default:
			continue
		}
		report = append(report, line)
	}
	if len(report) == 0 {
		return nil
	}
	return h.post(ctx, p.Actor.Part, dsn.Delivery{
		To: p.From.Canonical(), EnvelopeID: p.EnvelopeID, Arrival: p.receipt.Time,
		Recipients: report, Original: p.Mail, Full: p.ReturnFull,
	})
}

// postFailure tells the owner of a partition that a mail could not be carried.
func (h *Hub) postFailure(ctx context.Context, part store.Part, sender, to ident.Address, receipt string) error {
	return h.post(ctx, part, dsn.Delivery{
		To: sender.Canonical(), EnvelopeID: receipt,
		Recipients: []dsn.Recipient{{Address: to.Canonical(), Action: dsn.Failed, Status: "5.2.0"}},
	})
}

// post files a notification in a mailbox of this hub.
func (h *Hub) post(ctx context.Context, part store.Part, d dsn.Delivery) error {
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
		s.keep(t)
		t.note(audit.Entry{Actor: "hub", Act: "notify", Object: d.EnvelopeID})
		_, _, err := mailbox.File(t, mailbox.Inbox, s.filing)
		return err
	})
}
