package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// digestOf returns what the chain covers of an entry. key is the trail key it is
// sealed with, for the first entry that is.
func digestOf(value, key []byte) digest {
	m := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(value)))
	m.Write(n[:])
	m.Write(value)
	m.Write(key)
	var d digest
	m.Sum(d[:0])
	return d
}

// link returns the hash of an entry. It needs no more of it than its digest, so
// that a chain can be shown without what is not to be shown.
func link(previous []byte, seq uint64, d digest) []byte {
	b := make([]byte, 0, 2*sha256.Size+8)
	b = binary.BigEndian.AppendUint64(append(b, previous...), seq)
	sum := sha256.Sum256(append(b, d[:]...))
	return sum[:]
}

// Verify walks the chain and reports the first break as fault.Corrupt. since
// are marks of earlier times, in ascending order: the trail must go through
// each of them that it has not been cut after, or it was put back to an older
// state. The mark of a trail without entries asks nothing. public is the half of
// the audit key that a cut is verified with; a sealed hub has none, gives nil,
// and has to take a cut as it is.
func Verify(r store.Reader, s fact.Scope, public ed25519.PublicKey, since ...Mark) (entries uint64, err error) {
	h, err := Head(r, s)
	if err != nil {
		return 0, err
	}
	cut, err := cutOf(r, s, public)
	if err != nil {
		return 0, err
	}
	at := Mark{Count: cut.Count, Hash: cut.Hash}
	for len(since) > 0 && (since[0].Count == 0 || since[0].Count < at.Count) {
		since = since[1:]
	}
	if since, err = passes(at, since); err != nil {
		return 0, err
	}
	for l, err := range walk(r, at) {
		if err != nil {
			return entries, err
		}
		entries, at = entries+1, l.Mark
		if since, err = passes(at, since); err != nil {
			return entries, err
		}
	}
	switch {
	case at.Count != h.Count:
		return entries, fmt.Errorf("audit: verify: the trail ends at %d, and the head tells of %d: %w", at.Count, h.Count, fault.Corrupt)
	case !bytes.Equal(at.Hash, h.Hash):
		return entries, fmt.Errorf("audit: verify: an entry was changed: %w", fault.Corrupt)
	case len(since) > 0:
		return entries, fmt.Errorf("audit: verify: the trail ends at %d, and a checkpoint saw %d: %w", at.Count, since[0].Count, fault.Corrupt)
	}
	return entries, nil
}

// passes takes the marks off that a chain goes through where it is now.
func passes(at Mark, since []Mark) ([]Mark, error) {
	for len(since) > 0 && since[0].Count == at.Count && at.Count > 0 {
		if !bytes.Equal(since[0].Hash, at.Hash) {
			return nil, fmt.Errorf("audit: verify: entry %d is not what the checkpoint saw: %w", at.Count, fault.Corrupt)
		}
		since = since[1:]
	}
	return since, nil
}

// A ring is one ring of a chain: an entry as it is stored.
type ring struct {
	Mark          // after it
	value  []byte // of the entry
	id     string // of its trail key
	key    []byte // that key, where the entry is the first under it
	digest digest
}

// walk yields the rings of a chain that comes after a mark, and ends with the
// first break.
func walk(r store.Reader, at Mark) iter.Seq2[ring, error] {
	return func(yield func(ring, error) bool) {
		keys, err := loadKeys(r)
		if err != nil {
			yield(ring{}, err)
			return
		}
		for p, err := range r.Scan(store.Prefix(entryPrefix)) {
			l := ring{Mark: Mark{Count: at.Count + 1}, value: p.Value}
			switch {
			case err != nil:
			case p.Key != entryKey(l.Count):
				err = fmt.Errorf("audit: verify: entry %d is missing: %w", l.Count, fault.Corrupt)
			default:
				l.id, l.key, err = keys.first(p.Value)
			}
			if err != nil {
				yield(ring{}, err)
				return
			}
			l.digest = digestOf(l.value, l.key)
			l.Hash = link(at.Hash, l.Count, l.digest)
			if at = l.Mark; !yield(l, nil) {
				return
			}
		}
	}
}

// trailKeys are the trail keys of a chain that is being walked. Most entries of
// a quiet trail are the first under their key: reading the keys in one go is
// half the time. Beyond maxAhead they are read one by one.
type trailKeys struct {
	r     store.Reader
	ahead map[string][]byte
	seen  map[string]bool
}

const maxAhead = 2048 // keys of 2.4 KB

func loadKeys(r store.Reader) (*trailKeys, error) {
	k := &trailKeys{r, map[string][]byte{}, map[string]bool{}}
	for p, err := range r.Scan(store.Prefix(keyPrefix)) {
		if err != nil {
			return nil, err
		}
		if len(k.ahead) == maxAhead {
			break
		}
		k.ahead[p.Key[len(keyPrefix):]] = p.Value
	}
	return k, nil
}

// first returns the name of an entry's trail key, and the key where the entry is
// the first under it.
func (k *trailKeys) first(value []byte) (id string, key []byte, err error) {
	if len(value) < 1+keyLength {
		return "", nil, fmt.Errorf("audit: verify: not an entry: %w", fault.Corrupt)
	}
	name := value[1 : 1+keyLength]
	if k.seen[string(name)] {
		return string(name), nil, nil
	}
	id = string(name)
	k.seen[id] = true
	if key = k.ahead[id]; key == nil {
		if key, err = k.r.Get(keyPrefix + id); err != nil {
			return id, nil, err
		}
	}
	if key == nil {
		return id, nil, fmt.Errorf("audit: verify: a trail key is missing: %w", fault.Corrupt)
	}
	return id, key, nil
}
