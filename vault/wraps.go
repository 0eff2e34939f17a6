package vault

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// Wraps yields the wraps of every document after the one at a key, which may be
// empty, for an owner whose key is changed.
func Wraps(r store.Reader, after string) iter.Seq2[keyring.Wrapped, error] {
	return func(yield func(keyring.Wrapped, error) bool) {
		from, to := store.Prefix("doc/e/")
		for p, err := range r.Scan(max(from, after), to) {
			if err == nil && p.Key == after {
				continue
			}
			_, wraps, _, ok := cutWraps(p.Value)
			if err == nil && !ok {
				err = fmt.Errorf("vault: document wraps: %w", fault.Corrupt)
			}
			if !yield(keyring.Wrapped{Key: p.Key, Wraps: wraps}, err) || err != nil {
				return
			}
		}
	}
}

// Rewrap replaces the wraps of a document by others of the same session. It
// changes nothing where they are no longer what was read.
func Rewrap(w store.Writer, read keyring.Wrapped, wraps []byte) error {
	v, err := w.Get(read.Key)
	if err != nil {
		return err
	}
	head, old, sealed, ok := cutWraps(v)
	if !ok || !bytes.Equal(old, read.Wraps) {
		return nil
	}
	now := binary.AppendUvarint(bytes.Clone(head), uint64(len(wraps)))
	w.Put(read.Key, append(append(now, wraps...), sealed...))
	return nil
}

// cutWraps cuts an entry into what stands before its wraps and their length, the
// wraps, and what is sealed.
func cutWraps(v []byte) (head, wraps, sealed []byte, ok bool) {
	if len(v) < 2+idLength {
		return nil, nil, nil, false
	}
	head, rest := v[:2+idLength], v[2+idLength:]
	n, k := binary.Uvarint(rest)
	if k <= 0 || n > uint64(len(rest)-k) {
		return nil, nil, nil, false
	}
	return head, rest[k : k+int(n)], rest[k+int(n):], true
}
