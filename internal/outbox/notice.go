package outbox

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Notice is a short message that must leave the hub for a person's ordinary
// mail or phone: that something has happened, or a code. What it says is the
// door's; here are no names.
type Notice struct {
	ID      string
	Kind    string
	Channel string
	To      []byte `json:",omitempty"` // where it goes, sealed by the door; none: the owner's contact
	Code    []byte `json:",omitempty"` // sealed by the door
	Since   time.Time
	Expires time.Time // afterwards it is of no use
	Tries   int       `json:",omitempty"`
	Next    time.Time // not before
}

// AddNotice writes a notice. One to the owner with a code takes the place of those
// of its kind, whose codes it ends; one to the owner without is not written beside
// another of its kind that has not left yet.
func AddNotice(w store.Writer, s fact.Scope, n Notice) error {
	list, err := Notices(w, s)
	if err != nil {
		return err
	}
	for _, old := range list {
		switch {
		case old.Kind != n.Kind || old.To != nil || n.To != nil:
		case n.Code != nil:
			w.Delete("out/n/" + old.ID)
		case old.Tries == 0 && old.Expires.After(n.Since):
			return nil
		}
	}
	if n.ID == "" {
		n.ID = NewID()
	}
	return fact.Put(w, s, "out/n/"+n.ID, n)
}

// NewID names a notice, for what is sealed to its name before it is written.
func NewID() string { return strings.ToLower(rand.Text()) }

// Notices lists the notices of a partition.
func Notices(r store.Reader, s fact.Scope) ([]Notice, error) {
	return fact.Collect(fact.All[Notice](r, s, "out/n/"))
}

// FindNotice returns a notice, fault.NotFound if it has left or was dropped.
func FindNotice(r store.Reader, s fact.Scope, id string) (Notice, error) {
	n, ok, err := fact.Get[Notice](r, s, "out/n/"+id)
	if err == nil && !ok {
		err = fmt.Errorf("outbox: notice: %w", fault.NotFound)
	}
	return n, err
}

// KeepNotice writes down what became of a notice that stays.
func KeepNotice(w store.Writer, s fact.Scope, n Notice) error {
	return fact.Put(w, s, "out/n/"+n.ID, n)
}

// DropNotice removes a notice.
func DropNotice(w store.Writer, id string) { w.Delete("out/n/" + id) }

// Empty reports whether a partition has nothing that must leave.
func Empty(r store.Reader) (bool, error) {
	for _, prefix := range []string{"out/l/", "out/n/"} {
		for _, err := range r.Scan(store.Prefix(prefix)) {
			return false, err
		}
	}
	return true, nil
}

// ToldLately reports whether somebody was told of that kind of thing within a
// pause; if not, it notes that they are told now.
func ToldLately(w store.Writer, s fact.Scope, kind string, now time.Time, pause time.Duration) (bool, error) {
	key := "out/told/" + kind
	at, ok, err := fact.Get[time.Time](w, s, key)
	if err != nil || ok && now.Sub(at) < pause {
		return err == nil, err
	}
	return false, fact.Put(w, s, key, now)
}
