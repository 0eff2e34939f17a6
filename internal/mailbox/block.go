package mailbox

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

const (
	// blockSpan is how many UIDs a block covers. Full of small mails it has
	// about 130 KB.
	blockSpan = 256
	// maxFolded bounds an item in a block, so that any block is a value the
	// store takes; a larger one stays apart.
	maxFolded = 3 << 10
)

func blockOf(u UID) UID { return u &^ (blockSpan - 1) }

// A tag is the end of a sealed value, which no other value has: it tells
// whether a value is the one that was opened before.
type tag [16]byte

func tagOf(value []byte) (t tag) {
	copy(t[:], value[max(0, len(value)-len(t)):])
	return t
}

// A block is what is known, in memory, of the messages of one span of UIDs: the
// folded ones, and those apart. It does not change once it is made.
type block struct {
	shape uint64 // of the folder's state for which folded is right
	*folded
	apart []apart // ascending; those too large to keep in memory are not there
}

// A folded is an opened row mb/b.
type folded struct {
	tag     tag      // of the row; zero if there is none
	records []record // ascending

	once    sync.Once
	entries []*Entry // of records
	err     error
}

// An apart is a message with its own row.
type apart struct {
	tag tag
	record
	err error // it does not open
}

// memory returns about how many bytes the block takes, its listing included:
// an item takes about six times its stored form once it is listed.
func (bl *block) memory() int64 {
	const perBlock, perRecord, listed = 512, 300, 6
	n := int64(perBlock)
	for i := range bl.records {
		n += perRecord + listed*int64(len(bl.records[i].item))
	}
	for i := range bl.apart {
		n += perRecord + int64(len(bl.apart[i].item))
	}
	return n
}

// listing returns the entries of the folded messages, made at the first call.
func (f *folded) listing() ([]*Entry, error) {
	f.once.Do(func() {
		f.entries = make([]*Entry, len(f.records))
		for i := range f.records {
			if f.entries[i], f.err = f.records[i].entry(); f.err != nil {
				return
			}
		}
	})
	return f.entries, f.err
}

func (f *folded) find(u UID) (int, bool) {
	return slices.BinarySearchFunc(f.records, u, func(r record, u UID) int { return cmp.Compare(r.uid, u) })
}

func (bl *block) findApart(u UID) *apart {
	i, ok := slices.BinarySearchFunc(bl.apart, u, func(a apart, u UID) int { return cmp.Compare(a.uid, u) })
	if !ok {
		return nil
	}
	return &bl.apart[i]
}

// parseBlock reads the plaintext of a block's row. The records share it.
func parseBlock(first UID, plain []byte) ([]record, error) {
	d := decoder{b: plain}
	n := d.count(2)
	if n > blockSpan {
		return nil, corrupt("block")
	}
	out := make([]record, 0, n)
	next := uint64(0) // offset of the lowest UID that may follow
	for range n {
		off := next + d.uint(blockSpan)
		body := d.bytes()
		if off >= blockSpan || d.bad {
			return nil, corrupt("block")
		}
		rec, err := parseRecord(first+UID(off), body)
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
		next = off + 1
	}
	return out, d.end("block")
}

// appendBlock appends the plaintext of a block of records, ascending.
func appendBlock(b []byte, first UID, recs []record) []byte {
	b = binary.AppendUvarint(b, uint64(len(recs)))
	next := first
	var body []byte
	for i := range recs {
		b = binary.AppendUvarint(b, uint64(recs[i].uid-next))
		next = recs[i].uid + 1
		body = recs[i].append(body[:0])
		b = appendBytes(b, body)
	}
	return b
}

// openApart opens the row of a message apart. That of a message as it was
// filed costs public-key work, some 80 µs.
func (b *Book) openApart(u UID, p store.Pair) (record, error) {
	value, err := unversioned(p.Value, "entry")
	if err != nil || len(value) == 0 {
		return record{}, corrupt("entry")
	}
	form, value := value[0], value[1:]
	switch form {
	case asFiled:
		return b.openFiled(u, value)
	case asCopied, asLarge:
		plain, err := b.session.OpenValue(nil, value, place(b.part, p.Key))
		if err != nil {
			return record{}, fmt.Errorf("mailbox: entry: %w", err)
		}
		return parseRecord(u, plain)
	}
	return record{}, corrupt("entry of another form")
}

func (b *Book) openFiled(u UID, value []byte) (record, error) {
	d := decoder{b: value}
	rec := record{uid: u}
	rec.parseHead(&d)
	wraps := d.bytes()
	if d.bad {
		return rec, corrupt("entry")
	}
	session, err := b.key.Open(wraps)
	if err != nil {
		return rec, fmt.Errorf("mailbox: entry: %w", err)
	}
	if rec.item, err = session.OpenValue(nil, d.b, itemPlace(b.part, rec.id)); err != nil {
		return rec, fmt.Errorf("mailbox: entry: %w", err)
	}
	rec.key = session.Key()
	return rec, nil
}

// isFresh reports whether a row of mb/n waits to be folded.
func isFresh(value []byte) bool { return len(value) < 2 || value[1] != asLarge }

// block returns what the folder has in the span that begins at first, from the
// cache as far as it is still right.
func (b *Book) block(r store.Reader, st *state, first UID) (*block, error) {
	k := cacheKey{b.part, st.id, first}
	had := b.cache.get(k)
	if had == nil {
		had = &block{folded: new(folded)}
	}
	bl := &block{shape: st.shape, folded: had.folded}
	var err error
	if had.shape != st.shape {
		if bl.folded, err = b.folded(r, st, first, had.folded); err != nil {
			return nil, err
		}
	}
	if st.apart > 0 {
		if bl.apart, err = b.apart(r, st, first, had); err != nil {
			return nil, err
		}
	}
	if bl.shape == had.shape && bl.folded == had.folded && slices.EqualFunc(bl.apart, had.apart, sameApart) {
		return had, nil
	}
	b.cache.put(k, bl)
	return bl, nil
}

func sameApart(a, b apart) bool { return a.uid == b.uid && a.tag == b.tag }

// folded opens the row of the span that begins at first, or returns had if it
// is of that row.
func (b *Book) folded(r store.Reader, st *state, first UID, had *folded) (*folded, error) {
	key := uidKey(blockKind, st.id, first)
	value, err := r.Get(key)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return new(folded), nil
	}
	t := tagOf(value)
	if t == had.tag {
		return had, nil
	}
	plain, err := b.openValue(key, value)
	if err != nil {
		return nil, err
	}
	recs, err := parseBlock(first, plain)
	return &folded{tag: t, records: recs}, err
}

// apart opens the rows of the messages apart in the span that begins at first,
// but for those that had holds already.
func (b *Book) apart(r store.Reader, st *state, first UID, had *block) ([]apart, error) {
	var list []apart
	err := scan(r, apartKind, st.id, first, first+blockSpan, func(u UID, p store.Pair) error {
		t := tagOf(p.Value)
		if a := had.findApart(u); a != nil && a.tag == t {
			list = append(list, *a)
			return nil
		}
		if len(p.Value) > 3*maxFolded {
			return nil // read when it is asked for
		}
		rec, err := b.openApart(u, p)
		if err != nil && !errors.Is(err, fault.Corrupt) {
			return err
		}
		rec.uid = u
		list = append(list, apart{tag: t, record: rec, err: err})
		return nil
	})
	return list, err
}

// one returns the record of a single message, without looking at its
// neighbours. ok is false if it is not there.
func (b *Book) one(r store.Reader, st *state, u UID) (rec *record, ok bool, err error) {
	k := cacheKey{b.part, st.id, blockOf(u)}
	had := b.cache.get(k)
	if had == nil {
		had = &block{folded: new(folded)}
	}
	if st.apart > 0 {
		key := uidKey(apartKind, st.id, u)
		value, err := r.Get(key)
		if err != nil {
			return nil, false, err
		}
		if a := had.findApart(u); value != nil && a != nil && a.tag == tagOf(value) {
			return &a.record, true, a.err
		}
		if value != nil {
			rec, err := b.openApart(u, store.Pair{Key: key, Value: value})
			return &rec, true, err
		}
	}
	if had.shape != st.shape {
		f, err := b.folded(r, st, k.first, had.folded)
		if err != nil {
			return nil, false, err
		}
		had = &block{shape: st.shape, folded: f, apart: had.apart}
		b.cache.put(k, had)
	}
	if i, found := had.find(u); found {
		return &had.records[i], true, nil
	}
	return nil, false, nil
}

// record returns the record of a message in the span of bl. ok is false if it
// is not there.
func (b *Book) record(r store.Reader, st *state, bl *block, u UID) (rec *record, ok bool, err error) {
	if i, found := bl.find(u); found {
		return &bl.records[i], true, nil
	}
	if a := bl.findApart(u); a != nil {
		return &a.record, true, a.err
	}
	if st.apart == 0 {
		return nil, false, nil
	}
	key := uidKey(apartKind, st.id, u)
	value, err := r.Get(key)
	if err != nil || value == nil {
		return nil, false, err
	}
	large, err := b.openApart(u, store.Pair{Key: key, Value: value})
	return &large, true, err
}

// records calls fn with the record of each message, ascending. A message whose
// record is missing is fault.Corrupt.
func (b *Book) records(r store.Reader, st *state, ms []row, fn func(row, *record) error) error {
	var bl *block
	var at UID
	for _, m := range ms {
		if first := blockOf(m.uid); bl == nil || at != first {
			var err error
			if bl, err = b.block(r, st, first); err != nil {
				return err
			}
			at = first
		}
		rec, ok, err := b.record(r, st, bl, m.uid)
		if err == nil && !ok {
			err = corrupt("entry is missing")
		}
		if err != nil {
			return err
		}
		if err := fn(m, rec); err != nil {
			return err
		}
	}
	return nil
}
