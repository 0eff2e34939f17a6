// Package audit is the record of who did what in a space: a chained trail, of
// which every entry is committed before what it tells of leaves the hub.
//
// What an entry says is sealed to the owner of the space and to the escrow. The
// chain covers the sealed entries and the trail keys that open them, so it can
// be verified without opening any: each entry's hash covers the one before it,
// the first under a trail key that key as well, and the head, sealed under the
// index key, tells how many there are and the hash of the last. A change, a
// removal, an insertion or a new order breaks it. An old state put back whole is
// found by the checkpoints, which are kept outside the store. Where the law
// lets a trail end, it is cut: a signed statement says at which entry and hash,
// and the chain goes on from there.
//
// What is not here: who may read a trail (policy), and when one is written (the
// door).
//
// Its keys begin with "aud/":
//
//	aud/head      how many entries, and the hash of the last, a fact
//	aud/e/<seq>   one entry: trail key, nonce and sealed text
//	aud/k/<id>    a trail key, sealed to the owner and to the escrow
//	aud/w/<id>    the same, sealed to the owner's present key, where that is another
//	aud/closed    since when the space is closed or gone, a fact
//	aud/cut       where the trail was cut, signed, a fact
//	aud/signer        in the hub's partition: the key of the checkpoints, wrapped
//	aud/checkpoint    there too: the number of the last one, a fact
//	aud/g/<part>      in the partition Grown: that trail has grown, a fact
//	aud/p/<process>   there too: when a process that tells so was last alive, a fact
package audit

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"vaguemestre/internal/fact"
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

const (
	entryPrefix = "aud/e/"
	keyPrefix   = "aud/k/"
)

func entryKey(seq uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], seq)
	return entryPrefix + hex.EncodeToString(b[:])
}

// number returns the sequence number that a key names.
func number(key string) (seq uint64, ok bool) {
	var b [8]byte
	n, err := hex.Decode(b[:], []byte(key[min(len(key), len(entryPrefix)):]))
	seq = binary.BigEndian.Uint64(b[:])
	return seq, err == nil && n == len(b) && key == entryKey(seq)
}

func context(part store.Part, seq uint64) string { return string(part) + "/" + entryKey(seq) }

// Append adds entries at the end of the trail.
func Append(w store.Writer, s fact.Scope, k *Key, entries ...Entry) error {
	h, _, err := fact.Get[head](w, s, "aud/head")
	if err != nil || len(entries) == 0 {
		return err
	}
	var fresh []byte
	if old, err := w.Get(keyPrefix + k.id); err != nil {
		return err
	} else if old == nil {
		fresh = append([]byte{version}, k.wraps...)
		w.Put(keyPrefix+k.id, fresh)
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
		h.Hash, fresh = link(h.Hash, h.Count, digestOf(value, fresh)), nil
	}
	return fact.Put(w, s, "aud/head", h)
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
