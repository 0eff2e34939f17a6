package hub

import (
	"time"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A PatientView is what an actor may know of somebody whose record they look
// for.
type PatientView struct {
	ID        string // names the record; opaque
	Matricule ident.Matricule
	Traits    patient.Traits
	State     policy.SpaceState
	Since     time.Time       // of the state
	Access    policy.Decision // on listing the record
	Treating  bool            // the actor is the médecin traitant
}

// A DocumentView is one document of a record as it may be shown to an actor.
type DocumentView struct {
	ID      string // names the document as long as it lives: the record's ID, a dot, its own
	Patient PatientView
	Entry   vault.Entry // EntryUUID changes with whatever is said of the document
	Flags   vault.Flags
	Access  policy.Decision // why it may be seen
}

// A Submission is one document that an actor adds to a record.
type Submission struct {
	Entry    vault.Entry // what the author says of it; identifiers, sizes and times of filing are the hub's
	Flags    vault.Flags
	Content  []byte
	Replaces string // ID or uniqueId of the document that this one replaces; empty: it is new
}

// A DocumentChange is what is to become of a document; nil leaves as it is.
type DocumentChange struct {
	Masked                    *bool // from professionals
	HiddenFromPatient         *bool
	HiddenFromRepresentatives *bool
	Archived                  *bool
	Deleted                   *bool // withdrawn: kept for the trail; false restores

	ShowOn *time.Time // day on which it shows to the patient by itself, while it is hidden; the zero Time: that of the law

	IfVersion string // EntryUUID that the actor has seen; another one is fault.Conflict (error 900); empty: any
}

// A Viewer is somebody, or a profession, with what they may see of a document
// and why.
type Viewer struct {
	Name       string            // of somebody known to the record; empty: whoever is of that profession
	Profession policy.Profession // of a professional
	Role       policy.Role
	Access     policy.Decision
}

// A CareLink is what a professional declares to be, with regard to a patient.
type CareLink string

// The links that open a record without an emergency (CSP R.1111-46).
const (
	InCareTeam CareLink = "care-team" // the patient was informed and has not objected
	HasConsent CareLink = "consent"   // the patient agreed, by any means
)
