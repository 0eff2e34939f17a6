package account

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func TestAnAuthenticatorCountsOnceItIsConfirmed(t *testing.T) {
	c := newCodes(t)
	var url, secret string
	begin := func(at time.Time) {
		c.must(func(w store.Writer) (err error) {
			url, secret, err = BeginTOTP(w, c.p, c.Scope, "Espace santé", "heron.gris", at)
			return err
		})
	}
	shown := func(at time.Time) string {
		code, err := totp.GenerateCode(secret, at)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	confirm := func(code string, at time.Time) (ok bool) {
		c.must(func(w store.Writer) (err error) { ok, err = ConfirmTOTP(w, c.p, c.Scope, code, at); return err })
		return ok
	}
	check := func(code string, at time.Time) (ok bool) {
		c.must(func(w store.Writer) (err error) { ok, err = CheckTOTP(w, c.p, c.Scope, code, at); return err })
		return ok
	}
	has := func() (has bool) {
		c.View(func(r store.Reader) (err error) { has, err = HasTOTP(r, c.p, c.Scope); return err })
		return has
	}
	begin(nine)
	if !strings.HasPrefix(url, "otpauth://totp/") || check(shown(nine), nine) || has() {
		t.Error("it counts before it is confirmed")
	}
	for _, row := range c.Rows() {
		if bytes.Contains(row.Value, []byte(secret)) {
			t.Error("the secret is in the store")
		}
	}
	if confirm("000000x", nine) || confirm(shown(nine), nine.Add(time.Hour)) {
		t.Error("it is confirmed by nothing, or too late")
	}
	if !confirm(shown(nine), nine) || !has() {
		t.Fatal("it is not confirmed")
	}
	if check(shown(nine), nine) {
		t.Error("the code that confirmed it counts again")
	}
	at := nine.Add(time.Minute)
	for _, s := range []struct {
		name string
		of   time.Duration
		ok   bool
	}{
		{"two steps late", -60 * time.Second, false},
		{"one step late", -30 * time.Second, true},
		{"in time", 0, true},
		{"the same again", 0, false},
		{"one that was shown before it", -30 * time.Second, false},
		{"one step early", 30 * time.Second, true},
		{"two steps early", 60 * time.Second, false},
	} {
		if got := check(shown(at.Add(s.of)), at); got != s.ok {
			t.Errorf("%s: %t, want %t", s.name, got, s.ok)
		}
	}
	at = at.Add(time.Hour)
	if code := shown(at); !check(" "+code[:3]+" "+code[3:], at) {
		t.Error("blanks as applications show them are not allowed")
	}
	old := secret
	begin(at)
	if secret == old || !has() {
		t.Error("beginning anew ends the one there is")
	}
	c.must(func(w store.Writer) error { return RemoveTOTP(w, c.Scope) })
	if has() || len(c.Rows()) != 0 {
		t.Error("it is still there")
	}
	if err := c.Update(func(w store.Writer) error { return RemoveTOTP(w, c.Scope) }); !errors.Is(err, fault.NotFound) {
		t.Errorf("removing none: %v", err)
	}
}
