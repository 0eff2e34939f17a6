package oauth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
)

// A Provider is where professionals log in: Pro Santé Connect, by its settings.
type Provider struct {
	Issuer       string   // https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet
	ClientID     string   // of this hub there
	ClientSecret string   // "" where HTTP proves it by a certificate
	Scopes       []string // default: openid, scope_all
	ACR          string   // acr_values; default: eidas1; "-": none is asked for
	Claim        string   // with the national identifier; default: SubjectNameID

	// Programs are the clients of the provider whose access tokens are good here
	// as they are, and the name each has in the trail. The provider is asked about
	// each token (RFC 7662). Empty: none.
	Programs map[string]string

	HTTP *http.Client // to reach it; default: one with a deadline
}

// maxAnswer bounds what the provider may answer.
const maxAnswer = 1 << 20

// A provider is a Provider in use. It is asked about itself when it is first
// needed, so that a hub starts without it.
type provider struct {
	Provider
	redirect string
	now      func() time.Time

	mu        sync.Mutex
	known     *discovered
	notBefore time.Time // it did not answer: not asked again until then
}

type discovered struct {
	*oidc.Provider
	oauth2        oauth2.Config
	verifier      *oidc.IDTokenVerifier
	introspection string
	endSession    string
}

func newProvider(p Provider, redirect string, now func() time.Time) (*provider, error) {
	u, err := url.Parse(p.Issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || p.ClientID == "" {
		return nil, fmt.Errorf("oauth: the provider has an issuer, an https address, and a client identifier: %w", fault.Invalid)
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []string{oidc.ScopeOpenID, "scope_all"}
	}
	if p.ACR == "" {
		p.ACR = "eidas1"
	}
	if p.Claim == "" {
		p.Claim = "SubjectNameID"
	}
	client := &http.Client{Timeout: 10 * time.Second}
	if p.HTTP != nil {
		c := *p.HTTP
		client = &c
	}
	next := client.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	client.Transport = bounded{next}
	p.HTTP = client
	return &provider{Provider: p, redirect: redirect, now: now}, nil
}

// bounded cuts answers that are too long.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// discover returns what the provider says of itself. One that does not answer
// is fault.Unavailable, and left alone for some seconds.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil {
		return p.known, nil
	}
	if p.now().Before(p.notBefore) {
		return nil, errProvider
	}
	found, err := oidc.NewProvider(p.context(ctx), p.Issuer)
	var more struct {
		Introspection string `json:"introspection_endpoint"`
		EndSession    string `json:"end_session_endpoint"`
	}
	if err == nil {
		err = found.Claims(&more)
	}
	if err != nil {
		p.notBefore = p.now().Add(5 * time.Second)
		return nil, fmt.Errorf("%w (%v)", errProvider, err)
	}
	p.known = &discovered{
		Provider: found,
		oauth2: oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: found.Endpoint(),
			RedirectURL: p.redirect, Scopes: p.Scopes},
		// The keys are fetched later, and not for this request alone.
		verifier:      found.VerifierContext(p.context(context.Background()), &oidc.Config{ClientID: p.ClientID, Now: p.now}),
		introspection: more.Introspection,
		endSession:    more.EndSession,
	}
	return p.known, nil
}

var errProvider = fmt.Errorf("oauth: the provider of identities does not answer: %w", fault.Unavailable)

func (p *provider) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.HTTP)
}

// A login is a professional's log-in under way: what was sent to the provider,
// and must come back.
type login struct {
	State, Nonce, Verifier string
}

func newLogin() login {
	return login{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
}

// begin returns where the browser is to go; again, for the person to log in anew.
func (p *provider) begin(ctx context.Context, l login, again bool) (string, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)}
	if p.ACR != "-" {
		options = append(options, oauth2.SetAuthURLParam("acr_values", p.ACR))
	}
	if again {
		// Whoever is given a max_age says when the log-in was (OpenID Connect Core §3.1.2.1).
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return d.oauth2.AuthCodeURL(l.State, options...), nil
}

// errLogin says that what came back is not what was asked for.
var errLogin = fmt.Errorf("oauth: log-in did not come to its end: %w", fault.Unauthenticated)

// loggedIn is somebody whom the provider has recognised.
type loggedIn struct {
	number ident.RPPS
	proved time.Time // when they proved who they are, which may be long ago; zero: the provider does not say
	token  string    // the ID token, which ends their session there
}

// finish exchanges the code that came back, and returns who has logged in. One
// whose identifier is not an RPPS number is fault.NotFound.
func (p *provider) finish(ctx context.Context, l login, code string) (loggedIn, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return loggedIn{}, err
	}
	ctx = p.context(ctx)
	token, err := d.oauth2.Exchange(ctx, code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) && refused.Response.StatusCode < 500 {
			return loggedIn{}, errLogin
		}
		return loggedIn{}, fmt.Errorf("%w (%v)", errProvider, err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(l.Nonce)) != 1 {
		return loggedIn{}, errLogin
	}
	var level struct {
		ACR    string `json:"acr"`
		Proved int64  `json:"auth_time"`
	}
	if id.Claims(&level) != nil || p.ACR != "-" && level.ACR != "" && level.ACR != p.ACR {
		return loggedIn{}, errLogin
	}
	if id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil {
		return loggedIn{}, errLogin
	}
	info, err := d.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return loggedIn{}, fmt.Errorf("%w (%v)", errProvider, err)
	}
	if info.Subject != id.Subject {
		return loggedIn{}, errLogin
	}
	var claims map[string]any
	if info.Claims(&claims) != nil {
		return loggedIn{}, errLogin
	}
	n, err := p.number(claims)
	in := loggedIn{number: n, token: raw}
	if level.Proved > 0 {
		in.proved = time.Unix(level.Proved, 0)
	}
	return in, err
}

// number reads the national identifier of a professional (idNatPS, ANS): 8 and
// the RPPS number, 0 and the ADELI number, and others. Only the first is in the
// directory.
func (p *provider) number(claims map[string]any) (ident.RPPS, error) {
	text, _ := claims[p.Claim].(string)
	rest, ok := strings.CutPrefix(text, "8")
	n, err := ident.ParseRPPS(rest)
	if !ok || err != nil {
		return ident.RPPS{}, fmt.Errorf("oauth: the identifier is no RPPS number: %w", fault.NotFound)
	}
	return n, nil
}

// A said is what the provider says of an access token.
type said struct {
	number  ident.RPPS
	program string    // its name in the trail
	ends    time.Time // of the token
}

// errBearer says that a token of the provider opens nothing here.
var errBearer = fmt.Errorf("oauth: token of the provider: %w", fault.Unauthenticated)

// introspect asks the provider about an access token that a program shows. One
// that is not good, or was given to a program that is not named, is
// fault.Unauthenticated: the token of one service must not open another.
func (p *provider) introspect(ctx context.Context, token string) (said, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return said{}, err
	}
	if d.introspection == "" {
		return said{}, fmt.Errorf("oauth: the provider says nothing of tokens: %w", fault.Unauthenticated)
	}
	body := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.introspection, strings.NewReader(body.Encode()))
	if err != nil {
		return said{}, fmt.Errorf("%w (%v)", errProvider, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(p.ClientSecret))
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return said{}, fmt.Errorf("%w (%v)", errProvider, err)
	}
	defer resp.Body.Close()
	var claims map[string]any
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&claims) != nil {
		return said{}, errProvider
	}
	told, err := p.read(claims)
	if err != nil {
		return said{}, err
	}
	if claims[p.Claim] == nil { // it tells that of people only, not of tokens
		info, err := d.UserInfo(p.context(ctx), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}))
		if err != nil {
			return said{}, fmt.Errorf("%w (%v)", errProvider, err)
		}
		if subject, ok := claims["sub"].(string); !ok || info.Subject != subject || info.Claims(&claims) != nil {
			return said{}, errBearer
		}
	}
	if told.number, err = p.number(claims); err != nil {
		return said{}, errBearer
	}
	return told, nil
}

// read reads what the provider says of a token, but for whose it is.
func (p *provider) read(claims map[string]any) (said, error) {
	active, _ := claims["active"].(bool)
	issuer, given := claims["iss"].(string)
	client, _ := claims["client_id"].(string)
	if client == "" {
		client, _ = claims["azp"].(string)
	}
	name, known := p.Programs[client]
	ends, _ := claims["exp"].(float64)
	if !active || given && issuer != p.Issuer || !known || ends <= 0 {
		return said{}, errBearer
	}
	if name == "" {
		name = client
	}
	return said{program: name, ends: time.Unix(int64(ends), 0)}, nil
}
