package fhirapi

import (
	"slices"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// patientOf writes a record as the Patient of TD0.2: whose it is, whether it is
// open and, if it is not, since when and why, in one extension, and whether the
// actor may consult it in another.
func patientOf(p hub.PatientView) fhir.Patient {
	active := p.State == policy.Active
	r := fhir.Patient{Kind: "Patient", ID: p.ID, Meta: &fhir.Meta{Profile: []string{profilePatient}}, Active: &active}
	if !p.Matricule.IsZero() {
		r.Identifier = []fhir.Identifier{{Use: "official", System: insSystem(p.Matricule), Value: p.Matricule.Canonical()}}
	}
	if p.Traits.BirthName != "" {
		r.Name = []fhir.HumanName{{Use: "official", Family: p.Traits.BirthName, Given: strings.Fields(p.Traits.FirstNames)}}
	}
	r.Gender = map[string]string{"M": "male", "F": "female"}[p.Traits.Sex]
	r.BirthDate = birthDate(p.Traits.BirthDate)
	if !active {
		r.Extension = append(r.Extension, closing(p))
	}
	if p.Access.Rule != "" {
		r.Extension = append(r.Extension, access(p.Access))
	}
	if active && p.Treating {
		r.Extension = append(r.Extension, fhir.Extension{URL: extTreating, Boolean: &p.Treating})
	}
	return r
}

// access tells whether the actor may consult the record, and why.
func access(d policy.Decision) fhir.Extension {
	e := policy.Explain(d.Rule)
	return fhir.Extension{URL: extAccess, Extension: []fhir.Extension{
		{URL: "allowed", Boolean: &d.Allow}, {URL: "rule", Code: d.Rule}, {URL: "sentence", String: e.FR + " / " + e.EN}}}
}

// closing tells why a record is not open.
func closing(p hub.PatientView) fhir.Extension {
	state := patient.StateName(p.State)
	e := fhir.Extension{URL: extClosing}
	if !p.Since.IsZero() {
		e.Extension = append(e.Extension, fhir.Extension{URL: "dateFermeture", Date: p.Since.In(paris).Format("2006-01-02")})
	}
	text := map[policy.SpaceState]string{
		policy.Enrolled: "Le dossier n'est pas encore ouvert", policy.Opposed: "La personne s'est opposée à l'ouverture",
		policy.Closed: "Fermé à la demande de la personne", policy.Archived: "Fermé et archivé", policy.Erased: "Effacé",
	}[p.State]
	e.Extension = append(e.Extension, fhir.Extension{URL: "motifFermeture", CodeableConcept: &fhir.CodeableConcept{
		Coding: []fhir.Coding{{System: dmp + "CodeSystem/dmp-motif-fermeture", Code: state}}, Text: text}})
	return e
}

// birthDate writes YYYYMMDD, in which 00 is not known, as FHIR does.
func birthDate(s string) string {
	switch {
	case len(s) != 8 || s[:4] == "0000":
		return ""
	case s[4:6] == "00":
		s = s[:4]
	case s[6:] == "00":
		s = s[:4] + "-" + s[4:6]
	default:
		s = s[:4] + "-" + s[4:6] + "-" + s[6:]
	}
	if !fhir.IsDate(s) {
		return ""
	}
	return s
}

func (c *call) readPatient() (answer, error) {
	p, err := c.hub.PatientByID(c.ctx, c.actor, c.id)
	if err != nil {
		return answer{}, err
	}
	return answer{resource: patientOf(p)}, nil
}

var patients = listing[hub.PatientView]{
	criteria: []criterion[hub.PatientView]{{name: "_id", kind: "token", url: "http://hl7.org/fhir/SearchParameter/Resource-id",
		tokens:  func(p hub.PatientView) []token { return []token{{code: p.ID}} },
		sortKey: func(p hub.PatientView) string { return p.ID }}},
	byDefault: "_id",
	id:        func(p hub.PatientView) string { return p.ID },
	known:     []string{"identifier"},
	record:    func(c *call) (string, error) { return c.findRecord("identifier", "_id") },
	items: func(c *call, record string) ([]hub.PatientView, error) {
		if c.found.ID == record {
			return []hub.PatientView{c.found}, nil
		}
		p, err := c.hub.PatientByID(c.ctx, c.actor, record)
		if isNotFound(err) {
			return nil, nil
		}
		return []hub.PatientView{p}, err
	},
	write: func(_ *call, p hub.PatientView) any { return patientOf(p) },
}

// patientParams are the parameters by which a search says whose record it is
// of, by id and by matricule.
var (
	patientParams    = []string{"patient", "subject", "patient:Patient", "subject:Patient"}
	identifierParams = []string{"patient.identifier", "subject.identifier", "patient:Patient.identifier", "subject:Patient.identifier", "patient:identifier", "subject:identifier"}
)

// recordOf finds the record that a search of documents is of. A patient who
// names none means their own.
func (c *call) recordOf() (string, error) {
	for _, name := range identifierParams {
		if v := c.query.Get(name); v != "" {
			return c.recordByMatricule(v)
		}
	}
	for _, name := range patientParams {
		if v := c.query.Get(name); v != "" {
			if _, identifier, ok := strings.Cut(v, "?identifier="); ok {
				return c.recordByMatricule(identifier)
			}
			return referredID(v), nil
		}
	}
	for _, name := range []string{"_id", "identifier"} { // a document says whose it is
		for v := range strings.SplitSeq(c.query.Get(name), ",") {
			if record, _, ok := strings.Cut(v[strings.LastIndexByte(v, '|')+1:], "."); ok && fhir.IsID(v[strings.LastIndexByte(v, '|')+1:]) && len(record) == 26 {
				return record, nil
			}
		}
	}
	return c.ownRecord()
}

// namesPatient reports whether the parameters say whose record is meant.
func (c *call) namesPatient() bool {
	return slices.ContainsFunc(documents.known, func(name string) bool { return c.query.Get(name) != "" })
}

// findRecord finds the record that a search of patients asks for.
func (c *call) findRecord(identifier, id string) (string, error) {
	if v := c.query.Get(identifier); v != "" {
		return c.recordByMatricule(v)
	}
	if v := c.query.Get(id); v != "" {
		return referredID(v), nil
	}
	return c.ownRecord()
}

// ownRecord finds the record of an actor who is a patient. Anybody else has to
// say whose record they mean: there is no list of patients.
func (c *call) ownRecord() (string, error) {
	if c.actor.Role != policy.Patient {
		return "", &problem{kind: fault.Invalid, code: "required",
			fr: "Indiquez le patient : patient.identifier=urn:oid:1.2.250.1.213.1.4.8|matricule (de préférence par POST _search).",
			en: "Name the patient: patient.identifier=urn:oid:1.2.250.1.213.1.4.8|matricule (by POST _search, preferably)."}
	}
	m, err := ident.ParseMatricule(c.actor.Address.Local())
	if err != nil {
		return "", err
	}
	return c.record(m)
}

// recordByMatricule finds a record by "system|matricule". One that there is
// not, or that may not be seen, is nowhere.
func (c *call) recordByMatricule(v string) (string, error) {
	t := parseToken(v)
	if !t.anySystem && !isINSSystem(t.system) {
		return nowhere, nil
	}
	m, err := ident.ParseMatricule(t.code)
	if err != nil {
		return nowhere, nil // no person has that matricule: nothing is found
	}
	return c.record(m)
}

func (c *call) record(m ident.Matricule) (string, error) {
	p, err := c.hub.FindPatient(c.ctx, c.actor, m)
	switch {
	case isNotFound(err), err == nil && p.ID == "":
		return nowhere, nil
	case err != nil:
		return "", err
	}
	c.found = p
	return p.ID, nil
}
