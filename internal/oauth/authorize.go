package oauth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/software"
)

// A request is what a program asks a person for, as far as it was found good.
type request struct {
	Client    string
	Redirect  string
	State     string
	Scopes    smart.Scopes
	Challenge string
	Nonce     string
}

const (
	maxState = 512
	maxNonce = 256

	loginLife   = 10 * time.Minute // of a log-in at the provider
	consentLife = 5 * time.Minute  // of the page that asks
)

var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func random() string { return rand.Text() }

// authorize is the authorization endpoint (RFC 6749 §3.1). What is wrong with
// the program or its redirect URI is told to the person, and goes nowhere else;
// what is wrong with the rest goes back to the program.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	f, err := parseForm(r.URL.RawQuery)
	if err != nil {
		return err
	}
	c, err := s.hub.Client(r.Context(), f["client_id"])
	if fault.Of(err) == fault.NotFound || err == nil && !c.MayAnswerTo(f["redirect_uri"]) {
		return errUnknownProgram
	}
	if err != nil {
		return err
	}
	q := request{Client: c.ID, Redirect: f["redirect_uri"], State: f["state"], Challenge: f["code_challenge"], Nonce: f["nonce"]}
	if len(q.State) > maxState || len(q.Nonce) > maxNonce {
		q.State = ""
		return s.back(w, r, q, invalidRequest("state or nonce is too long"))
	}
	if err := s.check(&q, c, f); err != nil {
		return s.back(w, r, q, err)
	}
	if s.provider == nil {
		return s.back(w, r, q, &problem{code: "temporarily_unavailable", text: "no professional logs in here"})
	}
	return s.send(w, r, under{Request: q, Login: newLogin(), Again: f["prompt"] == "login"})
}

var errUnknownProgram = fmt.Errorf("oauth: program or redirect URI is not registered: %w", fault.NotFound)

// check finds what is wrong with a request whose answer may go back.
func (s *Server) check(q *request, c software.Client, f form) (err error) {
	switch {
	case f["request"] != "":
		return &problem{code: "request_not_supported", text: "the parameters come in the query"}
	case f["request_uri"] != "":
		return &problem{code: "request_uri_not_supported", text: "the parameters come in the query"}
	case f["response_type"] != "code":
		return &problem{code: "unsupported_response_type", text: "the response type is code"}
	case f["response_mode"] != "" && f["response_mode"] != "query":
		return invalidRequest("the response mode is query")
	case f["code_challenge_method"] != "S256" || !challengeForm.MatchString(q.Challenge):
		return invalidRequest("PKCE is needed, with the method S256")
	case f["aud"] != "" && f["aud"] != s.cfg.FHIR && f["aud"] != s.cfg.FHIR+"/":
		return invalidRequest("aud is not the FHIR service of this hub")
	case f["prompt"] == "none":
		return &problem{code: "login_required", text: "a person logs in each time"}
	}
	if q.Scopes, err = smart.Parse(f["scope"]); err != nil {
		return &problem{code: "invalid_scope", text: "the scopes are malformed or too many"}
	}
	if q.Scopes = q.Scopes.Within(c.Scopes).In("user"); len(q.Scopes.Resources()) == 0 {
		return &problem{code: "invalid_scope", text: "no scope asked for is one of the program's, in the context user"}
	}
	return nil
}

// back sends the browser back to the program with an error (RFC 6749 §4.1.2.1).
func (s *Server) back(w http.ResponseWriter, r *http.Request, q request, err error) error {
	p := asProblem(err)
	if p.status >= 500 && p.code == "server_error" {
		return err
	}
	return s.redirect(w, r, q, url.Values{"error": {p.code}, "error_description": {p.text}})
}

// redirect sends the browser back to the program. The answer says whose it is
// (RFC 9207), so that it cannot be taken for another server's.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, q request, answer url.Values) error {
	u, err := url.Parse(q.Redirect)
	if err != nil {
		return errUnknownProgram
	}
	if q.State != "" {
		answer.Set("state", q.State)
	}
	answer.Set("iss", s.cfg.Base)
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += answer.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
	return nil
}

// under is a log-in under way, in a cookie of the browser that began it.
type under struct {
	Request request // of a program; none if Portal
	Portal  bool    // it leads to the pages for people
	Login   login
	Again   bool // the person is to log in anew (prompt=login)
	Ends    time.Time
}

// cookie names the cookie of a log-in: two in one browser do not disturb each
// other.
func cookie(kind, state string) string {
	return "__Host-vaguemestre-" + kind + "-" + state[:min(8, len(state))]
}

// send sends the browser to the provider, with a log-in that it brings back.
func (s *Server) send(w http.ResponseWriter, r *http.Request, u under) error {
	u.Ends = s.cfg.Now().Add(loginLife)
	to, err := s.provider.begin(r.Context(), u.Login, u.Again)
	if err != nil {
		return err
	}
	sealed, err := s.seal("login", u)
	if err != nil {
		return err
	}
	setCookie(w, cookie("login", u.Login.State), sealed, loginLife)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// setCookie keeps something in the browser. It comes back from the provider's
// redirect, hence Lax.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if c.MaxAge = int(life.Seconds()); value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *Server) seal(purpose string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("oauth: seal: %v", err)
	}
	return s.hub.SealState("oauth/"+purpose, b)
}

func (s *Server) open(purpose, text string, v any) error {
	b, err := s.hub.OpenState("oauth/"+purpose, text)
	if err == nil && json.Unmarshal(b, v) != nil {
		err = fmt.Errorf("oauth: open: %w", fault.Invalid)
	}
	return err
}

// errStale says that a log-in is not one that this browser has under way.
var errStale = fmt.Errorf("oauth: no such log-in under way: %w", fault.Invalid)

// callback is where the provider sends the browser back.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) error {
	f, err := parseForm(r.URL.RawQuery)
	if err != nil {
		return err
	}
	name := cookie("login", f["state"])
	kept, err := r.Cookie(name)
	if err != nil || s.provider == nil {
		return errStale
	}
	setCookie(w, name, "", 0)
	var u under
	if err := s.open("login", kept.Value, &u); err != nil {
		return stale(err)
	}
	if u.Login.State != f["state"] || !s.cfg.Now().Before(u.Ends) {
		return errStale
	}
	in, err := s.loggedIn(r.Context(), u, f)
	if u.Portal && s.cfg.Portal != nil {
		return s.arrive(w, r, in, err)
	}
	switch {
	case errors.Is(err, errRefused):
		return s.back(w, r, u.Request, &problem{code: "access_denied", text: "the person did not log in"})
	case err != nil:
		return unknown(err)
	}
	return s.enter(w, r, u.Request, in.number)
}

// errRefused says that the person did not want to log in.
var errRefused = fmt.Errorf("oauth: the person did not log in: %w", fault.Unauthenticated)

// loggedIn reads what the provider sent back.
func (s *Server) loggedIn(ctx context.Context, u under, f form) (loggedIn, error) {
	switch {
	case f["iss"] != "" && f["iss"] != s.provider.Issuer: // RFC 9207 §2.4
		return loggedIn{}, errLogin
	case f["error"] == "access_denied":
		return loggedIn{}, errRefused
	case f["error"] != "" || f["code"] == "":
		return loggedIn{}, errLogin
	}
	return s.provider.finish(ctx, u.Login, f["code"])
}

// errStranger says that somebody has logged in who has no mailbox here.
var errStranger = fmt.Errorf("oauth: professional without a mailbox here: %w", fault.Denied)

func unknown(err error) error {
	if k := fault.Of(err); k == fault.NotFound || k == fault.Denied {
		return errStranger
	}
	return err
}

// enter lets a professional in who has logged in, and asks them whether the
// program may act for them, unless its operator answers for it.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, q request, n ident.RPPS) error {
	c, err := s.hub.Client(r.Context(), q.Client)
	if fault.Of(err) == fault.NotFound { // removed meanwhile
		return errUnknownProgram
	}
	if err != nil {
		return err
	}
	a, err := s.hub.LoginProfessional(r.Context(), n, hub.Attempt{Protocol: "psc", Remote: remote(r)}, c.Name)
	if err != nil {
		return unknown(err)
	}
	if !c.Trusted {
		return s.ask(w, q, c, a)
	}
	return s.allow(w, r, q, c, a.Address)
}

// allow gives the program its code.
func (s *Server) allow(w http.ResponseWriter, r *http.Request, q request, c software.Client, who ident.Address) error {
	b := account.Binding{Redirect: q.Redirect, Challenge: q.Challenge, Nonce: q.Nonce}
	code, err := s.hub.Authorize(r.Context(), who, c, q.Scopes, b)
	if err != nil {
		return unknown(err)
	}
	return s.redirect(w, r, q, url.Values{"code": {code}})
}
