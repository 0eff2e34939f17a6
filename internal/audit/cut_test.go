package audit

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

func (tr trail) expire(k *keyring.AuditKey) (done bool) {
	tr.t.Helper()
	tr.update(func(w store.Writer) (err error) {
		done, err = Expire(w, tr.Scope, k, noon)
		return err
	})
	return done
}

func (tr trail) verifyWith(k *keyring.AuditKey, since ...Mark) (n uint64, err error) {
	tr.view(func(r store.Reader) error {
		n, err = Verify(r, tr.Scope, k.Public(), since...)
		return nil
	})
	return n, err
}

func TestATrailThatWasCutGoesOn(t *testing.T) {
	owner, _, _ := newPeople(t)
	tr, k := newTrail(t), keyring.NewAuditKey()
	if tr.expire(k) {
		t.Error("a trail without entries was cut")
	}
	key := tr.key(owner.cert)
	tr.append(key, "a", "b")
	early := tr.head()
	tr.append(key, "c")
	cut := tr.head()
	if !tr.expire(k) || tr.expire(k) {
		t.Error("a trail is cut once")
	}
	for _, p := range tr.rows() {
		if strings.HasPrefix(p.Key, entryPrefix) || strings.HasPrefix(p.Key, keyPrefix) {
			t.Errorf("%s is left", p.Key)
		}
	}
	if n, err := tr.verifyWith(k, early, cut); n != 0 || err != nil {
		t.Errorf("cut: %d, %v", n, err)
	}
	tr.append(key, "d", "e") // the same trail key, which is written again
	if n, err := tr.verifyWith(k, early, cut, tr.head()); n != 2 || err != nil {
		t.Errorf("and gone on: %d, %v", n, err)
	}
	if got, err := tr.acts(owner.key, 0); !slices.Equal(got, []string{"d", "e"}) || err != nil {
		t.Errorf("left to read are %v, %v", got, err)
	}
	if got := tr.backwards(owner.key, 0); !slices.Equal(got, []string{"e", "d"}) {
		t.Errorf("backwards: %v", got)
	}
	if _, err := tr.verifyWith(k, Mark{Count: 3, Hash: early.Hash}); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another mark at the cut: %v", err)
	}
	if !tr.expire(k) {
		t.Error("it is not cut again")
	}
	if n, err := tr.verifyWith(k); n != 0 || err != nil {
		t.Errorf("cut again: %d, %v", n, err)
	}
}

func TestACutThatTheHubDidNotSignShows(t *testing.T) {
	owner, _, _ := newPeople(t)
	tr, k := newTrail(t), keyring.NewAuditKey()
	tr.append(tr.key(owner.cert), "a", "b", "c")
	whole := tr.rows()
	tr.expire(k)
	right := tr.rows()
	forge := func(name string, change func(*Cut)) {
		t.Helper()
		tr.put(right)
		tr.update(func(w store.Writer) error {
			c, _, err := fact.Get[Cut](w, tr.Scope, "aud/cut")
			change(&c)
			return errors.Join(err, fact.Put(w, tr.Scope, "aud/cut", c))
		})
		if _, err := tr.verifyWith(k); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v, want Corrupt", name, err)
		}
	}
	forge("another count", func(c *Cut) { c.Count++ })
	forge("another hash", func(c *Cut) { c.Hash[0] ^= 1 })
	forge("another time", func(c *Cut) { c.Time = c.Time.Add(time.Hour) })
	forge("another trail's", func(c *Cut) { c.Part = "part2" })
	forge("no signature", func(c *Cut) { c.Signature = nil })
	forge("another hub's", func(c *Cut) {
		text, _ := c.statement()
		c.Signature = keyring.NewAuditKey().Sign(cutLabel, text)
	})
	tr.put(slices.DeleteFunc(slices.Clone(right), func(p store.Pair) bool { return p.Key == "aud/cut" }))
	if _, err := tr.verifyWith(k); !errors.Is(err, fault.Corrupt) {
		t.Errorf("the cut removed: %v", err)
	}
	tr.put(append(slices.Clone(right), whole[:2]...))
	if _, err := tr.verifyWith(k); !errors.Is(err, fault.Corrupt) {
		t.Errorf("old entries beside the cut: %v", err)
	}
	tr.put(right)
	if _, err := tr.verifyWith(k); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestTheLegalTimeIsTenYears(t *testing.T) {
	closed := time.Date(2016, 2, 29, 12, 0, 0, 0, time.UTC)
	for now, want := range map[time.Time]bool{
		closed: false, closed.AddDate(10, 0, -1): false, closed.AddDate(10, 0, 0): true, closed.AddDate(20, 0, 0): true,
	} {
		if Due(closed, now) != want {
			t.Errorf("at %v: %v", now, !want)
		}
	}
	if Due(time.Time{}, closed) {
		t.Error("a space that is open is past its time")
	}
}

// backwards reads the trail newest first.
func (tr trail) backwards(key keyring.Opener, before uint64) (list []string) {
	tr.t.Helper()
	last := tr.head().Count
	tr.view(func(r store.Reader) error {
		for n, err := range Backwards(r, tr.Part, key, before, last) {
			if err != nil {
				return err
			}
			list = append(list, n.Act)
		}
		return nil
	})
	return list
}

func TestATrailIsReadBackwards(t *testing.T) {
	owner, _, _ := newPeople(t)
	tr := newTrail(t)
	key := tr.key(owner.cert)
	var want []string
	for i := range 2*backChunk + 5 {
		act := strings.Repeat("x", i%7) + string(rune('a'+i%26))
		tr.append(key, act)
		want = append([]string{act}, want...)
	}
	for _, before := range []uint64{0, 1 << 40, uint64(len(want) + 1)} {
		if got := tr.backwards(owner.key, before); !slices.Equal(got, want) {
			t.Errorf("before %d: %d entries, want %d", before, len(got), len(want))
		}
	}
	if got := tr.backwards(owner.key, 4); !slices.Equal(got, want[len(want)-3:]) {
		t.Errorf("before 4: %v", got)
	}
	if got := tr.backwards(owner.key, 1); len(got) != 0 {
		t.Errorf("before the first: %v", got)
	}
}
