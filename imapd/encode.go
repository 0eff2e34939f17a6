package imapd

import (
	"mime"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/mailbox"
	mail "vaguemestre/internal/message"
)

// An encoder writes FETCH responses (RFC 9051 §7.5.2), by itself rather than
// through the library: that one writes each in pieces of its own, an envelope
// without its date as written, and no multipart without panic.
type encoder struct {
	b    []byte
	utf8 bool // the client reads UTF-8 in quoted strings (RFC 6855, RFC 9051)
	more bool // an item was written in this response
}

// begin opens the response for a message, and end closes it.
func (e *encoder) begin(seq uint32) {
	e.b = append(e.b, "* "...)
	e.number(int64(seq))
	e.b = append(e.b, " FETCH ("...)
	e.more = false
}

func (e *encoder) end() { e.b = append(e.b, ")\r\n"...) }

// item begins an item.
func (e *encoder) item(name string) {
	if e.more {
		e.b = append(e.b, ' ')
	}
	e.more = true
	e.b = append(e.b, name...)
	e.b = append(e.b, ' ')
}

func (e *encoder) uid(u mailbox.UID) {
	e.item("UID")
	e.number(int64(u))
}

func (e *encoder) flags(f mailbox.Flags) {
	e.item("FLAGS")
	e.b = append(e.b, '(')
	first := len(e.b)
	for i, name := range systemFlags {
		if f.System&(1<<i) != 0 {
			e.word(string(name), first)
		}
	}
	for _, k := range f.Keywords {
		e.word(k, first)
	}
	e.b = append(e.b, ')')
}

// word writes an atom, with a space before it unless it is the first.
func (e *encoder) word(s string, first int) {
	if len(e.b) > first {
		e.b = append(e.b, ' ')
	}
	e.b = append(e.b, s...)
}

func (e *encoder) date(t time.Time) {
	e.item("INTERNALDATE")
	e.b = append(e.b, '"')
	e.b = t.AppendFormat(e.b, "_2-Jan-2006 15:04:05 -0700")
	e.b = append(e.b, '"')
}

func (e *encoder) number(n int64) { e.b = strconv.AppendInt(e.b, n, 10) }

func (e *encoder) nilOr(s string) {
	if s == "" {
		e.b = append(e.b, "NIL"...)
		return
	}
	e.string(s)
}

// maxQuoted is the longest string written between quotes; a longer one is a
// literal, which readers with fixed buffers take better.
const maxQuoted = 1000

// string writes s as a quoted string, or as a literal where that cannot be.
func (e *encoder) string(s string) {
	plain := len(s) <= maxQuoted
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c != 0 && c != '\r' && c != '\n' && (c < 0x80 || e.utf8)
	}
	if !plain {
		e.b = append(e.b, '{')
		e.number(int64(len(s)))
		e.b = append(e.b, "}\r\n"...)
		e.b = append(e.b, s...)
		return
	}
	e.b = append(e.b, '"')
	for i := range len(s) {
		if c := s[i]; c == '"' || c == '\\' {
			e.b = append(e.b, '\\')
		}
		e.b = append(e.b, s[i])
	}
	e.b = append(e.b, '"')
}

// text writes text for a person: in encoded words (RFC 2047) for a client that
// reads no UTF-8.
func (e *encoder) text(s string) {
	if !e.utf8 {
		s = mime.QEncoding.Encode("utf-8", s)
	}
	e.nilOr(s)
}

// envelope writes the value of ENVELOPE.
func (e *encoder) envelope(v *mail.Envelope) {
	e.b = append(e.b, '(')
	e.text(v.DateText)
	e.b = append(e.b, ' ')
	e.text(v.Subject)
	for _, list := range [...][]mail.Address{v.From, v.Sender, v.ReplyTo, v.To, v.Cc, v.Bcc} {
		e.b = append(e.b, ' ')
		e.addresses(list)
	}
	e.b = append(e.b, ' ')
	e.ids(v.InReplyTo)
	e.b = append(e.b, ' ')
	if v.MessageID == "" {
		e.ids(nil)
	} else {
		e.ids([]string{v.MessageID})
	}
	e.b = append(e.b, ')')
}

func (e *encoder) ids(ids []string) {
	if len(ids) == 0 {
		e.nilOr("")
		return
	}
	e.nilOr("<" + strings.Join(ids, "> <") + ">")
}

func (e *encoder) addresses(list []mail.Address) {
	if len(list) == 0 {
		e.nilOr("")
		return
	}
	e.b = append(e.b, '(')
	for _, a := range list {
		e.b = append(e.b, '(')
		e.text(a.Name)
		e.b = append(e.b, " NIL "...)
		e.text(a.Mailbox)
		e.b = append(e.b, ' ')
		e.text(a.Host)
		e.b = append(e.b, ')')
	}
	e.b = append(e.b, ')')
}

// structure writes the value of BODYSTRUCTURE, or of BODY where extended is
// false. A multipart without a part, for which there is no form, is shown as
// the empty text it is.
func (e *encoder) structure(p *mail.Part, extended bool) {
	if p == nil {
		p = &mail.Part{Type: "text", Subtype: "plain"}
	}
	e.b = append(e.b, '(')
	switch {
	case len(p.Children) > 0:
		e.multipart(p, extended)
	case p.Type == "multipart":
		e.leaf(&mail.Part{Type: "text", Subtype: "plain", BodyStart: p.BodyStart, End: p.End, Lines: p.Lines}, extended)
	default:
		e.leaf(p, extended)
	}
	e.b = append(e.b, ')')
}

func (e *encoder) multipart(p *mail.Part, extended bool) {
	for _, c := range p.Children {
		e.structure(c, extended)
	}
	e.b = append(e.b, ' ')
	e.string(p.Subtype)
	if extended {
		e.b = append(e.b, ' ')
		e.params(p.Params)
		e.extension(p)
	}
}

func (e *encoder) leaf(p *mail.Part, extended bool) {
	e.string(p.Type)
	e.b = append(e.b, ' ')
	e.string(p.Subtype)
	e.b = append(e.b, ' ')
	e.params(p.Params)
	e.b = append(e.b, ' ')
	e.text(p.ID)
	e.b = append(e.b, ' ')
	e.text(p.Description)
	e.b = append(e.b, ' ')
	if p.Encoding == "" {
		e.string("7bit")
	} else {
		e.text(p.Encoding)
	}
	e.b = append(e.b, ' ')
	e.number(int64(p.Size()))
	switch {
	case p.Message != nil:
		e.b = append(e.b, ' ')
		e.envelope(&p.Message.Envelope)
		e.b = append(e.b, ' ')
		e.structure(p.Message.Root, extended)
		fallthrough
	case p.Type == "text":
		e.b = append(e.b, ' ')
		e.number(int64(p.Lines))
	}
	if extended {
		e.b = append(e.b, ' ')
		e.text(p.MD5)
		e.extension(p)
	}
}

// extension writes the end of what BODYSTRUCTURE says beyond BODY.
func (e *encoder) extension(p *mail.Part) {
	e.b = append(e.b, ' ')
	if p.Disposition == "" {
		e.nilOr("")
	} else {
		e.b = append(e.b, '(')
		e.text(p.Disposition)
		e.b = append(e.b, ' ')
		e.params(p.DispositionParams)
		e.b = append(e.b, ')')
	}
	e.b = append(e.b, ' ')
	if len(p.Language) == 0 {
		e.nilOr("")
	} else {
		e.b = append(e.b, '(')
		for i, l := range p.Language {
			if i > 0 {
				e.b = append(e.b, ' ')
			}
			e.text(l)
		}
		e.b = append(e.b, ')')
	}
	e.b = append(e.b, ' ')
	e.text(p.Location)
}

func (e *encoder) params(ps mail.Params) {
	if len(ps) == 0 {
		e.nilOr("")
		return
	}
	e.b = append(e.b, '(')
	for i, p := range ps {
		if i > 0 {
			e.b = append(e.b, ' ')
		}
		if e.utf8 || isASCII(p.Value) {
			e.string(p.Name)
			e.b = append(e.b, ' ')
			e.string(p.Value)
			continue
		}
		for name, value := range (mail.Params{p}).Wire() {
			e.string(name)
			e.b = append(e.b, ' ')
			e.string(value)
		}
	}
	e.b = append(e.b, ')')
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
