package sqlstore

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vaguemestre/internal/store"
)

// BenchmarkFiling measures the transaction that files a mail: 8 Gets, a Scan
// of 3 rows and 10 Puts of 60 to 700 bytes, one of 5 KB; "large" has one of 44 KB besides.
// VAGUEMESTRE_BENCH_FILL makes the store that many messages old first.
func BenchmarkFiling(b *testing.B) {
	benchmarkFiling(b, func(b *testing.B) *Store { return openSQLite(b, filepath.Join(b.TempDir(), "store.db")) })
}

func benchmarkFiling(b *testing.B, open func(*testing.B) *Store) {
	for _, large := range []bool{false, true} {
		for _, parts := range []int{1, 20, 1000} {
			for _, goroutines := range []int{1, 8, 32} {
				name := fmt.Sprintf("large=%v/parts=%d/goroutines=%d", large, parts, goroutines)
				b.Run(name, func(b *testing.B) {
					s := open(b)
					defer s.Close()
					f := &filing{s: s, parts: parts, large: large, seen: make([]atomic.Int64, parts)}
					fill, _ := strconv.Atoi(os.Getenv("VAGUEMESTRE_BENCH_FILL"))
					f.run(b, 32, fill)
					b.ReportAllocs()
					b.ResetTimer()
					cpu := cpuTime()
					f.run(b, goroutines, b.N)
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
					b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/tx")
				})
			}
		}
	}
}

type filing struct {
	s     store.Store
	parts int
	large bool
	next  atomic.Int64
	seen  []atomic.Int64
}

// run files n messages from some goroutines.
func (f *filing) run(b *testing.B, goroutines, n int) {
	var wg sync.WaitGroup
	last := f.next.Load() + int64(n)
	for range goroutines {
		wg.Go(func() {
			for i := f.next.Add(1); i <= last; i = f.next.Add(1) {
				p := int(i) * 7919 % f.parts
				part := store.Part(fmt.Sprintf("p%025d", p))
				id := f.seen[p].Add(1)
				if err := f.s.Update(b.Context(), part, func(w store.Writer) error { return f.file(w, id) }); err != nil {
					b.Error(err)
					return
				}
			}
			f.next.Add(-1)
		})
	}
	wg.Wait()
}

var noise = func() []byte {
	out := make([]byte, 1<<20)
	for i := range out {
		out[i] = byte(rand.Uint32())
	}
	return out
}()

func some(n int) []byte { return noise[rand.IntN(len(noise)-n):][:n] }

// file reads and writes as the door does when it files a mail.
func (f *filing) file(w store.Writer, id int64) error {
	for _, key := range []string{"acc/state", "acc/quota", "mb/f/1", "mb/uid/1", "pat/state", "pat/keys", "aud/head", "thr/seen"} {
		if _, err := w.Get(key); err != nil {
			return err
		}
	}
	n := 0
	for _, err := range w.Scan(fmt.Sprintf("mb/m/1/%010d", max(0, id-4)), fmt.Sprintf("mb/m/1/%010d", id-1)) {
		if err != nil {
			return err
		}
		n++
	}
	for _, row := range []struct {
		key  string
		size int
	}{
		{"acc/quota", 60}, {"mb/uid/1", 60}, {"aud/head", 100},
		{fmt.Sprintf("mb/m/1/%010d", id), 700}, {fmt.Sprintf("mb/id/%016x", rand.Uint64()), 60},
		{fmt.Sprintf("aud/e/%010d", id), 400}, {fmt.Sprintf("doc/%016x", rand.Uint64()), 600},
		{fmt.Sprintf("thr/%016x", rand.Uint64()), 200}, {fmt.Sprintf("mb/fold/%010d", id), 500},
		{fmt.Sprintf("mb/s/%016x", rand.Uint64()), 5000},
	} {
		w.Put(row.key, some(row.size))
	}
	if f.large {
		w.Put(fmt.Sprintf("doc/b/%016x", rand.Uint64()), some(44_000))
	}
	return nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
