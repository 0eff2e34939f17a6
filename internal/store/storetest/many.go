package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"vaguemestre/internal/store"
)

// increment adds one to a counter; it reads what it writes, so a lost race
// that goes unseen loses a count.
func increment(key string) func(store.Writer) error {
	return func(w store.Writer) error {
		v, err := w.Get(key)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(string(v))
		w.Put(key, []byte(strconv.Itoa(n+1)))
		return nil
	}
}

// each runs fn in n goroutines and waits.
func each(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

var racing = []sentence{
	{"racing updates of one partition lose nothing", func(b *bench) {
		const goroutines, rounds = 8, 25
		each(goroutines, func(int) {
			for range rounds {
				if err := b.s.Update(b.ctx, "p", increment("n")); err != nil {
					b.Errorf("Update() = %v", err)
				}
			}
		})
		b.want("p", "n", strconv.Itoa(goroutines*rounds))
	}},
	{"racing updates of different keys of one partition lose nothing", func(b *bench) {
		const goroutines, rounds, keys = 32, 48, 8
		each(goroutines, func(g int) {
			for i := range rounds {
				if err := b.s.Update(b.ctx, "p", increment(strconv.Itoa((g+i)%keys))); err != nil {
					b.Errorf("Update() = %v", err)
				}
			}
		})
		for i := range keys {
			b.want("p", strconv.Itoa(i), strconv.Itoa(goroutines*rounds/keys))
		}
	}},
	{"racing creations of one partition lose nothing", func(b *bench) {
		for round := range 20 {
			each(4, func(int) {
				if err := b.s.Update(b.ctx, part(round), increment("n")); err != nil {
					b.Errorf("Update() = %v", err)
				}
			})
			b.want(part(round), "n", "4")
		}
	}},
	{"emptying and filling a partition loses nothing", func(b *bench) {
		var filled, emptied atomic.Int64
		each(6, func(int) {
			for range 20 {
				var was bool
				err := b.s.Update(b.ctx, "p", func(w store.Writer) error {
					v, err := w.Get("k")
					if was = v != nil; was {
						w.Delete("k")
					} else {
						w.Put("k", []byte("1"))
					}
					return err
				})
				switch {
				case err != nil:
					b.Errorf("Update() = %v", err)
				case was:
					emptied.Add(1)
				default:
					filled.Add(1)
				}
			}
		})
		if left := filled.Load() - emptied.Load(); left != 0 {
			b.Errorf("filled %d times and emptied %d times, want as often", filled.Load(), emptied.Load())
		}
		b.wantNone("p", "k")
	}},
	{"many goroutines on many partitions lose nothing", func(b *bench) {
		const goroutines, rounds, parts = 16, 15, 5
		each(goroutines, func(g int) {
			for i := range rounds {
				if err := b.s.Update(b.ctx, part((g+i)%parts), increment("n")); err != nil {
					b.Errorf("Update() = %v", err)
				}
			}
		})
		for i := range parts {
			b.want(part(i), "n", strconv.Itoa(goroutines*rounds/parts))
		}
	}},
	{"a failing update does not disturb those that race with it", func(b *bench) {
		each(8, func(g int) {
			for range 15 {
				err := b.s.Update(b.ctx, "p", func(w store.Writer) error {
					if err := increment("n")(w); err != nil {
						return err
					}
					if g%2 == 0 {
						return errTest
					}
					return nil
				})
				if wantErr := g%2 == 0; (err != nil) != wantErr || wantErr && !errors.Is(err, errTest) {
					b.Errorf("Update() = %v", err)
				}
			}
		})
		b.want("p", "n", "60")
	}},
	{"readers see whole updates only", func(b *bench) {
		ctx, stop := context.WithCancel(b.ctx)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for ctx.Err() == nil {
					err := b.s.View(b.ctx, "p", func(r store.Reader) error {
						x, err := r.Get("x")
						if err != nil {
							return err
						}
						y, err := r.Get("y")
						if err != nil {
							return err
						}
						if string(x) != string(y) {
							return fmt.Errorf("x is %q and y is %q", x, y)
						}
						return nil
					})
					if err != nil {
						b.Errorf("View() = %v", err)
						return
					}
				}
			})
		}
		for i := range 100 {
			v := []byte(strconv.Itoa(i))
			b.update("p", func(w store.Writer) error {
				w.Put("x", v)
				w.Put("y", v)
				return nil
			})
		}
		stop()
		wg.Wait()
	}},
}

var living = []sentence{
	{"parts yields the partitions that have a key", func(b *bench) {
		for i := range 30 {
			b.put(part(i), "k", "v")
		}
		b.put(part(3), "l", "v")
		b.delete(part(3), "k") // has another key left
		b.delete(part(4), "k") // is empty again
		got := b.parts()
		for i := range 30 {
			if want := i != 4; got[part(i)] != want {
				b.Errorf("Parts() has %s: %v, want %v", part(i), got[part(i)], want)
			}
		}
		if len(got) != 29 {
			b.Errorf("Parts() yields %d partitions, want 29", len(got))
		}
	}},
	{"parts may be left early", func(b *bench) {
		b.put("p", "k", "v")
		b.put("q", "k", "v")
		for range b.s.Parts(b.ctx) {
			break
		}
		b.put("p", "k", "w")
	}},
	{"parts may be read while the partitions are visited", func(b *bench) {
		for i := range 10 {
			b.put(part(i), "k", "v")
		}
		for p, err := range b.s.Parts(b.ctx) {
			if err != nil {
				b.Fatalf("Parts() = %v", err)
			}
			b.want(p, "k", "v")
			b.put(p, "k", "v")
		}
	}},
	{"a cancelled context ends what would begin", func(b *bench) {
		b.put("p", "k", "v")
		ctx, cancel := context.WithCancel(b.ctx)
		cancel()
		if err := b.s.View(ctx, "p", func(r store.Reader) error { return wantValue(r, "k", "v") }); !errors.Is(err, context.Canceled) {
			b.Errorf("View() = %v, want context.Canceled", err)
		}
		err := b.s.Update(ctx, "p", func(w store.Writer) error {
			w.Put("k", []byte("w"))
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			b.Errorf("Update() = %v, want context.Canceled", err)
		}
		for _, err := range b.s.Parts(ctx) {
			if !errors.Is(err, context.Canceled) {
				b.Errorf("Parts() = %v, want context.Canceled", err)
			}
		}
		b.want("p", "k", "v")
	}},
	{"a context cancelled in fn writes nothing", func(b *bench) {
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		err := b.s.Update(ctx, "p", func(w store.Writer) error {
			w.Put("k", []byte("v"))
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			b.Errorf("Update() = %v, want context.Canceled", err)
		}
		b.wantNone("p", "k")
	}},
	{"a slow update of one partition does not hold up another", func(b *bench) {
		b.update("slow", func(w store.Writer) error {
			w.Put("k", []byte("1"))
			b.put("fast", "k", "1")
			return nil
		})
		b.want("slow", "k", "1")
		b.want("fast", "k", "1")
	}},
	{"a panic in fn writes nothing and holds nothing up", func(b *bench) {
		func() {
			defer func() {
				if recover() == nil {
					b.Error("the panic of fn did not come out of Update")
				}
			}()
			b.s.Update(b.ctx, "p", func(w store.Writer) error {
				w.Put("k", []byte("1"))
				panic("fn")
			})
		}()
		b.wantNone("p", "k")
		b.put("p", "k", "2")
		b.want("p", "k", "2")
	}},
	{"close waits for running transactions", func(b *bench) {
		started, release, closed := make(chan struct{}), make(chan struct{}), make(chan error)
		done := make(chan error, 1)
		go func() {
			var once sync.Once
			done <- b.s.Update(b.ctx, "p", func(w store.Writer) error {
				once.Do(func() { close(started) })
				<-release
				w.Put("k", []byte("v"))
				return nil
			})
		}()
		<-started
		go func() { closed <- b.s.Close() }()
		select {
		case err := <-closed:
			b.Fatalf("Close() = %v before the update was over", err)
		default:
		}
		close(release)
		if err := <-closed; err != nil {
			b.Errorf("Close() = %v", err)
		}
		if err := <-done; err != nil {
			b.Errorf("Update() = %v, want it to end well", err)
		}
		b.s = nil
	}},
	{"after close every call fails", func(b *bench) {
		b.put("p", "k", "v")
		s := b.s
		b.close()
		if err := s.View(b.ctx, "p", func(store.Reader) error { return nil }); err == nil {
			b.Error("View() = nil after Close")
		}
		if err := s.Update(b.ctx, "p", func(w store.Writer) error { w.Put("k", []byte("w")); return nil }); err == nil {
			b.Error("Update() = nil after Close")
		}
		n := 0
		for _, err := range s.Parts(b.ctx) {
			if n++; err == nil {
				b.Error("Parts() yields a partition after Close")
			}
		}
		if n != 1 {
			b.Errorf("Parts() yields %d times after Close, want one error", n)
		}
		if err := s.Close(); err != nil {
			b.Errorf("the second Close() = %v", err)
		}
	}},
}
