package fhirapi

import (
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/pdsm"
)

// readPractitioner tells a professional who they are here, which is where the
// fhirUser of their login leads. Nobody is told of anybody else: the annuaire is
// elsewhere.
func (c *call) readPractitioner() (answer, error) {
	a := c.actor
	if a.RPPS == "" || c.id != a.RPPS {
		return answer{}, notFound()
	}
	p := pdsm.Practitioner(a.RPPS, a.Name, "8"+a.RPPS)
	if a.Profession != "" {
		p.Qualification = []fhir.Qualification{{Code: fhir.CodeableConcept{
			Coding: []fhir.Coding{{System: pdsm.SysJ01, Code: string(a.Profession), Display: a.Profession.Label()}}}}}
	}
	return answer{resource: p}, nil
}
