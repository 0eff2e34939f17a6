package imapd

import (
	"bytes"
	"strconv"
	"strings"
)

// isTag reports whether b is a tag (RFC 9051 §9): short, and printable.
func isTag(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\+`, c) >= 0 {
			return false
		}
	}
	return len(b) > 0 && len(b) <= maxTag
}

// balanced reports whether every quote closes and parentheses nest within
// reason. A quoted string never spans lines, so this can be said of a line.
func balanced(line []byte) bool {
	quoted, depth := false, 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '(' && !quoted:
			if depth++; depth > maxParens {
				return false
			}
		case c == ')' && !quoted:
			depth--
		}
	}
	return !quoted
}

// announced returns the size of the literal that a line announces at its end,
// -1 if it announces none, and the line with that announcement made a
// synchronizing one. ok is false for a number that cannot be.
func announced(line []byte) (text []byte, size int64, nonSync, ok bool) {
	body, found := bytes.CutSuffix(line, []byte("}"))
	open := bytes.LastIndexByte(body, '{')
	if !found || open < 0 {
		return line, -1, false, true
	}
	digits, nonSync := bytes.CutSuffix(body[open+1:], []byte("+"))
	for _, c := range digits {
		if c < '0' || c > '9' {
			return line, -1, false, true
		}
	}
	size, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return line, -1, false, false
	}
	text = append(append(body[:open+1:open+1], digits...), '}')
	return text, size, nonSync, true
}
