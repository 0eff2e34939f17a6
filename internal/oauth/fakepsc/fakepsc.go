// Package fakepsc stands in for Pro Santé Connect in tests and in the demo: an
// OpenID Connect provider of invented professionals. Whoever asks is let in as the
// one they choose, so it proves nothing, and no real hub trusts it.
//
// It has of Pro Santé Connect what a hub sees: discovery, the code flow with PKCE
// and nonce, acr eidas1, userinfo with SubjectNameID, introspection, the end of a
// session. Nothing is kept: a start forgets everybody.
package fakepsc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"vaguemestre/internal/fault"
)

// A Person is an invented professional.
type Person struct {
	ID         string // idNatPS: 8 and the RPPS number
	FamilyName string
	GivenName  string
	Profession string // as the page shows it
}

// A Client is software that lets people log in here.
type Client struct {
	ID, Secret string
	Redirects  []string
	Afterwards []string // where a browser may go when a session has ended
}

// A Server is the provider. It is an http.Handler for the path of its issuer and
// all below.
type Server struct {
	Issuer string

	// Twist, where a test sets it, changes the claims before they are told: of
	// "id" tokens, "userinfo" and "introspection".
	Twist func(what string, claims map[string]any)

	people  []Person
	clients []Client
	now     func() time.Time
	key     *rsa.PrivateKey
	signer  jose.Signer
	mux     *http.ServeMux

	mu     sync.Mutex
	codes  map[string]grant
	tokens map[string]grant
}

// A grant is what a code or an access token stands for.
type grant struct {
	client, redirect, challenge, nonce string
	person                             Person
	ends                               time.Time
}

const (
	codeLife  = time.Minute
	tokenLife = 20 * time.Minute
	maxGrants = 10_000
)

//go:embed login.html
var files embed.FS

var page = template.Must(template.ParseFS(files, "login.html"))

// New returns a provider at that address, with a key of its own.
func New(issuer string, people []Person, clients []Client, now func() time.Time) (*Server, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("fakepsc: the issuer is an address: %w", fault.Invalid)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("fakepsc: key: %v", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "fake"))
	if err != nil {
		return nil, fmt.Errorf("fakepsc: signer: %v", err)
	}
	s := &Server{Issuer: strings.TrimSuffix(issuer, "/"), people: people, clients: clients, now: now, key: key, signer: signer,
		mux: http.NewServeMux(), codes: map[string]grant{}, tokens: map[string]grant{}}
	base := strings.TrimSuffix(u.Path, "/")
	for path, handle := range map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration": s.discovery,
		"GET /auth":                             s.choose,
		"POST /auth":                            s.chosen,
		"POST /token":                           s.token,
		"GET /userinfo":                         s.userinfo,
		"POST /introspect":                      s.introspect,
		"GET /certs":                            s.certs,
		"GET /logout":                           s.logout,
	} {
		method, rest, _ := strings.Cut(path, " ")
		s.mux.HandleFunc(method+" "+base+rest, handle)
	}
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	s.mux.ServeHTTP(w, r)
}

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{
		"issuer":                                s.Issuer,
		"authorization_endpoint":                s.Issuer + "/auth",
		"token_endpoint":                        s.Issuer + "/token",
		"userinfo_endpoint":                     s.Issuer + "/userinfo",
		"introspection_endpoint":                s.Issuer + "/introspect",
		"jwks_uri":                              s.Issuer + "/certs",
		"end_session_endpoint":                  s.Issuer + "/logout",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"scopes_supported":                      []string{"openid", "scope_all"},
		"acr_values_supported":                  []string{"eidas1"},
	})
}

func (s *Server) certs(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &s.key.PublicKey, KeyID: "fake", Algorithm: "RS256", Use: "sig"}}})
}

// wrong says what is wrong with a request to log in, "" if nothing is.
func (s *Server) wrong(q url.Values) string {
	i := slices.IndexFunc(s.clients, func(c Client) bool { return c.ID == q.Get("client_id") })
	switch {
	case i < 0:
		return "client_id"
	case !slices.Contains(s.clients[i].Redirects, q.Get("redirect_uri")):
		return "redirect_uri"
	case q.Get("response_type") != "code":
		return "response_type"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return "code_challenge"
	case q.Get("nonce") == "" || q.Get("state") == "":
		return "nonce, state"
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		return "scope"
	}
	return ""
}

// choose shows who there is.
func (s *Server) choose(w http.ResponseWriter, r *http.Request) {
	if what := s.wrong(r.URL.Query()); what != "" {
		http.Error(w, "fakepsc: "+what, http.StatusBadRequest)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	_ = page.Execute(w, struct {
		Action string
		People []Person
	}{"?" + r.URL.RawQuery, s.people})
}

// chosen lets somebody in and sends the browser back with a code.
func (s *Server) chosen(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	i := slices.IndexFunc(s.people, func(p Person) bool { return p.ID == r.PostFormValue("person") })
	if what := s.wrong(q); what != "" || i < 0 {
		http.Error(w, "fakepsc: "+what, http.StatusBadRequest)
		return
	}
	to, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		http.Error(w, "fakepsc: redirect_uri", http.StatusBadRequest)
		return
	}
	code := s.keep(s.codes, grant{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("nonce"), s.people[i], s.now().Add(codeLife)})
	to.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {s.Issuer}}.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// keep remembers a grant under a name that nobody guesses.
func (s *Server) keep(m map[string]grant, g grant) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, old := range m {
		if len(m) >= maxGrants || !s.now().Before(old.ends) {
			delete(m, name)
		}
	}
	name := rand.Text()
	m[name] = g
	return name
}

// take returns the grant of that name, if it is in force; once, if once.
func (s *Server) take(m map[string]grant, name string, once bool) (grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := m[name]
	if once {
		delete(m, name)
	}
	return g, ok && s.now().Before(g.ends)
}

// Token gives an access token to a client for somebody, as if they had logged in
// there.
func (s *Server) Token(client string, p Person) string {
	return s.keep(s.tokens, grant{client: client, person: p, ends: s.now().Add(tokenLife)})
}

// client returns which client asks.
func (s *Server) client(r *http.Request) (string, bool) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	return id, slices.ContainsFunc(s.clients, func(c Client) bool {
		return c.ID == id && subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) == 1
	})
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	id, ok := s.client(r)
	if !ok {
		reply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	g, ok := s.take(s.codes, r.PostFormValue("code"), true)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || g.client != id || g.redirect != r.PostFormValue("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		reply(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	claims := s.claims("id", map[string]any{
		"iss": s.Issuer, "aud": id, "sub": subject(g.person), "nonce": g.nonce, "acr": "eidas1",
		"iat": s.now().Unix(), "auth_time": s.now().Unix(), "exp": s.now().Add(codeLife).Unix(),
	})
	text, err := jwt.Signed(s.signer).Claims(claims).Serialize()
	if err != nil {
		http.Error(w, "fakepsc: sign", http.StatusInternalServerError)
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"access_token": s.Token(id, g.person), "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "id_token": text,
	})
}

func subject(p Person) string { return "f:fake:" + p.ID }

func (s *Server) claims(what string, claims map[string]any) map[string]any {
	if s.Twist != nil {
		s.Twist(what, claims)
	}
	return claims
}

// logout ends the session of whoever an ID token is of: there is none, so that the
// browser goes where it may (OpenID Connect RP-Initiated Logout 1.0).
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	i := slices.IndexFunc(s.clients, func(c Client) bool { return c.ID == q.Get("client_id") })
	token, err := jwt.ParseSigned(q.Get("id_token_hint"), []jose.SignatureAlgorithm{jose.RS256})
	var claims jwt.Claims
	if err == nil {
		err = token.Claims(&s.key.PublicKey, &claims)
	}
	to := q.Get("post_logout_redirect_uri")
	if err != nil || i < 0 || !claims.Audience.Contains(s.clients[i].ID) || !slices.Contains(s.clients[i].Afterwards, to) {
		http.Error(w, "fakepsc: logout", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g, ok := s.take(s.tokens, token, false)
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	reply(w, http.StatusOK, s.claims("userinfo", map[string]any{
		"sub": subject(g.person), "SubjectNameID": g.person.ID, "family_name": g.person.FamilyName, "given_name": g.person.GivenName,
	}))
}

func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.client(r); !ok {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	g, ok := s.take(s.tokens, r.PostFormValue("token"), false)
	if !ok {
		reply(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	reply(w, http.StatusOK, s.claims("introspection", map[string]any{
		"active": true, "iss": s.Issuer, "client_id": g.client, "sub": subject(g.person), "SubjectNameID": g.person.ID, "exp": g.ends.Unix(),
	}))
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
