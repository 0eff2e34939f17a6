package message

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A SearchText is what IMAP SEARCH looks at: Header for TEXT alone, Body for
// BODY and TEXT. Both are as Fold makes them.
type SearchText struct{ Header, Body string }

// SearchText gathers at most limit bytes of text of m: its header, decoded;
// then, part by part, the names of the files, the texts, the HTML as text, and
// the headers of nested messages. What does not fit is left out.
func (m *Mail) SearchText(limit int) SearchText {
	g := gatherer{left: limit}
	g.header(m.header)
	head := Fold(g.b.String())
	g.b.Reset()
	m.Root.Walk(func(p *Part) bool {
		if p.Message != nil {
			g.header(p.Message.Root.Header(m.Raw))
		}
		g.line(p.Description)
		g.line(p.FileName())
		if p.Type == "text" && g.left > 0 {
			text, _ := p.Text(m.Raw, int64(4*g.left)) // HTML is mostly marks
			if p.Subtype == "html" {
				text = HTMLToText(text, g.left)
			}
			g.line(text)
		}
		return g.left > 0
	})
	return SearchText{head, Fold(g.b.String())}
}

type gatherer struct {
	b    strings.Builder
	left int
}

func (g *gatherer) line(s string) {
	if s = clip(s, g.left); s == "" {
		return
	}
	g.b.WriteString(s)
	g.b.WriteByte('\n')
	g.left = max(0, g.left-len(s)-1)
}

func (g *gatherer) header(h Header) {
	for _, f := range h.fields {
		g.line(string(h.name(f)) + ": " + decodeWords(unfold(h.value(f))))
	}
}

// Fold makes texts comparable for a search: lower case, letters without their
// accents and ligatures opened (hôpital, HOPITAL; cœur, coeur), and every run
// of white space one space, so that a line break does not hide a phrase. A text
// t contains a phrase p if Fold(t) contains Fold(p).
func Fold(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			out = foldRune(out, r)
			i += n
			continue
		}
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			out = appendSpace(out)
		case c >= 'A' && c <= 'Z':
			out = append(out, c|0x20)
		default:
			out = append(out, c)
		}
		i++
	}
	return string(out)
}

// foldRune appends r, which is not ASCII, folded.
func foldRune(out []byte, r rune) []byte {
	var folded string
	if r < latinEnd {
		folded = latinFolds[r-utf8.RuneSelf]
	} else {
		folded = slowFold(r)
	}
	if folded == " " {
		return appendSpace(out)
	}
	return append(out, folded...)
}

// latinFolds holds what slowFold gives for the letters of western Europe.
const latinEnd = 0x250

var latinFolds = func() (t [latinEnd - utf8.RuneSelf]string) {
	for i := range t {
		t[i] = slowFold(rune(i) + utf8.RuneSelf)
	}
	return t
}()

func slowFold(r rune) string {
	var out []byte
	for _, r := range norm.NFKD.String(string(r)) {
		switch {
		case unicode.Is(unicode.Mn, r) || r == '\u00ad': // accents; the soft hyphen
		case unicode.IsSpace(r):
			out = append(out, ' ')
		default:
			out = append(out, openLigature(unicode.ToLower(r))...)
		}
	}
	return string(out)
}

func openLigature(r rune) string {
	switch r {
	case 'œ':
		return "oe"
	case 'æ':
		return "ae"
	case 'ß':
		return "ss"
	case '’', '‘':
		return "'"
	}
	return string(r)
}

func appendSpace(out []byte) []byte {
	if n := len(out); n > 0 && out[n-1] != ' ' {
		out = append(out, ' ')
	}
	return out
}
