// Package oauth is the edge where programs are let in: an OAuth 2.0 authorisation
// server (RFC 6749 as RFC 9700 has it: codes with PKCE, rotating refresh tokens)
// with the SMART App Launch 2.2.0 scopes and configuration, for programs in the
// hands of professionals, who log in at Pro Santé Connect (OpenID Connect), and for
// systems, which prove who they are by private_key_jwt or a TLS certificate.
//
// It gives no right. A scope narrows what policy allows, and the door decides.
// Access tokens are opaque, checked at each request, and end with what they stand
// for. There is no implicit or password grant, no client secret, no plain PKCE, no
// dynamic registration, and nothing is fetched from where a request says.
//
// Its pages are French first, need no script, and are in no frame.
package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/limit"
)

// Config is what a Server is made of.
type Config struct {
	Base         string                                                                 // absolute address of the hub, the issuer: "https://dmp.example.fr"
	FHIR         string                                                                 // absolute address of the FHIR service; default: Base + "/fhir"
	Professional *Provider                                                              // where professionals log in; nil: nowhere
	Portal       func(http.ResponseWriter, *http.Request, ident.RPPS, time.Time, error) // answers a log-in to the pages for people: who has proved who they are, and when, or why not; nil: there are no pages
	Observe      func(what string, status int)                                          // counts a request; nil for none
	Now          func() time.Time                                                       // default: time.Now
	Log          *slog.Logger                                                           // default: discards
}

// A Server is the authorisation server. It is an http.Handler for /oauth/ and
// /.well-known/.
type Server struct {
	hub      *hub.Hub
	cfg      Config
	mux      *http.ServeMux
	provider *provider // nil: no professional logs in
	bearers  bearers
	systems  systems
	local    bool          // the name of this machine is not ours to bind to HTTPS
	failures *limit.Window // of programs that did not prove who they are
}

const (
	maxForm    = 16 << 10
	maxURL     = 8 << 10
	timeLimit  = 20 * time.Second
	maxRemotes = 100_000
	maxFailed  = 100 // of a network, in a quarter of an hour
)

// New returns a Server. A Base that is not the absolute address of a host is
// fault.Invalid. It asks nothing of the provider yet.
func New(h *hub.Hub, cfg Config) (*Server, error) {
	cfg.Base = strings.TrimSuffix(cfg.Base, "/")
	base, err := url.Parse(cfg.Base)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.Path != "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("oauth: the base is https, a host, and no path: %w", fault.Invalid)
	}
	if cfg.FHIR == "" {
		cfg.FHIR = cfg.Base + "/fhir"
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
	s := &Server{hub: h, cfg: cfg, mux: http.NewServeMux(), local: base.Hostname() == "localhost", failures: limit.NewWindow(15*time.Minute, maxRemotes)}
	if cfg.Professional != nil {
		if s.provider, err = newProvider(*cfg.Professional, cfg.Base+"/oauth/callback", cfg.Now); err != nil {
			return nil, err
		}
	}
	s.routes()
	return s, nil
}

func (s *Server) routes() {
	for path, what := range map[string]struct {
		name   string
		handle func(http.ResponseWriter, *http.Request) error
	}{
		"GET /oauth/authorize":                        {"authorize", s.authorize},
		"GET /oauth/callback":                         {"callback", s.callback},
		"POST /oauth/consent":                         {"consent", s.consent},
		"GET " + PortalPath:                           {"portal", s.portal},
		"GET " + EndPath:                              {"end", s.end},
		"POST /oauth/token":                           {"token", s.token},
		"POST /oauth/introspect":                      {"introspect", s.introspect},
		"POST /oauth/revoke":                          {"revoke", s.revoke},
		"GET /oauth/keys":                             {"keys", s.keys},
		"GET /oauth/style.css":                        {"style", style},
		"GET /.well-known/oauth-authorization-server": {"metadata", s.metadata},
		"GET /.well-known/openid-configuration":       {"metadata", s.metadata},
		"GET /.well-known/smart-configuration":        {"metadata", s.smart},
	} {
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, what.name, what.handle) })
		_, path, _ = strings.Cut(path, " ")
		s.mux.HandleFunc("OPTIONS "+path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if !s.local {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if !isPage(r.URL.Path) { // software in a browser may ask from any origin: no cookie counts here
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type")
		h.Set("Access-Control-Max-Age", "600")
	}
	s.mux.ServeHTTP(w, r)
}

// isPage reports whether people see what is at that path.
func isPage(path string) bool {
	return slices.Contains([]string{"/oauth/authorize", "/oauth/callback", "/oauth/consent", PortalPath, EndPath}, path)
}

// answer runs a handler within its bounds. An error that comes back has not been
// told yet.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, what string, handle func(http.ResponseWriter, *http.Request) error) {
	ctx, cancel := context.WithTimeout(r.Context(), timeLimit)
	defer cancel()
	r = r.WithContext(ctx)
	rec := &recorder{ResponseWriter: w}
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("oauth panic", "what", what, "stack", string(debug.Stack()))
			if rec.status == 0 {
				s.tell(rec, r, what, fault.Internal)
			}
		}
		s.cfg.Observe(what, rec.status)
	}()
	var err error
	if len(r.URL.RawQuery) > maxURL {
		err = fmt.Errorf("oauth: query: %w", fault.TooLarge)
	} else {
		r.Body = http.MaxBytesReader(rec, r.Body, maxForm)
		err = handle(rec, r)
	}
	if err != nil {
		s.tell(rec, r, what, err)
	}
}

// recorder remembers the status that was answered.
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

// remote returns where a request comes from.
func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, _ := netip.ParseAddr(host)
	return a
}
