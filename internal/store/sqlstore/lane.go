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
	ahead []*change     // handed over, oldest first; of whoever has the turn
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

// waiting returns the changes that a snapshot taken from now on may lack: a
// chain, each built on the one before it. It forgets those whose fate is known.
// What is before a durable change is durable too; what is built on a failed one
// fails too. The slice does not change afterwards.
func (l *lane) waiting() []*change {
	for i, c := range slices.Backward(l.ahead) {
		if c.settled() && c.err == nil {
			l.ahead = l.ahead[i+1:]
			break
		}
	}
	for i, c := range l.ahead {
		if c.settled() && c.err != nil {
			l.ahead = l.ahead[:i]
			break
		}
	}
	return l.ahead
}

// follow appends a change that was handed over.
func (l *lane) follow(c *change) { l.ahead = append(slices.Clone(l.ahead), c) }
