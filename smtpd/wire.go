package smtpd

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/listen"
)

// A wire is the connection as go-smtp sees it, always inside TLS. It gives
// go-smtp one command line, or bytes of one chunk, at a time, and nothing ahead
// of them, so that it knows what each byte is:
//
//   - A command line that is too long, ends with a bare LF or holds a bare CR,
//     a NUL or another control character ends the connection (RFC 5321
//     §2.3.8): between two readers of such a line a command can hide.
//   - The body of DATA is read from the wire itself (body), not through
//     go-smtp, whose reader takes one byte at a time and drops some; go-smtp
//     is then shown an empty body.
//   - The end of the connection within a chunk or a body is an error, never an
//     end of data; after an error nothing is read any more.
//
// Replies are sent when no further input is at hand, so that pipelined commands
// cost one packet (RFC 2920). A reply 421 ends the connection.
type wire struct {
	net.Conn // the *tls.Conn; the *listen.Conn before STARTTLS
	l        *wires
	guard    *listen.Conn
	log      *slog.Logger
	in       *bufio.Reader
	clear    bool // before STARTTLS

	line     []byte // of the current command, what go-smtp has not had yet
	long     []byte // holds a line longer than the buffer
	chunk    int64  // bytes of a BDAT chunk that are to come
	body     *body  // of DATA, from the reply 354 to its end
	exchange bool   // the next line is part of AUTH: the last reply was 334
	errs     int    // replies 4xx and 5xx
	broken   error  // the first error; every Read returns it

	mu       sync.Mutex // for the below, which finish and Close touch from other goroutines
	out      []byte     // replies to be sent
	parsed   int        // of out, looked at by replied
	waiting  bool       // for a command
	stopping bool       // the next command is answered 421
	last     bool       // the last reply has been given
	closed   bool
}

func newWire(c net.Conn, l *wires) *wire {
	w := &wire{Conn: c, l: l}
	switch c := c.(type) {
	case *tls.Conn:
		w.guard = c.NetConn().(*listen.Conn)
	case *listen.Conn:
		w.guard, w.clear = c, true
	}
	w.in = bufio.NewReaderSize(input{w}, 4<<10)
	w.log = l.server.cfg.Log.With("proto", "smtp", "conn", l.server.conns.Add(1), "remote", w.remote().String())
	l.server.metrics.connections.Inc()
	return w
}

func (w *wire) remote() netip.Addr {
	ap, _ := netip.ParseAddrPort(w.RemoteAddr().String())
	return ap.Addr().Unmap()
}

// Read implements net.Conn for go-smtp.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.line) == 0 && w.chunk == 0 && w.broken == nil {
		w.fail(w.next())
	}
	switch {
	case w.broken != nil:
		return 0, w.broken
	case len(w.line) > 0:
		n := copy(p, w.line)
		w.line = w.line[n:]
		return n, nil
	}
	n, err := w.in.Read(p[:min(int64(len(p)), w.chunk)])
	w.chunk -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // go-smtp would take it for the end of the mail
	}
	w.fail(err)
	return n, err
}

// fail keeps the first error, and has the last word: what go-smtp would say of
// it names our sockets.
func (w *wire) fail(err error) {
	if w.broken != nil || err == nil {
		return
	}
	w.broken = err
	if err != io.EOF {
		w.reply("421 4.4.2 Timeout or connection failure, closing connection")
	}
}

// next readies what Read gives next.
func (w *wire) next() error {
	if w.body != nil { // all of it must be gone before the next command
		err := w.body.drain(2 * w.l.server.cfg.Limits.Mail)
		w.body, w.line = nil, []byte(".\r\n")
		if errors.Is(err, fault.TooLarge) {
			return w.hangUp("552 5.3.4 Message trop lourd. / Mail too large.")
		}
		return err
	}
	for {
		line, err := w.command()
		if err != nil {
			return err
		}
		verb, args, _ := strings.Cut(string(bytes.TrimSuffix(line, crlf)), " ")
		switch verb = strings.ToUpper(verb); {
		case w.exchange:
		case w.clear:
			if err := w.inClear(verb, args); err != nil {
				return err
			}
			continue
		case !verbs[verb]:
			w.reply("500 5.5.1 Command not recognized")
			continue
		case verb == "BDAT":
			if w.chunk = chunkSize(args); w.chunk > 2*w.l.server.cfg.Limits.Mail {
				return w.hangUp("552 5.3.4 Message trop lourd. / Mail too large.")
			}
		}
		w.line = line
		return nil
	}
}

var (
	crlf  = []byte("\r\n")
	verbs = map[string]bool{"EHLO": true, "HELO": true, "AUTH": true, "MAIL": true, "RCPT": true, "DATA": true, "BDAT": true,
		"RSET": true, "NOOP": true, "VRFY": true, "EXPN": true, "HELP": true, "QUIT": true, "STARTTLS": true}
)

// chunkSize returns the bytes that follow a BDAT command: as many as go-smtp
// takes, 0 where it refuses the argument.
func chunkSize(args string) int64 {
	f := strings.Fields(args)
	if len(f) == 0 || len(f) > 2 || len(f) == 2 && !strings.EqualFold(f[1], "LAST") {
		return 0
	}
	n, err := strconv.ParseUint(f[0], 10, 32)
	if err != nil {
		return 0
	}
	return int64(n)
}

// command reads a command line, its CRLF included. The slice is good until the
// next read.
func (w *wire) command() ([]byte, error) {
	if !w.await(true) {
		return nil, io.EOF
	}
	line, err := w.readLine()
	if !w.await(false) && err == nil {
		err = io.EOF
	}
	if err != nil {
		return nil, err
	}
	text, ok := bytes.CutSuffix(line, crlf)
	if !ok || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		w.log.Info("smtp command line malformed")
		return nil, w.hangUp("550 5.5.2 Line with a bare CR or LF or a control character")
	}
	return line, nil
}

func (w *wire) readLine() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return line, err
	}
	w.long = append(w.long[:0], line...)
	for err == bufio.ErrBufferFull && len(w.long) <= w.l.server.cfg.Limits.Line {
		line, err = w.in.ReadSlice('\n')
		w.long = append(w.long, line...)
	}
	if len(w.long) > w.l.server.cfg.Limits.Line {
		return nil, w.hangUp("500 5.5.6 Line too long")
	}
	return w.long, err
}

// await notes that a command is waited for, or no longer. It returns false when
// the connection has had its last reply.
func (w *wire) await(yes bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping {
		w.queue([]byte(w.closing()))
	}
	w.waiting = yes && !w.last
	return !w.last
}

func (w *wire) closing() string {
	return "421 4.3.2 " + w.l.server.cfg.Domain + " Service closing, try again later\r\n"
}

// Write implements net.Conn for go-smtp: it keeps replies until they are sent.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, errStopped
	}
	w.queue(p)
	return len(p), nil
}

func (w *wire) reply(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue([]byte(line + "\r\n"))
}

// hangUp is the end of a connection that cannot go on, after a last word.
func (w *wire) hangUp(why string) error {
	w.reply(why)
	w.reply("421 4.7.0 Closing connection")
	return io.EOF
}

// queue adds to the replies and looks at those that are whole. After the last
// one there is none.
func (w *wire) queue(p []byte) {
	if w.last {
		return
	}
	w.out = append(w.out, p...)
	for !w.last {
		i := bytes.IndexByte(w.out[w.parsed:], '\n')
		if i < 0 {
			return
		}
		line := w.out[w.parsed : w.parsed+i]
		w.parsed += i + 1
		if len(line) > 3 && line[3] != '-' {
			w.replied(string(line[:3]))
		}
	}
}

// replied draws the consequences of a reply.
func (w *wire) replied(code string) {
	w.exchange = code == "334"
	w.l.server.metrics.replied(code)
	switch {
	case code == "421":
		w.last = true
	case code == "354":
		w.body = &body{in: w.in}
	case code[0] == '4' || code[0] == '5':
		if w.errs++; w.errs > w.l.server.cfg.Limits.Errors {
			w.log.Info("smtp too many errors")
			w.queue([]byte("421 4.7.0 Too many errors, closing connection\r\n"))
		}
	}
}

// flush sends what there is to send.
func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.out) == 0 {
		return nil
	}
	_, err := w.Conn.Write(w.out)
	w.out, w.parsed = w.out[:0], 0
	return err
}

// input is what the buffer of a wire reads from: before it waits for the
// client, the client gets its replies.
type input struct{ w *wire }

func (i input) Read(p []byte) (int, error) {
	if err := i.w.flush(); err != nil {
		return 0, err
	}
	return i.w.Conn.Read(p)
}

// finish ends an idle connection, and makes a busy one end before its next
// command. It is called from another goroutine.
func (w *wire) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	if w.waiting && !w.last { // all replies are sent, or about to be
		w.last = true
		w.out = append(w.out, w.closing()...)
		w.Conn.Write(w.out)
		w.out, w.parsed = w.out[:0], 0
		w.Conn.Close()
	}
}

// Close implements net.Conn. It sends the replies that are left.
func (w *wire) Close() error {
	w.flush()
	w.mu.Lock()
	done := w.closed
	w.closed = true
	w.mu.Unlock()
	if !done {
		w.l.forget(w)
	}
	return w.Conn.Close()
}
