package fhirapi

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // the hash that the profile asks for; it protects nothing
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
	"vaguemestre/vault"
)

// A sentDocument is a DocumentReference as somebody sent it.
type sentDocument struct {
	fhir.DocumentReference
	Contained []fhir.Raw `json:"contained"`

	within func(ref string) (fhir.Raw, bool) // another resource of the same Bundle
}

// createDocument files one document whose bytes are in it (ITI-105, publication
// simplifiée).
func (c *call) createDocument() (answer, error) {
	if _, err := c.resource("DocumentReference"); err != nil {
		return answer{}, err
	}
	var d sentDocument
	if err := json.Unmarshal(c.body, &d); err != nil {
		return answer{}, invalid("La ressource n'est pas lisible.", "The resource cannot be read.")
	}
	d.within = func(string) (fhir.Raw, bool) { return nil, false }
	sub, record, err := c.submission(&d)
	if err != nil {
		return answer{}, err
	}
	views, err := c.hub.AddDocuments(c.ctx, c.actor, record, []hub.Submission{sub})
	if err != nil {
		return answer{}, err
	}
	a := c.documentAnswer(views[0])
	a.status, a.location = http.StatusCreated, c.url("DocumentReference", views[0].ID)+"/_history/"+a.version
	if c.prefers("return=minimal") {
		a.resource = nil
	}
	return a, nil
}

// submission reads a document that was sent, and whose record it is for.
func (c *call) submission(d *sentDocument) (sub hub.Submission, record string, err error) {
	if err := c.profile(d); err != nil {
		return sub, "", err
	}
	if d.Subject == nil {
		return sub, "", unprocessable("Il manque subject : de quel patient est-ce le document ?", "subject is missing: whose document is this?")
	}
	if record, err = c.subjectRecord(d, *d.Subject); err != nil {
		return sub, "", err
	}
	if err := c.sameSource(d, record); err != nil {
		return sub, "", err
	}
	if len(d.Content) != 1 || d.Status != "current" {
		return sub, "", unprocessable("Une fiche déposée a un seul content et status=current.", "A document that is filed has one content, and status=current.")
	}
	if sub.Content, err = d.bytes(); err != nil {
		return sub, "", err
	}
	e := &sub.Entry
	var known bool
	if e.Confidentiality, sub.Flags, known = pdsm.ReadLabels(d.SecurityLabel); !known {
		return sub, "", unknownLabel()
	}
	for _, x := range d.Extension {
		if x.URL == pdsm.ExtArchived && x.Boolean != nil && *x.Boolean {
			sub.Flags |= vault.Archived
		}
	}
	at := d.Content[0].Attachment
	e.MediaType, e.Language, e.Title, e.Created = at.ContentType, at.Language, cmp.Or(at.Title, d.Description), readTime(at.Creation)
	if f := d.Content[0].Format; f != nil {
		e.FormatCode = f.Code
	}
	e.UniqueID, e.Comments = d.uniqueID(), d.Description
	e.TypeCode = pdsm.CodeOf(d.Type).Code
	if len(d.Category) > 0 {
		e.Class = pdsm.CodeOf(&d.Category[0]).Code
	}
	if len(d.Author) > 0 {
		e.Author = d.author(d.Author[0])
	}
	if d.Authenticator != nil {
		e.Authenticator = d.author(*d.Authenticator)
	}
	d.readContext(e)
	sub.Replaces, err = d.replaces()
	return sub, record, err
}

func (d *sentDocument) readContext(e *vault.Entry) {
	if d.Context == nil {
		return
	}
	e.Facility, e.PracticeSetting = pdsm.CodeOf(d.Context.FacilityType), pdsm.CodeOf(d.Context.PracticeSetting)
	for _, event := range d.Context.Event {
		if code := pdsm.CodeOf(&event); code.Code != "" {
			e.EventCodes = append(e.EventCodes, code)
		}
	}
	if p := d.Context.Period; p != nil {
		e.ServiceStart, e.ServiceStop = readTime(p.Start), readTime(p.End)
	}
}

// uniqueID is the identifier that the producer gave.
func (d *sentDocument) uniqueID() string {
	if id := pdsm.UniqueID(d.MasterIdentifier); id != "" {
		return id
	}
	for _, i := range d.Identifier {
		if i.Type != nil && len(i.Type.Coding) > 0 && strings.EqualFold(i.Type.Coding[0].Code, "uniqueId") {
			return pdsm.UniqueID(&i)
		}
	}
	return ""
}

// replaces is the document that this one replaces, by its ID or its uniqueId.
func (d *sentDocument) replaces() (string, error) {
	switch {
	case len(d.RelatesTo) == 0:
		return "", nil
	case len(d.RelatesTo) > 1 || d.RelatesTo[0].Code != "replaces":
		return "", unprocessable("Seule une relation « replaces » vers un document est acceptée.", "Only one relation \"replaces\" to one document is accepted.")
	}
	target := d.RelatesTo[0].Target
	if id := pdsm.UniqueID(target.Identifier); id != "" {
		return id, nil
	}
	if _, id, ok := strings.Cut(target.Reference, "?identifier="); ok {
		t := parseToken(id)
		return pdsm.UniqueID(&fhir.Identifier{System: t.system, Value: t.code}), nil
	}
	if id := referredID(target.Reference); fhir.IsID(id) {
		return id, nil
	}
	return "", unprocessable("relatesTo ne désigne pas de document.", "relatesTo names no document.")
}

// bytes gives the document: inline, or in a Binary of the same Bundle. What is
// said of its size and hash must be so.
func (d *sentDocument) bytes() ([]byte, error) {
	at := d.Content[0].Attachment
	data := at.Data
	if data == "" {
		raw, ok := d.within(at.URL)
		var b struct {
			Kind              fhir.Kind `json:"resourceType"`
			ContentType, Data string
		}
		if !ok || json.Unmarshal(raw, &b) != nil || b.Kind != "Binary" {
			return nil, unprocessable("Le contenu du document n'est pas dans l'envoi.", "The content of the document is not in the submission.")
		}
		data = b.Data
	}
	content, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(data), ""))
	switch {
	case err != nil || len(content) == 0:
		return nil, unprocessable("Le document est vide.", "The document is empty.")
	case at.Size != nil && *at.Size != int64(len(content)):
		return nil, unprocessable("La taille annoncée n'est pas celle du document.", "The size given is not that of the document.")
	case at.Hash != "" && !sameHash(at.Hash, content):
		return nil, unprocessable("L'empreinte SHA-1 annoncée n'est pas celle du document.", "The SHA-1 hash given is not that of the document.")
	}
	return content, nil
}

// sameHash compares a hash, in base64 as FHIR has it or in the base64 of its
// hexadecimal form as some software writes it.
func sameHash(given string, content []byte) bool {
	sum := sha1.Sum(content)
	return given == base64.StdEncoding.EncodeToString(sum[:]) || strings.EqualFold(given, hex.EncodeToString(sum[:])) ||
		given == base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))
}

// resolve gives the resource that a reference leads to, within the document or
// the Bundle.
func (d *sentDocument) resolve(ref string) (fhir.Raw, bool) {
	if id, ok := strings.CutPrefix(ref, "#"); ok {
		for _, raw := range d.Contained {
			if _, found := fhir.Type(raw); found == id {
				return raw, true
			}
		}
		return nil, false
	}
	return d.within(ref)
}

// author reads who answers for a document, from whatever kind of resource says
// it.
func (d *sentDocument) author(ref fhir.Reference) vault.Author {
	a := vault.Author{Name: ref.Display}
	d.authorFrom(&a, ref, 0)
	return a
}

func (d *sentDocument) authorFrom(a *vault.Author, ref fhir.Reference, depth int) {
	raw, ok := d.resolve(ref.Reference)
	if !ok || depth > 2 {
		return
	}
	kind, _ := fhir.Type(raw)
	switch kind {
	case "Practitioner":
		var p fhir.Practitioner
		if json.Unmarshal(raw, &p) == nil {
			a.Name, a.ID = cmp.Or(nameOf(p.Name), a.Name), cmp.Or(nationalID(p.Identifier, pdsm.SysPerson, "8", 11), a.ID)
		}
	case "Organization":
		var o fhir.Organization
		if json.Unmarshal(raw, &o) == nil {
			a.Organisation, a.OrganisationID = cmp.Or(o.Name, a.Organisation), cmp.Or(nationalID(o.Identifier, pdsm.SysOrganisation, "1", 9), a.OrganisationID)
		}
	case "Patient":
		var p fhir.Patient
		if json.Unmarshal(raw, &p) == nil {
			a.Name = cmp.Or(nameOf(p.Name), a.Name)
		}
	case "PractitionerRole":
		var r fhir.PractitionerRole
		if json.Unmarshal(raw, &r) != nil {
			return
		}
		if r.Practitioner != nil {
			d.authorFrom(a, *r.Practitioner, depth+1)
		}
		if r.Organization != nil {
			d.authorFrom(a, *r.Organization, depth+1)
		}
		for _, c := range append(r.Specialty, r.Code...) {
			code := pdsm.CodeOf(&c)
			a.Profession, a.Specialty = cmp.Or(a.Profession, code.Code), cmp.Or(a.Specialty, cmp.Or(code.Display, c.Text))
		}
	}
}

func nameOf(names []fhir.HumanName) string {
	if len(names) == 0 {
		return ""
	}
	n := names[0]
	return cmp.Or(n.Text, strings.TrimSpace(strings.Join(n.Given, " ")+" "+n.Family))
}

// nationalID finds a national identifier, and gives one that is a bare RPPS or
// FINESS the digit that says so.
func nationalID(ids []fhir.Identifier, system, digit string, length int) string {
	for _, i := range ids {
		if len(i.Value) == length && i.Value != "" {
			return digit + i.Value
		}
		if i.System == system {
			return i.Value
		}
	}
	return ""
}

// subjectRecord finds the record that a subject names: by its id, by a
// conditional reference, or by the matricule of a patient within the document or
// the Bundle.
func (c *call) subjectRecord(d *sentDocument, ref fhir.Reference) (string, error) {
	// 902, as the hub says it of a space that is not open: neither tells which.
	unknown := &hub.Refusal{Rule: "space/unknown", Code: 902, Kind: fault.NotFound}
	record, err := nowhere, error(nil)
	if _, identifier, ok := strings.Cut(ref.Reference, "?identifier="); ok {
		record, err = c.recordByMatricule(identifier)
	} else if raw, ok := d.resolve(ref.Reference); ok {
		var p fhir.Patient
		if json.Unmarshal(raw, &p) == nil {
			record, err = c.recordByIdentifiers(p.Identifier)
		}
	} else if id := referredID(ref.Reference); fhir.IsID(id) && strings.Contains(ref.Reference, "Patient/") {
		record = id
	} else if ref.Identifier != nil {
		record, err = c.recordByIdentifiers([]fhir.Identifier{*ref.Identifier})
	}
	if err == nil && record == nowhere {
		err = unknown
	}
	return record, err
}

// sameSource refuses a document that says of itself, in sourcePatientInfo, that
// it is of another patient (904).
func (c *call) sameSource(d *sentDocument, record string) error {
	if d.Context == nil || d.Context.SourcePatientInfo == nil {
		return nil
	}
	raw, ok := d.resolve(d.Context.SourcePatientInfo.Reference)
	var p fhir.Patient
	if !ok || json.Unmarshal(raw, &p) != nil {
		return nil
	}
	i := slices.IndexFunc(p.Identifier, func(i fhir.Identifier) bool { return i.System != "" && pdsm.IsINSSystem(i.System) })
	if i < 0 {
		return nil
	}
	source, err := c.recordByIdentifiers(p.Identifier[i:])
	if err == nil && source != record {
		err = &hub.Refusal{Rule: "document/wrong-patient", Code: 904, Kind: fault.Denied,
			FR: "Le document porte un matricule INS qui n'est pas celui du patient (erreur 904).",
			EN: "The document carries an INS that is not the patient's (error 904)."}
	}
	return err
}

func (c *call) recordByIdentifiers(ids []fhir.Identifier) (string, error) {
	for _, i := range ids {
		if pdsm.IsINSSystem(i.System) {
			return c.recordByMatricule(i.System + "|" + i.Value)
		}
	}
	return nowhere, nil
}

// profile says what a document lacks of the French profile: it is refused where
// the server is strict, and told to the log otherwise.
func (c *call) profile(d *sentDocument) error {
	var issues []fhir.Issue
	for _, lack := range []struct {
		missing bool
		path    string
	}{
		{d.uniqueID() == "", "masterIdentifier"}, {d.Type == nil, "type"}, {len(d.Category) == 0, "category"},
		{len(d.Author) == 0, "author"}, {d.Authenticator == nil, "authenticator"}, {len(d.SecurityLabel) == 0, "securityLabel"},
		{len(d.Content) > 0 && d.Content[0].Format == nil, "content.format"},
		{d.Context == nil || d.Context.Period == nil, "context.period"},
		{d.Context == nil || d.Context.FacilityType == nil, "context.facilityType"},
		{d.Context == nil || d.Context.PracticeSetting == nil, "context.practiceSetting"},
	} {
		if lack.missing {
			issues = append(issues, fhir.Issue{Code: "required", Path: "DocumentReference." + lack.path, Message: "is required by the profile"})
		}
	}
	if len(issues) == 0 {
		return nil
	}
	if c.cfg.Strict {
		return &problem{kind: fault.Invalid, status: http.StatusUnprocessableEntity, code: "required", issues: issues,
			fr: "La fiche n'est pas conforme au profil PDSm.", en: "The document does not conform to the PDSm profile."}
	}
	c.cfg.Log.Log(context.WithoutCancel(c.ctx), -4, "fhir profile", "lacks", len(issues)) // slog.LevelDebug
	return nil
}
