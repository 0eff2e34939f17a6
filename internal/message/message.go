// Package message reads and writes Internet mail (RFC 5322, MIME RFC 2045 to
// 2049) as the hub keeps it: the bytes received are the truth, and everything
// else is an index of offsets over them.
//
//   - Parse makes the index: one walk, no recursion into the input, bounded by
//     Limits. It accepts odd mail and notes its defects.
//   - Envelope and Structure are what an IMAP listing shows, with a compact
//     binary form; a Structure finds any IMAP section as a byte range.
//   - Split separates a mail into its skeleton and its documents; a Layout
//     joins them again, byte for byte, or any range of them.
//   - SearchText and Fold say what IMAP SEARCH looks at.
//   - StrictReader refuses on the way in what RFC 5321 §2.3.8 forbids.
//   - Compose writes new mail.
//
// It does no I/O, keeps no state, never decides who may read, and never puts
// content into an error.
package message

import (
	"bytes"
	"fmt"

	"vaguemestre/internal/fault"
)

// Limits bound what Parse accepts. A zero field takes the value of Default.
type Limits struct {
	Size        int64 // bytes of the whole mail
	Parts       int   // parts, nested messages and their parts included
	Depth       int   // multiparts and messages inside each other
	HeaderLines int   // lines of one header, that of the mail or of a part
	HeaderBytes int   // bytes of one header
}

// Default is what the hub accepts unless configured otherwise.
var Default = Limits{Size: 50 << 20, Parts: 500, Depth: 32, HeaderLines: 1000, HeaderBytes: 256 << 10}

func (l Limits) orDefault() Limits {
	if l.Size == 0 {
		l.Size = Default.Size
	}
	if l.Parts == 0 {
		l.Parts = Default.Parts
	}
	if l.Depth == 0 {
		l.Depth = Default.Depth
	}
	if l.HeaderLines == 0 {
		l.HeaderLines = Default.HeaderLines
	}
	if l.HeaderBytes == 0 {
		l.HeaderBytes = Default.HeaderBytes
	}
	return l
}

// A Defect is something a mail does that no standard allows and that we read
// over.
type Defect string

// The defects Parse notes, each at most once per mail.
const (
	ByteOrderMark    Defect = "byte order mark before the header"
	MboxLine         Defect = "mbox From line before the header"
	LineFeedOnly     Defect = "lines end with LF alone"
	NoColon          Defect = "header line without a colon"
	NoBlankLine      Defect = "no blank line after a header"
	RepeatedContent  Defect = "repeated Content- field, the first counts"
	BadContentType   Defect = "unreadable Content-Type, read as text"
	NoBoundary       Defect = "multipart without a boundary, read as text"
	NoParts          Defect = "multipart without a part, read as text"
	NotClosed        Defect = "multipart without its closing delimiter"
	TooManyParams    Defect = "more parameters than are kept"
	EncodedContainer Defect = "transfer encoding on a multipart, ignored"
)

// A Mail is a parsed mail. It keeps Raw, which must not change afterwards.
type Mail struct {
	Raw     []byte
	Root    *Part
	Defects []Defect

	header Header
}

// A Part is a node of the MIME tree: offsets into the mail's bytes and the
// values of its Content- fields, decoded to UTF-8 and clipped to a sane length.
//
// A part is a multipart (Children), a message/rfc822 that could be read
// (Message), or a leaf. A multipart always has a child: one without is shown
// as text/plain, since no client survives it (RFC 3501 §9 has no form for it).
type Part struct {
	Path              string // IMAP part number, "1.2"; empty for the multipart that is the body of a message
	Type, Subtype     string // lower case
	Params            Params
	Encoding          string // lower case, "7bit" where not said
	ID, Description   string
	Disposition       string // lower case, empty where not said
	DispositionParams Params
	Language          []string
	Location, MD5     string

	HeaderStart int // offset of the part's header
	BodyStart   int // offset of its body, after the blank line
	End         int // offset of its end, before the line break that belongs to the delimiter
	Lines       int // lines of the body; counted for text and message parts only

	Children []*Part
	Message  *Embedded
}

// An Embedded is the message inside a message/rfc822 part.
type Embedded struct {
	Envelope Envelope
	Root     *Part
}

// MediaType returns "type/subtype" in lower case.
func (p *Part) MediaType() string { return p.Type + "/" + p.Subtype }

// Size returns the length of the body, as it stands in the mail.
func (p *Part) Size() int { return p.End - p.BodyStart }

// IsLeaf reports whether p contains no other part.
func (p *Part) IsLeaf() bool { return len(p.Children) == 0 && p.Message == nil }

// Header indexes the header of p in raw, the bytes of its mail.
func (p *Part) Header(raw []byte) Header { return ParseHeader(raw[p.HeaderStart:p.BodyStart]) }

// Walk calls fn for p and every part below it, in the order of the mail, until
// fn returns false.
func (p *Part) Walk(fn func(*Part) bool) bool {
	if !fn(p) {
		return false
	}
	for _, c := range p.Children {
		if !c.Walk(fn) {
			return false
		}
	}
	return p.Message == nil || p.Message.Root.Walk(fn)
}

// Parse indexes raw, which it keeps and does not copy. It accepts odd mail and
// notes its Defects. It fails with fault.Invalid if raw is no mail (no header
// field, or a NUL byte), and with fault.TooLarge above a limit. It takes time
// proportional to len(raw).
func Parse(raw []byte, lim Limits) (*Mail, error) {
	lim = lim.orDefault()
	if int64(len(raw)) > lim.Size {
		return nil, fmt.Errorf("message: parse: size: %w", fault.TooLarge)
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return nil, fmt.Errorf("message: parse: NUL byte: %w", fault.Invalid)
	}
	x := indexer{raw: raw, lim: lim, mail: &Mail{Raw: raw}}
	if err := x.run(); err != nil {
		return nil, fmt.Errorf("message: parse: %w", err)
	}
	if len(x.mail.header.fields) == 0 {
		return nil, fmt.Errorf("message: parse: no header: %w", fault.Invalid)
	}
	return x.mail, nil
}
