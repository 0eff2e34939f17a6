package account

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// An authenticator is the secret shared with an application that shows codes
// (TOTP, RFC 6238): six digits, thirty seconds, one step to either side.
type authenticator struct {
	Secret    string // base32
	Confirmed bool
	Since     time.Time
	Last      uint64 // step of the last code taken: none is taken twice
}

const (
	totpKey    = "acc/w/totp"
	totpPeriod = 30
)

// BeginTOTP makes a secret for an authenticator application and returns it as an
// otpauth: URL, to be shown once as an image, and as text to be typed. It holds
// once ConfirmTOTP has seen a code. An authenticator that is confirmed stays
// until then.
func BeginTOTP(w store.Writer, p *Pepper, s fact.Scope, issuer, name string, now time.Time) (url, secret string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: name, Period: totpPeriod, SecretSize: 20})
	if err != nil {
		return "", "", fmt.Errorf("account: totp: %v: %w", err, fault.Invalid)
	}
	return key.URL(), key.Secret(), putRight(w, p, s, totpKey+"/new", authenticator{Secret: key.Secret(), Since: now})
}

// ConfirmTOTP ends what BeginTOTP began, with a code that the application
// shows. ok is false if the code is wrong, or nothing was begun in the last
// quarter of an hour.
func ConfirmTOTP(w store.Writer, p *Pepper, s fact.Scope, text string, now time.Time) (ok bool, err error) {
	a, begun, err := getRight[authenticator](w, p, s, totpKey+"/new")
	if err != nil || !begun || now.Sub(a.Since) > SensitiveFor || !a.take(text, now) {
		return false, err
	}
	a.Confirmed, a.Since = true, now
	if err := fact.DeleteRight(w, s, totpKey+"/new"); err != nil {
		return false, err
	}
	return true, putRight(w, p, s, totpKey, a)
}

// CheckTOTP reports whether a code is the authenticator's. No code is taken
// twice, nor one older than the last.
func CheckTOTP(w store.Writer, p *Pepper, s fact.Scope, text string, now time.Time) (ok bool, err error) {
	a, _, err := getRight[authenticator](w, p, s, totpKey)
	if err != nil || !a.take(text, now) || !a.Confirmed {
		return false, err
	}
	return true, putRight(w, p, s, totpKey, a)
}

// take compares a code with those of the steps around now, and remembers the
// step of the one it was.
func (a *authenticator) take(text string, now time.Time) bool {
	text = strings.Map(func(c rune) rune {
		if c == ' ' {
			return -1
		}
		return c
	}, text)
	step := uint64(max(now.Unix(), totpPeriod)) / totpPeriod
	found := uint64(0)
	for at := step - 1; at <= step+1; at++ {
		want, err := hotp.GenerateCodeCustom(a.Secret, at, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(text)) == 1 && at > a.Last {
			found = at
		}
	}
	if found == 0 || a.Secret == "" {
		return false
	}
	a.Last = found
	return true
}

// HasTOTP reports whether an authenticator is confirmed.
func HasTOTP(r store.Reader, p *Pepper, s fact.Scope) (bool, error) {
	a, _, err := getRight[authenticator](r, p, s, totpKey)
	return a.Confirmed, err
}

// RemoveTOTP ends the authenticator. Without one it is fault.NotFound.
func RemoveTOTP(w store.Writer, s fact.Scope) error {
	b, err := fact.GetPublicRight(w, s, totpKey)
	if err == nil && b == nil {
		err = fmt.Errorf("account: totp: %w", fault.NotFound)
	}
	if err != nil {
		return err
	}
	return errors.Join(fact.DeleteRight(w, s, totpKey), fact.DeleteRight(w, s, totpKey+"/new"))
}
