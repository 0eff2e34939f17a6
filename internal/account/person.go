package account

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Login is the name that a person has chosen to log in through the web, in
// its canonical form. It says nothing about them that others may know.
type Login struct{ s string }

const (
	minLogin = 5
	maxLogin = 40
)

// ParseLogin reads a login name: 5 to 40 letters without accents, digits, dots,
// hyphens and underscores, of which the first is a letter; capitals do not
// count. What looks like a mail address, a social security number or an IBAN is
// fault.Invalid.
func ParseLogin(s string) (Login, error) {
	wrong := fmt.Errorf("account: login: %w", fault.Invalid)
	if len(s) < minLogin || len(s) > maxLogin {
		return Login{}, wrong
	}
	s = strings.ToLower(s)
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
		case i > 0 && c >= '0' && c <= '9':
			digits++
		case i > 0 && strings.IndexByte("._-", c) >= 0:
		default:
			return Login{}, wrong
		}
	}
	bare := strings.NewReplacer(".", "", "-", "", "_", "").Replace(s)
	if digits >= 10 || isIBAN(bare) { // a social security number has 13 or 15, with 2a and 2b at least 12
		return Login{}, wrong
	}
	return Login{s}, nil
}

// isIBAN checks the form and the key of ISO 13616.
func isIBAN(s string) bool {
	if len(s) < 15 || len(s) > 34 || onlyDigits(s[2:4]) != s[2:4] {
		return false
	}
	var number strings.Builder
	for _, c := range s[4:] + s[:4] {
		if c >= 'a' && c <= 'z' {
			fmt.Fprintf(&number, "%d", c-'a'+10)
		} else {
			number.WriteRune(c)
		}
	}
	n, ok := new(big.Int).SetString(number.String(), 10)
	return ok && new(big.Int).Mod(n, big.NewInt(97)).Int64() == 1
}

// Canonical returns the name as it is kept. Call it only to show it to its owner
// or to keep it sealed.
func (l Login) Canonical() string { return l.s }

// String hides the name, which people choose after themselves.
func (l Login) String() string { return "login" }

// IsZero reports whether there is no name.
func (l Login) IsZero() bool { return l.s == "" }

// Part names the partition that says whose a login is. That of no login is one
// that nothing is ever written to.
func (l Login) Part(k *keyring.IndexKey) store.Part { return indexPart(k, "account/login", l.s) }

func indexPart(k *keyring.IndexKey, label string, fields ...string) store.Part {
	mac := k.MAC(label, fields...)
	return store.Part("x" + hex.EncodeToString(mac[:16]))
}

const loginKey = "acc/at"

// A claim says whose a login is. It is made before the Person is written.
type claim struct {
	Part store.Part
	At   time.Time
}

// claimHolds is how long a claim holds whose Person was never written.
const claimHolds = time.Hour

// ClaimLogin makes a login lead to a partition, in a transaction on its Part,
// which s names. One that is taken is fault.Exists; claiming it again for the
// same partition is not an error. vacant says that the one who holds it turned
// out not to be its owner: then an old claim gives way.
func ClaimLogin(w store.Writer, s fact.Scope, part store.Part, vacant bool, now time.Time) error {
	old, ok, err := fact.Get[claim](w, s, loginKey)
	if err != nil {
		return err
	}
	if held := ok && old.Part != part; held && (!vacant || now.Sub(old.At) < claimHolds) {
		return fmt.Errorf("account: login: %w", fault.Exists)
	}
	return fact.Put(w, s, loginKey, claim{part, now})
}

// FindLogin returns the partition of the person with that login. ok is false if
// there is none.
func FindLogin(r store.Reader, s fact.Scope) (part store.Part, ok bool, err error) {
	c, ok, err := fact.Get[claim](r, s, loginKey)
	return c.Part, ok, err
}

// FreeLogin lets a login lead nowhere, if it led to that partition.
func FreeLogin(w store.Writer, s fact.Scope, part store.Part) error {
	old, ok, err := FindLogin(w, s)
	if err == nil && ok && old == part {
		w.Delete(loginKey)
	}
	return err
}

// A Person is who may log in through the web: what the login needs to know.
type Person struct {
	Login       string // canonical
	Since       time.Time
	PasswordSet time.Time // when the password was set
	Hash        PasswordHash
	Devices     []string `json:",omitempty"` // names of those seen before
}

// A PasswordHash is what is kept of a password: it needs the pepper to be tried.
type PasswordHash struct{ V verifier }

const personKey = "acc/w/person"

// NewPasswordHash hashes a password that was found good. It is slow, and waits
// for its turn; so it is done before a transaction begins.
func (p *Pepper) NewPasswordHash(ctx context.Context, password string) (PasswordHash, error) {
	v, err := p.newVerifier(ctx, password)
	return PasswordHash{v}, err
}

// Matches reports whether a password is the person's, after the same work for
// every Person, the zero one too, which no password matches. aged says that the
// hash is weaker than one made today: it is to be replaced.
func (p *Pepper) Matches(ctx context.Context, who Person, password string) (ok, aged bool, err error) {
	ok, err = p.matches(ctx, who.Hash.V, password)
	return ok, ok && who.Hash.V.Cost != p.Cost, err
}

// SetPerson writes who may log in to a partition through the web.
func SetPerson(w store.Writer, p *Pepper, s fact.Scope, who Person) error {
	return putRight(w, p, s, personKey, who)
}

// LoadPerson reads who may log in to a partition through the web. ok is false
// if nobody may.
func LoadPerson(r store.Reader, p *Pepper, s fact.Scope) (who Person, ok bool, err error) {
	return getRight[Person](r, p, s, personKey)
}
