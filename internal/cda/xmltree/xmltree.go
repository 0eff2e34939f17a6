// Package xmltree reads an XML document into a small tree of elements and
// text. It is not a validating parser and resolves no namespace: CDA and ebRIM
// files of the field use prefixes that were never declared, so a name is its
// prefix and its local part as written.
//
// It promises that a hostile document costs at most its limits: a DOCTYPE is
// refused, so there is no entity to expand and nothing to fetch; size, depth
// and counts are bounded; duplicate attributes, a second root and text after
// the root are refused.
package xmltree

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"vaguemestre/internal/fault"
)

// Limits bound what one document may cost. A zero field means its default.
type Limits struct {
	Size       int // bytes of the document as it came; default 40 MiB
	Depth      int // elements within elements; default 200
	Elements   int // default 200 000
	Attributes int // of one element; default 64
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Size, 40<<20)
	def(&l.Depth, 200)
	def(&l.Elements, 200_000)
	def(&l.Attributes, 64)
	return l
}

// Options say how to read.
type Options struct {
	Limits Limits

	// Fold drops prefixes and makes element and attribute names lower case,
	// for files whose writers were careless with both.
	Fold bool

	// Prune, if set, says that the content of an element is checked but not
	// kept. It gets the element and its parent, which is nil for the root.
	Prune func(parent, n *Node) bool
}

// A Node is an element, or a run of text when Name is empty.
type Node struct {
	Prefix, Name string
	Attrs        []Attr
	Children     []*Node // elements and text, in order
	Text         string  // of a run of text only
}

// An Attr is one attribute, its value unescaped.
type Attr struct{ Prefix, Name, Value string }

// Parse reads one document. Errors are fault.TooLarge above a limit and
// fault.Invalid for everything else; they never carry content.
func Parse(data []byte, opt Options) (*Node, error) {
	lim := opt.Limits.withDefaults()
	if len(data) > lim.Size {
		return nil, fmt.Errorf("xmltree: parse: %d bytes: %w", len(data), fault.TooLarge)
	}
	data, err := toUTF8(data)
	if err != nil {
		return nil, err
	}
	if !tagsAreShort(data) {
		return nil, fmt.Errorf("xmltree: parse: a tag without end: %w", fault.TooLarge)
	}
	in := bytes.NewReader(data)
	dec := xml.NewDecoder(in)
	// The bytes are UTF-8 by now, whatever the declaration says.
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	p := parser{opt: opt, lim: lim, data: data, in: in}
	for {
		tok, err := dec.RawToken()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = p.token(tok)
		} else {
			err = fmt.Errorf("xmltree: parse: not well formed: %w", fault.Invalid)
		}
		if err != nil {
			return nil, err
		}
	}
	if p.root == nil || len(p.stack) > 0 {
		return nil, fmt.Errorf("xmltree: parse: document ends early: %w", fault.Invalid)
	}
	return p.root, nil
}

// tagsAreShort reports whether no tag has thousands of attributes: the decoder
// collects them all before we can count. No tag holds a '<', and each of its
// attributes has two quotes.
func tagsAreShort(data []byte) bool {
	const most = 20_000
	for len(data) > most {
		n := bytes.IndexByte(data, '<')
		if n < 0 {
			n = len(data)
		}
		if n > most && bytes.Count(data[:n], []byte{'"'})+bytes.Count(data[:n], []byte{'\''}) > most {
			return false
		}
		data = data[min(n+1, len(data)):]
	}
	return true
}

type parser struct {
	opt      Options
	lim      Limits
	data     []byte
	in       *bytes.Reader
	root     *Node
	stack    []open
	elements int
	pruned   int // the depth at which pruning began, 0 if none
}

// An open element: its name as written, which its end tag must repeat.
type open struct {
	node *Node
	name xml.Name
}

func (p *parser) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.Directive:
		return fmt.Errorf("xmltree: parse: DOCTYPE or other directive: %w", fault.Invalid)
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		return p.end(t)
	case xml.CharData:
		return p.text(t)
	}
	return nil // comments and processing instructions
}

func (p *parser) start(t xml.StartElement) error {
	if p.elements++; p.elements > p.lim.Elements {
		return fmt.Errorf("xmltree: parse: over %d elements: %w", p.lim.Elements, fault.TooLarge)
	}
	if len(p.stack) >= p.lim.Depth {
		return fmt.Errorf("xmltree: parse: deeper than %d: %w", p.lim.Depth, fault.TooLarge)
	}
	if len(t.Attr) > p.lim.Attributes {
		return fmt.Errorf("xmltree: parse: over %d attributes: %w", p.lim.Attributes, fault.TooLarge)
	}
	if repeated(t.Attr) {
		return fmt.Errorf("xmltree: parse: attribute twice: %w", fault.Invalid)
	}
	if p.root != nil && len(p.stack) == 0 {
		return fmt.Errorf("xmltree: parse: second root: %w", fault.Invalid)
	}
	var n *Node
	if p.pruned == 0 {
		n = p.node(t)
		var parent *Node
		if len(p.stack) > 0 {
			parent = p.stack[len(p.stack)-1].node
			parent.Children = append(parent.Children, n)
		} else {
			p.root = n
		}
		if p.opt.Prune != nil && p.opt.Prune(parent, n) {
			p.pruned = len(p.stack) + 1
		}
	}
	p.stack = append(p.stack, open{n, t.Name})
	return p.longText()
}

func (p *parser) node(t xml.StartElement) *Node {
	n := &Node{Prefix: t.Name.Space, Name: t.Name.Local}
	if len(t.Attr) > 0 {
		n.Attrs = make([]Attr, len(t.Attr))
	}
	for i, a := range t.Attr {
		n.Attrs[i] = Attr{a.Name.Space, a.Name.Local, a.Value}
	}
	if p.opt.Fold {
		n.Prefix, n.Name = "", strings.ToLower(n.Name)
		for i := range n.Attrs {
			n.Attrs[i].Prefix, n.Attrs[i].Name = "", strings.ToLower(n.Attrs[i].Name)
		}
	}
	return n
}

func (p *parser) end(t xml.EndElement) error {
	if len(p.stack) == 0 || p.stack[len(p.stack)-1].name != t.Name {
		return fmt.Errorf("xmltree: parse: end tag without its start: %w", fault.Invalid)
	}
	if p.pruned == len(p.stack) {
		p.pruned = 0
	}
	p.stack = p.stack[:len(p.stack)-1]
	return nil
}

func (p *parser) text(t []byte) error {
	blank := len(bytes.TrimSpace(t)) == 0
	switch {
	case len(p.stack) == 0 && !blank:
		return fmt.Errorf("xmltree: parse: text outside the root: %w", fault.Invalid)
	case len(p.stack) == 0, p.pruned > 0:
	case blank:
		p.keep(" ") // one constant: indentation is most of the text there is
	default:
		p.keep(string(t))
	}
	return nil
}

func (p *parser) keep(s string) {
	n := p.stack[len(p.stack)-1].node
	n.Children = append(n.Children, &Node{Text: s})
}

// longText takes a long plain text that follows a start tag straight from the
// input: a PDF in base64 is most of a level 1 CDA, and the decoder goes
// through it byte by byte.
func (p *parser) longText() error {
	const long = 4096
	rest := p.data[len(p.data)-p.in.Len():]
	n := bytes.IndexByte(rest, '<')
	if n < long || bytes.IndexByte(rest[:n], '&') >= 0 || !plain(rest[:n]) {
		return nil
	}
	if _, err := p.in.Seek(int64(n), io.SeekCurrent); err != nil {
		return fmt.Errorf("xmltree: parse: %w", fault.Internal)
	}
	return p.text(rest[:n])
}

// plain reports whether b is ASCII text, for which the decoder would do no
// more than we do.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == ']' || c >= 0x7f {
			return false
		}
	}
	return true
}

func repeated(attrs []xml.Attr) bool {
	if len(attrs) <= 16 {
		for i := range attrs {
			for j := range i {
				if attrs[i].Name == attrs[j].Name {
					return true
				}
			}
		}
		return false
	}
	seen := make(map[xml.Name]bool, len(attrs))
	for _, a := range attrs {
		if seen[a.Name] {
			return true
		}
		seen[a.Name] = true
	}
	return false
}
