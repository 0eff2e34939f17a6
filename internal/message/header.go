package message

import (
	"bytes"
	"fmt"
	"strings"

	"vaguemestre/internal/fault"
)

// A Header is an index of the fields of one header. Names are compared without
// case. The zero value has no field.
type Header struct {
	raw    []byte // through the blank line
	fields []field
}

// A field is "name: value", as offsets into the header.
type field struct{ start, colon, end int }

// ParseHeader indexes a header, or the header of the mail that b begins with.
// It never fails: lines that are no fields are passed over.
func ParseHeader(b []byte) Header {
	x := indexer{raw: b, lim: Limits{HeaderLines: len(b) + 1, HeaderBytes: len(b)}, mail: new(Mail)}
	h, err := x.header(0)
	if err != nil { // impossible: the limits are as wide as b
		return Header{}
	}
	return h
}

// header indexes the header at pos. It ends after a blank line; before a
// delimiter of an open multipart; or before a line that is no field and is not
// followed by one, where the blank line is missing.
//
// The fields are valid until the next call.
func (x *indexer) header(pos int) (Header, error) {
	raw, start := x.raw, pos
	if pos == 0 && bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")) {
		pos = 3
		x.note(ByteOrderMark)
	}
	x.fields = x.fields[:0]
	lines, garbage := 0, false
	for pos < len(raw) {
		if raw[pos] == '-' && x.delimiterAt(pos).level >= 0 {
			x.note(NoBlankLine)
			break
		}
		next := lineEnd(raw, pos)
		if lines++; lines > x.lim.HeaderLines || next-start > x.lim.HeaderBytes {
			return Header{}, fmt.Errorf("header: %w", fault.TooLarge)
		}
		line := trimEnd(raw[pos:next])
		if n := len(x.fields); len(line) == 0 {
			pos = next
			break
		} else if line[0] == ' ' || line[0] == '\t' {
			if n > 0 && !garbage {
				x.fields[n-1].end = pos + len(line) - start
			}
		} else if c := colonOf(line); c > 0 {
			x.fields = append(x.fields, field{pos - start, pos + c - start, pos + len(line) - start})
			garbage = false
		} else if lines == 1 && bytes.HasPrefix(line, []byte("From ")) {
			garbage = true
			x.note(MboxLine)
		} else if fieldFollows(raw, next) {
			garbage = true
			x.note(NoColon)
		} else {
			x.note(NoBlankLine)
			break
		}
		pos = next
	}
	if start == 0 && len(x.fields) > 0 {
		if i := bytes.IndexByte(raw, '\n'); i > 0 && raw[i-1] != '\r' {
			x.note(LineFeedOnly)
		}
	}
	return Header{raw[start:pos], x.fields}, nil
}

// fieldFollows reports whether the next line from pos on that continues no
// other is a field.
func fieldFollows(raw []byte, pos int) bool {
	for pos < len(raw) && (raw[pos] == ' ' || raw[pos] == '\t') {
		pos = lineEnd(raw, pos)
	}
	return pos < len(raw) && colonOf(trimEnd(raw[pos:lineEnd(raw, pos)])) > 0
}

// lineEnd returns the offset after the line at pos.
func lineEnd(raw []byte, pos int) int {
	if i := bytes.IndexByte(raw[pos:], '\n'); i >= 0 {
		return pos + i + 1
	}
	return len(raw)
}

// trimEnd takes the line break away, also one written CR CR LF.
func trimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	for len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	return line
}

// colonOf returns the index of the colon after the field name that line begins
// with (RFC 5322 §2.2, §3.6.8; white space before the colon is read over), or
// -1.
func colonOf(line []byte) int {
	for i, c := range line {
		switch {
		case c == ':':
			if i == 0 {
				return -1
			}
			return i
		case c == ' ' || c == '\t':
			if rest := bytes.TrimLeft(line[i:], " \t"); i == 0 || len(rest) == 0 || rest[0] != ':' {
				return -1
			}
		case c < 33 || c > 126:
			return -1
		}
	}
	return -1
}

func (h Header) name(f field) []byte { return bytes.TrimRight(h.raw[f.start:f.colon], " \t") }

func (h Header) value(f field) []byte { return h.raw[f.colon+1 : f.end] }

// is reports whether the name of f is name, in any case.
func (h Header) is(f field, name string) bool {
	n := h.name(f)
	return len(n) == len(name) && strings.EqualFold(string(n), name)
}

// Len returns the number of fields.
func (h Header) Len() int { return len(h.fields) }

// Count returns the number of fields named name: more than one From is a
// forgery (RFC 5322 §3.6).
func (h Header) Count(name string) int {
	n := 0
	for _, f := range h.fields {
		if h.is(f, name) {
			n++
		}
	}
	return n
}

// Raw returns the value of the first field named name, unfolded and not
// decoded, or "".
func (h Header) Raw(name string) string {
	for _, f := range h.fields {
		if h.is(f, name) {
			return unfold(h.value(f))
		}
	}
	return ""
}

// Get returns the value of the first field named name, unfolded, its encoded
// words (RFC 2047) decoded, without control characters; or "".
func (h Header) Get(name string) string { return decodeWords(h.Raw(name)) }

// All returns the values of all fields named name, each as Get returns it.
func (h Header) All(name string) []string {
	var vs []string
	for _, f := range h.fields {
		if h.is(f, name) {
			vs = append(vs, decodeWords(unfold(h.value(f))))
		}
	}
	return vs
}

// Names returns the name of every field, as written, in order.
func (h Header) Names() []string {
	ns := make([]string, len(h.fields))
	for i, f := range h.fields {
		ns[i] = string(h.name(f))
	}
	return ns
}

// Fields returns the bytes of the fields with one of the names, or with not
// set those with none of them, in order and unchanged, and the blank line:
// IMAP's HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 §6.4.5).
func (h Header) Fields(names []string, not bool) []byte {
	var out []byte
	for _, f := range h.fields {
		named := false
		for _, n := range names {
			named = named || h.is(f, n)
		}
		if named != not {
			out = append(out, h.raw[f.start:f.end]...)
			out = append(out, "\r\n"...)
		}
	}
	return append(out, "\r\n"...)
}

// unfold joins the lines of a value (RFC 5322 §2.2.3).
func unfold(v []byte) string {
	v = bytes.Trim(v, " \t\r\n")
	if bytes.IndexByte(v, '\n') < 0 && bytes.IndexByte(v, '\r') < 0 {
		return string(v)
	}
	out := make([]byte, 0, len(v))
	for _, c := range v {
		if c != '\r' && c != '\n' {
			out = append(out, c)
		}
	}
	return string(out)
}

// Header returns what Header.Get does for the header of the mail.
func (m *Mail) Header(name string) string { return m.header.Get(name) }

// Headers returns what Header.All does for the header of the mail.
func (m *Mail) Headers(name string) []string { return m.header.All(name) }

// Count returns what Header.Count does for the header of the mail.
func (m *Mail) Count(name string) int { return m.header.Count(name) }

// Head returns the header of the mail.
func (m *Mail) Head() Header { return m.header }
