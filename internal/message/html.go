package message

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// HTMLToText returns the words of an HTML page, at most limit bytes: no
// scripts, styles or comments, a line for each block. It reads token by token
// and builds no tree, so depth costs nothing.
func HTMLToText(page string, limit int) string {
	z := html.NewTokenizer(strings.NewReader(page))
	var out strings.Builder
	hidden := atom.Atom(0) // the element whose content is being left out
	for out.Len() < limit {
		switch z.Next() {
		case html.ErrorToken:
			return strings.TrimSpace(clip(out.String(), limit))
		case html.TextToken:
			if hidden == 0 {
				out.Write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := tagOf(z)
			if hidden == 0 && (tag == atom.Script || tag == atom.Style) {
				hidden = tag
			}
			separate(&out, tag)
		case html.EndTagToken:
			tag := tagOf(z)
			if tag == hidden {
				hidden = 0
			}
			separate(&out, tag)
		}
	}
	return strings.TrimSpace(clip(out.String(), limit))
}

func tagOf(z *html.Tokenizer) atom.Atom {
	name, _ := z.TagName()
	return atom.Lookup(name)
}

// separate writes what stands for a tag between two words.
func separate(out *strings.Builder, tag atom.Atom) {
	switch tag {
	case atom.Br, atom.P, atom.Div, atom.Tr, atom.Li, atom.Ul, atom.Ol, atom.Table, atom.H1, atom.H2, atom.H3, atom.H4,
		atom.H5, atom.H6, atom.Title, atom.Blockquote, atom.Pre, atom.Hr, atom.Section, atom.Article, atom.Header, atom.Footer:
		if s := out.String(); s != "" && s[len(s)-1] != '\n' {
			out.WriteByte('\n')
		}
	case atom.Td, atom.Th, atom.Dt, atom.Dd:
		out.WriteByte(' ')
	}
}
