package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"
)

// toUTF8 decodes b to valid UTF-8 and never fails: where the charset is
// unknown, absent or untrue, UTF-8 if b is that, else windows-1252.
func toUTF8(name string, b []byte) string {
	switch name = strings.ToLower(strings.Trim(name, " \t\"'")); name {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown":
	case "utf-7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7", "utf7":
		return decodeUTF7(b)
	case "iso-8859-1", "latin1", "latin-1", "iso8859-1", "windows-1252", "cp1252", "ansi", "cp-1252":
		// As every client does: ISO 8859-1 has nothing where 1252 has quotes,
		// the euro and the œ of cœur.
		return decode1252(b)
	default:
		// Only a known charset is asked for, since a reader gets it wrong in silence.
		if r, err := charset.Reader(name, bytes.NewReader(b)); err == nil {
			if out, err := io.ReadAll(r); err == nil {
				return strings.ToValidUTF8(string(out), "\ufffd")
			}
		}
	}
	if utf8.Valid(b) {
		return string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	}
	if strings.HasPrefix(name, "utf") { // said to be UTF-8, and mostly is
		if bad := invalidBytes(b); bad*10 < len(b) {
			return strings.ToValidUTF8(string(b), "\ufffd")
		}
	}
	return decode1252(b)
}

// invalidBytes counts the bytes of b that are not part of a UTF-8 character.
func invalidBytes(b []byte) int {
	n := 0
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 {
			n++
		}
		b = b[size:]
	}
	return n
}

func decode1252(b []byte) string {
	if utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return string(b)
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	return string(out)
}

var utf7Base64 = base64.StdEncoding.WithPadding(base64.NoPadding)

// decodeUTF7 decodes RFC 2152.
func decodeUTF7(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		i := bytes.IndexByte(b, '+')
		if i < 0 {
			break
		}
		out.Write(b[:i])
		b = b[i+1:]
		n := 0
		for n < len(b) && base64Value[b[n]] < 64 {
			n++
		}
		if n == 0 {
			out.WriteByte('+')
		} else {
			out.WriteString(decodeUTF16(b[:n]))
		}
		if b = b[n:]; len(b) > 0 && b[0] == '-' {
			b = b[1:]
		}
	}
	out.Write(b)
	return strings.ToValidUTF8(out.String(), "\ufffd")
}

// decodeUTF16 decodes the base64 of big-endian UTF-16.
func decodeUTF16(b64 []byte) string {
	if len(b64)%4 == 1 {
		b64 = b64[:len(b64)-1]
	}
	raw := make([]byte, utf7Base64.DecodedLen(len(b64)))
	n, err := utf7Base64.Decode(raw, b64)
	if err != nil {
		return "\ufffd"
	}
	units := make([]uint16, n/2)
	for i := range units {
		units[i] = uint16(raw[2*i])<<8 | uint16(raw[2*i+1])
	}
	return string(utf16.Decode(units))
}
