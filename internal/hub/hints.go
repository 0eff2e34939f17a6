package hub

import (
	"context"
	"errors"
	"time"

	"vaguemestre/internal/hint"
	"vaguemestre/internal/store"
)

// hint records that something may soon wait in a partition, before it does.
func (h *Hub) hint(ctx context.Context, l hint.List, part store.Part) error {
	return h.commit(ctx, l.Part, func(t *tx) error { return l.Record(t, part, t.now) })
}

// takeBackHint removes the hint of a partition in which nothing waits any more.
func (h *Hub) takeBackHint(ctx context.Context, l hint.List, part store.Part) error {
	return h.commit(ctx, l.Part, func(t *tx) error { return l.TakeBack(t, part, t.now) })
}

// hinted lists the partitions in which something may wait.
func (h *Hub) hinted(ctx context.Context, l hint.List) (parts []store.Part, err error) {
	err = h.view(ctx, l.Part, func(r store.Reader) error {
		parts, err = l.Parts(r)
		return err
	})
	return parts, err
}

// errHintFirst says that a transaction writes what must leave a partition that
// is not hinted yet: it runs again when it is.
var errHintFirst = errors.New("hub: the partition is to be hinted first")

const (
	// maxHints bounds how many partitions are remembered as hinted; one forgotten
	// costs a read.
	maxHints = 4096

	// hintHolds is how long a hint recorded by this process is known to hold.
	hintHolds = hint.Holds / 2
)

// leaving reports whether this process knows that a partition from which
// something is to leave is hinted.
func (h *Hub) leaving(part store.Part, now time.Time) bool {
	at, ok := h.hints.get(part)
	return ok && now.Sub(at) < hintHolds
}
