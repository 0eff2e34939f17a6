package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/xdg-go/scram"
)

// A wire is a connection to a port of a story's hub.
type wire struct {
	net.Conn
	in  *bufio.Reader
	tls *tls.Config
	tag int // of the last IMAP command
}

// call connects to the port that a variable names. SMTPS and IMAPS, of
// whichever process, speak TLS at once.
func call(ts *testscript.TestScript, port string) (*wire, error) {
	trust, err := stageOf(ts).tls()
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", ts.Getenv(port), longTime)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(longTime))
	w := &wire{Conn: conn, in: bufio.NewReader(conn), tls: trust}
	if strings.HasSuffix(port, "S") {
		w.startTLS()
	}
	return w, nil
}

func (w *wire) startTLS() {
	w.Conn = tls.Client(w.Conn, w.tls)
	w.in = bufio.NewReader(w.Conn)
}

func (w *wire) line() (string, error) {
	s, err := w.in.ReadString('\n')
	return strings.TrimRight(s, "\r\n"), err
}

// smtpReply reads one reply, its lines joined by newlines.
func (w *wire) smtpReply() (string, error) {
	var lines []string
	for {
		s, err := w.line()
		if err != nil {
			return "", err
		}
		lines = append(lines, s)
		if len(s) < 4 || s[3] != '-' {
			return strings.Join(lines, "\n"), nil
		}
	}
}

// smtp sends a command and returns the reply; one that is not wanted is an
// error.
func (w *wire) smtp(want byte, format string, args ...any) (string, error) {
	if _, err := fmt.Fprintf(w, format+"\r\n", args...); err != nil {
		return "", err
	}
	reply, err := w.smtpReply()
	if err == nil && reply[0] != want {
		err = &textproto.Error{Msg: reply}
	}
	return reply, err
}

// smtpLogin reads the greeting and logs in.
func (w *wire) smtpLogin(who, password string) error {
	if _, err := w.smtpReply(); err != nil {
		return err
	}
	if _, err := w.smtp('2', "EHLO story.test"); err != nil {
		return err
	}
	_, err := w.smtp('2', "AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+who+"\x00"+password)))
	return err
}

// imapSend sends a command under a new tag.
func (w *wire) imapSend(command string) error {
	w.tag++
	_, err := fmt.Fprintf(w, "t%d %s\r\n", w.tag, command)
	return err
}

// imapLine reads a line, without the tag of the last command.
func (w *wire) imapLine() (s string, done bool, err error) {
	if s, err = w.line(); err != nil {
		return "", false, err
	}
	answer, done := strings.CutPrefix(s, fmt.Sprintf("t%d ", w.tag))
	return answer, done, nil
}

// imap sends a command and reads until it is done.
func (w *wire) imap(command string) error {
	if err := w.imapSend(command); err != nil {
		return err
	}
	return w.imapDone()
}

func (w *wire) imapDone() error {
	for {
		s, done, err := w.imapLine()
		switch {
		case err != nil:
			return err
		case done && !strings.HasPrefix(s, "OK"):
			return errors.New(s)
		case done:
			return nil
		}
	}
}

// imapLogin reads the greeting and logs in.
func (w *wire) imapLogin(who, password string) error {
	if _, err := w.line(); err != nil {
		return err
	}
	return w.imap(fmt.Sprintf("LOGIN %q %q", who, password))
}

// somebody returns the login of somebody of the cast.
func somebody(ts *testscript.TestScript, who string) (address, password string) {
	address = ts.Getenv(who)
	if address == "" {
		ts.Fatalf("who is %s?", who)
	}
	return address, stageOf(ts).passwords[address]
}

// dialogueVerb speaks what a file says. The port is a variable: SMTPS,
// SUBMISSION, IMAPS, IMAP, or that of a process that joined, such as
// SECOND_IMAPS. If WHO is given, that person has logged in before the file begins.
func dialogueVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: dialogue PORT [WHO] FILE")
	}
	port := args[0]
	w, err := call(ts, port)
	ts.Check(err)
	defer w.Close()
	isIMAP := strings.Contains(port, "IMAP")
	if len(args) == 3 {
		address, password := somebody(ts, args[1])
		if isIMAP {
			ts.Check(w.imapLogin(address, password))
		} else {
			ts.Check(w.smtpLogin(address, password))
		}
	}
	t := &talk{ts: ts, wire: w, imap: isIMAP}
	for n, line := range strings.Split(ts.ReadFile(args[len(args)-1]), "\n") {
		if err := t.do(line); err != nil {
			ts.Fatalf("%s:%d: %s\n%v\nso far:\n%s", args[len(args)-1], n+1, line, err, strings.Join(t.said, "\n"))
		}
	}
	ts.Check(t.finish())
}

// A talk is a dialogue being spoken. Its lines, in which ${NAME} is a variable,
// …, any text, and # a comment, are:
//
//	C: a line that the client sends; in IMAP without tag, and <FILE> at its end is a literal
//	R: "bytes" that the client sends as they are, written as Go writes a string
//	D: the mail in a file, its dots doubled, and the final dot
//	S: how the next SMTP reply begins, or how one of the next IMAP lines does
//	N: how no IMAP line of this answer begins
//	21 TIMES: a line that the client sends => how each reply begins
//	TLS
//	CLOSED: the server has closed the connection
//	> send FROM TO MAIL, meanwhile
type talk struct {
	*wire
	ts   *testscript.TestScript
	imap bool

	said        []string // since the last C:
	asked, done bool     // an IMAP command was sent; it is answered
}

var inBraces = regexp.MustCompile(`\$\{(\w+)\}`)

func (t *talk) do(line string) error {
	line = inBraces.ReplaceAllStringFunc(line, func(s string) string { return t.ts.Getenv(s[2 : len(s)-1]) })
	kind, text, _ := strings.Cut(line, " ")
	text = strings.TrimSpace(text)
	if times, err := strconv.Atoi(kind); err == nil {
		return t.repeat(times, text)
	}
	switch kind {
	case "", "#":
		return nil
	case "C:":
		return t.client(text)
	case "R:":
		raw, err := strconv.Unquote(text)
		if err != nil {
			return err
		}
		_, err = io.WriteString(t, raw)
		return err
	case "D:":
		return t.data(text)
	case "S:":
		return t.server(text)
	case "N:":
		return t.never(text)
	case "TLS":
		t.startTLS()
		return nil
	case "CLOSED:":
		b, err := io.ReadAll(t.in)
		if len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("it is open, and says %q (%v)", b, err)
		}
		return nil
	case ">":
		word := strings.Fields(text)
		if len(word) != 4 || word[0] != "send" {
			return errors.New("usage: > send FROM TO MAIL")
		}
		mail := crlf([]byte(t.ts.ReadFile(word[3])))
		return stageOf(t.ts).send(word[1], []string{word[2]}, mail, func(string, int, string) {})
	}
	return errors.New("what kind of line is this?")
}

func (t *talk) repeat(times int, text string) error {
	line, want, ok := strings.Cut(strings.TrimPrefix(text, "TIMES: "), " => ")
	if !ok {
		return errors.New("usage: 3 TIMES: line => reply")
	}
	for range times {
		if err := t.client(line); err != nil {
			return err
		}
		if err := t.server(want); err != nil {
			return err
		}
	}
	return nil
}

func (t *talk) client(text string) error {
	if !t.imap || text == "DONE" {
		_, err := io.WriteString(t, text+"\r\n")
		return err
	}
	if err := t.finish(); err != nil {
		return err
	}
	t.said, t.asked, t.done = nil, true, false
	if at := strings.LastIndexByte(text, '<'); at >= 0 && strings.HasSuffix(text, ".eml>") {
		mail := crlf([]byte(t.ts.ReadFile(text[at+1 : len(text)-1])))
		text = fmt.Sprintf("%s{%d+}\r\n%s", text[:at], len(mail), mail)
	}
	return t.imapSend(text)
}

// finish reads to the end of the last IMAP command, which must be OK if the
// dialogue does not say otherwise.
func (t *talk) finish() error {
	if !t.asked || t.done {
		return nil
	}
	t.done = true
	if err := t.imapDone(); err != nil {
		return fmt.Errorf("the last command: %w", err)
	}
	return nil
}

func (t *talk) data(file string) error {
	d := textproto.NewWriter(bufio.NewWriter(t)).DotWriter()
	if _, err := d.Write(crlf([]byte(t.ts.ReadFile(file)))); err != nil {
		return err
	}
	return d.Close()
}

func (t *talk) server(want string) error {
	if !t.imap {
		reply, err := t.smtpReply()
		t.said = append(t.said, reply)
		if err == nil && !begins(reply, want) {
			err = fmt.Errorf("the server said %s", reply)
		}
		return err
	}
	for {
		s, done, err := t.imapLine()
		if err != nil {
			return err
		}
		t.said, t.done = append(t.said, s), t.done || done
		if begins(s, want) {
			return nil
		}
		if done {
			return errors.New("the command is done and this was not said")
		}
	}
}

func (t *talk) never(unwanted string) error {
	for !t.done {
		s, done, err := t.imapLine()
		if err != nil {
			return err
		}
		t.said, t.done = append(t.said, s), done
	}
	for _, s := range t.said {
		if begins(s, unwanted) {
			return errors.New("this was said")
		}
	}
	return nil
}

// begins reports whether s begins as want says, where … is any text.
func begins(s, want string) bool {
	parts := strings.Split(want, "…")
	for i, part := range parts {
		at := strings.Index(s, part)
		if at < 0 || i == 0 && at != 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}

// crlf gives a text the line ends of mail.
func crlf(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// loginVerb logs in by a mechanism of SASL, and out again.
func loginVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: login PORT MECHANISM WHO")
	}
	expect(ts, neg, login(ts, args[0], args[1], args[2]))
}

func login(ts *testscript.TestScript, port, mechanism, who string) error {
	address, password := somebody(ts, who)
	w, err := call(ts, port)
	if err != nil {
		return err
	}
	defer w.Close()
	steps := []string{base64.StdEncoding.EncodeToString([]byte("\x00" + address + "\x00" + password))}
	var scramming *scram.ClientConversation
	if hash, ok := strings.CutPrefix(mechanism, "SCRAM-SHA-256"); ok {
		c, err := scram.SHA256.NewClient(address, password, "")
		if err != nil {
			return err
		}
		scramming = c.NewConversation()
		if hash == "-PLUS" {
			conn := w.Conn.(*tls.Conn)
			if err := conn.Handshake(); err != nil {
				return err
			}
			state := conn.ConnectionState()
			binding, err := scram.NewTLSExporterBinding(&state)
			if err != nil {
				return err
			}
			scramming = c.NewConversationWithChannelBinding(binding)
		}
	} else if mechanism == "LOGIN" {
		encode := base64.StdEncoding.EncodeToString
		steps = []string{encode([]byte(address)), encode([]byte(password))}
	}
	return w.authenticate(strings.Contains(port, "IMAP"), mechanism, steps, scramming)
}

// authenticate answers the challenges of a server, from the list or by SCRAM.
func (w *wire) authenticate(isIMAP bool, mechanism string, steps []string, scramming *scram.ClientConversation) error {
	greet, begin, more, good := "EHLO story.test\r\n", "AUTH "+mechanism, "334 ", "235 "
	if isIMAP {
		greet, begin, more, good = "", "a AUTHENTICATE "+mechanism, "+ ", "a OK"
	}
	if _, err := w.line(); err != nil {
		return err
	}
	if greet != "" {
		if _, err := io.WriteString(w, greet); err != nil {
			return err
		}
		if _, err := w.smtpReply(); err != nil {
			return err
		}
	}
	answer := begin
	for {
		if _, err := io.WriteString(w, answer+"\r\n"); err != nil {
			return err
		}
		s, err := w.line()
		for err == nil && strings.HasPrefix(s, "* ") {
			s, err = w.line()
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(s, good) {
			if scramming != nil && !scramming.Valid() {
				return errors.New("the server did not prove that it knows the password")
			}
			return nil
		}
		challenge, ok := strings.CutPrefix(s+" ", more)
		if !ok {
			return errors.New(s)
		}
		if scramming == nil {
			if len(steps) == 0 {
				return errors.New("the server asks too much")
			}
			answer, steps = steps[0], steps[1:]
			continue
		}
		text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge))
		if err != nil {
			return fmt.Errorf("challenge %q: %v", challenge, err)
		}
		next, err := scramming.Step(string(text))
		if err != nil {
			return err
		}
		answer = base64.StdEncoding.EncodeToString([]byte(next))
	}
}
