package main

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// A sheet is one page of A4 as a practice prints it: who writes, a title, and
// lines of text. A line that begins with "# " is a heading.
type sheet struct {
	letterhead string
	title      string
	lines      []string
}

// Measures of a sheet, in points.
const (
	pageWidth, pageHeight = 595, 842
	marginLeft, marginTop = 62, 72
	leading               = 15
	mostLines             = 44 // of text
)

// pdf writes the sheet as PDF 1.4 with the two fonts that every viewer has.
// The same sheet gives the same bytes. Lines that do not fit are left out.
func (s sheet) pdf() []byte {
	content := s.content()
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 6 0 R "+
			"/Resources << /Font << /F1 4 0 R /F2 5 0 R >> >> >>", pageWidth, pageHeight),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", len(content), content),
		fmt.Sprintf("<< /Title %s /Producer (Vaguemestre demo) >>", pdfString(s.title)),
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, len(objects), xref)
	return b.Bytes()
}

// content writes the operators that draw the sheet.
func (s sheet) content() string {
	var b strings.Builder
	y := pageHeight - marginTop
	text := func(font string, size int, line string) {
		fmt.Fprintf(&b, "BT /%s %d Tf %d %d Td %s Tj ET\n", font, size, marginLeft, y, pdfString(line))
	}
	text("F1", 10, s.letterhead)
	y -= 12
	fmt.Fprintf(&b, "0.2 0.4 0.6 RG 1 w %d %d m %d %d l S\n", marginLeft, y, pageWidth-marginLeft, y)
	y -= 34
	text("F2", 16, s.title)
	y -= 14
	for i, line := range s.lines {
		if i == mostLines {
			break
		}
		y -= leading
		if heading, ok := strings.CutPrefix(line, "# "); ok {
			text("F2", 11, heading)
		} else if line != "" {
			text("F1", 11, line)
		}
	}
	y = 40
	text("F1", 8, "Document inventé pour la démonstration de Vaguemestre : aucune personne réelle. / Invented document, no real person.")
	return b.String()
}

// pdfString writes a text as a PDF string in WinAnsiEncoding, in ASCII.
func pdfString(s string) string {
	encoded, err := encoding.ReplaceUnsupported(charmap.Windows1252.NewEncoder()).String(s)
	if err != nil {
		encoded = "?" // cannot be: what has no code is replaced
	}
	var b strings.Builder
	b.WriteByte('(')
	for i := range len(encoded) {
		switch c := encoded[i]; {
		case c == '(' || c == ')' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(')')
	return b.String()
}
