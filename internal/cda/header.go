package cda

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"vaguemestre/internal/cda/xmltree"
	"vaguemestre/internal/fault"
)

// Metadata is what the header says of a document. A field that the header does
// not give is zero. All text is as written, blanks trimmed.
type Metadata struct {
	ID              ID
	SetID           ID
	Version         string
	Type            Code
	Title           string
	Created         time.Time // effectiveTime
	Confidentiality []Code
	Language        string

	Patients      []PatientID // of every recordTarget, INS and local ones alike
	Traits        Traits      // of the first recordTarget
	Authors       []Author
	Custodian     Organisation
	Authenticator Author // legalAuthenticator

	PracticeSetting           Code
	Facility                  Code
	ServiceStart, ServiceStop time.Time // of the first serviceEvent that has a time

	Replaces []ID // relatedDocument RPLC
	Appends  []ID // relatedDocument APND
}

// An ID is an HL7 instance identifier.
type ID struct{ Root, Extension string }

// String returns the XDS form of the identifier: "root" or "root^extension".
func (id ID) String() string {
	if id.Extension == "" {
		return id.Root
	}
	return id.Root + "^" + id.Extension
}

// A Code is a coded value.
type Code struct{ Code, System, Display string }

// OIDs under which a patient identifier is an INS. The last two are those of
// tests and demonstrations (INS reference, ANS).
const (
	OIDNIR     = "1.2.250.1.213.1.4.8"
	OIDNIA     = "1.2.250.1.213.1.4.9"
	OIDNIRTest = "1.2.250.1.213.1.4.10"
	OIDNIRDemo = "1.2.250.1.213.1.4.11"
)

// A PatientID is one identifier of the patient, its text as written. It
// prints as its OID only.
type PatientID struct{ Text, OID string }

// IsINS reports whether the identifier is an INS matricule, by its OID.
func (p PatientID) IsINS() bool {
	return p.OID == OIDNIR || p.OID == OIDNIA || p.OID == OIDNIRTest || p.OID == OIDNIRDemo
}

// String returns the OID, so that %v and %s cannot leak the identifier.
func (p PatientID) String() string { return "patient:" + p.OID }

// GoString does as String does, for %#v.
func (p PatientID) GoString() string { return p.String() }

// LogValue implements slog.LogValuer.
func (p PatientID) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Traits are the identity traits of a patient, as written. Dates are YYYYMMDD
// or a beginning of it. They print as a constant.
type Traits struct {
	BirthName  string // family name of the birth certificate
	UsedName   string
	FirstName  string // the first one
	FirstNames string // all of them, in order
	BirthDate  string
	Sex        string // M, F or U
	BirthPlace string // INSEE code
}

// String hides the traits, so that %v and %s cannot leak them.
func (t Traits) String() string { return "traits" }

// GoString does as String does, for %#v.
func (t Traits) GoString() string { return t.String() }

// LogValue implements slog.LogValuer.
func (t Traits) LogValue() slog.Value { return slog.StringValue(t.String()) }

// An Author is a person, or a device, that made or answers for the document.
type Author struct {
	ID           ID
	Name         string // "Marcel CAMPARINI", or the name of the software
	Specialty    Code
	Organisation Organisation
	Time         time.Time
}

// An Organisation is an establishment.
type Organisation struct {
	ID   ID
	Name string
}

// most bounds what a header may repeat. A header that names more patients is
// refused, since none of them may be overlooked; the rest is cut.
const most = 64

func readHeader(doc *xmltree.Node) (Metadata, error) {
	m := Metadata{
		ID:            id(doc.Child("id")),
		SetID:         id(doc.Child("setId")),
		Version:       strings.TrimSpace(doc.Child("versionNumber").Attr("value")),
		Type:          code(doc.Child("code")),
		Title:         doc.Child("title").Content(),
		Created:       timestamp(doc.Child("effectiveTime")),
		Language:      doc.Child("languageCode").Attr("code"),
		Custodian:     organisation(doc.Path("custodian", "assignedCustodian", "representedCustodianOrganization")),
		Authenticator: person(doc.Child("legalAuthenticator"), "assignedEntity"),
		Facility:      code(doc.Path("componentOf", "encompassingEncounter", "location", "healthCareFacility", "code")),
	}
	for _, c := range first(doc.All("confidentialityCode")) {
		if v := code(c); v.Code != "" {
			m.Confidentiality = append(m.Confidentiality, v)
		}
	}
	for _, a := range first(doc.All("author")) {
		m.Authors = append(m.Authors, person(a, "assignedAuthor"))
	}
	m.readPatients(doc)
	m.readService(doc)
	for _, r := range first(doc.All("relatedDocument")) {
		for _, p := range first(r.Path("parentDocument").All("id")) {
			switch v := id(p); {
			case v.Root == "":
			case r.Attr("typeCode") == "RPLC":
				m.Replaces = append(m.Replaces, v)
			case r.Attr("typeCode") == "APND":
				m.Appends = append(m.Appends, v)
			}
		}
	}
	if len(m.Patients) > most {
		return Metadata{}, fmt.Errorf("over %d patient identifiers: %w", most, fault.TooLarge)
	}
	return m, nil
}

func first(n []*xmltree.Node) []*xmltree.Node { return n[:min(len(n), most)] }

func (m *Metadata) readPatients(doc *xmltree.Node) {
	for i, t := range doc.All("recordTarget") {
		role := t.Child("patientRole")
		for _, n := range role.All("id") {
			if v := id(n); v.Extension != "" {
				m.Patients = append(m.Patients, PatientID{Text: v.Extension, OID: v.Root})
			}
		}
		if i == 0 {
			m.Traits = traits(role.Child("patient"))
		}
	}
}

// readService takes the times and the practice setting of the main act. Only
// one event is meant to have times; the others qualify it.
func (m *Metadata) readService(doc *xmltree.Node) {
	for _, d := range doc.All("documentationOf") {
		event := d.Child("serviceEvent")
		if t := event.Child("effectiveTime"); t != nil && m.ServiceStart.IsZero() {
			m.ServiceStart, m.ServiceStop = timestamp(t.Child("low")), timestamp(t.Child("high"))
			if m.ServiceStart.IsZero() {
				m.ServiceStart = timestamp(t)
			}
		}
		setting := event.Path("performer", "assignedEntity", "representedOrganization", "standardIndustryClassCode")
		if m.PracticeSetting.Code == "" {
			m.PracticeSetting = code(setting)
		}
	}
}

func traits(p *xmltree.Node) Traits {
	t := Traits{
		BirthDate:  digits(p.Child("birthTime").Attr("value"), 8),
		Sex:        p.Child("administrativeGenderCode").Attr("code"),
		BirthPlace: p.Path("birthplace", "place", "addr", "county").Content(),
	}
	name := p.Child("name")
	for _, f := range name.All("family") {
		switch v := f.Content(); {
		case f.Attr("qualifier") == "BR" && t.BirthName == "":
			t.BirthName = v
		case f.Attr("qualifier") == "CL", t.UsedName == "":
			t.UsedName = v // CL is the name in use; SP, the spouse's, stands in for it
		}
	}
	for _, g := range name.All("given") {
		switch v := g.Content(); {
		case g.Attr("qualifier") == "BR" && t.FirstName == "":
			t.FirstName = v
		case g.Attr("qualifier") == "" && t.FirstNames == "":
			t.FirstNames = v
		}
	}
	return t
}

// person reads an author or an authenticator; entity names the element that
// holds it.
func person(n *xmltree.Node, entity string) Author {
	e := n.Child(entity)
	a := Author{
		ID:           id(e.Child("id")),
		Name:         personName(e.Path("assignedPerson", "name")),
		Specialty:    code(e.Child("code")),
		Organisation: organisation(e.Child("representedOrganization")),
		Time:         timestamp(n.Child("time")),
	}
	if a.Name == "" {
		device := e.Child("assignedAuthoringDevice")
		a.Name = device.Child("softwareName").Content()
		if a.Name == "" {
			a.Name = device.Child("manufacturerModelName").Content()
		}
	}
	return a
}

func personName(n *xmltree.Node) string {
	var parts []string
	for _, p := range []string{"given", "family"} {
		if v := n.Child(p).Content(); v != "" {
			parts = append(parts, v)
		}
	}
	if len(parts) == 0 {
		return n.Content()
	}
	return strings.Join(parts, " ")
}

func organisation(n *xmltree.Node) Organisation {
	return Organisation{ID: id(n.Child("id")), Name: n.Child("name").Content()}
}

func id(n *xmltree.Node) ID {
	return ID{strings.TrimSpace(n.Attr("root")), strings.TrimSpace(n.Attr("extension"))}
}

func code(n *xmltree.Node) Code {
	return Code{strings.TrimSpace(n.Attr("code")), n.Attr("codeSystem"), n.Attr("displayName")}
}
