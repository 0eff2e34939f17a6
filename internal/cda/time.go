package cda

import (
	"strings"
	"time"

	"vaguemestre/internal/cda/xmltree"
)

func timestamp(n *xmltree.Node) time.Time { return ParseTime(n.Attr("value")) }

// ParseTime reads an HL7 timestamp, YYYY[MM[DD[hh[mm[ss[.s…]]]]]][±hhmm], the
// form of CDA and of XDS. What it leaves out is its beginning: a day is its
// midnight. Without a zone it is taken as UTC. What is no timestamp gives the
// zero time.
func ParseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	zone := ""
	if i := strings.IndexAny(s, "+-"); i >= 0 {
		s, zone = s[:i], s[i:]
	}
	s, _, _ = strings.Cut(s, ".")
	const layout, begin = "20060102150405", "00000101000000"
	if len(s) < 4 || len(s) > len(layout) || len(s)%2 != 0 {
		return time.Time{}
	}
	s += begin[len(s):]
	if len(zone) == 5 {
		if t, err := time.Parse(layout+"-0700", s+zone); err == nil {
			return t
		}
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// digits returns the leading digits of s, n at most.
func digits(s string, n int) string {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && i < n && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i]
}
