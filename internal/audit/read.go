package audit

import (
	"fmt"
	"iter"
	"slices"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// Entries opens the trail for its owner, or for the escrow: oldest first,
// after entry number after.
func Entries(r store.Reader, part store.Part, key keyring.Opener, after uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		o := newOpener(part, key, func(id string) ([]byte, error) { return wrapsOf(r, id) })
		_, to := store.Prefix(entryPrefix)
		for p, err := range r.Scan(entryKey(after+1), to) {
			var e Entry
			if err == nil {
				e, err = o.open(p)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// A Numbered is an entry and its number in the trail, from 1.
type Numbered struct {
	Number uint64
	Entry
}

// backChunk is how many entries are read at a time when reading backwards.
const backChunk = 128

// Backwards opens the trail newest first, from the entry before number before;
// zero begins with the last.
func Backwards(r store.Reader, part store.Part, key keyring.Opener, before, last uint64) iter.Seq2[Numbered, error] {
	return func(yield func(Numbered, error) bool) {
		o := newOpener(part, key, func(id string) ([]byte, error) { return wrapsOf(r, id) })
		if before == 0 || before > last {
			before = last + 1
		}
		for before > 1 {
			from := max(before, backChunk+1) - backChunk
			var chunk []store.Pair
			for p, err := range r.Scan(entryKey(from), entryKey(before)) {
				if err != nil {
					yield(Numbered{}, err)
					return
				}
				chunk = append(chunk, p)
			}
			if len(chunk) == 0 {
				return // cut
			}
			for _, p := range slices.Backward(chunk) {
				e, err := o.open(p)
				n, _ := number(p.Key)
				if !yield(Numbered{n, e}, err) || err != nil {
					return
				}
			}
			before = from
		}
	}
}

// An opener opens the entries of one trail. It remembers the trail keys.
type opener struct {
	part     store.Part
	key      keyring.Opener
	wraps    func(id string) ([]byte, error) // of a trail key
	sessions map[string]*keyring.Session
}

func newOpener(part store.Part, key keyring.Opener, wraps func(string) ([]byte, error)) *opener {
	return &opener{part, key, wraps, map[string]*keyring.Session{}}
}

func (o *opener) open(p store.Pair) (e Entry, err error) {
	seq, ok := number(p.Key)
	if !ok || len(p.Value) < 1+keyLength || p.Value[0] != version {
		return e, fmt.Errorf("audit: entry of an unknown version: %w", fault.Corrupt)
	}
	id, sealed := string(p.Value[1:1+keyLength]), p.Value[1+keyLength:]
	s := o.sessions[id]
	if s == nil {
		wraps, err := o.wraps(id)
		if err != nil {
			return e, err
		}
		if len(wraps) < 2 || wraps[0] != version {
			return e, fmt.Errorf("audit: trail key: %w", fault.Corrupt)
		}
		if s, err = o.key.Open(wraps[1:]); err != nil {
			return e, fmt.Errorf("audit: trail key: %w", err)
		}
		o.sessions[id] = s
	}
	text, err := s.OpenValue(nil, sealed, context(o.part, seq))
	if err != nil {
		return e, fmt.Errorf("audit: entry: %w", err)
	}
	return decode(text)
}
