package mailbox

import (
	"fmt"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Filing is a message on its way into a folder. Its skeleton and parts are
// sealed and kept already. It holds nothing that must not be stored.
type Filing struct {
	ID       string    // 26 characters; names the message in its partition
	Received time.Time // INTERNALDATE; kept to the second
	Size     int64     // RFC822.SIZE, in bytes
	Flags    Flags     // without keywords, which need the mailbox key: see Book.File
	Wraps    []byte    // for the owner, of the session that the skeleton and Sealed are under
	Sealed   []byte    // by SealItem
	Mark     []byte    // keyed hash for Marked, at least 16 bytes; nil for none
}

// SealItem seals what the owner alone may know of a message, with the session
// of the message, for the partition and the ID it is filed under. It adds some
// 50 bytes. The item must have a structure.
func SealItem(s *keyring.Session, part store.Part, id string, it *Item) []byte {
	return s.SealValue(nil, appendItem(nil, it), itemPlace(part, id))
}

// itemPlace is what a sealed item is bound to. Its UID is not known when it is
// sealed: until it is folded, an entry is bound to its ID.
func itemPlace(part store.Part, id string) string { return place(part, "mb/item/"+id) }

// The forms of a row mb/n, after its version byte.
const (
	asFiled  = 1 // what was filed, in clear but for the item; and the wraps
	asCopied = 2 // the record under the mailbox key
	asLarge  = 3 // the same, of a record too large for a block: it stays apart
)

// File appends a message to a folder, and needs no private key. It costs one
// Get and three Puts, four with a mark. fault.NotFound: no such folder.
// fault.TooLarge: what a listing shows of the message has no bounds.
func File(w store.Writer, folder FolderID, f Filing) (UID, Change, error) {
	if len(f.Flags.Keywords) > 0 {
		return 0, Change{}, fmt.Errorf("mailbox: file: keywords: %w", fault.Invalid)
	}
	return file(w, folder, f, nil)
}

func file(w store.Writer, folder FolderID, f Filing, keywords []uint32) (UID, Change, error) {
	if err := f.check(); err != nil {
		return 0, Change{}, fmt.Errorf("mailbox: file: %w", err)
	}
	st, err := readState(w, folder)
	if err != nil {
		return 0, Change{}, err
	}
	from := st.cursor()
	uid, err := st.take()
	if err != nil {
		return 0, Change{}, err
	}
	m := row{uid: uid, system: f.Flags.System, keywords: keywords, received: f.Received.Unix(), size: f.Size}
	st.count(m, 1)
	st.revision++
	st.apart++
	st.fresh++
	st.write(w)
	m.write(w, folder)

	rec := record{received: m.received, size: m.size, id: f.ID}
	if f.Mark != nil {
		rec.mark = f.Mark[:markSize]
		putMark(w, rec.mark, mark{at: m.received, places: []markPlace{{folder, uid}}})
	}
	value := make([]byte, 0, 128+len(f.Wraps)+len(f.Sealed))
	value = rec.appendHead(append(value, version, asFiled))
	value = append(appendBytes(value, f.Wraps), f.Sealed...)
	w.Put(uidKey(apartKind, folder, uid), value)

	message := Message{UID: uid, Flags: f.Flags, Received: time.Unix(m.received, 0).UTC(), Size: m.size}
	return uid, Change{From: from, To: st.cursor(), Messages: []Message{message}}, nil
}

func (f *Filing) check() error {
	switch {
	case len(f.ID) != idSize, f.Size < 0, len(f.Wraps) == 0, len(f.Sealed) == 0,
		f.Mark != nil && len(f.Mark) < markSize, f.Flags.System >= Draft<<1:
		return fault.Invalid
	case len(f.Sealed) > maxSealed, len(f.Wraps) > maxSealed:
		return fault.TooLarge
	}
	return nil
}

// Create makes an empty mailbox: the well-known folders, and the mailbox key,
// sealed to the owner. fault.Exists: there is one.
func Create(w store.Writer, part store.Part, cert *keyring.Cert, now time.Time) error {
	if b, err := w.Get(keyKey); err != nil {
		return err
	} else if b != nil {
		return fmt.Errorf("mailbox: create: %w", fault.Exists)
	}
	session, wraps, err := keyring.NewSession(cert)
	if err != nil {
		return fmt.Errorf("mailbox: create: %w", err)
	}
	w.Put(keyKey, append([]byte{version}, wraps...))
	// UIDVALIDITY begins at the time and counts folders from there, so that a
	// mailbox that is erased and made again does not repeat one.
	t := table{nextID: firstOwnFolder, validity: uint32(now.Unix())}
	for id, name := range wellKnownNames {
		t.validity++
		t.folders = append(t.folders, entry{id: id, name: name, subscribed: true})
		newState(id, t.validity, false).write(w)
	}
	t.sort()
	b := &Book{part: part, session: session}
	b.putTable(w, &t)
	return nil
}

// Usage returns what counts against the owner's quota: the sum of the sizes
// and the number of the messages in all folders but the vault's shelves.
func Usage(r store.Reader) (bytes int64, messages uint32, err error) {
	states, err := readStates(r)
	for _, st := range states {
		if !st.shelf {
			bytes += st.size
			messages += st.messages
		}
	}
	return bytes, messages, err
}

// Erase deletes every key of the mailbox.
func Erase(w store.Writer) error {
	return fact.Erase(w, Prefix)
}

// Unseen counts the messages of a folder that are not Seen: it needs no key.
func Unseen(r store.Reader, folder FolderID) (int, error) {
	st, err := readState(r, folder)
	if err != nil {
		return 0, err
	}
	return int(st.unseen), nil
}
