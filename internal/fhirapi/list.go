package fhirapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
)

// A group is documents that were sent together (lot de soumission), or put into
// one folder (classeur), as far as one may see them.
type group struct {
	id      string // of the List
	code    string // "submissionset" or "folder"
	name    string // uniqueId of the set, or name of the folder
	date    time.Time
	members []hub.DocumentView
}

// groupID names a group within its record; what it is called does not show.
func groupID(record, code, name string) string {
	h := sha256.Sum256([]byte("vaguemestre/" + code + "/" + name))
	return record + "." + code[:1] + "-" + hex.EncodeToString(h[:10])
}

// groupsOf gathers documents into the sets they came in and the folders they
// are in. A document that came by itself is a set of its own.
func groupsOf(docs []hub.DocumentView) []group {
	at := map[string]int{}
	var out []group
	put := func(code, name string, date time.Time, d hub.DocumentView) {
		record, _, _ := strings.Cut(d.ID, ".")
		id := groupID(record, code, name)
		i, ok := at[id]
		if !ok {
			i, at[id] = len(out), len(out)
			out = append(out, group{id: id, code: code, name: name})
		}
		g := &out[i]
		if g.members = append(g.members, d); date.After(g.date) {
			g.date = date
		}
	}
	for _, d := range docs {
		e := &d.Entry
		date := e.Set.Time
		if date.IsZero() {
			date = e.Filed
		}
		put("submissionset", cmp.Or(e.Set.ID, cmp.Or(e.MessageID, d.ID)), date, d)
		for _, f := range e.Folders {
			put("folder", f, e.Filed, d)
		}
	}
	return out
}

// listResource writes a group.
func (s *Server) listResource(g group) fhir.List {
	first := g.members[0]
	subject := pdsm.Subject(first.Patient)
	l := fhir.List{
		Kind: "List", ID: g.id, Meta: &fhir.Meta{Profile: []string{pdsm.ProfileFolder}}, Status: "current", Mode: "working",
		Code:    &fhir.CodeableConcept{Coding: []fhir.Coding{{System: pdsm.SysListTypes, Code: g.code}}},
		Subject: &subject, Date: pdsm.Stamp(g.date), Title: g.name,
		Identifier: []fhir.Identifier{{Use: "official", System: pdsm.URISystem, Value: pdsm.UUID(g.id)}},
	}
	for _, d := range g.members {
		l.Entry = append(l.Entry, fhir.ListEntry{Item: fhir.Reference{Reference: "DocumentReference/" + d.ID}})
	}
	if g.code == "folder" {
		l.Extension = []fhir.Extension{{URL: pdsm.ExtDesignation, CodeableConcept: &fhir.CodeableConcept{Text: g.name}}}
		return l
	}
	set := first.Entry.Set
	l.Meta.Profile[0], l.Title = pdsm.ProfileSet, set.Title
	designation := pdsm.Concept(set.ContentType)
	if designation == nil {
		designation = &fhir.CodeableConcept{Text: cmp.Or(set.Title, "Lot de soumission")}
	}
	l.Extension = []fhir.Extension{{URL: pdsm.ExtDesignation, CodeableConcept: designation}}
	if set.Source != "" {
		l.Extension = append(l.Extension, fhir.Extension{URL: pdsm.ExtSourceID, Identifier: &fhir.Identifier{System: pdsm.URISystem, Value: "urn:oid:" + set.Source}})
	}
	if i := pdsm.UniqueIdentifier(set.ID); i != nil {
		i.Use = "usual"
		l.Identifier = append(l.Identifier, *i)
	}
	source := pdsm.Author(&l.Contained, "author", first.Entry.Author, first.Entry.Depositor, first.Patient)
	l.Source = &source
	return l
}

func (c *call) readList() (answer, error) {
	record, _, _ := strings.Cut(c.id, ".")
	groups, err := c.groups(record)
	if err != nil {
		return answer{}, err
	}
	i := slices.IndexFunc(groups, func(g group) bool { return g.id == c.id })
	if i < 0 {
		return answer{}, notFound()
	}
	return answer{resource: c.listResource(groups[i])}, nil
}

func (c *call) groups(record string) ([]group, error) {
	docs, err := c.hub.Documents(c.ctx, c.actor, record)
	if isNotFound(err) {
		return nil, nil
	}
	return groupsOf(docs), err
}

var lists = listing[group]{
	byDefault: "-date",
	id:        func(g group) string { return g.id },
	known:     documents.known,
	record:    (*call).recordOf,
	items:     (*call).groups,
	write:     func(c *call, g group) any { return c.listResource(g) },
	criteria: []criterion[group]{
		{name: "_id", kind: "token", url: base + "Resource-id", tokens: func(g group) []token { return []token{{code: g.id}} },
			sortKey: func(g group) string { return g.id }},
		{name: "code", kind: "token", url: base + "clinical-code", tokens: func(g group) []token { return []token{{pdsm.SysListTypes, g.code}} }},
		{name: "status", kind: "token", url: base + "List-status",
			tokens: func(group) []token { return []token{{"http://hl7.org/fhir/list-status", "current"}} }},
		{name: "identifier", kind: "token", url: base + "clinical-identifier", tokens: groupTokens},
		{name: "date", kind: "date", url: base + "clinical-date", span: func(g group) (span, bool) { return instant(g.date), !g.date.IsZero() },
			sortKey: func(g group) string { return sortable(g.date) }},
		{name: "title", kind: "string", url: base + "List-title", texts: func(g group) []string {
			if g.code == "folder" {
				return some(g.name)
			}
			return some(g.members[0].Entry.Set.Title)
		}},
		{name: "source", kind: "reference", url: base + "List-source", tokens: func(g group) []token { return authorTokens(g.members[0]) }},
		{name: "source.identifier", kind: "token", url: base + "List-source", tokens: func(g group) []token { return authorTokens(g.members[0]) }},
		{name: "DesignationType", kind: "token", url: pdsm.MHD + "SearchParameter/List-DesignationType",
			tokens: func(g group) []token { return tokensOf(g.members[0].Entry.Set.ContentType) }},
		{name: "SourceId", kind: "token", url: pdsm.MHD + "SearchParameter/List-SourceId", tokens: sourceTokens},
		{name: "item", kind: "reference", url: base + "List-item", tokens: func(g group) []token {
			var out []token
			for _, d := range g.members {
				out = append(out, token{code: d.ID})
			}
			return out
		}},
	},
}

func groupTokens(g group) []token {
	out := []token{{pdsm.URISystem, pdsm.UUID(g.id)}}
	if i := pdsm.UniqueIdentifier(g.members[0].Entry.Set.ID); i != nil && g.code == "submissionset" {
		out = append(out, token{i.System, i.Value})
	}
	return out
}

func sourceTokens(g group) []token {
	if id := g.members[0].Entry.Set.Source; id != "" && g.code == "submissionset" {
		return []token{{pdsm.URISystem, "urn:oid:" + id}, {"", id}}
	}
	return nil
}
