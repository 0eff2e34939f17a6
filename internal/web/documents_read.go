package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/document"
	"vaguemestre/internal/fault"
)

// Documents that are read: a CDA as HTML, and text as it is, in a page of its own
// that can do nothing.

// readView is what a document is read as.
type readView struct {
	Lang, Ours string // its language, and that of whoever reads
	Title      string
	Head       []readFact
	HTML       template.HTML
	Text       string
	Nothing    string
	Framed     bool // beneath its title
}

// A readFact is what the head of a CDA says: whom it is about, and who wrote it.
type readFact struct{ Name, Text string }

// readStyle is all the style that a document that is read has. It is in the page,
// which may load nothing.
const readStyle = `:root{color-scheme:light dark}
body{font:1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;margin:0 auto;padding:1rem 1.25rem 2rem;max-width:46rem;overflow-wrap:anywhere;background:#fff;color:#12181f}
h1,h2,h3{line-height:1.3;text-wrap:balance}h1{font-size:1.45rem}h2{font-size:1.2rem;border-bottom:1px solid #c3ced3;padding-bottom:.25rem;margin-top:1.8rem}h3{font-size:1.05rem}
table{border-collapse:collapse;width:100%;margin:.75rem 0;font-size:.97em}caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{border:1px solid #c3ced3;padding:.35rem .5rem;text-align:left;vertical-align:top;overflow-wrap:normal;hyphens:auto}.wide{overflow-x:auto}th{background:#f3f7f8}
pre{font:inherit;white-space:pre-wrap;margin:0}.soft{color:#4a5661}dl{display:grid;grid-template-columns:auto 1fr;gap:.1rem .9rem;margin:.5rem 0 1.25rem;padding:.6rem .9rem;border:1px solid #c3ced3;border-radius:8px;font-size:.95em}dt{color:#4a5661}dd{margin:0}.away{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media (max-width:30rem){dl{grid-template-columns:1fr}dd{margin:0 0 .3rem}}
@media (prefers-color-scheme:dark){body{background:#12181f;color:#eef2f5}h2,th,td,dl{border-color:#35434e}th{background:#1b242d}.soft,dt{color:#b3c0c9}}`

var (
	readPolicy = func() string {
		sum := sha256.Sum256([]byte(readStyle))
		return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; sandbox; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
	}()
	readPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>` + readStyle + `</style></head>
<body><main><h1{{if .Framed}} class="away"{{end}}>{{.Title}}</h1>
{{if .Head}}<dl>{{range .Head}}<dt lang="{{$.Ours}}">{{.Name}}</dt><dd>{{.Text}}</dd>{{end}}</dl>
{{end}}{{if .HTML}}{{.HTML}}{{else if .Text}}<pre>{{.Text}}</pre>{{else}}<p class="soft" lang="{{.Ours}}">{{.Nothing}}</p>{{end}}
</main></body></html>
`))
)

// maxReadable bounds the text of a document that is shown, in bytes.
const maxReadable = 512 << 10

// reading makes of a document what can be read of it: the sections of a CDA, as
// HTML that package cda has made from scratch, or plain text.
func (c *call) reading(mediaType string, file []byte) readView {
	r := readView{Lang: french, Ours: c.lang, Nothing: c.words("documents.no-text"), Framed: c.r.URL.Query().Has("cadre")}
	if kindOf(mediaType) != kindCDA {
		r.Text = document.ReadText(mediaType, file, maxReadable)
		return r
	}
	d, err := cda.Parse(file, cda.Limits{})
	if err != nil {
		return r
	}
	r.Head = c.headOf(d, r.Framed)
	r.HTML = template.HTML(wide.Replace(d.HTML())) //nolint:gosec // made from scratch
	if d.Embedded != nil {
		r.Nothing = c.words("documents.inside")
		if b, err := d.Embedded.Bytes(); err == nil {
			r.Text = document.ReadText(d.Embedded.MediaType, b, maxReadable)
		}
	}
	return r
}

// headOf lists what the head of a CDA says: all of it, or only whom it is about
// where the page around it says the rest.
func (c *call) headOf(d *cda.Document, brief bool) (list []readFact) {
	add := func(key string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		if len(parts) > 0 {
			list = append(list, readFact{c.words(key), strings.Join(parts, ", ")})
		}
	}
	t := d.Traits
	name := strings.TrimSpace(cmp.Or(t.FirstNames, t.FirstName) + " " + t.BirthName)
	if t.UsedName != "" && t.UsedName != t.BirthName {
		name += " (" + t.UsedName + ")"
	}
	birth := ""
	if t.BirthDate != "" {
		birth = born(c.lang, t.BirthDate)
	}
	add("documents.read.patient", name)
	add("documents.read.born", birth)
	for _, p := range d.Patients {
		if p.IsINS() {
			add("documents.read.ins", spaced(p.Text))
			break
		}
	}
	if brief {
		return list
	}
	if !d.Created.IsZero() {
		add("documents.date", day(c.lang, d.Created.In(c.s.cfg.Zone)))
	}
	for _, a := range d.Authors[:min(len(d.Authors), 10)] {
		add("documents.author", a.Name, a.Specialty.Display, a.Organisation.Name)
	}
	if a := d.Authenticator; len(d.Authors) == 0 || a.Name != d.Authors[0].Name {
		add("documents.authenticator", a.Name, a.Organisation.Name)
	}
	return list
}

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
	r := c.reading(v.Entry.MediaType, b)
	r.Title = v.Entry.Title
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
