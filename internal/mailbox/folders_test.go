package mailbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func (d *desk) names() (names []string) {
	d.Helper()
	d.view(func(r store.Reader) error {
		list, err := d.book.Folders(r)
		for _, f := range list {
			names = append(names, f.Name)
		}
		return err
	})
	return names
}

func TestAFolderNameHasOneForm(t *testing.T) {
	for _, test := range []struct {
		name, in, want string // want "" is refused
	}{
		{"the inbox in any case", "inBox", "INBOX"},
		{"below the inbox", "Inbox/Labo", "INBOX/Labo"},
		{"an inbox that is not the first level", "Labo/inbox", "Labo/inbox"},
		{"letters are composed", "Re\u0301sultats", "R\u00e9sultats"},
		{"a separator at the end", "Labo/", "Labo"},
		{"blanks inside", "Comptes rendus", "Comptes rendus"},
		{"right to left", "דואר", "דואר"},
		{"nothing", "", ""},
		{"a separator alone", "/", ""},
		{"an empty level", "a//b", ""},
		{"a separator first", "/a", ""},
		{"a wildcard", "a*", ""},
		{"a percent sign", "a%", ""},
		{"a control character", "a\x00b", ""},
		{"a line break", "a\r\nb", ""},
		{"a character that is not seen", "a\u200bb", ""},
		{"a turn of direction", "a\u202eb", ""},
		{"a blank at the end", "a ", ""},
		{"not UTF-8", "a\xff", ""},
		{"another namespace", "#shared/x", ""},
		{"too many levels", strings.Repeat("a/", maxDepth) + "a", ""},
		{"too long", strings.Repeat("a", maxName+1), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := canonicalName(test.in)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("canonicalName(%q) = %q, %v, want %q", test.in, got, err, test.want)
			}
			if err != nil && !errors.Is(err, fault.Invalid) {
				t.Errorf("%v, want fault.Invalid", err)
			}
		})
	}
}

func TestANewMailboxHasTheWellKnownFolders(t *testing.T) {
	d := newDesk(t)
	if got, want := d.names(), []string{"Archive", "Drafts", "INBOX", "Sent", "Trash"}; !slices.Equal(got, want) {
		t.Errorf("folders %q, want %q", got, want)
	}
	for id, name := range wellKnownNames {
		if f := d.folder(name); f.ID != id || f.UIDNext != 1 || f.UIDValidity == 0 || !f.Subscribed || f.ReadOnly {
			t.Errorf("folder %+v", f)
		}
	}
}

func TestFoldersAreCounted(t *testing.T) {
	d := newDesk(t)
	d.file(Inbox, 1)
	d.file(Inbox, 2)
	d.update(func(w store.Writer) error {
		_, err := d.book.SetFlags(w, Inbox, []UID{1}, AddFlags, Flags{System: Seen})
		return err
	})
	f := d.folder("inbox")
	if want := int64(len(mail(1)) + len(mail(2))); f.Messages != 2 || f.Unseen != 1 || f.Size != want || f.UIDNext != 3 {
		t.Errorf("folder %+v", f)
	}
}

// Each row is one act on the folders a, a/b, a/b/c, Documents/Biologie, and
// its outcome.
func TestWhatMayBeDoneToFolders(t *testing.T) {
	create := func(name string) func(*Book, store.Writer) error {
		return func(b *Book, w store.Writer) error { _, err := b.Create(w, name); return err }
	}
	rename := func(from, to string) func(*Book, store.Writer) error {
		return func(b *Book, w store.Writer) error { return b.Rename(w, from, to) }
	}
	remove := func(name string) func(*Book, store.Writer) error {
		return func(b *Book, w store.Writer) error { _, err := b.Delete(w, name); return err }
	}
	for _, test := range []struct {
		name string
		act  func(*Book, store.Writer) error
		err  error
		come []string
		went []string
	}{
		{"creating makes the levels above", create("x/y"), nil, []string{"x", "x/y"}, nil},
		{"creating below the inbox", create("inbox/x"), nil, []string{"INBOX/x"}, nil},
		{"creating what exists", create("a/b"), fault.Exists, nil, nil},
		{"creating the inbox", create("Inbox"), fault.Exists, nil, nil},
		{"creating a name that cannot be", create("x*"), fault.Invalid, nil, nil},
		{"creating among the shelves", create("Documents/x"), fault.Denied, nil, nil},
		{"creating what looks like the shelves", create("documents"), fault.Denied, nil, nil},
		{"renaming takes those below along", rename("a", "x"), nil, []string{"x", "x/b", "x/b/c"}, []string{"a", "a/b", "a/b/c"}},
		{"renaming makes the levels above", rename("a/b", "x/y/z"), nil, []string{"x", "x/y", "x/y/z", "x/y/z/c"}, []string{"a/b", "a/b/c"}},
		{"renaming to a sibling that begins alike", rename("a/b", "a/bb"), nil, []string{"a/bb", "a/bb/c"}, []string{"a/b", "a/b/c"}},
		{"renaming below itself", rename("a", "a/x"), fault.Invalid, nil, nil},
		{"renaming to what exists", rename("a/b", "Sent"), fault.Exists, nil, nil},
		{"renaming to its own name", rename("a", "a"), fault.Exists, nil, nil},
		{"renaming what does not exist", rename("x", "y"), fault.NotFound, nil, nil},
		{"renaming a well-known folder", rename("Trash", "Corbeille"), fault.Denied, nil, nil},
		{"renaming a shelf", rename("Documents/Biologie", "x"), fault.Denied, nil, nil},
		{"renaming into the shelves", rename("a", "Documents/a"), fault.Denied, nil, nil},
		{"renaming to too deep a level", rename("a", strings.Repeat("x/", maxDepth-2)+"x"), fault.Invalid, nil, nil},
		{"renaming the inbox leaves it", rename("INBOX", "old"), nil, []string{"old"}, nil},
		{"deleting", remove("a/b/c"), nil, nil, []string{"a/b/c"}},
		{"deleting what has others below leaves a level", remove("a"), nil, nil, nil},
		{"deleting a well-known folder", remove("Sent"), fault.Denied, nil, nil},
		{"deleting the inbox", remove("inbox"), fault.Denied, nil, nil},
		{"deleting a shelf", remove("Documents/Biologie"), fault.Denied, nil, nil},
		{"deleting the shelves", remove("Documents"), fault.Denied, nil, nil},
		{"deleting what does not exist", remove("x"), fault.NotFound, nil, nil},
		{"deleting a name that cannot be", remove("\xff"), fault.NotFound, nil, nil},
		{"subscribing to what does not exist", func(b *Book, w store.Writer) error { return b.Subscribe(w, "x", true) }, fault.NotFound, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			d.create("a/b/c")
			d.update(func(w store.Writer) error { _, err := d.book.EnsureShelf(w, "Documents/Biologie"); return err })
			want := d.names()
			if err := d.Update(func(w store.Writer) error { return test.act(d.book, w) }); !errors.Is(err, test.err) {
				t.Errorf("%v, want %v", err, test.err)
			}
			want = append(slices.DeleteFunc(want, func(s string) bool { return slices.Contains(test.went, s) }), test.come...)
			slices.Sort(want)
			if got := d.names(); !slices.Equal(got, want) {
				t.Errorf("folders %q, want %q", got, want)
			}
		})
	}
}

func TestALevelWithoutMessagesBecomesAFolderAgain(t *testing.T) {
	d := newDesk(t)
	d.create("a/b")
	before := d.folder("a")
	d.update(func(w store.Writer) error { _, err := d.book.Delete(w, "a"); return err })
	if f := d.folder("a"); !f.NoSelect {
		t.Errorf("%+v, want a mere level", f)
	}
	if err := d.Update(func(w store.Writer) error { _, err := d.book.Delete(w, "a"); return err }); !errors.Is(err, fault.Denied) {
		t.Errorf("deleting a level with a folder below: %v", err)
	}
	d.create("a")
	if f := d.folder("a"); f.NoSelect || f.ID == before.ID || f.UIDValidity <= before.UIDValidity {
		t.Errorf("%+v after %+v", f, before)
	}
}

func TestShelvesAreMadeOnceAndReadOnly(t *testing.T) {
	d := newDesk(t)
	ensure := func() (id FolderID, puts int) {
		d.update(func(w store.Writer) (err error) {
			c := &counter{Writer: w}
			id, err = d.book.EnsureShelf(c, "Documents/Comptes rendus")
			puts = c.puts
			return err
		})
		return id, puts
	}
	shelf, _ := ensure()
	if again, puts := ensure(); again != shelf || puts != 0 {
		t.Errorf("EnsureShelf = %d and %d writes, want %d and none", again, puts, shelf)
	}
	if f := d.folder("Documents"); !f.NoSelect || !f.ReadOnly {
		t.Errorf("%+v, want a level", f)
	}
	if f := d.folder("Documents/Comptes rendus"); f.NoSelect || !f.ReadOnly || !f.Subscribed || f.ID != shelf {
		t.Errorf("%+v, want a shelf", f)
	}
	uid := d.file(shelf, 1)
	d.file(Inbox, 2)
	for name, act := range map[string]func(store.Writer) error{
		"copy into":   func(w store.Writer) error { _, err := d.book.Copy(w, Inbox, []UID{1}, shelf); return err },
		"move into":   func(w store.Writer) error { _, err := d.book.Move(w, Inbox, []UID{1}, shelf); return err },
		"move out of": func(w store.Writer) error { _, err := d.book.Move(w, shelf, []UID{1}, Inbox); return err },
		"expunge":     func(w store.Writer) error { _, _, err := d.book.Expunge(w, shelf, []UID{1}); return err },
	} {
		if err := d.Update(act); !errors.Is(err, fault.Denied) {
			t.Errorf("%s a shelf: %v, want fault.Denied", name, err)
		}
	}
	d.view(func(r store.Reader) error {
		for n, err := range d.book.IDs(r, shelf) {
			if err != nil || n.UID != uid || n.ID != fmt.Sprintf("%026d", 1) {
				t.Errorf("IDs: %+v, %v", n, err)
			}
		}
		return nil
	})
	d.update(func(w store.Writer) error {
		if _, err := d.book.Copy(w, shelf, []UID{uid}, Archive); err != nil {
			return err
		}
		c, freed, err := d.book.Withdraw(w, shelf, []UID{uid})
		if !slices.Equal(c.Gone, []UID{uid}) || len(freed) != 1 {
			t.Errorf("Withdraw = %+v, %v", c, freed)
		}
		return err
	})
	for _, bad := range []string{"Documents", "Autres/x", "documents/x", ""} {
		err := d.Update(func(w store.Writer) error { _, err := d.book.EnsureShelf(w, bad); return err })
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("EnsureShelf(%q) = %v, want fault.Invalid", bad, err)
		}
	}
}

func TestAFolderIsSubscribedWhenItsOwnerSaysSo(t *testing.T) {
	d := newDesk(t)
	d.create("a")
	for _, on := range []bool{false, true, true, false} {
		before := d.folder("a").Subscribed
		d.update(func(w store.Writer) error {
			c := &counter{Writer: w}
			err := d.book.Subscribe(c, "a", on)
			if (c.puts > 0) != (before != on) {
				t.Errorf("%v after %v: %d writes", on, before, c.puts)
			}
			return err
		})
		if got := d.folder("a").Subscribed; got != on {
			t.Errorf("subscribed = %v, want %v", got, on)
		}
	}
}

func TestUIDValidityNeverComesBackForAName(t *testing.T) {
	d := newDesk(t)
	last := map[string]uint32{} // the highest seen under each name
	look := func(step string) {
		t.Helper()
		d.view(func(r store.Reader) error {
			list, err := d.book.Folders(r)
			for _, f := range list {
				if f.NoSelect {
					continue
				}
				if f.UIDValidity < last[f.Name] {
					t.Errorf("%s: %s has UIDVALIDITY %d after %d", step, f.Name, f.UIDValidity, last[f.Name])
				}
				last[f.Name] = f.UIDValidity
			}
			return err
		})
	}
	d.create("a")
	d.create("b")
	look("made")
	first := d.folder("b").UIDValidity
	d.update(func(w store.Writer) error { _, err := d.book.Delete(w, "b"); return err })
	d.update(func(w store.Writer) error { return d.book.Rename(w, "a", "b") })
	look("an older folder took the name")
	d.update(func(w store.Writer) error { return d.book.Rename(w, "b", "c") })
	d.create("b")
	look("made again")
	if again := d.folder("b").UIDValidity; again == first {
		t.Error("the second b has the UIDVALIDITY of the first")
	}
}

func TestRenamingTheInboxMovesItsMail(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 70)
	d.fold(Inbox)
	d.file(Inbox, 70)
	d.create("inbox/below")
	d.update(func(w store.Writer) error { return d.book.Rename(w, "inbox", "Avant") })
	if f := d.folder("INBOX"); f.Messages != 0 || f.ID != Inbox || f.UIDNext != 72 {
		t.Errorf("the inbox is %+v", f)
	}
	got := d.subjects(d.folder("Avant").ID)
	if len(got) != 71 || got[71] != subject(70) {
		t.Errorf("%d messages moved", len(got))
	}
	d.folder("INBOX/below")
	if uid := d.file(Inbox, 99); uid != 72 {
		t.Errorf("the next message has UID %d, want 72", uid)
	}
}

func TestDeletingAFolderLeavesNoRow(t *testing.T) {
	d := newDesk(t)
	id := d.create("x")
	d.fileMany(id, 0, 66)
	d.fold(id)
	d.file(id, 66)
	if err := d.book.FoldTexts(d.View, d.Update, id, d.read); err != nil {
		t.Fatal(err)
	}
	var freed []string
	d.update(func(w store.Writer) (err error) { freed, err = d.book.Delete(w, "x"); return err })
	if len(freed) != 67 {
		t.Errorf("%d references are free, want 67", len(freed))
	}
	for _, p := range d.dump() {
		if strings.Contains(p.Key+"/", fmt.Sprintf("/%x/", uint32(id))) {
			t.Errorf("row %s is left", p.Key)
		}
	}
}

func TestTheNumberOfFoldersIsBounded(t *testing.T) {
	d := newDesk(t)
	err := d.Update(func(w store.Writer) error {
		tab, err := d.book.table(w)
		if err != nil {
			return err
		}
		for n := len(tab.folders); n < maxFolder; n++ {
			if _, err := tab.add(w, entry{name: fmt.Sprintf("%d", n)}); err != nil {
				return err
			}
		}
		d.book.putTable(w, tab)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Update(func(w store.Writer) error { _, err := d.book.Create(w, "one more"); return err }); !errors.Is(err, fault.TooLarge) {
		t.Errorf("Create = %v, want fault.TooLarge", err)
	}
}
