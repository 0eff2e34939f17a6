// Package membus wakes watchers within one process. It is the bus of a hub
// that runs alone; it loses no hint.
package membus

import (
	"context"
	"fmt"
	"sync/atomic"

	"vaguemestre/internal/bus"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Bus is a bus.Bus in memory.
type Bus struct {
	fan    bus.Fan
	closed atomic.Bool
}

var _ bus.Bus = (*Bus)(nil)

// New returns a bus with no watcher.
func New() *Bus { return new(Bus) }

// Publish implements bus.Bus.
func (b *Bus) Publish(_ context.Context, part store.Part) error {
	if b.closed.Load() {
		return fmt.Errorf("membus: closed: %w", fault.Unavailable)
	}
	b.fan.Wake(part)
	return nil
}

// Watch implements bus.Bus.
func (b *Bus) Watch(part store.Part) (<-chan struct{}, func()) { return b.fan.Watch(part) }

// Close implements bus.Bus.
func (b *Bus) Close() error {
	b.closed.Store(true)
	b.fan.Clear()
	return nil
}
