package listen

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issue makes a certificate of its own for hub.test.
func issue(t testing.TB, serial int64) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "hub.test"}, DNSNames: []string{"hub.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func serverTLS(t testing.TB) *tls.Config {
	t.Helper()
	c, err := NewCertificate(issue(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	return c.Config()
}

var insecure = &tls.Config{InsecureSkipVerify: true}

func start(t *testing.T, cfg Config) *Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := New(inner, cfg)
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	return c
}

func accept(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// value sums a metric.
func value(t *testing.T, c prometheus.Collector) (sum float64) {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}

// ended fails the test unless the peer of c has closed it.
func ended(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection is still open")
	}
}

func TestASilentClientDoesNotHoldUpTheNext(t *testing.T) {
	rejected := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rejected"}, []string{"reason"})
	l := start(t, Config{TLS: serverTLS(t), Handshake: 200 * time.Millisecond, Rejected: rejected})
	silent := dial(t, l)
	go tls.Client(dial(t, l), insecure).Handshake()
	c := accept(t, l)
	if s := c.(*tls.Conn).ConnectionState(); !s.HandshakeComplete {
		t.Error("handed over before the end of the handshake")
	}
	ended(t, silent)
	l.Close() // the count comes after the close that the client sees
	if n := value(t, rejected); n != 1 {
		t.Errorf("rejected{handshake} = %v, want 1", n)
	}
}

func TestOldProtocolsAndSuitesAreRefused(t *testing.T) {
	for name, cfg := range map[string]*tls.Config{
		"TLS 1.1":     {InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"a CBC suite": {InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, Config{TLS: serverTLS(t)})
			if err := tls.Client(dial(t, l), cfg).Handshake(); err == nil {
				t.Error("handshake succeeded")
			}
		})
	}
}

func TestCapPerAddressTellsTheClientInClear(t *testing.T) {
	l := start(t, Config{MaxPerAddress: 1, Busy: "421 4.7.0 Too many connections\r\n"})
	dial(t, l)
	first := accept(t, l)
	got, err := io.ReadAll(dial(t, l))
	if string(got) != "421 4.7.0 Too many connections\r\n" || err != nil {
		t.Errorf("the second client reads %q, %v", got, err)
	}
	first.Close()
	dial(t, l)
	accept(t, l) // there is room again
}

func TestCapInAll(t *testing.T) {
	l := start(t, Config{MaxConns: 2, MaxPerAddress: 100})
	dial(t, l)
	dial(t, l)
	accept(t, l)
	accept(t, l)
	ended(t, dial(t, l))
	if n := l.Len(); n != 2 {
		t.Errorf("Len() = %d, want 2", n)
	}
}

func TestPatience(t *testing.T) {
	for _, c := range []struct {
		name     string
		patience Patience
		client   func(net.Conn)
	}{
		{"silence ends after Idle", Patience{Idle: 100 * time.Millisecond}, func(net.Conn) {}},
		{"a byte now and then is too slow, though never silent for Idle", Patience{Idle: time.Minute, Grace: 200 * time.Millisecond, MinRate: 1000}, func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}},
		{"a busy connection ends at MaxAge", Patience{MaxAge: 200 * time.Millisecond}, func(c net.Conn) {
			for {
				if _, err := c.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := start(t, Config{Patience: c.patience})
			client := dial(t, l)
			quit := make(chan struct{})
			go func() { defer close(quit); c.client(client) }()
			server := accept(t, l)
			begin := time.Now()
			_, err := io.Copy(io.Discard, server)
			if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) > 4*time.Second {
				t.Errorf("reading ended with %v after %v", err, time.Since(begin))
			}
			server.Close()
			client.Close()
			<-quit
		})
	}
}

func TestOurSlownessIsNotTheClients(t *testing.T) {
	l := start(t, Config{Patience: Patience{Idle: time.Minute, Grace: 200 * time.Millisecond, MinRate: 1 << 30}})
	client := dial(t, l)
	server := accept(t, l)
	client.Write([]byte("ab"))
	one := make([]byte, 1)
	server.Read(one)
	time.Sleep(400 * time.Millisecond) // we work
	if _, err := server.Read(one); err != nil {
		t.Errorf("after our own pause: %v", err)
	}
}

func TestARequestOfItsOwnAfterEachReply(t *testing.T) {
	l := start(t, Config{Patience: Patience{Idle: time.Minute, Grace: 150 * time.Millisecond, MinRate: 1 << 30}})
	client := dial(t, l)
	server := accept(t, l)
	one := make([]byte, 1)
	for range 5 {
		time.Sleep(60 * time.Millisecond)
		client.Write([]byte("a"))
		if _, err := server.Read(one); err != nil {
			t.Fatal(err)
		}
		server.Write(one)
		client.Read(one)
	}
}

func TestAReaderThatStopsIsCut(t *testing.T) {
	l := start(t, Config{Patience: Patience{Grace: 200 * time.Millisecond, MinRate: 1 << 30}})
	dial(t, l)
	server := accept(t, l)
	for {
		if _, err := server.Write(make([]byte, 1<<20)); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			return
		}
	}
}

func TestDeadlinesOfTheLibrary(t *testing.T) {
	for name, ignore := range map[string]bool{"count": false, "are ignored where we say so": true} {
		t.Run(name, func(t *testing.T) {
			l := start(t, Config{IgnoreDeadlines: ignore, Patience: Patience{Idle: 300 * time.Millisecond}})
			dial(t, l)
			server := accept(t, l)
			begin := time.Now()
			server.SetReadDeadline(begin.Add(50 * time.Millisecond))
			_, err := server.Read(make([]byte, 1))
			took := time.Since(begin)
			if !errors.Is(err, os.ErrDeadlineExceeded) || (took > 200*time.Millisecond) != ignore {
				t.Errorf("Read ended with %v after %v", err, took)
			}
		})
	}
}

func TestCloseEndsEveryConnection(t *testing.T) {
	l := start(t, Config{})
	client := dial(t, l)
	server := accept(t, l)
	waiting := dial(t, l) // nobody accepts it
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	ended(t, client)
	ended(t, waiting)
	if _, err := server.Read(make([]byte, 1)); err == nil {
		t.Error("the server's end still reads")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if n := l.Len(); n != 0 {
		t.Errorf("Len() = %d after Close", n)
	}
}

func TestShutdownWaitsThenCloses(t *testing.T) {
	l := start(t, Config{})
	dial(t, l)
	server := accept(t, l)
	go func() {
		time.Sleep(50 * time.Millisecond)
		server.Close()
	}()
	if err := l.Shutdown(t.Context()); err != nil {
		t.Errorf("with the connection ended: %v", err)
	}

	l = start(t, Config{})
	client := dial(t, l)
	accept(t, l)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a connection that stays: %v", err)
	}
	ended(t, client)
}

func TestCertificateIsReloaded(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(serial int64) {
		c := issue(t, serial)
		key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), 0o600)
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600)
	}
	write(1)
	cert, err := LoadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	l := start(t, Config{TLS: cert.Config()})
	serial := func() int64 {
		t.Helper()
		c := tls.Client(dial(t, l), insecure)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		shown := c.ConnectionState().PeerCertificates[0]
		if known := Leaf(accept(t, l).(*tls.Conn)); known == nil || !known.Equal(shown) {
			t.Errorf("Leaf is not the certificate shown")
		}
		return shown.SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Errorf("serial = %d, want 1", n)
	}
	os.WriteFile(certFile, []byte("half written"), 0o600)
	if err := cert.Reload(); err == nil {
		t.Error("a broken file was accepted")
	}
	if n := serial(); n != 1 {
		t.Errorf("after a reload that failed: serial = %d, want 1", n)
	}
	write(2)
	if err := cert.Reload(); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 {
		t.Errorf("after the reload: serial = %d, want 2", n)
	}
}

func TestNetworkIsTheUnitOfTheCap(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7:4000":                    "192.0.2.7",
		"[::ffff:192.0.2.7]:4000":           "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:4000":       "2001:db8:1:2::",
		"[2001:db8:1:2:ffff:ffff:0:1]:4001": "2001:db8:1:2::",
	} {
		a, err := net.ResolveTCPAddr("tcp", in)
		if err != nil {
			t.Fatal(err)
		}
		if got := network(a).String(); got != want {
			t.Errorf("network(%s) = %s, want %s", in, got, want)
		}
	}
}
