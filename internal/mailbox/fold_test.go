package mailbox

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// apartRows counts the rows of messages that are not in a block.
func (d *desk) apartRows(folder FolderID) (n int) {
	for _, p := range d.dump() {
		if strings.HasPrefix(p.Key, folderPrefix(apartKind, folder)) {
			n++
		}
	}
	return n
}

// whole fails unless the inbox lists messages 0 to n-1 as UIDs 1 to n.
func (d *desk) whole(when string, n int) {
	d.Helper()
	got := d.subjects(Inbox)
	if len(got) != n {
		d.Fatalf("%s: %d entries, want %d", when, len(got), n)
	}
	for i := range n {
		if got[UID(i+1)] != subject(i) {
			d.Fatalf("%s: entry %d is %q", when, i+1, got[UID(i+1)])
		}
	}
}

func TestAFoldWaitsForEnoughEntries(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, FoldAt-1)
	fold := func() {
		t.Helper()
		if err := d.book.Fold(d.View, d.Update, Inbox); err != nil {
			t.Fatal(err)
		}
	}
	if fold(); d.apartRows(Inbox) != FoldAt-1 {
		t.Errorf("%d entries are apart, want %d", d.apartRows(Inbox), FoldAt-1)
	}
	d.file(Inbox, FoldAt-1)
	if fold(); d.apartRows(Inbox) != 0 {
		t.Errorf("%d entries are apart, want none", d.apartRows(Inbox))
	}
	d.whole("folded", FoldAt)
	d.fileMany(Inbox, FoldAt, 1100)
	fold()
	d.whole("across blocks and batches", 1100)
}

// A fold that is stopped at any transaction, or loses any race, is finished by
// the next.
func TestAFoldMayStopAnywhere(t *testing.T) {
	const n = foldBatch + 300
	o := newOwner(t, "p-one")
	filings := (&desk{tester: t, owner: o}).filings(0, n) // sealed once: that is what takes time
	for _, at := range []memstore.Moment{memstore.ViewBegins, memstore.ViewEnds, memstore.UpdateBegins,
		memstore.UpdateEnds, memstore.UpdateLoses, memstore.UpdateAnswers} {
		for nth := 1; ; nth++ {
			failing := memstore.NewFailing(memstore.New())
			d := deskOf(t, o, failing)
			d.fileAll(Inbox, filings)
			failing.Fail(at, nth, fault.Unavailable)
			err := d.book.Fold(d.View, d.Update, Inbox)
			if !failing.Fired() {
				if nth < 3 {
					t.Errorf("moment %d comes %d times only", at, nth-1)
				}
				break
			}
			if lost := at == memstore.UpdateLoses; (err == nil) != lost {
				t.Errorf("moment %d, time %d: %v", at, nth, err)
			}
			d.whole("stopped", n)
			d.fold(Inbox)
			d.reopen()
			d.whole("finished", n)
			d.update(func(w store.Writer) error {
				wrong, err := Rebuild(w)
				if wrong {
					t.Errorf("moment %d, time %d: a counter is wrong", at, nth)
				}
				return err
			})
		}
	}
}

// What happens between a fold's reading and its writing is not undone.
func TestAFoldGivesWayToWhatHappenedMeanwhile(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(*desk)
		left int
	}{
		{"a message left", func(d *desk) {
			d.update(func(w store.Writer) error { _, _, err := d.book.Expunge(w, Inbox, []UID{2}); return err })
		}, 69},
		{"another folded and a message left", func(d *desk) {
			d.fold(Inbox)
			d.update(func(w store.Writer) error { _, err := d.book.Move(w, Inbox, []UID{2}, Trash); return err })
		}, 69},
		{"a message came", func(d *desk) { d.file(Inbox, 70) }, 71},
		{"the texts were kept", func(d *desk) {
			if err := d.book.FoldTexts(d.View, d.Update, Inbox, d.read); err != nil {
				d.Fatal(err)
			}
		}, 70},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			d.fileMany(Inbox, 0, 70)
			done := false
			update := func(fn func(store.Writer) error) error {
				if !done {
					done = true
					test.act(d)
				}
				return d.Update(fn)
			}
			if err := d.book.Fold(d.View, update, Inbox); err != nil {
				t.Fatal(err)
			}
			uids := make([]UID, 80)
			for i := range uids {
				uids[i] = UID(i + 1)
			}
			listed := 0
			d.view(func(r store.Reader) error {
				for e, err := range d.book.Entries(r, Inbox, uids) {
					if err != nil {
						return err
					}
					if e.Envelope.Subject != subject(int(e.UID)-1) {
						t.Errorf("entry %d is %q", e.UID, e.Envelope.Subject)
					}
					listed++
				}
				return nil
			})
			if listed != test.left {
				t.Errorf("%d entries, want %d", listed, test.left)
			}
			d.update(func(w store.Writer) error {
				wrong, err := Rebuild(w)
				if wrong {
					t.Error("a counter is wrong")
				}
				return err
			})
		})
	}
}

// Two processes fold and search while mail arrives and is moved away.
func TestManyMayFoldAtOnce(t *testing.T) {
	d := newDesk(t)
	const rounds, each = 8, 40
	var wg sync.WaitGroup
	for range 2 {
		other := *d
		other.reopen()
		wg.Go(func() {
			for range rounds * 3 {
				if err := other.book.fold(other.View, other.Update, Inbox, 1); err != nil {
					t.Error(err)
				}
				if err := other.book.FoldTexts(other.View, other.Update, Inbox, other.read); err != nil {
					t.Error(err)
				}
				other.subjects(Inbox)
			}
		})
	}
	var moved int
	for round := range rounds {
		d.fileMany(Inbox, round*each, (round+1)*each)
		d.update(func(w store.Writer) error {
			tr, err := d.book.Move(w, Inbox, []UID{UID(round*each + 1), UID(round*each + 2)}, Archive)
			moved += len(tr.Gone.Gone)
			return err
		})
	}
	wg.Wait()
	d.fold(Inbox)
	got := d.subjects(Inbox)
	if want := rounds*each - moved; len(got) != want || moved != 2*rounds {
		t.Errorf("%d entries, want %d", len(got), want)
	}
	for u, s := range got {
		if s != subject(int(u)-1) {
			t.Errorf("entry %d is %q", u, s)
		}
	}
	d.update(func(w store.Writer) error {
		wrong, err := Rebuild(w)
		if wrong {
			t.Error("a counter is wrong")
		}
		return err
	})
}

// One Book serves many sessions.
func TestABookIsSharedBySessions(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 300)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := d.book.Fold(d.View, d.Update, Inbox); err != nil {
				t.Error(err)
			}
			d.whole("shared", 300)
		})
	}
	wg.Wait()
}

// A mail that takes much to list stays out of the blocks, and out of memory.
func TestALargeEntryStaysApart(t *testing.T) {
	d := newDesk(t)
	var to strings.Builder
	for i := range 900 {
		fmt.Fprintf(&to, "Personne Inventee %d <personne.inventee.%d@etablissement.mssante.example>,\r\n ", i, i)
	}
	large := func(n int) *Item {
		raw := strings.Replace(string(mail(n)), "To: ", "To: "+to.String(), 1)
		return item(t, []byte(raw))
	}
	d.fileMany(Inbox, 0, 70)
	d.update(func(w store.Writer) error {
		for n := 70; n < 72; n++ {
			if _, _, err := File(w, Inbox, filingOf(t, d.owner, n, large(n))); err != nil {
				return err
			}
		}
		return nil
	})
	look := func(when string) {
		t.Helper()
		d.whole(when, 72)
		d.view(func(r store.Reader) error {
			it, _, _, err := d.book.Item(r, Inbox, 71)
			if err == nil && len(it.Envelope.To) != 901 {
				t.Errorf("%s: %d recipients, want 901", when, len(it.Envelope.To))
			}
			return err
		})
		if e := d.cache.blocks[cacheKey{d.part, Inbox, 0}]; len(e.Value.(*cached).block.apart) > 70 {
			t.Errorf("%s: the large entries are in the cache", when)
		}
	}
	look("as filed")
	d.fold(Inbox)
	if n := d.apartRows(Inbox); n != 2 {
		t.Errorf("%d entries are apart, want the 2 large ones", n)
	}
	look("folded")
	d.update(func(w store.Writer) error {
		if _, err := d.book.Copy(w, Inbox, []UID{70, 71}, Archive); err != nil {
			return err
		}
		_, _, err := d.book.Expunge(w, Inbox, []UID{72})
		return err
	})
	d.whole("one is gone", 71)
	if got := d.subjects(Archive); got[2] != subject(70) {
		t.Errorf("the copy is %v", got)
	}
	d.view(func(r store.Reader) error {
		st, err := readState(r, Inbox)
		if st.apart != 1 || st.fresh != 0 {
			t.Errorf("%d apart and %d fresh, want 1 and 0", st.apart, st.fresh)
		}
		return err
	})
}

// The largest listing that is filed can be folded and read.
func TestTheLargestBlockIsAValue(t *testing.T) {
	recs := make([]record, blockSpan)
	for i := range recs {
		recs[i] = record{uid: UID(i), received: 1 << 60, size: 1 << 60, id: strings.Repeat("x", idSize),
			mark: make([]byte, markSize), key: make([]byte, keySize), item: make([]byte, maxFolded)}
	}
	if n := len(appendBlock(nil, 0, recs)) + 64; n > store.MaxValue {
		t.Errorf("a block may have %d bytes, more than %d", n, store.MaxValue)
	}
	texts := make([]text, textSpan)
	for i := range texts {
		texts[i] = text{uid: UID(i), header: maxText, frame: make([]byte, maxShared)}
	}
	if n := len(appendTexts(nil, 0, texts)) + 64; n > store.MaxValue || maxLong+64 > store.MaxValue {
		t.Errorf("a block of texts may have %d bytes, more than %d", n, store.MaxValue)
	}
	if n := 2*maxSealed + 256; n > store.MaxValue {
		t.Errorf("an entry may have %d bytes, more than %d", n, store.MaxValue)
	}
}

func TestRebuildCountsAnew(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 70)
	d.fold(Inbox)
	d.file(Inbox, 70)
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, d.read); err != nil {
		t.Fatal(err)
	}
	before := d.folder("INBOX")
	d.update(func(w store.Writer) error {
		st, err := readState(w, Inbox)
		if err != nil {
			return err
		}
		st.messages, st.unseen, st.size, st.apart, st.fresh, st.next = 1, 2, 3, 4, 5, 6
		st.write(w)
		return nil
	})
	for _, want := range []bool{true, false} {
		d.update(func(w store.Writer) error {
			wrong, err := Rebuild(w)
			if wrong != want {
				t.Errorf("Rebuild = %v, want %v", wrong, want)
			}
			return err
		})
	}
	if after := d.folder("INBOX"); after != before {
		t.Errorf("folder %+v, want %+v", after, before)
	}
	if got := d.texts(Inbox, []UID{1, 71}, false, d.read); len(got) != 2 {
		t.Errorf("%d texts, want 2", len(got))
	}
	d.whole("rebuilt", 71)
}

func FuzzStoredForms(f *testing.F) {
	it := &Item{Skeleton: "iz", Parts: []PartRef{{Ref: "b", Key: make([]byte, keySize), Name: "n"}}}
	m, err := message.Parse(mail(1), message.Limits{})
	if err != nil {
		f.Fatal(err)
	}
	it.Envelope, it.Structure = m.Envelope(), *m.Structure()
	rec := record{uid: 1, id: "id", mark: make([]byte, markSize), key: make([]byte, keySize), item: appendItem(nil, it)}
	f.Add(appendItem(nil, it))
	f.Add(rec.append(nil))
	f.Add(appendBlock(nil, 0, []record{rec}))
	f.Add(appendTexts(nil, 0, []text{{uid: 3, frame: []byte("x")}}))
	f.Add((&table{nextID: 20, validity: 1, folders: []entry{{id: 1, name: "INBOX"}}}).append(nil))
	f.Add(newState(1, 1, false).append(nil))
	f.Add(row{uid: 1, keywords: []uint32{1, 40}}.append(nil))
	f.Add([]byte{version, 0, 1, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		same := func(what string, again []byte, err error) {
			if err != nil {
				if !errors.Is(err, fault.Corrupt) {
					t.Errorf("%s: %v, want fault.Corrupt", what, err)
				}
				return
			}
			// Varints may be longer than need be: compare what is read.
			if len(again) > len(b) {
				t.Errorf("%s of %d bytes becomes %d", what, len(b), len(again))
			}
		}
		got, err := parseItem(b)
		if err == nil {
			again := appendItem(nil, got)
			if _, err := parseItem(again); err != nil {
				t.Errorf("item does not round-trip: %v", err)
			}
		}
		same("item", nil, err)
		whole := record{item: b}
		_, err = whole.entry()
		same("entry", nil, err)
		_, err = whole.refs()
		same("refs", nil, err)
		r, err := parseRecord(1, b)
		same("record", r.append(nil), err)
		recs, err := parseBlock(256, b)
		same("block", appendBlock(nil, 256, recs), err)
		texts, err := parseTexts(64, b)
		same("texts", appendTexts(nil, 64, texts), err)
		if tab, err := parseTable(b); err == nil {
			same("folders", tab.append(nil), nil)
		}
		if st, err := parseState(1, b); err == nil {
			same("state", st.append(nil), nil)
		}
		if m, err := parseRow(1, b); err == nil {
			same("flags", m.append(nil), nil)
		}
		if m, err := parseMark(b); err == nil && len(m.places) > len(b) {
			t.Error("more places than bytes")
		}
	})
}

func FuzzCanonicalName(f *testing.F) {
	for _, s := range []string{"inbox/a", "Re\u0301sultats", "a//b", "\u202e", "Documents/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := canonicalName(s)
		if err != nil {
			return
		}
		again, err := canonicalName(name)
		if err != nil || again != name {
			t.Errorf("%q becomes %q and then %q, %v", s, name, again, err)
		}
	})
}
