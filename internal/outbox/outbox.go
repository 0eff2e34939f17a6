// Package outbox is the record of what must still leave a partition: the
// answers of a patient on their way to the mailboxes of professionals, and the
// notices on their way to a person's ordinary mail or phone. A line is
// written in the transaction of the act that causes it, and deleted when the
// other side has it for certain; carrying it twice is harmless there.
//
// Which partitions have lines is told by hints, in a partition of their own: a
// hint is recorded before the line and outlives the act that writes it, so that
// one may be needless but none can be missing.
//
// Its keys begin with "out/":
//
//	out/l/<id>       one line, a fact
//	out/n/<id>       one notice, a fact
//	out/told/<kind>  when the owner was last told that something of a kind happened
//	out/hint/<part>  in the partition of hints: since when that part may have lines
package outbox

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

const version = 1

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

// Done removes a line, and reports whether it was there.
func Done(w store.Writer, id string) (bool, error) {
	b, err := w.Get("out/l/" + id)
	w.Delete("out/l/" + id)
	return b != nil, err
}

// hintLife is how long a hint stays. Whoever records one has half of it to write
// the line that it announces.
const hintLife = time.Hour

// Hint records, in the partition of hints, that part may soon have lines. Where
// a hint is young enough it writes nothing.
func Hint(w store.Writer, part store.Part, now time.Time) error {
	at, ok, err := hinted(w, part)
	if err != nil || ok && now.Sub(at) < hintLife/2 {
		return err
	}
	w.Put("out/hint/"+string(part), binary.BigEndian.AppendUint64([]byte{version}, uint64(now.Unix())))
	return nil
}

// Unhint takes a hint back from a part whose lines are all done, unless it is so
// young that a line which it announced may still be on its way.
func Unhint(w store.Writer, part store.Part, now time.Time) error {
	at, ok, err := hinted(w, part)
	if err == nil && ok && now.Sub(at) >= hintLife {
		w.Delete("out/hint/" + string(part))
	}
	return err
}

func hinted(r store.Reader, part store.Part) (at time.Time, ok bool, err error) {
	b, err := r.Get("out/hint/" + string(part))
	if err != nil || b == nil {
		return at, false, err
	}
	at, err = timeOf(b)
	return at, err == nil, err
}

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
