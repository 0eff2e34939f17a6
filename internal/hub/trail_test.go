package hub

import (
	"context"
	"iter"
	"testing"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/store"
)

// Trail opens the trail of an actor, oldest first, past policy and without a
// trace: for tests alone.
func (h *Hub) Trail(ctx context.Context, a Actor) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		key, err := h.unlock(ctx, a.Part)
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		defer h.keys.forget(a.Part)
		err = h.view(ctx, a.Part, func(r store.Reader) error {
			for e, err := range audit.Entries(r, a.Part, key, 0) {
				if err != nil || !yield(e, nil) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			yield(audit.Entry{}, err)
		}
	}
}

func TestWhatTheHubDoesWithoutAnOperatorIsItsOwn(t *testing.T) {
	if got := byOperator(audit.SystemActor, "erase", "").Kind(); got != audit.System {
		t.Errorf("the hub's erasure is told as one of kind %s, want %s", got, audit.System)
	}
	if got := byOperator("marie", "erase", "").Kind(); got != audit.Support {
		t.Errorf("an operator's erasure is told as one of kind %s, want %s", got, audit.Support)
	}
}

// VerifyTrail verifies the trail of one partition.
func (h *Hub) VerifyTrail(ctx context.Context, part store.Part, since ...audit.Mark) (entries uint64, err error) {
	public, err := h.auditPublic(ctx)
	if err != nil {
		return 0, err
	}
	return h.verifyTrail(ctx, part, public, since)
}
