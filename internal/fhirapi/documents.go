package fhirapi

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
	"vaguemestre/vault"
)

func (c *call) readDocument() (answer, error) {
	d, err := c.hub.Document(c.ctx, c.actor, c.id)
	if err != nil {
		return answer{}, err
	}
	return c.documentAnswer(d), nil
}

// readVersion reads a document as it was: only what it is now is kept here.
func (c *call) readVersion() (answer, error) {
	a, err := c.readDocument()
	if err == nil && a.version != c.rest {
		err = notFound()
	}
	return a, err
}

func (c *call) documentAnswer(d hub.DocumentView) answer {
	return answer{resource: c.show(d), version: d.Entry.EntryUUID}
}

// show writes a document for the actor, and remembers that they saw it.
func (c *call) show(d hub.DocumentView) fhir.DocumentReference {
	c.seen.saw(c.actor, d)
	return c.out.DocumentReference(d)
}

var documents = listing[hub.DocumentView]{
	byDefault: "-date",
	id:        func(d hub.DocumentView) string { return d.ID },
	known:     append(append([]string{}, patientParams...), identifierParams...),
	record:    (*call).recordOf,
	items: func(c *call, record string) ([]hub.DocumentView, error) {
		ds, err := c.hub.Documents(c.ctx, c.actor, record)
		if isNotFound(err) { // no record, or none that may be seen
			return nil, nil
		}
		return ds, err
	},
	write: func(c *call, d hub.DocumentView) any { return c.show(d) },
}

const base = "http://hl7.org/fhir/SearchParameter/"

type docs = criterion[hub.DocumentView]

// documentCriteria are the search parameters of TD3.1a and of PDSm.
func documentCriteria(s *Server) []docs {
	return append(documentCodes(s), documentDates()...)
}

func documentCodes(s *Server) []docs {
	code := func(name, url string, get func(*vault.Entry) []token) docs {
		return docs{name: name, kind: "token", url: url, tokens: func(d hub.DocumentView) []token { return get(&d.Entry) }}
	}
	return []docs{
		{name: "_id", kind: "token", url: base + "Resource-id", tokens: func(d hub.DocumentView) []token { return []token{{code: d.ID}} },
			sortKey: func(d hub.DocumentView) string { return d.ID }},
		{name: "identifier", kind: "token", url: base + "clinical-identifier",
			tokens: func(d hub.DocumentView) []token { return documentTokens(s, d) }},
		{name: "status", kind: "token", url: base + "DocumentReference-status",
			tokens: func(d hub.DocumentView) []token {
				return []token{{"http://hl7.org/fhir/document-reference-status", pdsm.DocumentStatus(d.Flags)}}
			}},
		code("type", base+"clinical-type", func(e *vault.Entry) []token { return typeTokens(e.TypeCode) }),
		code("category", base+"DocumentReference-category", func(e *vault.Entry) []token { return tokensOf(vault.Code{Code: e.Class, System: cda.SystemClass}) }),
		code("facility", base+"DocumentReference-facility", func(e *vault.Entry) []token { return tokensOf(e.Facility) }),
		code("setting", base+"DocumentReference-setting", func(e *vault.Entry) []token { return tokensOf(e.PracticeSetting) }),
		code("event", base+"DocumentReference-event", func(e *vault.Entry) []token { return tokensOf(e.EventCodes...) }),
		code("format", base+"DocumentReference-format", func(e *vault.Entry) []token {
			return tokensOf(vault.Code{Code: pdsm.FormatOf(e), System: pdsm.FormatSystem(pdsm.FormatOf(e))})
		}),
		code("contenttype", base+"DocumentReference-contenttype", func(e *vault.Entry) []token { return tokensOf(vault.Code{Code: e.MediaType}) }),
		{name: "security-label", kind: "token", url: base + "DocumentReference-security-label", tokens: labelTokens},
		{name: "PDSm_isArchived", kind: "token", url: pdsm.IG + "SearchParameter/PDSm-isArchived", tokens: archivedTokens},
		{name: "isArchived", kind: "token", url: pdsm.IG + "SearchParameter/PDSm-isArchived", tokens: archivedTokens},
		{name: "author", kind: "reference", url: base + "DocumentReference-author", tokens: authorTokens},
		{name: "author.identifier", kind: "token", url: base + "DocumentReference-author", tokens: authorTokens},
		{name: "authenticator", kind: "reference", url: base + "DocumentReference-authenticator",
			tokens: func(d hub.DocumentView) []token { return personTokens(d.Entry.Authenticator) }},
		{name: "relatesto", kind: "reference", url: base + "DocumentReference-relatesto", tokens: replacedTokens},
		{name: "related", kind: "reference", url: base + "DocumentReference-related", tokens: replacedTokens},
		{name: "description", kind: "string", url: base + "DocumentReference-description",
			texts: func(d hub.DocumentView) []string { return some(d.Entry.Comments) }},
		{name: "title", kind: "string", url: pdsm.IG + "SearchParameter/title",
			texts:   func(d hub.DocumentView) []string { return some(d.Entry.Title) },
			sortKey: func(d hub.DocumentView) string { return fold(d.Entry.Title) }},
	}
}

func documentDates() []docs {
	at := func(name, url string, get func(*vault.Entry) time.Time) docs {
		return docs{name: name, kind: "date", url: url,
			span:    func(d hub.DocumentView) (span, bool) { t := get(&d.Entry); return instant(t), !t.IsZero() },
			sortKey: func(d hub.DocumentView) string { return sortable(get(&d.Entry)) }}
	}
	start := func(e *vault.Entry) time.Time { from, _ := pdsm.Period(e); return from }
	end := func(e *vault.Entry) time.Time { _, to := pdsm.Period(e); return to }
	return []docs{
		at("date", base+"DocumentReference-date", func(e *vault.Entry) time.Time { return e.Filed }),
		at("_lastUpdated", base+"Resource-lastUpdated", func(e *vault.Entry) time.Time { return e.Filed }),
		at("creation", pdsm.MHD+"SearchParameter/DocumentReference-Creation", func(e *vault.Entry) time.Time { return e.Created }),
		at("PDSm_DocumentReference_period-start", pdsm.IG+"SearchParameter/PDSm-DocumentReference-period-start", start),
		at("period-start", pdsm.IG+"SearchParameter/PDSm-DocumentReference-period-start", start),
		at("PDSm_DocumentReference_period-end", pdsm.IG+"SearchParameter/PDSm-DocumentReference-period-end", end),
		at("period-end", pdsm.IG+"SearchParameter/PDSm-DocumentReference-period-end", end),
		{name: "period", kind: "date", url: base + "DocumentReference-period",
			span: func(d hub.DocumentView) (span, bool) {
				from, to := pdsm.Period(&d.Entry)
				if !to.IsZero() {
					to = to.Add(time.Second)
				}
				return span{from, to}, !from.IsZero()
			},
			sortKey: func(d hub.DocumentView) string { return sortable(start(&d.Entry)) }},
	}
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func tokensOf(codes ...vault.Code) []token {
	var out []token
	for _, c := range codes {
		if c.Code != "" {
			out = append(out, token{pdsm.SystemOf(c.System), c.Code})
		}
	}
	return out
}

func typeTokens(code string) []token {
	t, ok := cda.TypeByCode(code)
	if !ok {
		return tokensOf(vault.Code{Code: code})
	}
	return tokensOf(vault.Code{Code: code, System: t.System})
}

func labelTokens(d hub.DocumentView) []token {
	out := []token{{pdsm.SysConfidentiality, cmp.Or(d.Entry.Confidentiality, "N")}}
	for _, l := range pdsm.Labels {
		for _, code := range l.Codes {
			if d.Flags&l.Flag != 0 {
				out = append(out, token{pdsm.SysVisibility, code})
			}
		}
	}
	return out
}

func archivedTokens(d hub.DocumentView) []token {
	if d.Flags&vault.Archived != 0 {
		return []token{{code: "true"}}
	}
	return []token{{code: "false"}}
}

// personTokens are the identifiers of an author, with and without the digit
// that says which kind they are, and with the number alone.
func personTokens(a vault.Author) []token {
	var out []token
	for system, id := range map[string]string{pdsm.SysPerson: a.ID, pdsm.SysOrganisation: a.OrganisationID} {
		if id != "" {
			out = append(out, token{system, id})
		}
		if len(id) == 12 || len(id) == 10 { // "8" and the RPPS, "1" and the FINESS
			out = append(out, token{system, id[1:]}, token{"https://rpps.esante.gouv.fr", strings.TrimPrefix(id, "8")},
				token{"https://finess.esante.gouv.fr", strings.TrimPrefix(id, "1")})
		}
	}
	return out
}

func authorTokens(d hub.DocumentView) []token {
	out := personTokens(d.Entry.Author)
	if d.Entry.Depositor == vault.ByPatient {
		out = append(out, token{code: d.Patient.ID})
	}
	return out
}

func replacedTokens(d hub.DocumentView) []token {
	var out []token
	for _, id := range d.Entry.Replaces {
		if i := pdsm.UniqueIdentifier(id); i != nil {
			out = append(out, token{i.System, i.Value})
		}
	}
	return out
}

// hasID reports whether an identifier is one of a document's.
func hasID(s *Server, d hub.DocumentView, id string) bool {
	want := parseToken(id)
	return slices.ContainsFunc(documentTokens(s, d), want.matches)
}

func documentTokens(s *Server, d hub.DocumentView) []token {
	var out []token
	for _, i := range s.out.Identifiers(d) {
		out = append(out, token{i.System, i.Value})
	}
	return out
}
