package courier

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/message"
)

// A Smarthost is a mail server of the operator's that takes notices for any
// address. They are ordinary mails: no word in them is about health.
type Smarthost struct {
	Address  string        // host:port
	TLS      *tls.Config   // with TLS from the first byte on port 465, by STARTTLS elsewhere
	Plain    bool          // no TLS at all: for a relay on the same machine
	User     string        // empty: no login
	Password string        // never sent without TLS
	From     ident.Address // who the notices are from
	Name     string        // as it is displayed
	Now      func() time.Time
}

// smarthostTime bounds one conversation.
const smarthostTime = 30 * time.Second

// Carry implements Carrier.
func (s *Smarthost) Carry(ctx context.Context, o hub.Outgoing) error {
	to, err := ident.ParseAddress(o.Address)
	if err != nil {
		return fmt.Errorf("courier: address: %w", fault.Invalid)
	}
	mail, err := s.compose(o, to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, smarthostTime)
	defer cancel()
	c, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("courier: smarthost: %v: %w", err, fault.Unavailable)
	}
	defer c.Close()
	if err := s.login(c); err != nil {
		return fmt.Errorf("courier: smarthost: login: %v: %w", err, fault.Unavailable)
	}
	if err := c.Mail(s.From.Canonical(), nil); err != nil {
		return fmt.Errorf("courier: smarthost: sender: %v: %w", code(err), fault.Unavailable)
	}
	if err := c.Rcpt(to.Canonical(), nil); err != nil {
		return fmt.Errorf("courier: smarthost: recipient: %v: %w", code(err), lasting(err))
	}
	w, err := c.Data()
	if err == nil {
		_, err = w.Write(mail)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		return fmt.Errorf("courier: smarthost: mail: %v: %w", code(err), fault.Unavailable)
	}
	_ = c.Quit() // the mail is taken, whatever comes of this
	return nil
}

func (s *Smarthost) dial(ctx context.Context) (*smtp.Client, error) {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return nil, err
	}
	until, _ := ctx.Deadline()
	if err := conn.SetDeadline(until); err != nil {
		conn.Close()
		return nil, err
	}
	settings := &tls.Config{}
	if s.TLS != nil {
		settings = s.TLS.Clone()
	}
	settings.MinVersion = tls.VersionTLS12
	if settings.ServerName == "" {
		settings.ServerName = host
	}
	switch {
	case s.Plain:
		return smtp.NewClient(conn), nil
	case port == "465":
		return smtp.NewClient(tls.Client(conn, settings)), nil
	}
	return smtp.NewClientStartTLS(conn, settings)
}

func (s *Smarthost) login(c *smtp.Client) error {
	if err := c.Hello(s.From.Domain()); err != nil || s.User == "" {
		return err
	}
	if s.Plain {
		return errors.New("a password is not sent without TLS")
	}
	return c.Auth(sasl.NewPlainClient("", s.User, s.Password))
}

// code keeps of an answer its numbers: its words may repeat an address.
func code(err error) string {
	var answer *smtp.SMTPError
	if errors.As(err, &answer) {
		return fmt.Sprintf("%d %d.%d.%d", answer.Code, answer.EnhancedCode[0], answer.EnhancedCode[1], answer.EnhancedCode[2])
	}
	return "no answer"
}

// lasting gives the kind of a refused recipient.
func lasting(err error) fault.Kind {
	var answer *smtp.SMTPError
	if errors.As(err, &answer) && answer.Code/100 == 5 {
		return fault.Invalid
	}
	return fault.Unavailable
}

func (s *Smarthost) compose(o hub.Outgoing, to ident.Address) ([]byte, error) {
	id := make([]byte, 12)
	rand.Read(id)
	raw, err := message.Compose(message.Draft{
		From:      []message.Address{{Name: s.Name, Mailbox: s.From.Local(), Host: s.From.Domain()}},
		To:        []message.Address{{Mailbox: to.Local(), Host: to.Domain()}},
		Date:      s.Now(),
		MessageID: fmt.Sprintf("%x@%s", id, s.From.Domain()),
		Subject:   o.Subject,
		// A machine wrote this: no vacation notice answers it (RFC 3834 §5).
		Header: []message.HeaderField{{Name: "Auto-Submitted", Value: "auto-generated"}},
		Text:   strings.TrimRight(o.Text, "\n") + "\n",
	}, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("courier: compose: %w", err)
	}
	return raw, nil
}
