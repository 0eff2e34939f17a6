package dsn

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/message"
)

const dateLayout = "Mon, 02 Jan 2006 15:04:05 -0700"

// A notice is what both kinds of notification have in common: a
// multipart/report (RFC 6522) of a text, a status, and the mail it is about.
type notice struct {
	from       message.Address
	to         string
	date       time.Time
	messageID  string
	subject    string
	text       string
	about      message.Header // of the mail it is about
	reportType string
	status     []byte
	original   message.Entity // none if it has no Type
	more       []message.Entity
}

func (n notice) compose(random io.Reader) ([]byte, error) {
	to := addressOf(n.to)
	d := message.Draft{From: []message.Address{n.from}, To: []message.Address{to}, Subject: n.subject, Date: n.date, MessageID: n.messageID}
	if id := strings.Trim(n.about.Get("Message-ID"), "<> "); id != "" {
		d.InReplyTo, d.References = []string{id}, []string{id}
	}
	// RFC 3834 §5: nobody answers an answer made by a machine.
	d.Header = []message.HeaderField{{Name: "Auto-Submitted", Value: "auto-replied"}}
	head, err := d.Fields()
	if err != nil || to.Spec() == "" || n.from.Spec() == "" {
		return nil, fmt.Errorf("dsn: compose: address: %w", fault.Invalid)
	}
	parts := []message.Entity{message.TextEntity("plain", n.text), {Type: "message/" + n.reportType, Body: n.status}}
	if n.original.Type != "" {
		parts = append(parts, n.original)
	}
	report := message.Entity{
		Header: head,
		Type:   "multipart/report",
		Params: map[string]string{"report-type": n.reportType},
		Parts:  append(parts, n.more...),
	}
	mail, err := report.Compose(random)
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", err)
	}
	return mail, nil
}

// addressOf cuts "local@domain" at its last @.
func addressOf(s string) message.Address {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return message.Address{}
	}
	return message.Address{Mailbox: s[:i], Host: s[i+1:]}
}

// headersOnly is the header of a mail as a part of a report (RFC 6522 §4).
func headersOnly(h message.Header) message.Entity {
	return message.TextEntity("rfc822-headers", strings.TrimSuffix(string(h.Fields(nil, true)), "\r\n"))
}

// fields are those of a status part, in ASCII, one to a line.
type fields struct{ b []byte }

const maxField = 900 // bytes of a value, so that its line has at most 998

func (f *fields) add(name, value string) {
	value = ascii(value)
	if len(value) > maxField {
		value = value[:maxField]
	}
	f.b = append(f.b, name+": "+value+"\r\n"...)
}

func (f *fields) blank() { f.b = append(f.b, "\r\n"...) }

// oneLine makes spaces of control characters, so that no value adds a line.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s))
}

// ascii makes of s one line of ASCII; letters with accents, which no status
// field has room for, become question marks.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7f {
			return '?'
		}
		return r
	}, oneLine(s))
}

// typed writes an address with its type (RFC 3464 §2.3.1); one that is not
// ASCII in the form of RFC 6533 §3.
func typed(kind, address string) string {
	if kind == "" {
		kind = "rfc822"
	}
	var b strings.Builder
	for _, r := range address {
		if r > 0x7f {
			kind = "utf-8"
			fmt.Fprintf(&b, `\x{%X}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return kind + "; " + b.String()
}
