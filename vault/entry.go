package vault

import "time"

// An Entry is what is said of a document (fiche). Times are as precise as the
// producer gave them. What nobody said is zero.
type Entry struct {
	EntryUUID string // of the entry as it is: it changes with whatever is said of the document
	LogicalID string // of the document through its versions
	UniqueID  string `json:",omitempty"` // given by the producer

	TypeCode        string `json:",omitempty"` // JDV_J07
	Class           string `json:",omitempty"` // TRE_A03
	Shelf           string
	FormatCode      string `json:",omitempty"`
	Facility        Code   `json:",omitzero"`  // healthcareFacilityTypeCode, JDV_J02
	PracticeSetting Code   `json:",omitzero"`  // JDV_J04
	EventCodes      []Code `json:",omitempty"` // acts and pathologies
	Confidentiality string `json:",omitempty"` // N, R or V; empty is N
	Language        string `json:",omitempty"` // fr-FR
	MediaType       string
	FileName        string `json:",omitempty"`
	Title           string
	Comments        string `json:",omitempty"`
	Created         time.Time
	ServiceStart    time.Time `json:",omitzero"`
	ServiceStop     time.Time `json:",omitzero"`
	Author          Author
	Authenticator   Author   `json:",omitzero"`  // legalAuthenticator
	Replaces        []string `json:",omitempty"` // unique ids
	Doubts          []string `json:",omitempty"` // why the identity is to be verified

	Sender        string        // canonical address of the mailbox that filed it
	FiledBy       string        `json:",omitempty"` // the owner of that mailbox, opaque; compared with policy's Actor.ID
	Establishment string        `json:",omitempty"` // where they acted for, opaque
	Depositor     Depositor     `json:",omitempty"`
	Set           SubmissionSet `json:",omitzero"`  // the lot it came in
	Folders       []string      `json:",omitempty"` // classeurs
	MessageID     string        `json:",omitempty"` // of the mail that brought it

	Filed         time.Time
	Size          int64  // of the document, in bytes
	SHA1, SHA256  string `json:",omitempty"` // of the document, in hexadecimal
	Object        Ref
	Rendition     Ref    `json:",omitempty"` // the PDF that shows a CDA
	RenditionName string `json:",omitempty"`
	RenditionSize int64  `json:",omitempty"`
}

// About is the day that a document is about, as far as anybody has said.
func (e *Entry) About() time.Time {
	switch {
	case !e.ServiceStart.IsZero():
		return e.ServiceStart
	case !e.Created.IsZero():
		return e.Created
	}
	return e.Filed
}

// Restricted reports whether the document must not be shared: confidentiality
// R or V.
func (e *Entry) Restricted() bool { return e.Confidentiality == "R" || e.Confidentiality == "V" }

// A Code is a coded value: the code, the OID of its system, its words.
type Code struct {
	Code    string `json:",omitempty"`
	System  string `json:",omitempty"`
	Display string `json:",omitempty"`
}

// An Author is who answers for a document.
type Author struct {
	Name           string `json:",omitempty"`
	ID             string `json:",omitempty"` // idNatPS: "8" and the RPPS
	Profession     string `json:",omitempty"` // code of JDV_J01, with its specialty: "G15_10/SM03"
	Specialty      string `json:",omitempty"` // its words
	Organisation   string `json:",omitempty"`
	OrganisationID string `json:",omitempty"` // "1" and the FINESS
}

// A SubmissionSet is the lot in which documents were sent (lot de soumission).
type SubmissionSet struct {
	ID          string    `json:",omitempty"` // its uniqueId
	Source      string    `json:",omitempty"` // sourceId: the OID of the software
	ContentType Code      `json:",omitzero"`
	Title       string    `json:",omitempty"`
	Time        time.Time `json:",omitzero"`
}

// A Depositor is in what capacity a document was deposited. The zero Depositor
// is a professional, or the software of one.
type Depositor string

// The other depositors.
const (
	ByPatient        Depositor = "patient"
	ByRepresentative Depositor = "representative"
)
