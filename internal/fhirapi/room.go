package fhirapi

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// A room is how many bytes of bodies, or of documents, all requests may have in
// memory at a time. Nobody has more than a share of it: who sends or reads
// slowly, or much at once, waits for themselves and keeps no other waiting.
type room struct {
	all   *semaphore.Weighted
	share int64

	mu     sync.Mutex
	shares map[string]*shareOf
}

// A shareOf is what one actor may take.
type shareOf struct {
	room  *semaphore.Weighted
	users int // requests that have it, or wait for it
}

func newRoom(all, share int64) *room {
	return &room{all: semaphore.NewWeighted(max(all, share)), share: share, shares: map[string]*shareOf{}}
}

// A hold is what a request has of a room.
type hold struct {
	room *room
	of   *shareOf
	who  string
	n    int64
}

// take waits until there is room for n bytes of an actor, at most a share. It is
// to be released.
func (r *room) take(ctx context.Context, who string, n int64) (*hold, error) {
	s := r.enter(who)
	if err := s.room.Acquire(ctx, n); err != nil {
		r.leave(who)
		return nil, err
	}
	if err := r.all.Acquire(ctx, n); err != nil {
		s.room.Release(n)
		r.leave(who)
		return nil, err
	}
	return &hold{r, s, who, n}, nil
}

// keep gives back all but n bytes.
func (h *hold) keep(n int64) {
	if n >= h.n {
		return
	}
	h.room.all.Release(h.n - n)
	h.of.room.Release(h.n - n)
	h.n = n
}

func (h *hold) release() {
	h.keep(0)
	h.room.leave(h.who)
}

func (r *room) enter(who string) *shareOf {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.shares[who]
	if s == nil {
		s = &shareOf{room: semaphore.NewWeighted(r.share)}
		r.shares[who] = s
	}
	s.users++
	return s
}

func (r *room) leave(who string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.shares[who]; s.users > 1 {
		s.users--
	} else {
		delete(r.shares, who)
	}
}
