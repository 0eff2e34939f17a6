package account

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

var nine = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func browser(created time.Time) Session {
	return Session{Kind: WebSession, Device: "Firefox, Linux", Factor: "totp", Created: created,
		Idle: 30 * time.Minute, Expires: created.Add(8 * time.Hour)}
}

func (r record) must(fn func(store.Writer) error) {
	r.t.Helper()
	if err := r.Update(fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r record) open(n Session) (opened Session, secret string) {
	r.t.Helper()
	r.must(func(w store.Writer) (err error) {
		opened, secret, err = NewSession(w, r.Scope, n)
		return err
	})
	return opened, secret
}

func (r record) check(id, secret string, now time.Time) (n Session, err error) {
	r.View(func(rd store.Reader) error {
		n, err = CheckSession(rd, r.Scope, id, secret, now)
		return nil
	})
	return n, err
}

func (r record) sessions(now time.Time) (list []Session) {
	r.View(func(rd store.Reader) (err error) {
		list, err = Sessions(rd, r.Scope, now)
		return err
	})
	return list
}

func TestASessionIsItsSecretHoldersUntilItsEnd(t *testing.T) {
	r := newRecord(t)
	n, secret := r.open(browser(nine))
	_, other := r.open(browser(nine))
	for _, c := range []struct {
		name       string
		id, secret string
		at         time.Time
		ok         bool
	}{
		{"the right secret", n.ID, secret, nine, true},
		{"used within its idle time", n.ID, secret, nine.Add(29 * time.Minute), true},
		{"idle too long", n.ID, secret, nine.Add(30 * time.Minute), false},
		{"the secret of another session", n.ID, other, nine, false},
		{"no secret", n.ID, "", nine, false},
		{"no such session", "nobody", secret, nine, false},
		{"another key of the record", "../salt", secret, nine, false},
	} {
		got, err := r.check(c.id, c.secret, c.at)
		if c.ok && (err != nil || got.ID != n.ID) || !c.ok && !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestUseProlongsASessionButNotForEver(t *testing.T) {
	r := newRecord(t)
	n, secret := r.open(browser(nine))
	at := nine
	for at.Before(n.Expires) {
		if _, err := r.check(n.ID, secret, at); err != nil {
			t.Fatalf("in use, at %v: %v", at.Sub(nine), err)
		}
		r.must(func(w store.Writer) error { return TouchSession(w, r.Scope, n.ID, at) })
		at = at.Add(20 * time.Minute)
	}
	if _, err := r.check(n.ID, secret, at); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("after its last hour: %v", err)
	}
	err := r.Update(func(w store.Writer) error { return TouchSession(w, r.Scope, n.ID, at) })
	if !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("using what is over gives %v", err)
	}
	if list := r.sessions(at); len(list) != 0 {
		t.Errorf("listed are %+v", list)
	}
}

func TestASessionIsFreshForAQuarterOfAnHourAfterAProof(t *testing.T) {
	r := newRecord(t)
	n, secret := r.open(browser(nine))
	fresh := func(after time.Duration) bool {
		got, err := r.check(n.ID, secret, nine.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return got.Fresh(nine.Add(after))
	}
	if !fresh(14*time.Minute) || fresh(15*time.Minute) {
		t.Error("it is not fresh for a quarter of an hour")
	}
	r.must(func(w store.Writer) error {
		return ProveSession(w, r.Scope, n.ID, "passkey", nine.Add(20*time.Minute))
	})
	if !fresh(34 * time.Minute) {
		t.Error("a new proof does not make it fresh")
	}
}

func TestSessionsEndOneByOneAndAll(t *testing.T) {
	r := newRecord(t)
	a, secretA := r.open(browser(nine))
	b, secretB := r.open(browser(nine.Add(time.Minute)))
	c, secretC := r.open(browser(nine.Add(2 * time.Minute)))
	if got := r.sessions(nine.Add(3 * time.Minute)); len(got) != 3 || got[0].ID != c.ID || got[2].ID != a.ID {
		t.Errorf("listed are %+v", got)
	}
	r.must(func(w store.Writer) error { return EndSession(w, r.Scope, a.ID) })
	at := nine.Add(3 * time.Minute)
	if _, err := r.check(a.ID, secretA, at); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("once ended: %v", err)
	}
	for _, other := range []Token{{"", b.ID, secretB}, {"", c.ID, secretC}} {
		if _, err := r.check(other.ID, other.Secret, at); err != nil {
			t.Errorf("another: %v", err)
		}
	}
	if err := r.Update(func(w store.Writer) error { return EndSession(w, r.Scope, a.ID) }); !errors.Is(err, fault.NotFound) {
		t.Errorf("ending it twice: %v", err)
	}
	d, secretD := r.open(browser(nine))
	r.must(func(w store.Writer) error {
		n, err := EndSessions(w, r.Scope, d.ID)
		if n != 2 {
			t.Errorf("%d were ended, want 2", n)
		}
		return err
	})
	if _, err := r.check(d.ID, secretD, nine); err != nil {
		t.Errorf("the one that asked was ended too: %v", err)
	}
	r.must(func(w store.Writer) error { _, err := EndSessions(w, r.Scope, ""); return err })
	if rows := r.Rows(); len(rows) != 0 {
		t.Errorf("left are %v", rows)
	}
}

func TestOneSessionTooManyEndsTheOneUsedLeastRecently(t *testing.T) {
	r := newRecord(t)
	first, secret := r.open(browser(nine))
	for i := range MaxSessions {
		r.open(browser(nine.Add(time.Duration(i+1) * time.Second)))
	}
	if _, err := r.check(first.ID, secret, nine.Add(time.Minute)); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("the oldest: %v", err)
	}
	if n := len(r.sessions(nine.Add(time.Minute))); n != MaxSessions {
		t.Errorf("there are %d", n)
	}
	r.open(browser(nine.Add(time.Hour * 9)))
	if n := len(r.Rows()); n != 1 {
		t.Errorf("%d rows are left when all but one are over", n)
	}
}

func TestASessionWithoutAnEndIsRefused(t *testing.T) {
	r := newRecord(t)
	for name, n := range map[string]Session{
		"no end": {Kind: WebSession, Created: nine}, "an end before its beginning": {Kind: WebSession, Created: nine, Expires: nine},
		"no beginning": {Kind: WebSession, Expires: nine}, "no kind": {Created: nine, Expires: nine.Add(time.Hour)},
	} {
		err := r.Update(func(w store.Writer) error { _, _, err := NewSession(w, r.Scope, n); return err })
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingOfASessionCanBeReadInTheStoreOrTheToken(t *testing.T) {
	r := newRecord(t)
	n, secret := r.open(browser(nine))
	text := Token{r.Part, n.ID, secret}.Seal(r.Key)
	for _, word := range []string{secret, "Firefox", string(r.Part)} {
		for _, p := range r.Rows() {
			if bytes.Contains(p.Value, []byte(word)) || strings.Contains(p.Key, word) {
				t.Errorf("%s shows %q", p.Key, word)
			}
		}
		if strings.Contains(text, word) {
			t.Errorf("the token shows %q", word)
		}
	}
	got, err := ParseToken(r.Key, text)
	if err != nil || got != (Token{r.Part, n.ID, secret}) {
		t.Errorf("ParseToken = %+v, %v", got, err)
	}
	if _, err := ParseToken(keyring.NewIndexKey(), text); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("under another key: %v", err)
	}
	for i := range text {
		bad := []byte(text)
		bad[i] ^= 1
		if _, err := ParseToken(r.Key, string(bad)); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("character %d changed: %v", i, err)
		}
	}
	elsewhere := fact.Scope{Key: r.Key, Part: "part2"}
	r.View(func(rd store.Reader) error {
		if _, err := CheckSession(rd, elsewhere, n.ID, secret, nine); err == nil {
			t.Error("it holds in another partition")
		}
		return nil
	})
}

func TestTheNameOfADeviceCanBeShown(t *testing.T) {
	for in, want := range map[string]string{
		"Firefox": "Firefox", "": "?", " \x00\n": "?", "a\x1b[31mb": "a[31mb", strings.Repeat("é", 60): strings.Repeat("é", 30),
		"caf\xff": "caf",
	} {
		if got := deviceName(in); got != want {
			t.Errorf("deviceName(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	k := keyring.NewIndexKey()
	f.Add(Token{"part1", "id", "secret"}.Seal(k))
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := ParseToken(k, s)
		if err == nil {
			if again, err := ParseToken(k, tok.Seal(k)); err != nil || again != tok {
				t.Errorf("%q does not round-trip: %v", s, err)
			}
		} else if !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%q: %v", s, err)
		}
	})
}
