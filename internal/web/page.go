package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

//go:embed pages words style script
var files embed.FS

// must returns what is embedded: a test has seen it.
func must[T any](v T, err error) T {
	if err != nil {
		panic("web: embedded: " + err.Error())
	}
	return v
}

// pages are the templates by language and name.
type pages map[string]map[string]*template.Template

// newPages reads pages/*.html, and one folder below for each area: a page there
// is named "area/page".
func newPages(zone *time.Location) (pages, error) {
	names := slices.Concat(must(fs.Glob(files, "pages/*.html")), must(fs.Glob(files, "pages/*/*.html")))
	all := pages{}
	for lang := range catalogues {
		all[lang] = map[string]*template.Template{}
		common, err := template.New("").Funcs(functions(lang, zone)).ParseFS(files, "pages/common/*.html")
		if err != nil {
			return nil, fmt.Errorf("web: pages: %v: %w", err, fault.Internal)
		}
		for _, n := range names {
			name := strings.TrimSuffix(strings.TrimPrefix(n, "pages/"), ".html")
			if path.Dir(name) == "common" {
				continue
			}
			t, err := template.Must(common.Clone()).ParseFS(files, n)
			if err != nil {
				return nil, fmt.Errorf("web: pages: %v: %w", err, fault.Internal)
			}
			all[lang][name] = t
		}
	}
	return all, nil
}

// functions are what the templates may use.
func functions(lang string, zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"t":      func(key string, args ...any) string { return word(lang, key, args...) },
		"asset":  assetPath,
		"day":    func(at time.Time) string { return day(lang, at.In(zone)) },
		"moment": func(at time.Time) string { return moment(lang, at.In(zone)) },
		"clock":  func(at time.Time) string { return at.In(zone).Format("15:04") },
		"iso":    func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"ins":    spaced,
		"born":   func(s string) string { return born(lang, s) },
		"pair":   func(name string, of any) pair { return pair{name, of} },
		"lines":  func(s string) []string { return strings.Split(s, "\n") },
	}
}

// A pair is something with the name that a form has for it.
type pair struct {
	Name string
	Of   any
}

// A view is what every template is given.
type view struct {
	Lang, Other string
	Path        string // of this page
	Back        string // where the switch of language leads
	Page        string
	Title       string // a key of the catalogue
	Who         string // whose space it is; "": nobody has signed in
	Pro         bool   // a professional, who has a mailbox and no space
	Nav         []navItem
	Subject     *subject // whose record the page is about; nil: one's own
	Token       string   // of its forms
	News        string   // a key of the catalogue
	Values      map[string]string
	Errors      []wrongField
	Data        any
	Visited     *hub.Visit // the space of somebody else that it is a page of; nil: none

	form form
	root string
}

// A field is one field of a form, as its page describes it.
type field struct {
	Name, Type, Complete, Mode string
	Value                      string
	Errors                     []string
	Hint                       bool
}

// Field makes a field for the template of that name: its words are in the
// catalogue under "field.NAME", and "field.NAME.hint" if there is a hint.
func (v view) Field(name, kind, complete, mode string) field {
	_, hint := catalogues[v.Lang]["field."+name+".hint"]
	f := field{Name: name, Type: kind, Complete: complete, Mode: mode, Errors: v.form.errorsOf(name), Hint: hint}
	if kind != "password" && name != "code" { // a secret is not shown again
		f.Value = v.form.value(name)
	}
	return f
}

// About is what the template "wrong" needs to know of a field.
func (v view) About(name string) field { return field{Name: name, Errors: v.form.errorsOf(name)} }

// Helping reports whether the page is one of the help.
func (v view) Helping() bool { return strings.HasPrefix(v.Page, "help/") }

// Wrong lists what is wrong with a field.
func (v view) Wrong(name string) []string { return v.form.errorsOf(name) }

// Chosen reports whether a choice was made, or is what is proposed.
func (v view) Chosen(name, value string, proposed bool) bool {
	if got := v.form.values.Get(name); got != "" {
		return got == value
	}
	return proposed
}

// show sends a page.
func (c *call) show(status int, page, title string, data any) error {
	t := c.s.pages[c.lang][page]
	if t == nil {
		return fmt.Errorf("web: no page %s: %w", page, fault.Internal)
	}
	v := view{Lang: c.lang, Other: other(c.lang), Path: c.r.URL.Path, Back: homePath, Page: page, Title: title, Token: c.formToken(),
		Errors: c.form.errs, Data: data, Visited: c.visited, form: c.form, root: c.root()}
	if c.s.known(c.r.URL.Path) {
		v.Back = c.r.URL.Path
	}
	if c.who != nil {
		v.Who, v.Pro, v.Nav, v.Subject = c.who.Name, c.who.cares(), c.nav(), c.subject
	}
	if v.News = c.cookie(newsCookie); v.News != "" {
		c.unset(newsCookie)
		if _, ok := catalogues[c.lang][v.News]; !ok || !strings.HasPrefix(v.News, "news.") {
			v.News = ""
		}
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("web: page %s: %v: %w", page, err, fault.Internal)
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", c.lang)
	h.Set("Vary", "Accept-Language, Cookie")
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(b.Bytes()) // whoever has gone is told nothing
	}
	return nil
}

// page shows one as it is.
func (c *call) page(name, title string, data any) error {
	return c.show(http.StatusOK, name, title, data)
}

func other(lang string) string {
	if lang == french {
		return english
	}
	return french
}
