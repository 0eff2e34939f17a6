// Package document answers one question: what documents does this mail bring,
// and whom do they concern? It is given the attachments and a few headers as
// plain values, looks inside CDA files and IHE_XDM.zip packages, and says what
// each document is, what to call it, who made it and for which patient.
//
// It stores nothing, refuses nothing and reads no mail: CheckIdentity gives a
// verdict, and the door acts on it. What it cannot recognise stays an
// attachment of the mail. What it recognises but cannot read is told apart in
// Result.Unread.
//
// It promises that hostile input costs at most its limits (see packages cda
// and xdm), and that the bytes of a document are never changed.
package document

import (
	"bytes"
	"fmt"
	"log/slog"
	"path"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/xdm"
)

// Input is what a mail says and carries.
type Input struct {
	Attachments []Attachment // text bodies are not among them

	CodeCDA string    // the header X-MSS-CODECDA: types, separated by commas
	INS     string    // the header X-MSS-INS: O or N
	Subject string    // decoded
	Sender  string    // what to call the author of a document that names none
	Date    time.Time // of the mail, for a document that has no date
}

// An Attachment is one part of the mail, decoded.
type Attachment struct {
	Index     int // the caller's handle
	FileName  string
	MediaType string // without parameters
	Inline    bool   // shown within the body: within multipart/related, or disposed inline
	ContentID string
	Data      []byte // not changed, and shared with the Result
}

// Limits bound what one mail may cost. A zero field means its default.
type Limits struct {
	CDA       cda.Limits
	XDM       xdm.Limits
	Documents int // default 100
	Text      int // bytes of readable text of one document; default 64 KiB
}

// Result is what Find found.
type Result struct {
	Documents []Document
	Unread    []Unread
	Defects   []string // headers and documents that do not agree
}

// Unread is a CDA file or an IHE XDM package that could not be read. Err is
// fault.TooLarge or fault.Invalid. It is no document, and nobody knows whom it
// concerns.
type Unread struct {
	Attachment int
	Path       string // within the zip, if the zip could be read
	Err        error
}

// A File is where bytes are: an attachment, or a path within the zip that the
// attachment is. Data is the bytes either way.
type File struct {
	Attachment int
	Path       string
	Data       []byte
}

// A Document is one document of the mail. A field nobody gives is zero, but
// Title, Type and Created always say something.
type Document struct {
	Files     []File // the first is to be kept; the others are the same again
	Rendition *File  // a PDF beside a CDA that shows the same to a person, or nil

	MediaType  string
	FormatCode string
	UniqueID   string // given by the author, never changes
	SetID      string // of all versions, CDA only
	Version    string
	Level      int // of a CDA, 1 or more; 0 for anything else

	Type     cda.Type // with its class and its shelf
	Title    string
	Language string

	Created                   time.Time
	ServiceStart, ServiceStop time.Time
	Author                    Author
	Authenticator             Author // who answers for it, if anybody is named
	Facility, PracticeSetting cda.Code
	Events                    []cda.Code
	Set                       Set

	Confidentiality Confidentiality
	NotQualified    bool // the sender says so of the INS
	Patients        []PatientID
	Traits          []cda.Traits // of each source that gives some
	Replaces        []string     // unique ids or entry ids of what it replaces
	Appends         []string

	Text     string        // readable, for the body of a mail
	Embedded *cda.Embedded // the file within a level 1 CDA, or nil
	Defects  []string

	named      bool     // Title is a file name so far
	entryID    string   // in the metadata of its package
	transforms []string // entries of which it is another form
}

// IsCDA reports whether the document is a CDA in either form.
func (d *Document) IsCDA() bool { return d.Level > 0 }

// String says what the document is in a word or two, so that %v and %s cannot
// leak what it says.
func (d Document) String() string { return "document:" + d.MediaType }

// GoString does as String does, for %#v.
func (d Document) GoString() string { return d.String() }

// LogValue implements slog.LogValuer.
func (d Document) LogValue() slog.Value { return slog.StringValue(d.String()) }

// An Author is who made a document, for people to read.
type Author struct {
	Name           string
	ID             string // national identifier of the professional
	Profession     string // code of the profession and specialty (JDV_J01)
	Specialty      string // its words
	Organisation   string
	OrganisationID string
}

// A Set is the lot in which a document was sent (lot de soumission).
type Set struct {
	UniqueID, SourceID string
	Title              string
	ContentType        cda.Code
	Submitted          time.Time
}

// Confidentiality holds the confidentiality codes (JDV_J08) as flags. None set
// is normal.
type Confidentiality struct {
	Restricted                bool // R
	VeryRestricted            bool // V
	HiddenFromPatient         bool // INVISIBLE_PATIENT
	HiddenFromRepresentatives bool // INVISIBLE_REPRESENTANTS_LEGAUX
	Masked                    bool // MASQUE_PS: hidden from professionals
}

func (c *Confidentiality) add(code string) {
	switch code {
	case "R":
		c.Restricted = true
	case "V":
		c.VeryRestricted = true
	case "INVISIBLE_PATIENT":
		c.HiddenFromPatient = true
	case "INVISIBLE_REPRESENTANTS_LEGAUX", "INVISIBLE_REP_LEGAUX":
		c.HiddenFromRepresentatives = true
	case "MASQUE_PS":
		c.Masked = true
	}
}

// A PatientID is one identifier of a patient, its text as written. It prints
// as its OID only.
type PatientID struct {
	Text, OID string
	National  bool // an INS, by its OID or by what the metadata calls it
}

// String returns the OID, so that %v and %s cannot leak the identifier.
func (p PatientID) String() string { return "patient:" + p.OID }

// GoString does as String does, for %#v.
func (p PatientID) GoString() string { return p.String() }

// LogValue implements slog.LogValuer.
func (p PatientID) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Find looks for the documents of a mail. The only error is fault.TooLarge,
// for more documents than the limit.
func Find(in Input, lim Limits) (Result, error) {
	if lim.Documents == 0 {
		lim.Documents = 100
	}
	if lim.Text == 0 {
		lim.Text = 64 << 10
	}
	if lim.XDM.Total == 0 {
		lim.XDM.Total = 64 << 20
	}
	lim.CDA.Text = lim.Text
	f := finder{in: in, lim: lim}
	for _, a := range in.Attachments {
		f.look(a)
		if len(f.docs) > lim.Documents {
			return Result{}, fmt.Errorf("document: find: over %d documents: %w", lim.Documents, fault.TooLarge)
		}
	}
	f.joinRenditions()
	f.typesFromHeader()
	f.checkHeaders()
	r := Result{Unread: f.unread, Defects: f.defects}
	for _, d := range f.docs {
		f.complete(d)
		r.Documents = append(r.Documents, *d)
	}
	return r, nil
}

type finder struct {
	in      Input
	lim     Limits
	docs    []*Document
	unread  []Unread
	defects []string
}

// look takes the documents that one attachment brings.
func (f *finder) look(a Attachment) {
	switch k, how := detect(a, f.lim.XDM); {
	case k == nothing:
	case k == xdmZip:
		f.lookInto(a)
	case k == cdaFile:
		f.addCDA(File{Attachment: a.Index, Data: a.Data}, nil, nil)
	case k.isImage() && a.Inline && a.ContentID != "":
		// drawn by the HTML body
	default:
		d := f.add(&Document{
			Files:     []File{{Attachment: a.Index, Data: a.Data}},
			MediaType: k.mediaType(),
			Title:     a.FileName,
			named:     true,
		})
		if how != byContent {
			d.defect("the content does not look like its type")
		}
	}
}

// lookInto takes the documents of an IHE XDM package.
func (f *finder) lookInto(a Attachment) {
	if f.lim.XDM.Total <= 0 { // the packages of one mail share one budget
		f.unread = append(f.unread, Unread{Attachment: a.Index, Err: fmt.Errorf("document: find: packages: %w", fault.TooLarge)})
		return
	}
	p, err := xdm.Read(a.Data, f.lim.XDM)
	if err != nil {
		f.unread = append(f.unread, Unread{Attachment: a.Index, Err: err})
		return
	}
	for _, s := range p.Defects {
		f.defects = append(f.defects, "IHE_XDM.zip: "+s)
	}
	for i := range p.Documents {
		x := &p.Documents[i]
		f.lim.XDM.Total -= len(x.Data)
		file := File{Attachment: a.Index, Path: x.Name, Data: x.Data}
		k, _ := detect(Attachment{FileName: x.Name, MediaType: x.MediaType, Data: x.Data}, f.lim.XDM)
		switch {
		case isSignature(x), isZip(x.Data):
		case k == cdaFile:
			f.addCDA(file, x, p.Sets)
		case k != nothing || x.Described:
			d := &Document{Files: []File{file}, MediaType: k.mediaType(), Title: path.Base(x.Name), named: true}
			if k == nothing {
				d.MediaType = safeMediaType(x.MediaType)
			}
			d.describe(x, p.Sets)
			f.add(d)
		}
	}
}

// addCDA reads a CDA file, which x describes if it came in a package.
func (f *finder) addCDA(file File, x *xdm.Document, sets []xdm.SubmissionSet) {
	c, err := cda.Parse(file.Data, f.lim.CDA)
	if err != nil {
		f.unread = append(f.unread, Unread{Attachment: file.Attachment, Path: file.Path, Err: err})
		return
	}
	d := &Document{Files: []File{file}}
	d.read(c)
	if x != nil {
		d.describe(x, sets)
	}
	d.Text = c.Text()
	f.add(d)
}

// add adds a document, or joins it to the same one if it is there already: by
// its unique id, or by its bytes if it has none. It returns the one that stays.
func (f *finder) add(d *Document) *Document {
	for _, old := range f.docs {
		sameID := d.UniqueID != "" && d.UniqueID == old.UniqueID
		sameBytes := bytes.Equal(d.Files[0].Data, old.Files[0].Data)
		if !sameID && (!sameBytes || d.UniqueID != "" && old.UniqueID != "") {
			continue
		}
		if !sameBytes {
			old.defect("the same unique id comes with other bytes")
		}
		old.Files = append(old.Files, d.Files...)
		old.concern(d.Patients, d.Traits) // whom either concerns, both do
		return old
	}
	f.docs = append(f.docs, d)
	return d
}

func (d *Document) defect(s string) { d.Defects = append(d.Defects, s) }
