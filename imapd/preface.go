package imapd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"vaguemestre/internal/listen"
)

// The preface is what a client on the STARTTLS port may say in clear: ask for
// capabilities, say its name, say nothing, begin TLS, leave. No login can be
// attempted, and the library never sees a byte of it.
const (
	prefaceGreeting = "* OK [CAPABILITY " + prefaceCaps + "] Vaguemestre ready\r\n"
	prefaceCaps     = "IMAP4rev2 IMAP4rev1 ID STARTTLS LOGINDISABLED"
	prefaceLines    = 20
)

// preface speaks with a client in clear until it begins TLS.
func (s *Server) preface(c net.Conn, ended func()) {
	started := false
	defer func() {
		if !started {
			c.Close()
			ended()
		}
	}()
	c.SetReadDeadline(time.Now().Add(s.cfg.PreLogin))
	if !s.untilStartTLS(c) {
		return
	}
	t, err := listen.Handshake(c, s.cfg.TLS, s.cfg.Handshake)
	if err != nil {
		s.metrics.rejected.WithLabelValues("handshake").Inc()
		return
	}
	started = true
	s.enter(t, true, ended)
}

// untilStartTLS answers commands in clear and reports whether TLS may begin.
func (s *Server) untilStartTLS(c net.Conn) bool {
	if _, err := io.WriteString(c, prefaceGreeting); err != nil {
		return false
	}
	br := bufio.NewReaderSize(c, 1024)
	for range prefaceLines {
		line, err := br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			io.WriteString(c, "* BYE Line too long\r\n")
			return false
		}
		if err != nil {
			return false
		}
		answer, goOn := s.prefaceAnswer(line)
		// What came with STARTTLS in one piece was sent in clear, by whoever:
		// refuse to take it for what comes under TLS (CVE-2011-0411).
		if goOn == beginTLS && br.Buffered() > 0 {
			answer, goOn = "* BYE Nothing may follow STARTTLS\r\n", leave
		}
		if _, err := io.WriteString(c, answer); err != nil || goOn == leave {
			return false
		}
		if goOn == beginTLS {
			return true
		}
	}
	io.WriteString(c, "* BYE Too many commands\r\n")
	return false
}

type next int

const (
	stay next = iota
	beginTLS
	leave
)

// prefaceAnswer answers one line in clear.
func (s *Server) prefaceAnswer(line []byte) (answer string, goOn next) {
	line, ok := bytes.CutSuffix(line, crlf)
	tag, rest, _ := bytes.Cut(line, []byte(" "))
	if !ok || !isTag(tag) || bytes.ContainsAny(line, "\x00\r") || bytes.HasSuffix(line, []byte("}")) {
		return "* BYE Malformed command\r\n", leave
	}
	name, _, _ := bytes.Cut(rest, []byte(" "))
	command, t := strings.ToUpper(string(name)), string(tag)
	s.metrics.command(command)
	switch command {
	case "CAPABILITY":
		return "* CAPABILITY " + prefaceCaps + "\r\n" + t + " OK CAPABILITY completed\r\n", stay
	case "NOOP":
		return t + " OK NOOP completed\r\n", stay
	case "ID":
		return idAnswer(t), stay
	case "LOGOUT":
		return "* BYE Logging out\r\n" + t + " OK LOGOUT completed\r\n", leave
	case "STARTTLS":
		return t + " OK Begin TLS negotiation now\r\n", beginTLS
	case "LOGIN", "AUTHENTICATE":
		return t + " NO [PRIVACYREQUIRED] TLS is required to authenticate\r\n", stay
	}
	return t + " BAD TLS is required first\r\n", stay
}

// idAnswer answers ID (RFC 2971). The client's parameters are neither kept nor
// logged.
func idAnswer(tag string) string {
	return "* ID (\"name\" \"Vaguemestre\")\r\n" + tag + " OK ID completed\r\n"
}
