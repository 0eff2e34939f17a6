package imapd

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"vaguemestre/internal/listen"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	martin = "dr.martin@ch-a.test"
	login  = "LOGIN " + martin + " " + password
)

var issue = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func caPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issue().Certificate[0]})
}

// A harness is a server with its hub, on a port for each mode.
type harness struct {
	hub      *fakeHub
	server   *Server
	addr     string // implicit TLS
	startTLS string
	metrics  *prometheus.Registry
	log      *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lockedBuffer) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

// start starts a server on a hub of its own, which ends with the test.
func start(t testing.TB, change func(*Config)) *harness {
	t.Helper()
	fake := newFakeHub()
	h := startOn(t, fake, change)
	h.hub = fake
	return h
}

// startOn starts a server on a hub.
func startOn(t testing.TB, hub Hub, change func(*Config)) *harness {
	t.Helper()
	cert, err := listen.NewCertificate(issue())
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{metrics: prometheus.NewRegistry(), log: &lockedBuffer{}}
	cfg := Config{TLS: cert.Config(), Metrics: h.metrics, Log: slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: func() time.Time { return time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC) }}
	if change != nil {
		change(&cfg)
	}
	h.server = New(hub, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	serve := func(m Mode) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := h.server.Serve(ctx, l, m); err != nil {
				t.Error(err)
			}
		})
		return l.Addr().String()
	}
	h.addr, h.startTLS = serve(ImplicitTLS), serve(StartTLS)
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		h.server.Close()
	})
	return h
}

// A client is a connection that a dialogue is played on.
type client struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

func (h *harness) dial(t testing.TB) *client {
	t.Helper()
	c, err := tls.Dial("tcp", h.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

func (h *harness) dialClear(t testing.TB) *client {
	t.Helper()
	c, err := net.Dial("tcp", h.startTLS)
	if err != nil {
		t.Fatal(err)
	}
	return newClient(t, c)
}

func newClient(t testing.TB, c net.Conn) *client {
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t: t, Conn: c, in: bufio.NewReader(c)}
}

// session dials, logs in and selects INBOX.
func (h *harness) session(t testing.TB) *client {
	t.Helper()
	c := h.dial(t)
	c.play(`
		S: * OK
		C: l ` + login + `
		S: l OK
		C: s SELECT INBOX
		…
		S: s OK`)
	return c
}

// line reads a line, and the literals in it.
func (c *client) line() (string, error) {
	var whole strings.Builder
	for {
		l, err := c.in.ReadString('\n')
		if err != nil {
			return whole.String(), err
		}
		whole.WriteString(l)
		m := literalAtEnd.FindStringSubmatch(l)
		if m == nil {
			return strings.TrimSuffix(whole.String(), "\r\n"), nil
		}
		n, _ := strconv.Atoi(m[1])
		if _, err := io.CopyN(&whole, c.in, int64(n)); err != nil {
			return whole.String(), err
		}
	}
}

var literalAtEnd = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// play plays a script of lines: "C:" is sent, "S:" must be the begin of what
// comes, "S=" all of it, "…" passes over lines until the next S: fits, "EOF"
// is the end of the connection. \r, \n, \x00 and \" may be written so.
func (c *client) play(script string) {
	c.t.Helper()
	skip := false
	for l := range strings.Lines(script) {
		l = strings.TrimSpace(l)
		verb, text, _ := strings.Cut(l, " ")
		text = escapes.Replace(text)
		switch verb {
		case "":
		case "C:":
			if _, err := io.WriteString(c, text+"\r\n"); err != nil {
				c.t.Fatalf("sending %q: %v", text, err)
			}
		case "C+": // without CRLF
			io.WriteString(c, text)
		case "…":
			skip = true
		case "EOF":
			for {
				got, err := c.line()
				if err != nil {
					break
				}
				if !skip {
					c.t.Fatalf("got %q, want the end", got)
				}
			}
			return
		case "S:", "S=":
			for {
				got, err := c.line()
				if err != nil {
					c.t.Fatalf("waiting for %q: %v (%q)", text, err, got)
				}
				if verb == "S:" && strings.HasPrefix(got, text) || got == text {
					break
				}
				if !skip {
					c.t.Fatalf("got %q, want %q", got, text)
				}
			}
			skip = false
		default:
			c.t.Fatalf("script: %q", l)
		}
	}
}

var escapes = strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\x00`, "\x00")

const note = `
From: "Dr Claire Martin" <dr.martin@ch-a.test>
To: patient@patient.test
Subject: =?utf-8?q?R=C3=A9sultats?=
Date: Mon, 2 Mar 2026 11:20:30 +0100
Message-ID: <one@ch-a.test>

Bonjour, voici le compte rendu.
`

const report = `
From: labo@ch-a.test
To: dr.martin@ch-a.test
Subject: Biologie
Date: Tue, 3 Mar 2026 09:00:00 +0100
Message-ID: <two@ch-a.test>
X-Priority: 1
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Glyc=C3=A9mie normale
--b
Content-Type: application/pdf; name="bio.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="bio.pdf"

JVBERi0xLjQK
--b--
`

// emptyMultipart is a mail that makes the library panic when listed.
const emptyMultipart = `
From: a@ch-a.test
Subject: vide
Content-Type: multipart/mixed; boundary=b

--b--
`
