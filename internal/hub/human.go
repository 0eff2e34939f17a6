package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/limit"
	"vaguemestre/internal/store"
)

// human is what this process knows for the sake of people who come through the
// web: the pepper, once it was unwrapped, the passkeys' relying party, and who
// tries what how often.
type human struct {
	mu     sync.Mutex
	pepper *account.Pepper

	hints *bounded[store.Part, time.Time] // partitions hinted by notices, and when
	codes *limit.Window                   // codes asked for, per person and per address
}

// maxHints bounds how many partitions are remembered as hinted; one forgotten
// costs a read.
const maxHints = 4096

func newHuman() *human {
	const people = 200_000
	return &human{hints: newBounded[store.Part, time.Time](maxHints), codes: limit.NewWindow(24*time.Hour, people)}
}

// errHintFirst says that a transaction writes what must leave a partition that
// is not hinted yet: it runs again when it is.
var errHintFirst = errors.New("hub: the partition is to be hinted first")

// hintHolds is how long a hint recorded by this process is known to hold: half
// of what outbox leaves to whoever records one.
const hintHolds = 15 * time.Minute

func (m *human) hinted(part store.Part, now time.Time) bool {
	at, ok := m.hints.get(part)
	return ok && now.Sub(at) < hintHolds
}

func (m *human) hint(part store.Part, now time.Time) { m.hints.put(part, now) }

// known returns the pepper if this process has unwrapped it already.
func (m *human) known() *account.Pepper {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pepper
}

// pepper returns the key of web logins, making it at need. A sealed hub has
// none: fault.Sealed.
func (h *Hub) pepper(ctx context.Context) (*account.Pepper, error) {
	if h.Sealed() {
		return nil, fmt.Errorf("hub: pepper: %w", fault.Sealed)
	}
	if p := h.human.known(); p != nil {
		return p, nil
	}
	wrapped, err := h.wraps(ctx)
	if err != nil {
		return nil, err
	}
	defer wrapped()
	var p *account.Pepper
	err = h.commit(ctx, hubPart, func(t *tx) error {
		wrapped, err := account.WrappedPepper(t)
		if err != nil {
			return err
		}
		if wrapped != nil {
			p, err = account.UnwrapPepper(h.Ring, wrapped)
			return err
		}
		if p, err = account.NewPepper(); err != nil {
			return err
		}
		account.KeepPepper(t, p.Wrap(h.Ring))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("hub: pepper: %w", err)
	}
	h.human.mu.Lock()
	defer h.human.mu.Unlock()
	if h.human.pepper == nil {
		h.human.pepper = p
	}
	return h.human.pepper, nil
}
