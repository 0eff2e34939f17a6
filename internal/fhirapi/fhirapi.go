// Package fhirapi is the edge of the record for software: HL7 FHIR R4 over
// HTTP, with the French profiles for sharing documents (PDSm 3.1.1) as the DMP
// uses them (PDSm4DMP).
//
// It speaks and decides nothing: who asks is established by whoever made the
// server, what they may do by the hub, and what is hidden from them does not
// exist here. It keeps nothing either: every request asks the hub, lists are
// filtered, then counted, then cut into pages.
//
// The table of resources (resources.go) is at once what requests are led by and
// what the CapabilityStatement tells. What fails has the status of its kind
// (outcome.go) and an OperationOutcome in French and English. No answer may be
// stored by anybody on its way; no log, metric or address of ours carries what
// a record says, or whom it belongs to.
package fhirapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/pdsm"
	"vaguemestre/policy"
)

// A Hub is what fhirapi asks of the hub. Record and document IDs are those of
// hub.PatientView and hub.DocumentView.
type Hub interface {
	Records
	Documents
	Oversight
	Settings
}

// Records are the acts on whole records.
type Records interface {
	FindPatient(ctx context.Context, a hub.Actor, m ident.Matricule) (hub.PatientView, error)
	PatientByID(ctx context.Context, a hub.Actor, recordID string) (hub.PatientView, error)
	Declare(ctx context.Context, a hub.Actor, recordID string, link hub.CareLink) error
	BreakGlass(ctx context.Context, a hub.Actor, recordID string, kind policy.EmergencyKind, reason string) (until time.Time, err error)
}

// Documents are the acts on documents.
type Documents interface {
	Documents(ctx context.Context, a hub.Actor, recordID string) ([]hub.DocumentView, error)
	Document(ctx context.Context, a hub.Actor, id string) (hub.DocumentView, error)
	OpenDocument(ctx context.Context, a hub.Actor, id string) (hub.DocumentView, hub.Content, error)
	OpenRendition(ctx context.Context, a hub.Actor, id string) (hub.DocumentView, hub.Content, error)
	AddDocuments(ctx context.Context, a hub.Actor, recordID string, docs []hub.Submission) ([]hub.DocumentView, error)
	ChangeDocument(ctx context.Context, a hub.Actor, id string, c hub.DocumentChange) (hub.DocumentView, error)
	KeptDocument(ctx context.Context, a hub.Actor, recordID string, match func(hub.DocumentView) bool) (hub.DocumentView, error)
}

// Oversight is what the patient is told of who sees the record.
type Oversight interface {
	History(ctx context.Context, a hub.Actor, recordID string, q hub.HistoryQuery) (hub.HistoryPage, error)
	WhoCanSee(ctx context.Context, a hub.Actor, documentID string) ([]hub.Viewer, error)
	SeeAs(ctx context.Context, a hub.Actor, recordID, as string) ([]hub.DocumentView, error)
}

// Settings is what the patient decides of that.
type Settings interface {
	Choices(ctx context.Context, a hub.Actor, recordID string) (patient.Choices, error)
	SetChoices(ctx context.Context, a hub.Actor, recordID string, c patient.Choices) error
	Relations(ctx context.Context, a hub.Actor, recordID string) ([]patient.Relation, error)
	BlockProfessional(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
	UnblockProfessional(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
	GiveConsent(ctx context.Context, a hub.Actor, recordID string, professional ident.Address, until time.Time) error
	WithdrawConsent(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
}

var _ Hub = (*hub.Hub)(nil)

// Config is what a Server is made of.
type Config struct {
	Base         string                                 // absolute address of the service: "https://dmp.example.fr/fhir"
	Authenticate func(*http.Request) (hub.Actor, error) // who asks; fault.Unauthenticated where nobody is known
	SMART        func() ([]byte, error)                 // the SMART configuration, JSON; nil for none
	Observe      func(what string, status int)          // counts a request: type and interaction, from a closed set; nil for none
	Software     string                                 // version of this program, for the CapabilityStatement
	Strict       bool                                   // what breaks the French profile is refused, not warned of
	CursorKey    []byte                                 // 32 bytes, the same on all nodes; nil: pages end with this process
	Limits       Limits
	Now          func() time.Time // default: time.Now
	Log          *slog.Logger     // default: discards
}

// Limits bound what one request may cost. A zero field means its default.
type Limits struct {
	Body     fhir.Limits   // of a resource that is sent
	Page     int           // entries of a page; default 500
	Entries  int           // of a Bundle that is sent; default 100
	Bodies   int           // bytes of all bodies at a time, one of the largest for each actor; more have to wait; default four of the largest
	Contents int           // bytes of all documents that are open at a time, twice the largest body for each actor; default eight times
	Time     time.Duration // of one request; default 30 s
}

// A Server answers FHIR requests. It is an http.Handler for the path of Base
// and all below.
type Server struct {
	hub      Hub
	cfg      Config
	path     string // of Base
	out      pdsm.Writer
	types    map[string]*resource
	metadata []byte
	cursors  cursors
	seen     whereabouts
	bodies   *room // of those that are dealt with
	contents *room // of documents that are open
}

// New returns a Server. A Base that is no absolute address, or no way to know
// who asks, is fault.Invalid.
func New(h Hub, cfg Config) (*Server, error) {
	base, err := url.Parse(cfg.Base)
	if err != nil || base.Host == "" || cfg.Authenticate == nil || h == nil {
		return nil, fmt.Errorf("fhirapi: configuration is incomplete: %w", fault.Invalid)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, int) {}
	}
	if cfg.Limits.Page == 0 {
		cfg.Limits.Page = 500
	}
	if cfg.Limits.Entries == 0 {
		cfg.Limits.Entries = 100
	}
	if cfg.Limits.Time == 0 {
		cfg.Limits.Time = 30 * time.Second
	}
	if cfg.Limits.Body.Bytes == 0 {
		cfg.Limits.Body.Bytes = 8 << 20
	}
	if cfg.Limits.Bodies == 0 {
		cfg.Limits.Bodies = 4 * cfg.Limits.Body.Bytes
	}
	if cfg.Limits.Contents == 0 {
		cfg.Limits.Contents = 8 * cfg.Limits.Body.Bytes
	}
	cfg.Base = strings.TrimSuffix(cfg.Base, "/")
	s := &Server{hub: h, cfg: cfg, bodies: newRoom(int64(cfg.Limits.Bodies), int64(cfg.Limits.Body.Bytes)), contents: newRoom(int64(cfg.Limits.Contents), 2*int64(cfg.Limits.Body.Bytes)), path: strings.TrimSuffix(base.Path, "/"), types: map[string]*resource{}}
	s.out = pdsm.Writer{Base: cfg.Base, Binary: func(id string) string { return s.url("Binary", id) }}
	for _, r := range s.resources() {
		s.types[r.name] = r
	}
	if s.cursors, err = newCursors(cfg.CursorKey); err != nil {
		return nil, fmt.Errorf("fhirapi: key of the cursors: %v: %w", err, fault.Invalid)
	}
	s.metadata, err = s.capabilities()
	return s, err
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Limits.Time)
	defer cancel()
	r = r.WithContext(ctx)
	setHeaders(w.Header())
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	what := "unknown"
	rec := &statusRecorder{ResponseWriter: w}
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("fhir panic", "what", what, "stack", string(debug.Stack()))
			s.fail(rec, r, what, fault.Internal)
		}
		s.cfg.Observe(what, rec.status)
	}()
	a, err := s.serve(rec, r, &what)
	defer a.release()
	if err == nil {
		err = s.write(rec, r, a)
	}
	if err != nil {
		s.fail(rec, r, what, err)
	}
}

// setHeaders sets what every answer has. Software in a browser may ask from any
// origin: what it may do depends on its token, and there are no cookies here.
func setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Accept, Content-Type, If-Match, If-None-Match, Prefer, Range")
	h.Set("Access-Control-Expose-Headers", "Location, Content-Location, ETag, Last-Modified, Content-Range, WWW-Authenticate")
	h.Set("Access-Control-Max-Age", "600")
}

// statusRecorder remembers the status that was answered.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// Unwrap lets the library find what is beneath.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (r *statusRecorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.Header().Set("Cache-Control", "no-store") // the library takes it from some failures
	r.ResponseWriter.WriteHeader(status)
}

// fail answers with what an error means, and logs what somebody should look at.
func (s *Server) fail(w *statusRecorder, r *http.Request, what string, err error) {
	log := s.cfg.Log.With("what", what)
	switch k := fault.Of(err); {
	case errors.Is(r.Context().Err(), context.Canceled): // whoever asked has gone; many may go at once
		log.Debug("fhir request given up")
	case k == fault.Internal || k == fault.Corrupt:
		log.Error("fhir request failed", "err", err)
	default:
		log.Info("fhir request refused", "kind", string(k))
	}
	if w.status != 0 { // the answer has begun: it can only be cut
		return
	}
	o := s.outcome(err)
	for name, value := range o.header {
		w.Header().Set(name, value)
	}
	writeJSON(w, r, o.status, o.resource)
}
