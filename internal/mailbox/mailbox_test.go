package mailbox

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func TestWhatWasFiledIsWhatIsRead(t *testing.T) {
	d := newDesk(t)
	it := item(t, mail(7))
	it.Parts = []PartRef{{Ref: "b-part", Key: make([]byte, keySize), Name: "binding"}, {Ref: "i-part"}}
	f := filingOf(t, d.owner, 7, it)
	f.Flags.System = Flagged
	d.update(func(w store.Writer) error {
		uid, change, err := File(w, Inbox, f)
		want := Change{From: Cursor{0, 1}, To: Cursor{1, 2},
			Messages: []Message{{UID: 1, Flags: Flags{System: Flagged}, Received: f.Received, Size: f.Size}}}
		if diff := cmp.Diff(want, change); uid != 1 || diff != "" {
			t.Errorf("File = %d, %s", uid, diff)
		}
		return err
	})
	check := func(when string) {
		t.Helper()
		d.view(func(r store.Reader) error {
			got, session, id, err := d.book.Item(r, Inbox, 1)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(it, got, cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: item: %s", when, diff)
			}
			if _, err := session.OpenValue(nil, f.Sealed, itemPlace(d.part, id)); err != nil || id != f.ID {
				t.Errorf("%s: session and ID are not those of the message: %v", when, err)
			}
			for e, err := range d.book.Entries(r, Inbox, []UID{1, 2}) {
				if err != nil {
					return err
				}
				if e.UID != 1 || !e.Received.Equal(f.Received) || e.Size != f.Size || e.Envelope.Subject != subject(7) || e.Structure.Root.Subtype != "plain" {
					t.Errorf("%s: entry %+v", when, e)
				}
			}
			return nil
		})
	}
	check("as filed")
	d.fold(Inbox)
	check("folded")
	d.reopen()
	check("in a new session")
}

func TestAMessageThatIsNotThereIsNotFound(t *testing.T) {
	d := newDesk(t)
	d.view(func(r store.Reader) error {
		if _, _, _, err := d.book.Item(r, Inbox, 1); !errors.Is(err, fault.NotFound) {
			t.Errorf("Item = %v", err)
		}
		if _, err := d.book.Changes(r, 99, Cursor{}); !errors.Is(err, fault.NotFound) {
			t.Errorf("Changes = %v", err)
		}
		return nil
	})
	f := d.filing(1)
	err := d.Update(func(w store.Writer) error { _, _, err := File(w, 99, f); return err })
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("File = %v", err)
	}
}

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

func TestWhoeverAppendedCostsOthersOnlyTheNewRows(t *testing.T) {
	d := newDesk(t)
	d.file(Inbox, 1)
	d.file(Inbox, 2)
	var at Cursor
	d.view(func(r store.Reader) error {
		delta, err := d.book.Changes(r, Inbox, Cursor{})
		if !delta.All || len(delta.Messages) != 2 {
			t.Errorf("from the beginning: %+v", delta)
		}
		at = delta.To
		return err
	})
	changes := func(since Cursor) (delta Delta) {
		t.Helper()
		d.view(func(r store.Reader) (err error) { delta, err = d.book.Changes(r, Inbox, since); return err })
		return delta
	}
	if c := changes(at); c.All || len(c.Messages) != 0 || c.To != at {
		t.Errorf("nothing happened: %+v", c)
	}
	d.file(Inbox, 3)
	if c := changes(at); c.All || len(c.Messages) != 1 || c.Messages[0].UID != 3 {
		t.Errorf("one came: %+v", c)
	}
	d.fold(Inbox)
	if c := changes(at); c.All || len(c.Messages) != 1 {
		t.Errorf("a fold is no change: %+v", c)
	}
	var c Change
	d.update(func(w store.Writer) (err error) {
		c, err = d.book.SetFlags(w, Inbox, []UID{2}, AddFlags, Flags{System: Seen})
		return err
	})
	if delta := changes(c.From); !delta.All || len(delta.Messages) != 3 || delta.To != c.To {
		t.Errorf("a flag changed: %+v", delta)
	}
	if delta := changes(Cursor{Revision: 1 << 40, UIDNext: 2}); !delta.All {
		t.Errorf("a cursor of the future: %+v", delta)
	}
}

func TestFlagsAreCombined(t *testing.T) {
	for _, test := range []struct {
		name string
		op   FlagOp
		f    Flags
		want Flags
	}{
		{"adding adds", AddFlags, Flags{Seen, []string{"$Forwarded"}}, Flags{Seen | Flagged, []string{"$Forwarded", "urgent"}}},
		{"adding what is there adds nothing", AddFlags, Flags{Flagged, []string{"URGENT"}}, Flags{Flagged, []string{"urgent"}}},
		{"removing removes", RemoveFlags, Flags{Flagged, []string{"Urgent", "never-seen"}}, Flags{}},
		{"replacing replaces", ReplaceFlags, Flags{Draft, []string{"b", "a", "B"}}, Flags{Draft, []string{"a", "b"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			f := d.filing(1)
			f.Flags = Flags{Flagged, []string{"urgent"}}
			d.update(func(w store.Writer) error { _, _, err := d.book.File(w, Inbox, f); return err })
			d.update(func(w store.Writer) error {
				_, err := d.book.SetFlags(w, Inbox, []UID{1, 2}, test.op, test.f)
				return err
			})
			d.view(func(r store.Reader) error {
				delta, err := d.book.Changes(r, Inbox, Cursor{})
				if diff := cmp.Diff(test.want, delta.Messages[0].Flags, cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
				return err
			})
		})
	}
}

func TestKeywordsHaveLimits(t *testing.T) {
	d := newDesk(t)
	d.file(Inbox, 1)
	set := func(names ...string) error {
		return d.Update(func(w store.Writer) error {
			_, err := d.book.SetFlags(w, Inbox, []UID{1}, AddFlags, Flags{Keywords: names})
			return err
		})
	}
	for _, bad := range []string{"", "two words", "é", `back\slash`, "star*", strings.Repeat("k", 65)} {
		if err := set(bad); !errors.Is(err, fault.Invalid) {
			t.Errorf("keyword %q: %v, want it refused", bad, err)
		}
	}
	var names []string
	for i := range maxKeywords {
		names = append(names, fmt.Sprintf("k%d", i))
	}
	if err := set(names...); err != nil {
		t.Errorf("%d keywords: %v", len(names), err)
	}
	if err := set("one-more"); !errors.Is(err, fault.TooLarge) {
		t.Errorf("one keyword more: %v, want it refused", err)
	}
}

func TestUnchangedFlagsWriteNothing(t *testing.T) {
	d := newDesk(t)
	d.file(Inbox, 1)
	d.update(func(w store.Writer) error {
		c := &counter{Writer: w}
		change, err := d.book.SetFlags(c, Inbox, []UID{1}, RemoveFlags, Flags{System: Seen, Keywords: []string{"none"}})
		if c.puts != 0 || change.From != change.To || len(change.Messages) != 0 {
			t.Errorf("%d puts, change %+v", c.puts, change)
		}
		return err
	})
}

func TestCopiesOpenWithoutTheOwnersKeyAndHoldWhatTheyCopy(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 3)
	d.fold(Inbox)
	d.book.key = nil // no public-key work from here on
	var tr Transfer
	d.update(func(w store.Writer) (err error) {
		tr, err = d.book.Copy(w, Inbox, []UID{3, 9, 1}, Archive)
		return err
	})
	if !slices.Equal(tr.UIDs, []UID{2, 0, 1}) || len(tr.Held) != 2 || len(tr.Came.Messages) != 2 || tr.Gone.Gone != nil {
		t.Errorf("Copy = %+v", tr)
	}
	want := map[UID]string{1: subject(0), 2: subject(2)}
	if diff := cmp.Diff(want, d.subjects(Archive)); diff != "" {
		t.Error(diff)
	}
	if got := len(d.uids(Inbox)); got != 3 {
		t.Errorf("%d are left in the inbox, want 3", got)
	}
	d.update(func(w store.Writer) (err error) {
		tr, err = d.book.Move(w, Archive, []UID{1, 2}, Archive)
		return err
	})
	want = map[UID]string{3: subject(0), 4: subject(2)}
	if diff := cmp.Diff(want, d.subjects(Archive)); diff != "" {
		t.Errorf("moved to where they are: %s", diff)
	}
	if tr.Held != nil || !slices.Equal(tr.Gone.Gone, []UID{1, 2}) {
		t.Errorf("Move = %+v", tr)
	}
	d.fold(Archive)
	if diff := cmp.Diff(want, d.subjects(Archive)); diff != "" {
		t.Errorf("folded: %s", diff)
	}
}

func TestExpungeLeavesNothingOfAMessage(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 70)
	d.fold(Inbox)
	d.fileMany(Inbox, 70, 72)
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, d.read); err != nil {
		t.Fatal(err)
	}
	d.update(func(w store.Writer) error {
		_, err := d.book.SetFlags(w, Inbox, []UID{5, 71}, AddFlags, Flags{System: Deleted})
		return err
	})
	d.subjects(Inbox) // fill the cache
	var change Change
	var freed []string
	d.update(func(w store.Writer) (err error) { change, freed, err = d.book.Expunge(w, Inbox, nil); return err })
	if !slices.Equal(change.Gone, []UID{5, 71}) || len(freed) != 2 {
		t.Errorf("Expunge = %+v, %v", change, freed)
	}
	got := d.subjects(Inbox)
	if len(got) != 70 || got[5] != "" || got[71] != "" || got[6] != subject(5) {
		t.Errorf("%d entries are left: %v", len(got), got)
	}
	d.view(func(r store.Reader) error {
		recs, err := d.book.folded(r, &state{id: Inbox}, 0, new(folded))
		if err != nil {
			return err
		}
		if len(recs.records) != 69 {
			t.Errorf("the block has %d entries, want 69", len(recs.records))
		}
		texts, err := d.book.keptTexts(r, Inbox, 0)
		if _, ok := findText(texts, 5); ok || len(texts) != 62 {
			t.Errorf("%d texts are kept in the first block, want 62", len(texts))
		}
		return err
	})
	d.update(func(w store.Writer) error {
		_, _, err := d.book.Expunge(w, Inbox, d.uids(Inbox))
		return err
	})
	for _, p := range d.dump() {
		if p.Key != stateKey(Inbox) && strings.Contains(p.Key, "/1/") {
			t.Errorf("row %s is left of an empty folder", p.Key)
		}
	}
}

func TestUsageCountsWhatTheOwnerMayDelete(t *testing.T) {
	d := newDesk(t)
	d.file(Inbox, 1)
	d.file(Sent, 2)
	var shelf FolderID
	d.update(func(w store.Writer) (err error) { shelf, err = d.book.EnsureShelf(w, "Documents/Biologie"); return err })
	d.file(shelf, 3)
	d.view(func(r store.Reader) error {
		bytes, n, err := Usage(r)
		if want := int64(len(mail(1)) + len(mail(2))); bytes != want || n != 2 {
			t.Errorf("Usage = %d, %d, want %d, 2", bytes, n, want)
		}
		return err
	})
}

func TestEraseLeavesNoKey(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 80)
	d.fold(Inbox)
	d.fileMany(Sent, 80, 83)
	d.create("Famille/Vaccins")
	f := d.filing(90)
	f.Mark, f.Flags.Keywords = make([]byte, 16), []string{"own"}
	d.update(func(w store.Writer) error { _, _, err := d.book.File(w, Inbox, f); return err })
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, d.read); err != nil {
		t.Fatal(err)
	}
	d.update(func(w store.Writer) error { w.Put("mc/other", []byte{1}); return Erase(w) })
	if rows := d.dump(); len(rows) != 1 || rows[0].Key != "mc/other" {
		t.Errorf("%d rows are left, the first is %q", len(rows), rows[0].Key)
	}
	if err := d.View(func(r store.Reader) error { _, err := Open(r, d.part, d.key, d.cache); return err }); !errors.Is(err, fault.NotFound) {
		t.Errorf("Open after Erase = %v", err)
	}
}

func TestAMailboxOpensForItsOwnerOnly(t *testing.T) {
	d := newDesk(t)
	other := newOwner(t, "p-two")
	err := d.View(func(r store.Reader) error { _, err := Open(r, d.part, other.key, d.cache); return err })
	if !errors.Is(err, fault.Corrupt) {
		t.Errorf("Open = %v, want fault.Corrupt", err)
	}
	err = d.Update(func(w store.Writer) error { return Create(w, d.part, d.cert, noon) })
	if !errors.Is(err, fault.Exists) {
		t.Errorf("Create again = %v, want fault.Exists", err)
	}
}

// Whatever is sealed opens in its own place only.
func TestSwappedValuesDoNotOpen(t *testing.T) {
	one := newDesk(t)
	two := deskOf(t, newOwner(t, "p-two"), one.store)
	for _, d := range []*desk{one, two} {
		d.fileMany(Inbox, 0, 300)
		d.fileMany(Sent, 300, 303)
		d.fold(Inbox)
		d.fold(Sent)
		if err := d.book.FoldTexts(d.View, d.Update, Inbox, d.read); err != nil {
			t.Fatal(err)
		}
		d.fileMany(Inbox, 303, 305) // 301 and 302 are not folded
		d.update(func(w store.Writer) error { _, err := d.book.Copy(w, Inbox, []UID{1}, Sent); return err })
	}
	for _, test := range []struct {
		name     string
		from     *desk
		src, dst string
		read     func(*desk, store.Reader) error
	}{
		{"a block of another folder", one, "mb/b/2/00000000", "mb/b/1/00000000", readItem(Inbox, 1)},
		{"a block of another span", one, "mb/b/1/00000100", "mb/b/1/00000000", readItem(Inbox, 1)},
		{"a block of another owner", two, "mb/b/1/00000000", "mb/b/1/00000000", readItem(Inbox, 1)},
		{"a new entry of another owner", two, "mb/n/1/0000012d", "mb/n/1/0000012d", readItem(Inbox, 301)},
		{"a copied entry where another was filed", one, "mb/n/2/00000004", "mb/n/1/0000012d", readItem(Inbox, 301)},
		{"a text of another span", one, "mb/t/1/00000040", "mb/t/1/00000000", readText(Inbox, 1)},
		{"a text of another owner", two, "mb/t/1/00000000", "mb/t/1/00000000", readText(Inbox, 1)},
		{"folders of another owner", two, "mb/folders", "mb/folders", readFolders},
		{"a mailbox key of another owner", two, "mb/key", "mb/key", readFolders},
		{"one's folders as keywords", one, "mb/folders", "mb/words", readWords},
	} {
		t.Run(test.name, func(t *testing.T) {
			var value []byte
			test.from.view(func(r store.Reader) (err error) { value, err = r.Get(test.src); return err })
			if value == nil {
				t.Fatalf("no row %s", test.src)
			}
			err := one.Update(func(w store.Writer) error {
				w.Put(test.dst, value)
				fresh := *one
				book, err := Open(w, one.part, one.key, NewCache(1<<20))
				if err != nil {
					return err
				}
				fresh.book = book
				return test.read(&fresh, w)
			})
			if !errors.Is(err, fault.Corrupt) {
				t.Errorf("it opens: %v", err)
			}
		})
	}
	// The sealed item of one message beside the wraps of another.
	t.Run("an item with the wraps of another message", func(t *testing.T) {
		a, b := one.filing(1), one.filing(2)
		a.Sealed = b.Sealed
		err := one.Update(func(w store.Writer) error {
			uid, _, err := File(w, Drafts, a)
			if err != nil {
				return err
			}
			return readItem(Drafts, uid)(one, w)
		})
		if !errors.Is(err, fault.Corrupt) {
			t.Errorf("it opens: %v", err)
		}
	})
	t.Run("a message under another ID", func(t *testing.T) {
		a := one.filing(1)
		a.ID = fmt.Sprintf("%026d", 2)
		err := one.Update(func(w store.Writer) error {
			uid, _, err := File(w, Drafts, a)
			if err != nil {
				return err
			}
			return readItem(Drafts, uid)(one, w)
		})
		if !errors.Is(err, fault.Corrupt) {
			t.Errorf("it opens: %v", err)
		}
	})
}

func readItem(folder FolderID, uid UID) func(*desk, store.Reader) error {
	return func(d *desk, r store.Reader) error {
		_, _, _, err := d.book.Item(r, folder, uid)
		return err
	}
}

func readText(folder FolderID, uid UID) func(*desk, store.Reader) error {
	return func(d *desk, r store.Reader) error {
		for _, err := range d.book.Texts(r, folder, []UID{uid}, true, d.read) {
			return err
		}
		return nil
	}
}

func readFolders(d *desk, r store.Reader) error { _, err := d.book.Folders(r); return err }

func readWords(d *desk, r store.Reader) error { return d.book.words(r).load() }

func TestOneEntryThatDoesNotOpenDoesNotHideTheOthers(t *testing.T) {
	d := newDesk(t)
	for n := range 3 {
		d.file(Inbox, n)
	}
	d.update(func(w store.Writer) error { w.Put("mb/n/1/00000002", []byte{version, asFiled, 0}); return nil })
	look := func(when string) {
		t.Helper()
		d.view(func(r store.Reader) error {
			good, bad := 0, 0
			for _, err := range d.book.Entries(r, Inbox, []UID{1, 2, 3}) {
				switch {
				case err == nil:
					good++
				case errors.Is(err, fault.Corrupt):
					bad++
				default:
					return err
				}
			}
			if good != 2 || bad != 1 {
				t.Errorf("%s: %d entries and %d errors, want 2 and 1", when, good, bad)
			}
			return nil
		})
	}
	look("as filed")
	d.fold(Inbox)
	look("folded")
}

func TestPlainWordsAreInNoStoredValue(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 70)
	d.fold(Inbox)
	d.fileMany(Inbox, 70, 72)
	d.create("Oncologie/Perlimpinpin")
	d.update(func(w store.Writer) error {
		if _, err := d.book.EnsureShelf(w, "Documents/Biologie"); err != nil {
			return err
		}
		if err := d.book.Rename(w, "Oncologie", "Pneumologie"); err != nil {
			return err
		}
		if _, err := d.book.SetFlags(w, Inbox, []UID{1}, AddFlags, Flags{Keywords: []string{"perlimpinpin"}}); err != nil {
			return err
		}
		_, err := d.book.Copy(w, Inbox, []UID{1, 2}, Archive)
		return err
	})
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, d.read); err != nil {
		t.Fatal(err)
	}
	words := []string{"perlimpinpin", "absinthe", "adele", "cabinet", "examen", "oncologie", "pneumologie", "biologie",
		"documents", "160209999900186", "plain", "archive"}
	for _, p := range d.dump() {
		low := strings.ToLower(p.Key + " " + string(p.Value))
		for _, word := range words {
			if strings.Contains(low, word) {
				t.Errorf("row %s says %q", p.Key, word)
			}
		}
	}
}

func TestTheCacheKeepsItsBound(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 520)
	d.fold(Inbox)
	for _, bound := range []int64{0, 1 << 10, 600 << 10} {
		c := NewCache(bound)
		d.view(func(r store.Reader) (err error) { d.book, err = Open(r, d.part, d.key, c); return err })
		if got := len(d.subjects(Inbox)); got != 520 {
			t.Errorf("bound %d: %d entries, want 520", bound, got)
		}
		if c.room < 0 || len(c.blocks) != c.used.Len() {
			t.Errorf("bound %d: %d bytes left, %d blocks, %d in order", bound, c.room, len(c.blocks), c.used.Len())
		}
		d.book.Close()
		if c.room != bound || len(c.blocks) != 0 {
			t.Errorf("bound %d: after Close %d blocks are left", bound, len(c.blocks))
		}
	}
}

func TestWhatATransactionGaveUpIsNotRemembered(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 70)
	d.fold(Inbox)
	d.subjects(Inbox)
	stop := errors.New("stop")
	f := d.filing(100)
	err := d.Update(func(w store.Writer) error {
		if _, _, err := File(w, Inbox, f); err != nil {
			return err
		}
		if _, _, err := d.book.Expunge(w, Inbox, []UID{1}); err != nil {
			return err
		}
		for e, err := range d.book.Entries(w, Inbox, []UID{1, 2, 71}) {
			if err != nil || e.UID == 1 {
				t.Errorf("within the transaction: %v, %v", e, err)
			}
		}
		return stop
	})
	if err != stop {
		t.Fatal(err)
	}
	uid := d.file(Inbox, 200)
	got := d.subjects(Inbox)
	if len(got) != 71 || got[1] != subject(0) || got[uid] != subject(200) {
		t.Errorf("%d entries, 1 is %q, %d is %q", len(got), got[1], uid, got[uid])
	}
}

func TestAnUnknownVersionIsAnError(t *testing.T) {
	d := newDesk(t)
	d.file(Inbox, 1)
	for _, p := range d.dump() {
		err := d.Update(func(w store.Writer) error {
			v := slices.Clone(p.Value)
			v[0] = 9
			w.Put(p.Key, v)
			b, err := Open(w, d.part, d.key, NewCache(0))
			if err == nil {
				_, err = b.Folders(w)
			}
			if err == nil {
				_, err = b.Changes(w, Inbox, Cursor{})
			}
			if err == nil {
				_, _, _, err = b.Item(w, Inbox, 1)
			}
			if err == nil {
				err = errors.New("nothing noticed")
			}
			return err
		})
		if !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v, want fault.Corrupt", p.Key, err)
		}
	}
}
