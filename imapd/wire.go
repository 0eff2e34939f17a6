package imapd

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"vaguemestre/internal/listen"
)

// Limits of what a client may send, in bytes. RFC 2683 §3.2.1.5 asks for 8 000
// in a line; the library below reads 50 KB of a command, and not one more.
const (
	maxLineBefore    = 8 << 10  // a command, before login
	maxLine          = 48 << 10 // a command without its literals, after login
	maxLiteralBefore = 4 << 10  // all literals of a command, before login
	maxLiteral       = 4 << 10  // a literal that is not a mail
	maxSwallow       = 1 << 20  // of a line too long, before we hang up
	maxParens        = 64       // nested in a command
	maxTag           = 64
	maxErrors        = 20 // malformed commands in a session
	maxCommands      = 50 // before login
)

var (
	errLine    = errors.New("imapd: malformed line")
	errLong    = errors.New("imapd: line too long")
	errHangUp  = errors.New("imapd: connection ended by us")
	crlf       = []byte("\r\n")
	serverBug  = []byte(" NO [SERVERBUG] Internal server error\r\n")
	capability = []byte("CAPABILITY IMAP4rev2 IMAP4rev1 ")
)

// A wire is the connection as the library sees it: plain IMAP, above TLS. It
// stands between the two because the library has no hook for what must be
// known before a command is parsed.
//
// Towards the library it hands over one line, or one literal, at a time, and
// only lines that are well formed: CRLF at their end, no NUL, quotes that
// close, a bounded length. So when the library reads again, it has answered
// everything before; the wire needs no tags to keep answers in order. It
// answers ID by itself (the library knows no ID, and hangs up on an unknown
// command before login), and shows every literal as a synchronizing one, for
// the library loses its place when it refuses one that is not (RFC 7888 §4).
//
// Towards the client it gathers answers until the library reads again, so that
// a listing is not one TLS record per message.
type wire struct {
	net.Conn // a *tls.Conn, but in a test
	br       *bufio.Reader
	below    *listen.Conn // beneath TLS; nil in some tests
	limit    int64        // of an APPEND literal
	count    func(command string)
	left     func() // called once, when the library closes the connection
	leaving  sync.Once

	// Of the goroutine that reads.
	line     []byte // read and not yet handed over
	literal  int64  // bytes of a literal still to come
	asked    int64  // size of the literal announced by the last line; -1 without
	nonSync  bool   // and whether the client sends it unasked
	inside   bool   // in a command, after a literal
	used     int    // bytes of this command so far, literals aside
	literals int64  // bytes of its literals so far
	errors   int
	commands int

	mu       sync.Mutex
	tag      string // of the command in hand
	command  string
	out      []byte
	reading  bool // the library waits for the client: nothing is held back
	prompted bool // the library wrote a continuation request since the last line
	suppress bool // and the client must not see the next one
	mute     bool // the greeting after STARTTLS is not sent
	loggedIn bool
	farewell string // text of the BYE that ends this connection
	probe    *bytes.Buffer
	werr     error
}

func newWire(c net.Conn, limit int64, greeted bool, count func(string), left func()) *wire {
	w := &wire{Conn: c, br: bufio.NewReaderSize(c, 1024), limit: limit, count: count, left: left, asked: -1, mute: greeted}
	if t, ok := c.(*tls.Conn); ok {
		w.below, _ = t.NetConn().(*listen.Conn)
	}
	return w
}

// SetDeadline does nothing: the library's deadlines cover a whole command or
// literal, however long it is. listen.Conn has better ones.
func (w *wire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, as SetDeadline.
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, as SetDeadline.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// welcome tells the wire that the client has logged in and may now be silent
// for idle.
func (w *wire) welcome(idle time.Duration) {
	w.mu.Lock()
	w.loggedIn = true
	w.mu.Unlock()
	w.Conn.SetReadDeadline(time.Time{})
	if w.below != nil {
		w.below.SetIdle(idle)
	}
}

// current returns the name of the command in hand.
func (w *wire) current() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.command
}

// Read implements net.Conn for the library.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.line) == 0 && w.literal == 0 {
		err := w.beginRead()
		if err == nil {
			err = w.next()
		}
		w.endRead()
		if err != nil {
			return 0, err
		}
	}
	if len(w.line) > 0 {
		n := copy(p, w.line)
		if w.line = w.line[n:]; len(w.line) == 0 {
			w.line = nil
		}
		return n, nil
	}
	n, err := w.br.Read(p[:min(int64(len(p)), w.literal)])
	w.literal -= int64(n)
	return n, err
}

// beginRead sends what was held back, and the farewell if there is one.
func (w *wire) beginRead() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.farewell != "" {
		w.hangUp()
	}
	w.flush()
	w.reading = true
	return w.werr
}

func (w *wire) endRead() {
	w.mu.Lock()
	w.reading = false
	w.mu.Unlock()
}

// next reads until there is something for the library: a line in w.line, or
// a literal of w.literal bytes.
func (w *wire) next() error {
	for {
		prompted, answered := w.takePrompt()
		switch {
		case w.asked >= 0 && prompted: // the library wants this literal
			w.literal, w.asked, w.inside = w.asked, -1, true
			if w.literal > 0 {
				return nil
			}
		case prompted: // IDLE or AUTHENTICATE: the next line is no command
			return w.answer()
		case !answered && (w.asked >= 0 || !w.inside): // it reads on where a command has ended
			return w.giveUp("Syntax error")
		case w.asked >= 0 && w.nonSync: // it does not, but the client sends it
			if err := w.swallow(w.asked); err != nil {
				return err
			}
			continue
		case w.asked >= 0: // nor does the client
			w.asked, w.inside = -1, false
		case w.inside && answered: // refused after a literal: its last line is still to come
			if err := w.swallow(0); err != nil {
				return err
			}
			continue
		}
		done, err := w.readLine()
		if done || err != nil {
			return err
		}
	}
}

// takePrompt reports whether the library wrote a continuation request since
// it got the last line, and whether it has answered the last command.
func (w *wire) takePrompt() (prompted, answered bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	prompted, w.prompted, w.suppress = w.prompted, false, false
	return prompted, w.tag == ""
}

// answer hands over a line that answers a continuation request.
func (w *wire) answer() error {
	line, err := w.scan(maxLineBefore)
	if err != nil {
		return w.giveUp("Malformed answer")
	}
	if w.current() == "IDLE" {
		if !bytes.EqualFold(line, []byte("DONE")) { // the library would go on, and not wait for Idle to end
			return w.giveUp("DONE expected")
		}
		line = []byte("DONE") // it knows upper case only
	}
	w.line = append(line, crlf...) //nolint:gocritic // line is what w.line holds
	return nil
}

// readLine reads a line of a command and puts it in w.line. If the line is not
// for the library it is answered here, and done is false.
func (w *wire) readLine() (done bool, err error) {
	if !w.inside {
		w.used, w.literals = 0, 0
	}
	line, err := w.scan(w.room())
	switch {
	case (errors.Is(err, errLine) || errors.Is(err, errLong)) && !w.inside:
		return false, w.complain(line, err)
	case errors.Is(err, errLine) || errors.Is(err, errLong):
		return false, w.giveUp("Malformed command")
	case err != nil:
		return false, err
	}
	w.used += len(line) + 2
	if !w.inside {
		if done, err := w.begin(line); done || err != nil {
			return false, err
		}
	}
	text, size, nonSync, ok := announced(line)
	switch {
	case !ok:
		return false, w.giveUp("Malformed literal")
	case size < 0:
	case size > w.literalRoom(line):
		return false, w.tooBig(size, nonSync)
	default:
		w.asked, w.nonSync = size, nonSync
		w.literals += size
		line = text
	}
	if w.inside && size < 0 {
		w.inside = false // the last line of its command
	}
	w.mu.Lock()
	w.suppress = size >= 0 && nonSync
	w.mu.Unlock()
	w.line = append(line, crlf...) //nolint:gocritic // line is what w.line holds
	return true, nil
}

// begin looks at the first line of a command. done means that the library
// does not get it.
func (w *wire) begin(line []byte) (done bool, err error) {
	tag, rest, _ := bytes.Cut(line, []byte(" "))
	name, _, _ := bytes.Cut(rest, []byte(" "))
	if !isTag(tag) || len(name) == 0 {
		return true, w.complain(nil, errLine)
	}
	command := strings.ToUpper(string(name))
	w.mu.Lock()
	w.tag, w.command = string(tag), command
	fresh := !w.loggedIn
	w.mu.Unlock()
	w.count(command)
	if w.commands++; fresh && w.commands > maxCommands {
		return true, w.giveUp("Too many commands before login")
	}
	if !balanced(line) {
		return true, w.refuse("Syntax error")
	}
	if command != "ID" {
		return false, nil
	}
	if _, size, nonSync, ok := announced(line); !ok || size >= 0 {
		if !ok || !nonSync {
			return true, w.refuse("Literals are not taken here")
		}
		return true, w.giveUp("Literals are not taken here")
	}
	return true, w.say(idAnswer(string(tag)))
}

func (w *wire) room() int {
	if w.before() {
		return maxLineBefore - w.used
	}
	return maxLine - w.used
}

// literalRoom is how large the literal at the end of line may be. Above 4096
// bytes the library takes none but the mail of an APPEND, and then waits for
// more of the command while the client waits for an answer.
func (w *wire) literalRoom(line []byte) int64 {
	name := !w.inside && bytes.Count(line, []byte(" ")) < 3 // of the mailbox
	switch {
	case w.before():
		return maxLiteralBefore - w.literals
	case w.current() == "APPEND" && !name:
		return w.limit
	}
	return maxLiteral
}

func (w *wire) before() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.loggedIn
}

// scan reads one line without its CRLF. The error is errLine if it holds NUL
// or a bare CR or LF, errLong if it is longer than limit; either way the line
// is read to its end, and its first bytes are returned.
func (w *wire) scan(limit int) ([]byte, error) {
	var line []byte
	var bad error
	for size := 0; ; {
		part, err := w.br.ReadSlice('\n')
		size += len(part)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err // a line that has no end was cut: not ours to judge
		}
		if len(line) <= limit {
			line = append(line, part...)
		}
		if size > maxSwallow || size > limit+2 && w.before() {
			return nil, w.giveUp("Line too long")
		}
		if err == nil {
			break
		}
	}
	if len(line) > limit+2 {
		return line[:maxTag], errLong
	}
	line, ok := bytes.CutSuffix(line, crlf)
	if !ok || bytes.IndexByte(line, 0) >= 0 || bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, '\n') >= 0 {
		bad = errLine
	}
	return line, bad
}

// complain answers a line that cannot be a command.
func (w *wire) complain(line []byte, err error) error {
	tag, _, ok := bytes.Cut(line, []byte(" "))
	if w.errors++; w.errors > maxErrors {
		return w.giveUp("Too many errors")
	}
	if _, size, nonSync, _ := announced(line); size > 0 && nonSync {
		return w.giveUp("Malformed command") // its literal would be read as commands
	}
	text := " BAD Malformed command\r\n"
	if errors.Is(err, errLong) {
		text = " BAD [LIMIT] Command too long\r\n"
	}
	if !ok || !isTag(tag) {
		return w.say("*" + text)
	}
	return w.say(string(tag) + text)
}

// refuse answers the command in hand, which the library does not see.
func (w *wire) refuse(text string) error {
	if w.inside {
		return w.giveUp(text)
	}
	if w.errors++; w.errors > maxErrors {
		return w.giveUp("Too many errors")
	}
	w.mu.Lock()
	tag := w.tag
	w.mu.Unlock()
	return w.say(tag + " BAD " + text + "\r\n")
}

// tooBig refuses a literal, and reads it if the client sends it all the same.
func (w *wire) tooBig(size int64, nonSync bool) error {
	if w.inside || w.before() && nonSync {
		return w.giveUp("Literal too large")
	}
	w.mu.Lock()
	tag := w.tag
	w.mu.Unlock()
	if nonSync {
		if size > 4*w.limit {
			return w.giveUp("Literal too large")
		}
		if err := w.swallow(size); err != nil {
			return err
		}
	}
	return w.say(tag + " NO [TOOBIG] Literal too large\r\n")
}

// swallow reads a literal that nobody wants, and the rest of its command.
func (w *wire) swallow(size int64) error {
	for {
		if _, err := io.CopyN(io.Discard, w.br, size); err != nil {
			return err
		}
		w.asked, w.inside = -1, false
		line, err := w.scan(maxLine)
		if err != nil {
			return w.giveUp("Malformed command")
		}
		_, next, nonSync, ok := announced(line)
		if !ok {
			return w.giveUp("Malformed literal")
		}
		if next < 0 || !nonSync {
			return nil
		}
		if size = next; size > w.limit {
			return w.giveUp("Literal too large")
		}
	}
}

// say answers a command in the library's place.
func (w *wire) say(text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tag = ""
	w.hold([]byte(text))
	w.flush()
	return w.werr
}

// giveUp says BYE and ends the connection.
func (w *wire) giveUp(text string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.farewell = text
	w.hangUp()
	return errHangUp
}
