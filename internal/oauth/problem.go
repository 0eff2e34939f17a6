package oauth

import (
	"encoding/json"
	"errors"
	"net/http"

	"vaguemestre/internal/fault"
)

// A problem is an error of the protocol, which the program is told by its code
// (RFC 6749 §5.2).
type problem struct {
	code   string
	text   string // for whoever writes the program: English, and nothing of the request
	status int    // 0: 400
}

// Error implements error.
func (p *problem) Error() string { return "oauth: " + p.code + ": " + p.text }

// Unwrap makes it a fault.
func (p *problem) Unwrap() error { return fault.Invalid }

func invalidRequest(text string) error { return &problem{code: "invalid_request", text: text} }

// errClient says that a program is not known, or did not prove who it is. It is
// one answer for every reason.
var errClient = &problem{"invalid_client", "the program is not known or did not prove who it is", http.StatusUnauthorized}

// errGrant says that a code or refresh token is worth nothing to whoever shows it.
var errGrant = &problem{code: "invalid_grant", text: "the code or token is not good, or was given to another program"}

// replies are what a program is told of each kind of failure.
var replies = map[fault.Kind]problem{
	fault.Invalid:         {"invalid_request", "the request is malformed", http.StatusBadRequest},
	fault.NotFound:        {"invalid_request", "there is no such thing", http.StatusNotFound},
	fault.Exists:          {"invalid_request", "there is one already", http.StatusBadRequest},
	fault.Conflict:        {"invalid_request", "it was changed meanwhile", http.StatusBadRequest},
	fault.Denied:          {"access_denied", "it is not permitted", http.StatusForbidden},
	fault.Unauthenticated: {"invalid_grant", "the code or token is not good", http.StatusBadRequest},
	fault.TooLarge:        {"invalid_request", "the request is too large", http.StatusRequestEntityTooLarge},
	fault.Quota:           {"access_denied", "there are too many already", http.StatusForbidden},
	fault.Throttled:       {"temporarily_unavailable", "too many attempts: try again later", http.StatusTooManyRequests},
	fault.Unavailable:     {"temporarily_unavailable", "try again later", http.StatusServiceUnavailable},
	fault.Sealed:          {"temporarily_unavailable", "the hub is sealed: its operator must open it", http.StatusServiceUnavailable},
	fault.Corrupt:         {"server_error", "this is our fault", http.StatusInternalServerError},
	fault.Internal:        {"server_error", "this is our fault", http.StatusInternalServerError},
}

func asProblem(err error) problem {
	var p *problem
	if errors.As(err, &p) {
		reply := *p
		if reply.status == 0 {
			reply.status = http.StatusBadRequest
		}
		return reply
	}
	return replies[fault.Of(err)]
}

// tell answers with what an error means: a page to people, JSON to programs; and
// logs what somebody should look at.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, what string, err error) {
	p := asProblem(err)
	if p.status >= 500 && p.code == "server_error" {
		s.cfg.Log.Error("oauth request failed", "what", what, "err", err)
	} else {
		s.cfg.Log.Info("oauth request refused", "what", what, "code", p.code)
	}
	if isPage(r.URL.Path) {
		s.errorPage(w, err)
		return
	}
	h := w.Header()
	if p.status == http.StatusTooManyRequests || p.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "60")
	}
	if p.status == http.StatusUnauthorized { // RFC 6749 §5.2
		h.Set("WWW-Authenticate", `Bearer realm="vaguemestre", error="`+p.code+`"`)
	}
	writeJSON(w, p.status, map[string]string{"error": p.code, "error_description": p.text})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // only for what no handler gives
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Pragma", "no-cache") // RFC 6749 §5.1
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
