package message

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A Param is a parameter of a Content- field, its name in lower case, its
// value decoded to UTF-8 (RFC 2231; encoded words as well, which the standard
// forbids and half the world writes).
type Param struct{ Name, Value string }

// Params are the parameters of a Content- field in order, each name once.
type Params []Param

const (
	maxParams   = 32  // kept
	maxSegments = 128 // looked at, continuations (RFC 2231 §3) included
)

// Get returns the value of the parameter name, which is in lower case, or "".
func (ps Params) Get(name string) string {
	for _, p := range ps {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Wire returns the parameters as a protocol without UTF-8 writes them: values
// that are not ASCII in the form of RFC 2231 §4 under "name*".
func (ps Params) Wire() map[string]string {
	if len(ps) == 0 {
		return nil
	}
	m := make(map[string]string, len(ps))
	for _, p := range ps {
		if isASCII(p.Value) {
			m[p.Name] = p.Value
		} else {
			m[p.Name+"*"] = "utf-8''" + percentEncode(p.Value)
		}
	}
	return m
}

func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// A segment is one "name*n*=value" as written.
type segment struct {
	name    string
	n       int // section (RFC 2231 §3), or one of the two below
	encoded bool
	value   string
}

// Of a name given in more than one form the first of these counts: "name*=",
// the sections in order, "name=".
const (
	extended = -1
	plain    = 1 << 30
)

// parseParams reads "value; name=value; …" and reports whether there were more
// parameters than it keeps. It never fails; what it cannot read it passes over.
func parseParams(s string) (value string, ps Params, flood bool) {
	value, rest := nextChunk(s)
	value = strings.TrimSpace(value)
	var segs []segment
	for rest != "" {
		var chunk string
		if chunk, rest = nextChunk(rest); strings.TrimSpace(chunk) == "" {
			continue
		}
		name, v, ok := strings.Cut(chunk, "=")
		if !ok {
			continue
		}
		if len(segs) == maxSegments {
			flood = true
			break
		}
		if seg, ok := parseSegment(name, v); ok {
			segs = append(segs, seg)
		}
	}
	// A stable sort by section brings the sections of each name into order.
	slices.SortStableFunc(segs, func(a, b segment) int { return cmp.Compare(a.n, b.n) })
	for i, seg := range segs {
		if slices.ContainsFunc(segs[:i], func(o segment) bool { return o.name == seg.name }) {
			continue
		}
		if len(ps) == maxParams {
			return value, ps, true
		}
		ps = append(ps, Param{seg.name, joinSegments(segs[i:], seg.name)})
	}
	return value, ps, flood
}

// nextChunk cuts s at the first semicolon outside quotes and comments, and
// leaves the comments out.
func nextChunk(s string) (chunk, rest string) {
	var out strings.Builder
	from, depth := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && depth > 0:
			i++
		case c == '"' && depth == 0:
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case c == '(':
			if depth++; depth == 1 {
				out.WriteString(s[from:i])
			}
		case c == ')' && depth > 0:
			if depth--; depth == 0 {
				from = i + 1
			}
		case c == ';' && depth == 0:
			out.WriteString(s[from:i])
			return out.String(), s[i+1:]
		}
	}
	if depth == 0 && from < len(s) {
		out.WriteString(s[from:])
	}
	return out.String(), ""
}

// stripComments returns the first chunk of s, which has no parameters.
func stripComments(s string) string {
	v, _ := nextChunk(s)
	return v
}

func parseSegment(name, v string) (segment, bool) {
	seg := segment{n: plain}
	name, seg.encoded = strings.CutSuffix(strings.ToLower(strings.TrimSpace(name)), "*")
	if seg.encoded {
		seg.n = extended
	}
	if base, n, ok := strings.Cut(name, "*"); ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 0 || i >= plain {
			return seg, false
		}
		name, seg.n = base, i
	}
	seg.name, seg.value = token(name), unquote(strings.TrimSpace(v))
	return seg, seg.name != "" && len(seg.value) <= maxBoundary*4
}

// unquote takes the quotes of a quoted string away; other text it leaves.
func unquote(s string) string {
	if len(s) == 0 || s[0] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// joinSegments gives the value of the parameter name, whose segments are in
// order in segs. A gap ends the sections.
func joinSegments(segs []segment, name string) string {
	var raw []byte
	charset, next, encoded := "", 0, false
	for _, s := range segs {
		if s.name != name {
			continue
		}
		v := s.value
		if s.encoded {
			if !encoded && next == 0 {
				if cs, rest, ok := strings.Cut(v, "'"); ok {
					if _, text, ok := strings.Cut(rest, "'"); ok {
						charset, v = cs, text
					}
				}
			}
			encoded = true
			v = percentDecode(v)
		}
		whole := s.n == extended || s.n == plain
		if whole && len(raw) > 0 || !whole && s.n != next {
			break
		}
		raw = append(raw, v...)
		if whole || len(raw) > maxValue*2 {
			break
		}
		next++
	}
	if encoded {
		return clip(cleanLine(toUTF8(charset, raw)), maxValue)
	}
	return clip(decodeWords(string(raw)), maxValue)
}

func percentDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hexValue[s[i+1]] < 16 && hexValue[s[i+2]] < 16 {
			out = append(out, hexValue[s[i+1]]<<4|hexValue[s[i+2]])
			i += 2
		} else {
			out = append(out, s[i])
		}
	}
	return string(out)
}
