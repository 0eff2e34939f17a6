package fhirapi

import (
	"cmp"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/smart"
)

func itoa(n int) string { return strconv.Itoa(n) }

// A call is one request, or one entry of a batch.
type call struct {
	*Server
	ctx    context.Context
	actor  hub.Actor
	method string
	kind   string // type of resource
	id     string
	rest   string // "$operation", or the version after "_history/"
	query  url.Values
	header http.Header
	media  string // of the body
	body   []byte

	opened  int64           // bytes of documents, by the entries of this batch
	found   hub.PatientView // by their matricule, in this call
	release func()          // of the room that the body takes
}

// An answer is what a call gives: a resource, or bytes.
type answer struct {
	status   int // 0: 200
	resource any
	version  string // for ETag; "" for none
	location string // of what was made
	raw      *raw   // instead of resource
	holds    []*hold
}

// release gives back the room that an answer took, once it is sent.
func (a answer) release() {
	for _, h := range a.holds {
		h.release()
	}
}

// serve answers a request; what names it for logs and counters.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, what *string) (answer, error) {
	path, ok := strings.CutPrefix(r.URL.Path, s.path)
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if !ok || len(parts) > 4 {
		return answer{}, notFound()
	}
	if !jsonWanted(r) && parts[0] != "Binary" {
		return answer{}, &problem{kind: fault.Invalid, status: http.StatusNotAcceptable, code: "not-supported",
			fr: "Seul le format JSON de FHIR est disponible (application/fhir+json).", en: "Only the JSON format of FHIR is available (application/fhir+json)."}
	}
	if a, ok, err := s.public(r, strings.Trim(path, "/")); ok {
		*what = "metadata"
		return a, err
	}
	c := &call{Server: s, ctx: r.Context(), method: r.Method, header: r.Header, release: func() {}}
	defer func() { c.release() }()
	var err error
	if c.actor, err = s.cfg.Authenticate(r); err != nil {
		return answer{}, err
	}
	if c.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return answer{}, invalid("L'adresse est mal formée.", "The address is malformed.")
	}
	if err := c.read(w, r); err != nil {
		return answer{}, err
	}
	return c.route(parts, what)
}

// public answers what needs no token. ok is false for anything else.
func (s *Server) public(r *http.Request, path string) (a answer, ok bool, err error) {
	switch path {
	case "metadata":
		a.raw = &raw{media: fhir.MediaType, data: s.metadata}
	case ".well-known/smart-configuration":
		if s.cfg.SMART == nil {
			return a, true, notFound()
		}
		var doc []byte
		doc, err = s.cfg.SMART()
		a.raw = &raw{media: "application/json", data: doc}
	default:
		return a, false, nil
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return a, true, notAllowed("GET")
	}
	return a, true, err
}

// read takes in the body, within the time of the request. That of POST _search
// joins the parameters.
func (c *call) read(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	library := http.NewResponseController(w) // which does not wait for the end of the request by itself; not every w has one
	if end, ok := c.ctx.Deadline(); ok {
		_ = library.SetReadDeadline(end)
	}
	weight := int64(c.cfg.Limits.Body.Bytes)
	if n := r.ContentLength; n >= 0 && n < weight {
		weight = n
	}
	held, err := c.bodies.take(c.ctx, string(c.actor.Part), weight)
	if err != nil {
		return fault.Unavailable
	}
	c.release = held.release
	c.body, err = io.ReadAll(io.LimitReader(r.Body, int64(c.cfg.Limits.Body.Bytes)+1))
	if err == nil && len(c.body) <= c.cfg.Limits.Body.Bytes { // nothing is left to drain: the answer may take longer
		_ = library.SetReadDeadline(time.Time{})
	}
	switch {
	case err != nil:
		return invalid("Le corps de la requête n'est pas arrivé en entier.", "The body of the request did not come in whole.")
	case len(c.body) > c.cfg.Limits.Body.Bytes:
		return fault.TooLarge
	}
	c.media, _, _ = mime.ParseMediaType(r.Header.Get("Content-Type"))
	if c.media != "application/x-www-form-urlencoded" {
		return nil
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return invalid("Le formulaire est mal formé.", "The form is malformed.")
	}
	for name, values := range form {
		c.query[name] = append(c.query[name], values...)
	}
	c.body = nil
	return nil
}

// route finds what a call is, by its method and the parts of its path, and does
// it.
func (c *call) route(parts []string, what *string) (answer, error) {
	if parts[0] == "" {
		if c.method != http.MethodPost {
			return answer{}, notAllowed("POST")
		}
		*what = "bundle"
		return c.bundle()
	}
	t := c.types[parts[0]]
	if t == nil {
		return answer{}, notFound()
	}
	c.kind = t.name
	var name string
	switch n := len(parts); {
	case n == 1:
		name = map[string]string{"GET": "search-type", "HEAD": "search-type", "POST": "create", "PATCH": "conditional-patch"}[c.method]
	case n == 2 && parts[1] == "_search":
		name = map[string]string{"POST": "search-type"}[c.method]
	case n == 2 && strings.HasPrefix(parts[1], "$"):
		name, c.rest = parts[1], parts[1]
	case !fhir.IsID(parts[1]):
		return answer{}, notFound()
	case n == 2:
		c.id, name = parts[1], map[string]string{"GET": "read", "HEAD": "read", "PATCH": "patch", "PUT": "update"}[c.method]
	case n == 3 && strings.HasPrefix(parts[2], "$"):
		c.id, c.rest, name = parts[1], parts[2], parts[2]
	case n == 4 && parts[2] == "_history":
		c.id, c.rest, name = parts[1], parts[3], map[string]string{"GET": "vread", "HEAD": "vread"}[c.method]
	default:
		return answer{}, notFound()
	}
	i, ok := t.interactions[name]
	if !ok || i.method != "" && i.method != c.method {
		return answer{}, notAllowed(i.method)
	}
	*what = t.name + "/" + name
	if err := c.scoped(t.name, name); err != nil {
		return answer{}, err
	}
	return i.do(c)
}

// scopes says which letter of a scope an interaction needs; an operation that
// is not named needs to read.
var scopes = map[string]smart.Interaction{
	"search-type": smart.Search, "create": smart.Create, "patch": smart.Update, "conditional-patch": smart.Update, "update": smart.Update,
	"$break-glass": smart.Update, "$declare-care": smart.Update,
}

// scoped refuses what the token of a program does not let it do, whatever its
// user may. A Binary goes with its DocumentReference.
func (c *call) scoped(kind, name string) error {
	need, ok := scopes[name]
	if !ok {
		need = smart.Read
	}
	if kind == "Binary" || name == "$see-as" {
		kind = "DocumentReference"
	}
	if c.actor.Scopes.Allows(kind, need) || kind == "Practitioner" && c.actor.Scopes.Has("fhirUser") {
		return nil
	}
	return &problem{kind: fault.Denied,
		fr: "Ce logiciel n'y est pas autorisé par son jeton.", en: "The token of this program does not allow it.",
		header: map[string]string{"WWW-Authenticate": `Bearer realm="fhir", error="insufficient_scope", scope="` + kind + "." + string(need) + `"`}}
}

func notAllowed(allow string) error {
	p := &problem{kind: fault.Invalid, status: http.StatusMethodNotAllowed, code: "not-supported",
		fr: "Cette interaction n'est pas disponible.", en: "This interaction is not available."}
	if allow != "" {
		p.header = map[string]string{"Allow": allow}
	}
	return p
}

// jsonTypes are the media types by which FHIR JSON is asked for and sent.
var jsonTypes = []string{fhir.MediaType, "application/json", "text/json", "application/json+fhir", "json"}

// jsonWanted reports whether whoever asks takes JSON: by _format, else by
// Accept, of which the quality is not weighed.
func jsonWanted(r *http.Request) bool {
	if f := r.URL.Query().Get("_format"); f != "" {
		f, _, _ = mime.ParseMediaType(strings.ReplaceAll(f, " ", "+"))
		return slices.Contains(jsonTypes, f)
	}
	accept := r.Header.Get("Accept")
	if accept == "" {
		return true
	}
	for one := range strings.SplitSeq(accept, ",") {
		m, _, _ := mime.ParseMediaType(strings.TrimSpace(one))
		if slices.Contains(jsonTypes, m) || m == "*/*" || m == "application/*" || m == "text/*" {
			return true
		}
	}
	return false
}

// resource reads the resource that was sent, and checks it. kind is what it
// must be.
func (c *call) resource(kind string) (map[string]any, error) {
	if !slices.Contains(jsonTypes, c.media) {
		return nil, &problem{kind: fault.Invalid, status: http.StatusUnsupportedMediaType, code: "not-supported",
			fr: "Envoyez du JSON FHIR (application/fhir+json).", en: "Send FHIR JSON (application/fhir+json)."}
	}
	return checked(c.body, kind, c.cfg.Limits.Body)
}

// checked decodes a resource and checks it.
func checked(data []byte, kind string, lim fhir.Limits) (map[string]any, error) {
	o, err := fhir.Decode(data, lim)
	if err != nil {
		return nil, err
	}
	if o["resourceType"] != kind {
		return nil, invalid("Ce n'est pas une ressource "+kind+".", "This is no "+kind+" resource.")
	}
	if issues := fhir.Check(o); len(issues) > 0 {
		return nil, &problem{kind: fault.Invalid, code: "structure", issues: issues,
			fr: "La ressource n'est pas conforme à FHIR R4.", en: "The resource does not conform to FHIR R4."}
	}
	return o, nil
}

// url returns the absolute address of a resource.
func (s *Server) url(kind, id string) string { return s.cfg.Base + "/" + kind + "/" + id }

// prefers reports whether the client asked for something in Prefer (RFC 7240).
func (c *call) prefers(what string) bool {
	for _, line := range c.header.Values("Prefer") {
		for one := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r == ';' }) {
			if strings.TrimSpace(one) == what {
				return true
			}
		}
	}
	return false
}

// ifMatch returns the version in If-Match, or "".
func ifMatch(h http.Header) string {
	v := strings.TrimSpace(h.Get("If-Match"))
	if v == "*" {
		return ""
	}
	return strings.Trim(strings.TrimPrefix(v, "W/"), `"`)
}

func status(a answer) int { return cmp.Or(a.status, http.StatusOK) }
