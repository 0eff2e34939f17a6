// Package cda reads HL7 CDA R2 documents as the French CI-SIS shapes them: the
// header into typed metadata, the body into readable text and safe HTML. It
// knows level 1 (a file within the XML), levels 2 and 3 (sections to read),
// and the self-presenting form (an XSLT style sheet with the document inside).
// It also holds the value sets of document types, classes and shelves.
//
// It does not validate against the schema or the schematrons, does not read
// the coded entries, writes nothing and decides nothing: whom a document
// concerns is said as it is written, keys wrong and all.
//
// It promises that a hostile document costs at most its limits, runs nothing
// and fetches nothing (see package xmltree).
package cda

import (
	"bytes"
	"fmt"
	"regexp"

	"vaguemestre/internal/cda/xmltree"
	"vaguemestre/internal/fault"
)

// Limits bound what one document may cost. A zero field means its default.
type Limits struct {
	XML  xmltree.Limits
	Text int // bytes of readable text or HTML made of one body; default 512 KiB
}

// A Document is one CDA document, read.
type Document struct {
	Metadata

	// Level is 1 for a file within the XML, 2 for sections of text, 3 where
	// sections have coded entries, 0 where there is no body.
	Level int

	// SelfPresenting says that the root is an XSLT style sheet.
	SelfPresenting bool

	// Embedded is the file within a level 1 document, else nil.
	Embedded *Embedded

	body *xmltree.Node // structuredBody, or nil
	max  int           // bytes of text to make
}

// Media types of the two forms of a CDA document (CI-SIS, XDS mimeType).
const (
	MediaType               = "text/xml"
	MediaTypeSelfPresenting = "application/xslt+xml"
)

// Parse reads one document. Errors are fault.TooLarge above a limit and
// fault.Invalid for what is no CDA document; they never carry content.
func Parse(data []byte, lim Limits) (*Document, error) {
	if lim.Text == 0 {
		lim.Text = 512 << 10
	}
	root, err := xmltree.Parse(data, xmltree.Options{Limits: lim.XML, Prune: unread})
	if err != nil {
		return nil, fmt.Errorf("cda: parse: %w", err)
	}
	doc, styled := find(root)
	if doc == nil {
		return nil, fmt.Errorf("cda: parse: no ClinicalDocument: %w", fault.Invalid)
	}
	header, err := readHeader(doc)
	if err != nil {
		return nil, fmt.Errorf("cda: parse: %w", err)
	}
	d := &Document{Metadata: header, SelfPresenting: styled, max: lim.Text}
	for _, c := range doc.All("component") {
		if text := c.Path("nonXMLBody", "text"); text != nil && d.Level == 0 {
			d.Level, d.Embedded = 1, readEmbedded(text)
		}
		if body := c.Child("structuredBody"); body != nil && d.Level == 0 {
			d.Level, d.body = 2, body
			if hasEntries(body) {
				d.Level = 3
			}
		}
	}
	return d, nil
}

// unread prunes what is never read: coded entries, and the templates of a
// style sheet.
func unread(parent, n *xmltree.Node) bool {
	return n.Name == "entry" || parent != nil && isStylesheet(parent) && n.Prefix == parent.Prefix
}

func isStylesheet(n *xmltree.Node) bool { return n.Name == "stylesheet" || n.Name == "transform" }

// find returns the ClinicalDocument, which is the root, or lies within a style
// sheet, directly or in one element of data.
func find(root *xmltree.Node) (doc *xmltree.Node, styled bool) {
	if root.Name == "ClinicalDocument" {
		return root, false
	}
	if !isStylesheet(root) {
		return nil, false
	}
	for _, c := range root.Children {
		if c.Name == "ClinicalDocument" {
			return c, true
		}
		for _, cc := range c.Children {
			if cc.Name == "ClinicalDocument" {
				return cc, true
			}
		}
	}
	return nil, false
}

func hasEntries(n *xmltree.Node) bool {
	if n.Child("entry") != nil {
		return true
	}
	for _, c := range n.All("component") {
		if s := c.Child("section"); s != nil && hasEntries(s) {
			return true
		}
	}
	return false
}

var documentTag = regexp.MustCompile(`<(?:[A-Za-z_][\w.-]{0,40}:)?ClinicalDocument[\s>]`)

// Sniff reports whether data looks like a CDA document in either form. It
// looks at the beginning only and promises nothing about the rest.
func Sniff(data []byte) bool {
	head := data[:min(len(data), 64<<10)]
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		head = bytes.ReplaceAll(head, []byte{0}, nil) // UTF-16 of ASCII names
		head = head[2:]
	}
	head = bytes.TrimSpace(bytes.TrimPrefix(head, []byte{0xef, 0xbb, 0xbf}))
	return len(head) > 0 && head[0] == '<' && documentTag.Match(head)
}
