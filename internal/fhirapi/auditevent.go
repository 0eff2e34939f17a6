package fhirapi

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
)

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
	return answer{resource: pdsm.AuditEvent(pdsm.TrailLine{Record: record, Line: page.Lines[0]})}, nil
}

// maxTrailPages is how many pages of the trail one request reads: where few
// lines match, the client asks for the next page of its search.
const maxTrailPages = 10

// trailCriteria are the search parameters of a trail.
var trailCriteria = []criterion[pdsm.TrailLine]{
	{name: "date", kind: "date", url: base + "AuditEvent-date", span: func(l pdsm.TrailLine) (span, bool) { return instant(l.Time), true },
		sortKey: func(l pdsm.TrailLine) string { return sortable(l.Time) }},
	{name: "action", kind: "token", url: base + "AuditEvent-action", tokens: func(l pdsm.TrailLine) []token { return []token{{code: pdsm.ActLetter(l.Act)}} }},
	{name: "subtype", kind: "token", url: base + "AuditEvent-subtype", tokens: func(l pdsm.TrailLine) []token {
		return []token{{pdsm.SysAct, l.Act}, {pdsm.SysAct + "-group", string(l.Group)}}
	}},
	{name: "outcome", kind: "token", url: base + "AuditEvent-outcome", tokens: func(l pdsm.TrailLine) []token {
		if l.Refused {
			return []token{{code: "4"}}
		}
		return []token{{code: "0"}}
	}},
	{name: "agent", kind: "reference", url: base + "AuditEvent-agent", tokens: agentTokens},
	{name: "agent-role", kind: "token", url: base + "AuditEvent-agent-role", tokens: func(l pdsm.TrailLine) []token {
		return []token{{pdsm.SysJ01, l.Profession}, {pdsm.SysActorKind, string(l.Kind)}}
	}},
	{name: "agent-name", kind: "string", url: base + "AuditEvent-agent-name", texts: func(l pdsm.TrailLine) []string { return some(cmp.Or(l.ActorName, l.Actor)) }},
	{name: "entity", kind: "reference", url: base + "AuditEvent-entity", tokens: func(l pdsm.TrailLine) []token {
		return []token{{code: l.Record}, {code: l.Record + "." + l.Object}}
	}},
	{name: "purpose", kind: "token", url: "urn:vaguemestre:search:purpose", tokens: func(l pdsm.TrailLine) []token {
		if l.Emergency {
			return []token{{pdsm.SysActReason, "ETREAT"}}
		}
		return nil
	}},
}

func agentTokens(l pdsm.TrailLine) []token {
	out := []token{{code: l.Actor}, {"urn:vaguemestre:actor", l.Actor}}
	if l.RPPS != "" {
		out = append(out, token{pdsm.SysPerson, "8" + l.RPPS}, token{"https://rpps.esante.gouv.fr", l.RPPS})
	}
	if l.Kind == audit.Patient {
		out = append(out, token{code: l.Record})
	}
	return out
}

// searchAuditEvents lists the trail, newest first. It is read backwards, so
// that the first page of a long one costs no more than that of a short one; how
// many lines there are is not told.
func (c *call) searchAuditEvents() (answer, error) {
	l := listing[pdsm.TrailLine]{record: (*call).recordOf}
	params, record, after, err := l.where(c)
	if err != nil {
		return answer{}, err
	}
	s := searcher[pdsm.TrailLine]{criteria: trailCriteria, id: pdsm.TrailLine.ID, strict: c.prefers("handling=strict"),
		known: append(slices.Clone(documents.known), "entity.patient"), page: c.cfg.Limits.Page, byDefault: "-date"}
	q, err := s.read(params)
	if err != nil {
		return answer{}, err
	}
	b := fhir.Bundle{Kind: "Bundle", Type: "searchset", Timestamp: pdsm.Stamp(c.cfg.Now()),
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
		b.Entry = append(b.Entry, fhir.BundleEntry{FullURL: c.url(c.kind, l.ID()), Resource: pdsm.AuditEvent(l), Search: &fhir.BundleSearch{Mode: "match"}})
	}
	return answer{resource: b}, nil
}

// trail reads lines that pass a search, from a place on, and says where to go on.
func (c *call) trail(record string, q *query[pdsm.TrailLine], before string, from time.Time) (lines []pdsm.TrailLine, next string, err error) {
	for range maxTrailPages {
		page, err := c.hub.History(c.ctx, c.actor, record, hub.HistoryQuery{From: from, Before: before, Limit: 200})
		if err != nil {
			return nil, "", err
		}
		for _, one := range page.Lines {
			l := pdsm.TrailLine{Record: record, Line: one}
			if slices.ContainsFunc(q.tests, func(test func(pdsm.TrailLine) bool) bool { return !test(l) }) {
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
