package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/xdg-go/scram"
	"go.uber.org/goleak"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/listen"
	"vaguemestre/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	martin   = "dr.martin@ch-a.test"
	password = "abcd-efgh-ijkl-mnop"
	patient  = "160209999900169@patient.test"
)

// A fakeHub knows dr.martin and answers for recipients by their local part.
type fakeHub struct {
	deliver func(hub.Delivery) error // before it is filed; may be nil
	login   error
	forget  bool // keep nothing of what is filed
	role    policy.Role

	mu    sync.Mutex
	filed []hub.Delivery
}

var refusals = map[string]error{
	"unknown":  fmt.Errorf("hub: recipient secret-detail: %w", fault.NotFound),
	"full":     fmt.Errorf("hub: recipient: %w", fault.Quota),
	"tired":    fmt.Errorf("hub: recipient: %w", fault.Throttled),
	"away":     fmt.Errorf("hub: recipient: %w", fault.Unavailable),
	"broken":   errors.New("hub: secret-detail at 10.0.0.3"),
	"wrongkey": fmt.Errorf("hub: recipient: %w", fault.Invalid),
	"discreet": &hub.Refusal{Rule: "space/closed", Kind: fault.NotFound},
	"closed": &hub.Refusal{Rule: "conversation/ended", Kind: fault.Denied,
		FR: "L’échange est clôturé", EN: "The exchange has ended"},
}

func (h *fakeHub) Login(_ context.Context, a hub.Attempt, pass string) (hub.Actor, error) {
	if h.login != nil {
		return hub.Actor{}, h.login
	}
	if a.Login != martin || pass != password || a.Protocol != "smtp" || !a.Remote.IsLoopback() {
		return hub.Actor{}, fmt.Errorf("hub: login: %w", fault.Unauthenticated)
	}
	return h.actor(), nil
}

func (h *fakeHub) actor() hub.Actor {
	a, err := ident.ParseAddress(martin)
	if err != nil {
		panic(err)
	}
	return hub.Actor{Address: a, Role: h.role, Session: "s1"}
}

func (h *fakeHub) Secrets(_ context.Context, a hub.Attempt) (account.Secrets, error) {
	s := account.Secrets{Salt: []byte("0123456789abcdef"), Iterations: 4096}
	if a.Login == martin {
		c, err := scram.SHA256.NewClient("", password, "")
		if err != nil {
			return s, err
		}
		k, err := c.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(s.Salt), Iters: s.Iterations})
		if err != nil {
			return account.Secrets{}, err
		}
		s.Keys = []account.SecretKey{{ID: "1", StoredKey: k.StoredKey, ServerKey: k.ServerKey}}
	}
	return s, nil
}

func (h *fakeHub) LoginProved(context.Context, hub.Attempt, string) (hub.Actor, error) {
	return h.actor(), nil
}

func (h *fakeHub) LoginFailed(context.Context, hub.Attempt) error { return nil }

func (h *fakeHub) CheckSender(_ context.Context, a hub.Actor, from ident.Address) error {
	if from != a.Address && !from.IsZero() {
		return &hub.Refusal{Rule: "sender/own", Kind: fault.Denied, FR: "Cette adresse n'est pas la vôtre", EN: "This address is not yours"}
	}
	return nil
}

func (h *fakeHub) CheckRecipient(_ context.Context, _ hub.Actor, to ident.Address) error {
	if to.Local() == "panic" {
		panic("as asked by the test")
	}
	return refusals[to.Local()]
}

func (h *fakeHub) Deliver(_ context.Context, d hub.Delivery) (hub.Receipt, error) {
	if h.deliver != nil {
		if err := h.deliver(d); err != nil {
			return hub.Receipt{}, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.forget {
		return hub.Receipt{ID: "r"}, nil
	}
	h.filed = append(h.filed, d)
	return hub.Receipt{ID: "r-" + strconv.Itoa(len(h.filed))}, nil
}

// mails are what has been filed.
func (h *fakeHub) mails() []hub.Delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.filed
}

// A world is a server in a test.
type world struct {
	t    testing.TB
	hub  *fakeHub
	addr string
	ca   *x509.CertPool
	pem  string // file with the certificate
	reg  *prometheus.Registry
	stop func() error // ends Serve, waits for it and returns its error
}

type option func(*Config)

func limits(l Limits) option { return func(c *Config) { c.Limits = l } }

// serve starts a server of h that is stopped with the test.
func serve(t testing.TB, h *fakeHub, mode Mode, options ...option) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := listen.NewCertificate(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, hub: h, ca: x509.NewCertPool(), pem: filepath.Join(t.TempDir(), "ca.pem"), reg: prometheus.NewRegistry()}
	w.ca.AddCert(cert.Leaf())
	if err := os.WriteFile(w.pem, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Domain: "hub.test", PatientDomain: "patient.test", TLS: cert.Config(), Metrics: w.reg, Log: slog.New(slog.DiscardHandler)}
	for _, o := range options {
		o(&cfg)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(h, cfg).Serve(ctx, l, mode) }()
	w.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { w.stop() })
	return w
}

// counter sums the values of a metric with that label value.
func (w *world) counter(name, label string) (sum float64) {
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) == 0 || m.GetLabel()[0].GetValue() == label {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func (w *world) tls() *tls.Config { return &tls.Config{RootCAs: w.ca, ServerName: "localhost"} }

// A client talks to a world by hand.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	last string // the last reply, all lines
}

func (w *world) dial() *client {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.client(c)
}

func (w *world) dialTLS() *client {
	w.t.Helper()
	c, err := tls.Dial("tcp", w.addr, w.tls())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.client(c)
}

func (w *world) client(c net.Conn) *client {
	c.SetDeadline(time.Now().Add(20 * time.Second))
	w.t.Cleanup(func() { c.Close() })
	return &client{t: w.t, conn: c, in: bufio.NewReader(c)}
}

// startTLS goes on inside TLS.
func (c *client) startTLS(w *world) {
	c.t.Helper()
	tc := tls.Client(c.conn, w.tls())
	if err := tc.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.in = tc, bufio.NewReader(tc)
}

// reply reads one reply and returns its last line; "" at the end of the
// connection.
func (c *client) reply() string {
	c.last = ""
	for {
		line, err := c.in.ReadString('\n')
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.t.Fatal("the server does not answer")
		}
		if err != nil {
			return ""
		}
		c.last += line
		if len(line) < 4 || line[3] != '-' {
			return strings.TrimSpace(line)
		}
	}
}

// play plays a script:
//
//	C: a line the client sends      R: a Go string the client sends as it is
//	S: how the next reply's last line begins; nothing: the connection ends
//	+: what that reply holds somewhere           -: what it does not hold
func (c *client) play(script string) {
	c.t.Helper()
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		verb, text, _ := strings.Cut(line, " ")
		switch verb {
		case "":
		case "C:":
			io.WriteString(c.conn, text+"\r\n")
		case "R:":
			raw, err := strconv.Unquote(text)
			if err != nil {
				c.t.Fatalf("%s: %v", line, err)
			}
			io.WriteString(c.conn, raw)
		case "S:":
			if got := c.reply(); !strings.HasPrefix(got, text) || text == "" && got != "" {
				c.t.Fatalf("got %q, want %q", got, text)
			}
		case "+:":
			if !strings.Contains(c.last, text) {
				c.t.Fatalf("reply %q has no %q", c.last, text)
			}
		case "-:":
			if strings.Contains(c.last, text) {
				c.t.Fatalf("reply %q has %q", c.last, text)
			}
		default:
			c.t.Fatalf("not a line of a script: %q", line)
		}
	}
}

func plain(login, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + login + "\x00" + password))
}

// loggedIn returns a client past AUTH.
func (w *world) loggedIn() *client {
	w.t.Helper()
	c := w.dialTLS()
	c.play("S: 220\nC: EHLO lps.test\nS: 250\nC: AUTH PLAIN " + plain(martin, password) + "\nS: 235")
	return c
}

// dialogue plays a script with a client that has logged in.
func dialogue(t *testing.T, h *fakeHub, script string, options ...option) *world {
	t.Helper()
	w := serve(t, h, Implicit, options...)
	w.loggedIn().play(script)
	return w
}

// want fails the test unless exactly these mails have been filed.
func (h *fakeHub) want(t *testing.T, mails ...string) {
	t.Helper()
	filed := h.mails()
	for i := range max(len(filed), len(mails)) {
		switch {
		case i >= len(filed):
			t.Errorf("mail %d was not filed", i)
		case i >= len(mails):
			t.Errorf("filed besides: %.200q", filed[i].Mail)
		case !bytes.Equal(filed[i].Mail, []byte(mails[i])):
			t.Errorf("mail %d has %d bytes: %.200q\nwant %d bytes: %.200q", i, len(filed[i].Mail), filed[i].Mail, len(mails[i]), mails[i])
		}
	}
}
