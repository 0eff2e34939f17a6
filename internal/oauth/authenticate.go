package oauth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/smart"
)

// Authenticate returns who asks: by an access token of this hub, by one of the
// provider's where those are taken, or, without a token, by the TLS certificate
// of a system. Nobody known is fault.Unauthenticated, too many bad tokens
// fault.Throttled. What the actor may ask for is limited by its Scopes.
func (s *Server) Authenticate(r *http.Request) (hub.Actor, error) {
	mark := thumbprint(r, s.cfg.Now())
	header := r.Header.Values("Authorization")
	if len(header) == 0 && mark != "" {
		return s.bySystem(r, mark)
	}
	if len(header) != 1 {
		return hub.Actor{}, errNobody
	}
	scheme, token, ok := strings.Cut(header[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") { // and no DPoP
		return hub.Actor{}, errNobody
	}
	token = strings.TrimSpace(token)
	if s.provider != nil && len(s.provider.Programs) > 0 && !hub.IsToken(token) && len(token) <= maxBearer {
		return s.byProvider(r, token)
	}
	a, _, err := s.hub.CheckToken(r.Context(), token, mark, remote(r))
	return a, err
}

var errNobody = fmt.Errorf("oauth: nobody known: %w", fault.Unauthenticated)

// bearerScopes are what a token of the provider lets its program ask for: the
// provider knows no scopes of ours.
const bearerScopes smart.Scopes = "user/*.cruds"

const (
	maxBearer   = 8 << 10
	bearerFresh = time.Minute // a token of the provider is asked about again
	maxBearers  = 4096
)

// bearers remembers the provider's tokens that were found good, by digest, until
// they end.
type bearers struct {
	mu    sync.Mutex
	known map[[32]byte]bearer
}

// A bearer is what stands here for a token of the provider.
type bearer struct {
	access      string // a token of ours: it ends when the person ends it, and is not given again
	fresh, ends time.Time
}

func (b *bearers) get(k [32]byte) (bearer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := b.known[k]
	return v, ok
}

func (b *bearers) put(k [32]byte, v bearer, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		b.known = map[[32]byte]bearer{}
	}
	for old, v := range b.known {
		if len(b.known) >= maxBearers || !now.Before(v.ends) {
			delete(b.known, old)
		}
	}
	b.known[k] = v
}

// byProvider finds out who shows a token of the provider. The first time is a
// log-in, in the trail; then the provider is asked again every minute.
func (s *Server) byProvider(r *http.Request, token string) (hub.Actor, error) {
	now, key := s.cfg.Now(), sha256.Sum256([]byte(token))
	known, ok := s.bearers.get(key)
	if !ok || !now.Before(known.fresh) {
		var err error
		if known, err = s.refresh(r, token, known); err != nil {
			return hub.Actor{}, err
		}
		s.bearers.put(key, known, now)
	}
	a, _, err := s.hub.CheckToken(r.Context(), known.access, "", remote(r))
	return a, err
}

// refresh asks the provider about a token, and logs its bearer in who was not.
func (s *Server) refresh(r *http.Request, token string, known bearer) (bearer, error) {
	if err := s.hub.TokensThrottled(remote(r)); err != nil {
		return known, err
	}
	told, err := s.provider.introspect(r.Context(), token)
	now := s.cfg.Now()
	if err == nil && !now.Before(told.ends) {
		err = errNobody
	}
	if fault.Of(err) == fault.Unauthenticated {
		_, _, err = s.hub.CheckToken(r.Context(), token, "", remote(r)) // which counts it
	}
	if err != nil {
		return known, err
	}
	known.fresh, known.ends = now.Add(bearerFresh), told.ends
	if known.access == "" {
		at := hub.Attempt{Protocol: "psc", Remote: remote(r)}
		known.access, err = s.hub.LoginBearer(r.Context(), told.number, at, told.program, bearerScopes, told.ends)
		if k := fault.Of(err); k == fault.NotFound || k == fault.Denied {
			err = errNobody
		}
	}
	return known, err
}

// systems remembers the access token that a system would have got for its
// certificate, so that showing the certificate alone costs no log-in each time.
type systems struct {
	mu     sync.Mutex
	tokens map[string]string
}

// bySystem finds out which system shows a certificate.
func (s *Server) bySystem(r *http.Request, mark string) (hub.Actor, error) {
	s.systems.mu.Lock()
	token := s.systems.tokens[mark]
	s.systems.mu.Unlock()
	if token != "" {
		a, _, err := s.hub.CheckToken(r.Context(), token, mark, remote(r))
		if fault.Of(err) != fault.Unauthenticated {
			return a, err
		}
	}
	token, err := s.loginSystem(r.Context(), mark)
	if err != nil {
		return hub.Actor{}, err
	}
	a, _, err := s.hub.CheckToken(r.Context(), token, mark, remote(r))
	return a, err
}

func (s *Server) loginSystem(ctx context.Context, mark string) (string, error) {
	c, err := s.hub.ClientByCertificate(ctx, mark)
	if fault.Of(err) == fault.NotFound {
		return "", errNobody
	}
	if err != nil {
		return "", err
	}
	out, err := s.hub.LoginSystem(ctx, c, c.Scopes, mark)
	if k := fault.Of(err); k == fault.NotFound || k == fault.Denied {
		return "", errNobody
	}
	if err != nil {
		return "", err
	}
	s.systems.mu.Lock()
	defer s.systems.mu.Unlock()
	if s.systems.tokens == nil || len(s.systems.tokens) >= maxBearers {
		s.systems.tokens = map[string]string{}
	}
	s.systems.tokens[mark] = out.Access
	return out.Access, nil
}
