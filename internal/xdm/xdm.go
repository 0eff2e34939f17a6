// Package xdm reads and writes IHE_XDM.zip, the package in which documents
// travel by secure mail (IHE ITI TF-2 §3.32): documents beside a METADATA.XML,
// an ebRIM SubmitObjectsRequest that describes them.
//
// It reads what the field sends, not what the profile says: files misplaced or
// misnamed, prefixes never declared, hashes that do not match. What is wrong
// but can be survived is a Defect in words. It does not look inside the
// documents and does not judge whom they concern.
//
// It promises that a hostile zip costs at most its limits: names that climb
// out of the folder or come twice refuse the whole zip, nothing is ever
// written to a disk, a zip within a zip is never opened, and no declared size
// is believed.
package xdm

import (
	"fmt"
	"log/slog"
	"time"
)

// Limits bound what one zip may cost. A zero field means its default.
type Limits struct {
	Size     int // bytes of the zip; default 40 MiB
	Entries  int // default 256
	Entry    int // bytes of one file, unpacked; default 40 MiB
	Total    int // bytes of all files, unpacked; default 64 MiB
	Ratio    int // unpacked to packed, of a file above 1 MiB; default 100
	Metadata int // bytes of a METADATA.XML; default 4 MiB
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Size, 40<<20)
	def(&l.Entries, 256)
	def(&l.Entry, 40<<20)
	def(&l.Total, 64<<20)
	def(&l.Ratio, 100)
	def(&l.Metadata, 4<<20)
	return l
}

// A Package is what a zip holds.
type Package struct {
	Sets      []SubmissionSet // one for each METADATA.XML; usually one
	Documents []Document      // in the order of the metadata, then the ones it does not describe
	Defects   []string        // what was wrong with the zip itself
}

// A SubmissionSet says who sends the documents, to whom and why.
type SubmissionSet struct {
	UniqueID    string
	SourceID    string
	PatientID   PatientID
	Title       string
	Comments    string
	ContentType Code
	Submitted   time.Time
	Authors     []Author
}

// A Document is one file of the zip with what the metadata says of it. A field
// that the metadata does not give is zero.
type Document struct {
	Name      string // path within the zip, with slashes
	Data      []byte
	Described bool // the metadata describes it

	EntryID   string // id of the ExtrinsicObject, often a local one such as Document01
	UniqueID  string
	MediaType string
	Title     string
	Comments  string
	Language  string

	Type, Class, Format       Code
	Facility, PracticeSetting Code
	Confidentiality           []Code
	Events                    []Code

	Created                   time.Time
	ServiceStart, ServiceStop time.Time
	Authors                   []Author
	Authenticator             Person

	PatientID       PatientID
	SourcePatientID PatientID
	SourcePatient   Traits

	Replaces  []string // targets of RPLC associations: entry ids as written
	Appends   []string // of APND
	Transform []string // of XFRM: this document is another form of those

	HashOK  bool     // a hash is declared and is that of Data
	Defects []string // what was wrong with this document
}

// A Code is a coded value.
type Code struct{ Code, System, Display string }

// An Author of documents or of a submission.
type Author struct {
	Person       Person
	Organisation Organisation
	Specialty    Code
	Role         string
}

// A Person is a professional, from an HL7 XCN.
type Person struct{ ID, OID, Family, Given string }

// An Organisation is an establishment, from an HL7 XON.
type Organisation struct{ ID, OID, Name string }

// A PatientID is an HL7 CX: an identifier and who assigned it. Type is NH for
// a national identifier, PI for a local one. It prints as its OID only.
type PatientID struct{ Text, OID, Type string }

// String returns the OID, so that %v and %s cannot leak the identifier.
func (p PatientID) String() string { return "patient:" + p.OID }

// GoString does as String does, for %#v.
func (p PatientID) GoString() string { return p.String() }

// LogValue implements slog.LogValuer.
func (p PatientID) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Traits are the identity traits of sourcePatientInfo, as written. They print
// as a constant.
type Traits struct{ Family, Given, BirthDate, Sex string }

// String hides the traits, so that %v and %s cannot leak them.
func (t Traits) String() string { return "traits" }

// GoString does as String does, for %#v.
func (t Traits) GoString() string { return t.String() }

// LogValue implements slog.LogValuer.
func (t Traits) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Read reads a zip. Errors are fault.TooLarge above a limit and fault.Invalid
// for what is no zip or has names made to harm; they never carry content. A
// zip without metadata is read: its documents are found by looking.
func Read(data []byte, lim Limits) (*Package, error) {
	lim = lim.withDefaults()
	files, defects, err := unpack(data, lim)
	if err != nil {
		return nil, fmt.Errorf("xdm: read: %w", err)
	}
	p := &Package{Defects: defects}
	for _, f := range files {
		if !f.metadata {
			continue
		}
		if err := p.describe(f, files, lim); err != nil {
			p.defect("METADATA.XML cannot be read")
		}
	}
	if len(p.Sets) == 0 {
		p.defect("no readable METADATA.XML")
	}
	for _, f := range files {
		if !f.used && !f.metadata && !f.furniture() {
			p.Documents = append(p.Documents, Document{Name: f.name, Data: f.data,
				Defects: []string{"not described by METADATA.XML"}})
		}
	}
	return p, nil
}

func (p *Package) defect(s string) { p.Defects = append(p.Defects, s) }

// Sniff reports whether data is a zip that holds an IHE XDM package, by the
// names in its directory. Nothing is unpacked.
func Sniff(data []byte, lim Limits) bool {
	r, err := open(data, lim.withDefaults())
	if err != nil {
		return false
	}
	for _, f := range r.File {
		if isMetadataName(f.Name) || inXDMFolder(f.Name) {
			return true
		}
	}
	return false
}
