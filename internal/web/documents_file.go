package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
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
	_, _, inside := readable(v.Entry.MediaType, b)
	if inside == nil {
		return fmt.Errorf("web: nothing inside: %w", fault.NotFound)
	}
	b, err = inside.Bytes()
	if err != nil {
		return err
	}
	kind := mediaType(inside.MediaType)
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
		"text/rtf": ".rtf", "application/rtf": ".rtf", cda.MediaType: ".xml", cda.MediaTypeSelfPresenting: ".xml",
	}[mediaType]; ok {
		return e
	}
	return ".bin"
}

// readView is what a document is read as.
type readView struct {
	Lang, Title string
	HTML        template.HTML
	Text        string
	Nothing     string
	Framed      bool // beneath its title
}

// readStyle is all the style that a document that is read has. It is in the page,
// which may load nothing.
const readStyle = `:root{color-scheme:light dark}
body{font:1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;margin:0 auto;padding:1rem 1.25rem 2rem;max-width:46rem;overflow-wrap:anywhere;background:#fff;color:#12181f}
h1,h2,h3{line-height:1.3;text-wrap:balance}h1{font-size:1.45rem}h2{font-size:1.2rem;border-bottom:1px solid #c3ced3;padding-bottom:.25rem;margin-top:1.8rem}h3{font-size:1.05rem}
table{border-collapse:collapse;width:100%;margin:.75rem 0;font-size:.97em}caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{border:1px solid #c3ced3;padding:.35rem .5rem;text-align:left;vertical-align:top;overflow-wrap:normal;hyphens:auto}.wide{overflow-x:auto}th{background:#f3f7f8}
pre{font:inherit;white-space:pre-wrap;margin:0}.soft{color:#4a5661}.away{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media (prefers-color-scheme:dark){body{background:#12181f;color:#eef2f5}h2,th,td{border-color:#35434e}th{background:#1b242d}.soft{color:#b3c0c9}}`

var (
	readPolicy = func() string {
		sum := sha256.Sum256([]byte(readStyle))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; sandbox; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
	}()
	readPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>` + readStyle + `</style></head>
<body><main><h1{{if .Framed}} class="away"{{end}}>{{.Title}}</h1>
{{if .HTML}}{{.HTML}}{{else if .Text}}<pre>{{.Text}}</pre>{{else}}<p class="soft" lang="{{.Lang}}">{{.Nothing}}</p>{{end}}
</main></body></html>
`))
)

// wide lets a table be wider than the page of a phone, and be moved by the keyboard
// then. What package cda makes has no other tables than these.
var wide = strings.NewReplacer("<table", `<div class="wide" tabindex="0"><table`, "</table>", "</table></div>")

// readDocument shows the text of a document in a page of its own that can do
// nothing: it runs no script, loads nothing and is nobody's origin. What is HTML
// in it was made from scratch by package cda.
func (c *call) readDocument() error {
	v, b, err := c.openWhole()
	if err != nil {
		return err
	}
	html, text, inside := readable(v.Entry.MediaType, b)
	html = wide.Replace(html)
	r := readView{Lang: french, Title: v.Entry.Title, HTML: template.HTML(html), Text: text, Nothing: c.words("documents.no-text"), Framed: c.r.URL.Query().Has("cadre")} //nolint:gosec // see above
	if inside != nil {
		r.Nothing = c.words("documents.inside")
	}
	var page bytes.Buffer
	if err := readPage.Execute(&page, r); err != nil {
		return fmt.Errorf("web: document: %v: %w", err, fault.Internal)
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", readPolicy)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(page.Bytes())
	}
	return nil
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
