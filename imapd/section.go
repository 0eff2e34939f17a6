package imapd

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
	mail "vaguemestre/internal/message"
)

// A section is an item of a FETCH that is a piece of a message.
type section struct {
	name    string // as it is answered
	form    sectionForm
	path    []int
	spec    mail.Specifier
	fields  []string // of HEADER.FIELDS and HEADER.FIELDS.NOT
	not     bool
	partial *imap.SectionPartial
}

type sectionForm int

const (
	asItIs      sectionForm = iota // BODY[…]
	decoded                        // BINARY[…] (RFC 3516)
	decodedSize                    // BINARY.SIZE[…]
)

var specifiers = map[imap.PartSpecifier]mail.Specifier{
	imap.PartSpecifierNone:   mail.SectionAll,
	imap.PartSpecifierHeader: mail.SectionHeader,
	imap.PartSpecifierText:   mail.SectionText,
	imap.PartSpecifierMIME:   mail.SectionMIME,
}

func bodySection(name string, b *imap.FetchItemBodySection) section {
	s := section{name: name, path: b.Part, spec: specifiers[b.Specifier], fields: b.HeaderFields, partial: b.Partial}
	if len(b.HeaderFieldsNot) > 0 {
		s.fields, s.not = b.HeaderFieldsNot, true
	}
	return s
}

func binarySection(b *imap.FetchItemBinarySection) section {
	s := section{name: "BINARY[" + pathText(b.Part) + "]", form: decoded, path: b.Part, partial: b.Partial}
	if b.Partial != nil {
		s.name += fmt.Sprintf("<%d>", b.Partial.Offset)
	}
	return s
}

func binarySize(b *imap.FetchItemBinarySectionSize) section {
	return section{name: "BINARY.SIZE[" + pathText(b.Part) + "]", form: decodedSize, path: b.Part}
}

func pathText(path []int) string {
	var b []byte
	for i, n := range path {
		if i > 0 {
			b = append(b, '.')
		}
		b = fmt.Append(b, n)
	}
	return string(b)
}

// wantsEntry reports whether the structure of the message is needed: not for
// all of it.
func (s section) wantsEntry() bool { return len(s.path) > 0 || s.spec != mail.SectionAll }

// A span64 is where the bytes of a section are: in the message, or in memory.
type span64 struct {
	there  bool // there is such a section
	memory []byte
	inMem  bool
	off, n int64
	done   func() // gives memory back
}

func (r span64) release() {
	if r.done != nil {
		r.done()
	}
}

// Sizes above which nothing is taken into memory in passing.
const (
	maxHeader  = 1 << 20  // a header to be filtered
	smallRange = 64 << 10 // a range read before it is announced
)

// find looks for the section in a message.
func (s section) find(ctx context.Context, se *session, c hub.Content, entry *mailbox.Entry) (r span64, err error) {
	if !s.wantsEntry() {
		r = span64{there: true, n: c.Size()}
		return s.cut(r), nil
	}
	r.off, r.n, r.there = entry.Structure.Section(s.path, s.spec)
	if !r.there {
		return r, nil
	}
	if r.off < 0 || r.n < 0 || r.off > c.Size()-r.n {
		return r, fmt.Errorf("imapd: section outside of its message: %w", fault.Corrupt)
	}
	switch {
	case s.form != asItIs && len(s.path) > 0:
		err = s.decode(ctx, se, c, entry, &r)
	case len(s.fields) > 0:
		if r.n > maxHeader {
			return r, fmt.Errorf("imapd: header: %w", fault.TooLarge)
		}
		var b bytes.Buffer
		err = c.ReadRange(&b, r.off, r.n)
		r.memory, r.inMem = mail.ParseHeader(b.Bytes()).Fields(s.fields, s.not), true
		r.off, r.n = 0, int64(len(r.memory))
	}
	if err != nil {
		return r, err
	}
	return s.cut(r), nil
}

// cut applies the partial: from an offset, at most so many bytes.
func (s section) cut(r span64) span64 {
	if s.partial == nil || !r.there {
		return r
	}
	from := min(s.partial.Offset, r.n)
	r.off += from
	r.n = min(s.partial.Size, r.n-from)
	return r
}

// decode takes a part into memory without its transfer encoding.
func (s section) decode(ctx context.Context, se *session, c hub.Content, entry *mailbox.Entry, r *span64) error {
	p := entry.Structure.Part(s.path)
	switch {
	case p == nil || !p.IsLeaf():
		return errUnknownCTE // RFC 3516 §4.3: not a part that has one
	case p.Encoding == "", p.Encoding == "7bit", p.Encoding == "8bit", p.Encoding == "binary":
		return nil
	case p.Encoding != "base64" && p.Encoding != "quoted-printable":
		return errUnknownCTE
	}
	var err error
	if r.done, err = se.hold(ctx, 2*r.n); err != nil {
		return err
	}
	body := bytes.NewBuffer(make([]byte, 0, r.n))
	if err = c.ReadRange(body, r.off, r.n); err == nil {
		alone := mail.Part{Encoding: p.Encoding, End: body.Len()}
		r.memory, err = alone.Decoded(body.Bytes(), r.n)
	}
	if err != nil {
		r.release()
		r.done = nil
		return err
	}
	r.inMem, r.off, r.n = true, 0, int64(len(r.memory))
	return nil
}

// writeSection writes one section. Nothing of a message is sent before its
// small sections are read, so that one that cannot be read spoils no answer.
func (f *fetch) writeSection(s section, r span64, c hub.Content) error {
	f.e.item(s.name)
	switch {
	case s.form == decodedSize:
		f.e.number(r.n)
		return nil
	case !r.there:
		f.e.nilOr("")
		return nil
	case s.form == decoded:
		f.e.b = append(f.e.b, '~')
	}
	f.e.b = append(f.e.b, '{')
	f.e.number(r.n)
	f.e.b = append(f.e.b, "}\r\n"...)
	switch {
	case r.inMem:
		f.e.b = append(f.e.b, r.memory[r.off:r.off+r.n]...)
		return nil
	case r.n <= smallRange:
		w := appendWriter{&f.e.b}
		before := len(f.e.b)
		if err := c.ReadRange(w, r.off, r.n); err != nil {
			return err
		}
		if int64(len(f.e.b)-before) != r.n {
			return fmt.Errorf("imapd: message shorter than its size: %w", fault.Corrupt)
		}
		return nil
	}
	return f.stream(r, c)
}

// stream sends a range as it is read.
func (f *fetch) stream(r span64, c hub.Content) error {
	if err := f.send(0); err != nil {
		return err
	}
	f.streamed = true
	out := &rawWriter{w: f.se.w}
	err := c.ReadRange(out, r.off, r.n)
	if err == nil && out.n != r.n {
		err = fmt.Errorf("imapd: message shorter than its size: %w", fault.Corrupt)
	}
	return err
}

type appendWriter struct{ b *[]byte }

func (w appendWriter) Write(p []byte) (int, error) {
	*w.b = append(*w.b, p...)
	return len(p), nil
}

// A rawWriter sends bytes past the library, and counts them.
type rawWriter struct {
	w *wire
	n int64
}

func (r *rawWriter) Write(p []byte) (int, error) {
	if err := r.w.Raw(p); err != nil {
		return 0, err
	}
	r.n += int64(len(p))
	return len(p), nil
}

// isReply reports whether err is an answer for the client already.
func isReply(err error) bool {
	var e *imap.Error
	return errors.As(err, &e)
}
