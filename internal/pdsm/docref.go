package pdsm

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/vault"
)

// DocumentReference writes what there is to say of a document (fiche).
func (w Writer) DocumentReference(d hub.DocumentView) fhir.DocumentReference {
	e := &d.Entry
	subject := Subject(d.Patient)
	r := fhir.DocumentReference{
		Kind: "DocumentReference", ID: d.ID,
		Meta:             &fhir.Meta{VersionID: e.EntryUUID, Profile: []string{ProfileDocument}, Tag: tags(d)},
		Extension:        stateExtensions(d.Flags),
		MasterIdentifier: UniqueIdentifier(MasterID(e)),
		Identifier:       w.Identifiers(d),
		Status:           DocumentStatus(d.Flags),
		Type:             typeConcept(e.TypeCode),
		Category:         classConcept(e.Class),
		Subject:          &subject,
		Date:             Stamp(e.Filed),
		Custodian:        &fhir.Reference{Type: "Organization", Identifier: &fhir.Identifier{System: URISystem, Value: w.Base}, Display: "Vaguemestre"},
		Description:      e.Comments,
		SecurityLabel:    securityLabels(e.Confidentiality, d.Flags),
		Content:          w.attachments(d),
	}
	if len(r.Content) > 1 { // the profile, as that of IHE, has one
		r.Meta.Profile = nil
	}
	people := people{&r.Contained}
	r.Author = []fhir.Reference{people.author("author", e.Author, e.Depositor, d.Patient)}
	if e.Authenticator != (vault.Author{}) {
		a := people.author("authenticator", e.Authenticator, "", d.Patient)
		r.Authenticator = &a
	}
	for _, id := range e.Replaces {
		r.RelatesTo = append(r.RelatesTo, fhir.RelatesTo{Code: "replaces", Target: fhir.Reference{Type: "DocumentReference", Identifier: UniqueIdentifier(id)}})
	}
	r.Context = people.context(e, d.Patient)
	return r
}

// tags say what is of this hub: by which rule the document may be seen, and
// that its identity is to be verified.
func tags(d hub.DocumentView) []fhir.Coding {
	var out []fhir.Coding
	if d.Access.Rule != "" {
		out = append(out, fhir.Coding{System: RuleSystem, Code: d.Access.Rule})
	}
	if d.Flags&vault.ToVerify != 0 {
		out = append(out, fhir.Coding{System: "urn:vaguemestre:state", Code: "identity-to-verify", Display: "Identité à vérifier"})
	}
	return out
}

// Subject refers to the patient, by the record and by the matricule.
func Subject(p hub.PatientView) fhir.Reference {
	ref := fhir.Reference{Reference: "Patient/" + p.ID}
	if !p.Matricule.IsZero() {
		ref.Identifier = &fhir.Identifier{System: INSSystem(p.Matricule), Value: p.Matricule.Canonical()}
	}
	return ref
}

// DocumentStatus is the status of a document in its states.
func DocumentStatus(f vault.Flags) string {
	if f&(vault.Superseded|vault.Deleted) != 0 {
		return "superseded"
	}
	return "current"
}

// stateExtensions says what FHIR has no element for. Being archived is always
// said, so that it can be patched by "replace".
func stateExtensions(f vault.Flags) []fhir.Extension {
	archived, deleted := f&vault.Archived != 0, true
	out := []fhir.Extension{{URL: ExtArchived, Boolean: &archived}}
	if f&vault.Deleted != 0 {
		out = append(out, fhir.Extension{URL: ExtDeleted, Boolean: &deleted})
	}
	return out
}

// Identifiers lists the identifiers of a document: the producer's, that
// of the entry as it is, and that of the document through its versions.
func (w Writer) Identifiers(d hub.DocumentView) []fhir.Identifier {
	var out []fhir.Identifier
	if i := UniqueIdentifier(d.Entry.UniqueID); i != nil {
		out = append(out, typedIdentifier("uniqueId", i))
	}
	out = append(out, typedIdentifier("entryUUID", &fhir.Identifier{System: URISystem, Value: UUID(d.Entry.EntryUUID)}))
	if d.Entry.LogicalID != "" {
		out = append(out, typedIdentifier("logicalId", &fhir.Identifier{System: URISystem, Value: UUID(d.Entry.LogicalID)}))
	}
	return append(out, fhir.Identifier{System: w.Base + "/DocumentReference", Value: d.ID})
}

// RenditionSuffix ends the id of the Binary that is the PDF beside a document.
const RenditionSuffix = ".pdf"

// attachments describes the document and, where its author sent one beside it, the
// PDF that shows it to people.
func (w Writer) attachments(d hub.DocumentView) []fhir.Content {
	list := []fhir.Content{w.content(d)}
	if d.Entry.Rendition != "" {
		list = append(list, fhir.Content{Attachment: fhir.Attachment{ContentType: RenditionMedia, Language: list[0].Attachment.Language,
			URL: w.Binary(d.ID + RenditionSuffix), Title: d.Entry.Title, Creation: Stamp(d.Entry.Created)},
			Format: &fhir.Coding{System: SysFormat, Code: "urn:ihe:iti:xds:2017:mimeTypeSufficient"}})
	}
	return list
}

// RenditionMedia is the media type of that PDF.
const RenditionMedia = "application/pdf"

// content describes the bytes, and says where they are.
func (w Writer) content(d hub.DocumentView) fhir.Content {
	e := &d.Entry
	c := fhir.Content{Attachment: fhir.Attachment{
		ContentType: e.MediaType, Language: e.Language, URL: w.Binary(d.ID), Size: &e.Size,
		Title: e.Title, Creation: Stamp(e.Created),
	}}
	if c.Attachment.Language == "" {
		c.Attachment.Language = "fr-FR"
	}
	if sum, err := hex.DecodeString(e.SHA1); err == nil && len(sum) > 0 {
		c.Attachment.Hash = base64.StdEncoding.EncodeToString(sum)
	}
	code := FormatOf(e)
	c.Format = &fhir.Coding{System: FormatSystem(code), Code: code}
	return c
}

// MasterID is the identifier of a document for the outside: the producer's, or
// else one of ours, which lasts as long.
func MasterID(e *vault.Entry) string {
	return cmp.Or(e.UniqueID, UUID(e.LogicalID))
}

// FormatOf is the format of a document; where nobody named one, its media type
// says enough.
func FormatOf(e *vault.Entry) string {
	return cmp.Or(e.FormatCode, "urn:ihe:iti:xds:2017:mimeTypeSufficient")
}

// FormatSystem returns the system of a format: IHE's for those of IHE.
func FormatSystem(code string) string {
	if strings.HasPrefix(code, "urn:ihe:") {
		return SysFormat
	}
	return "urn:oid:1.2.250.1.213.1.1.4.2.282" // TRE_A06-FormatCodeComplementaire
}

// people gathers those whom a resource brings with it.
type people struct{ contained *[]any }

func (c people) add(r any) { *c.contained = append(*c.contained, r) }

// Author writes who answers for a document into what a resource contains, and
// refers to them by id.
func Author(contained *[]any, id string, a vault.Author, by vault.Depositor, p hub.PatientView) fhir.Reference {
	return people{contained}.author(id, a, by, p)
}

// author writes who answers for a document, and refers to them.
func (c people) author(id string, a vault.Author, by vault.Depositor, p hub.PatientView) fhir.Reference {
	if by != "" {
		if by == vault.ByPatient {
			return fhir.Reference{Reference: "Patient/" + p.ID, Display: a.Name}
		}
		return fhir.Reference{Type: "RelatedPerson", Display: cmp.Or(a.Name, "Représentant légal")}
	}
	who := fhir.Reference{Reference: "#" + id, Display: cmp.Or(a.Name, a.Organisation)}
	role := fhir.PractitionerRole{Kind: "PractitionerRole", ID: id}
	if a.Name != "" || a.ID != "" {
		c.add(Practitioner(id+"-person", a.Name, a.ID))
		role.Practitioner = &fhir.Reference{Reference: "#" + id + "-person"}
	}
	if a.Organisation != "" || a.OrganisationID != "" {
		c.add(organisation(id+"-org", a.Organisation, a.OrganisationID))
		role.Organization = &fhir.Reference{Reference: "#" + id + "-org"}
	}
	if a.Profession != "" {
		profession, _, _ := strings.Cut(a.Profession, "/")
		role.Code = []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: SysProfession, Code: strings.TrimPrefix(profession, "G15_")}}}}
		role.Specialty = []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: SysJ01, Code: a.Profession, Display: a.Specialty}}}}
	} else if a.Specialty != "" {
		role.Specialty = []fhir.CodeableConcept{{Text: a.Specialty}}
	}
	if role.Practitioner == nil && role.Organization == nil {
		return fhir.Reference{Type: "PractitionerRole", Display: cmp.Or(who.Display, "Inconnu")}
	}
	c.add(role)
	return who
}

// Practitioner writes a professional, by their national identifier.
func Practitioner(id, name, national string) fhir.Practitioner {
	p := fhir.Practitioner{Kind: "Practitioner", ID: id}
	if name != "" {
		p.Name = []fhir.HumanName{{Text: name}}
	}
	if national != "" {
		p.Identifier = []fhir.Identifier{{System: SysPerson, Value: national}}
	}
	return p
}

func organisation(id, name, national string) fhir.Organization {
	o := fhir.Organization{Kind: "Organization", ID: id, Name: name}
	if national != "" {
		o.Identifier = []fhir.Identifier{{System: SysOrganisation, Value: national}}
	}
	return o
}

// context says what a document came out of.
func (c people) context(e *vault.Entry, p hub.PatientView) *fhir.Context {
	x := fhir.Context{FacilityType: Concept(e.Facility), PracticeSetting: Concept(e.PracticeSetting)}
	for _, code := range e.EventCodes {
		x.Event = append(x.Event, *Concept(code))
	}
	if from, to := Period(e); !from.IsZero() {
		x.Period = &fhir.Period{Start: Stamp(from), End: Stamp(to)}
	}
	if !p.Matricule.IsZero() {
		source := Patient(p)
		source.ID, source.Active, source.Meta, source.Extension = "patient", nil, nil, nil
		c.add(source)
		x.SourcePatientInfo = &fhir.Reference{Reference: "#patient"}
	}
	return &x
}

// Period is when the act of a document was done.
func Period(e *vault.Entry) (from, to time.Time) {
	from, to = e.ServiceStart, e.ServiceStop
	if from.IsZero() {
		from = to
	}
	if from.IsZero() {
		from = e.Created
	}
	return from, to
}
