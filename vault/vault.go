// Package vault is the record of the documents of a space, the DMP, and of the
// sealed bytes that both documents and messages are made of.
//
// A document is one entry (fiche): what is said of it, sealed to the owner, and
// one object: its bytes, sealed once. The message that brought it refers to the
// same object. An object lives as long as somebody holds it.
//
// The package decides nothing and keeps no key that opens: adding needs the
// owner's certificate, and whoever reads brings the key.
//
// Its keys begin with "doc/" and "obj/":
//
//	doc/e/<seq>   one entry, in order of arrival: flags, wraps, sealed metadata
//	doc/u/<mac>   the entry of a producer's uniqueId
//	doc/next      the next sequence number
//	doc/shelved   the next one to be put on a shelf
//	obj/d/<id>    a small object's sealed bytes
//	obj/h/<id>    the number of holders of an object, where it is not one
package vault

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

const version = 1

// Flags are the states of a document that decide who may see it (JDV_J08 and
// the statuses of the DMP). They are kept in clear.
type Flags uint8

// The states.
const (
	Masked                    Flags = 1 << iota // MASQUE_PS: hidden from professionals
	HiddenFromPatient                           // INVISIBLE_PATIENT
	HiddenFromRepresentatives                   // INVISIBLE_REP_LEGAUX
	ToVerify                                    // identité à vérifier
	Superseded                                  // a newer version has replaced it
	Deleted                                     // withdrawn, kept for the trail
	Archived                                    // out of sight
)

// A Document is an entry with its place and states. Session opens its objects.
type Document struct {
	Seq     uint64
	ID      string // of 26 characters; names the document as long as it lives
	Flags   Flags
	Entry   Entry
	Session *keyring.Session
}

// NewID returns a random identifier of 26 characters.
func NewID() string { return strings.ToLower(rand.Text()) }

func entryKey(seq uint64) string { return fmt.Sprintf("doc/e/%016x", seq) }

func entryContext(part store.Part, uuid string) string { return string(part) + "/doc/" + uuid }

func uniqueKey(s fact.Scope, uniqueID string) string {
	mac := s.Key.MAC("vault/unique-id", string(s.Part), uniqueID)
	return "doc/u/" + hex.EncodeToString(mac[:16])
}

// Has reports whether a document with a producer's uniqueId is there.
func Has(r store.Reader, s fact.Scope, uniqueID string) (bool, error) {
	if uniqueID == "" {
		return false, nil
	}
	b, err := r.Get(uniqueKey(s, uniqueID))
	return b != nil, err
}

// Add adds a document whose objects and entry are sealed with session, which
// wraps give back to the owner.
func Add(w store.Writer, s fact.Scope, e Entry, f Flags, session *keyring.Session, wraps []byte) error {
	seq, err := next(w)
	if err != nil {
		return err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("vault: add: %w", err)
	}
	v := []byte{version, byte(f)}
	v = append(v, e.EntryUUID...)
	v = binary.AppendUvarint(v, uint64(len(wraps)))
	v = append(v, wraps...)
	w.Put(entryKey(seq), session.SealValue(v, text, entryContext(s.Part, e.EntryUUID)))
	if e.UniqueID != "" {
		w.Put(uniqueKey(s, e.UniqueID), binary.AppendUvarint([]byte{version}, seq))
	}
	return nil
}

func next(w store.Writer) (uint64, error) {
	n, err := Next(w)
	if err == nil {
		w.Put("doc/next", binary.AppendUvarint([]byte{version}, n+1))
	}
	return n, err
}

// Next returns the number that the next document will have: whoever has seen
// those below it has seen them all.
func Next(r store.Reader) (uint64, error) { return number(r, "doc/next") }

// Shelved returns the number of the first document that no shelf shows yet.
func Shelved(r store.Reader) (uint64, error) { return number(r, "doc/shelved") }

// SetShelved says that every document below next is on its shelf.
func SetShelved(w store.Writer, next uint64) {
	w.Put("doc/shelved", binary.AppendUvarint([]byte{version}, next))
}

func number(r store.Reader, key string) (uint64, error) {
	b, err := r.Get(key)
	if err != nil || b == nil {
		return 1, err
	}
	n, ok := counted(b)
	if !ok {
		return 0, fmt.Errorf("vault: number of a document: %w", fault.Corrupt)
	}
	return n, nil
}

// counted reads a number after its version byte.
func counted(b []byte) (uint64, bool) {
	if len(b) < 2 || b[0] != version {
		return 0, false
	}
	n, k := binary.Uvarint(b[1:])
	return n, k == len(b)-1
}

// uuidLength is the length of NewID's identifiers.
const uuidLength = 26

// Documents opens the documents from number from on, in order of arrival. One
// that does not open yields fault.Corrupt with its number, and the others
// follow.
func Documents(r store.Reader, part store.Part, key keyring.Opener, from uint64) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		_, to := store.Prefix("doc/e/")
		for p, err := range r.Scan(entryKey(from), to) {
			var d Document
			if err == nil {
				d, err = open(part, key, p)
			}
			if !yield(d, err) || err != nil && !errors.Is(err, fault.Corrupt) {
				return
			}
		}
	}
}

func open(part store.Part, key keyring.Opener, p store.Pair) (d Document, err error) {
	v := p.Value
	if _, err := fmt.Sscanf(p.Key, "doc/e/%x", &d.Seq); err != nil {
		return d, fmt.Errorf("vault: document number: %w", fault.Corrupt)
	}
	if len(v) < 2+uuidLength+1 || v[0] != version {
		return d, fmt.Errorf("vault: document of an unknown version: %w", fault.Corrupt)
	}
	d.Flags = Flags(v[1])
	uuid, v := string(v[2:2+uuidLength]), v[2+uuidLength:]
	d.ID = uuid
	n, k := binary.Uvarint(v)
	if k <= 0 || n > uint64(len(v)-k) {
		return d, fmt.Errorf("vault: document wraps: %w", fault.Corrupt)
	}
	wraps, sealed := v[k:k+int(n)], v[k+int(n):]
	if d.Session, err = key.Open(wraps); err != nil {
		return d, fmt.Errorf("vault: document: %w", err)
	}
	text, err := d.Session.OpenValue(nil, sealed, entryContext(part, uuid))
	if err != nil {
		return d, fmt.Errorf("vault: document: %w", err)
	}
	if err := json.Unmarshal(text, &d.Entry); err != nil {
		return d, fmt.Errorf("vault: document: %w", fault.Corrupt)
	}
	return d, nil
}

// Erase removes every document and small object. Large objects are blobs: the
// door deletes them by the partition's name.
func Erase(w store.Writer) error {
	if err := fact.Erase(w, "doc/"); err != nil {
		return err
	}
	return fact.Erase(w, "obj/")
}
