package fact

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

func signing() Scope {
	s := newScope()
	s.Rights = NewRights(keyring.NewRightsKey())
	return s
}

// verifying is the same scope in a process that does not have the hub key.
func (s Scope) verifying() Scope {
	s.Rights = VerifyingRights(s.Rights.verify)
	return s
}

func (s Scope) in(part store.Part) Scope {
	s.Part = part
	return s
}

// three puts the rights x/a, x/b, x/c and y/a.
func three(s Scope) func(store.Writer) error {
	return func(w store.Writer) error {
		var errs []error
		for _, k := range []string{"x/b", "x/a", "y/a", "x/c"} {
			errs = append(errs, PutRight(w, s, k, note{k}))
		}
		return errors.Join(errs...)
	}
}

func texts(r store.Reader, s Scope, prefix string) string {
	var got []string
	for v, err := range AllRights[note](r, s, prefix) {
		if err != nil {
			return fmt.Sprint(got, " ", fault.Of(err))
		}
		got = append(got, v.Text)
	}
	return fmt.Sprint(got)
}

func TestARightComesBackWithAndWithoutTheSigner(t *testing.T) {
	s, m := signing(), memstore.New()
	write(t, m, part, three(s))
	write(t, m, part, func(w store.Writer) error { return DeleteRight(w, s, "x/b") })
	write(t, m, part, func(w store.Writer) error { return DeleteRight(w, s, "x/never") })
	write(t, m, part, func(w store.Writer) error { return PutPublicRight(w, s, "cert", []byte("public")) })
	for _, s := range []Scope{s, s.verifying(), s} {
		read(t, m, part, func(r store.Reader) error {
			if got, ok, err := GetRight[note](r, s, "x/a"); got.Text != "x/a" || !ok || err != nil {
				t.Errorf("GetRight = %v, %t, %v", got, ok, err)
			}
			if got, ok, err := GetRight[note](r, s, "x/b"); got.Text != "" || ok || err != nil {
				t.Errorf("GetRight of nothing = %v, %t, %v", got, ok, err)
			}
			if got := texts(r, s, "x/"); got != "[x/a x/c]" {
				t.Errorf("AllRights = %s", got)
			}
			if got := texts(r, s, "z/"); got != "[]" {
				t.Errorf("AllRights of nothing = %s", got)
			}
			if got, err := GetPublicRight(r, s, "cert"); string(got) != "public" || err != nil {
				t.Errorf("GetPublicRight = %q, %v", got, err)
			}
			if n, err := VerifyRights(r, s, []string{"x/", "cert"}); n != 4 || err != nil {
				t.Errorf("VerifyRights = %d, %v", n, err)
			}
			return nil
		})
	}
}

func TestWhoDoesNotSignWritesNoRight(t *testing.T) {
	s, m := signing(), memstore.New()
	write(t, m, part, three(s))
	before := rows(t, m, part)
	for name, s := range map[string]Scope{"verifying": s.verifying(), "without": {Key: s.Key, Part: part}} {
		for act, fn := range map[string]func(store.Writer) error{
			"put":    func(w store.Writer) error { return PutRight(w, s, "x/d", note{}) },
			"delete": func(w store.Writer) error { return DeleteRight(w, s, "x/a") },
		} {
			if err := m.Update(t.Context(), part, fn); !errors.Is(err, fault.Sealed) {
				t.Errorf("%s, %s: %v, want Sealed", name, act, err)
			}
		}
	}
	read(t, m, part, func(r store.Reader) error {
		if _, ok, err := GetRight[note](r, Scope{Key: s.Key, Part: part}, "x/a"); ok || !errors.Is(err, fault.Sealed) {
			t.Errorf("without a verifier: %t, %v, want Sealed", ok, err)
		}
		return nil
	})
	if got := rows(t, m, part); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("something was written")
	}
	if err := m.Update(t.Context(), part, func(w store.Writer) error {
		return PutRight(w, s, string(bytes.Repeat([]byte("x"), maxKey+1)), note{})
	}); !errors.Is(err, fault.Invalid) {
		t.Errorf("a key that is too long: %v, want Invalid", err)
	}
}

// TestNothingIsGrantedByWhatWasForged plays somebody who writes to the store
// and has the index key, but not the one that signs.
func TestNothingIsGrantedByWhatWasForged(t *testing.T) {
	const other store.Part = "part2"
	s := signing()
	forger := s
	forger.Rights = NewRights(keyring.NewRightsKey())
	corrupt := func(err error) bool { return errors.Is(err, fault.Corrupt) }
	var old []byte // a head from before
	for _, c := range []struct {
		name  string
		forge func(w, elsewhere store.Writer) error
		whole bool // not only what was touched is lost
	}{
		{"a row is added", func(w, _ store.Writer) error { return Put(w, s, "x/d", note{"forged"}) }, false},
		{"a row is changed", func(w, _ store.Writer) error { return Put(w, s, "x/d", note{"forged"}) }, false},
		{"a row is removed", func(w, _ store.Writer) error { w.Delete("x/d"); return Put(w, s, "x/d0", note{"forged"}) }, false},
		{"a row is another's", func(w, elsewhere store.Writer) error {
			b, err := elsewhere.Get("x/d")
			w.Put("x/d", b)
			return err
		}, false},
		{"the head is gone", func(w, _ store.Writer) error { w.Delete(headKey); return nil }, true},
		{"the head is another's", func(w, elsewhere store.Writer) error {
			b, err := elsewhere.Get(headKey)
			w.Put(headKey, b)
			return err
		}, true},
		{"the head is another's, sealed anew", func(w, elsewhere store.Writer) error {
			b, err := elsewhere.Get(headKey)
			text, err2 := s.Key.Open(nil, b[1:], s.in(other).context(headKey))
			w.Put(headKey, s.Key.Seal([]byte{version}, text, s.context(headKey)))
			return errors.Join(err, err2)
		}, true},
		{"the head is signed by a stranger", func(w, _ store.Writer) error {
			w.Delete(headKey)
			return PutRight(w, forger, "x/d", note{"forged"})
		}, true},
		{"the head is one from before", func(w, _ store.Writer) error { w.Put(headKey, old); return nil }, false},
		{"the head is nothing", func(w, _ store.Writer) error { w.Put(headKey, []byte{}); return nil }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := memstore.New()
			write(t, m, part, three(s))
			if c.name != "a row is added" {
				write(t, m, part, func(w store.Writer) (err error) {
					old, err = w.Get(headKey)
					return errors.Join(err, PutRight(w, s, "x/d", note{"mine"}))
				})
			}
			write(t, m, other, three(s.in(other)))
			write(t, m, other, func(w store.Writer) error { return PutRight(w, s.in(other), "x/d", note{"theirs"}) })
			write(t, m, other, func(elsewhere store.Writer) error {
				return m.Update(t.Context(), part, func(w store.Writer) error { return c.forge(w, elsewhere) })
			})
			for _, s := range []Scope{s, s.verifying()} {
				read(t, m, part, func(r store.Reader) error {
					if v, ok, err := GetRight[note](r, s, "x/d"); ok || !corrupt(err) {
						t.Errorf("GetRight = %v, %t, %v, want Corrupt", v, ok, err)
					}
					if got := texts(r, s, "x/"); got != "[] corrupt" {
						t.Errorf("AllRights = %s", got)
					}
					if _, ok, err := GetRight[note](r, s, "x/a"); c.whole && !corrupt(err) || !c.whole && !ok {
						t.Errorf("what was not touched: %t, %v", ok, err)
					}
					if _, err := VerifyRights(r, s, []string{"x/"}); !corrupt(err) {
						t.Errorf("VerifyRights = %v, want Corrupt", err)
					}
					return nil
				})
			}
		})
	}
}

func TestRightsThatWerePutBackShow(t *testing.T) {
	s, m := signing(), memstore.New()
	mark := func() (got RightsMark) {
		read(t, m, part, func(r store.Reader) (err error) {
			got, err = MarkRights(r, s)
			return err
		})
		return got
	}
	verify := func(marks ...RightsMark) (err error) {
		read(t, m, part, func(r store.Reader) error {
			_, err = VerifyRights(r, s, []string{"x/"}, marks...)
			return nil
		})
		return err
	}
	zero := mark()
	write(t, m, part, three(s))
	first, old := mark(), rows(t, m, part)
	write(t, m, part, func(w store.Writer) error { return PutRight(w, s, "x/a", note{"new"}) })
	second := mark()
	if zero.Counter != 0 || first.Counter != 4 || second.Counter != 5 {
		t.Errorf("counters are %d, %d, %d", zero.Counter, first.Counter, second.Counter)
	}
	if err := verify(zero, first, first, second); err != nil {
		t.Errorf("untouched: %v", err)
	}
	write(t, m, part, func(w store.Writer) error {
		for _, p := range old {
			w.Put(p.Key, p.Value)
		}
		return nil
	})
	if err := verify(first); err != nil {
		t.Errorf("before a checkpoint saw more: %v", err)
	}
	if err := verify(first, second); !errors.Is(err, fault.Corrupt) {
		t.Errorf("put back: %v, want Corrupt", err)
	}
	write(t, m, part, func(w store.Writer) error { return PutRight(w, s, "x/a", note{"again"}) })
	if err := verify(first, second); !errors.Is(err, fault.Corrupt) {
		t.Errorf("put back, and as many changes since: %v, want Corrupt", err)
	}
	write(t, m, part, func(w store.Writer) error { return errors.Join(Erase(w, "x/"), Erase(w, "y/"), EraseRights(w)) })
	if err := verify(first, second); !errors.Is(err, fault.Corrupt) {
		t.Errorf("all gone: %v, want Corrupt", err)
	}
	if err := verify(); err != nil {
		t.Errorf("all gone, and nobody ever saw any: %v", err)
	}
}

func TestTheCacheOfHeadsIsBounded(t *testing.T) {
	c := newHeadCache()
	raw := make([]byte, 100<<10)
	for i := range 1000 {
		c.put(store.Part(fmt.Sprint(i%300)), raw, &head{entries: make([]covered, 1000)})
		if c.size > maxHeads {
			t.Fatalf("%d bytes after %d", c.size, i)
		}
	}
	if c.get("99", raw) == nil {
		t.Error("the last one is not remembered")
	}
	if c.get("99", raw[1:]) != nil {
		t.Error("one of other bytes is remembered")
	}
}

func FuzzParseHead(f *testing.F) {
	h := (*head)(nil).with("x/a", []byte("1")).with("x/b", []byte("2"))
	f.Add(append(h.marshal(), make([]byte, 64)...))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, ok := parseHead(text)
		if !ok {
			return
		}
		if got := append(h.marshal(), h.signature...); !bytes.Equal(got, text) {
			t.Errorf("%x comes back as %x", text, got)
		}
		for _, c := range h.entries {
			if sum, ok := h.find(c.key); !ok || sum != c.sum {
				t.Errorf("%q is not found", c.key)
			}
		}
	})
}

// BenchmarkGetRight reads one right of a space of twenty, and of one with a
// thousand documents masked.
func BenchmarkGetRight(b *testing.B) {
	for _, n := range []int{20, 1000} {
		s, m := signing(), memstore.New()
		err := m.Update(b.Context(), part, func(w store.Writer) error {
			for i := range n {
				if err := PutRight(w, s, fmt.Sprintf("doc/s/%016x", i), note{"active"}); err != nil {
					return err
				}
			}
			return PutRight(w, s, "pat/space", note{"active"})
		})
		if err != nil {
			b.Fatal(err)
		}
		get := func(b *testing.B, fresh bool) {
			b.ReportAllocs()
			err := m.View(b.Context(), part, func(r store.Reader) error {
				for b.Loop() {
					if fresh {
						s = s.verifying()
					}
					if _, ok, err := GetRight[note](r, s, "pat/space"); !ok {
						b.Fatal(err)
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("%d/warm", n), func(b *testing.B) { get(b, false) })
		b.Run(fmt.Sprintf("%d/cold", n), func(b *testing.B) { get(b, true) })
	}
}
