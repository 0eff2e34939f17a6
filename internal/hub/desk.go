package hub

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
)

// A desk is a mailbox that stays open between two pages of a web session, with
// what is known of its threads: opening it, and its trail, are paid once.
type desk struct {
	*Mailbox
	key deskKey

	mu    sync.Mutex // held while the index is brought up to date
	index *threadIndex

	uses   int // under desks.mu, as the rest
	used   time.Time
	closed bool
}

// A deskKey says whose desk it is: one login, in one mailbox.
type deskKey struct {
	part    store.Part
	address ident.Address
	session string
}

// desks are those of all sessions of this process.
type desks struct {
	mu   sync.Mutex
	open map[deskKey]*desk
}

// Bounds of what sessions keep open.
const (
	maxDesks = 1000
	deskIdle = 5 * time.Minute
)

func newDesks() *desks { return &desks{open: map[deskKey]*desk{}} }

// atDesk runs fn with the desk of an actor's session. A session that is over is
// fault.Unauthenticated.
func (h *Hub) atDesk(ctx context.Context, a Actor, fn func(*desk) error) error {
	if a.Session == "" {
		return fmt.Errorf("hub: desk: no session: %w", fault.Denied)
	}
	d, err := h.sit(ctx, a)
	if err != nil {
		return err
	}
	defer h.rise(d)
	if err := d.Check(ctx); err != nil {
		h.CloseDesks(a.Part, a.Session)
		return err
	}
	return fn(d)
}

// sit returns the desk of a session, opening it if it is not.
func (h *Hub) sit(ctx context.Context, a Actor) (*desk, error) {
	h.CloseIdleDesks()
	key := deskKey{a.Part, a.Address, a.Session}
	if d := h.desks.take(key, h.Now()); d != nil {
		return d, nil
	}
	m, err := h.OpenMailbox(ctx, a)
	if err != nil {
		return nil, err
	}
	d := h.desks.put(&desk{Mailbox: m, key: key}, h.Now())
	if d.Mailbox != m { // another page was quicker
		err = m.Close()
	}
	return d, err
}

func (h *Hub) rise(d *desk) {
	h.desks.mu.Lock()
	defer h.desks.mu.Unlock()
	d.uses--
	d.used = h.Now()
	d.shut()
}

// CloseDesks closes what a session has open: it has ended.
func (h *Hub) CloseDesks(part store.Part, session string) {
	h.desks.close(func(d *desk) bool {
		return d.key.session == session && (d.key.part == part || d.actor.person() == string(part))
	})
}

// CloseIdleDesks closes what no session has used lately, so that no key stays in
// memory for nobody. It is called at each use, and by whoever keeps the time.
func (h *Hub) CloseIdleDesks() {
	now := h.Now()
	h.desks.close(func(d *desk) bool { return d.uses == 0 && now.Sub(d.used) >= deskIdle })
}

func (s *desks) take(key deskKey, now time.Time) *desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.open[key]
	if d != nil {
		d.uses++
		d.used = now
	}
	return d
}

// put adds a desk that is in use, or returns the one that was there first. Where
// there are too many, the one that was used least lately closes.
func (s *desks) put(d *desk, now time.Time) *desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.open[d.key]; was != nil {
		d = was
	} else if len(s.open) >= maxDesks {
		s.makeRoom()
	}
	s.open[d.key] = d
	d.uses++
	d.used = now
	return d
}

func (s *desks) makeRoom() {
	var oldest *desk
	for _, d := range s.open {
		if oldest == nil || d.used.Before(oldest.used) {
			oldest = d
		}
	}
	delete(s.open, oldest.key)
	oldest.closed = true
	oldest.shut()
}

func (s *desks) close(which func(*desk) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, d := range s.open {
		if which(d) {
			delete(s.open, key)
			d.closed = true
			d.shut()
		}
	}
}

// shut closes a desk that was closed once nobody sits at it.
func (d *desk) shut() {
	if d.closed && d.uses == 0 {
		_ = d.Close() // never fails
	}
}
