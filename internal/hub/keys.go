package hub

import (
	"context"
	"fmt"
	"sync"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// What a process remembers of keys is bounded: each takes some ten kilobytes
// when it is ready for use, and is made again in a tenth of a millisecond.
const (
	maxCerts = 512
	maxKeys  = 64

	maxPlaces = 4096
	maxTurns  = 4096
	maxDone   = 100_000
)

// A bounded map forgets any of its entries when it is full.
type bounded[K comparable, V any] struct {
	max  int
	gone func(K) // told of each that is forgotten; may be nil

	mu sync.Mutex
	m  map[K]V
}

func newBounded[K comparable, V any](max int) *bounded[K, V] {
	return &bounded[K, V]{max: max, m: map[K]V{}}
}

func (b *bounded[K, V]) get(k K) (v V, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok = b.m[k]
	return v, ok
}

func (b *bounded[K, V]) put(k K, v V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range b.m {
		if len(b.m) < b.max {
			break
		}
		b.drop(p)
	}
	b.m[k] = v
}

func (b *bounded[K, V]) forget(k K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(k)
}

func (b *bounded[K, V]) drop(k K) {
	delete(b.m, k)
	if b.gone != nil {
		b.gone(k)
	}
}

// cert returns the certificate of a partition's owner, fault.NotFound if it
// has none.
func (h *Hub) cert(r store.Reader, part store.Part) (*keyring.Cert, error) {
	raw, err := owner.Cert(r, h.scope(part))
	if err != nil {
		return nil, err
	}
	if c, ok := h.certs.get(part); ok && string(c.Marshal()) == string(raw) {
		return c, nil
	}
	c, err := keyring.ParseCert(raw)
	if err != nil {
		return nil, fmt.Errorf("hub: certificate: %w", err)
	}
	h.certs.put(part, c)
	return c, nil
}

// certOf returns the certificate of a partition's owner.
func (h *Hub) certOf(ctx context.Context, part store.Part) (c *keyring.Cert, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		c, err = h.cert(r, part)
		return err
	})
	return c, err
}

// An ownerKey opens what is sealed to an owner. It is unlocked at need, so that
// a session that is idle holds no private key.
type ownerKey struct {
	h      *Hub
	part   store.Part
	locked [][]byte // the newest first
}

// An openKey is an owner's key, unlocked, and the turn it was unlocked at.
type openKey struct {
	*keyring.Key
	turn uint64
}

// A keyTurn is a change of an owner's key that this process has made: which keys
// there are now, for those who have read them before.
type keyTurn struct {
	number uint64 // from 1
	locked [][]byte
}

// turned says which keys an owner has from now on.
func (h *Hub) turned(part store.Part, locked ...[]byte) {
	t, _ := h.turns.get(part)
	h.turns.put(part, keyTurn{t.number + 1, locked})
	h.keys.forget(part)
	h.certs.forget(part)
	h.trails.forget(part)
}

// unlock returns the key of a partition's owner, after proof that it unlocks.
func (h *Hub) unlock(ctx context.Context, part store.Part) (*ownerKey, error) {
	k := &ownerKey{h: h, part: part}
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		k.locked, err = owner.AllLocked(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	_, err = k.unlocked()
	return k, err
}

func (k *ownerKey) unlocked() (*keyring.Key, error) {
	if k.h.Sealed() {
		return nil, fmt.Errorf("hub: unlock: %w", fault.Sealed)
	}
	now, ok := k.h.turns.get(k.part)
	if !ok {
		now.locked = k.locked
	}
	if key, ok := k.h.keys.get(k.part); ok && key.turn == now.number {
		return key.Key, nil
	}
	key, err := k.h.openLocked(k.part, now.locked)
	if err != nil {
		return nil, err
	}
	k.h.keys.put(k.part, openKey{key, now.number})
	return key, nil
}

// openLocked unlocks keys of one owner, as one.
func (h *Hub) openLocked(part store.Part, locked [][]byte) (key *keyring.Key, err error) {
	secret, err := h.Erasure.Find(part)
	if err != nil {
		return nil, fmt.Errorf("hub: unlock: %w", err)
	}
	for _, l := range locked {
		one, err := h.Ring.Unlock(part, l, secret)
		if err != nil {
			return nil, err
		}
		if key == nil {
			key = one
		} else {
			key = key.And(one)
		}
	}
	return key, nil
}

// Open implements keyring.Opener.
func (k *ownerKey) Open(wraps []byte) (*keyring.Session, error) {
	key, err := k.unlocked()
	if err != nil {
		return nil, err
	}
	return key.Open(wraps)
}
