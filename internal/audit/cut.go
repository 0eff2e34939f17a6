package audit

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// Retention is how many years a trail is kept after its space was closed; then
// it is destroyed.
const Retention = 10

// Due reports whether a trail whose space was closed then is past its legal time.
func Due(closed, now time.Time) bool {
	return !closed.IsZero() && !now.Before(closed.AddDate(Retention, 0, 0))
}

// Closed returns since when the space of a trail is closed or gone; zero if it
// is neither.
func Closed(r store.Reader, s fact.Scope) (time.Time, error) {
	t, _, err := fact.Get[time.Time](r, s, "aud/closed")
	return t, err
}

// SetClosed notes since when the space of a trail is closed or gone; zero says
// that it is open again.
func SetClosed(w store.Writer, s fact.Scope, since time.Time) error {
	if since.IsZero() {
		w.Delete("aud/closed")
		return nil
	}
	return fact.Put(w, s, "aud/closed", since)
}

// A Cut says that the entries up to a number were destroyed because their legal
// time was over, and what the hash of the last of them was.
type Cut struct {
	Part      store.Part // whose trail
	Count     uint64     // entries that are gone
	Hash      []byte     // of the last of them
	Time      time.Time
	Signature []byte `json:",omitempty"` // Ed25519, of all the above
}

const cutLabel = "audit/cut"

func (c Cut) statement() ([]byte, error) {
	c.Signature = nil
	return json.Marshal(c)
}

// Expire destroys the entries of a trail and leaves a signed cut; what is
// written later is chained to it. It reports whether there was anything to
// destroy.
func Expire(w store.Writer, s fact.Scope, k *keyring.AuditKey, now time.Time) (bool, error) {
	h, err := Head(w, s)
	if err != nil {
		return false, err
	}
	old, err := cutOf(w, s, k.Public())
	if err != nil || old.Count == h.Count {
		return false, err
	}
	for _, prefix := range []string{entryPrefix, keyPrefix, rewrapPrefix} {
		if err := fact.Erase(w, prefix); err != nil {
			return false, err
		}
	}
	c := Cut{Part: s.Part, Count: h.Count, Hash: h.Hash, Time: now.UTC().Truncate(time.Second)}
	text, err := c.statement()
	if err != nil {
		return false, fmt.Errorf("audit: cut: %w", err)
	}
	c.Signature = k.Sign(cutLabel, text)
	return true, fact.Put(w, s, "aud/cut", c)
}

// Left reports whether a trail has entries that were not destroyed.
func Left(r store.Reader, s fact.Scope) (bool, error) {
	h, err := Head(r, s)
	if err != nil {
		return false, err
	}
	c, err := cutOf(r, s, nil)
	return h.Count > c.Count, err
}

// cutOf reads where a trail was cut; the zero Cut if it never was. A cut that
// this hub did not sign is fault.Corrupt.
func cutOf(r store.Reader, s fact.Scope, public ed25519.PublicKey) (Cut, error) {
	c, ok, err := fact.Get[Cut](r, s, "aud/cut")
	if err != nil || !ok {
		return Cut{}, err
	}
	return c, c.verify(s.Part, public)
}

func (c Cut) verify(part store.Part, public ed25519.PublicKey) error {
	text, err := c.statement()
	if err != nil || c.Part != part || c.Count == 0 || public != nil && !keyring.VerifyAudit(public, cutLabel, text, c.Signature) {
		return fmt.Errorf("audit: a cut is not signed by this hub: %w", fault.Corrupt)
	}
	return nil
}
