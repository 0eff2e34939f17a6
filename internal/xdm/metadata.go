package xdm

import (
	"fmt"
	"regexp"
	"strings"

	"vaguemestre/internal/cda/xmltree"
	"vaguemestre/internal/fault"
)

// ebRIM identifiers of XDS (IHE ITI TF-3 §4.2.5), without "urn:uuid:".
const (
	objectDocument = "7edca82f-054d-47f2-a032-9b2a5b5186c1"
	objectSet      = "a54d6aa5-d40d-43f9-88c5-b4633d873bdd"

	setAuthor      = "a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
	setContentType = "aa543740-bdda-424e-8c96-df4873be8500"
	setPatientID   = "6b5aea1a-874d-4603-a4bc-96a0a7b38446"
	setSourceID    = "554ac39e-e3fe-47fe-b233-965d2a147832"
	setUniqueID    = "96fdda7c-d067-4183-912e-bf5ee74998a8"

	docAuthor          = "93606bcf-9494-43ec-9b4e-a7748d1a838d"
	docClass           = "41a5887f-8865-4c09-adf7-e362475b143a"
	docType            = "f0306f51-975f-434e-a61c-c59651d33983"
	docConfidentiality = "f4f85eac-e6cb-4883-b524-f2705394840f"
	docFormat          = "a09d5840-386c-46f2-b5ad-9c3699a4309d"
	docFacility        = "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
	docPracticeSetting = "cccf5598-8b07-4b77-a05e-ae952c785ead"
	docEvent           = "2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
	docPatientID       = "58a6f841-87b3-4a3e-92fd-a8ffeff98427"
	docUniqueID        = "2e82c1f6-a085-4c72-9da3-8640a32e42ab"

	association = "urn:ihe:iti:2007:AssociationType:"
	hasMember   = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
)

// An entry is an ExtrinsicObject: the description of a document, and where it
// says the file is.
type entry struct {
	Document
	uri, hash, size string
}

// describe reads one METADATA.XML and takes the files it describes.
func (p *Package) describe(meta *file, files []*file, lim Limits) error {
	if len(meta.data) > lim.Metadata {
		return fmt.Errorf("metadata of %d bytes: %w", len(meta.data), fault.TooLarge)
	}
	root, err := xmltree.Parse(meta.data, xmltree.Options{Fold: true})
	if err != nil {
		return err
	}
	objects := root.Child("registryobjectlist")
	if objects == nil && root.Name == "registryobjectlist" {
		objects = root
	}
	if objects == nil {
		return fmt.Errorf("metadata without a RegistryObjectList: %w", fault.Invalid)
	}
	packages, documents := objects.All("registrypackage"), objects.All("extrinsicobject")
	if len(packages)+len(documents) > lim.Entries {
		return fmt.Errorf("metadata of over %d objects: %w", lim.Entries, fault.TooLarge)
	}
	sets := 0
	for _, n := range packages {
		if len(packages) == 1 || isSet(n, objects) {
			p.Sets, sets = append(p.Sets, readSet(n)), sets+1
		}
	}
	if sets == 0 { // documents without a submission set: say so, keep them
		p.Sets = append(p.Sets, SubmissionSet{})
		p.defect("METADATA.XML has no submission set")
	}
	var entries []*entry
	for _, n := range documents {
		entries = append(entries, readEntry(n))
	}
	for _, n := range objects.All("association") {
		associate(entries, n)
	}
	p.Documents = append(p.Documents, match(entries, files, meta)...)
	return nil
}

// isSet tells a submission set from a folder: by its classification, within it
// or beside it.
func isSet(n, objects *xmltree.Node) bool {
	for _, c := range append(n.All("classification"), objects.All("classification")...) {
		if uuid(c.Attr("classificationnode")) == objectSet && c.Attr("classifiedobject") == n.Attr("id") {
			return true
		}
	}
	return false
}

func readSet(n *xmltree.Node) SubmissionSet {
	s := SubmissionSet{
		UniqueID:  identifier(n, setUniqueID, "XDSSubmissionSet.uniqueId"),
		SourceID:  identifier(n, setSourceID, "XDSSubmissionSet.sourceId"),
		PatientID: patientID(identifier(n, setPatientID, "XDSSubmissionSet.patientId")),
		Title:     localized(n.Child("name")),
		Comments:  localized(n.Child("description")),
		Submitted: timestamp(slot(n, "submissionTime")),
	}
	for _, c := range n.All("classification") {
		switch uuid(c.Attr("classificationscheme")) {
		case setContentType:
			s.ContentType = readCode(c)
		case setAuthor:
			s.Authors = append(s.Authors, readAuthor(c))
		}
	}
	return s
}

func readEntry(n *xmltree.Node) *entry {
	e := &entry{
		Document: Document{
			Described:       true,
			EntryID:         n.Attr("id"),
			MediaType:       strings.ToLower(strings.TrimSpace(n.Attr("mimetype"))),
			UniqueID:        identifier(n, docUniqueID, "XDSDocumentEntry.uniqueId"),
			Title:           localized(n.Child("name")),
			Comments:        localized(n.Child("description")),
			Language:        slot(n, "languageCode"),
			Created:         timestamp(slot(n, "creationTime")),
			ServiceStart:    timestamp(slot(n, "serviceStartTime")),
			ServiceStop:     timestamp(slot(n, "serviceStopTime")),
			Authenticator:   person(slot(n, "legalAuthenticator")),
			PatientID:       patientID(identifier(n, docPatientID, "XDSDocumentEntry.patientId")),
			SourcePatientID: patientID(slot(n, "sourcePatientId")),
			SourcePatient:   traits(slots(n, "sourcePatientInfo")),
		},
		uri:  uri(slots(n, "URI")),
		hash: strings.ToLower(slot(n, "hash")),
		size: slot(n, "size"),
	}
	if t := uuid(n.Attr("objecttype")); t != objectDocument && t != "" {
		e.Defects = append(e.Defects, "the entry is of another object type")
	}
	for _, c := range n.All("classification") {
		e.classify(c)
	}
	return e
}

func (e *entry) classify(c *xmltree.Node) {
	one := map[string]*Code{
		docType: &e.Type, docClass: &e.Class, docFormat: &e.Format,
		docFacility: &e.Facility, docPracticeSetting: &e.PracticeSetting,
	}
	scheme := uuid(c.Attr("classificationscheme"))
	switch {
	case one[scheme] != nil:
		*one[scheme] = readCode(c)
	case scheme == docConfidentiality:
		e.Confidentiality = append(e.Confidentiality, readCode(c))
	case scheme == docEvent:
		e.Events = append(e.Events, readCode(c))
	case scheme == docAuthor:
		if a := readAuthor(c); a != (Author{}) {
			e.Authors = append(e.Authors, a)
		}
	}
}

// associate adds the target of an association to the entry it starts from.
func associate(entries []*entry, n *xmltree.Node) {
	source, target := n.Attr("sourceobject"), n.Attr("targetobject")
	kind := n.Attr("associationtype")
	kind = kind[strings.LastIndexByte(kind, ':')+1:]
	for _, e := range entries {
		if e.EntryID != source || target == "" {
			continue
		}
		switch kind {
		case "RPLC":
			e.Replaces = append(e.Replaces, target)
		case "APND":
			e.Appends = append(e.Appends, target)
		case "XFRM":
			e.Transform = append(e.Transform, target)
		case "XFRM_RPLC":
			e.Replaces, e.Transform = append(e.Replaces, target), append(e.Transform, target)
		}
	}
}

// uuid strips the prefix and the blanks of an identifier of the tables above.
func uuid(s string) string {
	s = strings.ToLower(strings.Join(strings.Fields(s), ""))
	return strings.TrimPrefix(s, "urn:uuid:")
}

// identifier finds an ExternalIdentifier by its scheme, or by the end of its
// name where the scheme is wrong: names are misspelt before the dot.
func identifier(n *xmltree.Node, scheme, name string) string {
	_, last, _ := strings.Cut(name, ".")
	byName := ""
	for _, x := range n.All("externalidentifier") {
		if uuid(x.Attr("identificationscheme")) == scheme {
			return strings.TrimSpace(x.Attr("value"))
		}
		if _, l, _ := strings.Cut(localized(x.Child("name")), "."); strings.EqualFold(l, last) && byName == "" {
			byName = strings.TrimSpace(x.Attr("value"))
		}
	}
	return byName
}

// slots returns the values of a slot, whose name is not case-sensitive here.
func slots(n *xmltree.Node, name string) []string {
	var values []string
	for _, s := range n.All("slot") {
		if !strings.EqualFold(s.Attr("name"), name) {
			continue
		}
		for _, v := range s.Child("valuelist").All("value") {
			values = append(values, v.Content())
		}
	}
	return values
}

func slot(n *xmltree.Node, name string) string {
	if v := slots(n, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func localized(n *xmltree.Node) string {
	return strings.TrimSpace(n.Child("localizedstring").Attr("value"))
}

func readCode(c *xmltree.Node) Code {
	return Code{
		Code:    strings.TrimSpace(c.Attr("noderepresentation")),
		System:  slot(c, "codingScheme"),
		Display: localized(c.Child("name")),
	}
}

func readAuthor(c *xmltree.Node) Author {
	a := Author{
		Person:       person(slot(c, "authorPerson")),
		Organisation: organisation(slot(c, "authorInstitution")),
		Specialty:    specialty(slot(c, "authorSpecialty")),
		Role:         slot(c, "authorRole"),
	}
	return a
}

var chunk = regexp.MustCompile(`^\d+\|`)

// uri joins the values of a URI slot, which may come in numbered pieces
// ("1|http://…", IHE ITI TF-3 §4.2.3.2.27).
func uri(values []string) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(chunk.ReplaceAllString(v, ""))
	}
	return b.String()
}
