package message

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Date returns the time of the Date field; false if it has none that can be
// read.
func (m *Mail) Date() (time.Time, bool) { return parseDate(m.header.Raw("Date")) }

var months = map[string]time.Month{
	"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
	"fev": 2, "fév": 2, "avr": 4, "mai": 5, "juin": 6, "juil": 7, "aou": 8, "aoû": 8, "déc": 12,
}

// zones are those of RFC 5322 §4.3 and of Europe, in hours.
var zones = map[string]int{
	"ut": 0, "utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
	"wet": 0, "west": 1, "cet": 1, "cest": 2, "met": 1, "mest": 2,
}

// parseDate reads a date (RFC 5322 §3.3 and §4.3) in whatever order its words
// come: the day is the first number, the year the one after the month, the time
// has colons, the zone is a name or has a sign.
func parseDate(s string) (time.Time, bool) {
	var day, year, clock, offset = 0, -1, -1, 0
	var month time.Month
	for w := range strings.FieldsFuncSeq(stripComments(clip(s, 256)), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' }) {
		w = strings.ToLower(w)
		n, err := strconv.Atoi(w)
		switch {
		case strings.Contains(w, ":"):
			if clock = parseClock(w); clock < 0 {
				return time.Time{}, false
			}
		case err == nil && (w[0] == '+' || w[0] == '-') && len(w) == 5:
			offset = n/100*3600 + n%100*60
		case err == nil && day == 0:
			day = n
		case err == nil && year < 0:
			year = fullYear(n, len(w))
		case month == 0 && monthOf(w) != 0:
			month = monthOf(w)
		default:
			if h, ok := zones[w]; ok {
				offset = h * 3600
			}
		}
	}
	if day < 1 || day > 31 || month == 0 || year < 1900 || year > 9999 || clock < 0 || offset < -24*3600 || offset > 24*3600 {
		return time.Time{}, false
	}
	t := time.Date(year, month, day, 0, 0, clock, 0, time.FixedZone("", offset))
	return t, true
}

func monthOf(w string) time.Month {
	w = strings.TrimSuffix(w, ".")
	if m, ok := months[w]; ok {
		return m
	}
	return months[string([]rune(w)[:min(3, utf8.RuneCountInString(w))])]
}

// fullYear reads a year of two or three digits as RFC 5322 §4.3 says.
func fullYear(n, digits int) int {
	switch {
	case digits == 2 && n < 50:
		return n + 2000
	case digits == 2 || digits == 3:
		return n + 1900
	}
	return n
}

// parseClock returns the seconds since midnight of "hh:mm[:ss]", or -1.
func parseClock(w string) int {
	seconds, unit := 0, 3600
	for part := range strings.SplitSeq(w, ":") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 60 || unit == 3600 && n > 23 || unit == 0 {
			return -1
		}
		seconds += n * unit
		unit /= 60
	}
	return seconds
}
