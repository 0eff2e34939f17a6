package pdsm

import (
	"strings"
	"time"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// Patient writes a record as the Patient of TD0.2: whose it is, whether it is
// open and, if it is not, since when and why, in one extension, and whether the
// actor may consult it in another.
func Patient(p hub.PatientView) fhir.Patient {
	active := p.State == policy.Active
	r := fhir.Patient{Kind: "Patient", ID: p.ID, Meta: &fhir.Meta{Profile: []string{ProfilePatient}}, Active: &active}
	if !p.Matricule.IsZero() {
		r.Identifier = []fhir.Identifier{{Use: "official", System: INSSystem(p.Matricule), Value: p.Matricule.Canonical()}}
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
		e.Extension = append(e.Extension, fhir.Extension{URL: "dateFermeture", Date: p.Since.In(Paris).Format("2006-01-02")})
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

// Paris is the zone of a date that names none.
var Paris = func() *time.Location {
	l, err := time.LoadLocation("Europe/Paris")
	if err != nil { // a system without zones: winter time
		return time.FixedZone("CET", 3600)
	}
	return l
}()
