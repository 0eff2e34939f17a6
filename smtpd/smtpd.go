// Package smtpd is the edge that takes mail in: submission by people and
// machines that have logged in (RFC 6409), over implicit TLS (RFC 8314) or
// STARTTLS (RFC 3207).
//
// It speaks SMTP and decides nothing. Who may log in, write as whom and to
// whom, and what becomes of a mail is the hub's to say; this package reads
// commands and mails within limits, asks, and words the answers. It keeps no
// mail: one that is in flight is held in memory within a budget, and handed
// over whole. A 250 after the mail means what the hub's Receipt means: filed,
// durable, in the trail.
//
// The layers of a connection, from the network up:
//
//	listen.Conn   caps, patience with slow clients
//	tls.Conn      nothing but STARTTLS is possible without it
//	wire          lines, chunks and bodies, strictly; replies in batches
//	go-smtp       the dialogue
//	session       what the commands mean here
package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/listen"
	"vaguemestre/internal/saslauth"
)

// A Hub is what smtpd asks of the hub. Errors wrap a fault.Kind; a refusal
// that has a sentence for people is a *hub.Refusal.
type Hub interface {
	saslauth.Hub

	// CheckSender reports whether the actor may write as from; the zero
	// Address is the null reverse-path.
	CheckSender(ctx context.Context, a hub.Actor, from ident.Address) error

	// CheckRecipient reports whether the actor may write to that address.
	CheckRecipient(ctx context.Context, a hub.Actor, to ident.Address) error

	// Deliver files a mail: all of it, or an error.
	Deliver(ctx context.Context, d hub.Delivery) (hub.Receipt, error)
}

// Config is what a Server is made of.
type Config struct {
	Domain        string      // of this host, in greetings
	PatientDomain string      // of the patients' addresses, for Limits.PatientMail
	TLS           *tls.Config // see listen.Certificate; needed
	Limits        Limits
	Log           *slog.Logger          // default: discards
	Metrics       prometheus.Registerer // default: counts are kept, but nobody sees them
}

// Limits bound what a client may do. A zero field takes that of DefaultLimits.
type Limits struct {
	Mail          int64         // bytes of a mail, advertised by SIZE
	PatientMail   int64         // bytes of a mail with a patient among its recipients
	InFlight      int64         // bytes of all mails being received
	InFlightWait  time.Duration // how long a mail waits for room among them
	Recipients    int           // of one mail
	Errors        int           // replies 4xx and 5xx to one connection
	LoginFailures int           // of one connection; the hub counts by account and address
	Line          int           // bytes of a command; RFC 4954 §4 asks for 12288

	Connections int             // in all
	PerAddress  int             // connections from one address
	Handshake   time.Duration   // of TLS
	Anonymous   time.Duration   // silence allowed before login
	Patience    listen.Patience // with a client that has logged in
	Act         time.Duration   // of one act of the hub
	Drain       time.Duration   // for what is under way when the server stops
}

// DefaultLimits are those of a server whose configuration names none.
var DefaultLimits = Limits{
	Mail:          50 << 20,
	PatientMail:   25 << 20,
	InFlight:      256 << 20,
	InFlightWait:  10 * time.Second,
	Recipients:    100,
	Errors:        100,
	LoginFailures: 5,
	Line:          16 << 10,

	Connections: 2000,
	PerAddress:  200,
	Handshake:   10 * time.Second,
	Anonymous:   time.Minute,
	Patience:    listen.Patience{Idle: 5 * time.Minute, Grace: 30 * time.Second, MinRate: 1024, MaxAge: 24 * time.Hour},
	Act:         2 * time.Minute,
	Drain:       20 * time.Second,
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	for _, f := range []struct{ v, d *int64 }{{&l.Mail, &d.Mail}, {&l.PatientMail, &d.PatientMail}, {&l.InFlight, &d.InFlight}} {
		orDefault(f.v, *f.d)
	}
	for _, f := range []struct{ v, d *int }{
		{&l.Recipients, &d.Recipients}, {&l.Errors, &d.Errors}, {&l.LoginFailures, &d.LoginFailures},
		{&l.Line, &d.Line}, {&l.Connections, &d.Connections}, {&l.PerAddress, &d.PerAddress},
	} {
		orDefault(f.v, *f.d)
	}
	for _, f := range []struct{ v, d *time.Duration }{
		{&l.InFlightWait, &d.InFlightWait}, {&l.Handshake, &d.Handshake}, {&l.Anonymous, &d.Anonymous},
		{&l.Act, &d.Act}, {&l.Drain, &d.Drain},
	} {
		orDefault(f.v, *f.d)
	}
	orDefault(&l.Patience, d.Patience)
	l.InFlight = max(l.InFlight, l.Mail+firstRoom) // else the largest mail never comes in
	return l
}

func orDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// A Mode says how a listener begins.
type Mode int

// The modes.
const (
	Implicit Mode = iota // TLS from the first byte (RFC 8314)
	STARTTLS             // in clear until STARTTLS, which is all that is possible there
)

// A Server takes mail in on any number of listeners.
type Server struct {
	hub      Hub
	cfg      Config
	metrics  *metrics
	inFlight *semaphore.Weighted
	conns    atomic.Uint64 // numbers connections in the log
}

// New returns a Server. It starts nothing.
func New(h Hub, cfg Config) *Server {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{hub: h, cfg: cfg, metrics: newMetrics(cfg.Metrics), inFlight: semaphore.NewWeighted(cfg.Limits.InFlight)}
}

// Serve takes mail in on l, which it owns from now on, until ctx ends or l
// fails. When ctx ends, idle clients are told and leave, and mails under way
// have Limits.Drain to be filed. Serve returns when every connection is closed:
// nil after the end of ctx, else why l failed.
func (s *Server) Serve(ctx context.Context, l net.Listener, mode Mode) error {
	lim := s.cfg.Limits
	patience := lim.Patience
	patience.Idle = lim.Anonymous
	cfg := listen.Config{
		Handshake: lim.Handshake, MaxConns: lim.Connections, MaxPerAddress: lim.PerAddress, Patience: patience,
		Busy: "421 4.7.0 " + s.cfg.Domain + " Too many connections, try again later\r\n", Rejected: s.metrics.rejected,
	}
	if mode == Implicit {
		cfg.TLS = s.cfg.TLS
	}
	// Acts outlive ctx, so that what is under way can end well.
	acts, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	in := &wires{Listener: listen.New(l, cfg), server: s, ctx: acts, open: map[*wire]struct{}{}}
	dialogue := s.dialogue()
	ended := make(chan error, 1)
	go func() { ended <- dialogue.Serve(in) }()

	var failed error
	select {
	case <-ctx.Done():
	case failed = <-ended:
		ended <- nil
	}
	in.finish()
	drain, cancel := context.WithTimeout(acts, lim.Drain)
	defer cancel()
	_ = in.Shutdown(drain)
	cut()
	<-ended
	_ = dialogue.Shutdown(context.Background()) // waits for the goroutines, whose connections are closed
	return failed
}

// dialogue sets go-smtp up. Time limits, line lengths and TLS are below it, in
// listen.Conn and wire.
func (s *Server) dialogue() *smtp.Server {
	d := smtp.NewServer(smtp.BackendFunc(s.newSession))
	d.Domain = s.cfg.Domain
	d.MaxRecipients = s.cfg.Limits.Recipients
	d.MaxMessageBytes = s.cfg.Limits.Mail
	d.MaxLineLength = 0        // wire cuts lines, and knows lines from chunks
	d.AllowInsecureAuth = true // what go-smtp sees has come through TLS: see wire
	d.EnableSMTPUTF8, d.EnableDSN = true, true
	d.ErrorLog = errorLog{s}
	return d
}

// wires is a listener of wires.
type wires struct {
	*listen.Listener
	server *Server
	ctx    context.Context

	mu        sync.Mutex
	finishing bool
	open      map[*wire]struct{}
}

// Accept implements net.Listener.
func (l *wires) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w := newWire(c, l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[w] = struct{}{}
	if l.finishing {
		w.finish()
	}
	return w, nil
}

// finish tells every client that the server stops: at once if it is idle, else
// instead of reading its next command.
func (l *wires) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finishing = true
	for w := range l.open {
		w.finish()
	}
}

func (l *wires) forget(w *wire) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, w)
}

var errStopped = errors.New("smtpd: connection is closed")
