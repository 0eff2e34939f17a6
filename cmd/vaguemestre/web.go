package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhirapi"
	"vaguemestre/internal/oauth"
	"vaguemestre/internal/web"
)

// openWeb makes what the HTTPS port serves: the pages, the documents (FHIR), and
// the logins for them. The port is open already, since the addresses in the answers name it.
func (s *server) openWeb(o options) error {
	if len(s.cfg.Listen.HTTPS) == 0 {
		return nil
	}
	base := s.webBase()
	provider, err := s.provider(o, base)
	if err != nil {
		return err
	}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total", Help: "Requests over HTTPS, by kind and status.",
	}, []string{"what", "status"})
	s.metrics.MustRegister(requests)
	observe := func(what string, status int) { requests.WithLabelValues(what, strconv.Itoa(status)).Inc() }
	pages, err := s.pages(base, provider != nil, observe)
	if err != nil {
		return err
	}
	logins, err := oauth.New(s.hub, oauth.Config{Base: base, Professional: provider, Portal: pages.Arrive, Observe: observe, Now: clock, Log: s.log})
	if err != nil {
		return advise(err, "web.base in %s is the address that people and programs use: https://, a name, and a port if it is not 443.", s.cfg.Path)
	}
	cursors := s.hub.Index.MAC("fhirapi/cursors") // the same in every process of the hub
	documents, err := fhirapi.New(s.hub, fhirapi.Config{
		Base: base + "/fhir", Authenticate: logins.Authenticate, SMART: logins.SMART, Observe: observe,
		Software: version(), Strict: s.cfg.Web.Strict, CursorKey: cursors[:], Limits: fhirLimits(s.cfg.Limits), Now: clock, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.web.Handle("/", pages)
	for path, handler := range o.pages {
		s.web.Handle(path, handler(base))
	}
	s.web.Handle("/fhir", documents)
	s.web.Handle("/fhir/", documents)
	s.web.Handle("/oauth/", logins)
	s.web.Handle("/.well-known/", logins)
	s.web.Handle("/.well-known/autoconfig/", pages)
	return nil
}

// webPeople is what the passkeys of people are bound to: the host of the address
// that they use, and the address itself. Where none is configured there are none.
func webPeople(w config.Web) (domain string, origins []string) {
	base := strings.TrimSuffix(w.Base, "/")
	u, err := url.Parse(base)
	if base == "" || err != nil {
		return "", nil
	}
	return u.Hostname(), []string{base}
}

// webBase is the address at which people and programs reach the HTTPS port: what
// the configuration says, or else the name of the hub, or this machine's where
// the port is on loopback.
func (s *server) webBase() string {
	if s.cfg.Web.Base != "" {
		return strings.TrimSuffix(s.cfg.Web.Base, "/")
	}
	host := s.cfg.Domain
	address, err := netip.ParseAddrPort(s.address("listen.https"))
	if err != nil {
		return "https://" + host
	}
	if address.Addr().IsLoopback() {
		host = "localhost"
	}
	if address.Port() != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(int(address.Port())))
	}
	return "https://" + host
}

// provider returns where professionals log in, nil if they do not.
func (s *server) provider(o options, base string) (*oauth.Provider, error) {
	if o.provider != nil {
		return o.provider(base), nil
	}
	p := s.cfg.Professionals
	if p.Issuer == "" {
		return nil, nil
	}
	out := &oauth.Provider{Issuer: p.Issuer, ClientID: p.ClientID, Scopes: p.Scopes, ACR: p.ACR, Claim: p.Claim}
	if !p.ClientSecret.IsZero() {
		var err error
		if out.ClientSecret, err = p.ClientSecret.Reveal(); err != nil {
			return nil, advise(err, "professionals.client_secret in %s says where the secret is.", s.cfg.Path)
		}
	}
	for _, program := range p.Programs {
		id, name, _ := strings.Cut(program, "=")
		if out.Programs == nil {
			out.Programs = map[string]string{}
		}
		out.Programs[id] = name
	}
	return out, nil
}

// fhirLimits lets a document of the largest mail pass: base64 takes a third more.
func fhirLimits(l config.Limits) (limits fhirapi.Limits) {
	limits.Body.Bytes = int(l.Mail/3*4) + 1<<20
	limits.Bodies = int(l.HTTPMemory)
	return limits
}

// pages makes the pages for people. Professionals sign in to them where there is a
// provider of identities.
func (s *server) pages(base string, professionals bool, observe func(string, int)) (*web.Server, error) {
	zone, err := time.LoadLocation(s.cfg.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("web: %v: %w", err, fault.Invalid)
	}
	key := s.hub.Index.MAC("web/forms") // the same in every process of the hub
	var pro web.Provider
	if professionals {
		pro = web.Provider{SignIn: oauth.PortalPath, SignOut: oauth.EndPath}
	}
	pages, err := web.New(s.hub, web.Config{
		Base: base, Support: s.cfg.Web.Support, Pro: pro, Key: key[:], Mail: s.mailServers(base), Observe: observe, Now: clock, Zone: zone, Log: s.log,
	})
	if err != nil {
		return nil, advise(err, "web.base in %s is the address that people and programs use: https://, a name, and a port if it is not 443.", s.cfg.Path)
	}
	return pages, nil
}

// mailServers are where the mail programs of people connect: under the name of
// the pages, at the ports that have TLS from the first byte.
func (s *server) mailServers(base string) (m web.MailServers) {
	u, err := url.Parse(base)
	if err != nil {
		return m
	}
	at := func(key string) string {
		_, port, err := net.SplitHostPort(s.address(key))
		if err != nil {
			return ""
		}
		return net.JoinHostPort(u.Hostname(), port)
	}
	if len(s.cfg.Listen.IMAPS) > 0 {
		m.IMAP = at("listen.imaps")
	}
	if len(s.cfg.Listen.SMTPS) > 0 {
		m.SMTP = at("listen.smtps")
	}
	m.Domains = []string{s.cfg.Domain, s.cfg.PatientDomain}
	return m
}
