// Package memstore keeps partitions in memory, for tests and for a demo that
// leaves nothing behind. It is not durable: Update returns when the writes are
// visible. A Failing store around any engine makes chosen calls fail.
package memstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Store is a store.Store in memory. A partition's rows are a sorted slice
// that never changes; an Update replaces the slice, so a View that holds the
// old one has its snapshot for nothing.
type Store struct {
	mu      sync.Mutex
	parts   map[store.Part]*partition
	closed  bool
	running sync.WaitGroup
}

type partition struct {
	rows    []store.Pair  // guarded by Store.mu; the slice itself is never changed
	writing chan struct{} // capacity 1: held by the Update that runs
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{parts: map[store.Part]*partition{}} }

// begin admits a transaction and returns its partition. Every begin that
// succeeds is paired with running.Done.
func (s *Store) begin(ctx context.Context, part store.Part) (*partition, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("memstore: closed: %w", fault.Unavailable)
	}
	p := s.parts[part]
	if p == nil {
		p = &partition{writing: make(chan struct{}, 1)}
		s.parts[part] = p
	}
	s.running.Add(1)
	return p, nil
}

func (s *Store) snapshot(p *partition) []store.Pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.rows
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, part store.Part, fn func(store.Reader) error) error {
	p, err := s.begin(ctx, part)
	if err != nil {
		return err
	}
	defer s.running.Done()
	return fn(&tx{ctx: ctx, rows: s.snapshot(p)})
}

// Update implements store.Store. It never runs fn twice: Updates of one
// partition wait for each other.
func (s *Store) Update(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	p, err := s.begin(ctx, part)
	if err != nil {
		return err
	}
	defer s.running.Done()
	select {
	case p.writing <- struct{}{}:
		defer func() { <-p.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	t := &tx{ctx: ctx, rows: s.snapshot(p)}
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.err != nil {
		return t.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.rows = t.rows
	return nil
}

// Parts implements store.Store.
func (s *Store) Parts(ctx context.Context) iter.Seq2[store.Part, error] {
	return func(yield func(store.Part, error) bool) {
		parts, err := s.filled(ctx)
		if err != nil {
			yield("", err)
			return
		}
		for _, part := range parts {
			if !yield(part, nil) {
				return
			}
		}
	}
}

// filled returns the names of the partitions that have a key.
func (s *Store) filled(ctx context.Context) ([]store.Part, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("memstore: closed: %w", fault.Unavailable)
	}
	var parts []store.Part
	for name, p := range s.parts {
		if len(p.rows) > 0 {
			parts = append(parts, name)
		}
	}
	return parts, nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// A tx is one run of fn. Its rows are the snapshot until the first write, and
// a copy of its own from then on.
type tx struct {
	ctx  context.Context
	rows []store.Pair
	own  bool
	err  error // the first write that was refused
}

func (t *tx) find(key string) (int, bool) {
	return slices.BinarySearchFunc(t.rows, key, func(p store.Pair, key string) int {
		return strings.Compare(p.Key, key)
	})
}

// Get implements store.Reader.
func (t *tx) Get(key string) ([]byte, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	if i, ok := t.find(key); ok {
		return t.rows[i].Value, nil
	}
	return nil, nil
}

// Scan implements store.Reader.
func (t *tx) Scan(from, to string) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		i, _ := t.find(from)
		for _, p := range t.rows[i:] {
			if to != "" && p.Key >= to {
				return
			}
			if err := t.ctx.Err(); err != nil {
				yield(store.Pair{}, err)
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// Put implements store.Writer.
func (t *tx) Put(key string, value []byte) {
	switch {
	case t.err != nil:
		return
	case value == nil:
		t.err = fmt.Errorf("memstore: put: nil value: %w", fault.Invalid)
		return
	case len(value) > store.MaxValue:
		t.err = fmt.Errorf("memstore: put: %d bytes: %w", len(value), fault.TooLarge)
		return
	}
	t.takeOver()
	i, ok := t.find(key)
	if !ok {
		t.rows = slices.Insert(t.rows, i, store.Pair{})
	}
	t.rows[i] = store.Pair{Key: key, Value: value}
}

// Delete implements store.Writer.
func (t *tx) Delete(key string) {
	if i, ok := t.find(key); ok {
		t.takeOver()
		t.rows = slices.Delete(t.rows, i, i+1)
	}
}

// takeOver copies the snapshot before the first change of it.
func (t *tx) takeOver() {
	if !t.own {
		t.rows, t.own = slices.Clone(t.rows), true
	}
}
