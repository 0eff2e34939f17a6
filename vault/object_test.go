package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

func (s safe) session() *keyring.Session {
	s.t.Helper()
	session, _, err := keyring.NewSession(s.cert)
	if err != nil {
		s.t.Fatal(err)
	}
	return session
}

func (s safe) seal(k *keyring.Session, content []byte, textLike bool) Object {
	s.t.Helper()
	o, err := Seal(k, s.Part, content, textLike)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestAnObjectOpensToWhatWasSealed(t *testing.T) {
	s := newSafe(t)
	k := s.session()
	text := []byte(strings.Repeat("Pas de lésion visible. ", 10_000))
	for _, c := range []struct {
		name     string
		content  []byte
		textLike bool
		ref      string // its first two characters
	}{
		{"nothing", nil, true, "i-"},
		{"a short text, which compression would lengthen", []byte("x"), true, "i-"},
		{"a long text", text, true, "iz"},
		{"a long text that is not said to be one", text, false, "b-"},
		{"noise said to be text", noise(1000), true, "i-"},
		{"what is just small enough", noise(InlineLimit - 200), false, "i-"},
		{"what is just too large", noise(InlineLimit), false, "b-"},
		{"a large text that stays large", noise(100_000), true, "b-"},
	} {
		o := s.seal(k, c.content, c.textLike)
		if got := string(o.Ref[:2]); got != c.ref || len(o.Ref) != refLength || !o.Ref.valid() {
			t.Errorf("%s: the reference is %q, want %s…", c.name, o.Ref, c.ref)
		}
		if o.Ref.Inline() != (c.ref[0] == 'i') || o.Ref.Inline() != (len(o.Sealed) <= InlineLimit) {
			t.Errorf("%s: %d bytes are inline: %t", c.name, len(o.Sealed), o.Ref.Inline())
		}
		if got, err := o.Ref.Open(k, s.Part, o.Sealed); !bytes.Equal(got, c.content) || err != nil {
			t.Errorf("%s: opens to %d bytes, %v", c.name, len(got), err)
		}
		if len(c.content) > 20 && bytes.Contains(o.Sealed, c.content[:20]) {
			t.Errorf("%s: it is not sealed", c.name)
		}
	}
}

func TestAnObjectMadeExternalIsTheSameObject(t *testing.T) {
	s := newSafe(t)
	k := s.session()
	o := s.seal(k, []byte("Bonjour"), false)
	x := o.Externalise()
	if x.Ref.Inline() || !x.Ref.valid() || x.Ref[1:] != o.Ref[1:] || x.Externalise().Ref != x.Ref {
		t.Errorf("%q made external is %q", o.Ref, x.Ref)
	}
	if got, err := x.Ref.Open(k, s.Part, x.Sealed); string(got) != "Bonjour" || err != nil {
		t.Errorf("it opens to %q, %v", got, err)
	}
}

func TestAnObjectIsBoundToItsNameItsCodingAndItsPlace(t *testing.T) {
	s := newSafe(t)
	k := s.session()
	o, other := s.seal(k, []byte("un"), false), s.seal(k, []byte("deux"), false)
	recoded := Ref("iz") + o.Ref[2:]
	for _, c := range []struct {
		name   string
		ref    Ref
		part   store.Part
		key    *keyring.Session
		sealed []byte
	}{
		{"another's bytes", o.Ref, s.Part, k, other.Sealed},
		{"another partition", o.Ref, "part2", k, o.Sealed},
		{"another session", o.Ref, s.Part, s.session(), o.Sealed},
		{"said to be compressed", recoded, s.Part, k, o.Sealed},
		{"cut", o.Ref, s.Part, k, o.Sealed[:len(o.Sealed)-1]},
		{"longer", o.Ref, s.Part, k, append(bytes.Clone(o.Sealed), 0)},
		{"empty", o.Ref, s.Part, k, nil},
	} {
		if got, err := c.ref.Open(c.key, c.part, c.sealed); len(got) != 0 || !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: %q, %v, want Corrupt", c.name, got, err)
		}
	}
}

func TestWhatIsNoReferenceIsCorruptAndNothingPanics(t *testing.T) {
	s := newSafe(t)
	k := s.session()
	good := s.seal(k, []byte("un"), false)
	for _, ref := range []Ref{"", "i", "i-", "x-" + good.Ref[2:], "ix" + good.Ref[2:], good.Ref + "a", good.Ref[:27]} {
		if ref.Inline() || ref.BlobID() != "" {
			t.Errorf("%q: inline %t, blob %q", ref, ref.Inline(), ref.BlobID())
		}
		s.update(func(w store.Writer) error {
			_, opened := ref.Open(k, s.Part, good.Sealed)
			_, kept := Kept(w, ref)
			_, released := Release(w, ref)
			for name, err := range map[string]error{"Open": opened, "Kept": kept, "Release": released, "Hold": Hold(w, ref)} {
				if !errors.Is(err, fault.Corrupt) {
					t.Errorf("%s of %q = %v, want Corrupt", name, ref, err)
				}
			}
			return nil
		})
	}
	if rows := s.rows(); len(rows) != 0 {
		t.Errorf("something was written: %v", rows)
	}
}

// TestABombDoesNotOpen seals what would decompress to more than any object may
// be.
func TestABombDoesNotOpen(t *testing.T) {
	s := newSafe(t)
	k := s.session()
	bomb := encoder().EncodeAll(make([]byte, maxObject+1), nil)
	ref := Ref("bz" + NewID())
	sealed, err := k.SealBlob(nil, bomb, ref.name(s.Part))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ref.Open(k, s.Part, sealed); len(got) != 0 || !errors.Is(err, fault.Corrupt) {
		t.Errorf("it opens to %d bytes, %v", len(got), err)
	}
}

// TestAnObjectLivesAsLongAsSomebodyHoldsIt plays Hold and Release against a
// count.
func TestAnObjectLivesAsLongAsSomebodyHoldsIt(t *testing.T) {
	s := newSafe(t)
	k := s.session()
	rapid.Check(t, func(rt *rapid.T) {
		objects := []Object{s.seal(k, []byte("un"), false), s.seal(k, []byte("deux"), false).Externalise(), s.seal(k, []byte("trois"), false)}
		holders := []int{1, 1, 1}
		s.update(func(w store.Writer) error {
			for _, o := range objects {
				if o.Ref.Inline() {
					Keep(w, o)
				}
			}
			return nil
		})
		for range rapid.IntRange(1, 40).Draw(rt, "acts") {
			i := rapid.IntRange(0, len(objects)-1).Draw(rt, "object")
			if holders[i] == 0 {
				continue
			}
			ref, hold := objects[i].Ref, rapid.Bool().Draw(rt, "hold")
			s.update(func(w store.Writer) error {
				if hold {
					return Hold(w, ref)
				}
				last, err := Release(w, ref)
				if last != (holders[i] == 1) {
					rt.Errorf("Release with %d holders says last = %t", holders[i], last)
				}
				return err
			})
			if holders[i]--; hold {
				holders[i] += 2
			}
			s.view(func(r store.Reader) error {
				for i, o := range objects {
					sealed, err := Kept(r, o.Ref)
					there := err == nil && bytes.Equal(sealed, o.Sealed)
					if want := o.Ref.Inline() && holders[i] > 0; there != want {
						rt.Errorf("object %d with %d holders is kept: %t, %v", i, holders[i], there, err)
					}
				}
				return nil
			})
		}
		s.update(func(w store.Writer) error {
			for i, o := range objects {
				for ; holders[i] > 0; holders[i]-- {
					if _, err := Release(w, o.Ref); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if rows := s.rows(); len(rows) != 0 {
			rt.Errorf("nobody holds anything, and there is %v", rows)
		}
	})
}

func TestADamagedCountIsCorrupt(t *testing.T) {
	s := newSafe(t)
	o := s.seal(s.session(), []byte("un"), false)
	for _, value := range [][]byte{{}, {version}, {version + 1, 2}, {version, 0x80}} {
		s.update(func(w store.Writer) error {
			w.Put("obj/h/"+string(o.Ref[2:]), value)
			if err := Hold(w, o.Ref); !errors.Is(err, fault.Corrupt) {
				t.Errorf("Hold over %v = %v, want Corrupt", value, err)
			}
			if _, err := Release(w, o.Ref); !errors.Is(err, fault.Corrupt) {
				t.Errorf("Release over %v = %v, want Corrupt", value, err)
			}
			return nil
		})
	}
}
