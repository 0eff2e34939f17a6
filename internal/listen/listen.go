// Package listen is a net.Listener with what a port needs that faces the
// world: caps on connections, in all and per address; the TLS handshake done,
// within a time, before a connection is handed over; patience with an end
// (Conn); and a Close that ends every connection, whatever the protocol
// library above believes.
//
// It knows no protocol. It answers nothing, but for one line of the edge's to
// a client in clear that is one too many.
package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Config says what a Listener puts up with. A zero field takes the default
// named beside it.
type Config struct {
	TLS             *tls.Config            // nil: connections are handed over in clear
	Handshake       time.Duration          // for the whole TLS handshake; 10 s
	MaxConns        int                    // open at one time; 4096
	MaxPerAddress   int                    // open at one time from an IPv4 address or an IPv6 /64; 256
	Patience        Patience               // with the client of each connection
	IgnoreDeadlines bool                   // deadlines set by the library above have no effect
	Busy            string                 // line for a client in clear that is above a cap, with its CRLF
	Rejected        *prometheus.CounterVec // label "reason"; see Reasons; may be nil
}

// Reasons are the values of the label of Config.Rejected.
var Reasons = []string{"total", "address", "handshake"}

func (c Config) withDefaults() Config {
	c.Handshake = orDuration(c.Handshake, 10*time.Second)
	if c.MaxConns == 0 {
		c.MaxConns = 4096
	}
	if c.MaxPerAddress == 0 {
		c.MaxPerAddress = 256
	}
	c.Patience = c.Patience.withDefaults()
	return c
}

// A Listener accepts connections from another one. What Accept returns is a
// *tls.Conn over a *Conn where Config.TLS is set, else a *Conn.
type Listener struct {
	inner net.Listener
	cfg   Config
	ready chan net.Conn
	done  chan struct{} // closed by Close
	wg    sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	conns   map[*Conn]struct{}
	perAddr map[netip.Addr]int
	empty   chan struct{} // closed when the last connection leaves, once closed
	err     error         // why accepting ended
}

// New starts to accept from inner, which the Listener owns from now on.
func New(inner net.Listener, cfg Config) *Listener {
	l := &Listener{
		inner: inner, cfg: cfg.withDefaults(), ready: make(chan net.Conn), done: make(chan struct{}),
		conns: map[*Conn]struct{}{}, perAddr: map[netip.Addr]int{}, empty: make(chan struct{}),
	}
	l.wg.Add(1)
	go l.run()
	return l
}

// Accept returns the next connection that is ready to be spoken to. After
// Close or Shutdown it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, l.err
	}
}

// Addr returns the address listened on.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Len returns the number of open connections.
func (l *Listener) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Close stops listening and closes every connection at once.
func (l *Listener) Close() error {
	err := l.stop(net.ErrClosed)
	l.mu.Lock()
	left := slices.Collect(maps.Keys(l.conns))
	l.mu.Unlock()
	for _, c := range left {
		c.Close()
	}
	l.wg.Wait()
	return err
}

// Shutdown stops listening, waits until the connections have ended or ctx
// has, and closes what is left.
func (l *Listener) Shutdown(ctx context.Context) error {
	_ = l.stop(net.ErrClosed)
	select {
	case <-l.empty:
	case <-ctx.Done():
	}
	l.Close()
	return ctx.Err()
}

// stop ends accepting, with why as the error of Accept.
func (l *Listener) stop(why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed, l.err = true, why
	close(l.done)
	if len(l.conns) == 0 {
		close(l.empty)
	}
	return l.inner.Close()
}

// run accepts until the inner listener ends.
func (l *Listener) run() {
	defer l.wg.Done()
	wait := 5 * time.Millisecond
	for {
		raw, err := l.inner.Accept()
		var temporary interface{ Temporary() bool }
		switch {
		case err == nil:
			wait = 5 * time.Millisecond
			l.admit(raw)
		case errors.As(err, &temporary) && temporary.Temporary(): // out of file descriptors, most often
			select {
			case <-time.After(wait):
			case <-l.done:
				return
			}
			wait = min(2*wait, time.Second)
		default:
			_ = l.stop(err)
			return
		}
	}
}

// admit counts raw and prepares it in a goroutine of its own, so that one
// client cannot hold up the next.
func (l *Listener) admit(raw net.Conn) {
	c := &Conn{Conn: raw, l: l, patience: l.cfg.Patience, addr: network(raw.RemoteAddr()), born: time.Now()}
	reason, ok := l.enter(c)
	if !ok {
		l.count(reason)
		if l.cfg.TLS == nil && l.cfg.Busy != "" {
			raw.SetWriteDeadline(time.Now().Add(time.Second)) // a new socket has room for one line: this does not wait
			raw.Write([]byte(l.cfg.Busy))
		}
		raw.Close()
		return
	}
	go func() {
		defer l.wg.Done()
		l.prepare(c)
	}()
}

func (l *Listener) prepare(c *Conn) {
	var ready net.Conn = c
	if l.cfg.TLS != nil {
		t, err := Handshake(c, l.cfg.TLS, l.cfg.Handshake)
		if err != nil {
			l.count("handshake")
			c.Close()
			return
		}
		ready = t
	}
	select {
	case l.ready <- ready:
	case <-l.done:
		c.Close()
	}
}

// enter makes c one of the connections, or says which cap forbids it.
func (l *Listener) enter(c *Conn) (reason string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed || len(l.conns) >= l.cfg.MaxConns:
		return "total", false
	case l.perAddr[c.addr] >= l.cfg.MaxPerAddress:
		return "address", false
	}
	l.conns[c] = struct{}{}
	l.perAddr[c.addr]++
	l.wg.Add(1)
	return "", true
}

func (l *Listener) leave(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, in := l.conns[c]; !in {
		return
	}
	delete(l.conns, c)
	if l.perAddr[c.addr]--; l.perAddr[c.addr] == 0 {
		delete(l.perAddr, c.addr)
	}
	if l.closed && len(l.conns) == 0 {
		close(l.empty)
	}
}

func (l *Listener) count(reason string) {
	if l.cfg.Rejected != nil {
		l.cfg.Rejected.WithLabelValues(reason).Inc()
	}
}

// network is the unit of the cap per address: who has one IPv6 address has
// 2^64 of them.
func network(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{} // not TCP: a pipe of a test
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip
	}
	p, _ := ip.Prefix(64)
	return p.Addr()
}
