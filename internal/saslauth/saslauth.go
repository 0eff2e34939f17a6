// Package saslauth makes the SASL servers (RFC 4422) that the mail edges offer
// under TLS: SCRAM-SHA-256-PLUS and SCRAM-SHA-256 (RFC 5802, 7677), PLAIN
// (RFC 4616) and LOGIN (draft-murchison-sasl-login). It speaks the mechanisms;
// the hub knows the accounts, counts the failures and writes the trail.
//
// Its errors are fault kinds. Whatever is wrong with a login (no such account,
// wrong password, wrong proof, wrong binding, a message that cannot be read)
// is fault.Unauthenticated after one hub.LoginFailed, so that an edge has one
// reply for all and the hub one count.
package saslauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/listen"
)

// A Hub is what saslauth asks of the hub.
type Hub interface {
	// Login checks a password that came in clear, under TLS. A refusal is
	// fault.Unauthenticated, counted already.
	Login(ctx context.Context, a hub.Attempt, password string) (hub.Actor, error)

	// Secrets returns what a SCRAM exchange needs. It never says that an
	// account is unknown: that one has a salt as lasting as any other's.
	Secrets(ctx context.Context, a hub.Attempt) (account.Secrets, error)

	// LoginProved is the end of an exchange in which the client proved that it
	// knows the password of that key.
	LoginProved(ctx context.Context, a hub.Attempt, keyID string) (hub.Actor, error)

	// LoginFailed counts any other end.
	LoginFailed(ctx context.Context, a hub.Attempt) error
}

// The names of the mechanisms.
const (
	Plain           = "PLAIN"
	Login           = "LOGIN"
	ScramSHA256     = "SCRAM-SHA-256"
	ScramSHA256Plus = "SCRAM-SHA-256-PLUS"
)

// Longest login and password read; an address has 320 bytes at most.
const (
	maxLogin    = 320
	maxPassword = 1024
)

// An Authenticator makes SASL servers for one connection.
type Authenticator struct {
	hub      Hub
	attempt  hub.Attempt // all but the login
	bindings []scram.ChannelBinding
}

// New returns an Authenticator for a connection. Attempt says protocol and
// address. Without t, the TLS of the connection, there is no channel binding
// and so no -PLUS.
func New(h Hub, attempt hub.Attempt, t *tls.Conn) *Authenticator {
	a := &Authenticator{hub: h, attempt: attempt}
	if t != nil {
		a.bindings = bindings(t.ConnectionState(), listen.Leaf(t))
	}
	return a
}

// bindings are the channel bindings a client may choose from: tls-exporter
// (RFC 9266) and tls-server-end-point (RFC 5929 §4), as far as this connection
// has them.
func bindings(state tls.ConnectionState, leaf *x509.Certificate) []scram.ChannelBinding {
	var all []scram.ChannelBinding
	if b, err := scram.NewTLSExporterBinding(&state); err == nil {
		all = append(all, b)
	}
	if leaf != nil { // the library hashes the certificate of a peer; as a client sees it, that is ours
		seen := tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
		if b, err := scram.NewTLSServerEndpointBinding(&seen); err == nil {
			all = append(all, b)
		}
	}
	return all
}

// Mechanisms returns the names to advertise, the best first.
func (a *Authenticator) Mechanisms() []string {
	m := []string{ScramSHA256, Plain, Login}
	if len(a.bindings) > 0 {
		m = append([]string{ScramSHA256Plus}, m...)
	}
	return m
}

// Server returns a server for one exchange, which calls done with the actor
// when it has succeeded, before it says so. A mechanism that is not among
// Mechanisms is fault.NotFound.
func (a *Authenticator) Server(ctx context.Context, mechanism string, done func(hub.Actor)) (sasl.Server, error) {
	e := exchange{a: a, ctx: ctx, attempt: a.attempt, done: done}
	switch {
	case mechanism == Plain:
		return &plainServer{exchange: e}, nil
	case mechanism == Login:
		return &loginServer{exchange: e}, nil
	case mechanism == ScramSHA256, mechanism == ScramSHA256Plus && len(a.bindings) > 0:
		return &scramServer{exchange: e, plus: mechanism == ScramSHA256Plus}, nil
	}
	return nil, fmt.Errorf("saslauth: mechanism: %w", fault.NotFound)
}

// An exchange is what the servers have in common.
type exchange struct {
	a       *Authenticator
	ctx     context.Context // sasl.Server passes none
	attempt hub.Attempt
	done    func(hub.Actor)
}

// login ends an exchange that brought a password.
func (e *exchange) login(authzID, login, password string) error {
	e.attempt.Login = login
	if !okIdentity(authzID, login) || len(password) > maxPassword {
		return e.fail()
	}
	actor, err := e.a.hub.Login(e.ctx, e.attempt, password)
	if err != nil {
		return fmt.Errorf("saslauth: login: %w", err)
	}
	e.done(actor)
	return nil
}

// fail ends an exchange in any other way.
func (e *exchange) fail() error {
	if len(e.attempt.Login) > maxLogin {
		e.attempt.Login = ""
	}
	if err := e.a.hub.LoginFailed(e.ctx, e.attempt); err != nil {
		return fmt.Errorf("saslauth: login failed: %w", err)
	}
	return fmt.Errorf("saslauth: login: %w", fault.Unauthenticated)
}

// okIdentity reports whether login can be one and authzID asks for no other:
// nobody acts as somebody else here.
func okIdentity(authzID, login string) bool {
	return login != "" && len(login) <= maxLogin && (authzID == "" || authzID == login)
}
