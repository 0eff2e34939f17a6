package account

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"runtime"
	"sync/atomic"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Pepper is the key of all that lets a person in through the web: it goes into
// every password hash and every code, and seals authenticator secrets and
// passkeys. It is random, wrapped under the hub key, and kept in the hub's
// partition:
//
//	acc/pepper   the pepper, wrapped
//
// So neither the store nor the index key let anybody guess a password or write
// one: a role without the hub key has no part in web logins.
type Pepper struct {
	Cost Cost // of the hashes it makes; DefaultCost, unless it is set before use

	key   []byte
	box   *keyring.Session
	mac   []byte
	slots chan struct{} // one for each hash at work: bounds memory

	hashes atomic.Int64
}

const (
	pepperKey     = "acc/pepper"
	pepperContext = "account/pepper"
)

// NewPepper makes a fresh pepper.
func NewPepper() (*Pepper, error) {
	s, err := keyring.SessionFromKey(randomBytes(32))
	if err != nil {
		return nil, err
	}
	return newPepper(s.Key())
}

func newPepper(key []byte) (*Pepper, error) {
	box, err := keyring.SessionFromKey(key)
	if err != nil {
		return nil, fmt.Errorf("account: pepper: %w", fault.Corrupt)
	}
	mac, err := hkdf.Key(sha256.New, key, nil, "account/pepper-mac", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("account: pepper: %w", err)
	}
	return &Pepper{Cost: DefaultCost, key: key, box: box, mac: mac, slots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}, nil
}

// Wrap wraps the pepper under the hub key.
func (p *Pepper) Wrap(r *keyring.Ring) []byte { return r.Wrap(p.key, pepperContext) }

// RenewPepper returns what Wrap gave under the newest hub key.
func RenewPepper(r *keyring.Ring, wrapped []byte) ([]byte, error) {
	return r.Renew(wrapped, pepperContext)
}

// UnwrapPepper opens what Wrap gave.
func UnwrapPepper(r *keyring.Ring, wrapped []byte) (*Pepper, error) {
	key, err := r.Unwrap(wrapped, pepperContext)
	if err != nil {
		return nil, fmt.Errorf("account: pepper: %w", err)
	}
	return newPepper(key)
}

// WrappedPepper reads the pepper, nil if there is none yet.
func WrappedPepper(r store.Reader) ([]byte, error) { return r.Get(pepperKey) }

// KeepPepper writes the pepper, wrapped.
func KeepPepper(w store.Writer, wrapped []byte) { w.Put(pepperKey, wrapped) }

// Hashes returns how many passwords were hashed: what a login costs.
func (p *Pepper) Hashes() int64 { return p.hashes.Load() }

// MAC returns a keyed hash of fields, wherever their text is cut.
func (p *Pepper) MAC(label string, fields ...string) []byte {
	m := hmac.New(sha256.New, p.mac)
	for _, f := range append([]string{label}, fields...) {
		m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f))))
		m.Write([]byte(f))
	}
	return m.Sum(nil)
}

// Seal seals a value under the pepper, bound to a context that Open needs
// again.
func (p *Pepper) Seal(v any, context string) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("account: seal: %w", err)
	}
	return p.box.SealValue([]byte{version}, text, context), nil
}

// Open reads what Seal gave into v. What does not open is fault.Corrupt.
func (p *Pepper) Open(sealed []byte, v any, context string) error {
	if len(sealed) == 0 || sealed[0] != version {
		return fmt.Errorf("account: open: %w", fault.Corrupt)
	}
	text, err := p.box.OpenValue(nil, sealed[1:], context)
	if err != nil {
		return fmt.Errorf("account: open: %w", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("account: open: %w", fault.Corrupt)
	}
	return nil
}

// put and get keep one value of a partition under the pepper: what is soon over,
// as a code is.
func put(w store.Writer, p *Pepper, part store.Part, key string, v any) error {
	sealed, err := p.Seal(v, string(part)+"/"+key)
	if err != nil {
		return err
	}
	w.Put(key, sealed)
	return nil
}

func get[T any](r store.Reader, p *Pepper, part store.Part, key string) (v T, ok bool, err error) {
	b, err := r.Get(key)
	if err != nil || b == nil {
		return v, false, err
	}
	err = p.Open(b, &v, string(part)+"/"+key)
	return v, err == nil, err
}

// putRight and getRight keep one value under the pepper that lets a person in:
// signed, so that none that was replaced or removed comes back alone.
func putRight(w store.Writer, p *Pepper, s fact.Scope, key string, v any) error {
	sealed, err := p.Seal(v, string(s.Part)+"/"+key)
	if err != nil {
		return err
	}
	return fact.PutPublicRight(w, s, key, sealed)
}

func getRight[T any](r store.Reader, p *Pepper, s fact.Scope, key string) (v T, ok bool, err error) {
	b, err := fact.GetPublicRight(r, s, key)
	if err != nil || b == nil {
		return v, false, err
	}
	err = p.Open(b, &v, string(s.Part)+"/"+key)
	return v, err == nil, err
}

// allRights reads the values whose keys begin with prefix, in key order.
func allRights[T any](r store.Reader, p *Pepper, s fact.Scope, prefix string) (list []T, err error) {
	pairs, err := fact.PublicRights(r, s, prefix)
	for _, pair := range pairs {
		var v T
		if err := p.Open(pair.Value, &v, string(s.Part)+"/"+pair.Key); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, err
}
