package keyring

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"vaguemestre/internal/fault"
)

// A Ring is the hub key ring: the versions of the key-encryption key. The
// newest saved one wraps, every one unwraps. A nil Ring is a sealed hub: what
// returns an error returns fault.Sealed. It may be used from many goroutines.
//
// To change the hub key: Add, Save, rewrap all that is wrapped, Retire, Save. A
// ring of several versions is one whose change has not come to its end.
type Ring struct {
	redacted
	mu     sync.RWMutex
	keys   map[uint32]kek
	newest uint32         // highest version there is
	wraps  uint32         // version that wraps: the newest that is saved
	old    map[uint32]kek // retired while others may hold what they wrapped; in no file
	home   string         // where it was loaded from, or first saved to
	token  string         // URI of the token that seals its file; "" for none
}

// A kek is one version of the key-encryption key.
type kek struct {
	key []byte
	box *box
}

func newKEK(key []byte) kek { return kek{key, newBox(key, "ring")} }

const (
	ringTitle   = "vaguemestre hub key ring 1"
	ringComment = "Whoever holds this file and the data can read everything; keep it apart from both the data and its backups."

	wrapVersion  = 1     // first byte of a wrapped value
	wrapHeader   = 1 + 4 // version byte, version of the key
	maxRing      = 1000  // versions a ring may have
	wrapOverhead = wrapHeader + boxOverhead
)

// NewRing makes a ring of one fresh key. Save it before anything is wrapped.
func NewRing() *Ring {
	return &Ring{keys: map[uint32]kek{1: newKEK(newKey())}, newest: 1, wraps: 1}
}

// LoadRing reads the file that Save or MakePKCS11 wrote, at a path or, as
// "credential:NAME", from systemd. A mode other than 0600 or 0400 and a damaged
// file are fault.Invalid, no file is fault.NotFound, a token that is not there is
// fault.Unavailable; the errors name the path and the reason.
func LoadRing(path string) (*Ring, error) {
	title, lines, err := readKeyFile(path, ringTitle, tokenTitle)
	if err != nil {
		return nil, fmt.Errorf("keyring: load hub key ring: %w", err)
	}
	r := &Ring{keys: make(map[uint32]kek), home: path}
	if title == tokenTitle {
		if r.token, lines, err = openTokenLines(lines); err != nil {
			return nil, fmt.Errorf("keyring: load hub key ring: %s: %w", path, err)
		}
	}
	for _, line := range lines {
		number, text, _ := strings.Cut(line, " ")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil || uint32(version) <= r.newest || len(r.keys) == maxRing {
			return nil, fmt.Errorf("keyring: load hub key ring: %s: versions do not rise: %w", path, fault.Invalid)
		}
		key, err := decodeKey(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("keyring: load hub key ring: %s: %w", path, err)
		}
		r.newest = uint32(version)
		r.keys[r.newest] = newKEK(key)
	}
	if len(r.keys) == 0 {
		return nil, fmt.Errorf("keyring: load hub key ring: %s: holds no key: %w", path, fault.Invalid)
	}
	r.wraps = r.newest
	return r, nil
}

// Save replaces the file at path, durably, and only then lets an added key wrap.
// A ring that was loaded from a token's file is sealed by that token again.
func (r *Ring) Save(path string) error {
	if r == nil {
		return fmt.Errorf("keyring: save hub key ring: %w", fault.Sealed)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.save(path)
}

// Keep saves the ring to where it came from.
func (r *Ring) Keep() error {
	if r == nil {
		return fmt.Errorf("keyring: keep hub key ring: %w", fault.Sealed)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.home == "" {
		return fmt.Errorf("keyring: keep hub key ring: it was never saved: %w", fault.Invalid)
	}
	return r.save(r.home)
}

func (r *Ring) save(path string) error {
	title, comment := ringTitle, ringComment
	lines, err := r.lines(), error(nil)
	if r.token != "" {
		title, comment = tokenTitle, tokenComment
		lines, err = sealTokenLines(r.token, lines)
	}
	if err == nil {
		err = writeKeyFile(path, title, comment, lines)
	}
	if err != nil {
		return fmt.Errorf("keyring: save hub key ring: %w", err)
	}
	if r.home == "" {
		r.home = path
	}
	r.wraps = r.newest
	return nil
}

// lines returns the keys as a file has them.
func (r *Ring) lines() (lines []string) {
	for _, v := range slices.Sorted(maps.Keys(r.keys)) {
		lines = append(lines, fmt.Sprintf("%d %s", v, encodeKey(r.keys[v].key)))
	}
	return lines
}

// Add adds a fresh key and returns its version. It wraps nothing until Save has
// made it durable.
func (r *Ring) Add() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest++
	r.keys[r.newest] = newKEK(newKey())
	return r.newest
}

// Withdraw takes back a key that Add made and Save never saved.
func (r *Ring) Withdraw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.keys, func(v uint32, _ kek) bool { return v > r.wraps })
	r.newest = r.wraps
}

// Retire drops every key older than the one that wraps. What is still wrapped
// under those is lost once the ring is saved: rewrap it first. This process goes
// on unwrapping with them, for whoever read a wrapped value before.
func (r *Ring) Retire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.old == nil {
		r.old = map[uint32]kek{}
	}
	maps.DeleteFunc(r.keys, func(v uint32, k kek) bool {
		if v < r.wraps {
			r.old[v] = k
		}
		return v < r.wraps
	})
}

// Changing reports whether a change of the hub key was begun and has not come to
// its end: there is a key older than the one that wraps.
func (r *Ring) Changing() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for v := range r.keys {
		if v < r.wraps {
			return true
		}
	}
	return false
}

// Renew returns what Wrap gave under the key that wraps now; sealed itself, if
// that is so already.
func (r *Ring) Renew(sealed []byte, context string) ([]byte, error) {
	plaintext, err := r.Unwrap(sealed, context)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	if v, _ := wrappedUnder(sealed); v == r.Version() {
		return sealed, nil
	}
	return r.Wrap(plaintext, context), nil
}

// Outdated reports whether a value of the store looks as if it were, or held
// behind at most eight bytes of a header, something wrapped under an older key
// than the one that wraps. It is for making sure that nothing is forgotten.
func (r *Ring) Outdated(value []byte) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for at := 0; at <= 8 && at < len(value); at++ {
		v, ok := wrappedUnder(value[at:])
		_, known := r.keys[v]
		if ok && known && v < r.wraps && value[at+wrapHeader] == boxVersion {
			return true
		}
	}
	return false
}

// Version returns the version of the key that wraps.
func (r *Ring) Version() uint32 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.wraps
}

// Wrap seals a key, or another small secret, under the ring, bound to a context
// that Unwrap needs again. The version of the hub key stands before it in
// clear. Wrap panics on a nil Ring.
func (r *Ring) Wrap(plaintext []byte, context string) []byte {
	r.mu.RLock()
	version := r.wraps
	k := r.keys[version]
	r.mu.RUnlock()
	out := make([]byte, wrapHeader, wrapHeader+boxOverhead+len(plaintext))
	out[0] = wrapVersion
	binary.BigEndian.PutUint32(out[1:], version)
	return k.box.seal(out, plaintext, string(out)+context)
}

// Unwrap opens what Wrap gave. Any change, another context, or a key that this
// ring does not have is fault.Corrupt.
func (r *Ring) Unwrap(sealed []byte, context string) ([]byte, error) {
	if r == nil {
		return nil, fmt.Errorf("keyring: unwrap: %w", fault.Sealed)
	}
	version, ok := wrappedUnder(sealed)
	if !ok {
		return nil, fmt.Errorf("keyring: unwrap: %w", fault.Corrupt)
	}
	r.mu.RLock()
	k, ok := r.keys[version]
	if !ok {
		k, ok = r.old[version]
	}
	r.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("keyring: unwrap: no hub key of version %d: %w", version, fault.Corrupt)
	}
	out, err := k.box.open(nil, sealed[wrapHeader:], string(sealed[:wrapHeader])+context)
	if err != nil {
		return nil, fmt.Errorf("keyring: unwrap: %w", fault.Corrupt)
	}
	return out, nil
}

// wrappedUnder returns the version of the hub key of a wrapped value.
func wrappedUnder(sealed []byte) (version uint32, ok bool) {
	if len(sealed) < wrapOverhead || sealed[0] != wrapVersion {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:]), true
}
