package oauth

import (
	"net/http"

	"vaguemestre/internal/fault"
)

// introspect tells a program that can prove who it is about an access token of its
// own (RFC 7662). Of any other it learns nothing, not even whether it is one.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	c, err := s.client(r, f)
	if err != nil {
		return err
	}
	if !c.proved {
		return errClient
	}
	if f["token"] == "" {
		return invalidRequest("there is no token")
	}
	owner, err := s.hub.ClientOf(r.Context(), f["token"])
	if err == nil && owner == c.ID {
		a, ends, err := s.hub.CheckToken(r.Context(), f["token"], c.bound, remote(r))
		if err == nil {
			reply := map[string]any{
				"active": true, "scope": string(a.Scopes), "client_id": c.ID, "token_type": "Bearer",
				"exp": ends.Unix(), "iss": s.cfg.Base, "sub": subject(a),
			}
			if a.Scopes.Has("fhirUser") {
				reply["fhirUser"] = s.fhirUser(a)
			}
			writeJSON(w, http.StatusOK, reply)
			return nil
		}
		if fault.Of(err) != fault.Unauthenticated {
			return err
		}
	}
	if err != nil && fault.Of(err) != fault.Unauthenticated {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"active": false})
	return nil
}

// revoke ends what a token of the program stands for: access, refresh and all
// (RFC 7009). A token that is none, or another's, is answered alike.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	c, err := s.client(r, f)
	if err != nil {
		return err
	}
	if f["token"] == "" {
		return invalidRequest("there is no token")
	}
	if err := s.hub.EndToken(r.Context(), f["token"], c.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
