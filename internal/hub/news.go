package hub

import (
	"context"

	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
)

// Unread counts the messages of an actor's inbox that wait to be read: a figure,
// and nothing of what is in them, so that no key is needed and no trail is left.
func (h *Hub) Unread(ctx context.Context, a Actor) (n int, err error) {
	err = h.view(ctx, a.Part, func(r store.Reader) error {
		if _, err := h.mayUse(r, a); err != nil {
			return err
		}
		n, err = mailbox.Unseen(r, mailbox.Inbox)
		return err
	})
	return n, err
}
