package cda

import (
	"strings"
	"unicode/utf8"

	"vaguemestre/internal/cda/xmltree"
)

// cut ends a rendering that was longer than its limit.
const cut = "[…]"

// Text renders the sections of the body as plain text: titles, paragraphs,
// lists as dashes, table rows as cells between bars. It is empty for level 1.
// Longer than the limit, it is cut and ends in "[…]".
func (d *Document) Text() string {
	t := textWriter{max: d.max}
	t.sections(d.body, 0)
	out := strings.TrimSpace(t.b.String())
	if t.full {
		out += "\n" + cut
	}
	return out
}

// textWriter collects words and breaks: blanks and line ends are written only
// once the next word comes, so that they never pile up.
type textWriter struct {
	b     strings.Builder
	max   int
	full  bool
	lines int  // line ends due before the next word
	blank bool // a blank due before the next word
}

func (t *textWriter) sections(parent *xmltree.Node, depth int) {
	for _, c := range parent.All("component") {
		s := c.Child("section")
		if s == nil || t.full {
			continue
		}
		if title := sectionTitle(s); title != "" {
			t.newline(2)
			if depth == 0 {
				title = strings.ToUpper(title)
			}
			t.words(title)
			t.newline(1)
		}
		t.inline(s.Child("text"))
		t.newline(2)
		t.sections(s, depth+1)
	}
}

func sectionTitle(s *xmltree.Node) string {
	if title := s.Child("title").Content(); title != "" {
		return title
	}
	return strings.TrimSpace(s.Child("code").Attr("displayName"))
}

// inline writes the children of a narrative element.
func (t *textWriter) inline(n *xmltree.Node) {
	if n == nil {
		return
	}
	for _, c := range n.Children {
		if t.full {
			return
		}
		t.node(c)
	}
}

func (t *textWriter) node(n *xmltree.Node) {
	switch n.Name {
	case "":
		t.words(n.Text)
	case "br":
		t.newline(1)
	case "paragraph", "list", "table", "caption":
		t.newline(1)
		t.inline(n)
		t.newline(1)
	case "item":
		t.newline(1)
		t.words("- ")
		t.inline(n)
		t.newline(1)
	case "tr":
		t.newline(1)
		t.row(n)
		t.newline(1)
	case "renderMultiMedia":
		t.words(" [image] ")
	case "script", "style": // no part of a narrative, and nothing to read
	default: // content, sub, sup, linkHtml, tbody and what we do not know
		t.inline(n)
	}
}

func (t *textWriter) row(tr *xmltree.Node) {
	first := true
	for _, c := range tr.Children {
		if c.Name != "td" && c.Name != "th" {
			continue
		}
		if !first {
			t.words(" | ")
		}
		first = false
		// A cell stays on its line, whatever blocks it holds.
		cell := textWriter{max: t.max - t.b.Len()}
		cell.inline(c)
		t.words(strings.Join(strings.Fields(cell.b.String()), " "))
		t.full = t.full || cell.full
	}
}

// newline asks for n line ends before the next word.
func (t *textWriter) newline(n int) { t.lines, t.blank = max(t.lines, n), false }

// words writes a run of text, its blanks made single spaces.
func (t *textWriter) words(s string) {
	for s != "" && !t.full {
		trimmed := strings.TrimLeft(s, " \t\r\n\u00a0")
		if len(trimmed) < len(s) {
			t.blank = t.lines == 0
		}
		end := strings.IndexAny(trimmed, " \t\r\n\u00a0")
		if end < 0 {
			end = len(trimmed)
		}
		t.word(trimmed[:end])
		s = trimmed[end:]
	}
}

func (t *textWriter) word(w string) {
	if w == "" {
		return
	}
	if t.b.Len()+len(w)+3 > t.max {
		t.full = true
		return
	}
	if t.b.Len() > 0 {
		t.b.WriteString(strings.Repeat("\n", t.lines))
		if t.lines == 0 && t.blank {
			t.b.WriteByte(' ')
		}
	}
	t.lines, t.blank = 0, false
	t.b.WriteString(strings.Map(printable, w))
}

// printable drops what could turn or hide the text around it: controls, and
// the marks that override direction.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || r == utf8.RuneError ||
		r >= 0x80 && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
		return -1
	}
	return r
}
