// Package blobtest is the contract of package blob as a test suite: every
// engine passes it.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vaguemestre/internal/blob"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// Run tests an engine. open returns a new and empty store each time it is
// called; the suite closes it.
func Run(t *testing.T, open func(*testing.T) blob.Store) {
	for _, s := range sentences {
		t.Run(s.name, func(t *testing.T) { s.test(newBench(t, open(t))) })
	}
}

// RunDurable tests that an engine keeps what it has acknowledged. place makes
// one new and empty place and returns what opens it, again and again.
func RunDurable(t *testing.T, place func(*testing.T) (open func(*testing.T) blob.Store)) {
	t.Run("what was put is there after reopening", func(t *testing.T) {
		open := place(t)
		b := newBench(t, open(t))
		ids := make([]blob.ID, 20)
		for i := range ids {
			ids[i] = NewID()
			b.put("p", ids[i], []byte(ids[i]))
		}
		b.delete("p", ids[0])
		b.close()

		b = newBench(t, open(t))
		b.wantNone("p", ids[0])
		for _, id := range ids[1:] {
			b.want("p", id, []byte(id))
		}
		if got := b.all(); len(got) != len(ids)-1 {
			b.Errorf("All() yields %d blobs, want %d", len(got), len(ids)-1)
		}
	})
}

// NewID returns a random name, as the contract wants it.
func NewID() blob.ID { return blob.ID(strings.ToLower(rand.Text())) }

// A bench is a store under test with the shorthands of the suite.
type bench struct {
	*testing.T
	ctx context.Context
	s   blob.Store
}

func newBench(t *testing.T, s blob.Store) *bench {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	b := &bench{T: t, ctx: ctx, s: s}
	t.Cleanup(func() {
		b.close()
		cancel()
	})
	return b
}

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

func writes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

func (b *bench) put(part store.Part, id blob.ID, data []byte) {
	b.Helper()
	if err := b.s.Put(b.ctx, part, id, writes(data)); err != nil {
		b.Fatalf("Put() = %v", err)
	}
}

func (b *bench) want(part store.Part, id blob.ID, data []byte) {
	b.Helper()
	r, err := b.s.Open(b.ctx, part, id)
	if err != nil {
		b.Fatalf("Open() = %v", err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data) {
		b.Errorf("Open() reads %d bytes, %v; want the %d that were put", len(got), err, len(data))
	}
}

func (b *bench) wantNone(part store.Part, id blob.ID) {
	b.Helper()
	r, err := b.s.Open(b.ctx, part, id)
	if err == nil {
		r.Close()
	}
	if !errors.Is(err, fault.NotFound) {
		b.Errorf("Open() = %v, want %v", err, fault.NotFound)
	}
}

func (b *bench) delete(part store.Part, id blob.ID) {
	b.Helper()
	if err := b.s.Delete(b.ctx, part, id); err != nil {
		b.Fatalf("Delete() = %v", err)
	}
}

// all returns what All yields, by partition and name.
func (b *bench) all() map[string]blob.Info {
	b.Helper()
	got := map[string]blob.Info{}
	for info, err := range b.s.All(b.ctx) {
		if err != nil {
			b.Fatalf("All() = %v", err)
		}
		key := string(info.Part) + " " + string(info.ID)
		if _, twice := got[key]; twice {
			b.Errorf("All() yields %s twice", key)
		}
		got[key] = info
	}
	return got
}

// each runs fn in n goroutines and waits.
func each(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

var errTest = errors.New("the error of write")

var sentences = []struct {
	name string
	test func(*bench)
}{
	{"what was put is read back", func(b *bench) {
		for _, size := range []int{0, 1, 4096, 300_000} {
			data := make([]byte, size)
			rand.Read(data)
			id := NewID()
			b.put("p", id, data)
			b.want("p", id, data)
			b.want("p", id, data)
		}
	}},
	{"a blob is written in pieces", func(b *bench) {
		id := NewID()
		err := b.s.Put(b.ctx, "p", id, func(w io.Writer) error {
			for i := range 100 {
				if _, err := fmt.Fprintf(w, "%03d", i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatalf("Put() = %v", err)
		}
		var want []byte
		for i := range 100 {
			want = fmt.Appendf(want, "%03d", i)
		}
		b.want("p", id, want)
	}},
	{"a reader can seek", func(b *bench) {
		id := NewID()
		b.put("p", id, []byte("0123456789"))
		r, err := b.s.Open(b.ctx, "p", id)
		if err != nil {
			b.Fatalf("Open() = %v", err)
		}
		defer r.Close()
		if n, err := r.Seek(0, io.SeekEnd); n != 10 || err != nil {
			b.Errorf("Seek to the end = %d, %v", n, err)
		}
		if _, err := r.Seek(4, io.SeekStart); err != nil {
			b.Errorf("Seek() = %v", err)
		}
		var got [3]byte
		if _, err := io.ReadFull(r, got[:]); err != nil || string(got[:]) != "456" {
			b.Errorf("after Seek(4) comes %q, %v", got, err)
		}
	}},
	{"what is absent is not found", func(b *bench) {
		b.wantNone("p", NewID())
		id := NewID()
		b.put("p", id, []byte("x"))
		b.wantNone("q", id)
		b.wantNone("p", NewID())
	}},
	{"a name is taken once", func(b *bench) {
		id := NewID()
		b.put("p", id, []byte("first"))
		called := false
		err := b.s.Put(b.ctx, "p", id, func(w io.Writer) error {
			called = true
			return writes([]byte("second"))(w)
		})
		if !errors.Is(err, fault.Exists) {
			b.Errorf("the second Put() = %v, want %v", err, fault.Exists)
		}
		if called {
			b.Log("write was called although the name was taken; allowed, but wasteful")
		}
		b.want("p", id, []byte("first"))
		b.put("q", id, []byte("another partition"))
		b.want("p", id, []byte("first"))
		b.want("q", id, []byte("another partition"))
	}},
	{"of racing puts of one name one wins whole", func(b *bench) {
		for range 10 {
			id := NewID()
			var won atomic.Int64
			var winner atomic.Value
			each(6, func(i int) {
				data := bytes.Repeat([]byte{byte('a' + i)}, 50_000)
				switch err := b.s.Put(b.ctx, "p", id, writes(data)); {
				case err == nil:
					won.Add(1)
					winner.Store(data)
				case !errors.Is(err, fault.Exists):
					b.Errorf("Put() = %v, want %v", err, fault.Exists)
				}
			})
			if won.Load() != 1 {
				b.Fatalf("%d puts won, want 1", won.Load())
			}
			b.want("p", id, winner.Load().([]byte))
		}
	}},
	{"a write that fails leaves nothing and the name free", func(b *bench) {
		id := NewID()
		err := b.s.Put(b.ctx, "p", id, func(w io.Writer) error {
			_, _ = w.Write(make([]byte, 100_000))
			return errTest
		})
		if !errors.Is(err, errTest) {
			b.Errorf("Put() = %v, want the error of write", err)
		}
		b.wantNone("p", id)
		if got := b.all(); len(got) != 0 {
			b.Errorf("All() yields %d blobs, want none", len(got))
		}
		b.put("p", id, []byte("again"))
		b.want("p", id, []byte("again"))
	}},
	{"a write that panics leaves nothing and the name free", func(b *bench) {
		id := NewID()
		func() {
			defer func() {
				if recover() == nil {
					b.Error("the panic of write did not come out of Put")
				}
			}()
			b.s.Put(b.ctx, "p", id, func(w io.Writer) error {
				_, _ = w.Write([]byte("half"))
				panic("write")
			})
		}()
		b.wantNone("p", id)
		b.put("p", id, []byte("again"))
	}},
	{"a blob that is being written cannot be seen", func(b *bench) {
		id := NewID()
		err := b.s.Put(b.ctx, "p", id, func(w io.Writer) error {
			_, _ = w.Write(make([]byte, 100_000))
			b.wantNone("p", id)
			if got := b.all(); len(got) != 0 {
				b.Errorf("All() yields %d blobs, want none", len(got))
			}
			return nil
		})
		if err != nil {
			b.Fatalf("Put() = %v", err)
		}
	}},
	{"a deleted blob is gone, twice is no error, and its name is free", func(b *bench) {
		id := NewID()
		b.put("p", id, []byte("x"))
		b.put("q", id, []byte("y"))
		b.delete("p", id)
		b.wantNone("p", id)
		b.delete("p", id)
		b.delete("never", NewID())
		b.want("q", id, []byte("y"))
		b.put("p", id, []byte("z"))
		b.want("p", id, []byte("z"))
	}},
	{"a reader goes on after the blob is deleted", func(b *bench) {
		id := NewID()
		b.put("p", id, []byte("still here"))
		r, err := b.s.Open(b.ctx, "p", id)
		if err != nil {
			b.Fatalf("Open() = %v", err)
		}
		defer r.Close()
		b.delete("p", id)
		if got, err := io.ReadAll(r); string(got) != "still here" || err != nil {
			b.Errorf("the reader reads %q, %v", got, err)
		}
	}},
	{"all yields every blob with its size and date", func(b *bench) {
		before := time.Now().Add(-time.Hour)
		want := map[string]int64{}
		for i := range 30 {
			part, id := store.Part(fmt.Sprintf("p.%d-x", i%4)), NewID()
			b.put(part, id, make([]byte, i*100))
			want[string(part)+" "+string(id)] = int64(i * 100)
		}
		got := b.all()
		for key, size := range want {
			if info, ok := got[key]; !ok || info.Size != size || info.Written.Before(before) || info.Written.After(time.Now().Add(time.Hour)) {
				b.Errorf("All() yields %+v for %s, want size %d", info, key, size)
			}
		}
		if len(got) != len(want) {
			b.Errorf("All() yields %d blobs, want %d", len(got), len(want))
		}
	}},
	{"all may be left early, and blobs deleted while it runs", func(b *bench) {
		for range 10 {
			b.put("p", NewID(), []byte("x"))
		}
		for range b.s.All(b.ctx) {
			break
		}
		for info, err := range b.s.All(b.ctx) {
			if err != nil {
				b.Fatalf("All() = %v", err)
			}
			b.delete(info.Part, info.ID)
		}
		if got := b.all(); len(got) != 0 {
			b.Errorf("%d blobs are left, want none", len(got))
		}
	}},
	{"a name that is none is refused", func(b *bench) {
		good := NewID()
		for _, name := range []struct {
			part store.Part
			id   blob.ID
		}{
			{"", good}, {"P", good}, {"a/b", good}, {"a\x00", good}, {"é", good}, {"..\\x", good},
			{store.Part(strings.Repeat("a", 65)), good},
			{"p", ""}, {"p", "short"}, {"p", good + "a"}, {"p", good[:25]}, {"p", "../../../../../etc/passwd0"},
			{"p", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {"p", "1" + good[1:]}, {"p", "." + good[1:]},
		} {
			if err := b.s.Put(b.ctx, name.part, name.id, writes(nil)); !errors.Is(err, fault.Invalid) {
				b.Errorf("Put(%q, %q) = %v, want %v", name.part, name.id, err, fault.Invalid)
			}
			if _, err := b.s.Open(b.ctx, name.part, name.id); !errors.Is(err, fault.Invalid) {
				b.Errorf("Open(%q, %q) = %v, want %v", name.part, name.id, err, fault.Invalid)
			}
			if err := b.s.Delete(b.ctx, name.part, name.id); !errors.Is(err, fault.Invalid) {
				b.Errorf("Delete(%q, %q) = %v, want %v", name.part, name.id, err, fault.Invalid)
			}
		}
	}},
	{"every name of the contract is kept apart", func(b *bench) {
		id := NewID()
		parts := []store.Part{".", "..", "-", "a", "a.", ".a", "a..b", store.Part(strings.Repeat("z", 64))}
		for _, part := range parts {
			b.put(part, id, []byte(part))
		}
		for _, part := range parts {
			b.want(part, id, []byte(part))
		}
		got := b.all()
		for _, part := range parts {
			if _, ok := got[string(part)+" "+string(id)]; !ok {
				b.Errorf("All() lacks the blob of %q", part)
			}
		}
	}},
	{"a cancelled context ends what would begin", func(b *bench) {
		id := NewID()
		b.put("p", id, []byte("x"))
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		if err := b.s.Put(ctx, "p", NewID(), writes(nil)); !errors.Is(err, context.Canceled) {
			b.Errorf("Put() = %v, want context.Canceled", err)
		}
		if _, err := b.s.Open(ctx, "p", id); !errors.Is(err, context.Canceled) {
			b.Errorf("Open() = %v, want context.Canceled", err)
		}
		if err := b.s.Delete(ctx, "p", id); !errors.Is(err, context.Canceled) {
			b.Errorf("Delete() = %v, want context.Canceled", err)
		}
		for _, err := range b.s.All(ctx) {
			if !errors.Is(err, context.Canceled) {
				b.Errorf("All() = %v, want context.Canceled", err)
			}
		}
		b.want("p", id, []byte("x"))
	}},
	{"a context cancelled while writing leaves nothing", func(b *bench) {
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		id := NewID()
		err := b.s.Put(ctx, "p", id, func(w io.Writer) error {
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			b.Errorf("Put() = %v, want context.Canceled", err)
		}
		b.wantNone("p", id)
	}},
	{"many goroutines put, read and delete", func(b *bench) {
		each(8, func(g int) {
			part := store.Part(fmt.Sprint("p", g%3))
			for range 15 {
				id := NewID()
				b.put(part, id, []byte(id))
				b.want(part, id, []byte(id))
				b.delete(part, id)
			}
		})
		if got := b.all(); len(got) != 0 {
			b.Errorf("%d blobs are left, want none", len(got))
		}
	}},
}
