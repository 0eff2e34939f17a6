package web

import (
	"errors"
	"net/http"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// errForged is a form that did not come from a page of this session.
var errForged = errors.New("not from a page of this session")

// wrongMethod is a request that an address does not take.
type wrongMethod struct{ takes bool }

// Error implements error.
func (*wrongMethod) Error() string { return "web: method not allowed" }

func (e *wrongMethod) allowed() string {
	if e.takes {
		return "GET, HEAD, POST"
	}
	return "GET, HEAD"
}

// A failing is how a kind of failure is told: the status, and what its words
// are called in the catalogue.
type failing struct {
	status int
	words  string
}

// failings has a page in words for every kind.
var failings = map[fault.Kind]failing{
	fault.Invalid:         {http.StatusBadRequest, "fault.invalid"},
	fault.NotFound:        {http.StatusNotFound, "fault.not-found"},
	fault.Exists:          {http.StatusConflict, "fault.conflict"},
	fault.Conflict:        {http.StatusConflict, "fault.conflict"},
	fault.Denied:          {http.StatusForbidden, "fault.denied"},
	fault.Unauthenticated: {http.StatusForbidden, "fault.unauthenticated"},
	fault.TooLarge:        {http.StatusRequestEntityTooLarge, "fault.too-large"},
	fault.Quota:           {http.StatusInsufficientStorage, "fault.quota"},
	fault.Throttled:       {http.StatusTooManyRequests, "fault.throttled"},
	fault.Unavailable:     {http.StatusServiceUnavailable, "fault.unavailable"},
	fault.Sealed:          {http.StatusServiceUnavailable, "fault.sealed"},
	fault.Corrupt:         {http.StatusInternalServerError, "fault.corrupt"},
	fault.Internal:        {http.StatusInternalServerError, "fault.internal"},
}

var forged = failing{http.StatusForbidden, "fault.forged"}

// tell shows the page of a failure. What the door says of a refusal is on it.
func (c *call) tell(err error) {
	how := failings[fault.Of(err)]
	method := (*wrongMethod)(nil)
	switch {
	case errors.Is(err, errForged):
		how = forged
	case errors.As(err, &method):
		how = failing{http.StatusMethodNotAllowed, "fault.method"}
		c.w.Header().Set("Allow", method.allowed())
	case how.status >= http.StatusInternalServerError && fault.Of(err) != fault.Sealed:
		c.s.cfg.Log.Error("web", "err", err)
	}
	if how.status == http.StatusTooManyRequests || how.status == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", "60")
	}
	if err := c.show(how.status, "fault", how.words+".title", struct{ Text, Sentence string }{how.words + ".text", c.sentence(err)}); err != nil {
		c.s.cfg.Log.Error("web: page of a failure", "err", err)
	}
}

// sentence is what the door says of a refusal, in the language of the call; "" if
// it says nothing.
func (c *call) sentence(err error) string {
	r := (*hub.Refusal)(nil)
	if !errors.As(err, &r) {
		return ""
	}
	return c.either(r.FR, r.EN)
}

// either is the one of two texts that is in the language of the call.
func (c *call) either(fr, en string) string {
	if c.lang == french {
		return frenchSpaces.Replace(fr)
	}
	return en
}

// refusedBy reports whether an error is the refusal by a rule.
func refusedBy(err error, rule string) bool {
	r := (*hub.Refusal)(nil)
	return errors.As(err, &r) && r.Rule == rule
}
