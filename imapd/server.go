package imapd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/listen"
)

// A Config says how a Server serves. A zero field takes the default named
// beside it.
type Config struct {
	TLS         *tls.Config           // required: nothing is read in clear; see listen.Certificate
	Log         *slog.Logger          // slog.Default
	Metrics     prometheus.Registerer // none
	Now         func() time.Time      // time.Now: the date of an APPEND without one
	Handshake   time.Duration         // for TLS; 10 s
	PreLogin    time.Duration         // from the greeting to a login; 60 s
	Idle        time.Duration         // silence of a client that has logged in; 35 min, RFC 9051 §5.4 asks for 30
	Command     time.Duration         // for one command, waiting for the client aside; 5 min
	Look        time.Duration         // between looks at the store in IDLE, beside hints; 60 s
	MaxConns    int                   // of each listener; 10 000
	PerAddress  int                   // connections; 256
	PerAccount  int                   // sessions; 32
	MaxFailures int                   // logins refused before a connection ends; 5
	AppendLimit int64                 // bytes of a message; 50 MB
	Budget      int64                 // bytes of mails and decoded parts in memory at one time; 256 MB
	BudgetWait  time.Duration         // for room in it; 20 s
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.Handshake, 10 * time.Second}, {&c.PreLogin, time.Minute}, {&c.Idle, 35 * time.Minute},
		{&c.Command, 5 * time.Minute}, {&c.Look, time.Minute}, {&c.BudgetWait, 20 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, n := range []struct {
		field *int
		value int
	}{{&c.MaxConns, 10000}, {&c.PerAddress, 256}, {&c.PerAccount, 32}, {&c.MaxFailures, 5}} {
		if *n.field == 0 {
			*n.field = n.value
		}
	}
	if c.AppendLimit == 0 {
		c.AppendLimit = 50 << 20
	}
	if c.Budget == 0 {
		c.Budget = 256 << 20
	}
	c.Budget = max(c.Budget, 2*c.AppendLimit) // one APPEND, one decoded part
	return c
}

// A Mode says when TLS begins.
type Mode int

// The modes of a port.
const (
	ImplicitTLS Mode = iota // port 993 (RFC 8314)
	StartTLS                // port 143
)

// A Server serves IMAP on any number of listeners.
type Server struct {
	hub     Hub
	cfg     Config
	metrics *metrics
	budget  *semaphore.Weighted
	folders registry
	library *imapserver.Server
	entry   *entry

	mu       sync.Mutex
	accounts map[ident.Address]int // sessions
	lastConn uint64
}

// New returns a Server. It panics if cfg has no TLS.
func New(h Hub, cfg Config) *Server {
	if cfg.TLS == nil {
		panic("imapd: New without TLS")
	}
	cfg = cfg.withDefaults()
	s := &Server{
		hub: h, cfg: cfg, metrics: newMetrics(cfg.Metrics), budget: semaphore.NewWeighted(cfg.Budget),
		accounts: map[ident.Address]int{}, entry: &entry{conns: make(chan net.Conn), done: make(chan struct{})},
	}
	s.library = imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return s.newSession(c), &imapserver.GreetingData{}, nil
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev2: {}, imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapUIDPlus: {},
			imap.CapESearch: {}, imap.CapSearchRes: {}, imap.CapListExtended: {}, imap.CapListStatus: {},
			imap.CapMove: {}, imap.CapStatusSize: {}, imap.CapBinary: {}, imap.CapChildren: {}, imap.CapSpecialUse: {},
		},
		Logger:       libraryLog{s},
		InsecureAuth: true, // it sees a wire, not the *tls.Conn below it; nothing reaches it in clear
	})
	return s
}

// Serve accepts connections from inner, which it owns from now on, until ctx
// ends; then it closes them and returns when every session has ended. It may
// be called for several listeners, all of whose contexts end together.
func (s *Server) Serve(ctx context.Context, inner net.Listener, mode Mode) error {
	lc := listen.Config{
		MaxConns: s.cfg.MaxConns, MaxPerAddress: s.cfg.PerAddress, Rejected: s.metrics.rejected,
		Handshake: s.cfg.Handshake, Busy: "* BYE Too many connections\r\n", Patience: listen.Patience{Idle: s.cfg.PreLogin},
	}
	if mode == ImplicitTLS {
		lc.TLS = s.cfg.TLS
	}
	l := listen.New(inner, lc)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	s.start()
	var wires sync.WaitGroup // of this listener
	for {
		c, err := l.Accept()
		if err != nil {
			l.Close()
			wires.Wait()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("imapd: accept: %v: %w", err, fault.Unavailable)
		}
		wires.Add(1)
		if t, ok := c.(*tls.Conn); ok {
			s.enter(t, false, wires.Done)
			continue
		}
		go s.preface(c, wires.Done)
	}
}

// start hands the library its listener, once.
func (s *Server) start() {
	s.entry.start.Do(func() {
		s.entry.served.Go(func() { _ = s.library.Serve(s.entry) }) // ends without error, with the entry
	})
}

// enter gives a connection under TLS to the library. greeted is true after
// STARTTLS, when no second greeting is due. ended is called when the connection
// has ended.
func (s *Server) enter(t *tls.Conn, greeted bool, ended func()) {
	w := newWire(t, s.cfg.AppendLimit, greeted, s.metrics.command, ended)
	_ = t.SetReadDeadline(time.Now().Add(s.cfg.PreLogin))
	s.entry.conns <- w
}

// An entry is the listener the library accepts from: connections come to it
// ready, from several listeners.
type entry struct {
	conns       chan net.Conn
	done        chan struct{}
	start, stop sync.Once
	served      sync.WaitGroup // the library
}

func (e *entry) Accept() (net.Conn, error) {
	select {
	case c := <-e.conns:
		return c, nil
	case <-e.done:
		return nil, net.ErrClosed
	}
}

func (e *entry) Addr() net.Addr { return &net.TCPAddr{} }

func (e *entry) Close() error {
	e.stop.Do(func() { close(e.done) })
	return nil
}

// Close ends the Server when every Serve has returned. The library's own Close
// is not used: it races with a Serve that has just begun.
func (s *Server) Close() error {
	s.entry.Close()
	s.entry.served.Wait()
	return nil
}

// admit counts a session of an account; release ends what it counts.
func (s *Server) admit(a hub.Actor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[a.Address] >= s.cfg.PerAccount {
		return errSessions
	}
	s.accounts[a.Address]++
	s.metrics.sessions.Inc()
	return nil
}

func (s *Server) release(a hub.Actor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[a.Address]--; s.accounts[a.Address] == 0 {
		delete(s.accounts, a.Address)
	}
	s.metrics.sessions.Dec()
}

func (s *Server) connName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastConn++
	return strconv.FormatUint(s.lastConn, 36)
}

func remoteOf(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// libraryLog takes what the library says. What it says may quote the client,
// so only the constant part is kept; of a panic, the stack.
type libraryLog struct{ s *Server }

// Printf implements imapserver.Logger.
func (l libraryLog) Printf(format string, args ...any) {
	if strings.HasPrefix(format, "panic") {
		l.s.metrics.panics.Inc()
		l.s.cfg.Log.Error("imap panic", "stack", fmt.Sprintf("%s", args[len(args)-1]))
		return
	}
	l.s.cfg.Log.Debug("imap library", "event", format)
}
