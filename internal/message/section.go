package message

// A Specifier says what of a part an IMAP section asks for (RFC 3501 §6.4.5).
type Specifier int

// The specifiers. HEADER.FIELDS is Header.Fields over SectionHeader.
const (
	SectionAll    Specifier = iota // BODY[], BODY[1]: the mail, or the body of a part
	SectionHeader                  // HEADER: of a message
	SectionText                    // TEXT: of a message
	SectionMIME                    // MIME: the header of a part
)

// Section finds the section path, spec as length bytes from off in the mail;
// ok is false if there is no such section. A message that is no multipart has
// one part, 1.
func (s *Structure) Section(path []int, spec Specifier) (off, length int64, ok bool) {
	if len(path) == 0 {
		body := int64(s.Root.BodyStart)
		switch spec {
		case SectionAll:
			return 0, s.Size, true
		case SectionHeader:
			return 0, body, true
		case SectionText:
			return body, s.Size - body, true
		}
		return 0, 0, false
	}
	p := s.Part(path)
	if p == nil {
		return 0, 0, false
	}
	from, to := p.BodyStart, p.End
	switch spec {
	case SectionAll:
	case SectionMIME:
		from, to = p.HeaderStart, p.BodyStart
	case SectionHeader, SectionText:
		if p.Message == nil {
			return 0, 0, false
		}
		if to = p.Message.Root.BodyStart; spec == SectionText {
			from, to = to, p.End
		}
	default:
		return 0, 0, false
	}
	return int64(from), int64(to - from), true
}

// Part returns the part with an IMAP part number, or nil.
func (s *Structure) Part(path []int) *Part {
	var p *Part
	body := s.Root // of the message that n counts in
	for _, n := range path {
		switch {
		case body != nil && len(body.Children) == 0:
			if n != 1 {
				return nil
			}
			p = body
		default:
			parent := p
			if body != nil {
				parent = body
			}
			if n < 1 || n > len(parent.Children) {
				return nil
			}
			p = parent.Children[n-1]
		}
		if body = nil; p.Message != nil {
			body = p.Message.Root
		}
	}
	return p
}
