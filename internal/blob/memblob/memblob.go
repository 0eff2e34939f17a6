// Package memblob keeps blobs in memory, for tests and for a demo that leaves
// nothing behind. It is not durable.
package memblob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"vaguemestre/internal/blob"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Store is a blob.Store in memory.
type Store struct {
	// Now stands for the clock of a disk: it gives the dates that All
	// yields. New sets it to time.Now; a test may set another.
	Now func() time.Time

	mu    sync.Mutex
	blobs map[name]kept
}

type name struct {
	part store.Part
	id   blob.ID
}

type kept struct {
	data    []byte // never changed
	written time.Time
}

var _ blob.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{Now: time.Now, blobs: map[name]kept{}} }

// check refuses what the contract gives no name to.
func check(ctx context.Context, part store.Part, id blob.ID) error {
	if len(part) == 0 || len(part) > 64 || strings.Trim(string(part), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" ||
		len(id) != 26 || strings.Trim(string(id), "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return fmt.Errorf("memblob: name: %w", fault.Invalid)
	}
	return ctx.Err()
}

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, part store.Part, id blob.ID, write func(io.Writer) error) error {
	if err := check(ctx, part, id); err != nil {
		return err
	}
	var data bytes.Buffer
	if err := write(&data); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.blobs[name{part, id}]; taken {
		return fmt.Errorf("memblob: put: %w", fault.Exists)
	}
	s.blobs[name{part, id}] = kept{data.Bytes(), s.Now()}
	return nil
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, part store.Part, id blob.ID) (io.ReadSeekCloser, error) {
	if err := check(ctx, part, id); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.blobs[name{part, id}]
	if !ok {
		return nil, fmt.Errorf("memblob: open: %w", fault.NotFound)
	}
	return reader{bytes.NewReader(b.data)}, nil
}

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, part store.Part, id blob.ID) error {
	if err := check(ctx, part, id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blobs, name{part, id})
	return nil
}

// All implements blob.Store.
func (s *Store) All(ctx context.Context) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		s.mu.Lock()
		infos := make([]blob.Info, 0, len(s.blobs))
		for n, b := range s.blobs {
			infos = append(infos, blob.Info{Part: n.part, ID: n.id, Size: int64(len(b.data)), Written: b.written})
		}
		s.mu.Unlock()
		for _, info := range infos {
			if err := ctx.Err(); err != nil {
				yield(blob.Info{}, err)
				return
			}
			if !yield(info, nil) {
				return
			}
		}
	}
}

// Close implements blob.Store.
func (s *Store) Close() error { return nil }
