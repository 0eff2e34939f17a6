// Package audit is the record of who did what in a space: a chained trail, of
// which every entry is committed before what it tells of leaves the hub.
//
// What an entry says is sealed to the owner of the space and to the escrow. The
// chain covers the sealed entries and the trail keys that open them, so it can
// be verified without opening any: each entry's hash covers the one before it,
// the first under a trail key that key as well, and the head, sealed under the
// index key, tells how many there are and the hash of the last. A change, a
// removal, an insertion or a new order breaks it. An old state put back whole is
// found by the checkpoints, which are kept outside the store.
//
// Its keys begin with "aud/":
//
//	aud/head      how many entries, and the hash of the last, a fact
//	aud/e/<seq>   one entry: trail key, nonce and sealed text
//	aud/k/<id>    a trail key, sealed to the owner and to the escrow
//	aud/signer      in the hub's partition: the key of the checkpoints, wrapped
//	aud/checkpoint  there too: the number of the last one, a fact
package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

const (
	version   = 1
	keyLength = 10 // characters of a trail key's name
)

// A Key seals entries of one trail for a while. The process that made it
// knows what it wrote with it; nobody else does but the owner and the escrow.
type Key struct {
	id      string
	session *keyring.Session
	wraps   []byte
}

// NewKey makes a trail key for a space, sealed to its owner and to the escrow.
func NewKey(readers ...*keyring.Cert) (*Key, error) {
	s, wraps, err := keyring.NewSession(readers...)
	if err != nil {
		return nil, fmt.Errorf("audit: new key: %w", err)
	}
	return &Key{strings.ToLower(rand.Text()[:keyLength]), s, wraps}, nil
}

type head struct {
	Count uint64
	Hash  []byte
}

func entryKey(seq uint64) string { return fmt.Sprintf("aud/e/%016x", seq) }

func context(part store.Part, seq uint64) string { return string(part) + "/" + entryKey(seq) }

// Append adds entries at the end of the trail.
func Append(w store.Writer, s fact.Scope, k *Key, entries ...Entry) error {
	h, _, err := fact.Get[head](w, s, "aud/head")
	if err != nil || len(entries) == 0 {
		return err
	}
	var fresh []byte
	if old, err := w.Get("aud/k/" + k.id); err != nil {
		return err
	} else if old == nil {
		fresh = append([]byte{version}, k.wraps...)
		w.Put("aud/k/"+k.id, fresh)
	}
	for _, e := range entries {
		text, err := e.encode()
		if err != nil {
			return fmt.Errorf("audit: append: %w", err)
		}
		h.Count++
		value := append([]byte{version}, k.id...)
		value = k.session.SealValue(value, text, context(s.Part, h.Count))
		w.Put(entryKey(h.Count), value)
		h.Hash, fresh = link(h.Hash, h.Count, value, fresh), nil
	}
	return fact.Put(w, s, "aud/head", h)
}

// link returns the hash of an entry. key is the trail key it is sealed with, for
// the first entry that is.
func link(previous []byte, seq uint64, value, key []byte) []byte {
	m := sha256.New()
	m.Write(previous)
	m.Write(binary.BigEndian.AppendUint64(nil, seq))
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(value))))
	m.Write(value)
	m.Write(key)
	return m.Sum(nil)
}

// A Mark is how far a trail had come at some time: what a checkpoint keeps of
// it.
type Mark struct {
	Count uint64
	Hash  []byte // of entry Count

	Rights fact.RightsMark `json:",omitzero"` // how far the rights beside it had
}

// Head returns how far the trail has come. A trail without entries gives the
// zero Mark.
func Head(r store.Reader, s fact.Scope) (Mark, error) {
	h, _, err := fact.Get[head](r, s, "aud/head")
	return Mark{Count: h.Count, Hash: h.Hash}, err
}

// Verify walks the chain and reports the first break as fault.Corrupt. since
// are marks of earlier times, in ascending order: the trail must go through
// each of them, or it was put back to an older state. The mark of a trail
// without entries asks nothing.
func Verify(r store.Reader, s fact.Scope, since ...Mark) (entries uint64, err error) {
	h, err := Head(r, s)
	if err != nil {
		return 0, err
	}
	for len(since) > 0 && since[0].Count == 0 {
		since = since[1:]
	}
	var seq uint64
	var hash []byte
	keys := map[string]bool{}
	for p, err := range r.Scan(store.Prefix("aud/e/")) {
		if err != nil {
			return seq, err
		}
		if seq++; p.Key != entryKey(seq) {
			return seq, fmt.Errorf("audit: verify: entry %d is missing: %w", seq, fault.Corrupt)
		}
		key, err := firstKey(r, keys, p.Value)
		if err != nil {
			return seq, err
		}
		hash = link(hash, seq, p.Value, key)
		for len(since) > 0 && since[0].Count == seq {
			if !bytes.Equal(since[0].Hash, hash) {
				return seq, fmt.Errorf("audit: verify: entry %d is not what the checkpoint saw: %w", seq, fault.Corrupt)
			}
			since = since[1:]
		}
	}
	switch {
	case seq != h.Count:
		return seq, fmt.Errorf("audit: verify: %d entries, and the head tells of %d: %w", seq, h.Count, fault.Corrupt)
	case !bytes.Equal(hash, h.Hash):
		return seq, fmt.Errorf("audit: verify: an entry was changed: %w", fault.Corrupt)
	case len(since) > 0:
		return seq, fmt.Errorf("audit: verify: %d entries, and a checkpoint saw %d: %w", seq, since[0].Count, fault.Corrupt)
	}
	return seq, nil
}

// firstKey returns the trail key of an entry, if it is the first under it.
func firstKey(r store.Reader, seen map[string]bool, value []byte) ([]byte, error) {
	if len(value) < 1+keyLength {
		return nil, fmt.Errorf("audit: verify: not an entry: %w", fault.Corrupt)
	}
	id := string(value[1 : 1+keyLength])
	if seen[id] {
		return nil, nil
	}
	seen[id] = true
	key, err := r.Get("aud/k/" + id)
	if err == nil && key == nil {
		err = fmt.Errorf("audit: verify: a trail key is missing: %w", fault.Corrupt)
	}
	return key, err
}

// Entries opens the trail for its owner, or for the escrow: oldest first,
// after entry number after.
func Entries(r store.Reader, part store.Part, key keyring.Opener, after uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		sessions := map[string]*keyring.Session{}
		_, to := store.Prefix("aud/e/")
		seq := after
		for p, err := range r.Scan(entryKey(after+1), to) {
			seq++
			var e Entry
			if err == nil {
				e, err = open(r, part, key, sessions, seq, p.Value)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func open(r store.Reader, part store.Part, key keyring.Opener, sessions map[string]*keyring.Session, seq uint64, value []byte) (e Entry, err error) {
	if len(value) < 1+keyLength || value[0] != version {
		return e, fmt.Errorf("audit: entry of an unknown version: %w", fault.Corrupt)
	}
	id, sealed := string(value[1:1+keyLength]), value[1+keyLength:]
	s := sessions[id]
	if s == nil {
		wraps, err := r.Get("aud/k/" + id)
		if err != nil {
			return e, err
		}
		if len(wraps) < 2 || wraps[0] != version {
			return e, fmt.Errorf("audit: trail key: %w", fault.Corrupt)
		}
		if s, err = key.Open(wraps[1:]); err != nil {
			return e, fmt.Errorf("audit: trail key: %w", err)
		}
		sessions[id] = s
	}
	text, err := s.OpenValue(nil, sealed, context(part, seq))
	if err != nil {
		return e, fmt.Errorf("audit: entry: %w", err)
	}
	return decode(text)
}

// Signer returns the key that signs checkpoints, wrapped under the hub key; nil
// if there is none yet.
func Signer(r store.Reader) ([]byte, error) { return r.Get("aud/signer") }

// KeepSigner writes the key that signs checkpoints, wrapped.
func KeepSigner(w store.Writer, wrapped []byte) { w.Put("aud/signer", wrapped) }

// KeepCheckpoint notes, in the hub's partition, the number of the last
// checkpoint, so that a journal whose end was cut shows.
func KeepCheckpoint(w store.Writer, s fact.Scope, number uint64) error {
	return fact.Put(w, s, "aud/checkpoint", number)
}

// LastCheckpoint returns the number of the last checkpoint that was kept.
func LastCheckpoint(r store.Reader, s fact.Scope) (uint64, error) {
	n, _, err := fact.Get[uint64](r, s, "aud/checkpoint")
	return n, err
}

// Erase removes the trail, when its legal time is over.
func Erase(w store.Writer) error { return fact.Erase(w, "aud/") }
