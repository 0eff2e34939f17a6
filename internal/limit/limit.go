// Package limit counts events per key and says when there are too many: the
// failed logins of an account or an address, the refused recipients of a
// sender. Counts live in this process and are bounded in number.
package limit

import (
	"net/netip"
	"sync"
	"time"
)

// A Window counts events in the last span of time, per key. It is a sliding
// window in two halves: exact to within half its span.
type Window struct {
	span time.Duration
	max  int // of keys, in both halves together

	mu        sync.Mutex
	start     time.Time      // of the half that is running
	now, then map[string]int // counts of that half, and of the one before
}

// NewWindow returns a Window of that span that remembers at most max keys; one
// of the older half is forgotten first.
func NewWindow(span time.Duration, max int) *Window {
	return &Window{span: span, max: max, now: map[string]int{}, then: map[string]int{}}
}

// Add counts n events of key and returns how many there are in the window.
func (w *Window) Add(key string, n int, now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn(now)
	if n > 0 {
		if w.now[key] == 0 && len(w.now)+len(w.then) >= w.max {
			w.forget()
		}
		w.now[key] += n
	}
	return w.now[key] + w.then[key]
}

// Count returns how many events of key are in the window.
func (w *Window) Count(key string, now time.Time) int { return w.Add(key, 0, now) }

// Reset forgets a key.
func (w *Window) Reset(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.now, key)
	delete(w.then, key)
}

// turn begins a new half when the running one is over.
func (w *Window) turn(now time.Time) {
	switch age := now.Sub(w.start); {
	case age >= w.span:
		w.start, w.now, w.then = now, map[string]int{}, map[string]int{}
	case age >= w.span/2:
		w.start, w.now, w.then = w.start.Add(w.span/2), map[string]int{}, w.now
	}
}

// forget drops one key, whichever: looking for the stalest would let whoever
// tries many keys make every event slow.
func (w *Window) forget() {
	half := w.then
	if len(half) == 0 {
		half = w.now
	}
	for key := range half {
		delete(half, key)
		return
	}
}

// Network names where a client is, as a key: its address, and with IPv6 the /64
// around it, since whoever has one address there has them all.
func Network(a netip.Addr) string {
	if a = a.Unmap(); a.Is6() {
		return netip.PrefixFrom(a, 64).Masked().String()
	}
	return a.String()
}
