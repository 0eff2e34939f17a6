package fhirapi

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
)

const (
	sysAct       = "urn:vaguemestre:act"
	sysActReason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	sysActorKind = "urn:vaguemestre:actor-kind"
)

// A trailLine is a line of the trail of a record.
type trailLine struct {
	record string
	audit.Line
}

func (l trailLine) id() string { return l.record + "." + strconv.FormatUint(l.Number, 10) }

// actLetters says what the acts do to what they are done to (value set
// audit-event-action), by how their names begin; the others execute.
var actLetters = []struct{ prefix, letter string }{
	{"read-", "R"}, {"list-", "R"}, {"find-", "R"}, {"see-", "R"}, {"why", "R"}, {"export", "R"}, {"use-", "R"},
	{"file-", "C"}, {"enrol", "C"}, {"append-", "C"},
	{"amend-", "U"}, {"mask-", "U"}, {"hide-", "U"}, {"archive-", "U"}, {"restore-", "U"}, {"set-", "U"}, {"choose", "U"}, {"name-", "U"},
	{"give-", "U"}, {"withdraw-", "U"}, {"grant-", "U"}, {"remove-", "U"}, {"oppose-", "U"}, {"admit-", "U"}, {"block", "U"}, {"unblock", "U"},
	{"delete", "D"}, {"expunge", "D"},
}

func actLetter(act string) string {
	for _, l := range actLetters {
		if strings.HasPrefix(act, l.prefix) {
			return l.letter
		}
	}
	return "E"
}

// auditEvent writes a line of the trail, after the patterns of IHE BALP: who,
// what, when, to which document, why it was allowed.
func (s *Server) auditEvent(l trailLine) fhir.AuditEvent {
	e := fhir.AuditEvent{
		Kind: "AuditEvent", ID: l.id(),
		Type:    fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/audit-event-type", Code: "rest", Display: "RESTful Operation"},
		Subtype: []fhir.Coding{{System: sysAct, Code: l.Act}, {System: sysAct + "-group", Code: string(l.Group)}},
		Action:  actLetter(l.Act), Recorded: stamp(l.Time), Outcome: "0", OutcomeDesc: l.FR + " / " + l.EN,
		Source: fhir.AuditSource{Observer: fhir.Reference{Display: "Vaguemestre"}},
	}
	if l.Refused {
		e.Outcome = "4"
	}
	if l.Emergency {
		e.PurposeOfEvent = []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: sysActReason, Code: "ETREAT", Display: "Emergency Treatment"}}, Text: l.Reason}}
	}
	e.Agent = []fhir.AuditAgent{agentOf(l)}
	if l.OnBehalf != "" {
		e.Agent = append(e.Agent, fhir.AuditAgent{Name: l.OnBehalf, Type: &fhir.CodeableConcept{Text: "Au nom de / On behalf of"}})
	}
	e.Entity = []fhir.AuditEntity{{What: &fhir.Reference{Reference: "Patient/" + l.record},
		Role: &fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/object-role", Code: "1", Display: "Patient"}}}
	if l.Object != "" {
		e.Entity = append(e.Entity, entityOf(l))
	}
	return e
}

func agentOf(l trailLine) fhir.AuditAgent {
	a := fhir.AuditAgent{Requestor: true, Name: or(l.ActorName, l.Actor),
		Type: &fhir.CodeableConcept{Coding: []fhir.Coding{{System: sysActorKind, Code: string(l.Kind)}}}}
	who := fhir.Reference{Display: or(l.ActorName, l.Actor)}
	switch {
	case l.Kind == audit.Patient && l.OnBehalf == "":
		who.Reference = "Patient/" + l.record
	case l.RPPS != "":
		who.Type, who.Identifier = "Practitioner", &fhir.Identifier{System: sysPerson, Value: "8" + l.RPPS}
	case l.Actor != "":
		who.Identifier = &fhir.Identifier{System: "urn:vaguemestre:actor", Value: l.Actor}
	}
	if who.Display != "" || who.Reference != "" {
		a.Who = &who
	}
	if l.Profession != "" {
		a.Role = append(a.Role, fhir.CodeableConcept{Coding: []fhir.Coding{{System: sysJ01, Code: l.Profession}}})
	}
	if l.Organisation != "" {
		a.Role = append(a.Role, fhir.CodeableConcept{Text: l.Organisation})
	}
	if l.Rule != "" {
		a.Policy = []string{ruleSystem + ":" + l.Rule}
	}
	return a
}

// entityOf is what a line tells was acted on: a document of the record, or
// whatever the line calls it.
func entityOf(l trailLine) fhir.AuditEntity {
	e := fhir.AuditEntity{Name: l.Title, Role: &fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/object-role", Code: "4", Display: "Domain Resource"}}
	if l.Group == audit.MedicalDocument && len(l.Object) == 26 && fhir.IsID(l.Object) {
		e.What = &fhir.Reference{Reference: "DocumentReference/" + l.record + "." + l.Object}
		e.Role = &fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/object-role", Code: "3", Display: "Report"}
	} else {
		e.What = &fhir.Reference{Display: l.Object}
	}
	return e
}

func (c *call) readAuditEvent() (answer, error) {
	record, number, _ := strings.Cut(c.id, ".")
	n, err := strconv.ParseUint(number, 10, 62)
	if err != nil || n == 0 {
		return answer{}, notFound()
	}
	page, err := c.hub.History(c.ctx, c.actor, record, hub.HistoryQuery{Before: strconv.FormatUint(n+1, 10), Limit: 1})
	switch {
	case err != nil:
		return answer{}, err
	case len(page.Lines) == 0 || page.Lines[0].Number != n:
		return answer{}, notFound()
	}
	return answer{resource: c.auditEvent(trailLine{record, page.Lines[0]})}, nil
}

// maxTrailPages is how many pages of the trail one request reads: where few
// lines match, the client asks for the next page of its search.
const maxTrailPages = 10

// trailCriteria are the search parameters of a trail.
var trailCriteria = []criterion[trailLine]{
	{name: "date", kind: "date", url: base + "AuditEvent-date", span: func(l trailLine) (span, bool) { return instant(l.Time), true },
		sortKey: func(l trailLine) string { return sortable(l.Time) }},
	{name: "action", kind: "token", url: base + "AuditEvent-action", tokens: func(l trailLine) []token { return []token{{code: actLetter(l.Act)}} }},
	{name: "subtype", kind: "token", url: base + "AuditEvent-subtype", tokens: func(l trailLine) []token {
		return []token{{sysAct, l.Act}, {sysAct + "-group", string(l.Group)}}
	}},
	{name: "outcome", kind: "token", url: base + "AuditEvent-outcome", tokens: func(l trailLine) []token {
		if l.Refused {
			return []token{{code: "4"}}
		}
		return []token{{code: "0"}}
	}},
	{name: "agent", kind: "reference", url: base + "AuditEvent-agent", tokens: agentTokens},
	{name: "agent-role", kind: "token", url: base + "AuditEvent-agent-role", tokens: func(l trailLine) []token {
		return []token{{sysJ01, l.Profession}, {sysActorKind, string(l.Kind)}}
	}},
	{name: "agent-name", kind: "string", url: base + "AuditEvent-agent-name", texts: func(l trailLine) []string { return some(or(l.ActorName, l.Actor)) }},
	{name: "entity", kind: "reference", url: base + "AuditEvent-entity", tokens: func(l trailLine) []token {
		return []token{{code: l.record}, {code: l.record + "." + l.Object}}
	}},
	{name: "purpose", kind: "token", url: "urn:vaguemestre:search:purpose", tokens: func(l trailLine) []token {
		if l.Emergency {
			return []token{{sysActReason, "ETREAT"}}
		}
		return nil
	}},
}

func agentTokens(l trailLine) []token {
	out := []token{{code: l.Actor}, {"urn:vaguemestre:actor", l.Actor}}
	if l.RPPS != "" {
		out = append(out, token{sysPerson, "8" + l.RPPS}, token{"https://rpps.esante.gouv.fr", l.RPPS})
	}
	if l.Kind == audit.Patient {
		out = append(out, token{code: l.record})
	}
	return out
}

// searchAuditEvents lists the trail, newest first. It is read backwards, so
// that the first page of a long one costs no more than that of a short one; how
// many lines there are is not told.
func (c *call) searchAuditEvents() (answer, error) {
	l := listing[trailLine]{record: (*call).recordOf}
	params, record, after, err := l.where(c)
	if err != nil {
		return answer{}, err
	}
	s := searcher[trailLine]{criteria: trailCriteria, id: trailLine.id, strict: c.prefers("handling=strict"),
		known: append(slices.Clone(documents.known), "entity.patient"), page: c.cfg.Limits.Page, byDefault: "-date"}
	q, err := s.read(params)
	if err != nil {
		return answer{}, err
	}
	b := fhir.Bundle{Kind: "Bundle", Type: "searchset", Timestamp: stamp(c.cfg.Now()),
		Link: []fhir.BundleLink{{Relation: "self", URL: c.self(q.params, record, params.Get("_count"))}}}
	if record == nowhere {
		return answer{resource: b}, nil
	}
	next := ""
	if after != nil {
		next = after.ID
	}
	lines, next, err := c.trail(record, q, next, trailFrom(params["date"]))
	if err != nil {
		return answer{}, err
	}
	if next != "" {
		sealed, err := c.cursors.seal(cursor{c.kind, c.actor.Address.Canonical(), record, q.params, q.count, position{ID: next}})
		if err != nil {
			return answer{}, err
		}
		b.Link = append(b.Link, fhir.BundleLink{Relation: "next", URL: c.cfg.Base + "/" + c.kind + "?_cursor=" + sealed})
	}
	for _, l := range lines {
		b.Entry = append(b.Entry, fhir.BundleEntry{FullURL: c.url(c.kind, l.id()), Resource: c.auditEvent(l), Search: &fhir.BundleSearch{Mode: "match"}})
	}
	return answer{resource: b}, nil
}

// trail reads lines that pass a search, from a place on, and says where to go on.
func (c *call) trail(record string, q *query[trailLine], before string, from time.Time) (lines []trailLine, next string, err error) {
	for range maxTrailPages {
		page, err := c.hub.History(c.ctx, c.actor, record, hub.HistoryQuery{From: from, Before: before, Limit: 200})
		if err != nil {
			return nil, "", err
		}
		for _, one := range page.Lines {
			l := trailLine{record, one}
			if slices.ContainsFunc(q.tests, func(test func(trailLine) bool) bool { return !test(l) }) {
				continue
			}
			if len(lines) == q.count || q.only {
				return lines, strconv.FormatUint(l.Number+1, 10), nil
			}
			lines = append(lines, l)
		}
		if before = page.Next; before == "" {
			return lines, "", nil
		}
	}
	return lines, before, nil
}

// trailFrom spares reading what is older than a search asks for.
func trailFrom(dates []string) (from time.Time) {
	for _, d := range dates {
		for _, prefix := range []string{"ge", "gt", "sa", "eq"} {
			if rest, ok := strings.CutPrefix(d, prefix); ok && !strings.Contains(d, ",") {
				if v, ok := spanOf(rest); ok && v.from.After(from) {
					from = v.from
				}
			}
		}
	}
	return from
}
