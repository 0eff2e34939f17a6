package xdm

import (
	"archive/zip"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/fault"
)

// Write writes a zip of one submission set. The same package gives the same
// bytes. Documents are renamed DOC00001.XML and so on, as the profile wants
// (ISO 9660 level 1); their Name only gives the extension. What Read finds in
// the result is what was written, but for the names and the fields that need a
// file to be true (HashOK, Described). A package of no set, of several, or of
// more than 9 999 documents is fault.Invalid.
func Write(w io.Writer, p *Package) error {
	if len(p.Sets) != 1 || len(p.Documents) > 9999 {
		return fmt.Errorf("xdm: write: %d sets, %d documents: %w", len(p.Sets), len(p.Documents), fault.Invalid)
	}
	names := make([]string, len(p.Documents))
	for i, d := range p.Documents {
		names[i] = fmt.Sprintf("DOC%05d%s", i+1, extension(d))
	}
	z := zip.NewWriter(w)
	add := func(name string, data []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: p.Sets[0].Submitted.UTC()})
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			return fmt.Errorf("xdm: write: %w", err)
		}
		return nil
	}
	const folder = "IHE_XDM/SUBSET01/"
	steps := []struct {
		name string
		data []byte
	}{
		{"README.TXT", readme(p, names)},
		{"INDEX.HTM", index(p, names)},
		{folder + "METADATA.XML", metadata(p, names)},
	}
	for _, s := range steps {
		if err := add(s.name, s.data); err != nil {
			return err
		}
	}
	for i, d := range p.Documents {
		if err := add(folder+names[i], d.Data); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("xdm: write: %w", err)
	}
	return nil
}

// extension returns the three letters a file keeps, by its name or its type.
func extension(d Document) string {
	ext := strings.ToUpper(path.Ext(d.Name))
	if len(ext) > 1 && len(ext) <= 4 && strings.Trim(ext[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" {
		return ext
	}
	switch d.MediaType {
	case "text/xml":
		return ".XML"
	case "application/pdf":
		return ".PDF"
	case "application/xslt+xml":
		return ".XSL"
	}
	return ".BIN"
}

func readme(p *Package, names []string) []byte {
	var b strings.Builder
	b.WriteString("Emetteur / Sender:\r\n")
	for _, a := range p.Sets[0].Authors {
		fmt.Fprintf(&b, "\t%s %s, %s\r\n", oneLine(a.Person.Given), oneLine(a.Person.Family), oneLine(a.Organisation.Name))
	}
	b.WriteString("\r\nApplication: Vaguemestre\r\n\r\nArborescence / Files:\r\n\tREADME.TXT\r\n\tINDEX.HTM\r\n\tIHE_XDM\\SUBSET01\\METADATA.XML\r\n")
	for _, n := range names {
		fmt.Fprintf(&b, "\tIHE_XDM\\SUBSET01\\%s\r\n", n)
	}
	return []byte(b.String())
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func index(p *Package, names []string) []byte {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML Basic 1.1//EN\" \"http://www.w3.org/TR/xhtml-basic/xhtml-basic11.dtd\">\r\n" +
		"<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>IHE_XDM</title></head><body>\r\n<p><a href=\"README.TXT\">README</a></p>\r\n<ul>\r\n")
	for i, n := range names {
		fmt.Fprintf(&b, "<li><a href=\"IHE_XDM/SUBSET01/%s\">%s</a></li>\r\n", n, html.EscapeString(oneLine(p.Documents[i].Title)))
	}
	b.WriteString("</ul>\r\n</body></html>\r\n")
	return []byte(b.String())
}

// metadata writes the SubmitObjectsRequest.
func metadata(p *Package, names []string) []byte {
	m := ebrim{}
	m.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">` +
		"<RegistryObjectList>\n")
	m.set(p.Sets[0])
	ids := make([]string, len(p.Documents))
	for i, d := range p.Documents {
		if ids[i] = d.EntryID; ids[i] == "" {
			ids[i] = fmt.Sprintf("Document%02d", i+1)
		}
		m.document(d, ids[i], names[i])
	}
	for i, d := range p.Documents {
		m.association(hasMember, submissionSet, ids[i])
		for _, t := range d.Replaces {
			m.association(association+"RPLC", ids[i], t)
		}
		for _, t := range d.Appends {
			m.association(association+"APND", ids[i], t)
		}
		for _, t := range d.Transform {
			m.association(association+"XFRM", ids[i], t)
		}
	}
	m.raw("</RegistryObjectList></lcm:SubmitObjectsRequest>\n")
	return []byte(m.b.String())
}

const submissionSet = "SubmissionSet01"

// ebrim writes ebRIM elements, one line each, with ids counted up.
type ebrim struct {
	b strings.Builder
	n int
}

func (m *ebrim) raw(s string) { m.b.WriteString(s) }

func (m *ebrim) text(s string) { _ = xml.EscapeText(&m.b, []byte(s)) } // a Builder does not fail

func (m *ebrim) open(name string, attrs ...string) {
	m.raw("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		m.raw(" " + attrs[i] + `="`)
		m.text(attrs[i+1])
		m.raw(`"`)
	}
	m.raw(">")
}

func (m *ebrim) id(prefix string) string {
	m.n++
	return prefix + strconv.Itoa(m.n)
}

func (m *ebrim) slot(name string, values ...string) {
	kept := values[:0:0]
	for _, v := range values {
		if v != "" {
			kept = append(kept, v)
		}
	}
	if len(kept) == 0 {
		return
	}
	m.open("Slot", "name", name)
	m.raw("<ValueList>")
	for _, v := range kept {
		m.raw("<Value>")
		m.text(v)
		m.raw("</Value>")
	}
	m.raw("</ValueList></Slot>")
}

func (m *ebrim) localized(element, s string) {
	if s == "" {
		return
	}
	m.raw("<" + element + ">")
	m.open("LocalizedString", "charset", "UTF8", "value", s, "xml:lang", "FR")
	m.raw("</LocalizedString></" + element + ">")
}

func (m *ebrim) code(object, scheme string, c Code) {
	if c == (Code{}) {
		return
	}
	m.open("Classification", "classificationScheme", "urn:uuid:"+scheme, "classifiedObject", object,
		"id", m.id("cla"), "nodeRepresentation", c.Code)
	m.slot("codingScheme", c.System)
	m.localized("Name", c.Display)
	m.raw("</Classification>\n")
}

func (m *ebrim) author(object, scheme string, a Author) {
	m.open("Classification", "classificationScheme", "urn:uuid:"+scheme, "classifiedObject", object,
		"id", m.id("cla"), "nodeRepresentation", "")
	m.slot("authorPerson", a.Person.xcn())
	m.slot("authorInstitution", a.Organisation.xon())
	if s := a.Specialty; s != (Code{}) {
		m.slot("authorSpecialty", clean(s.Code)+"^"+clean(s.Display)+"^"+clean(s.System))
	}
	m.slot("authorRole", a.Role)
	m.raw("</Classification>\n")
}

func (m *ebrim) identifier(object, scheme, name, value string) {
	if value == "" {
		return
	}
	m.open("ExternalIdentifier", "id", m.id("ei"), "identificationScheme", "urn:uuid:"+scheme,
		"registryObject", object, "value", value)
	m.localized("Name", name)
	m.raw("</ExternalIdentifier>\n")
}

func (m *ebrim) set(s SubmissionSet) {
	m.open("RegistryPackage", "id", submissionSet)
	m.slot("submissionTime", xdsTime(s.Submitted))
	m.localized("Name", s.Title)
	m.localized("Description", s.Comments)
	for _, a := range s.Authors {
		m.author(submissionSet, setAuthor, a)
	}
	m.code(submissionSet, setContentType, s.ContentType)
	m.open("Classification", "classificationNode", "urn:uuid:"+objectSet, "classifiedObject", submissionSet, "id", m.id("cla"))
	m.raw("</Classification>")
	m.identifier(submissionSet, setPatientID, "XDSSubmissionSet.patientId", s.PatientID.cx())
	m.identifier(submissionSet, setSourceID, "XDSSubmissionSet.sourceId", s.SourceID)
	m.identifier(submissionSet, setUniqueID, "XDSSubmissionSet.uniqueId", s.UniqueID)
	m.raw("</RegistryPackage>\n")
}

func (m *ebrim) document(d Document, id, name string) {
	m.open("ExtrinsicObject", "id", id, "mimeType", d.MediaType, "objectType", "urn:uuid:"+objectDocument)
	m.slot("creationTime", xdsTime(d.Created))
	m.slot("languageCode", d.Language)
	m.slot("hash", sha1Hex(d.Data))
	m.slot("size", strconv.Itoa(len(d.Data)))
	m.slot("URI", name)
	m.slot("legalAuthenticator", d.Authenticator.xcn())
	m.slot("serviceStartTime", xdsTime(d.ServiceStart))
	m.slot("serviceStopTime", xdsTime(d.ServiceStop))
	m.slot("sourcePatientId", d.SourcePatientID.cx())
	if t := d.SourcePatient; t != (Traits{}) {
		m.slot("sourcePatientInfo", "PID-5|"+clean(t.Family)+"^"+clean(t.Given)+"^^^^^L", "PID-7|"+clean(t.BirthDate), "PID-8|"+clean(t.Sex))
	}
	m.localized("Name", d.Title)
	m.localized("Description", d.Comments)
	for _, a := range d.Authors {
		m.author(id, docAuthor, a)
	}
	m.code(id, docClass, d.Class)
	m.code(id, docType, d.Type)
	for _, c := range d.Confidentiality {
		m.code(id, docConfidentiality, c)
	}
	m.code(id, docFormat, d.Format)
	m.code(id, docFacility, d.Facility)
	m.code(id, docPracticeSetting, d.PracticeSetting)
	for _, c := range d.Events {
		m.code(id, docEvent, c)
	}
	m.identifier(id, docPatientID, "XDSDocumentEntry.patientId", d.PatientID.cx())
	m.identifier(id, docUniqueID, "XDSDocumentEntry.uniqueId", d.UniqueID)
	m.raw("</ExtrinsicObject>\n")
}

func (m *ebrim) association(kind, source, target string) {
	m.open("Association", "associationType", kind, "id", m.id("as"), "sourceObject", source, "targetObject", target)
	if kind == hasMember {
		m.slot("SubmissionSetStatus", "Original")
	}
	m.raw("</Association>\n")
}

func xdsTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(layout)
}
