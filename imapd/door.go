package imapd

import (
	"context"

	"vaguemestre/internal/hub"
)

// Door makes the hub itself a Hub: a method that returns the hub's own Mailbox
// is not yet one that returns ours.
func Door(h *hub.Hub) Hub { return door{h} }

type door struct{ *hub.Hub }

func (d door) OpenMailbox(ctx context.Context, a hub.Actor) (Mailbox, error) {
	m, err := d.Hub.OpenMailbox(ctx, a)
	if err != nil {
		return nil, err
	}
	return m, nil
}
