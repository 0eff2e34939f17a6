package document

import (
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"vaguemestre/internal/cda"
)

// typesFromHeader gives the codes of X-MSS-CODECDA to the documents without a
// type, in order, after those that a document names itself.
func (f *finder) typesFromHeader() {
	codes := strings.Split(f.in.CodeCDA, ",")
	if len(codes) > f.lim.Documents {
		codes = codes[:f.lim.Documents]
	}
	left := map[string]int{}
	for _, d := range f.docs {
		if d.Type.Code != "" {
			left[d.Type.Code]++
		}
	}
	var free []string
	for _, c := range codes {
		c = strings.TrimSpace(c)
		switch {
		case c == "":
		case left[c] > 0:
			left[c]--
		case isToken(c):
			free = append(free, c)
		}
	}
	for _, d := range f.docs {
		if d.Type.Code == "" && len(free) > 0 {
			d.setType(cda.Code{Code: free[0]})
			free = free[1:]
		}
	}
	if len(free) > 0 {
		f.defects = append(f.defects, "X-MSS-CODECDA names a type that no document has")
	}
}

// checkHeaders reports headers and documents that do not agree. It changes
// nothing: software in the field leaves them out, and gets them wrong.
func (f *finder) checkHeaders() {
	cdas, named := 0, false
	for _, d := range f.docs {
		if d.IsCDA() {
			cdas++
		}
		for _, p := range d.Patients {
			named = named || p.National
		}
	}
	if cdas > 0 && strings.TrimSpace(f.in.CodeCDA) == "" {
		f.defects = append(f.defects, "X-MSS-CODECDA is missing beside a CDA")
	}
	if strings.EqualFold(strings.TrimSpace(f.in.INS), "O") && cdas > 0 && !named {
		f.defects = append(f.defects, "X-MSS-INS says qualified and no document has an INS")
	}
}

// complete gives a document what nothing in it said: type, title, dates,
// author, and the text to read.
func (f *finder) complete(d *Document) {
	if n := parseName(d.Title); d.named && !n.date.IsZero() {
		d.Title = n.label
		fill(&d.ServiceStart, n.date)
		if d.Type.Code == "" && n.kind.Code != "" {
			d.Type = n.kind
		}
	} else if d.named {
		d.Title = strings.ReplaceAll(strings.TrimSuffix(d.Title, path.Ext(d.Title)), "_", " ")
	}
	if d.IsCDA() {
		fill(&d.Title, d.Type.Label)
	}
	if d.Type.Label == "" {
		d.Type, _ = cda.TypeByCode("")
	}
	if d.Title = Line(d.Title); d.Title == "" {
		d.Title = Line(subjectTitle(f.in.Subject))
	}
	fill(&d.Title, d.Type.Label)
	fill(&d.Created, f.in.Date)
	fill(&d.Author.Name, f.in.Sender)
	d.Author, d.Authenticator = d.Author.lines(), d.Authenticator.lines()
	d.NotQualified = strings.EqualFold(strings.TrimSpace(f.in.INS), "N")
	d.Text = f.readable(d)
}

// lines returns the author with every field on one line.
func (a Author) lines() Author {
	return Author{Line(a.Name), Line(a.ID), Line(a.Profession), Line(a.Specialty), Line(a.Organisation), Line(a.OrganisationID)}
}

// subjectTitle drops the mark that the MSSanté puts before a subject
// (CI-SIS MSS ECO.2.1.3).
func subjectTitle(s string) string { return strings.TrimPrefix(s, "XDM/1.0/DDM+") }

// readable composes the text of a document for the body of a mail: what it is,
// then what it says.
func (f *finder) readable(d *Document) string {
	var b strings.Builder
	row := func(label, value string) {
		if value != "" {
			b.WriteString(label + " : " + value + "\n")
		}
	}
	b.WriteString(d.Title + "\n\n")
	row("Type", d.Type.Label)
	if day := d.ServiceStart; !day.IsZero() {
		row("Date", day.Format("02/01/2006"))
	} else if !d.Created.IsZero() {
		row("Date", d.Created.Format("02/01/2006"))
	}
	row("Auteur / Author", strings.TrimSuffix(d.Author.Name+", "+d.Author.Specialty, ", "))
	row("Établissement / Organisation", d.Author.Organisation)
	b.WriteString("\n")
	said := d.Text
	switch {
	case d.MediaType == text.mediaType():
		said = toText(d.Files[0].Data, f.lim.Text)
	case d.MediaType == rtf.mediaType():
		said = rtfText(d.Files[0].Data, f.lim.Text)
	case d.Embedded != nil && d.Embedded.MediaType == text.mediaType():
		if data, err := d.Embedded.Bytes(); err == nil {
			said = toText(data, f.lim.Text)
		}
	}
	if said == "" {
		said = "Le document est joint à ce message. / The document is attached to this message."
	}
	b.WriteString(said + "\n")
	return shorten(b.String(), f.lim.Text)
}

// ReadText returns at most so many bytes of what a file of text says, plain or
// RTF; nothing for any other media type.
func ReadText(mediaType string, data []byte, most int) string {
	switch mediaType {
	case text.mediaType():
		return toText(data, most)
	case rtf.mediaType(), "text/rtf":
		return rtfText(data, most)
	}
	return ""
}

// toText reads a text file, UTF-8 or else windows-1252.
func toText(data []byte, most int) string {
	data = data[:min(len(data), most)]
	for n := range min(utf8.UTFMax, len(data)+1) { // the last character may be cut
		if whole := data[:len(data)-n]; utf8.Valid(whole) {
			return plain(string(whole))
		}
	}
	s, err := charmap.Windows1252.NewDecoder().String(string(data))
	if err != nil {
		return ""
	}
	return plain(s)
}

// plain keeps the lines of a text and drops controls and direction marks.
func plain(s string) string {
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(s, "\ufeff"), "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.Map(visible, l)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// shorten cuts a text at a limit, between characters, and says so.
func shorten(s string, most int) string {
	const mark = "\n[…]\n"
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:max(0, most-len(mark))], "") + mark
}
