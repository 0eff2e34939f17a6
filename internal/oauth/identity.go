package oauth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"vaguemestre/internal/hub"
	"vaguemestre/policy"
)

// identityLife is how long an ID token is good: it is read at once.
const identityLife = 5 * time.Minute

// identity tells a program who has logged in (OpenID Connect Core 1.0 §2). What
// it signs is worth nothing at any door of this hub.
func (s *Server) identity(ctx context.Context, client string, out hub.Tokens) (string, error) {
	key, err := s.hub.IdentitySigner(ctx)
	if err != nil {
		return "", err
	}
	public := jwk(&key.PublicKey)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", public.KeyID))
	if err != nil {
		return "", fmt.Errorf("oauth: identity: %v", err)
	}
	now := s.cfg.Now()
	claims := struct {
		jwt.Claims
		Nonce    string `json:"nonce,omitempty"`
		FHIRUser string `json:"fhirUser,omitempty"`
		Name     string `json:"name,omitempty"`
	}{
		Claims: jwt.Claims{
			Issuer: s.cfg.Base, Subject: subject(out.Actor), Audience: jwt.Audience{client},
			IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(identityLife)),
		},
		Nonce: out.Nonce,
	}
	if out.Scopes.Has("fhirUser") {
		claims.FHIRUser, claims.Name = s.fhirUser(out.Actor), out.Actor.Name
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("oauth: identity: %v", err)
	}
	return text, nil
}

// subject names somebody, the same for every program and opaque.
func subject(a hub.Actor) string {
	sum := sha256.Sum256([]byte("oauth/subject/" + string(a.Part)))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// fhirUser is the resource that stands for somebody (SMART App Launch 2.2.0,
// Scopes for requesting identity data).
func (s *Server) fhirUser(a hub.Actor) string {
	switch {
	case a.Role == policy.Patient:
		return s.cfg.FHIR + "/Patient/" + string(a.Part)
	case a.RPPS != "":
		return s.cfg.FHIR + "/Practitioner/" + a.RPPS
	}
	return ""
}

// jwk gives a public key its name, which is its thumbprint (RFC 7638).
func jwk(public any) jose.JSONWebKey {
	k := jose.JSONWebKey{Key: public, Algorithm: string(jose.ES384), Use: "sig"}
	if sum, err := k.Thumbprint(crypto.SHA256); err == nil {
		k.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	}
	return k
}

// keys publishes the key that ID tokens are signed with.
func (s *Server) keys(w http.ResponseWriter, r *http.Request) error {
	key, err := s.hub.IdentitySigner(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk(&key.PublicKey)}})
	return nil
}
