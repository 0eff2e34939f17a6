package xmltree

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"vaguemestre/internal/fault"
)

var declaration = regexp.MustCompile(`^\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']`)

// charsets are the encodings met in the field. Text declared ISO-8859-1 is
// read as its superset windows-1252, as browsers do.
var charsets = map[string]encoding.Encoding{
	"iso-8859-1":   charmap.Windows1252,
	"latin1":       charmap.Windows1252,
	"us-ascii":     charmap.Windows1252,
	"windows-1252": charmap.Windows1252,
	"cp1252":       charmap.Windows1252,
	"iso-8859-15":  charmap.ISO8859_15,
}

// toUTF8 returns the document in UTF-8 without its byte order mark. What
// declares UTF-8 (or nothing) and is not is read as windows-1252, the usual
// mistake; an encoding we do not know is fault.Invalid.
func toUTF8(data []byte) ([]byte, error) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return decode(data, unicode.UTF16(unicode.BigEndian, unicode.UseBOM))
	}
	data = bytes.TrimPrefix(data, []byte{0xef, 0xbb, 0xbf})
	name := "utf-8"
	if m := declaration.FindSubmatch(data[:min(len(data), 512)]); m != nil {
		name = strings.ToLower(string(m[1]))
	}
	if name == "utf-8" || name == "utf8" {
		if utf8.Valid(data) {
			return data, nil
		}
		name = "windows-1252"
	}
	enc, ok := charsets[name]
	if !ok {
		return nil, fmt.Errorf("xmltree: parse: encoding not known: %w", fault.Invalid)
	}
	return decode(data, enc)
}

func decode(data []byte, enc encoding.Encoding) ([]byte, error) {
	out, err := enc.NewDecoder().Bytes(data)
	if err != nil {
		return nil, fmt.Errorf("xmltree: parse: not of its encoding: %w", fault.Invalid)
	}
	return bytes.TrimPrefix(out, []byte{0xef, 0xbb, 0xbf}), nil
}
