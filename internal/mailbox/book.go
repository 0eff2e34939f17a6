package mailbox

import (
	"errors"
	"fmt"
	"iter"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Book is an opened mailbox: it reads what was filed and does what its owner
// asks. One Book serves all sessions of an owner; it may be used from many
// goroutines.
type Book struct {
	part    store.Part
	key     keyring.Opener
	session *keyring.Session // of the mailbox key
	cache   *Cache
}

// Open opens the mailbox of part with its owner's key. fault.NotFound: there is
// none. fault.Corrupt: it is not theirs.
func Open(r store.Reader, part store.Part, key keyring.Opener, c *Cache) (*Book, error) {
	value, err := r.Get(keyKey)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, fmt.Errorf("mailbox: open: %w", fault.NotFound)
	}
	wraps, err := unversioned(value, "key")
	if err != nil {
		return nil, err
	}
	b := &Book{part: part, key: key, cache: c}
	if b.session, err = key.Open(wraps); err != nil {
		return nil, fmt.Errorf("mailbox: open: %w", err)
	}
	// The wraps alone do not say which session they are of: the folders do.
	if _, err := b.table(r); err != nil {
		return nil, err
	}
	return b, nil
}

// Close takes the mailbox out of memory. No method may run then or later.
func (b *Book) Close() {
	b.cache.forget(b.part)
	b.session.Wipe()
}

// open reads the value at key that is sealed under the mailbox key, nil if
// there is none.
func (b *Book) open(r store.Reader, key string) ([]byte, error) {
	value, err := r.Get(key)
	if err != nil || value == nil {
		return nil, err
	}
	return b.openValue(key, value)
}

func (b *Book) openValue(key string, value []byte) ([]byte, error) {
	sealed, err := unversioned(value, "value")
	if err != nil {
		return nil, err
	}
	plain, err := b.session.OpenValue(make([]byte, 0, len(sealed)), sealed, place(b.part, key))
	if err != nil {
		return nil, fmt.Errorf("mailbox: open value: %w", err)
	}
	return plain, nil
}

// sealed returns the value that open reads.
func (b *Book) sealed(key string, plain []byte) []byte {
	const overhead = 64
	return b.session.SealValue(append(make([]byte, 0, len(plain)+overhead), version), plain, place(b.part, key))
}

func (b *Book) seal(w store.Writer, key string, plain []byte) { w.Put(key, b.sealed(key, plain)) }

func (b *Book) words(r store.Reader) *words { return &words{b: b, r: r} }

// File appends a message as the function File does, keywords included.
func (b *Book) File(w store.Writer, folder FolderID, f Filing) (UID, Change, error) {
	t := b.words(w)
	keywords, err := t.numbers(f.Flags.Keywords, true)
	if err != nil {
		return 0, Change{}, err
	}
	if len(keywords) > maxKeywords {
		return 0, Change{}, fmt.Errorf("mailbox: file: keywords: %w", fault.TooLarge)
	}
	uid, change, err := file(w, folder, f, keywords)
	if err == nil {
		t.save(w)
	}
	return uid, change, err
}

// Changes tells what happened to a folder since a cursor. If messages only
// came, those rows alone are read.
func (b *Book) Changes(r store.Reader, folder FolderID, since Cursor) (Delta, error) {
	st, err := readState(r, folder)
	if err != nil {
		return Delta{}, err
	}
	d := Delta{From: since, To: st.cursor()}
	var ms []row
	switch {
	case since == d.To:
		return d, nil
	case since == Cursor{} || since.Revision < st.altered || since.Revision > st.revision || since.UIDNext > st.next:
		d.All = true
		ms, err = rows(r, folder, nil)
	default:
		err = scan(r, flagsKind, folder, since.UIDNext, 0, func(u UID, p store.Pair) error {
			m, err := parseRow(u, p.Value)
			ms = append(ms, m)
			return err
		})
	}
	if err != nil {
		return Delta{}, err
	}
	d.Messages, err = b.words(r).messages(ms)
	return d, err
}

// Entries yields what a listing shows of those of the messages that are in the
// folder, ascending. An Entry is not to be changed, and may be kept. A message
// that does not open yields its error, and the others follow.
func (b *Book) Entries(r store.Reader, folder FolderID, uids []UID) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		st, err := readState(r, folder)
		if err != nil {
			yield(nil, err)
			return
		}
		uids := ascending(uids)
		for len(uids) > 0 {
			first, n := blockOf(uids[0]), 1
			for n < len(uids) && blockOf(uids[n]) == first {
				n++
			}
			bl, err := b.block(r, st, first)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, u := range uids[:n] {
				e, err := b.entry(r, st, bl, u)
				if (e != nil || err != nil) && !yield(e, err) {
					return
				}
			}
			uids = uids[n:]
		}
	}
}

// entry returns the entry of a message, nil if it is not there.
func (b *Book) entry(r store.Reader, st *state, bl *block, u UID) (*Entry, error) {
	if i, ok := bl.find(u); ok {
		entries, err := bl.listing()
		if err != nil {
			return nil, err
		}
		return entries[i], nil
	}
	rec, ok, err := b.record(r, st, bl, u)
	if !ok || err != nil {
		return nil, err
	}
	return rec.entry()
}

// Item returns what the owner alone knows of a message, the session that opens
// its skeleton, and its ID. fault.NotFound: it is not in the folder.
func (b *Book) Item(r store.Reader, folder FolderID, uid UID) (*Item, *keyring.Session, string, error) {
	st, err := readState(r, folder)
	if err != nil {
		return nil, nil, "", err
	}
	rec, ok, err := b.one(r, st, uid)
	if err == nil && !ok {
		err = fmt.Errorf("mailbox: message: %w", fault.NotFound)
	}
	if err != nil {
		return nil, nil, "", err
	}
	it, session, err := rec.opened()
	return it, session, rec.id, err
}

// opened returns the whole item, and its session.
func (rec *record) opened() (*Item, *keyring.Session, error) {
	it, err := parseItem(rec.item)
	if err != nil {
		return nil, nil, err
	}
	session, err := keyring.SessionFromKey(rec.key)
	return it, session, err
}

// IDs yields the UID and the ID of every message of a folder, ascending: what
// the door compares a shelf with.
func (b *Book) IDs(r store.Reader, folder FolderID) iter.Seq2[Named, error] {
	return func(yield func(Named, error) bool) {
		st, err := readState(r, folder)
		if err != nil {
			yield(Named{}, err)
			return
		}
		ms, err := rows(r, folder, nil)
		if err != nil {
			yield(Named{}, err)
			return
		}
		err = b.records(r, st, ms, func(m row, rec *record) error {
			if !yield(Named{m.uid, rec.id}, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(Named{}, err)
		}
	}
}

// A Named is a message of a folder and its ID.
type Named struct {
	UID UID
	ID  string
}

// errStop ends a walk whose caller has enough.
var errStop = errors.New("mailbox: stop")
