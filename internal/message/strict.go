package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"vaguemestre/internal/fault"
)

// A StrictReader passes on what it reads as long as it is a mail that no two
// programs can read differently: lines end with CRLF, and neither CR, LF nor
// NUL stands anywhere else (RFC 5321 §2.3.8, §4.1.1.4; RFC 5322 §2.3).
type StrictReader struct {
	r    io.Reader
	left int64
	cr   bool // the last byte passed on was CR
	err  error
}

// NewStrictReader returns a reader of r that fails with fault.Invalid at a bare
// CR, a bare LF or a NUL, and with fault.TooLarge after more than limit bytes.
// It gives out nothing of the block in which it failed, and the same error ever
// after; a CR at the very end is an error in place of io.EOF.
func NewStrictReader(r io.Reader, limit int64) *StrictReader {
	return &StrictReader{r: r, left: limit}
}

// Read implements io.Reader.
func (s *StrictReader) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if s.left -= int64(n); s.left < 0 {
		s.err = fmt.Errorf("message: read: size: %w", fault.TooLarge)
		return 0, s.err
	}
	if !s.check(p[:n]) {
		s.err = fmt.Errorf("message: read: bare CR, LF or NUL: %w", fault.Invalid)
		return 0, s.err
	}
	if s.err = err; err == io.EOF && s.cr {
		s.err = fmt.Errorf("message: read: CR at the end: %w", fault.Invalid)
	}
	return n, s.err
}

// check looks at a block: every CR is followed by LF, and there are as many
// LF as CR, so that none stands alone.
func (s *StrictReader) check(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return false
	}
	feeds := bytes.Count(b, []byte{'\n'})
	if s.cr {
		if b[0] != '\n' {
			return false
		}
		feeds--
	}
	s.cr = false
	for rest := b; ; {
		i := bytes.IndexByte(rest, '\r')
		if i < 0 {
			break
		}
		if i == len(rest)-1 {
			s.cr = true
			break
		}
		if rest[i+1] != '\n' {
			return false
		}
		feeds--
		rest = rest[i+2:]
	}
	return feeds == 0
}

// firstRead is how much memory is taken on the word of a sender alone.
const firstRead = 1 << 20

// ReadStrict reads a whole mail through a StrictReader into one piece of
// memory. declared is the size announced (RFC 1870), 0 if none was; it saves
// copying and is not trusted.
func ReadStrict(r io.Reader, declared, limit int64) ([]byte, error) {
	s := NewStrictReader(r, limit)
	size := max(min(declared, limit), 0)
	if size == 0 {
		size = 16 << 10
	}
	buf := make([]byte, 0, min(size+512, firstRead))
	for {
		if len(buf) == cap(buf) {
			// What was announced has begun to come: make room for all of it.
			next := int64(cap(buf)) * 2
			if size+512 > int64(cap(buf)) {
				next = size + 512
			}
			grown := make([]byte, len(buf), next)
			copy(grown, buf)
			buf = grown
		}
		n, err := s.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
