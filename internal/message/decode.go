package message

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"vaguemestre/internal/fault"
)

// Decoded returns the body of p without its transfer encoding; raw is the mail
// p belongs to. It is lenient: in base64 it passes over what is no base64 and
// does without padding; in quoted-printable it keeps what is no escape. An
// unknown encoding is none. Above limit bytes it returns the first limit and
// fault.TooLarge. The result may be a piece of raw.
func (p *Part) Decoded(raw []byte, limit int64) ([]byte, error) {
	body := raw[p.BodyStart:p.End]
	var out []byte
	switch p.Encoding {
	case "base64":
		most := int64(len(body))/4*3 + 3
		out = decodeBase64(body, int(min(most, limit+3)))
	case "quoted-printable":
		out = decodeQuotedPrintable(body, int(min(int64(len(body)), limit+1)))
	default:
		out = body
	}
	if int64(len(out)) > limit {
		return out[:limit:limit], fmt.Errorf("message: decode: %w", fault.TooLarge)
	}
	return out, nil
}

// Text returns the body of p as UTF-8, without transfer encoding and charset;
// raw is the mail p belongs to. It never fails for a charset: an unknown one
// is read as UTF-8 or windows-1252, whichever fits. limit is in bytes before
// the charset is decoded, which makes at most three of one; above it Text
// returns what fits and fault.TooLarge.
func (p *Part) Text(raw []byte, limit int64) (string, error) {
	b, err := p.Decoded(raw, limit)
	return toUTF8(p.Params.Get("charset"), b), err
}

var (
	hexValue    = digitValues("0123456789ABCDEF", "0123456789abcdef")
	base64Value = digitValues("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)

// digitValues gives each byte its value as a digit, 255 if it is none.
func digitValues(alphabets ...string) (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for _, a := range alphabets {
		for i := range len(a) {
			t[a[i]] = byte(i)
		}
	}
	return t
}

// decodeBase64 decodes what is base64 in b, up to the padding, until it has
// limit bytes or a few more.
func decodeBase64(b []byte, limit int) []byte {
	if len(b)/4*3 <= limit {
		if _, decoded, ok := regularBase64(b); ok {
			return decoded
		}
	}
	out := make([]byte, 0, min(limit, len(b)/4*3+3)+3)
	var group uint32
	n := 0
	for _, c := range b {
		v := base64Value[c]
		if v == 255 {
			if c == '=' && n >= 2 {
				break
			}
			continue
		}
		group = group<<6 | uint32(v)
		if n++; n == 4 {
			out = append(out, byte(group>>16), byte(group>>8), byte(group))
			if group, n = 0, 0; len(out) >= limit {
				return out
			}
		}
	}
	switch n {
	case 2:
		out = append(out, byte(group>>4))
	case 3:
		out = append(out, byte(group>>10), byte(group>>2))
	}
	return out
}

// decodeQuotedPrintable decodes RFC 2045 §6.7 until it has limit bytes.
func decodeQuotedPrintable(b []byte, limit int) []byte {
	out := make([]byte, 0, min(limit, len(b)))
	for len(b) > 0 && len(out) < limit {
		line := b[:lineEnd(b, 0)]
		b = b[len(line):]
		text := bytes.TrimRight(line, " \t\r\n") // white space at the end is transport's
		soft := len(text) > 0 && text[len(text)-1] == '='
		if soft {
			text = text[:len(text)-1]
		}
		for i := 0; i < len(text) && len(out) < limit; i++ {
			if text[i] == '=' && i+2 < len(text) && hexValue[text[i+1]] < 16 && hexValue[text[i+2]] < 16 {
				out = append(out, hexValue[text[i+1]]<<4|hexValue[text[i+2]])
				i += 2
			} else {
				out = append(out, text[i])
			}
		}
		if !soft {
			out = append(out, lineBreak(line)...)
		}
	}
	return out
}

// lineBreak returns the line break at the end of line: CRLF, LF or nothing.
func lineBreak(line []byte) []byte {
	n := len(line)
	switch {
	case n > 1 && line[n-2] == '\r' && line[n-1] == '\n':
		return line[n-2:]
	case n > 0 && line[n-1] == '\n':
		return line[n-1:]
	}
	return nil
}

// regularBase64 decodes b if it is base64 such as a program writes: lines of
// one length, a multiple of four, the last one perhaps shorter; one kind of
// line break; canonical padding. Then, and only then, encoding the result in
// the same way gives the same bytes. Line breaks around the text are left out
// of it, and told by the hole: its offset and length in b.
func regularBase64(b []byte) (h base64Span, decoded []byte, ok bool) {
	for h.start < len(b) && (b[h.start] == '\r' || b[h.start] == '\n') {
		h.start++
	}
	end := len(b)
	for end > h.start && (b[end-1] == '\r' || b[end-1] == '\n') {
		end--
	}
	text := b[h.start:end]
	h.length = len(text)
	if len(text) == 0 {
		return h, nil, false
	}
	eol, last := "\r\n", text
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		if h.line = i; i > 0 && text[i-1] == '\r' {
			h.line, h.eol = i-1, 2
		} else {
			h.eol, eol = 1, "\n"
		}
		stride := h.line + h.eol
		last = text[len(text)/stride*stride:]
		if h.line == 0 || h.line > maxBase64Line || h.line%4 != 0 || len(last) == 0 || len(last) > h.line {
			return h, nil, false
		}
	}
	if len(last)%4 != 0 || bytes.IndexByte(last, '\r') >= 0 || bytes.IndexByte(last, '\n') >= 0 {
		return h, nil, false
	}
	decoded = make([]byte, 0, len(text)/4*3)
	if decoded, ok = decodeLines(decoded, text[:len(text)-len(last)], h.line, eol); !ok {
		return h, nil, false
	}
	n, err := strictBase64.Decode(decoded[len(decoded):cap(decoded)], last)
	if err != nil {
		return h, nil, false
	}
	return h, decoded[:len(decoded)+n], true
}

// A base64Span says where base64 text stands and how it is laid out.
type base64Span struct {
	start, length int
	line, eol     int // characters in a line and in a line break; 0 for one line
}

const maxBase64Line = 4096

var strictBase64 = base64.StdEncoding.Strict()

// decodeLines appends to dst what lines encode: each has n characters and ends
// with eol. The package base64 passes over line breaks, so that a line must
// give exactly 3n/4 bytes.
func decodeLines(dst, lines []byte, n int, eol string) ([]byte, bool) {
	for len(lines) > 0 {
		if string(lines[n:n+len(eol)]) != eol {
			return dst, false
		}
		got, err := strictBase64.Decode(dst[len(dst):cap(dst)], lines[:n])
		if err != nil || got != n/4*3 {
			return dst, false
		}
		dst = dst[:len(dst)+got]
		lines = lines[n+len(eol):]
	}
	return dst, true
}
