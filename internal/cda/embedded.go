package cda

import (
	"encoding/base64"
	"fmt"
	"strings"

	"vaguemestre/internal/cda/xmltree"
	"vaguemestre/internal/fault"
)

// Embedded is the file that a level 1 document carries.
type Embedded struct {
	MediaType string // as declared, in lower case; text/plain where nothing is
	base64    bool
	text      string
}

func readEmbedded(n *xmltree.Node) *Embedded {
	e := &Embedded{
		MediaType: strings.ToLower(strings.TrimSpace(n.Attr("mediaType"))),
		base64:    n.Attr("representation") == "B64",
	}
	if e.MediaType == "" {
		e.MediaType = "text/plain"
	}
	var b strings.Builder
	for _, c := range n.Children {
		b.WriteString(c.Text)
	}
	e.text = b.String()
	return e
}

// Bytes decodes the file. Bad base64 is fault.Invalid.
func (e *Embedded) Bytes() ([]byte, error) {
	if !e.base64 {
		return []byte(strings.TrimSpace(e.text)), nil
	}
	clean := make([]byte, 0, len(e.text))
	for i := range len(e.text) {
		if c := e.text[i]; c > ' ' {
			clean = append(clean, c)
		}
	}
	n, err := base64.StdEncoding.Decode(clean, clean)
	if err != nil {
		return nil, fmt.Errorf("cda: embedded file: not base64: %w", fault.Invalid)
	}
	return clean[:n], nil
}
