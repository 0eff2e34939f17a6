// Package sqlstore keeps partitions in SQL: one engine over two tables, with
// two dialects. SQLite is the embedded default, one file and one process;
// PostgreSQL serves several processes.
//
//	part(id, version)      one row per partition that has a key
//	kv(part, key, value)   everything else
//
// It is no relational store: the values are sealed, so SQL sees names, sizes
// and nothing to join.
//
// An Update reads a snapshot, buffers its writes and commits them on the
// condition that the partition still has the version it read. A version is a
// random number, not a count: equal versions mean equal content, even where a
// partition was emptied and filled again in between. Inside one process the
// Updates of a partition take turns (see lane), so that they race only with
// other processes and, on SQLite, share flushes.
//
// Out of space, an I/O error or an absent server is fault.Unavailable: all of
// the writes are there or none, and the caller must not suppose which.
package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// format is the version of the layout. It is itself a row, in a partition
// whose name no caller can use.
const (
	format     = "1"
	formatPart = store.Part("")
	formatKey  = "format"
)

// maxRaces bounds how often an Update is run again. Within a process Updates
// take turns, so only other processes can win this often.
const maxRaces = 100

// errRace tells that a partition no longer has the version that was read.
var errRace = errors.New("sqlstore: lost a race")

// A Store is a store.Store in SQL.
type Store struct {
	db      dialect
	lanes   lanes
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// A dialect is what differs between the databases.
type dialect interface {
	// begin opens a snapshot of one partition.
	begin(ctx context.Context, part store.Part) (snapshot, error)
	// parts returns up to a page of the partitions after one, in order.
	parts(ctx context.Context, after store.Part) ([]store.Part, error)
	// dump yields every row in the order of part and key, in one snapshot.
	dump(ctx context.Context) iter.Seq2[row, error]
	close() error
}

// A snapshot is one partition at one instant. It serves one goroutine.
type snapshot interface {
	// version returns the partition's version, 0 if it has no key.
	version() (int64, error)
	get(key string) ([]byte, error)
	scan(from, to string) iter.Seq2[store.Pair, error]
	// commit hands c over; c is settled when its fate is known, at once or
	// later. Changes of one partition keep the order in which they came.
	commit(c *change)
	// end releases the snapshot, committed or not.
	end()
}

// A row is one row of kv.
type row struct {
	part store.Part
	store.Pair
}

// A layer is writes by key; nil is a deletion.
type layer map[string][]byte

// A change is the writes of one Update, to be applied if the partition still
// has version base, which then becomes next.
type change struct {
	part       store.Part
	base, next int64
	writes     layer
	done       chan struct{}
	err        error // valid once done is closed; errRace if base was not met
}

func newChange(part store.Part, base int64, writes layer) *change {
	next := rand.Int64()
	for next == base || next == 0 {
		next = rand.Int64()
	}
	return &change{part: part, base: base, next: next, writes: writes, done: make(chan struct{})}
}

func (c *change) settle(err error) {
	c.err = err
	close(c.done)
}

func (c *change) wait() error {
	<-c.done
	return c.err
}

func (c *change) settled() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func newStore(db dialect) *Store { return &Store{db: db, lanes: lanes{m: map[store.Part]*lane{}}} }

// enter admits a transaction. Every enter that succeeds is paired with
// running.Done.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("sqlstore: closed: %w", fault.Unavailable)
	}
	s.running.Add(1)
	return nil
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, part store.Part, fn func(store.Reader) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.running.Done()
	snap, err := s.db.begin(ctx, part)
	if err != nil {
		return err
	}
	defer snap.end()
	return fn(&tx{ctx: ctx, snap: snap})
}

// Update implements store.Store. Once fn has returned, cancelling ctx no
// longer stops it: the answer always tells what became of the writes.
func (s *Store) Update(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.running.Done()
	for range maxRaces {
		if err := s.try(ctx, part, fn); err != errRace {
			return err
		}
	}
	return fmt.Errorf("sqlstore: update: lost %d races: %w", maxRaces, fault.Unavailable)
}

// try is one attempt at an Update. What fn saw may hang on a change of
// another Update that is on its way to the disk; so does then what fn
// answered.
func (s *Store) try(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	l := s.lanes.join(part)
	defer s.lanes.leave(part)
	own, last, err := s.run(ctx, l, part, fn)
	switch {
	case own != nil:
		return own.wait()
	case last != nil && last.wait() != nil:
		return errRace // what fn saw never came to be
	}
	return err
}

// run lets fn have its turn. It returns the change that it handed over or, if
// there is none, the change that fn saw and that is not yet durable.
func (s *Store) run(ctx context.Context, l *lane, part store.Part, fn func(store.Writer) error) (own, last *change, err error) {
	if err := l.take(ctx); err != nil {
		return nil, nil, err
	}
	defer l.release()
	// The changes on their way are listed before the snapshot is made, so
	// that none can be in neither. One that is in both does no harm.
	ahead := l.waiting()
	if len(ahead) > 0 {
		last = ahead[len(ahead)-1]
	}
	snap, err := s.db.begin(ctx, part)
	if err != nil {
		return nil, last, err
	}
	defer snap.end()
	t := &tx{ctx: ctx, snap: snap, under: ahead, writes: layer{}}
	if last != nil {
		t.base = last.next
	} else if t.base, err = snap.version(); err != nil {
		return nil, nil, err
	}
	if err := t.run(fn); err != nil || len(t.writes) == 0 {
		return nil, last, err
	}
	own = newChange(part, t.base, t.writes)
	snap.commit(own)
	l.follow(own)
	return own, nil, nil
}

// Parts implements store.Store. It is not one snapshot: what is written while
// it runs may be in or not.
func (s *Store) Parts(ctx context.Context) iter.Seq2[store.Part, error] {
	return func(yield func(store.Part, error) bool) {
		if err := s.enter(ctx); err != nil {
			yield("", err)
			return
		}
		defer s.running.Done()
		after := formatPart
		for {
			page, err := s.db.parts(ctx, after)
			if err != nil {
				yield("", err)
				return
			}
			for _, part := range page {
				if !yield(part, nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
			after = page[len(page)-1]
		}
	}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	if was {
		return nil
	}
	return s.db.close()
}
