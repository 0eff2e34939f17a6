// Package web is the edge for people: the pages of a patient's space, made on the
// server. They are complete without a script; scripts only make them nicer.
//
// It keeps nothing. What somebody has come to between two pages travels with
// their browser, sealed by the door, in cookies that no script and no other site
// can use; an address never holds a matricule, a name or a code. Every form is
// bounded, bears a token of its session, and is taken from our own pages only.
//
// The words are in words/LANGUAGE/*.json, a catalogue for each area; the pages in
// pages/*.html hold none. What the door says of a refusal is told as it says it.
package web

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"vaguemestre/internal/fault"
)

// A Hub is what web asks of the hub, told where it is asked.
type Hub interface {
	mailReader
	sealer
	enroller
	signer
	keeper
	teller
	holder
	counter
	newsteller
	caregiver
	passkeeper
	helper
	exporter
	librarian
	matrixHolder
	writer
}

// sealer seals what a browser carries from one page to the next.
type sealer interface {
	SealState(purpose string, b []byte) (string, error)
	OpenState(purpose, text string) ([]byte, error)
}

// Config is what a Server is made of.
type Config struct {
	Base    string                        // absolute address of the pages: "https://espace.example.fr"
	Key     []byte                        // of the tokens in forms; the same in every process of the hub
	Mail    MailServers                   // for the programs that people read their mail with
	Support string                        // how people reach whoever runs the hub, in a line; empty: not told
	Pro     Provider                      // where professionals log in; the zero Provider: nowhere
	Observe func(what string, status int) // counts a request; nil for none
	Now     func() time.Time              // default: time.Now
	Zone    *time.Location                // in which people are told times; default: UTC
	Log     *slog.Logger                  // default: discards
}

// MailServers are where mail programs connect; empty where there is none.
type MailServers struct {
	IMAP, SMTP string   // host:port, with TLS from the first byte
	Domains    []string // of the addresses that are at home here
}

// A Provider is another edge, where professionals prove who they are. It answers
// with Server.Arrive.
type Provider struct {
	SignIn  string // begins a log-in; with ?again=1 one that was is not enough
	SignOut string // ends the session with the provider of identities
}

// A Server serves the pages. It is an http.Handler for everything that is not
// another edge's.
type Server struct {
	hub   Hub
	cfg   Config
	mux   *http.ServeMux
	pages pages
	paths map[string]bool // of pages that one can come back to
	guard *http.CrossOriginProtection
	local bool // the name of this machine is not ours to bind to HTTPS

	inFlight *semaphore.Weighted // bytes of the files of forms
	open     *opened
}

const (
	maxForm   = 16 << 10
	timeLimit = 20 * time.Second
	minKey    = 32
)

// New returns a Server. A Base that is not https and a host, or a Key of less
// than 32 bytes, is fault.Invalid.
func New(h Hub, cfg Config) (*Server, error) {
	base, err := url.Parse(cfg.Base)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.Path != "" || base.RawQuery != "" {
		return nil, fmt.Errorf("web: the base is https, a host, and no path: %w", fault.Invalid)
	}
	if len(cfg.Key) < minKey {
		return nil, fmt.Errorf("web: the key has %d bytes or more: %w", minKey, fault.Invalid)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, int) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{hub: h, cfg: cfg, mux: http.NewServeMux(), paths: map[string]bool{}, guard: http.NewCrossOriginProtection(), local: base.Hostname() == "localhost",
		inFlight: semaphore.NewWeighted(maxInFlight), open: newOpened()}
	if s.pages, err = newPages(cfg.Zone); err != nil {
		return nil, err
	}
	if err := s.guard.AddTrustedOrigin(cfg.Base); err != nil {
		return nil, fmt.Errorf("web: base: %v: %w", err, fault.Invalid)
	}
	s.routes()
	return s, nil
}

// A route is one address: what is shown there, and what a form sent there does.
type route struct {
	path   string
	signed bool              // only for somebody who has signed in…
	by     audience          // …and is one of these
	get    func(*call) error // nil: nothing is shown
	post   func(*call) error // nil: nothing is taken
	upload int64             // bytes of the files that a form sent there may carry together; 0: it carries none
	slow   bool              // what it answers may take long to be read
	heavy  bool              // it opens whole files, or looks through everything; see takeTurn
}

// An audience is who, of those who have signed in, has a page. For everybody else
// there is none.
type audience int

const (
	holders       audience = iota // of a space, their own or one that is entrusted to them
	professionals                 // by name
	anybody
)

// has reports whether somebody is one of an audience.
func (u audience) has(who *visitor) bool {
	return u == anybody || (u == professionals) == who.cares()
}

// door is where they sign in.
func (u audience) door() string {
	if u == professionals {
		return proPath
	}
	return signInPath
}

func (s *Server) routes() {
	for _, r := range table() {
		s.paths[r.path] = r.get != nil
		pattern := r.path
		if pattern == "/" {
			pattern = "/{$}"
		}
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) { s.answer(w, req, r) })
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		s.answer(w, req, route{path: "/", get: nothingHere, post: nothingHere})
	})
	s.mux.HandleFunc("GET /web/{name}", s.asset)
	s.programs()
}

func nothingHere(*call) error { return fmt.Errorf("web: no such page: %w", fault.NotFound) }

// content is what a browser may do with a page: load our style, our scripts and
// pictures, and talk to us alone.
const content = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; manifest-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// withFrames lets a page show frames of ours: what others wrote is in them.
func withFrames(h http.Header) {
	h.Set("Content-Security-Policy", content+"; frame-src 'self'")
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lock(w.Header())
	s.mux.ServeHTTP(w, r)
}

// lock has browsers keep a page to itself.
func (s *Server) lock(h http.Header) {
	h.Set("Content-Security-Policy", content)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	if !s.local {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// answer runs a route within its bounds. An error that comes back has not been
// told yet.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, to route) {
	limit := timeLimit
	if to.upload > 0 || to.slow {
		limit += uploadTime
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	rec := &recorder{ResponseWriter: w}
	c := s.newCall(rec, r.WithContext(ctx))
	defer func() {
		for _, f := range c.atEnd {
			f()
		}
		if p := recover(); p == http.ErrAbortHandler {
			panic(p)
		} else if p != nil {
			s.cfg.Log.Error("web panic", "path", to.path, "stack", string(debug.Stack()))
			if rec.status == 0 {
				c.tell(fault.Internal)
			}
		}
		s.cfg.Observe("web", rec.status)
	}()
	if err := s.run(c, to); err != nil {
		c.tell(err)
	}
}

// run finds out who asks, and does what they ask for.
func (s *Server) run(c *call, to route) error {
	act := to.get
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		if act == nil { // where only forms are sent: somebody has loaded the answer again
			return c.to(s.above(c.r.URL.Path), "")
		}
	case http.MethodPost:
		act = to.post
	default:
		act = nil
	}
	if act == nil {
		return &wrongMethod{to.post != nil}
	}
	posted := c.r.Method == http.MethodPost
	if posted && to.upload == 0 {
		if err := c.readForm(); err != nil {
			return err
		}
	}
	if err := c.recognise(); err != nil {
		return err
	}
	if to.signed && c.who == nil {
		return c.signInFirst(to.by.door())
	}
	if to.signed && !to.by.has(c.who) {
		return c.elsewhere()
	}
	if left, err := c.knowBox(); err != nil || left {
		return err
	}
	if err := c.knowPatient(); err != nil {
		return err
	}
	if to.heavy {
		if err := c.takeTurn(1); err != nil {
			return err
		}
	}
	if posted && to.upload > 0 { // files are taken of those only who may bring any
		if err := c.takeUpload(to.upload); err != nil {
			return err
		}
	}
	if err := c.visit(); err != nil {
		return err
	}
	return c.unseen(act(c))
}

// elsewhere makes nothing of the pages of another audience. An attempt on a record
// is for the door to refuse, so that the trail has it.
func (c *call) elsewhere() error {
	id := c.r.PathValue("record")
	var err error
	switch {
	case id == "":
	case c.who.cares():
		_, err = c.s.hub.Footing(c.ctx(), c.who.Actor, id)
	default:
		_, err = c.s.hub.Visit(c.ctx(), c.who.Actor, id)
	}
	return cmp.Or(err, nothingHere(c))
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets an http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// above is the page that an address without one belongs to.
func (s *Server) above(address string) string {
	for address != homePath && !s.known(address) {
		address = path.Dir(address)
	}
	return address
}

// known reports whether a path names a page of ours that one can come back to. It
// is as we write it: //elsewhere/../securite leads elsewhere, whatever the router
// makes of it.
func (s *Server) known(address string) bool {
	if !strings.HasPrefix(address, "/") || path.Clean(address) != address {
		return false
	}
	_, pattern := s.mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: address}})
	switch pattern {
	case "/{$}":
		pattern = homePath
	case "/": // everything that is nothing
		return false
	}
	return s.paths[pattern]
}
