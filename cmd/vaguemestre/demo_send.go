package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"strings"
	"time"
)

// A client speaks to the demo as a mail client of one of its people does: from
// outside, over TLS, with a password. The demo has no back door.
type client struct {
	tls  *tls.Config // trusts the demo's CA
	smtp string      // address of the port with implicit TLS
	imap string
}

const clientTime = 30 * time.Second // for one mail, or one mailbox

// dial opens a TLS connection that ends with ctx.
func (c client) dial(ctx context.Context, address string) (net.Conn, func() bool, error) {
	conn, err := (&tls.Dialer{Config: c.tls}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(clientTime)); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, context.AfterFunc(ctx, func() { conn.Close() }), nil
}

// send submits a mail. The error is the server's reply where it refuses.
func (c client) send(ctx context.Context, from, password string, to []string, mail []byte) error {
	conn, stop, err := c.dial(ctx, c.smtp)
	if err != nil {
		return err
	}
	defer stop()
	defer conn.Close()
	s, err := smtp.NewClient(conn, c.tls.ServerName)
	if err != nil {
		return err
	}
	if err := s.Auth(smtp.PlainAuth("", from, password, c.tls.ServerName)); err != nil {
		return err
	}
	if err := s.Mail(from); err != nil {
		return err
	}
	for _, address := range to {
		if err := s.Rcpt(address); err != nil {
			return err
		}
	}
	w, err := s.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(mail); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return s.Quit()
}

// keep puts a mail into Sent, unless it is there.
func (c client) keep(ctx context.Context, sender, password, id string, mail []byte) error {
	return c.in(ctx, "Sent", sender, password, func(s *imapSession) error {
		uids, err := s.find(id)
		if err == nil && len(uids) == 0 {
			_, err = s.ask("APPEND Sent (\\Seen) {%d+}\r\n%s", len(mail), mail)
		}
		return err
	})
}

// flag sets flags on messages of the reader's inbox, given by their
// Message-ID.
func (c client) flag(ctx context.Context, reader, password string, flags map[string]string) error {
	return c.in(ctx, "INBOX", reader, password, func(s *imapSession) error {
		for id, f := range flags {
			uids, err := s.find(id)
			if err != nil {
				return err
			}
			if len(uids) != 1 {
				return fmt.Errorf("demo: %d messages where one was sent", len(uids))
			}
			if _, err := s.ask("UID STORE %s +FLAGS.SILENT (%s)", uids[0], f); err != nil {
				return err
			}
		}
		return nil
	})
}

// in opens a folder of somebody's mailbox for what is to be done there.
func (c client) in(ctx context.Context, folder, who, password string, do func(*imapSession) error) error {
	conn, stop, err := c.dial(ctx, c.imap)
	if err != nil {
		return err
	}
	defer stop()
	defer conn.Close()
	s := &imapSession{in: bufio.NewReader(conn), out: conn}
	if _, err := s.in.ReadString('\n'); err != nil {
		return err
	}
	if _, err := s.ask("LOGIN %q %q", who, password); err != nil {
		return err
	}
	if _, err := s.ask("SELECT %s", folder); err != nil {
		return err
	}
	if err := do(s); err != nil {
		return err
	}
	_, err = s.ask("LOGOUT")
	return err
}

// An imapSession is as much of IMAP as that needs.
type imapSession struct {
	in  *bufio.Reader
	out io.Writer
	tag int
}

// find returns the UIDs of the messages in the folder with a Message-ID.
func (s *imapSession) find(id string) ([]string, error) {
	found, err := s.ask("UID SEARCH HEADER Message-ID %q", id)
	return strings.Fields(strings.TrimPrefix(found, "* SEARCH")), err
}

// ask sends a command and returns the first untagged line of the answer.
func (s *imapSession) ask(format string, args ...any) (first string, err error) {
	s.tag++
	tag := fmt.Sprintf("d%d ", s.tag)
	if _, err := fmt.Fprintf(s.out, tag+format+"\r\n", args...); err != nil {
		return "", err
	}
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimSpace(line)
		if answer, ok := strings.CutPrefix(line, tag); ok {
			if !strings.HasPrefix(answer, "OK") {
				return "", fmt.Errorf("demo: the IMAP port answered %s", answer)
			}
			return first, nil
		}
		if first == "" {
			first = line
		}
	}
}
