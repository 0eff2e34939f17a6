package hub

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
)

// Mails of the hub's own, in mailboxes of this hub.

// postmaster is who writes them.
func (h *Hub) postmaster() message.Address {
	return message.Address{Name: "Vaguemestre", Mailbox: "postmaster", Host: h.Domain}
}

func (h *Hub) newMessageID() string { return strings.ToLower(rand.Text()) + "@" + h.Domain }

// writeTo files a mail of a few lines. An address without a mailbox here is
// fault.NotFound.
func (h *Hub) writeTo(ctx context.Context, to ident.Address, subject, text string) error {
	part, err := h.mailboxAt(ctx, to)
	if err != nil {
		return err
	}
	now := h.Now().UTC()
	raw, err := message.Compose(message.Draft{
		From: []message.Address{h.postmaster()},
		To:   []message.Address{{Mailbox: to.Local(), Host: to.Domain()}}, Date: now,
		MessageID: h.newMessageID(), Subject: subject, Text: text,
	}, rand.Reader)
	if err != nil {
		return fmt.Errorf("hub: write to: %w", err)
	}
	return h.post(ctx, part, raw, now, "", func(*tx) (bool, error) { return true, nil })
}

// post files a mail of the hub's own in the inbox of a partition, in one
// transaction with what settle does there; none if settle says that all is
// settled already. object is what the trail has of it.
func (h *Hub) post(ctx context.Context, part store.Part, raw []byte, now time.Time, object string, settle func(*tx) (bool, error)) error {
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
		t.note(byHub("notify", object))
		_, _, err := mailbox.File(t, mailbox.Inbox, s.filing)
		return err
	})
}
