package hub

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"vaguemestre/internal/dsn"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
)

// mdnSent is the keyword of a message whose sender was told that it was read, or
// is not to be (RFC 3503).
const mdnSent = "$MDNSent"

// receiptAsked returns the address that asks to hear that a mail was read; "" if
// nobody does. It is one address, and the mail's author's: a person can be shown
// no other.
func receiptAsked(m *message.Mail) string {
	list, from := m.Head().AddressList("Disposition-Notification-To"), m.From()
	auto := strings.ToLower(m.Header("Auto-Submitted"))
	if len(list) != 1 || len(from) != 1 || auto != "" && !strings.HasPrefix(auto, "no") || !strings.EqualFold(list[0].Spec(), from[0].Spec()) {
		return ""
	}
	return list[0].Spec()
}

// SendReadReceipt tells the sender of a message that it was read, as its reader
// has just decided (RFC 8098). A message whose sender did not ask, or was told
// already, is fault.NotFound. One to whom the reader may not write is refused.
func (h *Hub) SendReadReceipt(ctx context.Context, a Actor, id MessageID) error {
	return h.atMessage(ctx, a, id, func(d *desk, l *listed) error {
		p, err := d.take(ctx, l)
		if err != nil {
			return err
		}
		asker := receiptAsked(p.mail)
		if asker == "" || hasKeyword(l.flags, mdnSent) {
			return fmt.Errorf("hub: read receipt: %w", fault.NotFound)
		}
		to, err := ident.ParseAddress(asker)
		if err != nil {
			return fmt.Errorf("hub: read receipt: %w", fault.NotFound)
		}
		raw, err := dsn.Disposition{
			ReportingUA: h.Domain + "; Vaguemestre", From: message.Address{Name: a.Name, Mailbox: a.Address.Local(), Host: a.Address.Domain()},
			To: to.Canonical(), Date: h.Now(), MessageID: h.newMessageID(), FinalRecipient: a.Address.Canonical(), Type: dsn.Displayed,
			Original: p.mail.Raw[:p.mail.Root.BodyStart],
		}.Compose(rand.Reader)
		if err != nil {
			return fmt.Errorf("hub: read receipt: %w", err)
		}
		_, err = h.Deliver(ctx, Delivery{Actor: a, To: []Recipient{{Address: to, Notify: NotifyNever}}, Mail: raw, Protocol: "HTTP", Hello: h.Domain})
		if err != nil {
			return err
		}
		return d.flag(ctx, []*listed{l}, mailbox.AddFlags, mailbox.Flags{Keywords: []string{mdnSent}})
	})
}

// WaiveReadReceipt keeps the sender of a message from being told that it was
// read; nobody is asked again.
func (h *Hub) WaiveReadReceipt(ctx context.Context, a Actor, id MessageID) error {
	return h.atMessage(ctx, a, id, func(d *desk, l *listed) error {
		return d.flag(ctx, []*listed{l}, mailbox.AddFlags, mailbox.Flags{Keywords: []string{mdnSent}})
	})
}

func hasKeyword(f mailbox.Flags, word string) bool {
	for _, k := range f.Keywords {
		if strings.EqualFold(k, word) {
			return true
		}
	}
	return false
}
