package sqlstore

import (
	"context"
	"slices"
	"sync"

	"vaguemestre/internal/store"
)

// A lane orders the Updates of one partition within this process. They run fn
// one after the other, each on top of the changes that those before it have
// handed over and that are not durable yet; so one flush can serve many
// Updates of a busy partition. If a change fails, those on top of it fail
// their version check and are run again.
type lane struct {
	turn  chan struct{} // capacity 1: held while fn runs
	users int           // guarded by lanes.mu

	mu    sync.Mutex
	ahead []*change // handed over, not yet known to be durable, oldest first
}

// lanes holds the lanes in use.
type lanes struct {
	mu sync.Mutex
	m  map[store.Part]*lane
}

func (s *lanes) join(part store.Part) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.m[part]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1)}
		s.m[part] = l
	}
	l.users++
	return l
}

func (s *lanes) leave(part store.Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.m[part]
	if l.users--; l.users == 0 {
		delete(s.m, part)
	}
}

func (l *lane) take(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *lane) release() { <-l.turn }

// waiting returns the changes that a snapshot taken now may lack. The slice
// does not change afterwards.
func (l *lane) waiting() []*change {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ahead
}

// follow appends a change that was handed over, unless its fate is known.
func (l *lane) follow(c *change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.settled() {
		l.ahead = append(slices.Clone(l.ahead), c)
	}
}

// pass forgets a change that is settled. If it failed, so will all that were
// built on it, and nobody should build on them any more.
func (l *lane) pass(c *change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.err != nil {
		l.ahead = nil
		return
	}
	l.ahead = slices.DeleteFunc(slices.Clone(l.ahead), func(o *change) bool { return o == c })
}
