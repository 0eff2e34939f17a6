package listen

import (
	"crypto/x509"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Patience says how long a client may take. Its clock runs only while we wait
// for the client, never while the client waits for us.
type Patience struct {
	Idle    time.Duration // silence before the first byte of a request; 5 min
	Grace   time.Duration // for one request or reply, whatever its size; 30 s
	MinRate int           // bytes per second beyond that; 1024
	MaxAge  time.Duration // of a connection, however busy; 24 h
}

func (p Patience) withDefaults() Patience {
	p.Idle = orDuration(p.Idle, 5*time.Minute)
	p.Grace = orDuration(p.Grace, 30*time.Second)
	p.MaxAge = orDuration(p.MaxAge, 24*time.Hour)
	if p.MinRate == 0 {
		p.MinRate = 1024
	}
	return p
}

// allowed is the time in which n bytes must have come or gone.
func (p Patience) allowed(n int64) time.Duration {
	return p.Grace + time.Duration(n)*time.Second/time.Duration(p.MinRate)
}

// A Conn is a connection whose client is waited for with Patience. It stands
// below TLS, so what it counts are bytes on the wire.
//
// What the client sends between two of our writes is one request: a command
// line, or the body that a command announced. Its first byte may let us wait
// for Idle; from then on the client must keep the pace. So a client that sends
// a byte a minute goes, and one that idles as its protocol lets it stays.
type Conn struct {
	net.Conn
	l    *Listener
	addr netip.Addr
	born time.Time
	once sync.Once
	leaf *x509.Certificate // shown in the handshake on this connection

	mu       sync.Mutex
	patience Patience
	got      int64         // bytes of this request
	waited   time.Duration // for them
	readBy   time.Time     // deadlines of the library above
	writeBy  time.Time
}

// SetIdle changes how long the client may be silent between requests: an edge
// is more patient after login.
func (c *Conn) SetIdle(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.patience.Idle = d
}

// Read implements net.Conn. A client too slow is os.ErrDeadlineExceeded.
func (c *Conn) Read(b []byte) (int, error) {
	start := time.Now()
	by := c.readDeadline(start)
	if !by.After(start) {
		return 0, os.ErrDeadlineExceeded
	}
	if err := c.Conn.SetReadDeadline(by); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.got > 0 {
		c.waited += time.Since(start)
	}
	c.got += int64(n)
	return n, err
}

func (c *Conn) readDeadline(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := c.patience.Idle
	if c.got > 0 {
		wait = min(wait, c.patience.allowed(c.got)-c.waited)
	}
	return c.soonest(now.Add(wait), c.readBy)
}

// Write implements net.Conn. It begins a new request of the client's.
func (c *Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.got, c.waited = 0, 0
	by := c.soonest(time.Now().Add(c.patience.allowed(int64(len(b)))), c.writeBy)
	c.mu.Unlock()
	if err := c.Conn.SetWriteDeadline(by); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// soonest returns the first of t, the end of the connection and the library's
// deadline if there is one.
func (c *Conn) soonest(t, library time.Time) time.Time {
	if end := c.born.Add(c.patience.MaxAge); end.Before(t) {
		t = end
	}
	if !library.IsZero() && library.Before(t) {
		t = library
	}
	return t
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		err = c.Conn.Close()
		if c.l != nil {
			c.l.leave(c)
		}
	})
	return err
}

// SetDeadline implements net.Conn; see Config.IgnoreDeadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn; see Config.IgnoreDeadlines. It also
// reaches a Read that waits already.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.l != nil && c.l.cfg.IgnoreDeadlines {
		return nil
	}
	c.mu.Lock()
	c.readBy = t
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(c.readDeadline(time.Now()))
}

// SetWriteDeadline implements net.Conn; see Config.IgnoreDeadlines. It also
// reaches a Write that waits already.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.l != nil && c.l.cfg.IgnoreDeadlines {
		return nil
	}
	c.mu.Lock()
	c.writeBy = t
	c.mu.Unlock()
	if t.IsZero() {
		return nil // the next Write sets its own
	}
	return c.Conn.SetWriteDeadline(t)
}

func orDuration(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
