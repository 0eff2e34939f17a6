package outbox

import (
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/hint"
	"vaguemestre/internal/store"
)

// Departing says in which partitions a mail may be about to leave.
var Departing = hint.List{Part: "hints", Prefix: "out/leave/"}

// A Stage is how far a mail has come that its writer has sent.
type Stage string

// The stages.
const (
	Waiting  Stage = "waiting"  // until its time has come, its writer may take it back
	Leaving  Stage = "leaving"  // it is being delivered
	Left     Stage = "left"     // it was, and is not sent again
	Returned Stage = "returned" // it may not leave: it is a draft again, and Rule says why
)

// A Departure is a mail on its way out of its writer's drafts. What it says is
// the door's.
type Departure struct {
	ID    string // of the draft
	Stage Stage
	At    time.Time // when it leaves, or left, or came back

	Writer, Device, Session string // who sent it, as the trail has it
	Member                  string `json:",omitempty"` // where the mailbox is shared: the partition of the person who sent it
	Rule                    string `json:",omitempty"` // of a refusal
	FR, EN                  string `json:",omitempty"` // what a person is told of it
}

// keepDepartures is how long it is known of a mail that it has left.
const keepDepartures = 7 * 24 * time.Hour

// PutDeparture writes down how far a mail has come, and forgets those that left
// long ago.
func PutDeparture(w store.Writer, s fact.Scope, d Departure, now time.Time) error {
	list, err := Departures(w, s)
	if err != nil {
		return err
	}
	for _, old := range list {
		if old.Stage == Left && now.Sub(old.At) >= keepDepartures {
			w.Delete("out/d/" + old.ID)
		}
	}
	return fact.Put(w, s, "out/d/"+d.ID, d)
}

// FindDeparture returns what is known of a draft; ok is false if it was not sent.
func FindDeparture(r store.Reader, s fact.Scope, id string) (d Departure, ok bool, err error) {
	return fact.Get[Departure](r, s, "out/d/"+id)
}

// DropDeparture forgets that a draft was sent.
func DropDeparture(w store.Writer, id string) { w.Delete("out/d/" + id) }

// Departures lists the mails of a partition that were sent, those that left
// lately included.
func Departures(r store.Reader, s fact.Scope) ([]Departure, error) {
	return fact.Collect(fact.All[Departure](r, s, "out/d/"))
}
