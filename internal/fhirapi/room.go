package fhirapi

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// A room is what the bodies of all requests may take at a time, in bytes.
// Nobody has more than a share of it: who sends slowly, or much at once, waits
// for themselves and keeps no other from sending.
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

// take waits until there is room for n bytes of an actor, at most a share.
// release gives it back.
func (r *room) take(ctx context.Context, who string, n int64) (release func(), err error) {
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
	return func() {
		r.all.Release(n)
		s.room.Release(n)
		r.leave(who)
	}, nil
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
