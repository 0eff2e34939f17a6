package account

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/store"
)

// MaxAuthorizations bounds the authorizations of one account. One more, and the
// one that would end first ends.
const MaxAuthorizations = 200

// An Authorization (RFC 6749) is what a program may do for an account's owner, for a
// while. Of the code and the tokens that stand for it only digests are kept.
// Ending it ends them all.
type Authorization struct {
	ID      string
	Client  string       // identifier of the program; "" for one that the hub itself gave
	Name    string       // of the program, as people see it
	Scopes  smart.Scopes // what it may be asked for
	Begun   time.Time
	Ends    time.Time // of the whole; no token outlives it
	Bound   string    `json:",omitempty"` // SHA-256 of the TLS certificate without which its tokens are worth nothing (RFC 8705)
	Binding Binding   `json:",omitzero"`

	Code       []byte       `json:",omitempty"` // digest
	Redeemed   bool         `json:",omitempty"` // the code was used, as it may be once
	Access     []byte       `json:",omitempty"` // digest of the token that is good; those before it are not
	AccessEnds time.Time    `json:",omitzero"`
	Granted    smart.Scopes `json:",omitempty"` // of that token: they may be fewer
	Refresh    []byte       `json:",omitempty"` // digest of the one that is good; those before it are spent
}

// A Binding is what a code is bound to, and must be shown with it.
type Binding struct {
	Redirect  string // redirect URI of the request
	Challenge string // PKCE, S256 (RFC 7636)
	Nonce     string // of OpenID Connect, to be given back
}

// Digest returns what is kept of a code or a token. They are random and long, so
// that it needs no salt.
func Digest(secret []byte) []byte {
	sum := sha256.Sum256(secret)
	return sum[:]
}

// Is reports whether secret is the one that digest was made of.
func Is(digest, secret []byte) bool {
	return len(digest) > 0 && subtle.ConstantTimeCompare(digest, Digest(secret)) == 1
}

// Authorize adds an authorization and returns its ID. Those that have ended are
// removed.
func Authorize(w store.Writer, s fact.Scope, a Authorization, now time.Time) (id string, err error) {
	all, err := Authorizations(w, s)
	if err != nil {
		return "", err
	}
	left := all[:0]
	for _, old := range all {
		if now.Before(old.Ends) {
			left = append(left, old)
			continue
		}
		if err := fact.DeleteRight(w, s, "acc/a/"+old.ID); err != nil {
			return "", err
		}
	}
	if len(left) >= MaxAuthorizations {
		first := slices.MinFunc(left, func(a, b Authorization) int { return a.Ends.Compare(b.Ends) })
		if err := fact.DeleteRight(w, s, "acc/a/"+first.ID); err != nil {
			return "", err
		}
	}
	a.ID = strings.ToLower(rand.Text()[:16])
	return a.ID, KeepAuthorization(w, s, a)
}

// KeepAuthorization writes an authorization that has changed.
func KeepAuthorization(w store.Writer, s fact.Scope, a Authorization) error {
	return fact.PutRight(w, s, "acc/a/"+a.ID, a)
}

// LoadAuthorization reads an authorization. One that has ended is
// fault.NotFound, as one that never was.
func LoadAuthorization(r store.Reader, s fact.Scope, id string, now time.Time) (Authorization, error) {
	a, ok, err := fact.GetRight[Authorization](r, s, "acc/a/"+id)
	if err == nil && (!ok || !now.Before(a.Ends)) {
		return Authorization{}, fmt.Errorf("account: authorization: %w", fault.NotFound)
	}
	return a, err
}

// Authorizations lists the authorizations of an account, those that have ended
// and were not removed yet among them.
func Authorizations(r store.Reader, s fact.Scope) ([]Authorization, error) {
	return fact.Collect(fact.AllRights[Authorization](r, s, "acc/a/"))
}

// EndAuthorization ends an authorization, and with it every token that stands
// for it. One that is not there is fault.NotFound.
func EndAuthorization(w store.Writer, s fact.Scope, id string) error {
	key := "acc/a/" + id
	if b, err := w.Get(key); err != nil || b == nil {
		if err == nil {
			err = fmt.Errorf("account: end authorization: %w", fault.NotFound)
		}
		return err
	}
	return fact.DeleteRight(w, s, key)
}
