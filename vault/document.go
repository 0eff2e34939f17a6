package vault

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Document is an entry with its place and its states, as they are now.
// Session opens its objects.
type Document struct {
	Seq        uint64
	ID         string // of 26 characters; names the document as long as it lives
	Flags      Flags
	Entry      Entry  // not to be changed: it may be shared
	ReplacedBy string // ID of the version after this one; "" for the newest
	Session    *keyring.Session

	form byte // version of the entry it was opened from
}

// entryVersion is the first byte of an entry. One of version 1 does not bind
// the states it was filed with, and has no doc/i.
const entryVersion = 2

func entryKey(seq uint64) string { return fmt.Sprintf("doc/e/%016x", seq) }

func entryContext(part store.Part, v byte, id string, f Flags) string {
	if v == 1 {
		return string(part) + "/doc/" + id
	}
	return fmt.Sprintf("%s/doc/%s/%02x", part, id, byte(f))
}

// Add adds a document whose objects and entry are sealed with session, which
// wraps give back to the owner. Its EntryUUID, from NewID, becomes its ID.
// Whom it replaces is for Replace to say.
func Add(w store.Writer, s fact.Scope, e Entry, f Flags, session *keyring.Session, wraps []byte) error {
	seq, err := next(w)
	if err != nil {
		return err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("vault: add: %w", err)
	}
	id := e.EntryUUID
	v := []byte{entryVersion, byte(f)}
	v = append(v, id...)
	v = binary.AppendUvarint(v, uint64(len(wraps)))
	v = append(v, wraps...)
	w.Put(entryKey(seq), session.SealValue(v, text, entryContext(s.Part, entryVersion, id, f)))
	if e.UniqueID != "" {
		w.Put(uniqueKey(s, e.UniqueID), binary.AppendUvarint([]byte{version}, seq))
	}
	if e.MessageID == "" {
		if err := addBytes(w, e.Size); err != nil {
			return err
		}
	}
	if err := fact.Put(w, s, "doc/i/"+id, filed(seq, e, f)); err != nil {
		return err
	}
	return await(w, s, id, e, f)
}

// Documents opens the documents from number from on, in order of arrival. One
// that does not open yields fault.Corrupt with its number, and the others
// follow.
func Documents(r store.Reader, s fact.Scope, key keyring.Opener, from uint64) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		now, err := readChanges(r, s)
		if err != nil {
			yield(Document{}, err)
			return
		}
		_, to := store.Prefix("doc/e/")
		for p, err := range r.Scan(entryKey(from), to) {
			var d Document
			if err == nil {
				d, err = open(s.Part, key, p)
				now.apply(&d)
			}
			if !yield(d, err) || err != nil && !errors.Is(err, fault.Corrupt) {
				return
			}
		}
	}
}

// Get opens the document of that ID; fault.NotFound if there is none.
func Get(r store.Reader, s fact.Scope, key keyring.Opener, id string) (Document, error) {
	p, err := row(r, s, id)
	if err != nil {
		return Document{}, err
	}
	d, err := open(s.Part, key, p)
	if err != nil {
		return d, err
	}
	err = refresh(r, s, &d)
	return d, err
}

// row finds the entry of a document by its ID.
func row(r store.Reader, s fact.Scope, id string) (store.Pair, error) {
	missing := fmt.Errorf("vault: document: %w", fault.NotFound)
	if len(id) != idLength {
		return store.Pair{}, missing
	}
	at, ok, err := FiledAs(r, s, id)
	if err != nil {
		return store.Pair{}, err
	}
	if ok {
		p := store.Pair{Key: entryKey(at.Seq)}
		if p.Value, err = r.Get(p.Key); err == nil && idOf(p.Value) != id {
			err = fmt.Errorf("vault: document %d is another: %w", at.Seq, fault.Corrupt)
		}
		return p, err
	}
	for p, err := range r.Scan(store.Prefix("doc/e/")) { // one of version 1
		if err != nil {
			return p, err
		}
		if idOf(p.Value) == id {
			return p, nil
		}
	}
	return store.Pair{}, missing
}

// Check holds what a role that opens nothing is told of a document against what
// the document says. A difference is fault.Corrupt.
func Check(r store.Reader, s fact.Scope, d Document) error {
	f, ok, err := FiledAs(r, s, d.ID)
	if err != nil {
		return err
	}
	e := d.Entry
	told := Filed{SHA256: e.SHA256, Sender: e.Sender, FiledBy: e.FiledBy, Establishment: e.Establishment,
		AuthorID: e.Author.ID, OrganisationID: e.Author.OrganisationID, Depositor: e.Depositor}
	same := Filed{SHA256: f.SHA256, Sender: f.Sender, FiledBy: f.FiledBy, Establishment: f.Establishment,
		AuthorID: f.AuthorID, OrganisationID: f.OrganisationID, Depositor: f.Depositor}
	if ok && (f.Seq != d.Seq || f.ID != d.ID || told != same) || !ok && d.form == entryVersion {
		return fmt.Errorf("vault: a document is not as it is told of: %w", fault.Corrupt)
	}
	if e.UniqueID == "" {
		return nil
	}
	id, ok, err := Find(r, s, e.UniqueID)
	if err == nil && (!ok || id != d.ID) {
		err = fmt.Errorf("vault: a document is not known by its uniqueId: %w", fault.Corrupt)
	}
	return err
}

// idOf returns the ID that is in clear in an entry.
func idOf(v []byte) string {
	if len(v) < 2+idLength {
		return ""
	}
	return string(v[2 : 2+idLength])
}

func open(part store.Part, key keyring.Opener, p store.Pair) (d Document, err error) {
	if _, err := fmt.Sscanf(p.Key, "doc/e/%x", &d.Seq); err != nil {
		return d, fmt.Errorf("vault: document number: %w", fault.Corrupt)
	}
	v := p.Value
	if len(v) < 2+idLength+1 || v[0] != 1 && v[0] != entryVersion {
		return d, fmt.Errorf("vault: document of an unknown version: %w", fault.Corrupt)
	}
	d.form = v[0]
	d.Flags, d.ID, v = Flags(v[1]), idOf(v), v[2+idLength:]
	n, k := binary.Uvarint(v)
	if k <= 0 || n > uint64(len(v)-k) {
		return d, fmt.Errorf("vault: document wraps: %w", fault.Corrupt)
	}
	wraps, sealed := v[k:k+int(n)], v[k+int(n):]
	if d.Session, err = key.Open(wraps); err != nil {
		return d, fmt.Errorf("vault: document: %w", err)
	}
	text, err := d.Session.OpenValue(nil, sealed, entryContext(part, d.form, d.ID, d.Flags))
	if err != nil {
		return d, fmt.Errorf("vault: document: %w", err)
	}
	if err := json.Unmarshal(text, &d.Entry); err != nil {
		return d, fmt.Errorf("vault: document: %w", fault.Corrupt)
	}
	return d, nil
}

func uniqueKey(s fact.Scope, uniqueID string) string {
	mac := s.Key.MAC("vault/unique-id", string(s.Part), uniqueID)
	return "doc/u/" + hex.EncodeToString(mac[:16])
}
