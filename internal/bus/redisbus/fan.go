package redisbus

import (
	"sync"

	"vaguemestre/internal/store"
)

// A fan wakes the watchers of this process.
type fan struct {
	mu       sync.Mutex
	watchers map[store.Part]map[chan struct{}]bool
}

func (f *fan) watch(part store.Part) (<-chan struct{}, func()) {
	hints := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers[part] == nil {
		f.watchers[part] = map[chan struct{}]bool{}
	}
	f.watchers[part][hints] = true
	return hints, func() { f.cancel(part, hints) }
}

func (f *fan) cancel(part store.Part, hints chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers[part], hints)
	if len(f.watchers[part]) == 0 {
		delete(f.watchers, part)
	}
}

func (f *fan) wake(part store.Part) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hint(f.watchers[part])
}

func (f *fan) wakeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, watchers := range f.watchers {
		hint(watchers)
	}
}

func hint(watchers map[chan struct{}]bool) {
	for hints := range watchers {
		select {
		case hints <- struct{}{}:
		default: // one is waiting already
		}
	}
}
