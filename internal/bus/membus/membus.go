// Package membus wakes watchers within one process. It is the bus of a hub
// that runs alone; it loses no hint.
package membus

import (
	"context"
	"fmt"
	"sync"

	"vaguemestre/internal/bus"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Bus is a bus.Bus in memory.
type Bus struct {
	mu       sync.Mutex
	watchers map[store.Part]map[chan struct{}]bool // nil once closed
}

var _ bus.Bus = (*Bus)(nil)

// New returns a bus with no watcher.
func New() *Bus { return &Bus{watchers: map[store.Part]map[chan struct{}]bool{}} }

// Publish implements bus.Bus.
func (b *Bus) Publish(_ context.Context, part store.Part) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers == nil {
		return fmt.Errorf("membus: closed: %w", fault.Unavailable)
	}
	for hints := range b.watchers[part] {
		select {
		case hints <- struct{}{}:
		default: // one is waiting already
		}
	}
	return nil
}

// Watch implements bus.Bus.
func (b *Bus) Watch(part store.Part) (<-chan struct{}, func()) {
	hints := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers == nil {
		return hints, func() {}
	}
	if b.watchers[part] == nil {
		b.watchers[part] = map[chan struct{}]bool{}
	}
	b.watchers[part][hints] = true
	return hints, func() { b.cancel(part, hints) }
}

func (b *Bus) cancel(part store.Part, hints chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watchers[part], hints)
	if len(b.watchers[part]) == 0 {
		delete(b.watchers, part)
	}
}

// Close implements bus.Bus.
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watchers = nil
	return nil
}
