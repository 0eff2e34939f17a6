package patient

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// An Event moves a space from one state to another.
type Event string

// The events of the life of a space (house.md, E).
const (
	Notice     Event = "notice"      // the owner is told that it will open (CSP R.1111-28)
	Activate   Event = "activate"    // by the owner, or by itself when the delay of the law is over
	Oppose     Event = "oppose"      // by the owner, who may change their mind
	Close      Event = "close"       // by the owner, as easily as it was opened
	Reopen     Event = "reopen"      // brings back what was there
	Archive    Event = "archive"     // put away, until the legal delay ends (CSP R.1111-36)
	AskErasure Event = "ask-erasure" // the owner wants the data gone, within the legal delay
	KeepAll    Event = "keep"        // the owner takes that back
	End        Event = "erase"       // gone
)

// transitions is the life of a space as a table: what is not in it cannot be.
var transitions = map[Event]map[policy.SpaceState]policy.SpaceState{
	Notice:     {policy.Enrolled: policy.Enrolled},
	Activate:   {policy.Enrolled: policy.Active, policy.Opposed: policy.Active},
	Oppose:     {policy.Enrolled: policy.Opposed},
	Close:      {policy.Active: policy.Closed},
	Reopen:     {policy.Closed: policy.Active, policy.Archived: policy.Active},
	Archive:    {policy.Closed: policy.Archived},
	AskErasure: {policy.Opposed: policy.Opposed, policy.Closed: policy.Closed, policy.Archived: policy.Archived},
	KeepAll:    {policy.Opposed: policy.Opposed, policy.Closed: policy.Closed, policy.Archived: policy.Archived},
	End:        {policy.Enrolled: policy.Erased, policy.Opposed: policy.Erased, policy.Active: policy.Erased, policy.Closed: policy.Erased, policy.Archived: policy.Erased},
}

// Events lists the events in the order of a life.
func Events() []Event {
	return []Event{Notice, Activate, Oppose, Close, Reopen, Archive, AskErasure, KeepAll, End}
}

// StateName returns the English word for a state, as operators see it.
func StateName(s policy.SpaceState) string {
	names := [...]string{"none", "enrolled", "opposed", "active", "closed", "archived", "erased"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// Apply makes an event happen. One that the state does not allow is
// fault.Invalid. What an End leaves to be done is the door's.
func Apply(w store.Writer, s fact.Scope, e Event, now time.Time) (Space, error) {
	sp, ok, err := Load(w, s)
	if err != nil || !ok {
		return sp, fmt.Errorf("patient: %s: %w", e, cmpErr(err, fault.NotFound))
	}
	to, ok := transitions[e][sp.State]
	if !ok {
		return sp, fmt.Errorf("patient: cannot %s a space that is %s: %w", e, StateName(sp.State), fault.Invalid)
	}
	if to != sp.State {
		sp.State, sp.Since = to, now
	}
	switch e {
	case Notice:
		if sp.Noticed.IsZero() { // told again, the time of the law does not begin again
			sp.Noticed = now
		}
	case AskErasure:
		sp.EraseAsked = now
	case Oppose, Close:
		sp.Proof = strings.ToLower(rand.Text()[:12])
	case Activate, Reopen, KeepAll:
		sp.EraseAsked = time.Time{}
	}
	return sp, fact.PutRight(w, s, "pat/space", sp)
}

// Delays are the times after which something happens by itself.
type Delays struct {
	Opening   time.Duration // from notice to opening, if the owner does not object
	Archiving time.Duration // from closing to putting away
	Erasure   time.Duration // from the owner's request to the deed: time to change one's mind
	Retention time.Duration // from closing to the end
}

// DefaultDelays are those of the law: six weeks (CSP R.1111-28), and ten years
// after closing; a request of erasure is to be met within three months.
var DefaultDelays = Delays{
	Opening:   6 * 7 * 24 * time.Hour,
	Archiving: 30 * 24 * time.Hour,
	Erasure:   30 * 24 * time.Hour,
	Retention: 3653 * 24 * time.Hour,
}

// Due returns the event that time alone makes happen now, if any.
func (sp Space) Due(now time.Time, d Delays) (e Event, due bool) {
	over := func(since time.Time, delay time.Duration) bool { return !since.IsZero() && now.Sub(since) >= delay }
	switch sp.State {
	case policy.Enrolled:
		return Activate, over(sp.Noticed, d.Opening)
	case policy.Opposed:
		return End, over(sp.EraseAsked, d.Erasure)
	case policy.Closed:
		if over(sp.EraseAsked, d.Erasure) {
			return End, true
		}
		return Archive, over(sp.Since, d.Archiving)
	case policy.Archived:
		return End, over(sp.EraseAsked, d.Erasure) || over(sp.Since, d.Retention-d.Archiving)
	}
	return "", false
}

// majorityAge is when nobody represents a person any more by law, in years.
const majorityAge = 18

// Majority returns when the owner is, or was, of age. An unknown month or day
// of birth is read as the last one: protection ends late rather than early.
// ok is false where the year is not known.
func (sp Space) Majority() (at time.Time, ok bool) {
	var year, month, day int
	if n, err := fmt.Sscanf(sp.Traits.BirthDate, "%4d%2d%2d", &year, &month, &day); err != nil || n != 3 || year == 0 {
		return at, false
	}
	if month < 1 || month > 12 {
		month, day = 12, 31
	}
	if day < 1 || day > 31 {
		month, day = month+1, 0 // the last day of the month
	}
	return time.Date(year+majorityAge, time.Month(month), day, 0, 0, 0, 0, time.UTC), true
}

// IsMinor reports whether the owner is a minor: somebody else decides for them.
func (sp Space) IsMinor(now time.Time) bool {
	if at, ok := sp.Majority(); ok {
		return now.Before(at)
	}
	return sp.Minor
}
