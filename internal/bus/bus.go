// Package bus is the contract of the hint "something changed in this
// partition". A hint may be lost or come twice; who waits for it also looks at
// the store now and then. It carries no content: a partition's name and nothing
// else.
//
// Engines live in sub-packages and pass the suite in bustest.
package bus

import (
	"context"

	"vaguemestre/internal/store"
)

// A Bus wakes those who watch a partition, in this process and, where the
// engine spans several, in the others.
type Bus interface {
	// Publish wakes the watchers of part. It does not wait for them, and
	// an error means only that some may not have been woken.
	Publish(ctx context.Context, part store.Part) error

	// Watch begins to watch part. The channel has room for one hint;
	// hints that come while one is waiting are merged with it. cancel ends
	// the watch and may be called more than once; the channel is never
	// closed.
	Watch(part store.Part) (hints <-chan struct{}, cancel func())

	// Close ends every watch and releases the engine.
	Close() error
}
