package fhirapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
)

// raw is an answer that is bytes, or a document that is read as it is sent.
type raw struct {
	media   string
	data    []byte
	content hub.Content
	file    bool // to be kept by a browser, not shown
}

// write sends an answer.
func (s *Server) write(w http.ResponseWriter, r *http.Request, a answer) error {
	h := w.Header()
	if a.version != "" {
		h.Set("ETag", `W/"`+a.version+`"`)
	}
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if match := r.Header.Get("If-None-Match"); match != "" && a.version != "" && a.status == 0 && match == h.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if a.raw == nil {
		writeJSON(w, r, status(a), a.resource)
		return nil
	}
	h.Set("Content-Type", cmp.Or(a.raw.media, "application/octet-stream"))
	if a.raw.content == nil {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.raw.data))
		return nil
	}
	if a.raw.file {
		h.Set("Content-Disposition", "attachment") // its name would say what it is
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	}
	if a.version != "" {
		h.Set("ETag", `"`+a.version+`"`) // the bytes are the same: ranges may be joined
	}
	body := &reader{content: a.raw.content}
	http.ServeContent(w, r, "", time.Time{}, body)
	if body.err != nil && !errors.Is(body.err, io.EOF) {
		return fmt.Errorf("fhirapi: binary: %w", body.err)
	}
	return nil
}

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
