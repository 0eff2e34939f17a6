package document

import (
	"cmp"
	"slices"
	"strings"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/xdm"
)

// Format codes of CDA documents around a file (IHE XDS-SD).
const (
	formatPDF  = "urn:ihe:iti:xds-sd:pdf:2008"
	formatText = "urn:ihe:iti:xds-sd:text:2008"
)

// read fills d from a CDA header.
func (d *Document) read(c *cda.Document) {
	d.MediaType, d.Level, d.Embedded = cda.MediaType, max(c.Level, 1), c.Embedded
	if c.SelfPresenting {
		d.MediaType = cda.MediaTypeSelfPresenting
	}
	switch {
	case c.Embedded == nil:
	case c.Embedded.MediaType == "application/pdf":
		d.FormatCode = formatPDF
	case c.Embedded.MediaType == "text/plain":
		d.FormatCode = formatText
	}
	d.UniqueID, d.SetID, d.Version = c.ID.String(), c.SetID.String(), c.Version
	d.setType(c.Type)
	if c.Title != "" {
		d.Title = c.Title
	}
	d.Language = c.Language
	d.Created, d.ServiceStart, d.ServiceStop = c.Created, c.ServiceStart, c.ServiceStop
	d.Facility, d.PracticeSetting = c.Facility, c.PracticeSetting
	d.Author = firstAuthor(c)
	if c.Authenticator.Name != "" {
		d.Authenticator = authorOf(c.Authenticator)
	}
	for _, code := range c.Confidentiality {
		d.Confidentiality.add(code.Code)
	}
	var ids []PatientID
	for _, p := range c.Patients {
		ids = append(ids, PatientID{Text: p.Text, OID: p.OID, National: p.IsINS()})
	}
	d.concern(ids, []cda.Traits{c.Traits})
	for _, id := range c.Replaces {
		d.Replaces = append(d.Replaces, id.String())
	}
	for _, id := range c.Appends {
		d.Appends = append(d.Appends, id.String())
	}
}

// firstAuthor takes the first author, or who answers for the document.
func firstAuthor(c *cda.Document) Author {
	a := c.Authenticator
	if len(c.Authors) > 0 {
		a = c.Authors[0]
	}
	if a.Organisation == (cda.Organisation{}) {
		a.Organisation = c.Custodian
	}
	return authorOf(a)
}

func authorOf(a cda.Author) Author {
	return Author{
		Name: a.Name, ID: a.ID.Extension, Profession: a.Specialty.Code, Specialty: cmp.Or(a.Specialty.Display, a.Specialty.Code),
		Organisation: a.Organisation.Name, OrganisationID: a.Organisation.ID.Extension,
	}
}

// describe fills what d lacks from the metadata of its package. Where both
// speak and differ, d keeps its own and the difference is a defect.
func (d *Document) describe(x *xdm.Document, sets []xdm.SubmissionSet) {
	for _, s := range x.Defects {
		d.defect("metadata: " + s)
	}
	if d.UniqueID != "" && x.UniqueID != "" && x.UniqueID != d.UniqueID {
		d.defect("metadata: another unique id")
	}
	if d.Type.Code != "" && x.Type.Code != "" && x.Type.Code != d.Type.Code {
		d.defect("metadata: another type")
	}
	d.entryID, d.transforms = x.EntryID, x.Transform
	fill(&d.UniqueID, x.UniqueID)
	fill(&d.FormatCode, x.Format.Code)
	fill(&d.Language, x.Language)
	if d.Type.Code == "" {
		d.setType(cda.Code(x.Type))
	}
	if title := x.Title; title != "" && !d.IsCDA() {
		d.Title, d.named = title, false
	} else if d.named && d.Type.Label != "" {
		d.Title, d.named = d.Type.Label, false // better than DOC00001
	}
	fill(&d.Created, x.Created)
	fill(&d.ServiceStart, x.ServiceStart)
	fill(&d.ServiceStop, x.ServiceStop)
	fill(&d.Facility, cda.Code(x.Facility))
	fill(&d.PracticeSetting, cda.Code(x.PracticeSetting))
	for _, c := range x.Events {
		d.Events = append(d.Events, cda.Code(c))
	}
	if len(sets) == 1 { // of several, nothing says which one a document is of
		d.Set = Set{sets[0].UniqueID, sets[0].SourceID, sets[0].Title, cda.Code(sets[0].ContentType), sets[0].Submitted}
	}
	for _, c := range x.Confidentiality {
		d.Confidentiality.add(c.Code)
	}
	d.Replaces = append(d.Replaces, x.Replaces...)
	d.Appends = append(d.Appends, x.Appends...)
	if len(x.Authors) > 0 {
		d.describeAuthor(x.Authors[0])
	}
	d.describePatient(x, sets)
}

func (d *Document) describeAuthor(a xdm.Author) {
	fill(&d.Author.Name, strings.TrimSpace(a.Person.Given+" "+a.Person.Family))
	fill(&d.Author.ID, a.Person.ID)
	fill(&d.Author.Profession, a.Specialty.Code)
	fill(&d.Author.Specialty, a.Specialty.Display)
	fill(&d.Author.Organisation, a.Organisation.Name)
	fill(&d.Author.OrganisationID, a.Organisation.ID)
}

// describePatient adds whom the entry names, and whom the submission names if
// there is but one: a package may hold submissions for several patients.
func (d *Document) describePatient(x *xdm.Document, sets []xdm.SubmissionSet) {
	named := []xdm.PatientID{x.PatientID, x.SourcePatientID}
	if len(sets) == 1 {
		named = append(named, sets[0].PatientID)
	}
	var ids []PatientID
	for _, n := range named {
		if n.Text != "" {
			ins := cda.PatientID{Text: n.Text, OID: n.OID}.IsINS()
			ids = append(ids, PatientID{Text: n.Text, OID: n.OID, National: ins || n.Type == "NH"})
		}
	}
	t := x.SourcePatient
	d.concern(ids, []cda.Traits{{BirthName: t.Family, FirstName: t.Given, BirthDate: t.BirthDate, Sex: t.Sex}})
}

// concern adds patients and traits that d does not name yet.
func (d *Document) concern(ids []PatientID, traits []cda.Traits) {
	for _, id := range ids {
		if !slices.Contains(d.Patients, id) {
			d.Patients = append(d.Patients, id)
		}
	}
	for _, t := range traits {
		if t != (cda.Traits{}) && !slices.Contains(d.Traits, t) {
			d.Traits = append(d.Traits, t)
		}
	}
}

// setType looks a code up in the value set; a code that is not there keeps the
// words it came with.
func (d *Document) setType(c cda.Code) {
	if c.Code == "" || len(c.Code) > 64 {
		return
	}
	t, known := cda.TypeByCode(c.Code)
	if !known {
		t.System = c.System
		if c.Display != "" {
			t.Label = Line(c.Display)
		}
	}
	d.Type = t
}

// fill sets what is still zero.
func fill[T comparable](to *T, v T) {
	var zero T
	if *to == zero {
		*to = v
	}
}
