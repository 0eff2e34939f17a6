package web

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"vaguemestre/internal/fault"
)

// What opens whole files, or looks through everything, takes memory for as long
// as it takes its reader. Everybody has a few turns at it at a time, and all have
// so much memory together: nobody keeps it from the others by reading slowly in a
// hundred windows. Who comes when there is none waits a while.

const (
	ownTurns   = 9         // of one person at a time…
	formTurns  = 4         // …of which a form that brings files takes these…
	allTurns   = 5         // …and taking everything away these: there is no second at a time
	maxOpen    = 768 << 20 // bytes, of all together
	openWeight = 64 << 20  // that are kept for a turn until what it opens is known
	zipWeight  = 16 << 20  // and for one that opens one file after the other
	turnWait   = 45 * time.Second
)

// opened is what is open for everybody.
type opened struct {
	bytes *semaphore.Weighted

	mu     sync.Mutex
	people map[string]*person // by the partition of their own
}

// A person is one who has turns, or waits for one.
type person struct {
	turns *semaphore.Weighted
	calls int // under opened.mu
}

func newOpened() *opened {
	return &opened{bytes: semaphore.NewWeighted(maxOpen), people: map[string]*person{}}
}

// come returns whoever has a call, and what is to be done at its end.
func (o *opened) come(part string) (p *person, leave func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p = o.people[part]; p == nil {
		p = &person{turns: semaphore.NewWeighted(ownTurns)}
		o.people[part] = p
	}
	p.calls++
	return p, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if p.calls--; p.calls == 0 {
			delete(o.people, part)
		}
	}
}

// takeTurn waits for some turns, which end with the call. Who waits too long is told
// to come again: fault.Unavailable.
func (c *call) takeTurn(n int64) error {
	if c.who == nil { // whoever has not signed in opens nothing
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx(), turnWait)
	defer cancel()
	o := c.s.open
	p, leave := o.come(string(c.who.Part))
	err := p.turns.Acquire(ctx, n)
	if err != nil {
		leave()
		return fmt.Errorf("web: too many turns at once: %w", fault.Unavailable)
	}
	c.atEnd = append(c.atEnd, func() { p.turns.Release(n); leave() })
	if o.bytes.Acquire(ctx, openWeight) != nil {
		return fmt.Errorf("web: too much is open at once: %w", fault.Unavailable)
	}
	c.held = openWeight
	c.atEnd = append(c.atEnd, func() { o.bytes.Release(c.held) })
	return nil
}

// holds says how much is open for the call from now on: what was kept for it
// beyond that is for others.
func (c *call) holds(n int64) {
	if n = max(0, n); n < c.held {
		c.s.open.bytes.Release(c.held - n)
		c.held = n
	}
}
