package adminapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A reply is what an operator is told of a kind of failure.
type reply struct {
	status int
	text   string
}

// replies has one row for each kind of failure; a test holds it complete.
var replies = map[fault.Kind]reply{
	fault.Invalid:         {http.StatusBadRequest, "This cannot be done as asked."},
	fault.NotFound:        {http.StatusNotFound, "There is nothing by that name."},
	fault.Exists:          {http.StatusConflict, "There is one by that name already."},
	fault.Conflict:        {http.StatusConflict, "This was changed meanwhile: look again, and repeat what you want."},
	fault.Denied:          {http.StatusForbidden, "The rules do not permit this."},
	fault.Unauthenticated: {http.StatusUnauthorized, "Who is asking is not known: name an operator whose token file you can read (--operator)."},
	fault.TooLarge:        {http.StatusRequestEntityTooLarge, "This is too large."},
	fault.Quota:           {http.StatusInsufficientStorage, "There is no room left for this."},
	fault.Throttled:       {http.StatusTooManyRequests, "Too many requests: try again later."},
	fault.Unavailable:     {http.StatusServiceUnavailable, "A part of the hub is away: look at its log, and try again."},
	fault.Sealed:          {http.StatusServiceUnavailable, "The hub is sealed: this needs the hub key. Start it without --sealed."},
	fault.Corrupt:         {http.StatusInternalServerError, "Stored data is damaged. Run `vaguemestre verify`, and keep the backups you have."},
	fault.Internal:        {http.StatusInternalServerError, "A mistake of the program: its log says more."},
}

// A Failure is why a request was not done. It wraps its kind.
type Failure struct {
	Kind   fault.Kind `json:"kind"`
	Text   string     `json:"text"`             // for a person
	Detail string     `json:"detail,omitempty"` // what exactly
}

// Error gives both.
func (f *Failure) Error() string {
	if f.Detail == "" {
		return f.Text
	}
	return f.Text + " (" + f.Detail + ")"
}

// Unwrap gives the kind.
func (f *Failure) Unwrap() error { return f.Kind }

// failureOf turns an error into what the operator is told. The texts of errors
// name nobody and nothing, so they may be told; those of our own mistakes are
// for the log.
func failureOf(err error) *Failure {
	kind := fault.Of(err)
	f := &Failure{Kind: kind, Text: replies[kind].text}
	var refusal *hub.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.EN != "":
		f.Text = refusal.EN
	case kind != fault.Internal:
		f.Detail = strings.TrimSuffix(strings.TrimSuffix(err.Error(), string(kind)), ": ")
		f.Detail = strings.TrimPrefix(f.Detail, "adminapi: ")
	}
	return f
}

func writeFailure(w http.ResponseWriter, err error) {
	f := failureOf(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(replies[f.Kind].status)
	_ = json.NewEncoder(w).Encode(f) // the operator has gone: nobody to tell
}
