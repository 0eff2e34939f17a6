package oauth

import (
	"net/http"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/limit"
	"vaguemestre/internal/smart"
	"vaguemestre/policy"
)

// token is the token endpoint (RFC 6749 §3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	scopes, err := smart.Parse(f["scope"])
	if err != nil {
		return &problem{code: "invalid_scope", text: "the scopes are malformed or too many"}
	}
	var c caller
	var out hub.Tokens
	switch f["grant_type"] {
	case "authorization_code":
		c, out, err = s.redeem(r, f)
	case "refresh_token":
		c, out, err = s.renew(r, f, scopes)
	case "client_credentials":
		c, out, err = s.system(r, f, scopes)
	case "":
		return invalidRequest("there is no grant_type")
	default:
		return &problem{code: "unsupported_grant_type", text: "the grants are authorization_code, refresh_token and client_credentials"}
	}
	if err != nil {
		return err
	}
	return s.give(w, r, c, out)
}

func (s *Server) redeem(r *http.Request, f form) (c caller, out hub.Tokens, err error) {
	if c, err = s.client(r, f); err != nil {
		return c, out, err
	}
	if f["code"] == "" || f["redirect_uri"] == "" || !isVerifier(f["code_verifier"]) {
		return c, out, invalidRequest("a code comes with its redirect_uri and its code_verifier")
	}
	out, err = s.hub.RedeemCode(r.Context(), f["code"], c.bearer(), f["redirect_uri"], f["code_verifier"])
	return c, out, s.refused(r, err)
}

// isVerifier reports whether s has the form of RFC 7636 §4.1.
func isVerifier(s string) bool {
	const others = "-._~0123456789"
	for _, b := range []byte(s) {
		if strings.IndexByte(others, b) < 0 && ((b|0x20) < 'a' || (b|0x20) > 'z') {
			return false
		}
	}
	return len(s) >= 43 && len(s) <= 128
}

// renew gives new tokens for a refresh token. A public program may leave out who
// it is: the token knows.
func (s *Server) renew(r *http.Request, f form, scopes smart.Scopes) (c caller, out hub.Tokens, err error) {
	if f["refresh_token"] == "" {
		return c, out, invalidRequest("there is no refresh_token")
	}
	if f["client_id"] == "" && f["client_assertion"] == "" {
		id, err := s.hub.ClientOf(r.Context(), f["refresh_token"])
		if err != nil {
			return c, out, s.refused(r, err)
		}
		f["client_id"] = id
	}
	if c, err = s.client(r, f); err != nil {
		return c, out, err
	}
	out, err = s.hub.Renew(r.Context(), f["refresh_token"], c.bearer(), scopes)
	return c, out, s.refused(r, err)
}

// refused turns what the door said of a code or token into what the protocol
// says, and counts it: nobody guesses one.
func (s *Server) refused(r *http.Request, err error) error {
	if fault.Of(err) == fault.Unauthenticated {
		s.failures.Add(limit.Network(remote(r)), 1, s.cfg.Now())
		return errGrant
	}
	return err
}

func (s *Server) system(r *http.Request, f form, scopes smart.Scopes) (c caller, out hub.Tokens, err error) {
	c, err = s.client(r, f)
	switch {
	case err != nil:
		return c, out, err
	case !c.proved || c.Mailbox == "":
		return c, out, &problem{code: "unauthorized_client", text: "the program acts for no mailbox of its own"}
	}
	if scopes == "" {
		scopes = c.Scopes
	}
	if len(scopes.Within(c.Scopes).In("system").Resources()) == 0 {
		return c, out, &problem{code: "invalid_scope", text: "no scope asked for is one of the program's, in the context system"}
	}
	out, err = s.hub.LoginSystem(r.Context(), c.Client, scopes, c.bound)
	if fault.Of(err) == fault.Denied || fault.Of(err) == fault.NotFound {
		err = &problem{code: "unauthorized_client", text: "the mailbox that the program acts for is not there or is suspended"}
	}
	return c, out, err
}

// give answers with tokens (RFC 6749 §5.1; SMART App Launch 2.2.0, Launch context).
func (s *Server) give(w http.ResponseWriter, r *http.Request, c caller, out hub.Tokens) error {
	reply := map[string]any{
		"access_token": out.Access,
		"token_type":   "Bearer",
		"expires_in":   int(out.Ends.Sub(s.cfg.Now()).Seconds()),
		"scope":        string(out.Scopes),
	}
	if out.Refresh != "" {
		reply["refresh_token"] = out.Refresh
	}
	if out.Actor.Role == policy.Patient {
		reply["patient"] = string(out.Actor.Part)
	}
	if out.Scopes.Has("openid") {
		id, err := s.identity(r.Context(), c.ID, out)
		if err != nil {
			return err
		}
		reply["id_token"] = id
	}
	writeJSON(w, http.StatusOK, reply)
	return nil
}
