package oauth

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/limit"
	"vaguemestre/internal/software"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxAssertion  = 8 << 10
	maxJTI        = 256
	minRSA        = 2048 // bits

	assertionLife = 5 * time.Minute // at most (SMART App Launch 2.2.0)
	skew          = time.Minute     // between a program's clock and ours
)

// A caller is a program at one of the endpoints, as far as it has proved who it
// is.
type caller struct {
	software.Client
	proved bool
	bound  string // SHA-256 of the TLS certificate that proved it
}

func (c caller) bearer() hub.Bearer { return hub.Bearer{Client: c.ID, Bound: c.bound} }

// client finds out which program asks. A public one says so, and the code's
// verifier or the token is all its proof; any other proves it, in the one way it
// is registered with: nobody is let in as public who is not. Whatever is wrong,
// the error is errClient; too often, fault.Throttled.
func (s *Server) client(r *http.Request, f form) (caller, error) {
	if n := s.failures.Count(limit.Network(remote(r)), s.cfg.Now()); n > maxFailed {
		return caller{}, fault.Throttled
	}
	c, err := s.prove(r, f)
	if fault.Of(err) == fault.NotFound || fault.Of(err) == fault.Exists {
		err = errClient
	}
	if errors.Is(err, errClient) {
		s.failures.Add(limit.Network(remote(r)), 1, s.cfg.Now())
	}
	return c, err
}

func (s *Server) prove(r *http.Request, f form) (caller, error) {
	ctx := r.Context()
	if r.Header.Get("Authorization") != "" || f["client_secret"] != "" { // there are no secrets
		return caller{}, errClient
	}
	if f["client_assertion"] != "" || f["client_assertion_type"] != "" {
		c, err := s.assertion(ctx, f)
		return caller{Client: c, proved: err == nil}, err
	}
	if f["client_id"] == "" {
		return caller{}, errClient
	}
	c, err := s.hub.Client(ctx, f["client_id"])
	switch {
	case err != nil:
		return caller{}, err
	case c.Public():
		return caller{Client: c}, nil
	}
	mark := thumbprint(r, s.cfg.Now())
	if mark == "" || mark != c.Certificate {
		return caller{}, errClient
	}
	return caller{c, true, mark}, nil
}

// thumbprint returns the SHA-256 of the certificate that a request's connection
// proved to hold the key of, "" if there is none in force.
func thumbprint(r *http.Request, now time.Time) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	cert := r.TLS.PeerCertificates[0]
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return ""
	}
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// assertion checks a signed assertion (RFC 7523 §3; SMART App Launch 2.2.0,
// Client authentication: asymmetric) and returns whose it is.
func (s *Server) assertion(ctx context.Context, f form) (software.Client, error) {
	text := f["client_assertion"]
	if f["client_assertion_type"] != assertionType || len(text) > maxAssertion {
		return software.Client{}, errClient
	}
	token, err := jwt.ParseSigned(text, assertionAlgs)
	if err != nil {
		return software.Client{}, errClient
	}
	var said jwt.Claims
	if token.UnsafeClaimsWithoutVerification(&said) != nil || said.Issuer == "" || f["client_id"] != "" && f["client_id"] != said.Issuer {
		return software.Client{}, errClient
	}
	c, err := s.hub.Client(ctx, said.Issuer)
	if err != nil {
		return software.Client{}, err
	}
	var claims jwt.Claims
	if !verify(token, c.Keys, &claims) {
		return software.Client{}, errClient
	}
	now := s.cfg.Now()
	err = claims.ValidateWithLeeway(jwt.Expected{
		Issuer: c.ID, Subject: c.ID, Time: now,
		AnyAudience: jwt.Audience{s.cfg.Base + "/oauth/token", s.cfg.Base},
	}, skew)
	if err != nil || claims.Expiry == nil || claims.Expiry.Time().After(now.Add(assertionLife+skew)) ||
		claims.ID == "" || len(claims.ID) > maxJTI {
		return software.Client{}, errClient
	}
	return c, s.hub.UseAssertion(ctx, c.ID, claims.ID, claims.Expiry.Time().Add(skew))
}

// verify reads the claims of a token that one of the keys signed. A key is
// chosen by its name where the token gives one.
func verify(token *jwt.JSONWebToken, keys json.RawMessage, claims *jwt.Claims) bool {
	var set jose.JSONWebKeySet
	if len(keys) == 0 || json.Unmarshal(keys, &set) != nil || len(token.Headers) != 1 {
		return false
	}
	h := token.Headers[0]
	return slices.ContainsFunc(set.Keys, func(k jose.JSONWebKey) bool {
		if h.KeyID != "" && k.KeyID != h.KeyID || k.Algorithm != "" && k.Algorithm != h.Algorithm || k.Use != "" && k.Use != "sig" {
			return false
		}
		if rsaKey, ok := k.Key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() < minRSA {
			return false
		}
		return k.IsPublic() && token.Claims(k.Key, claims) == nil
	})
}
