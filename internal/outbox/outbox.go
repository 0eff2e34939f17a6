// Package outbox is the record of what must still leave a partition: the
// answers of a patient on their way to the mailboxes of professionals. A line is
// written in the transaction of the act that causes it, and deleted when the
// other side has it for certain; carrying it twice is harmless there.
//
// Which partitions have lines is told by hints, in a partition of their own: a
// hint is recorded before the line, so that one may be needless but none can be
// missing.
//
// Its keys begin with "out/":
//
//	out/l/<id>       one line, a fact
//	out/hint/<part>  in the partition of hints: that part may have lines
package outbox

import (
	"crypto/rand"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

// Hints is the partition that says where there is work.
const Hints store.Part = "hints"

// A Line is one sealed mail for one mailbox of this hub. What it carries was
// sealed to that mailbox's owner when it was written.
type Line struct {
	ID      string
	To      store.Part // the mailbox's partition
	Address string     // canonical, of the addressee
	Since   time.Time
	Filing  []byte // encoded by the door
}

// Add writes a line and gives it an ID.
func Add(w store.Writer, s fact.Scope, l Line) error {
	l.ID = strings.ToLower(rand.Text())
	return fact.Put(w, s, "out/l/"+l.ID, l)
}

// Lines lists the lines of a partition.
func Lines(r store.Reader, s fact.Scope) ([]Line, error) {
	var list []Line
	for l, err := range fact.All[Line](r, s, "out/l/") {
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// Done removes a line.
func Done(w store.Writer, id string) { w.Delete("out/l/" + id) }

// Hint records, in the partition of hints, that part may have lines.
func Hint(w store.Writer, part store.Part) { w.Put("out/hint/"+string(part), []byte{1}) }

// Unhint takes a hint back.
func Unhint(w store.Writer, part store.Part) { w.Delete("out/hint/" + string(part)) }

// Hinted lists the partitions that may have lines.
func Hinted(r store.Reader) ([]store.Part, error) {
	var parts []store.Part
	for p, err := range r.Scan(store.Prefix("out/hint/")) {
		if err != nil {
			return nil, err
		}
		parts = append(parts, store.Part(strings.TrimPrefix(p.Key, "out/hint/")))
	}
	return parts, nil
}

// Erase removes every line of a partition.
func Erase(w store.Writer) error { return fact.Erase(w, "out/") }
