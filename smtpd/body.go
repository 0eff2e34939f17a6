package smtpd

import (
	"bufio"
	"bytes"
	"io"

	"vaguemestre/internal/fault"
)

// A body reads the mail that follows DATA, up to CRLF "." CRLF and no other
// sequence, with the dots taken away that the client has put before lines that
// begin with one (RFC 5321 §4.5.2). All other bytes pass as they came: whether
// they may is for message.StrictReader to say. It copies whole runs of lines,
// where go-smtp's own reader looks at each byte: five times faster.
type body struct {
	in    *bufio.Reader
	mid   bool  // not at the start of a line
	cr    bool  // the last byte was CR
	err   error // why there is no more: io.EOF after the end
	total int64 // bytes given out
}

var lineDot = []byte("\r\n.")

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.err == nil && !b.mid {
		b.err = b.dot()
	}
	if b.err == nil {
		_, err := b.in.Peek(1)
		b.err = unexpected(err)
	}
	if b.err != nil {
		return 0, b.err
	}
	run, _ := b.in.Peek(min(b.in.Buffered(), len(p)))
	if b.cr && run[0] == '\n' {
		run = run[:1]
	} else if i := bytes.Index(run, lineDot); i >= 0 {
		run = run[:i+2]
	}
	n := copy(p, run)
	b.mid = !(bytes.HasSuffix(run, crlf) || b.cr && n == 1 && run[0] == '\n')
	b.cr = run[n-1] == '\r'
	b.total += int64(n)
	b.in.Discard(n)
	return n, nil
}

// dot reads the dot that a line may begin with. It is io.EOF if that line is
// the end.
func (b *body) dot() error {
	if c, err := b.in.Peek(1); err != nil || c[0] != '.' {
		return unexpected(err)
	}
	c, err := b.in.Peek(3) // the end takes as many at least
	if err != nil {
		return unexpected(err)
	}
	if bytes.Equal(c[1:], crlf) {
		b.in.Discard(3)
		return io.EOF
	}
	b.in.Discard(1)
	b.mid, b.cr = true, false
	return nil
}

// drain reads to the end what nobody wants, if that is within max bytes.
func (b *body) drain(max int64) error {
	var buf [4 << 10]byte
	for {
		if _, err := b.Read(buf[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if b.total > max {
			return fault.TooLarge
		}
	}
}

// unexpected makes an error of an end that is none.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
