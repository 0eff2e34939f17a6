package bus

import (
	"sync"

	"vaguemestre/internal/store"
)

// A Fan wakes the watchers of one process: what an engine does with a hint once
// it has come. The zero value has no watcher and is ready for use.
type Fan struct {
	mu       sync.Mutex
	watchers map[store.Part]map[chan struct{}]bool
}

// Watch begins to watch a partition, as Bus says.
func (f *Fan) Watch(part store.Part) (hints <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = map[store.Part]map[chan struct{}]bool{}
	}
	if f.watchers[part] == nil {
		f.watchers[part] = map[chan struct{}]bool{}
	}
	f.watchers[part][c] = true
	return c, func() { f.cancel(part, c) }
}

func (f *Fan) cancel(part store.Part, c chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers[part], c)
	if len(f.watchers[part]) == 0 {
		delete(f.watchers, part)
	}
}

// Wake gives a hint to those who watch a partition.
func (f *Fan) Wake(part store.Part) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hint(f.watchers[part])
}

// WakeAll gives a hint to everybody: for when some may have been lost.
func (f *Fan) WakeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, watchers := range f.watchers {
		hint(watchers)
	}
}

// Clear forgets every watcher.
func (f *Fan) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.watchers)
}

func hint(watchers map[chan struct{}]bool) {
	for c := range watchers {
		select {
		case c <- struct{}{}:
		default: // one is waiting already
		}
	}
}
