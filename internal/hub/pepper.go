package hub

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/limit"
)

// human is what this process knows for the sake of people who come through the
// web: the pepper, once it was unwrapped, the passkeys' relying party, and who
// tries what how often.
type human struct {
	mu     sync.Mutex
	pepper *account.Pepper

	codes *limit.Window // codes and invitations asked for, per person and per address

	passkeys *account.Passkeys // nil: no web domain is configured
}

func newHuman(c Config) (m *human, err error) {
	const people = 200_000
	m = &human{codes: limit.NewWindow(24*time.Hour, people)}
	if c.WebDomain != "" {
		m.passkeys, err = account.NewPasskeys(c.WebDomain, c.Domain, c.WebOrigins...)
	}
	return m, err
}

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
		p.Cost = h.PasswordCost
		h.human.pepper = p
	}
	return h.human.pepper, nil
}
