package mailbox

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func TestFilingRefusesWhatItCannotKeep(t *testing.T) {
	d := newDesk(t)
	for _, test := range []struct {
		name   string
		change func(*Filing)
		want   error
	}{
		{"an ID of another length", func(f *Filing) { f.ID = "short" }, fault.Invalid},
		{"a negative size", func(f *Filing) { f.Size = -1 }, fault.Invalid},
		{"no wraps", func(f *Filing) { f.Wraps = nil }, fault.Invalid},
		{"a keyword", func(f *Filing) { f.Flags.Keywords = []string{"$Junk"} }, fault.Invalid},
		{"a flag that does not exist", func(f *Filing) { f.Flags.System = 1 << 7 }, fault.Invalid},
		{"a short mark", func(f *Filing) { f.Mark = []byte("short") }, fault.Invalid},
		{"a listing without bounds", func(f *Filing) { f.Sealed = make([]byte, maxSealed+1) }, fault.TooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := d.filing(1)
			test.change(&f)
			err := d.Update(func(w store.Writer) error { _, _, err := File(w, Inbox, f); return err })
			if !errors.Is(err, test.want) {
				t.Errorf("File = %v, want %v", err, test.want)
			}
		})
	}
}

// counter counts the writes of a transaction.
type counter struct {
	store.Writer
	puts, gets int
}

func (c *counter) Put(k string, v []byte)       { c.puts++; c.Writer.Put(k, v) }
func (c *counter) Get(k string) ([]byte, error) { c.gets++; return c.Writer.Get(k) }

func TestFilingCostsFourWritesHoweverFullTheFolderIs(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 300)
	d.fold(Inbox)
	f := d.filing(300)
	f.Mark = make([]byte, 32)
	d.update(func(w store.Writer) error {
		c := &counter{Writer: w}
		_, _, err := File(c, Inbox, f)
		if c.puts != 4 || c.gets != 1 {
			t.Errorf("File: %d puts and %d gets, want 4 and 1", c.puts, c.gets)
		}
		return err
	})
	if n := len(f.Sealed); n > 700 {
		t.Errorf("a small mail's item is %d bytes sealed, want at most 700", n)
	}
}

func TestADuplicateIsKnownByItsMark(t *testing.T) {
	d := newDesk(t)
	f := d.filing(1)
	f.Mark = []byte("0123456789abcdef0123456789abcdef")
	known := func(after time.Duration) (yes bool) {
		t.Helper()
		d.view(func(r store.Reader) (err error) {
			yes, err = Marked(r, f.Mark, f.Received.Add(after))
			return err
		})
		return yes
	}
	expect := func(when string, after time.Duration, want bool) {
		t.Helper()
		if got := known(after); got != want {
			t.Errorf("%s: Marked = %v, want %v", when, got, want)
		}
	}
	expect("before it is filed", 0, false)
	var uid UID
	d.update(func(w store.Writer) (err error) { uid, _, err = File(w, Inbox, f); return err })
	expect("filed", 0, true)
	expect("six days later", 6*24*time.Hour, true)
	expect("seven days later", 7*24*time.Hour, false)

	var moved Transfer
	d.fold(Inbox)
	d.update(func(w store.Writer) (err error) { moved, err = d.book.Move(w, Inbox, []UID{uid}, Trash); return err })
	expect("moved to the trash", 0, true)
	d.update(func(w store.Writer) (err error) { moved, err = d.book.Copy(w, Trash, moved.UIDs, Archive); return err })
	d.update(func(w store.Writer) error { _, _, err := d.book.Expunge(w, Trash, []UID{1}); return err })
	expect("the copy is left", 0, true)
	d.update(func(w store.Writer) error { _, _, err := d.book.Expunge(w, Archive, moved.UIDs); return err })
	expect("nothing is left", 0, false)
}

func TestTheSweepTakesOldMarksAFewAtATime(t *testing.T) {
	d := newDesk(t)
	const marks = 2*sweepStep + 10
	d.update(func(w store.Writer) error {
		for i := range marks {
			mac := fmt.Appendf(nil, "%016d", i)
			at := noon
			if i%2 == 1 {
				at = noon.Add(-8 * 24 * time.Hour)
			}
			putMark(w, mac, mark{at: at.Unix(), places: []markPlace{{Inbox, 1}}})
		}
		return nil
	})
	for round, want := range []bool{false, false, true} {
		var done bool
		d.update(func(w store.Writer) (err error) { done, err = Sweep(w, noon); return err })
		if done != want {
			t.Errorf("sweep %d: done = %v, want %v", round, done, want)
		}
	}
	left := 0
	for _, p := range d.dump() {
		if strings.HasPrefix(p.Key, markPrefix) {
			left++
		}
		if p.Key == sweepKey {
			t.Error("a sweep that came to its end left its place behind")
		}
	}
	if left != marks/2 {
		t.Errorf("%d marks are left, want %d", left, marks/2)
	}
}
