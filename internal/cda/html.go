package cda

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"vaguemestre/internal/cda/xmltree"
)

// HTML renders the sections of the body as an HTML fragment made from scratch:
// only the tags below, no attribute but the spans of table cells, no link, no
// image, no style, no script; every text is escaped. It is empty for level 1.
// Longer than the limit, it is cut, stays balanced and ends in "[…]".
func (d *Document) HTML() string {
	if d.body == nil {
		return ""
	}
	h := htmlWriter{max: d.max}
	h.sections(d.body, 0)
	if h.full {
		h.b.WriteString("<p>" + cut + "</p>\n")
	}
	return h.b.String()
}

// htmlTags maps narrative elements (CDA R2 §4.3.5) to the HTML tag they become.
// What is not here keeps its text and loses its tag.
var htmlTags = map[string]string{
	"paragraph": "p",
	"item":      "li",
	"table":     "table",
	"caption":   "caption",
	"thead":     "thead",
	"tbody":     "tbody",
	"tfoot":     "tfoot",
	"tr":        "tr",
	"td":        "td",
	"th":        "th",
	"sub":       "sub",
	"sup":       "sup",
}

type htmlWriter struct {
	b    strings.Builder
	max  int
	full bool
}

func (h *htmlWriter) sections(parent *xmltree.Node, depth int) {
	for _, c := range parent.All("component") {
		s := c.Child("section")
		if s == nil || h.full {
			continue
		}
		h.b.WriteString("<section>\n")
		if title := sectionTitle(s); title != "" {
			level := strconv.Itoa(min(depth+2, 6)) // h1 is the title of the document
			h.b.WriteString("<h" + level + ">")
			h.text(title)
			h.b.WriteString("</h" + level + ">\n")
		}
		if text := s.Child("text"); text != nil {
			h.b.WriteString("<div>")
			h.inline(text)
			h.b.WriteString("</div>\n")
		}
		h.sections(s, depth+1)
		h.b.WriteString("</section>\n")
	}
}

func (h *htmlWriter) inline(n *xmltree.Node) {
	for _, c := range n.Children {
		if h.full {
			return
		}
		h.node(c)
	}
}

func (h *htmlWriter) node(n *xmltree.Node) {
	switch n.Name {
	case "":
		h.text(n.Text)
		return
	case "br":
		h.tag("<br>")
		return
	case "renderMultiMedia":
		h.text("[image]")
		return
	case "script", "style":
		return
	}
	tag := htmlTags[n.Name]
	switch {
	case n.Name == "list" && n.Attr("listType") == "ordered":
		tag = "ol"
	case n.Name == "list":
		tag = "ul"
	case n.Name == "content":
		tag = contentTag(n.Attr("styleCode"))
	}
	if tag == "" {
		h.inline(n)
		return
	}
	h.tag("<" + tag + cellSpans(n) + ">")
	if h.full {
		return
	}
	h.inline(n)
	h.b.WriteString("</" + tag + ">")
}

func contentTag(style string) string {
	style = strings.ToLower(style)
	switch {
	case strings.Contains(style, "bold"):
		return "strong"
	case strings.Contains(style, "italic"), strings.Contains(style, "emphasis"):
		return "em"
	case strings.Contains(style, "underline"):
		return "u"
	}
	return ""
}

func cellSpans(n *xmltree.Node) string {
	if n.Name != "td" && n.Name != "th" {
		return ""
	}
	out := ""
	for _, name := range []string{"colspan", "rowspan"} {
		if v, err := strconv.Atoi(n.Attr(name)); err == nil && v > 1 && v <= 100 {
			out += fmt.Sprintf(` %s="%d"`, name, v)
		}
	}
	return out
}

// tag writes an opening tag if there is room; who wrote one writes the closing
// one whatever the room.
func (h *htmlWriter) tag(s string) {
	if h.full = h.full || h.b.Len()+len(s) > h.max; !h.full {
		h.b.WriteString(s)
	}
}

func (h *htmlWriter) text(s string) {
	s = html.EscapeString(strings.Map(printableOrBlank, s))
	if h.full = h.full || h.b.Len()+len(s) > h.max; !h.full {
		h.b.WriteString(s)
	}
}

func printableOrBlank(r rune) rune {
	if r == '\n' || r == '\t' || r == '\r' {
		return ' '
	}
	return printable(r)
}
