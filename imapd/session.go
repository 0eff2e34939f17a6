package imapd

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-sasl"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/saslauth"
)

// A session is one client's. The library calls its methods from one goroutine,
// but for Idle, which it may even leave behind when the connection breaks.
type session struct {
	s      *Server
	conn   *imapserver.Conn
	w      *wire
	log    *slog.Logger
	remote netip.Addr
	auth   *saslauth.Authenticator

	ctx      context.Context // of the session; the library passes none
	cancel   context.CancelFunc
	idling   sync.Mutex // held by Idle, so that Close waits for it
	failures int

	// After login.
	actor     hub.Actor
	box       Mailbox
	hints     <-chan struct{}
	stopHints func()

	// While a mailbox is selected.
	view     *view
	folder   mailbox.Folder
	examined bool
	saved    []mailbox.UID // result of the last SEARCH RETURN (SAVE)
	looked   time.Time     // at the store
	stale    bool          // we know that there is something new
}

var (
	_ imapserver.SessionIMAP4rev2   = (*session)(nil)
	_ imapserver.SessionSASL        = (*session)(nil)
	_ imapserver.SessionAppendLimit = (*session)(nil)
)

func (s *Server) newSession(c *imapserver.Conn) *session {
	w := c.NetConn().(*wire)
	t, _ := w.Conn.(*tls.Conn)
	se := &session{s: s, conn: c, w: w, remote: remoteOf(w)}
	se.ctx, se.cancel = context.WithCancel(context.Background())
	se.log = s.cfg.Log.With("proto", "imap", "conn", s.connName(), "remote", se.remote)
	se.auth = saslauth.New(s.hub, hub.Attempt{Protocol: "imap", Remote: se.remote}, t)
	return se
}

// Close implements imapserver.Session.
func (se *session) Close() error {
	se.cancel()
	se.idling.Lock()
	defer se.idling.Unlock()
	_ = se.Unselect()
	if se.box == nil {
		return nil
	}
	se.stopHints()
	if err := se.box.Close(); err != nil {
		se.log.Warn("imap close failed", "err", err)
	}
	se.box = nil
	se.s.release(se.actor)
	se.log.Info("imap session ended")
	return nil
}

// command returns the context of one command.
func (se *session) command() (context.Context, context.CancelFunc) {
	return context.WithTimeout(se.ctx, se.s.cfg.Command)
}

// reply is reply with this session's log.
func (se *session) reply(err error) error {
	return reply(se.ctx, se.log, se.w.current(), err)
}

// Login implements imapserver.Session.
func (se *session) Login(login, password string) error {
	ctx, cancel := se.command()
	defer cancel()
	a, err := se.s.hub.Login(ctx, hub.Attempt{Login: login, Protocol: "imap", Remote: se.remote}, password)
	if err == nil {
		err = se.enter(a)
	}
	return se.judge(err)
}

// AuthenticateMechanisms implements imapserver.SessionSASL.
func (se *session) AuthenticateMechanisms() []string { return se.auth.Mechanisms() }

// Authenticate implements imapserver.SessionSASL.
func (se *session) Authenticate(mech string) (sasl.Server, error) {
	ctx, cancel := se.command()
	x := &exchange{se: se, cancel: cancel}
	server, err := se.auth.Server(ctx, mech, func(a hub.Actor) { x.actor = a })
	if err != nil {
		cancel()
		return nil, errMechanism
	}
	x.server = server
	return x, nil
}

// An exchange is a SASL server whose errors the library can tell a client, and
// whose success opens the mailbox.
type exchange struct {
	se     *session
	server sasl.Server
	actor  hub.Actor
	cancel context.CancelFunc
}

// Next implements sasl.Server.
func (x *exchange) Next(response []byte) (challenge []byte, done bool, err error) {
	challenge, done, err = x.server.Next(response)
	if done && err == nil {
		err = x.se.enter(x.actor)
	}
	if err == nil && !done {
		if len(challenge) == 0 {
			challenge = nil // the library writes an empty one as "=", which only clients may (RFC 4959 §3)
		}
		return challenge, false, nil
	}
	x.cancel()
	return challenge, done, x.se.judge(err)
}

// enter opens the mailbox of somebody who has proved who they are.
func (se *session) enter(a hub.Actor) error {
	if err := se.s.admit(a); err != nil {
		return err
	}
	box, err := se.s.hub.OpenMailbox(se.ctx, a)
	if err != nil {
		se.s.release(a)
		return err
	}
	se.actor, se.box = a, box
	se.hints, se.stopHints = box.Watch()
	se.log = se.log.With("actor", a.Address)
	se.auth = saslauth.New(nil, hub.Attempt{}, nil) // lets go of the bindings
	se.w.welcome(se.s.cfg.Idle)
	return nil
}

// judge counts the result of a login.
func (se *session) judge(err error) error {
	switch fault.Of(err) {
	case "":
		se.s.metrics.logins.WithLabelValues("ok").Inc()
		se.log.Info("imap login")
		return nil
	case fault.Unauthenticated, fault.Throttled, fault.Denied:
		se.s.metrics.logins.WithLabelValues("refused").Inc()
		se.log.Info("imap login refused", "reason", string(fault.Of(err)))
	default:
		se.s.metrics.logins.WithLabelValues("failed").Inc()
	}
	if se.failures++; se.failures >= se.s.cfg.MaxFailures {
		se.w.Bye("Too many failed logins")
	}
	return se.reply(err)
}

// AppendLimit implements imapserver.SessionAppendLimit.
func (se *session) AppendLimit() uint32 { return uint32(se.s.cfg.AppendLimit) }

// Namespace implements imapserver.SessionNamespace.
func (se *session) Namespace() (*imap.NamespaceData, error) {
	return &imap.NamespaceData{Personal: []imap.NamespaceDescriptor{{Prefix: "", Delim: delimiter}}}, nil
}
