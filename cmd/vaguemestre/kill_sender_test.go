package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/smtp"
	"net/textproto"
	"sync"
	"time"
)

// A gate is where clients wait while the hub is down.
type gate struct {
	mu   sync.Mutex
	at   client
	open chan struct{} // closed while the gate is open
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

// let opens the gate to a hub.
func (g *gate) let(at client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = at
	close(g.open)
}

// shut makes those wait who connect from now on. Those who are connected go on.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

// wait returns where the hub is, once it is up.
func (g *gate) wait(ctx context.Context) (client, error) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
	case <-ctx.Done():
		return client{}, ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.at, nil
}

// A sender submits mails as fast as it can, and again what was not
// acknowledged, as mail clients do.
type sender struct {
	who     person
	shapes  []string
	gate    *gate
	ledger  *ledger
	stopped <-chan struct{} // it finishes what it has begun, then stops
	gives   bool            // up now and then what was not acknowledged

	mail *posted // not acknowledged yet
}

// pauses are how long a sender waits before it connects again.
var pauses = []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond}

// run sends until it is stopped and has nothing left, or ctx ends.
func (s *sender) run(ctx context.Context) {
	for ctx.Err() == nil {
		if s.mail == nil && s.isStopped() {
			return
		}
		at, err := s.gate.wait(ctx)
		if err != nil {
			return
		}
		s.session(ctx, at)
		if s.mail != nil && s.mail.tries > 0 && s.gives && rand.IntN(5) == 0 {
			s.mail = nil
		}
		time.Sleep(pauses[rand.IntN(len(pauses))])
	}
}

func (s *sender) isStopped() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

// session sends on one connection until that breaks.
func (s *sender) session(ctx context.Context, at client) {
	conn, stop, err := at.dial(ctx, at.smtp)
	if err != nil {
		return
	}
	defer stop()
	defer conn.Close()
	c, err := smtp.NewClient(conn, at.tls.ServerName)
	if err != nil {
		return
	}
	if err := c.Auth(smtp.PlainAuth("", s.who.address, s.who.password, at.tls.ServerName)); err != nil {
		s.judge(err)
		return
	}
	for {
		if s.mail == nil && s.isStopped() {
			c.Quit()
			return
		}
		if s.mail == nil {
			if s.mail, err = s.ledger.write(s.who, s.shapes[rand.IntN(len(s.shapes))]); err != nil {
				s.ledger.complain("%v", err)
				return
			}
		}
		conn.SetDeadline(time.Now().Add(clientTime))
		if err := s.submit(c, s.mail); err != nil {
			s.judge(err)
			return
		}
		s.ledger.acknowledge(s.mail)
		s.mail = nil
	}
}

// submit returns nil after 250 and in no other case.
func (s *sender) submit(c *smtp.Client, p *posted) error {
	if err := c.Mail(s.who.address); err != nil {
		return err
	}
	for _, to := range p.to {
		if err := c.Rcpt(to.address); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	s.ledger.try(p)
	if _, err := w.Write(p.mail); err != nil {
		return err
	}
	return w.Close()
}

// judge complains of replies that a hub must not give, dying or not.
func (s *sender) judge(err error) {
	var reply *textproto.Error
	switch {
	case !errors.As(err, &reply):
	case reply.Code < 500:
		s.ledger.postpone()
	default:
		what := "a login"
		if s.mail != nil {
			what = s.mail.shape
		}
		s.ledger.complain("%s was refused: %v", what, reply)
		s.mail = nil
	}
}
