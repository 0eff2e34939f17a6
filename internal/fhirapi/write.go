package fhirapi

import (
	"bytes"
	"encoding/json"
	"net/http"

	"vaguemestre/internal/fhir"
)

// writeJSON sends a resource. A client that asked for no more than the headers,
// or for the least, gets no body.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, resource any) {
	if resource == nil {
		w.WriteHeader(status)
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is no HTML, and nosniff says so
	if err := e.Encode(resource); err != nil {
		panic(err) // a resource of ours that is no JSON: our own mistake
	}
	w.Header().Set("Content-Type", fhir.MediaType+"; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
}
