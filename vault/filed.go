package vault

import (
	"cmp"
	"fmt"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Filed is what a role that opens nothing knows of a document: enough to
// know it again, and to judge who may replace it.
type Filed struct {
	ID        string
	Seq       uint64
	LogicalID string
	Replaces  string `json:",omitempty"` // ID of the version before
	SHA256    string `json:",omitempty"`

	Sender         string
	FiledBy        string    `json:",omitempty"`
	Establishment  string    `json:",omitempty"`
	AuthorID       string    `json:",omitempty"`
	OrganisationID string    `json:",omitempty"`
	Depositor      Depositor `json:",omitempty"`
	Flags          Flags     `json:",omitempty"` // as it was filed
}

func filed(seq uint64, e Entry, f Flags) Filed {
	return Filed{
		ID: e.EntryUUID, Seq: seq, Flags: f, LogicalID: e.LogicalID, SHA256: e.SHA256,
		Sender: e.Sender, FiledBy: e.FiledBy, Establishment: e.Establishment,
		AuthorID: e.Author.ID, OrganisationID: e.Author.OrganisationID, Depositor: e.Depositor,
	}
}

// FiledAs returns what is known of a document by its ID. ok is false if there
// is none, or one of version 1, of which nothing is known.
func FiledAs(r store.Reader, s fact.Scope, id string) (f Filed, ok bool, err error) {
	return fact.Get[Filed](r, s, "doc/i/"+id)
}

// FlagsOf returns the states of a document, Superseded apart, to a role that
// opens nothing.
func FlagsOf(r store.Reader, s fact.Scope, f Filed) (Flags, error) {
	st, ok, err := StateOf(r, s, f.ID)
	if !ok {
		st.Flags = f.Flags
	}
	return st.Flags, err
}

// Find returns the ID of the document with a producer's uniqueId.
func Find(r store.Reader, s fact.Scope, uniqueID string) (id string, ok bool, err error) {
	if uniqueID == "" {
		return "", false, nil
	}
	b, err := r.Get(uniqueKey(s, uniqueID))
	if err != nil || b == nil {
		return "", false, err
	}
	seq, err := counted(b, "document of a uniqueId")
	if err != nil {
		return "", false, err
	}
	v, err := r.Get(entryKey(seq))
	if err != nil {
		return "", false, err
	}
	if id = idOf(v); id == "" {
		return "", false, fmt.Errorf("vault: document of a uniqueId is missing: %w", fault.Corrupt)
	}
	return id, true, nil
}

// A Version is a document that a newer one replaced.
type Version struct {
	ID        string
	By        string // ID of the newer one
	LogicalID string // of both
	Since     time.Time
}

// Replace says that a document has a newer version, which was added already: it
// is Superseded then, and both are one through their versions. fault.Conflict:
// it has a newer one, or the newer one has another before it.
func Replace(w store.Writer, s fact.Scope, old Filed, by string, now time.Time) error {
	_, ok, err := Newer(w, s, old.ID)
	if err != nil {
		return err
	}
	if ok {
		return fmt.Errorf("vault: replace: not the newest version: %w", fault.Conflict)
	}
	newer, ok, err := FiledAs(w, s, by)
	if err != nil || !ok {
		return fmt.Errorf("vault: replace: by nothing: %w", cmp.Or(err, error(fault.NotFound)))
	}
	if newer.Replaces != "" {
		return fmt.Errorf("vault: replace: two by one: %w", fault.Conflict)
	}
	newer.LogicalID, newer.Replaces = old.LogicalID, old.ID
	if err := fact.Put(w, s, "doc/i/"+by, newer); err != nil {
		return err
	}
	follow(w, old.ID)
	return fact.Put(w, s, "doc/r/"+old.ID, Version{old.ID, by, old.LogicalID, now})
}

// Newer returns the version that replaced a document, if one has.
func Newer(r store.Reader, s fact.Scope, id string) (v Version, ok bool, err error) {
	return fact.Get[Version](r, s, "doc/r/"+id)
}
