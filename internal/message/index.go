package message

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"vaguemestre/internal/fault"
)

// An indexer makes the MIME tree in one walk over the mail. It keeps the parts
// that are open at the point it has reached, outermost first; a delimiter line
// closes those inside the multipart it belongs to.
type indexer struct {
	raw  []byte
	lim  Limits
	mail *Mail

	open   []frame
	depth  int // multiparts and messages among open
	parts  int
	fields []field // scratch
}

// A frame is a part that is open.
type frame struct {
	part     *Part
	prefix   string // IMAP number that those of its children begin with
	boundary string // of a multipart, until its closing delimiter
}

func (x *indexer) note(d Defect) {
	if !slices.Contains(x.mail.Defects, d) {
		x.mail.Defects = append(x.mail.Defects, d)
	}
}

func (x *indexer) run() error {
	pos, err := x.begin(0)
	for err == nil {
		d := x.nextDelimiter(pos)
		if d.level < 0 {
			break
		}
		x.closeAbove(d.level, x.beforeLineBreak(d.start))
		pos = d.end
		if d.closing {
			x.open[d.level].boundary = "" // what follows is its epilogue
			continue
		}
		pos, err = x.begin(pos)
	}
	if err != nil {
		return err
	}
	x.closeAbove(-1, len(x.raw))
	return nil
}

// begin opens the part whose header is at pos, inside the innermost open one,
// and returns where its body is. A message opens its own first part as well.
func (x *indexer) begin(pos int) (int, error) {
	for {
		if x.parts++; x.parts > x.lim.Parts {
			return 0, fmt.Errorf("parts: %w", fault.TooLarge)
		}
		h, err := x.header(pos)
		if err != nil {
			return 0, err
		}
		p := &Part{HeaderStart: pos, BodyStart: pos + len(h.raw)}
		boundary := x.content(p, h)
		if x.mail.Root == nil {
			x.mail.Root = p
			x.mail.header = Header{h.raw, slices.Clone(h.fields)}
		}
		f := frame{part: p, boundary: boundary, prefix: x.attach(p, h)}
		if x.open = append(x.open, f); boundary != "" || p.Message != nil {
			if x.depth++; x.depth > x.lim.Depth {
				return 0, fmt.Errorf("depth: %w", fault.TooLarge)
			}
		}
		if pos = p.BodyStart; p.Message == nil {
			return pos, nil
		}
	}
}

// attach hangs p, whose header is h, under the innermost open part, gives it its number, and
// returns the number its children begin with.
func (x *indexer) attach(p *Part, h Header) string {
	prefix := ""
	if len(x.open) > 0 {
		top := &x.open[len(x.open)-1]
		prefix = top.prefix
		if m := top.part.Message; m != nil {
			m.Root, m.Envelope = p, h.envelope(maxNestedAddresses)
		} else {
			top.part.Children = append(top.part.Children, p)
			p.Path = joinPath(prefix, len(top.part.Children))
			return p.Path
		}
	}
	if p.Type == "multipart" { // the body of a message: its children count from 1
		return prefix
	}
	p.Path = joinPath(prefix, 1)
	return p.Path
}

func joinPath(prefix string, n int) string {
	if prefix == "" {
		return strconv.Itoa(n)
	}
	return prefix + "." + strconv.Itoa(n)
}

// closeAbove ends, at offset end, the open parts inside the one at level.
func (x *indexer) closeAbove(level, end int) {
	for i := len(x.open) - 1; i > level; i-- {
		f := x.open[i]
		p := f.part
		end = max(end, p.BodyStart) // an empty body has no line break to give away
		p.End = end
		if p.Type == "multipart" || p.Message != nil {
			x.depth--
		}
		if f.boundary != "" {
			x.note(NotClosed)
		}
		if p.Type == "multipart" && len(p.Children) == 0 {
			x.note(NoParts)
			asText(p)
			if p.Path == "" {
				p.Path = joinPath(f.prefix, 1)
			}
		}
		if p.Type == "text" || p.Message != nil {
			p.Lines = countLines(x.raw[p.BodyStart:p.End])
		}
	}
	x.open = x.open[:level+1]
}

func countLines(b []byte) int {
	n := bytes.Count(b, []byte{'\n'})
	if len(b) > 0 && b[len(b)-1] != '\n' {
		n++
	}
	return n
}

// asText makes of p what a reader without MIME would see.
func asText(p *Part) { p.Type, p.Subtype, p.Params = "text", "plain", nil }

// A delimiter is a line "--boundary" of the open multipart at level, or has
// level -1.
type delimiter struct {
	start, end int // of the line, end after its line break
	level      int
	closing    bool
}

// nextDelimiter finds the first delimiter line at or after pos, which is the
// start of a line. It looks for the hyphen, which base64 has not, rather than
// at every line.
func (x *indexer) nextDelimiter(pos int) delimiter {
	raw := x.raw
	for pos < len(raw) {
		if raw[pos] == '-' {
			if d := x.delimiterAt(pos); d.level >= 0 {
				return d
			}
		}
		// No delimiter on this line: the next begins with the first hyphen
		// that follows a line feed.
		i := bytes.IndexByte(raw[pos+1:], '-')
		if i < 0 {
			break
		}
		if pos += 1 + i; raw[pos-1] == '\n' {
			continue
		}
		if i = bytes.IndexByte(raw[pos:], '\n'); i < 0 {
			break
		}
		pos += i + 1
	}
	return delimiter{level: -1}
}

// delimiterAt says which open multipart the line at pos delimits, the
// innermost first (RFC 2046 §5.1.1: only white space may follow).
func (x *indexer) delimiterAt(pos int) delimiter {
	none := delimiter{level: -1}
	rest := x.raw[pos:]
	if len(rest) < 3 || rest[0] != '-' || rest[1] != '-' {
		return none
	}
	line := rest[2:]
	if len(line) > maxBoundary+128 {
		line = line[:maxBoundary+128]
	}
	end := len(rest)
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line, end = line[:i], 2+i+1
	} else if len(line) < len(rest)-2 {
		return none // longer than any delimiter
	}
	line = bytes.TrimRight(line, " \t\r")
	for i := len(x.open) - 1; i >= 0; i-- {
		b := x.open[i].boundary
		if b == "" || len(line) < len(b) || string(line[:len(b)]) != b {
			continue
		}
		switch string(line[len(b):]) {
		case "":
			return delimiter{pos, pos + end, i, false}
		case "--":
			return delimiter{pos, pos + end, i, true}
		}
	}
	return none
}

// beforeLineBreak returns the offset of the line break that ends at pos.
func (x *indexer) beforeLineBreak(pos int) int {
	if pos > 0 && x.raw[pos-1] == '\n' {
		if pos--; pos > 0 && x.raw[pos-1] == '\r' {
			pos--
		}
	}
	return pos
}
