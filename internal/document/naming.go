package document

import (
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"vaguemestre/internal/cda"
)

// A name is what a file name of the MSSanté convention tells:
// <date of the act>_<type>_<NAME>_<first name>_<file number>.pdf
// (CI-SIS MSS ECO.2.1.6). Its zero value is a name of no convention.
type name struct {
	date  time.Time
	label string
	kind  cda.Type // zero where the label is none of the value set
}

var conventional = regexp.MustCompile(`^(\d{8})_(.+)$`)

// typesByLabel finds a type by its label, folded.
var typesByLabel = sync.OnceValue(func() map[string]cda.Type {
	m := map[string]cda.Type{}
	for _, t := range cda.Types() {
		m[fold(t.Label)] = t
	}
	return m
})

// parseName reads a file name. Labels hold underscores of their own, so the
// longest beginning that is a known label wins; failing that, the label is
// what stands before name, first name and number.
func parseName(s string) name {
	m := conventional.FindStringSubmatch(strings.TrimSuffix(s, path.Ext(s)))
	if m == nil || len(s) > 512 {
		return name{}
	}
	date, err := time.Parse("20060102", m[1])
	if err != nil || date.Year() < 1900 || date.Year() > 2100 {
		return name{}
	}
	words := strings.Split(m[2], "_")
	if len(words) > 32 {
		words = words[:32]
	}
	for n := len(words); n > 0; n-- {
		if t, ok := typesByLabel()[fold(strings.Join(words[:n], " "))]; ok {
			return name{date, t.Label, t}
		}
	}
	rest := 2 // name and first name
	if last := words[len(words)-1]; strings.Trim(last, "0123456789") == "" {
		rest = 3
	}
	if len(words) > rest {
		words = words[:len(words)-rest]
	}
	return name{date: date, label: Line(strings.Join(words, " "))}
}

// fold makes words comparable: small letters and digits without accents, one
// blank between words.
func fold(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteRune(unicode.ToLower(r))
		default:
			gap = true
		}
	}
	return b.String()
}

// Line makes a text fit to be shown on one line: no controls, no marks that
// override direction, 250 characters at most.
func Line(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), 4096)], "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > 250 {
		s = string(runes[:249]) + "…"
	}
	return s
}
