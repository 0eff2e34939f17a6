package document

import (
	"bytes"
	"slices"
)

// joinRenditions takes the PDFs that accompany a CDA out of the documents and
// makes them its Rendition (CI-SIS MSS: one PDF/A-1 for each CDA, beside the
// package). The surest sign goes first: the package says so, the bytes are
// those within the CDA, the name tells the date or the type; then the only PDF
// beside the only CDA, or as many of each, in order.
func (f *finder) joinRenditions() {
	signs := []func(p, c *Document) bool{
		func(p, c *Document) bool { return c.entryID != "" && slices.Contains(p.transforms, c.entryID) },
		func(p, c *Document) bool { return p.beside() && p.isWithin(c) },
		func(p, c *Document) bool { return p.beside() && p.agreement(c) == 2 },
		func(p, c *Document) bool { return p.beside() && p.agreement(c) == 1 },
	}
	for _, sign := range signs {
		for _, p := range f.loose(isPDF) {
			var one *Document
			for _, c := range f.loose((*Document).IsCDA) {
				if !sign(p, c) {
					continue
				}
				if one != nil { // two would do: leave it to a better sign
					one = nil
					break
				}
				one = c
			}
			f.join(p, one)
		}
	}
	pdfs := f.loose(func(d *Document) bool { return isPDF(d) && d.beside() })
	cdas := f.loose((*Document).IsCDA)
	if len(pdfs) != len(cdas) {
		return
	}
	for i, p := range pdfs {
		if p.agreement(cdas[i]) >= 0 {
			f.join(p, cdas[i])
		}
	}
}

// loose lists the documents of a sort that have no partner yet.
func (f *finder) loose(sort func(*Document) bool) []*Document {
	var out []*Document
	for _, d := range f.docs {
		if d.Rendition == nil && sort(d) {
			out = append(out, d)
		}
	}
	return out
}

func (f *finder) join(p, c *Document) {
	if c == nil {
		return
	}
	c.Rendition = &p.Files[0]
	c.concern(p.Patients, p.Traits)
	f.docs = slices.DeleteFunc(f.docs, func(d *Document) bool { return d == p })
}

func isPDF(d *Document) bool { return d.MediaType == pdf.mediaType() }

// beside reports whether the document is an attachment of its own, which
// nothing describes.
func (d *Document) beside() bool { return d.Files[0].Path == "" && d.UniqueID == "" }

// isWithin reports whether d is the file within the CDA c.
func (d *Document) isWithin(c *Document) bool {
	if c.Embedded == nil || c.Embedded.MediaType != d.MediaType || len(c.Files[0].Data) < len(d.Files[0].Data) {
		return false
	}
	data, err := c.Embedded.Bytes()
	return err == nil && bytes.Equal(data, d.Files[0].Data)
}

// agreement compares what the name of a PDF tells with a CDA: 2 for date and
// type, 1 for one of them, 0 where the name tells nothing, -1 where it tells
// of another type: a prescription of the same day is no rendition of a report.
func (d *Document) agreement(c *Document) int {
	n := parseName(d.Title)
	if n.date.IsZero() {
		return 0
	}
	named := fold(n.label) == fold(c.Title)
	if n.kind.Code != "" && n.kind.Code != c.Type.Code && !named {
		return -1
	}
	points := 0
	day := n.date.Format("20060102")
	if day == c.ServiceStart.Format("20060102") || day == c.ServiceStop.Format("20060102") || day == c.Created.Format("20060102") {
		points++
	}
	if n.kind.Code != "" || named {
		points++
	}
	return points // 0 for another day, and no type to tell it apart
}
