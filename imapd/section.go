package imapd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

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

// Limits of a FETCH.
const (
	maxSections = 100
	maxHeader   = 1 << 20  // bytes of a header to be filtered
	smallRange  = 64 << 10 // bytes that are read before they are announced, so that an error spoils no answer
)

// check says whether the section has a form to be answered in. What can be
// refused is refused before anything is sent.
func (s section) check(entry *mailbox.Entry) error {
	if s.form == asItIs || len(s.path) == 0 {
		return nil
	}
	p := entry.Structure.Part(s.path)
	switch {
	case p == nil:
		return nil // answered with NIL, or 0
	case !p.IsLeaf():
		return errUnknownCTE // RFC 3516 §4.3: only a leaf has an encoding
	}
	switch p.Encoding {
	case "", "7bit", "8bit", "binary", "base64", "quoted-printable":
		return nil
	}
	return errUnknownCTE
}

// A piece is where the bytes of a section are: in memory, or in the message.
type piece struct {
	there    bool // there is such a section
	inMemory bool
	memory   []byte
	off, n   int64 // in either
}

// section writes one section of a message.
func (f *fetch) section(ctx context.Context, s section, c hub.Content, entry *mailbox.Entry) error {
	p, done, err := s.find(ctx, f.se, c, entry)
	if err != nil {
		return err
	}
	defer done()
	f.e.item(s.name)
	switch {
	case s.form == decodedSize:
		f.e.number(p.n)
		return nil
	case !p.there:
		f.e.nilOr("")
		return nil
	case s.form == decoded:
		f.e.b = append(f.e.b, '~')
	}
	f.e.b = append(f.e.b, '{')
	f.e.number(p.n)
	f.e.b = append(f.e.b, "}\r\n"...)
	var w io.Writer = appendWriter{&f.e.b}
	if p.n > smallRange {
		if err := f.send(0); err != nil {
			return err
		}
		f.streamed = true
		w = rawWriter{f.se.w}
	}
	if p.inMemory {
		_, err = w.Write(p.memory[p.off : p.off+p.n])
		return err
	}
	counted := &countWriter{w: w}
	if err = c.ReadRange(counted, p.off, p.n); err == nil && counted.n != p.n {
		err = fmt.Errorf("imapd: message shorter than its size: %w", fault.Corrupt)
	}
	return err
}

// find looks for the section in a message. done gives memory back.
func (s section) find(ctx context.Context, se *session, c hub.Content, entry *mailbox.Entry) (p piece, done func(), err error) {
	done = func() {}
	if !s.wantsEntry() {
		return s.cut(piece{there: true, n: c.Size()}), done, nil
	}
	p.off, p.n, p.there = entry.Structure.Section(s.path, s.spec)
	switch {
	case !p.there:
		return p, done, nil
	case p.off < 0 || p.n < 0 || p.off > c.Size()-p.n:
		return p, done, fmt.Errorf("imapd: section outside of its message: %w", fault.Corrupt)
	case s.form != asItIs && len(s.path) > 0:
		done, err = s.decode(ctx, se, c, entry.Structure.Part(s.path), &p)
	case len(s.fields) > 0:
		err = s.filter(c, &p)
	}
	return s.cut(p), done, err
}

// cut applies the partial: from an offset, at most so many bytes.
func (s section) cut(p piece) piece {
	if s.partial == nil || !p.there {
		return p
	}
	from := min(s.partial.Offset, p.n)
	p.off += from
	p.n = min(s.partial.Size, p.n-from)
	return p
}

// filter takes the fields that were asked for out of a header.
func (s section) filter(c hub.Content, p *piece) error {
	if p.n > maxHeader {
		return fmt.Errorf("imapd: header: %w", fault.TooLarge)
	}
	var b bytes.Buffer
	if err := c.ReadRange(&b, p.off, p.n); err != nil {
		return err
	}
	p.memory, p.inMemory = mail.ParseHeader(b.Bytes()).Fields(s.fields, s.not), true
	p.off, p.n = 0, int64(len(p.memory))
	return nil
}

// decode takes a part into memory without its transfer encoding, within the
// budget.
func (s section) decode(ctx context.Context, se *session, c hub.Content, part *mail.Part, p *piece) (done func(), err error) {
	if part.Encoding != "base64" && part.Encoding != "quoted-printable" {
		return func() {}, nil
	}
	if done, err = se.hold(ctx, 2*p.n); err != nil {
		return nil, err
	}
	body := bytes.NewBuffer(make([]byte, 0, p.n))
	if err = c.ReadRange(body, p.off, p.n); err == nil {
		alone := mail.Part{Encoding: part.Encoding, End: body.Len()}
		p.memory, err = alone.Decoded(body.Bytes(), p.n)
	}
	if err != nil {
		done()
		return nil, err
	}
	p.inMemory, p.off, p.n = true, 0, int64(len(p.memory))
	return done, nil
}

type appendWriter struct{ b *[]byte }

func (w appendWriter) Write(p []byte) (int, error) {
	*w.b = append(*w.b, p...)
	return len(p), nil
}

// A rawWriter sends bytes past the library.
type rawWriter struct{ w *wire }

func (r rawWriter) Write(p []byte) (int, error) {
	if err := r.w.Raw(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

type countWriter struct {
	w io.Writer
	n int64
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// isReply reports whether err is an answer for the client already.
func isReply(err error) bool {
	var e *imap.Error
	return errors.As(err, &e)
}
