// Package storetest is the contract of package store as a test suite: every
// engine passes it, in memory or durable, alone or beside other processes.
//
// It knows nothing of how an engine works. Where the contract leaves freedom
// (an Update may run its fn again), the suite grants it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"vaguemestre/internal/store"
)

// patience bounds every wait of the suite, so that an engine that hangs fails
// its own test instead of the whole run.
const patience = 30 * time.Second

// Run tests an engine. open returns a new and empty store each time it is
// called; the suite closes it.
func Run(t *testing.T, open func(*testing.T) store.Store) {
	groups := map[string][]sentence{
		"reading": reading, "writing": writing, "scanning": scanning, "racing": racing, "living": living,
	}
	for group, sentences := range groups {
		t.Run(group, func(t *testing.T) {
			for _, s := range sentences {
				t.Run(s.name, func(t *testing.T) { s.test(newBench(t, open(t))) })
			}
		})
	}
}

// RunDurable tests that an engine keeps what it has acknowledged. place makes
// one new and empty place and returns what opens it, again and again.
func RunDurable(t *testing.T, place func(*testing.T) (open func(*testing.T) store.Store)) {
	t.Run("what was written is there after reopening", func(t *testing.T) {
		open := place(t)
		b := newBench(t, open(t))
		for i := range 20 {
			b.put(part(i), "k", fmt.Sprintf("v%d", i))
		}
		b.put("p", "gone", "x")
		b.delete("p", "gone")
		b.close()

		b = newBench(t, open(t))
		for i := range 20 {
			b.want(part(i), "k", fmt.Sprintf("v%d", i))
		}
		b.wantNone("p", "gone")
		b.put("p", "k", "after")
		b.close()

		b = newBench(t, open(t))
		b.want("p", "k", "after")
	})
	t.Run("a failed update leaves nothing behind after reopening", func(t *testing.T) {
		open := place(t)
		b := newBench(t, open(t))
		b.put("p", "kept", "1")
		b.mustFail("p", func(w store.Writer) error {
			w.Put("lost", []byte("1"))
			w.Delete("kept")
			return errTest
		}, errTest)
		b.close()

		b = newBench(t, open(t))
		b.want("p", "kept", "1")
		b.wantNone("p", "lost")
	})
}

// A sentence is one demand of the contract and the test of it.
type sentence struct {
	name string
	test func(*bench)
}

var errTest = errors.New("the error of fn")

// A bench is a store under test with the shorthands of the suite.
type bench struct {
	*testing.T
	ctx context.Context
	s   store.Store
}

func newBench(t *testing.T, s store.Store) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	b := &bench{T: t, ctx: ctx, s: s}
	t.Cleanup(func() {
		b.close()
		cancel()
	})
	return b
}

// close closes the store once; the clean-up then has nothing left to do.
func (b *bench) close() {
	b.Helper()
	if b.s == nil {
		return
	}
	if err := b.s.Close(); err != nil {
		b.Errorf("Close() = %v", err)
	}
	b.s = nil
}

func (b *bench) update(p store.Part, fn func(store.Writer) error) {
	b.Helper()
	if err := b.s.Update(b.ctx, p, fn); err != nil {
		b.Fatalf("Update(%s) = %v", p, err)
	}
}

func (b *bench) view(p store.Part, fn func(store.Reader) error) {
	b.Helper()
	if err := b.s.View(b.ctx, p, fn); err != nil {
		b.Fatalf("View(%s) = %v", p, err)
	}
}

func (b *bench) mustFail(p store.Part, fn func(store.Writer) error, want error) {
	b.Helper()
	if err := b.s.Update(b.ctx, p, fn); !errors.Is(err, want) {
		b.Fatalf("Update(%s) = %v, want %v", p, err, want)
	}
}

func (b *bench) put(p store.Part, key, value string) {
	b.Helper()
	b.update(p, func(w store.Writer) error {
		w.Put(key, []byte(value))
		return nil
	})
}

func (b *bench) delete(p store.Part, key string) {
	b.Helper()
	b.update(p, func(w store.Writer) error {
		w.Delete(key)
		return nil
	})
}

func (b *bench) want(p store.Part, key, value string) {
	b.Helper()
	b.view(p, func(r store.Reader) error { return wantValue(r, key, value) })
}

func (b *bench) wantNone(p store.Part, key string) {
	b.Helper()
	b.view(p, func(r store.Reader) error { return wantNone(r, key) })
}

// parts returns every partition the store has.
func (b *bench) parts() map[store.Part]bool {
	b.Helper()
	got := map[store.Part]bool{}
	for p, err := range b.s.Parts(b.ctx) {
		if err != nil {
			b.Fatalf("Parts() = %v", err)
		}
		if got[p] {
			b.Errorf("Parts() yields %s twice", p)
		}
		got[p] = true
	}
	return got
}

func wantValue(r store.Reader, key, value string) error {
	switch got, err := r.Get(key); {
	case err != nil:
		return err
	case got == nil:
		return fmt.Errorf("Get(%q) = nil, want %q", key, value)
	case string(got) != value:
		return fmt.Errorf("Get(%q) = %.40q, want %.40q", key, got, value)
	}
	return nil
}

func wantNone(r store.Reader, key string) error {
	switch got, err := r.Get(key); {
	case err != nil:
		return err
	case got != nil:
		return fmt.Errorf("Get(%q) = %.40q, want nil", key, got)
	}
	return nil
}

// wantScan compares what Scan yields with pairs written as "key=value".
func wantScan(r store.Reader, from, to string, want ...string) error {
	var got []string
	for p, err := range r.Scan(from, to) {
		if err != nil {
			return err
		}
		got = append(got, p.Key+"="+string(p.Value))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("Scan(%q, %q) = %q, want %q", from, to, got, want)
	}
	return nil
}

func part(i int) store.Part { return store.Part(fmt.Sprintf("part-%03d", i)) }
