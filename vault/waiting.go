package vault

import (
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/hint"
	"vaguemestre/internal/store"
)

// An Announcement is a document that waits until somebody has told the patient
// of it (consultation d'annonce).
type Announcement struct {
	ID    string
	Filed time.Time
	Told  time.Time `json:",omitzero"` // when the patient was told that it waits
	On    time.Time `json:",omitzero"` // when it is to show, where that was chosen
}

// A Doubt is a document whose identity is to be verified. It says nothing of
// what is in it.
type Doubt struct {
	ID      string
	Reasons []string
	Sender  string
	Filed   time.Time
}

// await keeps a document among those that wait, as long as its states say so.
func await(w store.Writer, s fact.Scope, id string, e Entry, f Flags) error {
	open := f&Deleted == 0
	if err := keepWhile(w, s, "doc/w/"+id, open && f.Has(HiddenFromPatient), Announcement{ID: id, Filed: e.Filed}); err != nil {
		return err
	}
	return keepWhile(w, s, "doc/q/"+id, open && f.Has(ToVerify), Doubt{id, e.Doubts, e.Sender, e.Filed})
}

// keepWhile keeps a fact, as it was first written, while want holds.
func keepWhile[T any](w store.Writer, s fact.Scope, key string, want bool, v T) error {
	b, err := w.Get(key)
	switch {
	case err != nil:
		return err
	case want && b == nil:
		return fact.Put(w, s, key, v)
	case !want && b != nil:
		w.Delete(key)
	}
	return nil
}

// Announcements lists the documents that wait for their announcement.
func Announcements(r store.Reader, s fact.Scope) ([]Announcement, error) {
	return fact.Collect(fact.All[Announcement](r, s, "doc/w/"))
}

// Told says that the patient knows that something waits, without what.
func Told(w store.Writer, s fact.Scope, a Announcement, now time.Time) error {
	a.Told = now
	return fact.Put(w, s, "doc/w/"+a.ID, a)
}

// FindAnnouncement returns that of a document; ok is false if it does not wait.
func FindAnnouncement(r store.Reader, s fact.Scope, id string) (a Announcement, ok bool, err error) {
	return fact.Get[Announcement](r, s, "doc/w/"+id)
}

// ShowOn says when a document that waits is to show.
func ShowOn(w store.Writer, s fact.Scope, a Announcement, on time.Time) error {
	a.On = on
	return fact.Put(w, s, "doc/w/"+a.ID, a)
}

// Doubts lists the documents whose identity is to be verified.
func Doubts(r store.Reader, s fact.Scope) ([]Doubt, error) {
	return fact.Collect(fact.All[Doubt](r, s, "doc/q/"))
}

// Hints say in which partitions documents wait, for their announcement or for
// their identity to be verified.
var Hints = hint.List{Part: "documents", Prefix: "doc/hint/"}
