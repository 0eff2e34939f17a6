package fhirapi

import (
	"errors"
	"net/http"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
)

// A reply is what a kind of failure is in FHIR: a status of HTTP, a code of the
// value set issue-type, and words.
type reply struct {
	status int
	code   string
	fr, en string
}

// replies has one reply for every kind of failure.
var replies = map[fault.Kind]reply{
	fault.Invalid: {http.StatusBadRequest, "invalid",
		"La requête n'est pas conforme.", "The request is not valid."},
	fault.NotFound: {http.StatusNotFound, "not-found",
		"Cette ressource n'existe pas, ou vous n'y avez pas accès.", "There is no such resource, or you have no access to it."},
	fault.Exists: {http.StatusConflict, "duplicate",
		"Un document portant cet identifiant est déjà dans le dossier.", "A document with this identifier is already in the record."},
	fault.Conflict: {http.StatusPreconditionFailed, "conflict",
		"La ressource a changé entre-temps : relisez-la, puis recommencez.", "The resource has changed meanwhile: read it again, then try again."},
	fault.Denied: {http.StatusForbidden, "forbidden",
		"Vous n'avez pas le droit de faire cela.", "You are not allowed to do this."},
	fault.Unauthenticated: {http.StatusUnauthorized, "login",
		"Présentez un jeton d'accès valide.", "Present a valid access token."},
	fault.TooLarge: {http.StatusRequestEntityTooLarge, "too-long",
		"La requête est trop volumineuse.", "The request is too large."},
	fault.Quota: {http.StatusInsufficientStorage, "too-costly",
		"Il n'y a plus de place dans cet espace.", "There is no room left in this space."},
	fault.Throttled: {http.StatusTooManyRequests, "throttled",
		"Trop de requêtes : réessayez plus tard.", "Too many requests: try again later."},
	fault.Unavailable: {http.StatusServiceUnavailable, "transient",
		"Le service est momentanément indisponible : réessayez plus tard.", "The service is temporarily unavailable: try again later."},
	fault.Sealed: {http.StatusServiceUnavailable, "no-store",
		"Le service est verrouillé : il ne peut rien ouvrir pour l'instant.", "The service is sealed: it cannot open anything for now."},
	fault.Corrupt: {http.StatusInternalServerError, "exception",
		"Une donnée conservée est endommagée ; l'opérateur est prévenu.", "A stored value is damaged; the operator has been told."},
	fault.Internal: {http.StatusInternalServerError, "exception",
		"Une erreur interne est survenue ; l'opérateur est prévenu.", "An internal error occurred; the operator has been told."},
}

// codes are the replies to the refusals of the integration of a document
// (CI-SIS, 900 to 906). The words are the hub's.
var codes = map[int]reply{
	900: {status: http.StatusConflict, code: "conflict"},                 // not the newest version
	901: {status: http.StatusForbidden, code: "forbidden"},               // neither its author nor their establishment
	902: {status: http.StatusUnprocessableEntity, code: "not-found"},     // unknown patient
	903: {status: http.StatusUnprocessableEntity, code: "required"},      // no INS in the document
	904: {status: http.StatusUnprocessableEntity, code: "business-rule"}, // of another patient
	905: {status: http.StatusUnprocessableEntity, code: "incomplete"},    // identity traits missing
	906: {status: http.StatusUnprocessableEntity, code: "processing"},    // any other
}

// codeSystem names the refusals 900 to 906 in a coding.
const codeSystem = "urn:oid:1.2.250.1.213.1.1.4.900"

// A problem is an error of this edge, for what a kind alone does not say.
type problem struct {
	kind   fault.Kind
	status int    // 0: that of the kind
	code   string // "": that of the kind
	fr, en string
	issues []fhir.Issue
	header map[string]string
}

// Error implements error. It carries no content.
func (p *problem) Error() string { return "fhirapi: " + p.en }

// Unwrap gives the kind.
func (p *problem) Unwrap() error { return p.kind }

func invalid(fr, en string) error { return &problem{kind: fault.Invalid, fr: fr, en: en} }

// unprocessable is the error of a request that is FHIR, and makes no sense.
func unprocessable(fr, en string) error {
	return &problem{kind: fault.Invalid, status: http.StatusUnprocessableEntity, code: "business-rule", fr: fr, en: en}
}

// notFound is the error of everything that one may not know of.
func notFound() error { return fault.NotFound }

// isNotFound reports whether something is not there, as far as one may know.
func isNotFound(err error) bool { return errors.Is(err, fault.NotFound) }

// An outcome is an error as it is answered.
type outcome struct {
	status   int
	header   map[string]string
	resource fhir.OperationOutcome
}

// outcome says what an error is in FHIR.
func (s *Server) outcome(err error) outcome {
	rep := replies[fault.Of(err)]
	o := outcome{header: map[string]string{}}
	coding := []fhir.Coding(nil)
	var refusal *hub.Refusal
	var own *problem
	switch {
	case errors.As(err, &own):
		rep = own.over(rep)
		for name, value := range own.header {
			o.header[name] = value
		}
	case errors.As(err, &refusal):
		rep, coding = refused(refusal, rep)
	}
	o.status = rep.status
	switch rep.status {
	case http.StatusUnauthorized:
		o.header["WWW-Authenticate"] = `Bearer realm="fhir", error="invalid_token"`
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		o.header["Retry-After"] = "30"
	}
	o.resource = outcomeOf(fhir.OutcomeIssue{Severity: "error", Code: rep.code, Details: words(rep.fr, rep.en, coding...)})
	if own != nil {
		for _, i := range own.issues {
			o.resource.Issue = append(o.resource.Issue, fhir.OutcomeIssue{
				Severity: "error", Code: i.Code, Diagnostics: i.Path + " " + i.Message, Expression: []string{i.Path}})
		}
	}
	return o
}

// over puts what p says in the place of what its kind says.
func (p *problem) over(rep reply) reply {
	if p.status != 0 {
		rep.status = p.status
	}
	if p.code != "" {
		rep.code = p.code
	}
	if p.en != "" {
		rep.fr, rep.en = p.fr, p.en
	}
	return rep
}

// refused is the reply to a refusal of the hub: its own words, the status of
// its code where it has one, and its rule unless it must be discreet.
func refused(r *hub.Refusal, rep reply) (reply, []fhir.Coding) {
	var coding []fhir.Coding
	if fault.Of(r) != fault.NotFound { // by which rule, would tell that there is something
		coding = append(coding, fhir.Coding{System: pdsm.RuleSystem, Code: r.Rule})
	}
	if c, ok := codes[r.Code]; ok {
		rep.status, rep.code = c.status, c.code
		coding = append(coding, fhir.Coding{System: codeSystem, Code: itoa(r.Code)})
	}
	if r.EN != "" {
		rep.fr, rep.en = r.FR, r.EN
	}
	return rep, coding
}

func outcomeOf(issues ...fhir.OutcomeIssue) fhir.OperationOutcome {
	return fhir.OperationOutcome{Kind: "OperationOutcome", Issue: issues}
}

// words are a text in French and in English.
func words(fr, en string, coding ...fhir.Coding) *fhir.CodeableConcept {
	return &fhir.CodeableConcept{Coding: coding, Text: fr + " / " + en}
}
