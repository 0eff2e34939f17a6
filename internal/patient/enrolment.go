package patient

import (
	"fmt"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// An Enrolment is how far somebody has come who has proved who they are with a
// provisional code and is about to choose: to open their space or to object, and
// how they will log in. Nothing of it counts before the last step.
//
//	pat/enrolment   the steps that are done, a right
//	pat/terms       the terms that were accepted, a right
type Enrolment struct {
	Stage    Stage
	Ticket   string    // tells this one from those begun before
	Begun    time.Time // when its holder proved who they are
	Children []string  `json:",omitempty"` // whose spaces are to be opened with it: matricules, canonical
	Terms    string    `json:",omitempty"` // version that was accepted
	Last     string    `json:",omitempty"` // how the last code was sent
	Sealed   []byte    `json:",omitempty"` // credentials that wait for the last step, sealed by the door
}

// A Stage is what is behind somebody who enrols.
type Stage string

// The stages.
const (
	Proved    Stage = "proved"    // who they are
	Decided   Stage = "decided"   // to open
	Agreed    Stage = "agreed"    // to the terms
	Reachable Stage = "reachable" // by mail or phone, which was checked
	Named     Stage = "named"     // has chosen a login and a password
	Opening   Stage = "opening"   // has shown the last code: what is left is done without them
)

// A Step leads from one stage to another.
type Step string

// The steps, in their order.
const (
	Decide Step = "decide"
	Agree  Step = "agree"
	Reach  Step = "reach"
	Name   Step = "name"
	Open   Step = "open"
)

// Steps lists the steps in their order.
func Steps() []Step { return []Step{Decide, Agree, Reach, Name, Open} }

// steps is the order of an enrolment as a table: what is not in it cannot be. A
// step may be done again until the last one, and takes nothing back.
var steps = map[Step]map[Stage]Stage{
	Decide: {Proved: Decided, Decided: Decided, Agreed: Agreed, Reachable: Reachable, Named: Named},
	Agree:  {Decided: Agreed, Agreed: Agreed, Reachable: Reachable, Named: Named},
	Reach:  {Agreed: Reachable, Reachable: Reachable, Named: Named},
	Name:   {Reachable: Named, Named: Named},
	Open:   {Named: Opening},
}

// Left lists the steps that are still to be done.
func (e Enrolment) Left() (left []Step) {
	at := e.Stage
	for _, s := range Steps() {
		if to, ok := steps[s][at]; ok && to != at {
			left, at = append(left, s), to
		}
	}
	return left
}

// May reports whether a step may be done now.
func (e Enrolment) May(s Step) bool {
	_, ok := steps[s][e.Stage]
	return ok
}

// EnrolmentLife is how long the steps may take, from the proof on.
const EnrolmentLife = 30 * time.Minute

// Begin makes an enrolment begin, in place of one that did not come to its end.
// One that only waits for the hub to finish is fault.Conflict.
func Begin(w store.Writer, s fact.Scope, e Enrolment) error {
	old, _, err := LoadEnrolment(w, s)
	if err == nil && old.Stage == Opening {
		err = fmt.Errorf("patient: enrolment: %w", fault.Conflict)
	}
	if err != nil {
		return err
	}
	return fact.PutRight(w, s, "pat/enrolment", e)
}

// LoadEnrolment reads it. ok is false if there is none.
func LoadEnrolment(r store.Reader, s fact.Scope) (e Enrolment, ok bool, err error) {
	return fact.GetRight[Enrolment](r, s, "pat/enrolment")
}

// Advance does a step of the enrolment with that ticket. One that is none any
// more is fault.Unauthenticated, a step that is not its turn fault.Invalid.
func Advance(w store.Writer, s fact.Scope, ticket string, step Step, now time.Time, change func(*Enrolment)) (Enrolment, error) {
	e, err := Enrolling(w, s, ticket, now)
	if err != nil {
		return e, err
	}
	to, ok := steps[step][e.Stage]
	if !ok {
		return e, fmt.Errorf("patient: enrolment: %s after %s: %w", step, e.Stage, fault.Invalid)
	}
	e.Stage = to
	change(&e)
	return e, fact.PutRight(w, s, "pat/enrolment", e)
}

// Enrolling reads the enrolment of whoever holds a ticket; fault.Unauthenticated
// if there is none, or its time is over.
func Enrolling(r store.Reader, s fact.Scope, ticket string, now time.Time) (Enrolment, error) {
	e, ok, err := LoadEnrolment(r, s)
	if err != nil {
		return e, err
	}
	if !ok || e.Ticket != ticket || now.Sub(e.Begun) >= EnrolmentLife {
		return e, fmt.Errorf("patient: enrolment: %w", fault.Unauthenticated)
	}
	return e, nil
}

// EndEnrolment forgets how far it had come.
func EndEnrolment(w store.Writer, s fact.Scope) error { return fact.DeleteRight(w, s, "pat/enrolment") }

// Terms are the conditions of use (CGU) that the owner of a space has accepted.
type Terms struct {
	Version string
	At      time.Time
}

// AcceptTerms keeps which terms were accepted.
func AcceptTerms(w store.Writer, s fact.Scope, t Terms) error {
	return fact.PutRight(w, s, "pat/terms", t)
}

// LoadTerms reads them; the zero Terms if none were.
func LoadTerms(r store.Reader, s fact.Scope) (t Terms, err error) {
	t, _, err = fact.GetRight[Terms](r, s, "pat/terms")
	return t, err
}
