package xmltree

import "strings"

// The methods below accept a nil Node and answer for it as for an element
// without attributes or children, so that a path to something absent needs no
// check at every step.

// Child returns the first child element of that name with the prefix of n, or
// nil.
func (n *Node) Child(name string) *Node {
	if n == nil {
		return nil
	}
	for _, c := range n.Children {
		if c.Name == name && c.Prefix == n.Prefix {
			return c
		}
	}
	return nil
}

// Path follows Child from name to name.
func (n *Node) Path(names ...string) *Node {
	for _, name := range names {
		n = n.Child(name)
	}
	return n
}

// All returns the child elements of that name with the prefix of n.
func (n *Node) All(name string) []*Node {
	if n == nil {
		return nil
	}
	var all []*Node
	for _, c := range n.Children {
		if c.Name == name && c.Prefix == n.Prefix {
			all = append(all, c)
		}
	}
	return all
}

// Attr returns the value of the attribute of that name without prefix, or "".
func (n *Node) Attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attrs {
		if a.Name == name && a.Prefix == "" {
			return a.Value
		}
	}
	return ""
}

// Content returns the text within n and its descendants, blanks at both ends
// removed and inner runs of blanks made one space.
func (n *Node) Content() string {
	var b strings.Builder
	n.content(&b)
	return strings.Join(strings.Fields(b.String()), " ")
}

func (n *Node) content(b *strings.Builder) {
	if n == nil {
		return
	}
	b.WriteString(n.Text)
	for _, c := range n.Children {
		c.content(b)
	}
}
