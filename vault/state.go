package vault

import (
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

// A State is what became of a document since it was filed. Its flags override
// those it was filed with; Superseded is not among them, since it follows from
// Replace.
type State struct {
	ID        string // of the document
	EntryUUID string
	Flags     Flags
	Since     time.Time
}

// Change gives a document other states, and its entry another EntryUUID. It
// ends the waiting that they end.
func Change(w store.Writer, s fact.Scope, d Document, f Flags, now time.Time) (Document, error) {
	st := State{d.ID, NewID(), f &^ Superseded, now}
	if err := fact.PutRight(w, s, "doc/s/"+d.ID, st); err != nil {
		return d, err
	}
	follow(w, d.ID)
	st.apply(&d)
	return d, await(w, s, d.ID, d.Entry, st.Flags)
}

// StateOf returns what became of a document. ok is false if nothing did.
func StateOf(r store.Reader, s fact.Scope, id string) (st State, ok bool, err error) {
	return fact.GetRight[State](r, s, "doc/s/"+id)
}

func (st State) apply(d *Document) {
	d.Entry.EntryUUID = st.EntryUUID
	d.Flags = st.Flags | d.Flags&Superseded
}

// refresh gives a document its states of now.
func refresh(r store.Reader, s fact.Scope, d *Document) error {
	st, ok, err := StateOf(r, s, d.ID)
	if err != nil {
		return err
	}
	if ok {
		st.apply(d)
	}
	at, ok, err := FiledAs(r, s, d.ID)
	if err != nil {
		return err
	}
	if ok {
		d.Entry.LogicalID = at.LogicalID
	}
	v, ok, err := Newer(r, s, d.ID)
	if ok {
		d.supersede(v)
	}
	return err
}

// Unchanged reports whether nothing became of a document since it was read.
func Unchanged(r store.Reader, s fact.Scope, d Document) (bool, error) {
	now := d
	err := refresh(r, s, &now)
	return now.Entry.EntryUUID == d.Entry.EntryUUID && now.ReplacedBy == d.ReplacedBy, err
}

func (d *Document) supersede(v Version) {
	d.ReplacedBy, d.Flags = v.By, d.Flags|Superseded
}

// changes is what became of the documents of a space, by ID.
type changes struct {
	states   map[string]State
	versions map[string]Version
	logical  map[string]string // of those that replaced another
}

func readChanges(r store.Reader, s fact.Scope) (changes, error) {
	c := changes{map[string]State{}, map[string]Version{}, map[string]string{}}
	for st, err := range fact.AllRights[State](r, s, "doc/s/") {
		if err != nil {
			return c, err
		}
		c.states[st.ID] = st
	}
	for v, err := range fact.All[Version](r, s, "doc/r/") {
		if err != nil {
			return c, err
		}
		c.versions[v.ID], c.logical[v.By] = v, v.LogicalID
	}
	return c, nil
}

func (c changes) apply(d *Document) {
	if st, ok := c.states[d.ID]; ok {
		st.apply(d)
	}
	if v, ok := c.versions[d.ID]; ok {
		d.supersede(v)
	}
	if id, ok := c.logical[d.ID]; ok {
		d.Entry.LogicalID = id
	}
}
