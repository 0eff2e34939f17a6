package fact

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

type note struct{ Text string }

const part store.Part = "part1"

func newScope() Scope { return Scope{Key: keyring.NewIndexKey(), Part: part} }

func write(t *testing.T, s store.Store, in store.Part, fn func(store.Writer) error) {
	t.Helper()
	if err := s.Update(t.Context(), in, fn); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s store.Store, in store.Part, fn func(store.Reader) error) {
	t.Helper()
	if err := s.View(t.Context(), in, fn); err != nil {
		t.Fatal(err)
	}
}

// rows copies a partition.
func rows(t *testing.T, s store.Store, in store.Part) (list []store.Pair) {
	read(t, s, in, func(r store.Reader) error {
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

func TestAFactComesBackAndIsSealed(t *testing.T) {
	s, m := newScope(), memstore.New()
	write(t, m, part, func(w store.Writer) error { return Put(w, s, "x/a", note{"Bonbonnière"}) })
	read(t, m, part, func(r store.Reader) error {
		if got, ok, err := Get[note](r, s, "x/a"); got.Text != "Bonbonnière" || !ok || err != nil {
			t.Errorf("Get = %v, %t, %v", got, ok, err)
		}
		if got, ok, err := Get[note](r, s, "x/b"); got != (note{}) || ok || err != nil {
			t.Errorf("Get of nothing = %v, %t, %v", got, ok, err)
		}
		return nil
	})
	for _, p := range rows(t, m, part) {
		if bytes.Contains(p.Value, []byte("Bonbon")) || bytes.Contains(p.Value, []byte("Text")) {
			t.Errorf("%s is not sealed: %q", p.Key, p.Value)
		}
		if p.Value[0] != version {
			t.Errorf("%s begins with %d, want the version", p.Key, p.Value[0])
		}
	}
}

func TestAFactThatWasTouchedDoesNotOpen(t *testing.T) {
	s, m := newScope(), memstore.New()
	write(t, m, part, func(w store.Writer) error { return Put(w, s, "x/a", note{"a"}) })
	value := rows(t, m, part)[0].Value

	for _, moved := range []struct {
		name  string
		scope Scope
		key   string
		value []byte
	}{
		{"to another key", s, "x/b", value},
		{"to another partition", Scope{Key: s.Key, Part: "part2"}, "x/a", value},
		{"under another index key", newScope(), "x/a", value},
		{"with a byte more", s, "x/a", append(bytes.Clone(value), 0)},
	} {
		if _, _, err := openAt(moved.scope, moved.key, moved.value); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v, want Corrupt", moved.name, err)
		}
	}
	for i := range value {
		bad := bytes.Clone(value)
		bad[i] ^= 1
		if _, _, err := openAt(s, "x/a", bad); !errors.Is(err, fault.Corrupt) {
			t.Errorf("byte %d changed: %v, want Corrupt", i, err)
		}
		if _, _, err := openAt(s, "x/a", value[:i]); !errors.Is(err, fault.Corrupt) {
			t.Errorf("cut at %d: %v, want Corrupt", i, err)
		}
	}
}

// openAt puts a value somewhere and reads it as a fact.
func openAt(s Scope, key string, value []byte) (v note, ok bool, err error) {
	return Get[note](oneRow{key, value}, s, key)
}

type oneRow struct {
	key   string
	value []byte
}

func (o oneRow) Get(string) ([]byte, error) { return append([]byte{}, o.value...), nil }
func (o oneRow) Scan(string, string) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) { yield(store.Pair{Key: o.key, Value: o.value}, nil) }
}

func TestAFactOfAnotherShapeIsCorrupt(t *testing.T) {
	s, m := newScope(), memstore.New()
	write(t, m, part, func(w store.Writer) error { return Put(w, s, "x/a", []int{1}) })
	read(t, m, part, func(r store.Reader) error {
		if _, ok, err := Get[note](r, s, "x/a"); ok || !errors.Is(err, fault.Corrupt) {
			t.Errorf("Get = %t, %v, want Corrupt", ok, err)
		}
		return nil
	})
}

func TestAllYieldsInKeyOrderAndStopsAtWhatDoesNotOpen(t *testing.T) {
	s, m := newScope(), memstore.New()
	write(t, m, part, func(w store.Writer) error {
		for _, k := range []string{"x/c", "x/a", "x/b", "y/a", "x"} {
			if err := Put(w, s, k, note{k}); err != nil {
				return err
			}
		}
		return nil
	})
	all := func() (got []string, last error) {
		read(t, m, part, func(r store.Reader) error {
			for v, err := range All[note](r, s, "x/") {
				if err != nil {
					last = err
					continue
				}
				got = append(got, v.Text)
			}
			return nil
		})
		return got, last
	}
	if got, err := all(); fmt.Sprint(got) != "[x/a x/b x/c]" || err != nil {
		t.Errorf("All = %v, %v", got, err)
	}
	write(t, m, part, func(w store.Writer) error { w.Put("x/b", []byte{version, 1, 2, 3}); return nil })
	if got, err := all(); fmt.Sprint(got) != "[x/a]" || !errors.Is(err, fault.Corrupt) {
		t.Errorf("All = %v, %v, want the first alone and Corrupt", got, err)
	}
}

func TestEraseTakesThePrefixAndNothingElse(t *testing.T) {
	m := memstore.New()
	write(t, m, part, func(w store.Writer) error {
		for _, k := range []string{"x/", "x/a", "x/\xff\xff", "x", "x0", "w/z", "y"} {
			w.Put(k, []byte{1})
		}
		return nil
	})
	write(t, m, part, func(w store.Writer) error { return Erase(w, "x/") })
	var left []string
	for _, p := range rows(t, m, part) {
		left = append(left, p.Key)
	}
	if fmt.Sprint(left) != "[w/z x x0 y]" {
		t.Errorf("left are %q", left)
	}
}
