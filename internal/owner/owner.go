// Package owner is the record of the keys of whoever owns a partition: the
// certificate that everybody files with, and the private half, locked under the
// hub key and the owner's erasure secret.
//
// Its keys begin with "key/":
//
//	key/cert     the certificate, a right
//	key/locked   the private half, locked
package owner

import (
	"fmt"

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
	locked, err := Locked(w)
	if err != nil {
		return err
	}
	if locked, err = relock(locked); err == nil {
		w.Put("key/locked", locked)
	}
	return err
}

// Erase removes the keys.
func Erase(w store.Writer) error { return fact.Erase(w, "key/") }
