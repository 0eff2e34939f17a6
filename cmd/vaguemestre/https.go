package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"vaguemestre/internal/listen"
)

// What an HTTPS client may take its time with. A document of 50 MB passes.
const (
	headerTime  = 10 * time.Second
	requestTime = 5 * time.Minute
	keepTime    = 2 * time.Minute
	drainTime   = 10 * time.Second

	maxHeader = 32 << 10
)

// serveHTTPS serves the API over TLS until ctx ends, and then lets what is
// under way end. A client may show a certificate: whose it is, the login says.
func (s *server) serveHTTPS(ctx context.Context, inner net.Listener) error {
	settings := s.cert.Config()
	settings.ClientAuth = tls.RequestClientCert
	settings.NextProtos = []string{"h2", "http/1.1"}
	limits := s.cfg.Limits
	l := listen.New(inner, listen.Config{
		TLS: settings, Handshake: limits.Handshake,
		MaxConns: limits.Connections, MaxPerAddress: limits.ConnectionsPerAddress,
	})
	acts, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	srv := &http.Server{
		Handler: s.web, TLSConfig: settings, // to speak HTTP/2 on what l has accepted
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: keepTime,
		MaxHeaderBytes: maxHeader,
		BaseContext:    func(net.Listener) context.Context { return acts },
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		l.Close()
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(acts, drainTime)
	defer cancel()
	if srv.Shutdown(drain) != nil {
		cut()
		srv.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
