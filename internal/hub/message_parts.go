package hub

import (
	"strings"

	"vaguemestre/internal/message"
)

// The parts of a mail, as people see them: what is to be read, and what is
// attached.

// textParts returns the parts that are to be read: plain and HTML. Only the first
// of each counts that is no attachment.
func textParts(mail *message.Mail) (plain, html *message.Part) {
	mail.Root.Walk(func(p *message.Part) bool {
		switch {
		case p.Message != nil:
			return false
		case len(p.Children) > 0 || !isText(p):
		case p.Subtype == "plain" && plain == nil:
			plain = p
		case p.Subtype == "html" && html == nil:
			html = p
		}
		return true
	})
	return plain, html
}

// textOfMail returns what a mail says, as plain text with the line ends that it
// has, of that many bytes at most. With an error comes what could be read.
func textOfMail(mail *message.Mail, most int64) (string, error) {
	plain, html := textParts(mail)
	switch {
	case plain != nil:
		return plain.Text(mail.Raw, most)
	case html != nil:
		page, err := html.Text(mail.Raw, most)
		return message.HTMLToText(page, int(most)), err
	}
	return "", nil
}

// textOfPart returns as much of a text as is shown at once, and whether there is
// more.
func textOfPart(p *message.Part, raw []byte, most int) (text string, cut bool) {
	text, err := p.Text(raw, maxSearchText)
	if err != nil {
		return "", true
	}
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n ")
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], ""), true
	}
	return text, false
}

// filesOf lists what is attached to a message. A message within counts as one
// file; the parts of a notice that programs read are none.
func filesOf(s *message.Structure) (list []*message.Part) {
	report := s.Root.MediaType() == "multipart/report"
	s.Root.Walk(func(p *message.Part) bool {
		switch {
		case len(p.Children) > 0:
			return true
		case isText(p), report && (p.Type == "message" || p.Subtype == "rfc822-headers"):
		default:
			list = append(list, p)
		}
		return p.Message == nil
	})
	return list
}

// isInline reports whether a part is a picture that a message in HTML may show in
// its place.
func isInline(p *message.Part) bool {
	return p.ID != "" && p.Disposition != "attachment" && p.Type == "image"
}

// sizeOf is the size of a file, to within the breaks of its lines.
func sizeOf(p *message.Part) int64 {
	n := int64(p.Size())
	if p.Encoding == "base64" {
		n = n * 57 / 78
	}
	return n
}
