package document

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/encoding/charmap"
)

// rtfSkipped are the groups of an RTF file that are not text to read.
var rtfSkipped = map[string]bool{
	"fonttbl": true, "colortbl": true, "stylesheet": true, "info": true, "pict": true, "object": true,
	"header": true, "footer": true, "generator": true, "themedata": true, "listtable": true, "fldinst": true,
}

// rtfText takes the readable text out of an RTF file, most bytes of it at
// most. It knows paragraphs, tabs, table cells and characters, and runs
// nothing.
func rtfText(data []byte, most int) string {
	r := rtfReader{in: string(data)}
	for r.pos < len(r.in) && r.out.Len() < most {
		r.step()
	}
	return plain(r.out.String())
}

type rtfReader struct {
	in    string
	pos   int
	out   strings.Builder
	depth int
	skip  int // the depth of the group being skipped, 0 if none
	eat   int // characters that stand in for the last Unicode one
}

func (r *rtfReader) step() {
	c := r.in[r.pos]
	r.pos++
	switch c {
	case '{':
		r.depth++
	case '}':
		if r.depth == r.skip {
			r.skip = 0
		}
		r.depth = max(0, r.depth-1)
	case '\\':
		r.control()
	case '\r', '\n':
	default:
		r.write(string(charmap.Windows1252.DecodeByte(c)))
	}
}

func (r *rtfReader) write(s string) {
	switch {
	case r.skip > 0:
	case r.eat > 0:
		r.eat--
	default:
		r.out.WriteString(s)
	}
}

// control reads what follows a backslash: a symbol, or a word with a number.
func (r *rtfReader) control() {
	if r.pos >= len(r.in) {
		return
	}
	c := r.in[r.pos]
	if !isLetter(c) {
		r.pos++
		r.symbol(c)
		return
	}
	start := r.pos
	for r.pos < len(r.in) && isLetter(r.in[r.pos]) && r.pos-start < 32 {
		r.pos++
	}
	word, num := r.in[start:r.pos], r.pos
	for r.pos < len(r.in) && r.pos-num < 10 && (r.in[r.pos] == '-' || r.in[r.pos] >= '0' && r.in[r.pos] <= '9') {
		r.pos++
	}
	n, _ := strconv.Atoi(r.in[num:r.pos])
	if r.pos < len(r.in) && r.in[r.pos] == ' ' {
		r.pos++
	}
	r.word(word, n)
}

func (r *rtfReader) symbol(c byte) {
	switch c {
	case '\'': // a character of the code page, in hexadecimal
		if v, err := strconv.ParseUint(r.in[r.pos:min(r.pos+2, len(r.in))], 16, 8); err == nil {
			r.write(string(charmap.Windows1252.DecodeByte(byte(v))))
		}
		r.pos = min(r.pos+2, len(r.in))
	case '*': // a group that older readers skip
		if r.skip == 0 {
			r.skip = r.depth
		}
	case '~':
		r.write(" ")
	case '\\', '{', '}':
		r.write(string(rune(c)))
	}
}

func (r *rtfReader) word(word string, n int) {
	switch {
	case rtfSkipped[word] && r.skip == 0:
		r.skip = r.depth
	case word == "par", word == "line", word == "row", word == "page":
		r.write("\n")
	case word == "tab", word == "cell":
		r.write("\t")
	case word == "u":
		if n < 0 {
			n += 1 << 16
		}
		r.eat = 0
		r.write(string(rune(n)))
		r.eat = 1
	case word == "bin": // raw bytes follow
		r.pos = min(len(r.in), r.pos+max(0, n))
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// visible drops controls, but the tab, and the marks that override direction.
func visible(c rune) rune {
	if c != '\t' && unicode.IsControl(c) || c == unicode.ReplacementChar || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
		return -1
	}
	return c
}
