// Package limit counts events per key and says when there are too many: the
// failed logins of an account or an address, the refused recipients of a
// sender. Counts live in this process and are bounded in number.
package limit

import (
	"sync"
	"time"
)

// A Window counts events in the last span of time, per key. It is a sliding
// window in two halves: exact to within half its span.
type Window struct {
	span time.Duration
	max  int // of keys

	mu   sync.Mutex
	keys map[string]*count
}

type count struct {
	start     time.Time // of the half that is running
	now, then int
}

// NewWindow returns a Window of that span that remembers at most max keys; the
// stalest are forgotten first.
func NewWindow(span time.Duration, max int) *Window {
	return &Window{span: span, max: max, keys: map[string]*count{}}
}

// Add counts n events of key and returns how many there are in the window.
func (w *Window) Add(key string, n int, now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.keys[key]
	if c == nil {
		if n == 0 {
			return 0
		}
		if len(w.keys) >= w.max {
			w.forget(now)
		}
		c = &count{start: now}
		w.keys[key] = c
	}
	half := w.span / 2
	switch age := now.Sub(c.start); {
	case age >= w.span:
		*c = count{start: now}
	case age >= half:
		*c = count{start: c.start.Add(half), then: c.now}
	}
	c.now += n
	return c.now + c.then
}

// Count returns how many events of key are in the window.
func (w *Window) Count(key string, now time.Time) int { return w.Add(key, 0, now) }

// Reset forgets a key.
func (w *Window) Reset(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.keys, key)
}

// forget drops what is over, and if that is not enough, the stalest key.
func (w *Window) forget(now time.Time) {
	var stalest string
	var at time.Time
	for k, c := range w.keys {
		if now.Sub(c.start) >= w.span {
			delete(w.keys, k)
		} else if stalest == "" || c.start.Before(at) {
			stalest, at = k, c.start
		}
	}
	if len(w.keys) >= w.max {
		delete(w.keys, stalest)
	}
}
