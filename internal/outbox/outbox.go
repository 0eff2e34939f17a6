// Package outbox is the record of what must still leave a partition: the
// answers of a patient on their way to the mailboxes of professionals, the
// notices on their way to a person's ordinary mail or phone, and the mails that
// their writer may still take back; and of how far somebody has come with taking
// all of it away. A line is written in the transaction of the act that causes it,
// and deleted when the other side has it for certain; carrying it twice is
// harmless there.
//
// Which partitions have lines or notices is told by hints, in a partition of
// their own.
//
// Its keys begin with "out/":
//
//	out/l/<id>       one line, a fact
//	out/n/<id>       one notice, a fact
//	out/d/<id>       one mail that its writer has sent, a fact
//	out/whole        the last export of everything, a fact
//	out/told/<kind>  when the owner was last told that something of a kind happened, a fact
//	out/hint/<part>  in the partition of hints: since when that part may have lines
//	out/leave/<part> there too: since when a mail may be about to leave it
package outbox

import (
	"crypto/rand"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/hint"
	"vaguemestre/internal/store"
)

// Hints say in which partitions there is something to carry or to send.
var Hints = hint.List{Part: "hints", Prefix: "out/hint/"}

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
	return fact.Collect(fact.All[Line](r, s, "out/l/"))
}

// Done removes a line, and reports whether it was there.
func Done(w store.Writer, id string) (bool, error) {
	b, err := w.Get("out/l/" + id)
	w.Delete("out/l/" + id)
	return b != nil, err
}

// Erase removes every line of a partition.
func Erase(w store.Writer) error { return fact.Erase(w, "out/") }
