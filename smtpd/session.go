package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/message"
	"vaguemestre/internal/saslauth"
	"vaguemestre/policy"
)

// A session is one client inside TLS. go-smtp calls its methods one at a time,
// but for Data, which runs beside the commands while a mail comes in chunks.
type session struct {
	s        *Server
	ctx      context.Context // go-smtp passes none
	w        *wire
	log      *slog.Logger
	hello    func() string // the last EHLO argument
	auth     *saslauth.Authenticator
	actor    *hub.Actor // nil before login
	failures int        // of login

	mu sync.Mutex
	tx *transaction // nil outside one
}

// A transaction is one mail on its way, from MAIL to the reply after its last
// byte.
type transaction struct {
	from     ident.Address
	to       []hub.Recipient
	patient  bool // one of to is one
	declared int64
	utf8     bool
	envID    string
	full     bool
	lost     error // why the mail of a patient, which goes to all its recipients or to none, goes to none
}

var _ smtp.AuthSession = (*session)(nil)

// newSession begins a session at the client's first EHLO inside TLS.
func (s *Server) newSession(c *smtp.Conn) (smtp.Session, error) {
	w := c.Conn().(*wire)
	attempt := hub.Attempt{Protocol: "smtp", Remote: w.remote()}
	return &session{
		s: s, ctx: w.l.ctx, w: w, log: w.log, hello: c.Hostname,
		auth: saslauth.New(s.hub, attempt, w.Conn.(*tls.Conn)),
	}, nil
}

// Reset implements smtp.Session: RSET, EHLO and the end of each mail.
func (s *session) Reset() { s.set(nil) }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

func (s *session) set(t *transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tx = t
}

func (s *session) current() *transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tx
}

// act gives one act of the hub its time.
func (s *session) act() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.ctx, s.s.cfg.Limits.Act)
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string { return s.auth.Mechanisms() }

// Auth implements smtp.AuthSession.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	server, err := s.auth.Server(s.ctx, mechanism, func(a hub.Actor) { s.actor = &a })
	if err != nil {
		return nil, noMechanism
	}
	return &login{server, s}, nil
}

// A login is an AUTH exchange whose errors are replies.
type login struct {
	sasl.Server
	s *session
}

// Next implements sasl.Server.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	s := l.s
	challenge, done, err = l.Server.Next(response)
	if err == nil && !done {
		return challenge, false, nil
	}
	s.s.metrics.logins.WithLabelValues(result(err)).Inc()
	if err == nil {
		s.w.guard.SetIdle(s.s.cfg.Limits.Patience.Idle)
		s.log = s.log.With("actor", s.actor.Address, "session", s.actor.Session)
		s.log.Info("smtp login")
		return challenge, true, nil
	}
	s.refused(atLogin, err)
	if s.failures++; s.failures >= s.s.cfg.Limits.LoginFailures {
		return nil, false, tooManyLogin
	}
	return nil, false, replyTo(err, atLogin, false)
}

// Mail implements smtp.Session: MAIL FROM.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	switch {
	case s.actor == nil:
		return needAuth
	case s.current() != nil:
		return nestedMail
	case !opts.UTF8 && !isASCII(from):
		return needUTF8
	}
	var sender ident.Address // zero for the null reverse-path of a notice (RFC 8098 §2.1)
	var err error
	if from != "" {
		sender, err = ident.ParseAddress(from)
	}
	if err == nil {
		ctx, cancel := s.act()
		defer cancel()
		err = s.s.hub.CheckSender(ctx, *s.actor, sender)
	}
	if err != nil {
		s.refused(atMail, err)
		return replyTo(err, atMail, opts.UTF8)
	}
	s.set(&transaction{
		from: sender, declared: opts.Size, utf8: opts.UTF8, envID: opts.EnvelopeID, full: opts.Return == smtp.DSNReturnFull,
	})
	return nil
}

// Rcpt implements smtp.Session: RCPT TO. The form is checked first, so that the
// hub is asked for what can exist only.
func (s *session) Rcpt(to string, opts *smtp.RcptOptions) error {
	tx := s.current()
	if tx == nil {
		return noMail
	}
	if !tx.utf8 && !isASCII(to) {
		return needUTF8
	}
	err := tx.lost
	var address ident.Address
	if err == nil {
		address, err = ident.ParseAddress(to)
	}
	if err == nil {
		err = s.add(tx, address, opts)
	}
	s.s.metrics.recipients.WithLabelValues(result(err)).Inc()
	if err != nil {
		s.refused(atRecipient, err)
		if s.actor.Role == policy.Patient {
			tx.lost = err
		}
		return replyTo(err, atRecipient, tx.utf8)
	}
	return nil
}

// add makes an address a recipient of the mail, if it may be one. Named twice,
// it is one recipient.
func (s *session) add(tx *transaction, to ident.Address, opts *smtp.RcptOptions) error {
	for _, r := range tx.to {
		if r.Address == to {
			return nil
		}
	}
	patient := to.Domain() == s.s.cfg.PatientDomain
	if patient && tx.declared > s.s.cfg.Limits.PatientMail {
		return fmt.Errorf("smtpd: mail to a patient: %w", fault.TooLarge)
	}
	ctx, cancel := s.act()
	defer cancel()
	if err := s.s.hub.CheckRecipient(ctx, *s.actor, to); err != nil {
		return err
	}
	tx.patient = tx.patient || patient
	tx.to = append(tx.to, hub.Recipient{Address: to, Notify: notify(opts.Notify), Original: original(opts)})
	return nil
}

// notify reads the NOTIFY parameter (RFC 3461 §4.1).
func notify(values []smtp.DSNNotify) (n hub.Notify) {
	for _, v := range values {
		n |= map[smtp.DSNNotify]hub.Notify{
			smtp.DSNNotifyNever: hub.NotifyNever, smtp.DSNNotifySuccess: hub.NotifySuccess,
			smtp.DSNNotifyFailure: hub.NotifyFailure, smtp.DSNNotifyDelayed: hub.NotifyDelay,
		}[v]
	}
	return n
}

// original gives the ORCPT parameter in the form of hub.Recipient.
func original(opts *smtp.RcptOptions) string {
	if opts.OriginalRecipient == "" {
		return ""
	}
	return strings.ToLower(string(opts.OriginalRecipientType)) + ";" + opts.OriginalRecipient
}

// Data implements smtp.Session: DATA, and BDAT from its first chunk to its
// last. The reply to a mail that is filed goes by way of an error too: go-smtp
// has a text of its own otherwise.
func (s *session) Data(chunks io.Reader) error {
	tx := s.current()
	if tx == nil || len(tx.to) == 0 {
		return noMail
	}
	start := time.Now()
	room := &room{s: s.s, ctx: s.ctx}
	defer room.release()
	mail, err := s.read(tx, chunks, room)
	if err != nil {
		s.s.metrics.mails.WithLabelValues(result(err)).Inc()
		s.refused(atRead, err)
		return replyTo(err, atRead, tx.utf8)
	}
	if tx.lost != nil { // the client went on with the recipients that were not refused
		s.s.metrics.mails.WithLabelValues(result(tx.lost)).Inc()
		return replyTo(tx.lost, atRecipient, tx.utf8)
	}
	size := len(mail)
	ctx, cancel := s.act()
	defer cancel()
	protocol := "ESMTPSA"
	if tx.utf8 {
		protocol = "UTF8SMTPSA"
	}
	receipt, err := s.s.hub.Deliver(ctx, hub.Delivery{
		Actor: *s.actor, From: tx.from, To: tx.to, EnvelopeID: tx.envID, ReturnFull: tx.full,
		Mail: mail, Protocol: protocol, Hello: s.hello(), Remote: s.w.remote(),
	})
	s.s.metrics.mails.WithLabelValues(result(err)).Inc()
	if err != nil {
		s.refused(atDeliver, err)
		return replyTo(err, atDeliver, tx.utf8)
	}
	s.s.metrics.bytes.Add(float64(size))
	s.log.Info("smtp filed", "receipt", receipt.ID, "recipients", len(tx.to), "bytes", size, "took", time.Since(start))
	return r(250, 2, 0, 0, "Filed "+receipt.ID)
}

// read reads the mail whole, within the limits of its recipients and the room
// there is. An error without a kind is the connection's.
func (s *session) read(tx *transaction, chunks io.Reader, room *room) ([]byte, error) {
	room.max = s.s.cfg.Limits.Mail
	if tx.patient {
		room.max = min(room.max, s.s.cfg.Limits.PatientMail)
	}
	room.r = chunks
	if _, bdat := chunks.(*io.PipeReader); !bdat {
		room.r = s.w.body
	}
	mail, err := message.ReadStrict(room, tx.declared, room.max)
	if err != nil && fault.Of(err) == fault.Internal {
		err = fmt.Errorf("smtpd: read: %v: %w", err, errLost)
	}
	return mail, err
}

// errLost is the kind of a connection that failed within a mail.
var errLost = errors.New("connection lost")

// refused logs an error that the client is told of in other words.
func (s *session) refused(at place, err error) {
	level := slog.LevelInfo
	switch kind := fault.Of(err); {
	case errors.Is(err, errLost):
	case kind == fault.Internal, kind == fault.Corrupt:
		level = slog.LevelError
	case kind == fault.Unavailable:
		level = slog.LevelWarn
	}
	s.log.Log(s.ctx, level, "smtp refused", "at", at.String(), "kind", string(fault.Of(err)), "err", err)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
