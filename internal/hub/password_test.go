package hub

import (
	"context"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/store"
)

// SetIdentity gives the owner of a partition a login and a password without the
// steps before: for tests alone.
func (h *Hub) SetIdentity(ctx context.Context, by audit.Entry, part store.Part, login, password string) error {
	p, c, err := h.chosen(ctx, part, login, password)
	if err != nil {
		return err
	}
	var old string
	err = h.do(ctx, part, func(t *tx) error {
		e := by
		e.Act, e.Object = "choose-credentials", ""
		t.note(e)
		old, err = h.setCredentials(t, p, c)
		return err
	})
	if err != nil || old == "" {
		return err
	}
	return h.freeLogin(ctx, old, part)
}
