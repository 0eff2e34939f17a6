package fhirapi

import (
	"slices"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/pdsm"
	"vaguemestre/policy"
)

func (c *call) readPatient() (answer, error) {
	p, err := c.hub.PatientByID(c.ctx, c.actor, c.id)
	if err != nil {
		return answer{}, err
	}
	return answer{resource: pdsm.Patient(p)}, nil
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
	write: func(_ *call, p hub.PatientView) any { return pdsm.Patient(p) },
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
	if !t.anySystem && !pdsm.IsINSSystem(t.system) {
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
