package mailbox

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

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
}

func TestWhatWasFiledOpensAsItWasFiled(t *testing.T) {
	d := newDesk(t)
	other := owner{part: "p-two", cert: d.cert}
	for _, test := range []struct {
		name string
		f    func(a, b Filing) Filing
	}{
		{"an item with the wraps of another message", func(a, b Filing) Filing { a.Sealed = b.Sealed; return a }},
		{"a message under another ID", func(a, b Filing) Filing { a.ID = b.ID; return a }},
		{"a message sealed for another partition", func(a, _ Filing) Filing { return filingOf(d, other, 1, item(t, mail(1))) }},
		{"an item that was changed", func(a, _ Filing) Filing { a.Sealed[40] ^= 1; return a }},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := test.f(d.filing(1), d.filing(2))
			err := d.Update(func(w store.Writer) error {
				uid, _, err := File(w, Drafts, f)
				if err != nil {
					return err
				}
				return readItem(Drafts, uid)(d, w)
			})
			if !errors.Is(err, fault.Corrupt) {
				t.Errorf("it opens: %v", err)
			}
		})
	}
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
