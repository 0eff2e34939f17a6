package message

import (
	"encoding/base64"
	"fmt"
	"io"
	"sync"

	"vaguemestre/internal/fault"
)

// A Layout says how a split mail is joined: a stretch of the skeleton, a part
// encoded as base64, a stretch, and so on. The zero value is that of the empty
// mail.
type Layout struct {
	holes []hole
	tail  int // bytes of the skeleton after the last hole
	size  int64
}

// A hole is the place of a part in the skeleton.
type hole struct {
	gap     int // bytes of the skeleton before it, since the last hole
	decoded int // bytes of the part
	line    int // base64 characters in a line, a multiple of four; 0 for one line
	eol     int // bytes of its line breaks: 2 for CRLF, 1 for LF; 0 for one line
}

// encoded returns the length of the part in the mail.
func (h hole) encoded() int {
	chars := (h.decoded + 2) / 3 * 4
	if h.line == 0 {
		return chars
	}
	return chars + (chars-1)/h.line*h.eol
}

// Size returns the length of the mail.
func (l Layout) Size() int64 { return l.size }

// Parts returns the number of parts that were cut out.
func (l Layout) Parts() int { return len(l.holes) }

// SkeletonSize returns the length of the skeleton.
func (l Layout) SkeletonSize() int64 {
	n := int64(l.tail)
	for _, h := range l.holes {
		n += int64(h.gap)
	}
	return n
}

// PartSize returns the length of the content of part i, in the order of Split.
func (l Layout) PartSize(i int) int64 { return int64(l.holes[i].decoded) }

const layoutVersion = 1

// AppendBinary appends the compact form of l, which ParseLayout reads. It never
// fails.
func (l Layout) AppendBinary(b []byte) ([]byte, error) {
	w := writer{append(b, layoutVersion)}
	w.int(len(l.holes))
	for _, h := range l.holes {
		w.int(h.gap)
		w.int(h.decoded)
		w.int(h.line)
		w.int(h.eol)
	}
	w.int(l.tail)
	return w.b, nil
}

// ParseLayout reads what AppendBinary wrote; anything else is fault.Corrupt.
func ParseLayout(b []byte) (Layout, error) {
	r := newReader(b, layoutVersion)
	l := Layout{holes: make([]hole, r.count(4))}
	for i := range l.holes {
		h := hole{r.int(), r.int(), r.int(), r.int()}
		oneLine := h.line == 0 && h.eol == 0
		lines := h.line > 0 && h.line <= maxBase64Line && h.line%4 == 0 && (h.eol == 1 || h.eol == 2)
		if h.decoded == 0 || !oneLine && !lines {
			r.fail()
			break
		}
		l.holes[i] = h
		l.size += int64(h.gap) + int64(h.encoded())
	}
	l.tail = r.int()
	l.size += int64(l.tail)
	if err := r.end("layout"); err != nil {
		return Layout{}, err
	}
	return l, nil
}

// An Opener gives the content of part i of a split mail, in the order of Split,
// from byte from on. The reader is read to its end if the range reaches the end
// of the part, so that a sealed content is verified; then it is closed.
type Opener func(i int, from int64) (io.ReadCloser, error)

// Join writes the whole mail to w.
func (l Layout) Join(w io.Writer, skeleton []byte, open Opener) error {
	return l.WriteRange(w, 0, l.size, skeleton, open)
}

// WriteRange writes n bytes of the mail from off on, or as many as there are,
// to w. It opens the parts it needs and no other, one after the other. A
// skeleton or a part of another length than the layout says is fault.Corrupt;
// what was written before is then to be thrown away.
func (l Layout) WriteRange(w io.Writer, off, n int64, skeleton []byte, open Opener) error {
	if off < 0 || n < 0 {
		return fmt.Errorf("message: join: negative range: %w", fault.Invalid)
	}
	if int64(len(skeleton)) != l.SkeletonSize() {
		return fmt.Errorf("message: join: skeleton: %w", fault.Corrupt)
	}
	from, to := min(off, l.size), l.size
	if n < l.size-from {
		to = from + n
	}
	at := int64(0) // of the mail
	stretch := func(length int) error {
		a, b := clamp(from-at, length), clamp(to-at, length)
		at += int64(length)
		var err error
		if a < b {
			_, err = w.Write(skeleton[a:b])
		}
		skeleton = skeleton[length:]
		return err
	}
	for i, h := range l.holes {
		if err := stretch(h.gap); err != nil {
			return fmt.Errorf("message: join: %w", err)
		}
		length := h.encoded()
		a, b := clamp(from-at, length), clamp(to-at, length)
		at += int64(length)
		if a == b {
			continue
		}
		if err := h.write(w, a, b, func(skip int64) (io.ReadCloser, error) { return open(i, skip) }); err != nil {
			return fmt.Errorf("message: join: part: %w", err)
		}
	}
	if err := stretch(l.tail); err != nil {
		return fmt.Errorf("message: join: %w", err)
	}
	return nil
}

// clamp brings n into [0, most].
func clamp(n int64, most int) int { return int(max(0, min(n, int64(most)))) }

// blockSize is about how many characters are encoded at once.
const blockSize = 32 << 10

// A block is the memory one part is encoded with.
type block struct{ decoded, encoded []byte }

var blocks = sync.Pool{New: func() any { return new(block) }}

// write writes characters a to b of the encoded part to w.
func (h hole) write(w io.Writer, a, b int, open func(from int64) (io.ReadCloser, error)) error {
	line, eol := h.line, "\r\n"[2-h.eol:]
	if line == 0 {
		line = blockSize
	}
	stride := line + len(eol)
	lines := max(1, blockSize/stride)
	first := a / stride // line to begin with
	src, err := open(int64(first) * int64(line/4*3))
	if err != nil {
		return err
	}
	defer src.Close()
	buf := blocks.Get().(*block)
	defer blocks.Put(buf)
	buf.decoded = sized(buf.decoded, lines*(line/4*3))
	buf.encoded = sized(buf.encoded, lines*stride)

	left := h.decoded - first*(line/4*3)
	for at := first * stride; at < b; {
		in := buf.decoded[:min(left, len(buf.decoded))]
		if _, err := io.ReadFull(src, in); err != nil {
			return short(err)
		}
		left -= len(in)
		out := encodeLines(buf.encoded, in, line, eol, left == 0)
		if lo, hi := max(a-at, 0), min(b-at, len(out)); lo < hi {
			if _, err := w.Write(out[lo:hi]); err != nil {
				return err
			}
		}
		at += len(out)
	}
	if left > 0 || b < h.encoded() {
		return nil
	}
	if n, err := io.ReadFull(src, buf.decoded[:1]); n > 0 || err != io.EOF {
		return short(err)
	}
	return nil
}

// short makes fault.Corrupt of the end of a part that came too early or too
// late; other errors stay as they are.
func short(err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("length: %w", fault.Corrupt)
	}
	return err
}

func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// encodeLines encodes src into dst, in lines of line characters, and returns
// what it wrote; the last line of the part has no line break.
func encodeLines(dst, src []byte, line int, eol string, last bool) []byte {
	n, width := 0, line/4*3
	for len(src) >= width {
		base64.StdEncoding.Encode(dst[n:n+line], src[:width])
		src = src[width:]
		n += line
		if len(src) > 0 || !last {
			n += copy(dst[n:], eol)
		}
	}
	if len(src) > 0 {
		end := n + base64.StdEncoding.EncodedLen(len(src))
		base64.StdEncoding.Encode(dst[n:end], src)
		n = end
	}
	return dst[:n]
}
