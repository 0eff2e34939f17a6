package mailbox

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

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
