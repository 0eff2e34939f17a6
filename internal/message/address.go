package message

import "strings"

// An Address is one entry of an address field. A group (RFC 5322 §3.4) is, as
// in an IMAP envelope, an entry with its name as Mailbox and no Host, then its
// members, then an entry with nothing.
//
// It is what a header says, decoded for reading, and may be anything: an
// address to act on is made of Spec by ident.ParseAddress.
type Address struct{ Name, Mailbox, Host string }

// Spec returns "mailbox@host", or "" for the begin or end of a group.
func (a Address) Spec() string {
	if a.Host == "" {
		return ""
	}
	return a.Mailbox + "@" + a.Host
}

const (
	maxAddresses = 1000 // of the fields of one name
	// A nested message shows fewer, so that many of them stay small.
	maxNestedAddresses = 100

	maxName     = 512  // bytes of a name
	maxSpec     = 1024 // bytes of an address
	missingHost = ".MISSING-HOST-NAME."
)

// parseAddresses reads the value of an address field, unfolded. It never
// fails; it gives at most max entries.
func parseAddresses(s string, max int) []Address {
	p := addressParser{s: s, max: max}
	for p.next() {
	}
	return p.list[:min(len(p.list), max)]
}

// An addressParser reads one entry at a time.
type addressParser struct {
	s       string
	max     int
	list    []Address
	inGroup bool
	literal string // marks known not to be closed
}

// next reads up to and with the next comma, colon or semicolon that separates
// entries, and reports whether there may be more.
func (p *addressParser) next() bool {
	var phrase, comment strings.Builder
	angle, hasAngle := "", false
	for p.s != "" {
		switch c := p.s[0]; c {
		case '"':
			p.take(&phrase, quoted)
		case '(':
			p.take(&comment, commented)
		case '<':
			text, rest := angled(p.s[1:])
			if !hasAngle {
				angle, hasAngle = text, true
			}
			p.s = rest
		case ',', ';':
			p.s = p.s[1:]
			p.add(phrase.String(), angle, comment.String(), hasAngle)
			if c == ';' && p.inGroup {
				p.inGroup = false
				p.list = append(p.list, Address{})
			}
			return len(p.list) < p.max
		case ':':
			p.s = p.s[1:]
			if name := strings.TrimSpace(phrase.String()); !p.inGroup && !hasAngle && name != "" && !strings.Contains(name, "@") {
				p.inGroup = true
				p.list = append(p.list, Address{Mailbox: clip(decodeWords(name), maxName)})
				return true
			}
			phrase.WriteByte(c)
		default:
			phrase.WriteByte(c)
			p.s = p.s[1:]
		}
	}
	p.add(phrase.String(), angle, comment.String(), hasAngle)
	if p.inGroup {
		p.list = append(p.list, Address{})
	}
	return false
}

// take reads a quoted string or a comment into a builder. A mark that is not
// closed is passed over, and so are all its like: they are looked for once, so
// that many of them cost no more.
func (p *addressParser) take(into *strings.Builder, read func(string) (text, rest string, ok bool)) {
	mark := p.s[:1]
	if !strings.Contains(p.literal, mark) {
		if text, rest, ok := read(p.s); ok {
			into.WriteString(text)
			p.s = rest
			return
		}
		p.literal += mark
	}
	p.s = p.s[1:]
}

// add appends the entry that was read, if it is one.
func (p *addressParser) add(phrase, spec, comment string, hasAngle bool) {
	name := phrase
	if !hasAngle {
		name, spec = comment, phrase
	}
	spec = strings.TrimSpace(spec)
	if spec == "" && strings.TrimSpace(name) == "" {
		return
	}
	mailbox, host := spec, missingHost
	if i := strings.LastIndexByte(spec, '@'); i >= 0 {
		mailbox, host = strings.TrimSpace(spec[:i]), strings.TrimSpace(spec[i+1:])
		if host == "" {
			host = missingHost
		}
	}
	p.list = append(p.list, Address{
		Name:    clip(decodeWords(strings.TrimSpace(name)), maxName),
		Mailbox: clip(cleanLine(toUTF8("", []byte(mailbox))), maxSpec),
		Host:    clip(cleanLine(toUTF8("", []byte(host))), maxSpec),
	})
}

// quoted reads the quoted string that s begins with; ok is false if it does not
// end.
func quoted(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// commented reads the comment that s begins with, comments in it included; ok
// is false if it does not end.
func commented(s string) (text, rest string, ok bool) {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				return b.String(), s[i+1:], true
			}
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// angled reads up to the ">" that closes an angle address, without its route
// (RFC 5322 §4.4).
func angled(s string) (spec, rest string) {
	var b strings.Builder
	for s != "" {
		switch c := s[0]; c {
		case '>':
			return withoutRoute(b.String()), s[1:]
		case '"':
			if text, rest, ok := quoted(s); ok {
				b.WriteString(text)
				s = rest
				continue
			}
			return withoutRoute(b.String()), ""
		default:
			b.WriteByte(c)
			s = s[1:]
		}
	}
	return withoutRoute(b.String()), ""
}

func withoutRoute(spec string) string {
	if strings.HasPrefix(spec, "@") {
		if _, after, ok := strings.Cut(spec, ":"); ok {
			return after
		}
	}
	return spec
}

// AddressList returns the entries of every field named name, in order.
func (h Header) AddressList(name string) []Address { return h.addresses(name, maxAddresses) }

// addresses returns the entries of the fields named name, in order, at most
// max.
func (h Header) addresses(name string, max int) []Address {
	var list []Address
	for _, f := range h.fields {
		if h.is(f, name) && len(list) < max {
			list = append(list, parseAddresses(unfold(h.value(f)), max-len(list))...)
		}
	}
	return list
}

// From returns the entries of every From field: one, in a mail that is right.
func (m *Mail) From() []Address { return m.header.AddressList("From") }

// Sender returns the entries of the Sender fields.
func (m *Mail) Sender() []Address { return m.header.AddressList("Sender") }

// ReplyTo returns the entries of the Reply-To fields.
func (m *Mail) ReplyTo() []Address { return m.header.AddressList("Reply-To") }

// To returns the entries of the To fields.
func (m *Mail) To() []Address { return m.header.AddressList("To") }

// Cc returns the entries of the Cc fields.
func (m *Mail) Cc() []Address { return m.header.AddressList("Cc") }

// Bcc returns the entries of the Bcc fields.
func (m *Mail) Bcc() []Address { return m.header.AddressList("Bcc") }

// MessageID returns the Message-ID without its angle brackets, or "".
func (m *Mail) MessageID() string { return m.header.messageID() }

// References returns the identifiers of In-Reply-To and then References,
// without brackets, each once.
func (m *Mail) References() []string {
	return messageIDs(m.header.Raw("In-Reply-To") + " " + m.header.Raw("References"))
}

func (h Header) messageID() string {
	ids := messageIDs(h.Raw("Message-Id"))
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

const maxMessageIDs = 100 // of one mail

// messageIDs reads message identifiers (RFC 5322 §3.6.4), each once. Words
// without brackets count only where there are no brackets (§4.5.4).
func messageIDs(s string) []string {
	var ids []string
	seen := map[string]bool{}
	bare := !strings.Contains(s, "<")
	for s != "" && len(ids) < maxMessageIDs {
		var id string
		s = strings.TrimLeft(s, " \t,>")
		if !bare {
			_, s, _ = strings.Cut(s, "<")
			id, s, _ = strings.Cut(s, ">")
		} else if i := strings.IndexAny(s, " \t<,"); i >= 0 {
			id, s = s[:i], s[i:]
		} else {
			id, s = s, ""
		}
		id = clip(cleanLine(toUTF8("", []byte(strings.TrimSpace(id)))), maxSpec)
		if id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}
