package web

import (
	"cmp"
	"mime"
	"net/http"
	"strings"
	"time"

	"vaguemestre/internal/filename"
)

// Files that leave. What others wrote is never a page of ours: it is shown by the
// browser's own viewer, or in a frame that may do nothing, or saved.

// What a file may do in a browser. A PDF must not be sandboxed, or its viewer does
// not start; the viewer runs nothing of ours and has no access to our pages.
const (
	inertPDF = "default-src 'none'; frame-ancestors 'self'"
	inert    = "default-src 'none'; sandbox; frame-ancestors 'self'"
)

// shown are the types of file that browsers show without running anything, and
// what each may do there; all others are saved.
var shown = map[string]string{
	"application/pdf": inertPDF, "image/png": inert, "image/jpeg": inert, "image/gif": inert, "image/webp": inert, "text/plain": inert,
}

func isShown(kind string) bool { return shown[kind] != "" }

// fileHead says that an answer is a file, to be seen in the browser or saved under
// its name.
func (c *call) fileHead(name, kind string, see bool) {
	disposition, policy := "attachment", inert
	if see {
		base, _, _ := strings.Cut(kind, ";")
		disposition, policy = "inline", cmp.Or(shown[base], inert)
	}
	h := c.w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", dispositionOf(disposition, name))
}

// dispositionOf names a file, in any language (RFC 6266, RFC 8187).
func dispositionOf(kind, name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	out := kind + `; filename="` + plain + `"`
	if plain != name {
		if encoded := mime.FormatMediaType("x", map[string]string{"filename": name}); strings.Contains(encoded, "filename*=") {
			out += strings.TrimPrefix(encoded, "x")
		}
	}
	return out
}

// fileEnd ends the name of a file that is saved.
func fileEnd(mediaType string) string { return cmp.Or(filename.Extension(mediaType), ".bin") }

// sniffed is the type that a file's first bytes say.
func sniffed(content []byte) string {
	kind, _, _ := strings.Cut(http.DetectContentType(content), ";")
	return kind
}

// A begun is an answer that may take long, and whether any of it was sent.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (c *call) begin() *begun { return &begun{ResponseWriter: c.steady()} }

// Write implements io.Writer.
func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// finish ends a file that was sent while it was read. Of one that has failed no
// half looks like the whole: the connection breaks, or, if nothing was sent yet,
// the answer is the page of the failure.
func (c *call) finish(b *begun, err error) error {
	if err == nil {
		return nil
	}
	if b.yes {
		c.s.cfg.Log.Warn("web: a file was cut short", "err", err)
		panic(http.ErrAbortHandler)
	}
	h := c.w.Header()
	h.Del("Content-Disposition")
	h.Del("Content-Length")
	c.s.lock(h)
	return err
}

// steady is where a file goes that may take long, as long as somebody takes it.
func (c *call) steady() http.ResponseWriter {
	return &patientWriter{c.w, http.NewResponseController(c.w)}
}

// A patientWriter is an answer that may take its time, as long as it is read.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write implements io.Writer. Each piece that leaves gives time for the next.
func (w *patientWriter) Write(p []byte) (n int, err error) {
	const piece = 256 << 10
	for len(p) > 0 && err == nil {
		_ = w.control.SetWriteDeadline(time.Now().Add(silence)) // of the connection, whatever time it is for people
		var m int
		m, err = w.ResponseWriter.Write(p[:min(len(p), piece)])
		n, p = n+m, p[m:]
	}
	return n, err
}
