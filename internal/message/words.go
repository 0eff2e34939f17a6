package message

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// decodeWords decodes the encoded words of a header value (RFC 2047), and raw
// 8-bit text, to UTF-8 without control characters. It is lenient: what is no
// encoded word stays as it is. Neighbouring words of one charset are decoded
// as one text, since some senders cut a character in two.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return cleanLine(toUTF8("", []byte(s)))
	}
	var out strings.Builder
	var pending []byte // bytes of the words not yet written
	charset := ""
	flush := func() {
		out.WriteString(toUTF8(charset, pending))
		pending = pending[:0]
	}
	inWords := false
	for s != "" {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		cs, text, n := encodedWord(s[i:])
		if n == 0 {
			flush()
			inWords = false
			out.WriteString(toUTF8("", []byte(s[:i+2])))
			s = s[i+2:]
			continue
		}
		if between := s[:i]; !inWords || strings.Trim(between, " \t") != "" {
			flush()
			out.WriteString(toUTF8("", []byte(between)))
		} else if !strings.EqualFold(cs, charset) {
			flush()
		}
		charset, pending = cs, append(pending, text...)
		s, inWords = s[i+n:], true
	}
	flush()
	out.WriteString(toUTF8("", []byte(s)))
	return cleanLine(out.String())
}

// maxWord is how far the end of an encoded word is looked for; RFC 2047 §2
// allows 75.
const maxWord = 1024

// encodedWord decodes the encoded word that s begins with, and returns its
// charset, its bytes, and its length in s, 0 if it is none.
func encodedWord(s string) (charset string, text []byte, n int) {
	w := s[2:min(len(s), maxWord)]
	charset, w, ok := strings.Cut(w, "?")
	if !ok || charset == "" || len(w) < 3 || w[1] != '?' {
		return "", nil, 0
	}
	enc := w[0] | 0x20
	body, _, ok := strings.Cut(w[2:], "?=")
	if !ok {
		return "", nil, 0
	}
	switch enc {
	case 'b':
		text = decodeBase64([]byte(body), base64.StdEncoding.DecodedLen(len(body)+4))
	case 'q':
		text = decodeQ(body)
	default:
		return "", nil, 0
	}
	charset, _, _ = strings.Cut(charset, "*") // the language of RFC 2231 §5
	return charset, text, 2 + strings.IndexByte(s[2:], '?') + 3 + len(body) + 2
}

func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '_':
			out = append(out, ' ')
		case s[i] == '=' && i+2 < len(s) && hexValue[s[i+1]] < 16 && hexValue[s[i+2]] < 16:
			out = append(out, hexValue[s[i+1]]<<4|hexValue[s[i+2]])
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return out
}

// cleanLine makes of s one line: control characters, and the line and
// paragraph separators of Unicode, become spaces.
func cleanLine(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return strings.TrimSpace(strings.Map(func(r rune) rune {
				if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
					return ' '
				}
				return r
			}, s))
		}
	}
	return s
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
