package filing

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact/facttest"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A space is a partition in memory, and the key of its owner.
type space struct {
	facttest.Record
	t    *testing.T
	cert *keyring.Cert
	key  *keyring.Key
}

func newSpace(t *testing.T) *space {
	t.Helper()
	s := &space{Record: facttest.New(t), t: t}
	s.cert, s.key = s.owner()
	return s
}

func (s *space) owner() (*keyring.Cert, *keyring.Key) {
	s.t.Helper()
	secrets, err := keyring.NewErasureSecrets(filepath.Join(s.t.TempDir(), "secrets"))
	s.must(err)
	secret, err := secrets.Add(s.Part)
	s.must(err)
	ring := keyring.NewRing()
	cert, locked, err := ring.NewOwner(s.Part, secret[0])
	s.must(err)
	key, err := ring.Unlock(s.Part, locked, secret[0])
	s.must(err)
	return cert, key
}

func (s *space) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// change changes the cabinet, and returns it as it is read again.
func (s *space) change(fn func(*Cabinet) error) Cabinet {
	s.t.Helper()
	s.must(s.Update(func(w store.Writer) error {
		c, err := Load(w, s.Part, s.key)
		s.must(err)
		s.must(fn(&c))
		return c.Save(w, s.Part, s.cert)
	}))
	return s.load()
}

func (s *space) load() (c Cabinet) {
	s.t.Helper()
	s.View(func(r store.Reader) (err error) {
		c, err = Load(r, s.Part, s.key)
		return err
	})
	return c
}

func TestFoldersHoldDocuments(t *testing.T) {
	s := newSpace(t)
	if c := s.load(); len(c.Folders) != 0 {
		t.Fatalf("an empty cabinet has %v", c.Folders)
	}
	c := s.change(func(c *Cabinet) error {
		return errors.Join(c.Name("b", " Mon  genou "), c.Name("a", "Été 2026"), c.Put("doc1", "b"), c.Put("doc2", "b"), c.Put("doc3", "a"))
	})
	if got := fmt.Sprint(c.Folders); got != "[{a Été 2026} {b Mon genou}]" {
		t.Errorf("the folders are %s", got)
	}
	c = s.change(func(c *Cabinet) error {
		return errors.Join(c.Put("doc2", "a"), c.Put("doc3", ""), c.Name("b", "Genou droit"), c.Remove("b"))
	})
	if len(c.In) != 1 || c.In["doc2"] != "a" || len(c.Folders) != 1 {
		t.Errorf("after one is removed there are %v with %v", c.Folders, c.In)
	}
}

func TestWhatIsNotTaken(t *testing.T) {
	var c Cabinet
	for what, err := range map[string]error{
		"no name":                  c.Name("a", "  "),
		"a long one":               c.Name("a", strings.Repeat("é", MaxName+1)),
		"one that cannot be shown": c.Name("a", "a\x00b"),
		"one that is no text":      c.Name("a", "\xff"),
	} {
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := c.Name("a", strings.Repeat("é", MaxName)); err != nil {
		t.Errorf("fifty letters: %v", err)
	}
	if err := errors.Join(c.Name("b", "Hôpital"), c.Name("b", "hopital")); err != nil {
		t.Errorf("a folder that keeps its name: %v", err)
	}
	if err := c.Name("c", "HÔPITAL"); !errors.Is(err, fault.Exists) {
		t.Errorf("a name that another has: %v", err)
	}
	if err := errors.Join(c.Put("doc", "nowhere"), nil); !errors.Is(err, fault.NotFound) {
		t.Errorf("into no folder: %v", err)
	}
	if err := c.Remove("nowhere"); !errors.Is(err, fault.NotFound) {
		t.Errorf("no folder removed: %v", err)
	}
	for i := range maxFolder - len(c.Folders) {
		if err := c.Name(fmt.Sprint("f", i), fmt.Sprint("Dossier ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Name("more", "Un de plus"); !errors.Is(err, fault.Quota) {
		t.Errorf("one folder too many: %v", err)
	}
	for i := range maxPinned {
		if err := c.Pin(fmt.Sprint(i), true); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Pin("more", true); !errors.Is(err, fault.Quota) {
		t.Errorf("one pin too many: %v", err)
	}
}

func TestPinsAreTheLatestFirst(t *testing.T) {
	s := newSpace(t)
	c := s.change(func(c *Cabinet) error {
		return errors.Join(c.Pin("a", true), c.Pin("b", true), c.Pin("a", true), c.Pin("c", true), c.Pin("c", false), c.Pin("d", false))
	})
	if got := fmt.Sprint(c.Pinned); got != "[a b]" {
		t.Errorf("pinned are %s", got)
	}
}

func TestADocumentIsNewUntilItIsOpenedOrOld(t *testing.T) {
	s := newSpace(t)
	const day = 24 * time.Hour
	c := s.change(func(c *Cabinet) error { c.Open("a", noon, noon); return nil })
	for _, one := range []struct {
		document string
		now      time.Time
		want     bool
	}{{"a", noon, false}, {"b", noon, true}, {"b", noon.Add(29 * day), true}, {"b", noon.Add(30 * day), false}} {
		if got := c.New(one.document, noon, one.now); got != one.want {
			t.Errorf("%s is new on %v: %v", one.document, one.now, got)
		}
	}
	c = s.change(func(c *Cabinet) error { c.Open("late", noon.Add(40*day), noon.Add(40*day)); return nil })
	if _, there := c.Opened["a"]; there || len(c.Opened) != 1 {
		t.Errorf("what is old is remembered: %v", c.Opened)
	}
}

func TestItIsSealedToItsOwnerAndItsPlace(t *testing.T) {
	s := newSpace(t)
	s.change(func(c *Cabinet) error { return c.Name("a", "Oncologie") })
	rows := s.Rows()
	if len(rows) != 1 || strings.Contains(string(rows[0].Value), "Oncologie") {
		t.Fatalf("%d rows, or one in clear", len(rows))
	}
	_, other := s.owner()
	s.View(func(r store.Reader) error {
		if _, err := Load(r, s.Part, other); !errors.Is(err, fault.Corrupt) {
			t.Errorf("somebody else's key gives %v", err)
		}
		if _, err := Load(r, "part2", s.key); !errors.Is(err, fault.Corrupt) {
			t.Errorf("another place gives %v", err)
		}
		return nil
	})
}

func TestItIsWrappedForAnotherKey(t *testing.T) {
	s := newSpace(t)
	s.change(func(c *Cabinet) error { return c.Name("a", "Oncologie") })
	cert, key := s.owner()
	s.must(s.Update(func(w store.Writer) error {
		read, ok, err := Wraps(w)
		s.must(err)
		session, err := s.key.Open(read.Wraps)
		s.must(err)
		wraps, err := session.Wrap(cert)
		s.must(err)
		if !ok || Rewrap(w, keyring.Wrapped{Key: read.Key, Wraps: []byte("older")}, wraps) != nil {
			t.Error("what changed meanwhile is no reason to fail")
		}
		return Rewrap(w, read, wraps)
	}))
	s.key, s.cert = key, cert
	if c := s.load(); len(c.Folders) != 1 {
		t.Errorf("with the new key there are %v", c.Folders)
	}
}

func TestEraseLeavesNothing(t *testing.T) {
	s := newSpace(t)
	s.change(func(c *Cabinet) error { return c.Name("a", "Oncologie") })
	s.must(s.Update(Erase))
	if rows := s.Rows(); len(rows) != 0 {
		t.Errorf("left are %d rows", len(rows))
	}
}

// FuzzLoad reads what is no cabinet.
func FuzzLoad(f *testing.F) {
	f.Add([]byte{version, 3, 1, 2, 3, 4})
	f.Add([]byte{version, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		wraps, sealed, err := split(b)
		if err != nil {
			return
		}
		if again, rest, err := split(append(head(wraps), sealed...)); err != nil || string(again) != string(wraps) || string(rest) != string(sealed) {
			t.Errorf("%x does not round-trip: %v", b, err)
		}
	})
}
