package listen

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"vaguemestre/internal/fault"
)

// Handshake makes a TLS server of c within a time. On error c is not closed
// and must not be used for anything else.
func Handshake(c net.Conn, cfg *tls.Config, within time.Duration) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	t := tls.Server(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("listen: handshake: %v: %w", err, fault.Unavailable)
	}
	return t, nil
}

// Leaf returns the certificate that t has shown its client, for channel
// binding (RFC 5929 §4), or nil if that is not known: it is where the
// configuration came from a Certificate and t stands directly on a Conn.
func Leaf(t *tls.Conn) *x509.Certificate {
	if c, ok := t.NetConn().(*Conn); ok {
		return c.leaf
	}
	return nil
}

// A Certificate is the certificate of a server. It can be read again while
// the server runs: new connections then show the new one. Safe for concurrent
// use.
type Certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// LoadCertificate reads a certificate chain and its key from two PEM files.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	return c, c.Reload()
}

// NewCertificate serves one that is in memory already.
func NewCertificate(cert tls.Certificate) (*Certificate, error) {
	c := &Certificate{}
	return c, c.set(cert)
}

// Reload reads the files again. If they cannot be used the certificate stays
// as it was, and the error says why.
func (c *Certificate) Reload() error {
	if c.certFile == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("listen: load certificate: %v: %w", err, fault.Invalid)
	}
	return c.set(cert)
}

func (c *Certificate) set(cert tls.Certificate) error {
	if cert.Leaf == nil {
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			return fmt.Errorf("listen: parse certificate: %v: %w", err, fault.Invalid)
		}
		cert.Leaf = leaf
	}
	c.current.Store(&cert)
	return nil
}

// Leaf returns the certificate in use.
func (c *Certificate) Leaf() *x509.Certificate { return c.current.Load().Leaf }

// Config returns a server's configuration that follows c: TLS 1.2 with suites
// that have forward secrecy and authenticated encryption, and TLS 1.3, which
// has no others.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert := c.current.Load()
			if conn, ok := hello.Conn.(*Conn); ok {
				conn.leaf = cert.Leaf // the handshake happens before the connection is handed over
			}
			return cert, nil
		},
	}
}
