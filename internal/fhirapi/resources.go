package fhirapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/pdsm"
)

// A resource is a type of resource that is spoken here, with what may be done
// with it.
type resource struct {
	name         string
	profile      []string
	interactions map[string]interaction // by its name in FHIR, or that of an operation: "$who-can-see"
	params       []parameter
	note         string // for the CapabilityStatement
}

// An interaction answers one kind of request. method is that of an operation;
// the others have theirs by nature.
type interaction struct {
	method string
	do     func(*call) (answer, error)
}

// A parameter is what a CapabilityStatement tells of a criterion.
type parameter struct{ name, kind, url string }

func told[T any](criteria []criterion[T], more ...parameter) []parameter {
	for _, c := range criteria {
		more = append(more, parameter{c.name, c.kind, c.url})
	}
	return more
}

var whose = []parameter{
	{"patient", "reference", base + "clinical-patient"},
	{"patient.identifier", "token", base + "clinical-patient"},
}

// resources lists what is spoken.
func (s *Server) resources() []*resource {
	docs := documents
	docs.criteria = documentCriteria(s)
	return []*resource{
		{
			name: "DocumentReference", profile: []string{pdsm.ProfileDocument}, params: told(docs.criteria, whose...),
			interactions: map[string]interaction{
				"read":              {do: (*call).readDocument},
				"vread":             {do: (*call).readVersion},
				"search-type":       {do: docs.search},
				"create":            {do: (*call).createDocument},
				"patch":             {do: (*call).patchDocument},
				"conditional-patch": {do: (*call).patchByIdentifier},
				"$who-can-see":      {method: "GET", do: (*call).whoCanSee},
			},
			note: "ITI-67 (TD3.1a, TD3.1b), ITI-105, PATCH of status, securityLabel, isArchived and isDeleted (TD3.3a to d), by id or by identifier.",
		},
		{
			name: "List", profile: []string{pdsm.ProfileSet, pdsm.ProfileFolder}, params: told(lists.criteria, whose...),
			interactions: map[string]interaction{"read": {do: (*call).readList}, "search-type": {do: lists.search}},
			note:         "ITI-66: submission sets and folders.",
		},
		{
			name: "Binary", interactions: map[string]interaction{"read": {do: (*call).readBinary}},
			note: "ITI-68 (TD3.2): the bytes of a document, with Range; as a Binary resource where only FHIR is accepted.",
		},
		{
			name: "Patient", profile: []string{pdsm.ProfilePatient},
			params: told(patients.criteria, parameter{"identifier", "token", base + "Patient-identifier"}),
			interactions: map[string]interaction{
				"read":          {do: (*call).readPatient},
				"search-type":   {do: patients.search},
				"$see-as":       {method: "GET", do: (*call).seeAs},
				"$break-glass":  {method: "POST", do: (*call).breakGlass},
				"$declare-care": {method: "POST", do: (*call).declareCare},
			},
			note: "TD0.2: no entry is no record; active is an open one.",
		},
		{
			name: "Practitioner", interactions: map[string]interaction{"read": {do: (*call).readPractitioner}},
			note: "Whoever is logged in (fhirUser), and nobody else.",
		},
		{
			name: "AuditEvent", params: told(trailCriteria, whose...),
			interactions: map[string]interaction{"read": {do: (*call).readAuditEvent}, "search-type": {do: (*call).searchAuditEvents}},
			note:         "The trail of the record, for the patient; newest first.",
		},
		{
			name: "Consent", params: told(consentListing.criteria, whose...),
			interactions: map[string]interaction{
				"read":        {do: (*call).readConsent},
				"search-type": {do: consentListing.search},
				"update":      {do: (*call).updateConsent},
				"create":      {do: (*call).createConsent},
			},
			note: "The patient's choices (ETREAT, BTG, MASKED, CARETEAM, NEWDOCUMENTS, HISTORY) and what each professional may.",
		},
	}
}

// capabilities is the CapabilityStatement, made of the table.
func (s *Server) capabilities() ([]byte, error) {
	var rest []any
	for _, name := range slices.Sorted(maps.Keys(s.types)) {
		rest = append(rest, s.types[name].capability())
	}
	security := map[string]any{"cors": true,
		"service": []any{map[string]any{"coding": []any{map[string]any{
			"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}}}},
		"description": "Jeton d'accès OAuth 2.0 / OAuth 2.0 access token: " + s.cfg.Base + "/.well-known/smart-configuration"}
	uris, err := s.oauthURIs()
	if err != nil {
		return nil, err
	}
	if uris != nil {
		security["extension"] = []any{uris}
	}
	return json.Marshal(map[string]any{
		"resourceType": "CapabilityStatement", "status": "active", "kind": "instance", "date": "2026-11-21", "fhirVersion": fhir.Version,
		"url": s.cfg.Base + "/metadata", "name": "VaguemestreDMP", "title": "Vaguemestre : partage de documents de santé",
		"publisher": "Vaguemestre", "format": []string{"json"}, "patchFormat": []string{"application/json-patch+json", fhir.MediaType},
		"instantiates":        []string{pdsm.IG + "CapabilityStatement/PDSm-GestionnaireDePartageDeDocuments"},
		"implementationGuide": []string{pdsm.IG + "ImplementationGuide/ans.fhir.fr.pdsm"},
		"software":            map[string]any{"name": "Vaguemestre", "version": cmp.Or(s.cfg.Software, "0")},
		"implementation":      map[string]any{"description": "Vaguemestre", "url": s.cfg.Base},
		"rest": []any{map[string]any{
			"mode": "server", "resource": rest,
			"interaction": []any{
				map[string]any{"code": "transaction", "documentation": pdsm.IG + "StructureDefinition/pdsm-comprehensive-provide-document-bundle"},
				map[string]any{"code": "batch", "documentation": "GET only"},
			},
			"security": security,
		}},
	})
}

// oauthURIs says where programs log in, as they looked for it before there was a
// SMART configuration (SMART App Launch 1.0, Declaring support for OAuth2): some
// take whichever of the two answers first.
func (s *Server) oauthURIs() (any, error) {
	if s.cfg.SMART == nil {
		return nil, nil
	}
	text, err := s.cfg.SMART()
	if err != nil {
		return nil, fmt.Errorf("fhirapi: SMART configuration: %w", err)
	}
	var told map[string]any
	if err := json.Unmarshal(text, &told); err != nil {
		return nil, fmt.Errorf("fhirapi: SMART configuration: %w", err)
	}
	var uris []any
	for _, name := range [][2]string{{"authorize", "authorization_endpoint"}, {"token", "token_endpoint"}, {"introspect", "introspection_endpoint"}, {"revoke", "revocation_endpoint"}} {
		if uri, ok := told[name[1]].(string); ok {
			uris = append(uris, map[string]any{"url": name[0], "valueUri": uri})
		}
	}
	if uris == nil {
		return nil, nil
	}
	return map[string]any{"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": uris}, nil
}

// capability tells of one type of resource.
func (t *resource) capability() any {
	var interactions, operations []any
	for _, name := range slices.Sorted(maps.Keys(t.interactions)) {
		switch {
		case strings.HasPrefix(name, "$"):
			operations = append(operations, map[string]any{"name": name[1:], "definition": "urn:vaguemestre:operation:" + name[1:]})
		case name != "conditional-patch":
			interactions = append(interactions, map[string]any{"code": name})
		}
	}
	m := map[string]any{"type": t.name, "interaction": interactions}
	if _, ok := t.interactions["patch"]; ok {
		m["versioning"], m["readHistory"] = "versioned", false
		m["conditionalUpdate"] = true // as PDSm calls PATCH by identifier
	}
	if t.note != "" {
		m["documentation"] = t.note
	}
	if t.profile != nil {
		m["supportedProfile"] = t.profile
	}
	if operations != nil {
		m["operation"] = operations
	}
	var params []any
	for _, p := range t.params {
		params = append(params, map[string]any{"name": p.name, "type": p.kind, "definition": p.url})
	}
	if params != nil {
		m["searchParam"] = params
	}
	return m
}
