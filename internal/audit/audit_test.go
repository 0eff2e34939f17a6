package audit

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const part store.Part = "part1"

// A person has a certificate and the key to it.
type person struct {
	cert *keyring.Cert
	key  *keyring.Key
}

// newPeople makes three that have nothing to do with each other.
func newPeople(t *testing.T) (owner, escrow, stranger person) {
	t.Helper()
	secrets, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	ring := keyring.NewRing()
	var list [3]person
	for i := range list {
		name := store.Part(fmt.Sprint("owner", i))
		es, err := secrets.Add(name)
		if err != nil {
			t.Fatal(err)
		}
		cert, locked, err := ring.NewOwner(name, es[0])
		if err != nil {
			t.Fatal(err)
		}
		key, err := ring.Unlock(name, locked, es[0])
		if err != nil {
			t.Fatal(err)
		}
		list[i] = person{cert, key}
	}
	return list[0], list[1], list[2]
}

// A trail is a chain in memory.
type trail struct {
	fact.Scope
	t      *testing.T
	memory *memstore.Store
}

func newTrail(t *testing.T) trail {
	return trail{fact.Scope{Key: keyring.NewIndexKey(), Part: part}, t, memstore.New()}
}

func (tr trail) update(fn func(store.Writer) error) {
	tr.t.Helper()
	if err := tr.memory.Update(tr.t.Context(), tr.Part, fn); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr trail) view(fn func(store.Reader) error) {
	tr.t.Helper()
	if err := tr.memory.View(tr.t.Context(), tr.Part, fn); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr trail) append(k *Key, acts ...string) {
	tr.t.Helper()
	tr.update(func(w store.Writer) error {
		var list []Entry
		for _, a := range acts {
			list = append(list, Entry{Time: noon, Actor: "zephyrine@medecin.test", Act: a})
		}
		return Append(w, tr.Scope, k, list...)
	})
}

func (tr trail) key(readers ...*keyring.Cert) *Key {
	tr.t.Helper()
	k, err := NewKey(readers...)
	if err != nil {
		tr.t.Fatal(err)
	}
	return k
}

func (tr trail) head() (m Mark) {
	tr.view(func(r store.Reader) (err error) {
		m, err = Head(r, tr.Scope)
		return err
	})
	return m
}

func (tr trail) verify(since ...Mark) (n uint64, err error) {
	tr.view(func(r store.Reader) error {
		n, err = Verify(r, tr.Scope, nil, since...)
		return nil
	})
	return n, err
}

// acts reads the trail with a key.
func (tr trail) acts(key *keyring.Key, after uint64) (list []string, err error) {
	tr.view(func(r store.Reader) error {
		for e, fail := range Entries(r, tr.Part, key, after) {
			if err = fail; err != nil {
				break
			}
			list = append(list, e.Act)
		}
		return nil
	})
	return list, err
}

// rows copies what is stored.
func (tr trail) rows() (list []store.Pair) {
	tr.view(func(r store.Reader) error {
		for p, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			list = append(list, store.Pair{Key: p.Key, Value: bytes.Clone(p.Value)})
		}
		return nil
	})
	return list
}

// put makes the partition hold those rows and nothing else.
func (tr trail) put(rows []store.Pair) {
	tr.update(func(w store.Writer) error {
		if err := fact.Erase(w, "aud/"); err != nil {
			return err
		}
		for _, p := range rows {
			w.Put(p.Key, p.Value)
		}
		return nil
	})
}

func TestTheOwnerAndTheEscrowReadTheTrailAndNobodyElse(t *testing.T) {
	owner, escrow, stranger := newPeople(t)
	tr := newTrail(t)
	tr.append(tr.key(owner.cert, escrow.cert), "a", "b")
	tr.append(tr.key(owner.cert, escrow.cert), "c")
	for name, p := range map[string]person{"owner": owner, "escrow": escrow} {
		if got, err := tr.acts(p.key, 0); fmt.Sprint(got) != "[a b c]" || err != nil {
			t.Errorf("the %s reads %v, %v", name, got, err)
		}
		if got, err := tr.acts(p.key, 2); fmt.Sprint(got) != "[c]" || err != nil {
			t.Errorf("the %s reads %v after the second, %v", name, got, err)
		}
		if got, err := tr.acts(p.key, 3); len(got) != 0 || err != nil {
			t.Errorf("the %s reads %v after the last, %v", name, got, err)
		}
	}
	if got, err := tr.acts(stranger.key, 0); len(got) != 0 || !errors.Is(err, fault.Corrupt) {
		t.Errorf("a stranger reads %v, %v", got, err)
	}
	for _, p := range tr.rows() {
		for _, word := range []string{"zephyrine", "medecin", "Act"} {
			if bytes.Contains(p.Value, []byte(word)) {
				t.Errorf("%s shows %q", p.Key, word)
			}
		}
	}
}

func TestAnEntryComesBackWhole(t *testing.T) {
	owner, _, _ := newPeople(t)
	tr := newTrail(t)
	want := Entry{Time: noon, Actor: "a@b.test", Role: "professional", Means: "poste", Session: "s", Act: "x",
		Object: "o", Rule: "r/s", Refused: true, Emergency: true}
	tr.update(func(w store.Writer) error { return Append(w, tr.Scope, tr.key(owner.cert), want) })
	tr.view(func(r store.Reader) error {
		for got, err := range Entries(r, part, owner.key, 0) {
			if got != want || err != nil {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
		return nil
	})
}

func TestATrailKeyIsKeptOnce(t *testing.T) {
	owner, _, _ := newPeople(t)
	tr := newTrail(t)
	k := tr.key(owner.cert)
	for range 5 {
		tr.append(k, "a")
	}
	keys := 0
	for _, p := range tr.rows() {
		if strings.HasPrefix(p.Key, "aud/k/") {
			keys++
		}
	}
	if keys != 1 {
		t.Errorf("%d trail keys are kept, want 1", keys)
	}
	if n, err := tr.verify(); n != 5 || err != nil {
		t.Errorf("Verify = %d, %v", n, err)
	}
}

func TestAnEmptyTrailIsRight(t *testing.T) {
	tr := newTrail(t)
	if n, err := tr.verify(); n != 0 || err != nil {
		t.Errorf("Verify = %d, %v", n, err)
	}
	zero := tr.head()
	if n, err := tr.verify(zero); n != 0 || err != nil {
		t.Errorf("with the mark of an empty trail, Verify = %d, %v", n, err)
	}
	owner, _, _ := newPeople(t)
	tr.append(tr.key(owner.cert), "a")
	if n, err := tr.verify(zero, tr.head()); n != 1 || err != nil {
		t.Errorf("with that mark and one more, Verify = %d, %v", n, err)
	}
}

// TestEveryDamageShows breaks a trail of two keys in each way there is.
func TestEveryDamageShows(t *testing.T) {
	owner, _, _ := newPeople(t)
	tr := newTrail(t)
	tr.append(tr.key(owner.cert), "a", "b", "c")
	tr.append(tr.key(owner.cert), "d", "e")
	whole := tr.rows()
	at := func(rows []store.Pair, key string) *store.Pair {
		for i := range rows {
			if rows[i].Key == key {
				return &rows[i]
			}
		}
		t.Fatalf("there is no %s", key)
		return nil
	}
	broken := func(name string, rows []store.Pair) {
		t.Helper()
		tr.put(rows)
		if n, err := tr.verify(); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s is not found: %d, %v", name, n, err)
		}
	}
	without := func(key string) []store.Pair {
		return slices.DeleteFunc(slices.Clone(whole), func(p store.Pair) bool { return p.Key == key })
	}
	for i := range whole {
		rows := slices.Clone(whole)
		rows[i].Value = bytes.Clone(rows[i].Value)
		rows[i].Value[len(rows[i].Value)-1] ^= 1
		broken("a change of "+rows[i].Key, rows)
		rows[i].Value = rows[i].Value[:len(rows[i].Value)-2]
		broken("a cut of "+rows[i].Key, rows)
		rows[i].Value = []byte{}
		broken("nothing in "+rows[i].Key, rows)
		broken("the removal of "+rows[i].Key, without(rows[i].Key))
	}
	for i := uint64(1); i < 5; i++ {
		rows := slices.Clone(whole)
		a, b := at(rows, entryKey(i)), at(rows, entryKey(i+1))
		a.Value, b.Value = b.Value, a.Value
		broken(fmt.Sprintf("the swap of %d and %d", i, i+1), rows)
	}
	extra := func(key string) []store.Pair {
		return append(slices.Clone(whole), store.Pair{Key: key, Value: at(whole, entryKey(5)).Value})
	}
	broken("an insertion at the end", extra(entryKey(6)))
	broken("an insertion in front", extra(entryKey(0)))
	broken("an insertion in between", extra(entryKey(3)+"a"))
	broken("all but the head gone", []store.Pair{*at(whole, "aud/head")})

	other := newTrail(t) // the head is sealed for its partition
	other.Key = tr.Key
	other.Part = "part2"
	other.append(other.key(owner.cert), "x")
	rows := slices.Clone(whole)
	at(rows, "aud/head").Value = at(other.rows(), "aud/head").Value
	broken("the head of another trail", rows)

	tr.put(whole)
	if n, err := tr.verify(); n != 5 || err != nil {
		t.Errorf("the whole trail: %d, %v", n, err)
	}
}

func TestAnOlderStateShowsByItsMarks(t *testing.T) {
	owner, _, _ := newPeople(t)
	tr := newTrail(t)
	k := tr.key(owner.cert)
	var marks []Mark
	var states [][]store.Pair
	for _, act := range []string{"a", "b", "c", "d"} {
		tr.append(k, act)
		marks, states = append(marks, tr.head()), append(states, tr.rows())
	}
	if n, err := tr.verify(marks...); n != 4 || err != nil {
		t.Fatalf("with all marks: %d, %v", n, err)
	}
	if _, err := tr.verify(marks[1], marks[1], marks[3]); err != nil {
		t.Errorf("a checkpoint that saw no change: %v", err)
	}
	for i, s := range states[:3] {
		tr.put(s)
		if _, err := tr.verify(); err != nil {
			t.Errorf("state %d in itself is right, but %v", i, err)
		}
		if _, err := tr.verify(marks...); !errors.Is(err, fault.Corrupt) {
			t.Errorf("put back to state %d: %v, want Corrupt", i, err)
		}
	}
	// Put back, and grown again to the same length.
	tr.put(states[1])
	tr.append(k, "x", "y", "z")
	if _, err := tr.verify(); err != nil {
		t.Errorf("the other history in itself: %v", err)
	}
	if _, err := tr.verify(marks[3]); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another history of that length: %v, want Corrupt", err)
	}
	tr.put(nil)
	if _, err := tr.verify(marks[0]); !errors.Is(err, fault.Corrupt) {
		t.Errorf("an emptied trail: %v, want Corrupt", err)
	}
}

func TestAnEntryMovedDoesNotOpen(t *testing.T) {
	owner, _, _ := newPeople(t)
	tr := newTrail(t)
	tr.append(tr.key(owner.cert), "a", "b")
	rows := tr.rows()
	tr.update(func(w store.Writer) error {
		v, err := w.Get(entryKey(1))
		w.Put(entryKey(2), v)
		return err
	})
	if got, err := tr.acts(owner.key, 0); fmt.Sprint(got) != "[a]" || !errors.Is(err, fault.Corrupt) {
		t.Errorf("moved to another number: %v, %v", got, err)
	}
	elsewhere := newTrail(t)
	elsewhere.Part = "part2"
	elsewhere.put(rows)
	if got, err := elsewhere.acts(owner.key, 0); len(got) != 0 || !errors.Is(err, fault.Corrupt) {
		t.Errorf("moved to another partition: %v, %v", got, err)
	}
}

func TestAnyHistoryVerifiesAndReadsBack(t *testing.T) {
	owner, escrow, _ := newPeople(t)
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTrail(t)
		keys := []*Key{tr.key(owner.cert, escrow.cert), tr.key(owner.cert, escrow.cert)}
		var want []string
		var marks []Mark
		for range rapid.IntRange(0, 8).Draw(rt, "appends") {
			acts := rapid.SliceOfN(rapid.String(), 0, 3).Draw(rt, "acts")
			for i := range acts {
				acts[i] = strings.ToValidUTF8(acts[i], "")
			}
			tr.append(keys[rapid.IntRange(0, 1).Draw(rt, "key")], acts...)
			want, marks = append(want, acts...), append(marks, tr.head())
		}
		if n, err := tr.verify(marks...); int(n) != len(want) || err != nil {
			rt.Fatalf("Verify = %d, %v, want %d", n, err, len(want))
		}
		if got, err := tr.acts(escrow.key, 0); !slices.Equal(got, want) || err != nil {
			rt.Fatalf("Entries = %q, %v, want %q", got, err, want)
		}
	})
}
