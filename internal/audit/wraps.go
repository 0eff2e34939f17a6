package audit

import (
	"bytes"
	"iter"

	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// The chain covers the wraps of a trail key, so that they are never changed. For
// an owner whose key is, others stand beside them:
//
//	aud/w/<id>   wraps of a trail key for the owner's present key
const rewrapPrefix = "aud/w/"

// wrapsOf returns the wraps of a trail key, and those beside them.
func wrapsOf(r store.Reader, id string) ([]byte, error) {
	wraps, err := r.Get(keyPrefix + id)
	if err != nil || wraps == nil {
		return nil, err
	}
	more, err := r.Get(rewrapPrefix + id)
	if err != nil || len(more) == 0 || more[0] != version {
		return wraps, err
	}
	return append(bytes.Clone(wraps), more[1:]...), nil
}

// Wraps yields the wraps of every trail key after the one of an ID, which may be
// empty, for an owner whose key is changed.
func Wraps(r store.Reader, after string) iter.Seq2[keyring.Wrapped, error] {
	return func(yield func(keyring.Wrapped, error) bool) {
		_, to := store.Prefix(keyPrefix)
		for p, err := range r.Scan(keyPrefix+after, to) {
			id := ""
			var wraps []byte
			if err == nil {
				if id = p.Key[len(keyPrefix):]; id == after {
					continue
				}
				wraps, err = wrapsOf(r, id)
			}
			if err == nil && len(wraps) > 0 {
				wraps = wraps[1:] // after the version
			}
			if !yield(keyring.Wrapped{Key: id, Wraps: wraps}, err) || err != nil {
				return
			}
		}
	}
}

// Rewrap puts wraps for the owner's present key beside those of a trail key.
func Rewrap(w store.Writer, read keyring.Wrapped, wraps []byte) error {
	w.Put(rewrapPrefix+read.Key, append([]byte{version}, wraps...))
	return nil
}
