package fhir

import (
	"encoding/base64"
	"regexp"
	"strings"
	"time"
)

// forms are the forms of the primitive types (FHIR R4, datatypes §2.24.0.1).
// They are called on strings and on the digits of numbers; a boolean has one
// form only.
var forms = map[string]func(string) bool{
	"base64Binary": isBase64,
	"boolean":      nil,
	"canonical":    isURI,
	"code":         match(`[^\s]+(\s[^\s]+)*`),
	"date":         IsDate,
	"dateTime":     func(s string) bool { return IsDate(s) || isInstant(s) },
	"decimal":      match(`-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`),
	"id":           IsID,
	"instant":      isInstant,
	"integer":      match(`0|-?[1-9][0-9]{0,9}`),
	"markdown":     isText,
	"oid":          match(`urn:oid:[0-2](\.(0|[1-9][0-9]*))+`),
	"positiveInt":  match(`[1-9][0-9]{0,9}`),
	"string":       isText,
	"time":         match(`([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?`),
	"unsignedInt":  match(`0|[1-9][0-9]{0,9}`),
	"uri":          isURI,
	"url":          isURI,
	"uuid":         match(`urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
	"xhtml":        func(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "<div") },
}

func primitive(kind string) bool { _, ok := forms[kind]; return ok }

func match(pattern string) func(string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString
}

var (
	datePattern    = regexp.MustCompile(`^([0-9]{4})(-[0-9]{2}(-[0-9]{2})?)?$`)
	instantPattern = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`)
)

// IsDate reports whether s is a FHIR date: YYYY, YYYY-MM or YYYY-MM-DD, and a
// day that there is.
func IsDate(s string) bool {
	if !datePattern.MatchString(s) || s[:4] == "0000" {
		return false
	}
	_, err := time.Parse("2006-01-02"[:len(s)], s)
	return err == nil
}

func isInstant(s string) bool {
	if !instantPattern.MatchString(s) {
		return false
	}
	_, err := time.Parse(time.RFC3339Nano, s)
	return err == nil
}

// IsID reports whether s may be the id of a resource.
func IsID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func isURI(s string) bool { return s != "" && !strings.ContainsAny(s, " \t\r\n") }

// isText reports whether s has something in it, and no control characters but
// those of a text.
func isText(s string) bool {
	for _, c := range s {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return strings.TrimSpace(s) != ""
}

func isBase64(s string) bool {
	if strings.ContainsAny(s, " \t\r\n") { // tolerated by FHIR, so by us
		s = strings.Join(strings.Fields(s), "")
	}
	n := len(s)
	if n == 0 || n%4 != 0 {
		return false
	}
	_, err := base64.StdEncoding.Decode(make([]byte, base64.StdEncoding.DecodedLen(n)), []byte(s))
	return err == nil
}
