package memstore

import (
	"context"
	"errors"
	"sync"

	"vaguemestre/internal/store"
)

// A Moment is a point in a transaction at which a Failing store can fail.
type Moment int

// The moments of a transaction.
const (
	ViewBegins    Moment = iota // View fails; fn does not run
	ViewEnds                    // View fails although fn has run well
	UpdateBegins                // Update fails; fn does not run
	UpdateEnds                  // Update fails after fn has run; nothing is written
	UpdateLoses                 // no failure: fn runs, its writes are dropped and it runs again, as after a lost race
	UpdateAnswers               // the writes are kept, but Update fails: the caller cannot know
)

// A Failing store passes every call to another store and makes chosen ones
// fail, so that a test can walk through all the ways an act may end:
//
//	for n := 1; ; n++ {
//		f.Fail(memstore.UpdateEnds, n, fault.Unavailable)
//		…
//		if !f.Fired() {
//			break // the act has fewer than n updates
//		}
//	}
type Failing struct {
	store.Store

	mu    sync.Mutex
	at    Moment
	left  int // how many times the moment comes until it fails; 0 is never
	err   error
	fired bool
}

// NewFailing returns a store that behaves as s until Fail is called.
func NewFailing(s store.Store) *Failing { return &Failing{Store: s} }

// Fail makes the n-th coming of a moment, counted from now (1 is the next),
// fail with err. It replaces what an earlier call asked for.
func (f *Failing) Fail(at Moment, n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.left, f.err, f.fired = at, n, err, false
}

// Fired tells whether the failure asked for last has happened.
func (f *Failing) Fired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// reach counts a moment and tells whether it is the one that fails.
func (f *Failing) reach(at Moment) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at != at || f.left == 0 {
		return false, nil
	}
	f.left--
	if f.left > 0 {
		return false, nil
	}
	f.fired = true
	return true, f.err
}

// View implements store.Store.
func (f *Failing) View(ctx context.Context, part store.Part, fn func(store.Reader) error) error {
	if hit, err := f.reach(ViewBegins); hit {
		return err
	}
	if err := f.Store.View(ctx, part, fn); err != nil {
		return err
	}
	_, err := f.reach(ViewEnds)
	return err
}

// Update implements store.Store.
func (f *Failing) Update(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	if hit, err := f.reach(UpdateBegins); hit {
		return err
	}
	if hit, _ := f.reach(UpdateLoses); hit {
		if err := f.Store.Update(ctx, part, func(w store.Writer) error {
			if err := fn(w); err != nil {
				return err
			}
			return errLost
		}); err != errLost {
			return err
		}
	}
	err := f.Store.Update(ctx, part, func(w store.Writer) error {
		if err := fn(w); err != nil {
			return err
		}
		_, err := f.reach(UpdateEnds)
		return err
	})
	if err != nil {
		return err
	}
	_, err = f.reach(UpdateAnswers)
	return err
}

// errLost undoes the run of fn that stands for a lost race.
var errLost = errors.New("memstore: lost a race on purpose")
