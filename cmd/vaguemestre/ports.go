package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"vaguemestre/imapd"
	"vaguemestre/internal/fault"
	"vaguemestre/smtpd"
)

// A port is one listener: where it is in the configuration, and who serves it.
type port struct {
	key      string // of the configuration
	listener net.Listener
	serve    func(context.Context, net.Listener) error
	greets   greeting
}

// A greeting is what a client meets first on a port.
type greeting int

const (
	silent       greeting = iota // nothing
	inClear                      // a line
	underTLS                     // a line, after a handshake
	byRequest                    // nothing, until asked by HTTP
	byTLSRequest                 // the same, after a handshake
)

// openPorts opens every port of the configuration, or none.
func (s *server) openPorts() error {
	l := s.cfg.Listen
	smtp := func(m smtpd.Mode) func(context.Context, net.Listener) error {
		return func(ctx context.Context, l net.Listener) error { return s.smtp.Serve(ctx, l, m) }
	}
	imap := func(m imapd.Mode) func(context.Context, net.Listener) error {
		return func(ctx context.Context, l net.Listener) error { return s.imap.Serve(ctx, l, m) }
	}
	metrics := []string{}
	if l.Metrics != "" {
		metrics = append(metrics, l.Metrics)
	}
	for _, p := range []struct {
		key       string
		addresses []string
		serve     func(context.Context, net.Listener) error
		greets    greeting
	}{
		{"listen.smtps", l.SMTPS, smtp(smtpd.Implicit), underTLS},
		{"listen.submission", l.Submission, smtp(smtpd.STARTTLS), inClear},
		{"listen.imaps", l.IMAPS, imap(imapd.ImplicitTLS), underTLS},
		{"listen.imap", l.IMAP, imap(imapd.StartTLS), inClear},
		{"listen.https", l.HTTPS, s.serveHTTPS, byTLSRequest},
		{"listen.metrics", metrics, s.serveMetrics, byRequest},
	} {
		for _, address := range p.addresses {
			ln, err := net.Listen("tcp", address)
			if err != nil {
				return adviseOnPort(err, p.key, address, s.cfg.Path)
			}
			s.ports = append(s.ports, &port{p.key, ln, p.serve, p.greets})
		}
	}
	ln, err := listenUnix(l.Admin)
	if err != nil {
		return err
	}
	s.ports = append(s.ports, &port{"listen.admin", ln, s.admin.Serve, byRequest})
	return nil
}

func adviseOnPort(err error, key, address, file string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return advise(fmt.Errorf("%s: %s is taken by another program: %w", key, address, fault.Unavailable),
			"Stop that program (`ss -ltnp` shows which), or change %s in %s.", key, file)
	case errors.Is(err, syscall.EACCES):
		return advise(fmt.Errorf("%s: no permission to listen on %s: %w", key, address, fault.Denied),
			"Ports below 1024 need the capability CAP_NET_BIND_SERVICE, or another port in %s.", file)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return advise(fmt.Errorf("%s: this machine has no address %s: %w", key, address, fault.Unavailable),
			"Correct %s in %s.", key, file)
	}
	return advise(fmt.Errorf("%s: %s: %v: %w", key, address, err, fault.Unavailable), "Correct %s in %s.", key, file)
}

// listenUnix opens the administrator's socket for its owner alone. What a
// crash left behind is removed; a socket that somebody answers on is not.
func listenUnix(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, advise(fmt.Errorf("listen.admin: a hub answers on %s already: %w", path, fault.Unavailable),
			"Stop it first, or give this one a socket of its own.")
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		os.Remove(path)
	}
	// Nobody else may pass the folder's mode either, should it be shared.
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, advise(fmt.Errorf("listen.admin: %v: %w", err, fault.Unavailable), "The hub must be able to make a socket at %s.", path)
	}
	return l, nil
}

// addresses tells where each port is, which the configuration leaves open for
// port 0.
func (s *server) addresses() map[string][]string {
	m := map[string][]string{}
	for _, p := range s.ports {
		m[p.key] = append(m[p.key], p.listener.Addr().String())
	}
	return m
}

// address returns where the first port of a key is, empty if it is off.
func (s *server) address(key string) string {
	if list := s.addresses()[key]; len(list) > 0 {
		return list[0]
	}
	return ""
}

// probe returns when every port has answered, as a client sees it.
func (s *server) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var g errgroup.Group
	for _, p := range s.ports {
		g.Go(func() error {
			if err := p.probe(ctx); err != nil {
				return fmt.Errorf("%s: %s does not answer: %v: %w", p.key, p.listener.Addr(), err, fault.Unavailable)
			}
			return nil
		})
	}
	return g.Wait()
}

func (p *port) probe(ctx context.Context) error {
	a := p.listener.Addr()
	var d net.Dialer
	c, err := d.DialContext(ctx, a.Network(), a.String())
	if err != nil {
		return err
	}
	defer c.Close()
	if until, ok := ctx.Deadline(); ok {
		c.SetDeadline(until)
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if p.greets == underTLS || p.greets == byTLSRequest {
		// It speaks to itself: what matters is that somebody answers.
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // #nosec G402
	}
	if p.greets == byRequest || p.greets == byTLSRequest {
		fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	}
	_, err = bufio.NewReader(c).ReadString('\n')
	return err
}

// serveMetrics serves the counters.
func (s *server) serveMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 8 << 10}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
