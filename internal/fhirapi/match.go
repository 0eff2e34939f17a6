package fhirapi

import (
	"strings"
	"time"
	"unicode"

	"vaguemestre/internal/pdsm"

	"golang.org/x/text/unicode/norm"
)

// A token is a coded value, an identifier, or the id that a reference leads to.
type token struct{ system, code string }

// A tokenTest is a token as it is searched for: "code", "system|code",
// "|code" or "system|".
type tokenTest struct {
	token
	anySystem, anyCode bool
}

func parseToken(s string) tokenTest {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '|':
			system, code := unescape(s[:i]), unescape(s[i+1:])
			return tokenTest{token{pdsm.CanonicalSystem(system), code}, false, code == ""}
		}
	}
	return tokenTest{token{"", unescape(s)}, true, false}
}

func (w tokenTest) matches(t token) bool {
	return (w.anySystem || pdsm.CanonicalSystem(t.system) == w.system) && (w.anyCode || strings.EqualFold(t.code, w.code))
}

// stringTests make the test of a text against a value, by modifier: case and
// accents do not matter but for "exact".
var stringTests = map[string]func(value string) func(text string) bool{
	"": func(v string) func(string) bool {
		v = fold(v)
		return func(t string) bool { return strings.HasPrefix(fold(t), v) }
	},
	"contains": func(v string) func(string) bool {
		v = fold(v)
		return func(t string) bool { return strings.Contains(fold(t), v) }
	},
	"exact": func(v string) func(string) bool { return func(t string) bool { return t == v } },
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s))
}

// A span is from one instant to another, the second not within; the zero
// instants are no bound.
type span struct{ from, to time.Time }

func instant(t time.Time) span { return span{t, t.Add(time.Second)} }

// parseDate reads a date with its prefix (FHIR R4, search §3.1.1.4.8). A day
// without a zone is one of France.
func parseDate(s string) (func(span) bool, error) {
	prefix, rest := "eq", s
	if len(s) > 2 && s[0] >= 'a' && s[0] <= 'z' {
		prefix, rest = s[:2], s[2:]
	}
	test, ok := dateTests[prefix]
	v, right := spanOf(strings.ReplaceAll(rest, " ", "+"))
	if !ok || !right {
		return nil, invalid("Une date de la recherche est mal formée.", "A date of the search is malformed.")
	}
	return func(item span) bool { return test(item, v) }, nil
}

// dateTests compare the span of an item with the one searched for, by prefix.
var dateTests = map[string]func(item, v span) bool{
	"eq": within,
	"ne": func(i, v span) bool { return !within(i, v) },
	"ap": func(i, v span) bool { return startsBefore(i, v.to) && endsAfter(i, v.from) },
	"gt": func(i, v span) bool { return endsAfter(i, v.to) },
	"lt": func(i, v span) bool { return startsBefore(i, v.from) },
	"ge": func(i, v span) bool { return endsAfter(i, v.from) },
	"le": func(i, v span) bool { return startsBefore(i, v.to) },
	"sa": func(i, v span) bool { return !i.from.IsZero() && !i.from.Before(v.to) },
	"eb": func(i, v span) bool { return !i.to.IsZero() && !i.to.After(v.from) },
}

func within(i, v span) bool {
	return !i.from.IsZero() && !i.to.IsZero() && !i.from.Before(v.from) && !i.to.After(v.to)
}

func startsBefore(i span, t time.Time) bool { return i.from.IsZero() || i.from.Before(t) }

func endsAfter(i span, t time.Time) bool { return i.to.IsZero() || i.to.After(t) }

// spanOf returns the time that a date of any precision covers.
func spanOf(s string) (span, bool) {
	for _, form := range []struct {
		layout string
		end    func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04Z07:00", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
		{time.RFC3339, func(t time.Time) time.Time { return t.Add(time.Second) }},
	} {
		if t, err := time.ParseInLocation(form.layout, s, pdsm.Paris); err == nil {
			return span{t, form.end(t)}, true
		}
	}
	return span{}, false
}

// sortable writes a time so that texts sort as times do.
func sortable(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

// readTime reads a date or an instant; one that is less precise begins the span
// it covers. What is no time is zero.
func readTime(s string) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t
	}
	v, _ := spanOf(s)
	return v.from
}
