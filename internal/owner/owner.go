// Package owner is the record of the keys of whoever owns a partition: the
// certificate that everybody files with, and the private half, locked under the
// hub key and the owner's erasure secret.
//
// Its keys begin with "key/":
//
//	key/cert     the certificate, a right
//	key/locked   the private half, locked
//	key/old      the one before it, while it is still needed
//	key/turned   since when it is the one before, a fact
package owner

import (
	"cmp"
	"fmt"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// Keep writes the keys of a new owner.
func Keep(w store.Writer, s fact.Scope, cert *keyring.Cert, locked []byte) error {
	w.Put("key/locked", locked)
	return fact.PutPublicRight(w, s, "key/cert", cert.Marshal())
}

// Cert reads the certificate, as bytes: parsing one costs more than reading it,
// so the door remembers those it has parsed. A partition without an owner is
// fault.NotFound.
func Cert(r store.Reader, s fact.Scope) ([]byte, error) {
	return found(fact.GetPublicRight(r, s, "key/cert"))
}

// Locked reads the private half. A partition without an owner is
// fault.NotFound.
func Locked(r store.Reader) ([]byte, error) { return found(r.Get("key/locked")) }

func found(b []byte, err error) ([]byte, error) {
	if err == nil && b == nil {
		err = fmt.Errorf("owner: %w", fault.NotFound)
	}
	return b, err
}

// Has reports whether a partition has an owner, whatever state the keys are in.
func Has(r store.Reader) (bool, error) {
	for _, err := range r.Scan(store.Prefix("key/")) {
		return err == nil, err
	}
	return false, nil
}

// Outdated reports whether a private half is locked under a hub key older than
// the ring's newest.
func Outdated(r store.Reader, ring *keyring.Ring) (bool, error) {
	for p, err := range r.Scan(store.Prefix("key/")) {
		if err != nil || ring.Outdated(p.Value) {
			return err == nil, err
		}
	}
	return false, nil
}

// Relock lets relock lock each private half under a newer hub key.
func Relock(w store.Writer, relock func(locked []byte) ([]byte, error)) error {
	for _, key := range []string{"key/locked", "key/old"} {
		locked, err := w.Get(key)
		if err != nil {
			return err
		}
		if locked == nil {
			continue
		}
		if locked, err = relock(locked); err != nil {
			return err
		}
		w.Put(key, locked)
	}
	return nil
}

// Turn gives the owner another key. The one there was stays beside it until
// DropOld. fault.Exists: there is an old one already.
func Turn(w store.Writer, s fact.Scope, cert *keyring.Cert, locked []byte, now time.Time) error {
	was, err := Locked(w)
	if err != nil {
		return err
	}
	if _, ok, err := Turned(w, s); err != nil || ok {
		return cmp.Or(err, fmt.Errorf("owner: turn: %w", fault.Exists))
	}
	w.Put("key/old", was)
	if err := fact.Put(w, s, "key/turned", now); err != nil {
		return err
	}
	return Keep(w, s, cert, locked)
}

// Turned returns since when the owner has another key, while the old one is
// still there. ok is false if it is not.
func Turned(r store.Reader, s fact.Scope) (since time.Time, ok bool, err error) {
	return fact.Get[time.Time](r, s, "key/turned")
}

// AllLocked reads the private half, and the old one behind it if it is still
// there. A partition without an owner is fault.NotFound.
func AllLocked(r store.Reader) ([][]byte, error) {
	locked, err := Locked(r)
	if err != nil {
		return nil, err
	}
	old, err := r.Get("key/old")
	if err != nil || old == nil {
		return [][]byte{locked}, err
	}
	return [][]byte{locked, old}, nil
}

// DropOld removes the old key.
func DropOld(w store.Writer) {
	w.Delete("key/old")
	w.Delete("key/turned")
}

// Erase removes the keys.
func Erase(w store.Writer) error { return fact.Erase(w, "key/") }
