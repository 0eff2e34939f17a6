package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/policy"
)

// An Entry is one line of the trail. Its keys are short where it is stored: a
// mail that is filed writes one or two.
type Entry struct {
	Time         time.Time         `json:"-"`           // kept to the millisecond
	Actor        string            `json:"a,omitempty"` // canonical address, an operator's name, or SystemActor
	ActorName    string            `json:"n,omitempty"` // as it is displayed
	Role         string            `json:"r,omitempty"` // as policy.Role names it, or SystemActor
	RPPS         string            `json:"i,omitempty"`
	Profession   policy.Profession `json:"p,omitempty"`
	Organisation string            `json:"o,omitempty"` // where the actor acts for: the name, or else what tells establishments apart
	OnBehalf     string            `json:"b,omitempty"` // whom a representative or carer acts for
	Means        string            `json:"m,omitempty"` // the device or application that was used
	Session      string            `json:"s,omitempty"` // the login it belongs to
	Act          string            `json:"c"`           // one of Acts
	Object       string            `json:"x,omitempty"` // what it was done to, opaque where it can be
	Rule         string            `json:"u,omitempty"` // that decided
	Reason       string            `json:"w,omitempty"` // of an emergency access, in the actor's words
	Refused      bool              `json:"f,omitempty"`
	Emergency    bool              `json:"e,omitempty"`
}

// SystemActor is the actor and the role of what the hub does by itself.
const SystemActor = "hub"

// stored is the form of an entry in the store.
type stored struct {
	At int64 `json:"t"` // milliseconds since 1970
	Entry
}

func (e Entry) encode() ([]byte, error) { return json.Marshal(stored{e.Time.UnixMilli(), e}) }

func decode(text []byte) (Entry, error) {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return Entry{}, fmt.Errorf("audit: entry: %w", fault.Corrupt)
	}
	s.Time = time.UnixMilli(s.At).UTC()
	return s.Entry, nil
}

// A Group sorts entries as the patient's history does.
type Group string

// The groups, as Mon espace santé names them.
const (
	General         Group = "GENERAL"
	ServiceTiers    Group = "SERVICE_TIERS"
	MedicalDocument Group = "MEDICAL_DOCUMENT"
)

// Group returns the group of the entry's act.
func (e Entry) Group() Group {
	if a, ok := actions[e.Act]; ok {
		return a.group
	}
	return General
}

// A Kind is the kind of an actor, as the patient's history has it.
type Kind string

// The kinds, as Mon espace santé names them.
const (
	Professional Kind = "HEALTHCARE_PROFESSIONAL"
	Facility     Kind = "HEALTHCARE_FACILITY"
	Support      Kind = "SUPPORT"
	Patient      Kind = "PATIENT"
	ThirdParty   Kind = "SERVICE_TIERS"
	System       Kind = "SYSTEM"
	Enrolment    Kind = "ENROLMENT"
)

// Kind returns the kind of the entry's actor.
func (e Entry) Kind() Kind {
	switch e.Role {
	case policy.Patient.String():
		return Patient
	case policy.Professional.String():
		return Professional
	case policy.Organisation.String(), policy.Application.String():
		return Facility
	case policy.Partner.String():
		if e.RPPS != "" || e.Profession != "" {
			return Professional
		}
		return Facility
	case policy.Administrator.String():
		if enrolling[e.Act] {
			return Enrolment
		}
		return Support
	case string(ThirdParty):
		return ThirdParty
	}
	return System
}
