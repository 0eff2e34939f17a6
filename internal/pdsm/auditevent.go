package pdsm

import (
	"cmp"
	"strconv"
	"strings"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fhir"
)

// Code systems of the trail.
const (
	SysAct       = "urn:vaguemestre:act"
	SysActReason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	SysActorKind = "urn:vaguemestre:actor-kind"
)

// A TrailLine is a line of the trail of a record.
type TrailLine struct {
	Record string // its ID
	audit.Line
}

// ID names the line among all resources.
func (l TrailLine) ID() string { return l.Record + "." + strconv.FormatUint(l.Number, 10) }

// actLetters says what the acts do to what they are done to (value set
// audit-event-action), by how their names begin; the others execute.
var actLetters = []struct{ prefix, letter string }{
	{"read-", "R"}, {"list-", "R"}, {"find-", "R"}, {"see-", "R"}, {"why", "R"}, {"export", "R"}, {"use-", "R"},
	{"file-", "C"}, {"enrol", "C"}, {"append-", "C"},
	{"amend-", "U"}, {"mask-", "U"}, {"hide-", "U"}, {"archive-", "U"}, {"restore-", "U"}, {"set-", "U"}, {"choose", "U"}, {"name-", "U"},
	{"give-", "U"}, {"withdraw-", "U"}, {"grant-", "U"}, {"remove-", "U"}, {"oppose-", "U"}, {"admit-", "U"}, {"block", "U"}, {"unblock", "U"},
	{"delete", "D"}, {"expunge", "D"},
}

// ActLetter is what an act does to what it is done to: C, R, U, D or E.
func ActLetter(act string) string {
	for _, l := range actLetters {
		if strings.HasPrefix(act, l.prefix) {
			return l.letter
		}
	}
	return "E"
}

// AuditEvent writes a line of the trail, after the patterns of IHE BALP: who,
// what, when, to which document, why it was allowed.
func AuditEvent(l TrailLine) fhir.AuditEvent {
	e := fhir.AuditEvent{
		Kind: "AuditEvent", ID: l.ID(),
		Type:    fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/audit-event-type", Code: "rest", Display: "RESTful Operation"},
		Subtype: []fhir.Coding{{System: SysAct, Code: l.Act}, {System: SysAct + "-group", Code: string(l.Group)}},
		Action:  ActLetter(l.Act), Recorded: Stamp(l.Time), Outcome: "0", OutcomeDesc: l.FR + " / " + l.EN,
		Source: fhir.AuditSource{Observer: fhir.Reference{Display: "Vaguemestre"}},
	}
	if l.Refused {
		e.Outcome = "4"
	}
	if l.Emergency {
		e.PurposeOfEvent = []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: SysActReason, Code: "ETREAT", Display: "Emergency Treatment"}}, Text: l.Reason}}
	}
	e.Agent = []fhir.AuditAgent{agentOf(l)}
	if l.OnBehalf != "" {
		e.Agent = append(e.Agent, fhir.AuditAgent{Name: l.OnBehalf, Type: &fhir.CodeableConcept{Text: "Au nom de / On behalf of"}})
	}
	e.Entity = []fhir.AuditEntity{{What: &fhir.Reference{Reference: "Patient/" + l.Record},
		Role: &fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/object-role", Code: "1", Display: "Patient"}}}
	if l.Object != "" {
		e.Entity = append(e.Entity, entityOf(l))
	}
	return e
}

func agentOf(l TrailLine) fhir.AuditAgent {
	a := fhir.AuditAgent{Requestor: true, Name: cmp.Or(l.ActorName, l.Actor),
		Type: &fhir.CodeableConcept{Coding: []fhir.Coding{{System: SysActorKind, Code: string(l.Kind)}}}}
	who := fhir.Reference{Display: cmp.Or(l.ActorName, l.Actor)}
	switch {
	case l.Kind == audit.Patient && l.OnBehalf == "":
		who.Reference = "Patient/" + l.Record
	case l.RPPS != "":
		who.Type, who.Identifier = "Practitioner", &fhir.Identifier{System: SysPerson, Value: "8" + l.RPPS}
	case l.Actor != "":
		who.Identifier = &fhir.Identifier{System: "urn:vaguemestre:actor", Value: l.Actor}
	}
	if who.Display != "" || who.Reference != "" {
		a.Who = &who
	}
	if l.Profession != "" {
		a.Role = append(a.Role, fhir.CodeableConcept{Coding: []fhir.Coding{{System: SysJ01, Code: l.Profession}}})
	}
	if l.Organisation != "" {
		a.Role = append(a.Role, fhir.CodeableConcept{Text: l.Organisation})
	}
	if l.Rule != "" {
		a.Policy = []string{RuleSystem + ":" + l.Rule}
	}
	return a
}

// entityOf is what a line tells was acted on: a document of the record, or
// whatever the line calls it.
func entityOf(l TrailLine) fhir.AuditEntity {
	e := fhir.AuditEntity{Name: l.Title, Role: &fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/object-role", Code: "4", Display: "Domain Resource"}}
	if l.Group == audit.MedicalDocument && len(l.Object) == 26 && fhir.IsID(l.Object) {
		e.What = &fhir.Reference{Reference: "DocumentReference/" + l.Record + "." + l.Object}
		e.Role = &fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/object-role", Code: "3", Display: "Report"}
	} else {
		e.What = &fhir.Reference{Display: l.Object}
	}
	return e
}
