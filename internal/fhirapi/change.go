package fhirapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
	"vaguemestre/vault"
)

// change says what operations make of a document.
func (s *Server) change(d hub.DocumentView, ops []operation) (hub.DocumentChange, error) {
	var change hub.DocumentChange
	now := s.out.DocumentReference(d)
	text, err := json.Marshal(map[string]any{"status": now.Status, "securityLabel": now.SecurityLabel, "extension": now.Extension})
	if err != nil {
		return change, err
	}
	doc := map[string]any{}
	if err := json.Unmarshal(text, &doc); err != nil {
		return change, err
	}
	whole := false // all labels are given anew
	for _, o := range ops {
		if err := o.apply(doc); err != nil {
			return change, err
		}
		whole = whole || len(o.steps) == 1 && o.root() == "securityLabel" && o.name == ""
	}
	return s.difference(d, doc, whole)
}

// difference says how what became of the changeable elements differs from what
// the document is.
func (s *Server) difference(d hub.DocumentView, doc map[string]any, whole bool) (c hub.DocumentChange, err error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return c, err
	}
	var want struct {
		Status        string
		SecurityLabel []fhir.CodeableConcept
		Extension     []fhir.Extension
	}
	if json.Unmarshal(text, &want) != nil {
		return c, badPatch()
	}
	confidentiality, flags, known := pdsm.ReadLabels(want.SecurityLabel)
	switch {
	case !known:
		return c, unknownLabel()
	case confidentiality != "" && confidentiality != cmp.Or(d.Entry.Confidentiality, "N"):
		return c, onlyChangeable()
	}
	if added := flags &^ d.Flags & shown; added != 0 && !whole { // hiding from one does not show to another
		flags |= d.Flags & shown
	}
	for _, e := range want.Extension {
		switch {
		case e.Boolean == nil:
			return c, onlyChangeable()
		case e.URL == pdsm.ExtArchived && *e.Boolean:
			flags |= vault.Archived
		case e.URL == pdsm.ExtDeleted && *e.Boolean:
			flags |= vault.Deleted
		case e.URL != pdsm.ExtArchived && e.URL != pdsm.ExtDeleted:
			return c, onlyChangeable()
		}
	}
	switch want.Status {
	case pdsm.DocumentStatus(d.Flags):
	case "superseded", "entered-in-error": // how clients say that a document is withdrawn
		flags |= vault.Deleted
	case "current":
		flags &^= vault.Deleted
	default:
		return c, badPatch()
	}
	c.Masked = changed(d.Flags, flags, vault.Masked)
	c.HiddenFromPatient = changed(d.Flags, flags, vault.HiddenFromPatient)
	c.HiddenFromRepresentatives = changed(d.Flags, flags, vault.HiddenFromRepresentatives)
	c.Archived = changed(d.Flags, flags, vault.Archived)
	c.Deleted = changed(d.Flags, flags, vault.Deleted)
	return c, nil
}

// shown are the states that say to whom a document is shown.
const shown = vault.Masked | vault.HiddenFromPatient | vault.HiddenFromRepresentatives

func changed(was, is, f vault.Flags) *bool {
	if was&f == is&f {
		return nil
	}
	on := is&f != 0
	return &on
}

// patchDocument changes a document by its id; patchByIdentifier by any of its
// identifiers, of which exactly one document must have it. Who does not read the
// document may be its author all the same.
func (c *call) patchDocument() (answer, error) {
	d, err := c.hub.Document(c.ctx, c.actor, c.id)
	if isNotFound(err) {
		record, _, _ := strings.Cut(c.id, ".")
		d, err = c.hub.KeptDocument(c.ctx, c.actor, record, func(d hub.DocumentView) bool { return d.ID == c.id })
	}
	if err != nil {
		return answer{}, err
	}
	return c.patch(d)
}

func (c *call) patchByIdentifier() (answer, error) {
	id := c.query.Get("identifier")
	if id == "" {
		return answer{}, &problem{kind: fault.Conflict, code: "required",
			fr: "Indiquez identifier=système|valeur.", en: "Name identifier=system|value."}
	}
	t := parseToken(id)
	record := c.seen.of(c.actor, pdsm.UniqueID(&fhir.Identifier{System: t.system, Value: t.code}))
	if record == "" || c.namesPatient() {
		var err error
		if record, err = c.recordOf(); err != nil {
			return answer{}, err
		}
	}
	has := func(d hub.DocumentView) bool { return hasID(c.Server, d, id) }
	all, err := documents.items(c, record)
	found := slices.DeleteFunc(slices.Clone(all), func(d hub.DocumentView) bool { return !has(d) })
	if isNotFound(err) || err == nil && len(found) == 0 {
		found = make([]hub.DocumentView, 1)
		found[0], err = c.hub.KeptDocument(c.ctx, c.actor, record, has)
	}
	switch {
	case errors.Is(err, fault.Conflict) || len(found) > 1:
		return answer{}, &problem{kind: fault.Conflict, code: "multiple-matches",
			fr: "Plusieurs fiches portent cet identifiant.", en: "Several documents have this identifier."}
	case err != nil:
		return answer{}, err
	}
	return c.patch(found[0])
}

func (c *call) patch(d hub.DocumentView) (answer, error) {
	ops, err := operations(c.media, c.body, c.cfg.Limits.Body)
	if err != nil {
		return answer{}, err
	}
	version := ifMatch(c.header)
	if version != "" && version != d.Entry.EntryUUID {
		return answer{}, fault.Conflict
	}
	change, err := c.change(d, ops)
	if err != nil {
		return answer{}, err
	}
	if (change != hub.DocumentChange{}) {
		change.IfVersion = version
		if d, err = c.hub.ChangeDocument(c.ctx, c.actor, d.ID, change); err != nil {
			return answer{}, seen(version, err)
		}
	}
	a := c.documentAnswer(d)
	if c.prefers("return=minimal") {
		a.resource = nil
	}
	return a, nil
}

// seen makes a precondition that failed of the refusal of a version (900) that
// the client had named.
func seen(version string, err error) error {
	var r *hub.Refusal
	if version != "" && errors.As(err, &r) && r.Code == 900 {
		return &problem{kind: fault.Conflict, fr: r.FR, en: r.EN}
	}
	return err
}

func unknownLabel() error {
	return unprocessable("Un code de securityLabel n'est pas connu ici.", "A code of securityLabel is not known here.")
}
