package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A form is what somebody filled in, and what is wrong with it.
type form struct {
	values  url.Values
	uploads map[string][]file // where a route takes files
	spilled bool              // there were more of them than may be
	errs    []wrongField
}

// A wrongField is what is wrong with one field, in words; with the field "" it is
// the whole.
type wrongField struct{ Field, Text string }

// maxValue bounds a value that is read, in bytes.
const maxValue = 300

// value returns what is in a field, without the blanks around it. What is too
// long or no text is nothing.
func (f *form) value(name string) string { return strings.TrimSpace(f.raw(name)) }

// raw returns it with its blanks: those of a password count.
func (f *form) raw(name string) string { return f.text(name, maxValue) }

// text returns what is in a field of several lines, which end with LF, if it has
// at most limit bytes.
func (f *form) text(name string, limit int) string {
	v := strings.ReplaceAll(f.values.Get(name), "\r\n", "\n")
	if len(v) > limit || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
		return ""
	}
	return v
}

// ticked reports whether a box is ticked.
func (f *form) ticked(name string) bool { return f.values.Get(name) == "yes" }

// pick returns the value of a field that is one of some, else the first of them.
func (f *form) pick(name string, among ...string) string {
	if v := f.values.Get(name); slices.Contains(among, v) {
		return v
	}
	return among[0]
}

// wrong says what is wrong with a field, by a key of the catalogue.
func (c *call) wrong(field, key string, args ...any) { c.wrongText(field, c.words(key, args...)) }

func (c *call) wrongText(field, text string) {
	c.form.errs = append(c.form.errs, wrongField{field, text})
}

// need says of each field that is empty that it is.
func (c *call) need(fields ...string) {
	for _, name := range fields {
		if c.form.value(name) == "" {
			c.wrong(name, "wrong.empty")
		}
	}
}

// again shows a form once more, with what is wrong with it.
func (c *call) again(page, title string, data any) error {
	return c.show(http.StatusUnprocessableEntity, page, title, data)
}

// blame finds the field that an error of the door is about: it goes beside it. It
// returns false for an error that is about none.
func (c *call) blame(field string, err error) bool {
	weak := (*hub.WeakPassword)(nil)
	switch {
	case errors.As(err, &weak):
		for _, w := range weak.Rules {
			c.wrongText(field, c.either(w.FR, w.EN))
		}
	case c.sentence(err) != "" && !refusedBy(err, "enrolment/timed-out"):
		c.wrongText(field, c.sentence(err))
	case errors.Is(err, fault.Throttled):
		c.wrong(field, "wrong.throttled")
	default:
		return false
	}
	return true
}

// Of one field, for a page.
func (f form) errorsOf(name string) (list []string) {
	for _, e := range f.errs {
		if e.Field == name {
			list = append(list, e.Text)
		}
	}
	return list
}
