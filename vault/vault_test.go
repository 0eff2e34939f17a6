package vault

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fact/facttest"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A safe is the partition of one owner, in memory.
type safe struct {
	fact.Scope
	t      testing.TB
	memory *memstore.Store
	cert   *keyring.Cert
	key    *keyring.Key
}

func newSafe(t testing.TB) safe {
	t.Helper()
	const part store.Part = "part1"
	secrets, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	es, err := secrets.Add(part)
	if err != nil {
		t.Fatal(err)
	}
	ring := keyring.NewRing()
	cert, locked, err := ring.NewOwner(part, es[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ring.Unlock(part, locked, es[0])
	if err != nil {
		t.Fatal(err)
	}
	return safe{facttest.Scope(part), t, memstore.New(), cert, key}
}

func (s safe) update(fn func(store.Writer) error) {
	s.t.Helper()
	if err := s.memory.Update(s.t.Context(), s.Part, fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s safe) view(fn func(store.Reader) error) {
	s.t.Helper()
	if err := s.memory.View(s.t.Context(), s.Part, fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s safe) rows() (list []store.Pair) {
	s.view(func(r store.Reader) error {
		for p, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			list = append(list, p)
		}
		return nil
	})
	return list
}

func (s safe) add(e Entry, f Flags) {
	s.t.Helper()
	session, wraps, err := keyring.NewSession(s.cert)
	if err != nil {
		s.t.Fatal(err)
	}
	s.update(func(w store.Writer) error { return Add(w, s.Scope, e, f, session, wraps) })
}

func (s safe) documents(from uint64) (list []Document, err error) {
	s.view(func(r store.Reader) error {
		for d, fail := range Documents(r, s.Scope, s.key, from) {
			if err = fail; err != nil {
				return nil
			}
			list = append(list, d)
		}
		return nil
	})
	return list, err
}

func entry(title string) Entry {
	id := NewID()
	return Entry{EntryUUID: id, LogicalID: id, UniqueID: "1.2.250.1.999." + title, TypeCode: "18748-4", Shelf: "IMG",
		MediaType: "application/pdf", FileName: "Zéphyrine.pdf", Title: title, Created: noon, Author: Author{Name: "Dr Bonbonnière"},
		Sender: "zephyrine@medecin.test", Replaces: []string{"1.2.3"}, Doubts: []string{"name"}, Filed: noon, Size: 12,
		Object: Ref("b-" + NewID())}
}

func TestDocumentsComeBackInOrderOfArrival(t *testing.T) {
	s := newSafe(t)
	var want []Entry
	for i, title := range []string{"un", "deux", "trois"} {
		want = append(want, entry(title))
		s.add(want[i], Flags(1<<i))
	}
	for from := uint64(1); from <= 4; from++ {
		got, err := s.documents(from)
		if err != nil || len(got) != int(4-from) {
			t.Fatalf("from %d: %d documents, %v", from, len(got), err)
		}
		for i, d := range got {
			at := int(from) - 1 + i
			if d.Seq != uint64(at+1) || d.Flags != 1<<at || !reflect.DeepEqual(d.Entry, want[at]) {
				t.Errorf("document %d is %+v, want %+v", at+1, d, want[at])
			}
		}
	}
}

func TestADocumentIsKnownByItsUniqueIDInItsSpaceOnly(t *testing.T) {
	s := newSafe(t)
	e := entry("un")
	s.add(e, 0)
	s.add(Entry{EntryUUID: NewID(), Shelf: "IMG"}, 0) // one without
	s.view(func(r store.Reader) error {
		for id, want := range map[string]bool{e.UniqueID: true, "another": false, "": false} {
			if got, ok, err := Find(r, s.Scope, id); ok != want || (got == e.EntryUUID) != want || err != nil {
				t.Errorf("Find(%q) = %q, %t, %v", id, got, ok, err)
			}
		}
		if _, got, _ := Find(r, fact.Scope{Key: s.Key, Part: "part2"}, e.UniqueID); got {
			t.Error("the key of a uniqueId is the same in two spaces: they can be linked")
		}
		return nil
	})
}

func TestShelvedFollowsNext(t *testing.T) {
	s := newSafe(t)
	numbers := func() (shelved, next uint64) {
		s.view(func(r store.Reader) (err error) {
			if shelved, err = Shelved(r); err == nil {
				next, err = Next(r)
			}
			return err
		})
		return shelved, next
	}
	check := func(name string, wantShelved, wantNext uint64) {
		t.Helper()
		if shelved, next := numbers(); shelved != wantShelved || next != wantNext {
			t.Errorf("%s: %d of %d, want %d of %d", name, shelved, next, wantShelved, wantNext)
		}
	}
	check("an empty vault", 1, 1)
	s.add(entry("un"), 0)
	check("a document came", 1, 2)
	s.update(func(w store.Writer) error { SetShelved(w, 2); return nil })
	check("it is on its shelf", 2, 2)
	s.add(entry("deux"), 0)
	check("another came", 2, 3)
}

func TestWhatIsSaidOfADocumentIsSealed(t *testing.T) {
	s := newSafe(t)
	s.add(entry("Radiographie"), Masked)
	for _, p := range s.rows() {
		for _, word := range []string{"phyrine", "Bonbon", "Radio", "18748", "1.2.250", "zephyrine", "pdf"} {
			if bytes.Contains(p.Value, []byte(word)) || strings.Contains(p.Key, word) {
				t.Errorf("%s shows %q", p.Key, word)
			}
		}
	}
}

func TestADocumentThatWasTouchedDoesNotOpen(t *testing.T) {
	s := newSafe(t)
	s.add(entry("un"), 0)
	value := s.value(entryKey(1))
	for i := range value {
		bad := bytes.Clone(value)
		bad[i] ^= 1
		s.update(func(w store.Writer) error { w.Put(entryKey(1), bad); return nil })
		if got, err := s.documents(1); len(got) != 0 || !errors.Is(err, fault.Corrupt) {
			t.Fatalf("byte %d changed: %v, %v, want Corrupt", i, got, err)
		}
	}
	for _, n := range []int{0, 1, 2, 2 + idLength, 2 + idLength + 1, len(value) - 1} {
		s.update(func(w store.Writer) error { w.Put(entryKey(1), value[:n:n]); return nil })
		if got, err := s.documents(1); len(got) != 0 || !errors.Is(err, fault.Corrupt) {
			t.Errorf("cut to %d bytes: %v, %v, want Corrupt", n, got, err)
		}
	}
	elsewhere := safe{fact.Scope{Key: s.Key, Part: "part2"}, t, s.memory, s.cert, s.key}
	elsewhere.update(func(w store.Writer) error { w.Put(entryKey(1), value); return nil })
	if got, err := elsewhere.documents(1); len(got) != 0 || !errors.Is(err, fault.Corrupt) {
		t.Errorf("moved to another partition: %v, %v, want Corrupt", got, err)
	}
	other := newSafe(t)
	s.update(func(w store.Writer) error { w.Put(entryKey(1), value); return nil })
	s.key = other.key
	if got, err := s.documents(1); len(got) != 0 || !errors.Is(err, fault.Corrupt) {
		t.Errorf("with another owner's key: %v, %v, want Corrupt", got, err)
	}
}

func (s safe) value(key string) (v []byte) {
	s.view(func(r store.Reader) (err error) {
		v, err = r.Get(key)
		v = bytes.Clone(v)
		return err
	})
	return v
}

func TestADamagedNumberIsCorrupt(t *testing.T) {
	s := newSafe(t)
	for _, value := range [][]byte{{}, {version}, {version + 1, 1}, {version, 0x80}, {version, 1, 1}} {
		s.update(func(w store.Writer) error {
			for _, key := range []string{"doc/next", "doc/shelved"} {
				w.Put(key, value)
			}
			return nil
		})
		s.view(func(r store.Reader) error {
			for name, read := range map[string]func(store.Reader) (uint64, error){"Next": Next, "Shelved": Shelved} {
				if _, err := read(r); !errors.Is(err, fault.Corrupt) {
					t.Errorf("%s of %v = %v, want Corrupt", name, value, err)
				}
			}
			return nil
		})
	}
}

func TestEraseLeavesNothing(t *testing.T) {
	s := newSafe(t)
	s.add(entry("un"), 0)
	session, _, err := keyring.NewSession(s.cert)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Seal(session, s.Part, []byte("Bonjour"), true)
	if err != nil {
		t.Fatal(err)
	}
	s.update(func(w store.Writer) error {
		Keep(w, o)
		SetShelved(w, 2)
		return Hold(w, o.Ref)
	})
	s.update(Erase)
	if rows := s.rows(); len(rows) != 0 {
		t.Errorf("left are %v", fmt.Sprint(rows))
	}
}
