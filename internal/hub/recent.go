package hub

import (
	"context"
	"sync"
	"time"

	"vaguemestre/internal/store"
)

// lingering is how long the key of a record stays at hand after an access: who
// lists a record opens a document of it next, and nobody holds a session with
// it that would say when they are done.
const lingering = 5 * time.Minute

// recent remembers when records were last used.
type recent struct {
	forget func(store.Part)

	mu   sync.Mutex
	used map[store.Part]time.Time
}

func newRecent(forget func(store.Part)) *recent {
	return &recent{forget: forget, used: map[store.Part]time.Time{}}
}

// linger returns the key of a record's owner, and lets go of those that were
// not used lately.
func (h *Hub) linger(ctx context.Context, part store.Part) (*ownerKey, error) {
	key, err := h.unlock(ctx, part)
	if err == nil {
		h.recent.use(part, h.Now())
	}
	return key, err
}

func (c *recent) use(part store.Part, now time.Time) {
	c.letGo(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used[part] = now
}

// holds reports whether the key of a record is to stay at hand.
func (c *recent) holds(part store.Part, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.used[part]
	return ok && now.Sub(at) < lingering
}

// letGo forgets the keys that nobody used lately.
func (c *recent) letGo(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for part, at := range c.used {
		if now.Sub(at) >= lingering {
			delete(c.used, part)
			c.forget(part)
		}
	}
}
