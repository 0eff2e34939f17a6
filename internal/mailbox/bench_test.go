package mailbox

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"vaguemestre/internal/store"
	"vaguemestre/internal/store/sqlstore"
	"vaguemestre/vault/keyring"
)

// Benchmarks of a folder of 10,000 small mails on SQLite. cpu-ms/op is the
// processor time of this process, on all cores.

const many = 10_000

// newFullDesk files many messages into the inbox.
func newFullDesk(b *testing.B) *desk {
	b.Helper()
	s, err := sqlstore.OpenSQLite(filepath.Join(b.TempDir(), "store.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	d := deskOf(b, newOwner(b, "p-one"), s)
	d.fileMany(Inbox, 0, many)
	return d
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measured runs fn as the benchmark and reports its processor time.
func measured(b *testing.B, fn func()) {
	b.Helper()
	b.ReportAllocs()
	var spent time.Duration
	for b.Loop() {
		before := cpu()
		fn()
		spent += cpu() - before
	}
	b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// list is what an edge asks at SELECT and FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE).
func (d *desk) list() {
	if err := d.book.Fold(d.View, d.Update, Inbox); err != nil {
		d.Fatal(err)
	}
	if n := len(d.subjects(Inbox)); n != many {
		d.Fatalf("%d entries, want %d", n, many)
	}
}

func BenchmarkFirstListing(b *testing.B) {
	var spent time.Duration
	for range b.N {
		b.StopTimer()
		d := newFullDesk(b)
		runtime.GC()
		b.StartTimer()
		before := cpu()
		d.list()
		spent += cpu() - before
	}
	b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

func BenchmarkListing(b *testing.B) {
	d := newFullDesk(b)
	d.fold(Inbox)
	b.Run("in a new session", func(b *testing.B) {
		measured(b, func() { d.reopen(); d.list() })
	})
	b.Run("again", func(b *testing.B) {
		d.list()
		measured(b, d.list)
	})
	b.Run("the entries alone again", func(b *testing.B) {
		uids := d.uids(Inbox)
		measured(b, func() {
			d.view(func(r store.Reader) error {
				for _, err := range d.book.Entries(r, Inbox, uids) {
					if err != nil {
						return err
					}
				}
				return nil
			})
		})
	})
	b.Run("memory of the cache", func(b *testing.B) {
		heap := func() uint64 {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		d.reopen()
		before := heap()
		d.list()
		room := d.cache.room
		after := heap()
		runtime.KeepAlive(d)
		b.ReportMetric(float64(after-before)/many, "heap-B/message")
		b.ReportMetric(float64(64<<20-room)/many, "counted-B/message")
	})
	var stored, blocks int
	for _, p := range d.dump() {
		stored += len(p.Key) + len(p.Value)
		if strings.HasPrefix(p.Key, "mb/b/") {
			blocks += len(p.Value)
		}
	}
	b.Logf("stored when folded: %d B a message, %d B of them in blocks", stored/many, blocks/many)
}

// prose is 3.6 KB of text of some vocabulary.
func prose(n int) string {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	var b strings.Builder
	for b.Len() < 3600 {
		w := r.IntN(4000)
		fmt.Fprintf(&b, "%s%s ", strings.Repeat(string(rune('a'+w%26)), 1+w%3), []string{"tion", "ment", "eur", "ique", "age", "é"}[w%6])
		if r.IntN(12) == 0 {
			b.WriteString(".\r\n")
		}
		fmt.Fprintf(&b, "%x ", w)
	}
	return b.String()
}

func BenchmarkSearch(b *testing.B) {
	d := newFullDesk(b)
	d.fold(Inbox)
	var texts [100]string
	for i := range texts {
		texts[i] = prose(i)
	}
	read := func(it *Item, s *keyring.Session) (string, string, error) {
		return "subject: " + it.Envelope.Subject, texts[it.Structure.Size%100] + it.Envelope.MessageID, nil
	}
	before, start := cpu(), time.Now()
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, read); err != nil {
		b.Fatal(err)
	}
	b.Logf("texts kept at the first search, but for reading the mails: %v CPU, %v", cpu()-before, time.Since(start))
	var stored int
	for _, p := range d.dump() {
		if strings.HasPrefix(p.Key, "mb/t/") {
			stored += len(p.Value)
		}
	}
	b.Logf("stored: %d B a message", stored/many)
	uids := d.uids(Inbox)
	b.Run("text", func(b *testing.B) {
		measured(b, func() {
			if err := d.book.FoldTexts(d.View, d.Update, Inbox, noRead); err != nil {
				b.Fatal(err)
			}
			hits := 0
			d.view(func(r store.Reader) error {
				for t, err := range d.book.Texts(r, Inbox, uids, true, noRead) {
					if err != nil {
						return err
					}
					if strings.Contains(t.Text, "perlimpinpin 77") {
						hits++
					}
				}
				return nil
			})
			if hits == 0 {
				b.Fatal("nothing found")
			}
		})
	})
}

func BenchmarkFile(b *testing.B) {
	d := newDesk(b)
	f := d.filing(1)
	f.Mark = make([]byte, 16)
	b.Logf("sealed item: %d B, wraps: %d B", len(f.Sealed), len(f.Wraps))
	b.Run("seal", func(b *testing.B) {
		it := item(b, mail(1))
		session, _, err := keyring.NewSession(d.cert)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			SealItem(session, d.part, f.ID, it)
		}
	})
	b.Run("file", func(b *testing.B) {
		b.ReportAllocs()
		d.update(func(w store.Writer) error {
			for b.Loop() {
				if _, _, err := File(discard{w}, Inbox, f); err != nil {
					return err
				}
			}
			return nil
		})
	})
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.key.Open(f.Wraps); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// discard is a Writer that keeps nothing.
type discard struct{ store.Writer }

func (discard) Put(string, []byte) {}

func BenchmarkEntry(b *testing.B) {
	it := item(b, mail(1))
	rec := record{item: appendItem(nil, it)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rec.entry(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGreatActs does acts on all 10,000 messages at once, each once, and
// logs what they take.
func BenchmarkGreatActs(b *testing.B) {
	d := newFullDesk(b)
	d.fold(Inbox)
	uids := d.uids(Inbox)
	step := func(name string, fn func(w store.Writer) error) {
		b.Helper()
		before, start := cpu(), time.Now()
		d.update(fn)
		b.Logf("%s: %v CPU, %v", name, cpu()-before, time.Since(start))
	}
	step("flag all", func(w store.Writer) error {
		_, err := d.book.SetFlags(w, Inbox, uids, AddFlags, Flags{System: Seen})
		return err
	})
	step("copy all", func(w store.Writer) error { _, err := d.book.Copy(w, Inbox, uids, Archive); return err })
	step("move all", func(w store.Writer) error { _, err := d.book.Move(w, Inbox, uids, Trash); return err })
	d.fold(Trash)
	var half []UID
	for _, u := range d.uids(Trash) {
		if u%2 == 0 {
			half = append(half, u)
		}
	}
	step("expunge every second", func(w store.Writer) error { _, _, err := d.book.Expunge(w, Trash, half); return err })
	step("expunge one", func(w store.Writer) error { _, _, err := d.book.Expunge(w, Trash, []UID{77}); return err })
}
