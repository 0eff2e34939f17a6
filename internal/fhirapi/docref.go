package fhirapi

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/vault"
)

// documentReference writes what there is to say of a document (fiche).
func (s *Server) documentReference(d hub.DocumentView) fhir.DocumentReference {
	e := &d.Entry
	subject := s.subject(d.Patient)
	r := fhir.DocumentReference{
		Kind: "DocumentReference", ID: d.ID,
		Meta:             &fhir.Meta{VersionID: e.EntryUUID, Profile: []string{profileDocument}, Tag: tags(d)},
		Extension:        stateExtensions(d.Flags),
		MasterIdentifier: uniqueIdentifier(masterID(e)),
		Identifier:       documentIdentifiers(s, d),
		Status:           documentStatus(d.Flags),
		Type:             typeConcept(e.TypeCode),
		Category:         classConcept(e.Class),
		Subject:          &subject,
		Date:             stamp(e.Filed),
		Custodian:        &fhir.Reference{Type: "Organization", Identifier: &fhir.Identifier{System: uriSystem, Value: s.cfg.Base}, Display: "Vaguemestre"},
		Description:      e.Comments,
		SecurityLabel:    securityLabels(e.Confidentiality, d.Flags),
		Content:          s.attachments(d),
	}
	if len(r.Content) > 1 { // the profile, as that of IHE, has one
		r.Meta.Profile = nil
	}
	people := contained{resource: &r}
	r.Author = []fhir.Reference{people.author("author", e.Author, e.Depositor, d.Patient)}
	if e.Authenticator != (vault.Author{}) {
		a := people.author("authenticator", e.Authenticator, "", d.Patient)
		r.Authenticator = &a
	}
	for _, id := range e.Replaces {
		r.RelatesTo = append(r.RelatesTo, fhir.RelatesTo{Code: "replaces", Target: fhir.Reference{Type: "DocumentReference", Identifier: uniqueIdentifier(id)}})
	}
	r.Context = people.context(e, d.Patient)
	return r
}

// tags say what is of this hub: by which rule the document may be seen, and
// that its identity is to be verified.
func tags(d hub.DocumentView) []fhir.Coding {
	var out []fhir.Coding
	if d.Access.Rule != "" {
		out = append(out, fhir.Coding{System: ruleSystem, Code: d.Access.Rule})
	}
	if d.Flags&vault.ToVerify != 0 {
		out = append(out, fhir.Coding{System: "urn:vaguemestre:state", Code: "identity-to-verify", Display: "Identité à vérifier"})
	}
	return out
}

// subject refers to the patient, by the record and by the matricule.
func (s *Server) subject(p hub.PatientView) fhir.Reference {
	ref := fhir.Reference{Reference: "Patient/" + p.ID}
	if !p.Matricule.IsZero() {
		ref.Identifier = &fhir.Identifier{System: insSystem(p.Matricule), Value: p.Matricule.Canonical()}
	}
	return ref
}

func documentStatus(f vault.Flags) string {
	if f&(vault.Superseded|vault.Deleted) != 0 {
		return "superseded"
	}
	return "current"
}

// stateExtensions says what FHIR has no element for. Being archived is always
// said, so that it can be patched by "replace".
func stateExtensions(f vault.Flags) []fhir.Extension {
	archived, deleted := f&vault.Archived != 0, true
	out := []fhir.Extension{{URL: extArchived, Boolean: &archived}}
	if f&vault.Deleted != 0 {
		out = append(out, fhir.Extension{URL: extDeleted, Boolean: &deleted})
	}
	return out
}

// documentIdentifiers lists the identifiers of a document: the producer's, that
// of the entry as it is, and that of the document through its versions.
func documentIdentifiers(s *Server, d hub.DocumentView) []fhir.Identifier {
	var out []fhir.Identifier
	if i := uniqueIdentifier(d.Entry.UniqueID); i != nil {
		out = append(out, typedIdentifier("uniqueId", i))
	}
	out = append(out, typedIdentifier("entryUUID", &fhir.Identifier{System: uriSystem, Value: uuid(d.Entry.EntryUUID)}))
	if d.Entry.LogicalID != "" {
		out = append(out, typedIdentifier("logicalId", &fhir.Identifier{System: uriSystem, Value: uuid(d.Entry.LogicalID)}))
	}
	return append(out, fhir.Identifier{System: s.cfg.Base + "/DocumentReference", Value: d.ID})
}

// renditionSuffix ends the id of the Binary that is the PDF beside a document.
const renditionSuffix = ".pdf"

// attachments describes the document and, where its author sent one beside it, the
// PDF that shows it to people.
func (s *Server) attachments(d hub.DocumentView) []fhir.Content {
	list := []fhir.Content{s.content(d)}
	if d.Entry.Rendition != "" {
		list = append(list, fhir.Content{Attachment: fhir.Attachment{ContentType: renditionMedia, Language: list[0].Attachment.Language,
			URL: s.url("Binary", d.ID+renditionSuffix), Title: d.Entry.Title, Creation: stamp(d.Entry.Created)},
			Format: &fhir.Coding{System: sysFormat, Code: "urn:ihe:iti:xds:2017:mimeTypeSufficient"}})
	}
	return list
}

const renditionMedia = "application/pdf"

// content describes the bytes, and says where they are.
func (s *Server) content(d hub.DocumentView) fhir.Content {
	e := &d.Entry
	c := fhir.Content{Attachment: fhir.Attachment{
		ContentType: e.MediaType, Language: e.Language, URL: s.url("Binary", d.ID), Size: &e.Size,
		Title: e.Title, Creation: stamp(e.Created),
	}}
	if c.Attachment.Language == "" {
		c.Attachment.Language = "fr-FR"
	}
	if sum, err := hex.DecodeString(e.SHA1); err == nil && len(sum) > 0 {
		c.Attachment.Hash = base64.StdEncoding.EncodeToString(sum)
	}
	code := formatOf(e)
	c.Format = &fhir.Coding{System: formatSystem(code), Code: code}
	return c
}

// masterID is the identifier of a document for the outside: the producer's, or
// else one of ours, which lasts as long.
func masterID(e *vault.Entry) string {
	return or(e.UniqueID, uuid(e.LogicalID))
}

// formatOf is the format of a document; where nobody named one, its media type
// says enough.
func formatOf(e *vault.Entry) string {
	return or(e.FormatCode, "urn:ihe:iti:xds:2017:mimeTypeSufficient")
}

// formatSystem returns the system of a format: IHE's for those of IHE.
func formatSystem(code string) string {
	if strings.HasPrefix(code, "urn:ihe:") {
		return sysFormat
	}
	return "urn:oid:1.2.250.1.213.1.1.4.2.282" // TRE_A06-FormatCodeComplementaire
}

// contained gathers the people that a DocumentReference brings with it.
type contained struct{ resource *fhir.DocumentReference }

func (c contained) add(r any) { c.resource.Contained = append(c.resource.Contained, r) }

// author writes who answers for a document, and refers to them.
func (c contained) author(id string, a vault.Author, by vault.Depositor, p hub.PatientView) fhir.Reference {
	if by != "" {
		if by == vault.ByPatient {
			return fhir.Reference{Reference: "Patient/" + p.ID, Display: a.Name}
		}
		return fhir.Reference{Type: "RelatedPerson", Display: or(a.Name, "Représentant légal")}
	}
	who := fhir.Reference{Reference: "#" + id, Display: or(a.Name, a.Organisation)}
	role := fhir.PractitionerRole{Kind: "PractitionerRole", ID: id}
	if a.Name != "" || a.ID != "" {
		c.add(practitioner(id+"-person", a.Name, a.ID))
		role.Practitioner = &fhir.Reference{Reference: "#" + id + "-person"}
	}
	if a.Organisation != "" || a.OrganisationID != "" {
		c.add(organisation(id+"-org", a.Organisation, a.OrganisationID))
		role.Organization = &fhir.Reference{Reference: "#" + id + "-org"}
	}
	if a.Profession != "" {
		profession, _, _ := strings.Cut(a.Profession, "/")
		role.Code = []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: sysProfession, Code: strings.TrimPrefix(profession, "G15_")}}}}
		role.Specialty = []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: sysJ01, Code: a.Profession, Display: a.Specialty}}}}
	} else if a.Specialty != "" {
		role.Specialty = []fhir.CodeableConcept{{Text: a.Specialty}}
	}
	if role.Practitioner == nil && role.Organization == nil {
		return fhir.Reference{Type: "PractitionerRole", Display: or(who.Display, "Inconnu")}
	}
	c.add(role)
	return who
}

func practitioner(id, name, national string) fhir.Practitioner {
	p := fhir.Practitioner{Kind: "Practitioner", ID: id}
	if name != "" {
		p.Name = []fhir.HumanName{{Text: name}}
	}
	if national != "" {
		p.Identifier = []fhir.Identifier{{System: sysPerson, Value: national}}
	}
	return p
}

func organisation(id, name, national string) fhir.Organization {
	o := fhir.Organization{Kind: "Organization", ID: id, Name: name}
	if national != "" {
		o.Identifier = []fhir.Identifier{{System: sysOrganisation, Value: national}}
	}
	return o
}

// context says what a document came out of.
func (c contained) context(e *vault.Entry, p hub.PatientView) *fhir.Context {
	x := fhir.Context{FacilityType: concept(e.Facility), PracticeSetting: concept(e.PracticeSetting)}
	for _, code := range e.EventCodes {
		x.Event = append(x.Event, *concept(code))
	}
	if from, to := period(e); !from.IsZero() {
		x.Period = &fhir.Period{Start: stamp(from), End: stamp(to)}
	}
	if !p.Matricule.IsZero() {
		source := patientOf(p)
		source.ID, source.Active, source.Meta, source.Extension = "patient", nil, nil, nil
		c.add(source)
		x.SourcePatientInfo = &fhir.Reference{Reference: "#patient"}
	}
	return &x
}

// period is when the act of a document was done.
func period(e *vault.Entry) (from, to time.Time) {
	from, to = e.ServiceStart, e.ServiceStop
	if from.IsZero() {
		from = to
	}
	if from.IsZero() {
		from = e.Created
	}
	return from, to
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// hasID reports whether an identifier is one of a document's.
func hasID(s *Server, d hub.DocumentView, id string) bool {
	want := parseToken(id)
	return slices.ContainsFunc(documentTokens(s, d), want.matches)
}

func documentTokens(s *Server, d hub.DocumentView) []token {
	var out []token
	for _, i := range documentIdentifiers(s, d) {
		out = append(out, token{i.System, i.Value})
	}
	return out
}
