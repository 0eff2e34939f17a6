package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

// The pages for people let professionals in by the same provider. They are
// another edge: what a log-in came to goes to them through Config.Portal, and they
// lead here by these addresses.
const (
	PortalPath = "/oauth/portal" // begins a log-in; with ?again=1 the person logs in anew
	EndPath    = "/oauth/end"    // ends the session with the provider, if it has a door for that
)

// idCookie holds what the provider needs to hear to end its session: the ID token,
// sealed.
const (
	idCookie = "__Host-vaguemestre-id"
	idLife   = hub.ProfessionalLife
	maxID    = 3800 // characters: browsers keep 4096 bytes with the name
)

// portal sends somebody to the provider who wants to see the pages.
func (s *Server) portal(w http.ResponseWriter, r *http.Request) error {
	if s.provider == nil || s.cfg.Portal == nil {
		return fmt.Errorf("oauth: no professional logs in here: %w", fault.NotFound)
	}
	err := s.send(w, r, under{Portal: true, Login: newLogin(), Again: r.URL.Query().Get("again") != ""})
	if err != nil {
		s.cfg.Portal(w, r, ident.RPPS{}, time.Time{}, err)
	}
	return nil
}

// arrive hands a log-in over to the pages, with what it takes to end it.
func (s *Server) arrive(w http.ResponseWriter, r *http.Request, in loggedIn, err error) error {
	if err == nil {
		if sealed, err := s.seal("id", in.token); err == nil && len(sealed) <= maxID {
			http.SetCookie(w, &http.Cookie{Name: idCookie, Value: sealed, Path: "/", MaxAge: int(idLife.Seconds()),
				Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		}
	}
	s.cfg.Portal(w, r, in.number, in.proved, err)
	return nil
}

// end sends the browser to the provider's own end of session (OpenID Connect
// RP-Initiated Logout 1.0 §2), and home where there is none.
func (s *Server) end(w http.ResponseWriter, r *http.Request) error {
	to := s.cfg.Base + "/"
	if kept, err := r.Cookie(idCookie); err == nil && s.provider != nil {
		setCookie(w, idCookie, "", 0)
		var token string
		if s.open("id", kept.Value, &token) == nil {
			to = s.provider.end(r.Context(), token, to)
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// end returns where the browser is to go for the provider to end its session, and
// come back; back itself where the provider has no such place, or does not answer.
func (p *provider) end(ctx context.Context, token, back string) string {
	d, err := p.discover(ctx)
	if err != nil {
		return back
	}
	u, err := url.Parse(d.endSession)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return back
	}
	q := u.Query()
	q.Set("id_token_hint", token)
	q.Set("client_id", p.ClientID)
	q.Set("post_logout_redirect_uri", back)
	u.RawQuery = q.Encode()
	return u.String()
}
