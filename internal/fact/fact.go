// Package fact keeps the small values that a filing role must read back without
// the hub key: who has a mailbox, whether a space is open, whether an exchange
// is. They are sealed under the index key, bound to their partition and key, so
// that a stolen disk says nothing and no value can be moved to another place.
// What only its owner needs is sealed to the owner instead, and is no fact.
//
// A fact that decides who may see what is a right: besides, it is signed by a
// process that has the hub key, and verified by every process that reads it.
//
// Its keys begin with "right/":
//
//	right/head     in each partition: what its rights are, signed
//	right/signer   in the hub's: the key that signs them, wrapped
//	right/public   there too: the half that verifies them, a fact
//	right/adopted  there too: no data is older than signatures
package fact

import (
	"encoding/json"
	"fmt"
	"iter"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// version is the first byte of every value.
const version = 1

// A Scope is where facts are sealed: one partition, under the index key.
type Scope struct {
	Key    *keyring.IndexKey
	Part   store.Part
	Rights *Rights // nil: rights can be neither read nor written
}

func (s Scope) context(key string) string { return string(s.Part) + "/" + key }

// Get reads the fact at key. ok is false if there is none. A value that does
// not open is fault.Corrupt.
func Get[T any](r store.Reader, s Scope, key string) (v T, ok bool, err error) {
	b, err := r.Get(key)
	if err != nil || b == nil {
		return v, false, err
	}
	v, err = open[T](s, store.Pair{Key: key, Value: b})
	return v, err == nil, err
}

// All yields the facts whose keys begin with prefix, in key order.
func All[T any](r store.Reader, s Scope, prefix string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		from, to := store.Prefix(prefix)
		for p, err := range r.Scan(from, to) {
			var v T
			if err == nil {
				v, err = open[T](s, p)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Collect gives all that All or AllRights yields, or its error.
func Collect[T any](seq iter.Seq2[T, error]) (list []T, err error) {
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Put writes the fact at key.
func Put[T any](w store.Writer, s Scope, key string, v T) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("fact: put: %w", err)
	}
	w.Put(key, s.Key.Seal([]byte{version}, b, s.context(key)))
	return nil
}

func open[T any](s Scope, p store.Pair) (v T, err error) {
	if len(p.Value) == 0 || p.Value[0] != version {
		return v, fmt.Errorf("fact: unknown version: %w", fault.Corrupt)
	}
	b, err := s.Key.Open(nil, p.Value[1:], s.context(p.Key))
	if err != nil {
		return v, fmt.Errorf("fact: open: %w", err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("fact: decode: %w", fault.Corrupt)
	}
	return v, nil
}

// Erase deletes every key that begins with prefix: what a record's Erase does.
func Erase(w store.Writer, prefix string) error {
	var keys []string
	from, to := store.Prefix(prefix)
	for p, err := range w.Scan(from, to) {
		if err != nil {
			return err
		}
		keys = append(keys, p.Key)
	}
	for _, k := range keys {
		w.Delete(k)
	}
	return nil
}
