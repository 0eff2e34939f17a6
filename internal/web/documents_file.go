package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/vault"
)

// The files of documents. What others wrote is never a page of ours: it is shown
// by the browser's own viewer, or in a frame that may do nothing, or saved.

// documentFile gives the original: to be shown, where a browser can do so without
// running anything, else to be saved.
func (c *call) documentFile() error {
	v, file, err := c.s.hub.OpenDocument(c.ctx(), c.who.Actor, c.documentID())
	if err != nil {
		return err
	}
	return c.file(v.ID, fileNameOf(&v.Entry), v.Entry.MediaType, file)
}

// documentRendition gives the PDF that shows a document.
func (c *call) documentRendition() error {
	v, file, err := c.s.hub.OpenRendition(c.ctx(), c.who.Actor, c.documentID())
	if err != nil {
		return err
	}
	return c.file(v.ID+"/pdf", readableName(&v.Entry)+".pdf", "application/pdf", file)
}

// documentInside gives the file that a CDA carries within.
func (c *call) documentInside() error {
	v, b, err := c.openWhole()
	if err != nil {
		return err
	}
	d, err := cda.Parse(b, cda.Limits{})
	if err != nil || d.Embedded == nil {
		return fmt.Errorf("web: nothing inside: %w", fault.NotFound)
	}
	b, err = d.Embedded.Bytes()
	if err != nil {
		return err
	}
	kind := mediaType(d.Embedded.MediaType)
	return c.file(v.ID+"/extrait", readableName(&v.Entry)+extensionOf(kind), kind, wholeFile(b))
}

// openWhole opens the document of this page, to be read here.
func (c *call) openWhole() (hub.DocumentView, []byte, error) {
	v, file, err := c.s.hub.OpenDocument(c.ctx(), c.who.Actor, c.documentID())
	if err != nil {
		return v, nil, err
	}
	b, err := wholeOf(file)
	return v, b, err
}

func wholeOf(file hub.Content) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(file.Size()))
	err := file.ReadRange(&b, 0, file.Size())
	return b.Bytes(), err
}

// wholeFile is a file in memory.
type wholeFile []byte

// Size implements hub.Content.
func (f wholeFile) Size() int64 { return int64(len(f)) }

// ReadRange implements hub.Content.
func (f wholeFile) ReadRange(w io.Writer, off, n int64) error {
	_, err := w.Write(f[off : off+n])
	return err
}

// What a file may do in a browser. A PDF must not be sandboxed, or its viewer does
// not start; the viewer runs nothing of ours and has no access to our pages.
const (
	inertPDF = "default-src 'none'; frame-ancestors 'self'"
	inert    = "default-src 'none'; sandbox; frame-ancestors 'self'"
)

// shown are the forms of file that browsers show without running anything.
var shown = map[string]string{"application/pdf": inertPDF, "image/jpeg": inert, "image/png": inert}

// file sends a file, or the range of it that is asked for.
func (c *call) file(version, name, kind string, file hub.Content) error {
	h := c.w.Header()
	policy, inline := shown[kind]
	disposition := "attachment"
	if inline && c.r.URL.Query().Get("enregistrer") == "" {
		disposition = "inline"
		h.Set("Content-Security-Policy", policy)
	} else {
		h.Set("Content-Security-Policy", inert)
	}
	if !inline {
		kind = savedAs(kind)
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", dispositionOf(disposition, name))
	sum := sha256.Sum256([]byte(version))
	h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	http.ServeContent(c.steady(), c.r, "", time.Time{}, io.NewSectionReader(contentAt{file}, 0, file.Size()))
	return nil
}

// savedAs is the type under which a file is saved: one that no browser runs.
func savedAs(kind string) string {
	switch kind {
	case "text/plain", "application/rtf", "text/rtf", "image/tiff":
		return kind
	case cda.MediaType, cda.MediaTypeSelfPresenting:
		return "application/xml"
	}
	return "application/octet-stream"
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

// contentAt reads a document anywhere.
type contentAt struct{ hub.Content }

// ReadAt implements io.ReaderAt.
func (c contentAt) ReadAt(p []byte, off int64) (int, error) {
	n := min(int64(len(p)), c.Size()-off)
	if n <= 0 {
		return 0, io.EOF
	}
	w := bytes.NewBuffer(p[:0:len(p)])
	if err := c.ReadRange(w, off, n); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// fileNameOf is under what name a document is saved.
func fileNameOf(e *vault.Entry) string {
	return readableName(e) + extensionOf(e.MediaType)
}

// readableName says what a document is, as the name of a file: its day, its title
// and its author. Nothing in it leads to another folder.
func readableName(e *vault.Entry) string {
	name := dateOf(e).Format(time.DateOnly) + " " + strings.TrimSuffix(e.Title, path.Ext(e.FileName))
	if e.Author.Name != "" && e.Depositor == "" {
		name += " – " + e.Author.Name
	}
	return cleanName(name)
}

// cleanName makes a name that every system takes as that of one file.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '-'
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	const most = 120 // bytes
	s = strings.ToValidUTF8(s[:min(len(s), most)], "")
	if s = strings.Trim(strings.Join(strings.Fields(s), " "), ". "); s == "" {
		return "document"
	}
	return s
}

func extensionOf(mediaType string) string {
	if e, ok := map[string]string{
		"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png", "image/tiff": ".tif", "text/plain": ".txt",
		"text/rtf": ".rtf", "message/rfc822": ".eml", "application/rtf": ".rtf", cda.MediaType: ".xml", cda.MediaTypeSelfPresenting: ".xml",
	}[mediaType]; ok {
		return e
	}
	return ".bin"
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
