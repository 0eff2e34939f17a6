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
		switch {
		case c >= utf8.RuneSelf:
			n := strings.IndexFunc(s[i:], func(r rune) bool { return r < utf8.RuneSelf })
			if n < 0 {
				n = len(s) - i
			}
			out = foldRunes(out, s[i:i+n])
			i += n
			continue
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

// foldRunes appends s, which is not ASCII, folded.
func foldRunes(out []byte, s string) []byte {
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r) || r == '\u00ad': // accents; the soft hyphen
		case unicode.IsSpace(r):
			out = appendSpace(out)
		default:
			switch r = unicode.ToLower(r); r {
			case 'œ':
				out = append(out, "oe"...)
			case 'æ':
				out = append(out, "ae"...)
			case 'ß':
				out = append(out, "ss"...)
			case '’', '‘':
				out = append(out, '\'')
			default:
				out = utf8.AppendRune(out, r)
			}
		}
	}
	return out
}

func appendSpace(out []byte) []byte {
	if n := len(out); n > 0 && out[n-1] != ' ' {
		out = append(out, ' ')
	}
	return out
}
