package saslauth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/listen"
)

const martin = "dr.martin@ch-a.test"

// A fakeHub knows one account with some passwords, each named after itself.
type fakeHub struct {
	passwords []string
	asked     error // of Login and Secrets
	failed    []hub.Attempt
	proved    []string
}

func (h *fakeHub) Login(_ context.Context, a hub.Attempt, password string) (hub.Actor, error) {
	if h.asked != nil {
		return hub.Actor{}, h.asked
	}
	for _, p := range h.passwords {
		if a.Login == martin && p == password {
			return hub.Actor{Device: p}, nil
		}
	}
	h.failed = append(h.failed, a)
	return hub.Actor{}, fmt.Errorf("hub: login: %w", fault.Unauthenticated)
}

func (h *fakeHub) Secrets(_ context.Context, a hub.Attempt) (account.Secrets, error) {
	s := account.Secrets{Salt: []byte("0123456789abcdef"), Iterations: 4096}
	if a.Login != martin {
		return s, h.asked
	}
	for _, p := range h.passwords {
		c, err := scram.SHA256.NewClient("", p, "")
		if err != nil {
			return s, err
		}
		k, err := c.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(s.Salt), Iters: s.Iterations})
		if err != nil {
			return account.Secrets{}, err
		}
		s.Keys = append(s.Keys, account.SecretKey{ID: p, StoredKey: k.StoredKey, ServerKey: k.ServerKey})
	}
	return s, h.asked
}

func (h *fakeHub) LoginProved(_ context.Context, _ hub.Attempt, keyID string) (hub.Actor, error) {
	h.proved = append(h.proved, keyID)
	return hub.Actor{Device: keyID}, nil
}

func (h *fakeHub) LoginFailed(_ context.Context, a hub.Attempt) error {
	h.failed = append(h.failed, a)
	return nil
}

var attempt = hub.Attempt{Protocol: "smtp", Remote: netip.MustParseAddr("192.0.2.7")}

// run plays a whole exchange: each answer of client is what it says next; nil
// is no initial response. It returns who logged in.
func run(t *testing.T, a *Authenticator, mechanism string, client func(challenge []byte) []byte) (*hub.Actor, error) {
	t.Helper()
	var who *hub.Actor
	s, err := a.Server(t.Context(), mechanism, func(actor hub.Actor) { who = &actor })
	if err != nil {
		t.Fatal(err)
	}
	response := client(nil)
	for range 10 {
		challenge, done, err := s.Next(response)
		if done || err != nil {
			if done != (who != nil) {
				t.Errorf("done = %v, actor = %v", done, who)
			}
			return who, err
		}
		response = client(challenge)
	}
	t.Fatal("the exchange does not end")
	return nil, nil
}

// says plays fixed messages, whatever the server says.
func says(messages ...string) func([]byte) []byte {
	return func([]byte) []byte {
		if len(messages) == 0 {
			return []byte{}
		}
		m := messages[0]
		messages = messages[1:]
		if m == "-" {
			return nil
		}
		return []byte(m)
	}
}

// speaks plays a SCRAM client.
func speaks(t *testing.T, conv *scram.ClientConversation) func([]byte) []byte {
	return func(challenge []byte) []byte {
		if conv.Done() {
			return []byte{}
		}
		m, err := conv.Step(string(challenge))
		if err != nil {
			t.Errorf("the client refuses the server: %v", err)
		}
		return []byte(m)
	}
}

func client(t *testing.T, login, password, authzID string) *scram.Client {
	t.Helper()
	c, err := scram.SHA256.NewClient(login, password, authzID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPasswords(t *testing.T) {
	for _, c := range []struct {
		name, mechanism string
		client          func([]byte) []byte
		device          string // "" is a refusal
	}{
		{"PLAIN with the right password", Plain, says("\x00" + martin + "\x00two"), "two"},
		{"PLAIN without an initial response", Plain, says("-", "\x00"+martin+"\x00one"), "one"},
		{"PLAIN as oneself in so many words", Plain, says(martin + "\x00" + martin + "\x00one"), "one"},
		{"PLAIN as somebody else", Plain, says("other@ch-a.test\x00" + martin + "\x00one"), ""},
		{"PLAIN with a wrong password", Plain, says("\x00" + martin + "\x00three"), ""},
		{"PLAIN of an unknown account", Plain, says("\x00nobody@ch-a.test\x00one"), ""},
		{"PLAIN with a part too few", Plain, says(martin + "\x00one"), ""},
		{"PLAIN with a part too many", Plain, says("\x00" + martin + "\x00one\x00"), ""},
		{"PLAIN without a login", Plain, says("\x00\x00one"), ""},
		{"PLAIN with a password of a megabyte", Plain, says("\x00" + martin + "\x00" + strings.Repeat("x", 1<<20)), ""},
		{"PLAIN with nothing", Plain, says(""), ""},
		{"LOGIN", Login, says("-", martin, "one"), "one"},
		{"LOGIN with the login at once", Login, says(martin, "one"), "one"},
		{"LOGIN with a wrong password", Login, says("-", martin, "three"), ""},
		{"LOGIN with nothing", Login, says("", ""), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &fakeHub{passwords: []string{"one", "two"}}
			who, err := run(t, New(h, attempt, nil), c.mechanism, c.client)
			check(t, h, who, err, c.device)
		})
	}
}

// check compares the end of an exchange: logged in by that device, or refused
// as everybody is.
func check(t *testing.T, h *fakeHub, who *hub.Actor, err error, device string) {
	t.Helper()
	if device != "" {
		if err != nil || who == nil || who.Device != device || len(h.failed) != 0 {
			t.Errorf("got %v, %v with %d failures, want %s", who, err, len(h.failed), device)
		}
		return
	}
	if who != nil || !errors.Is(err, fault.Unauthenticated) || len(h.failed) != 1 {
		t.Errorf("got %v, %v with %d failures, want one refusal", who, err, len(h.failed))
	}
	for _, f := range h.failed {
		if f.Protocol != attempt.Protocol || f.Remote != attempt.Remote || len(f.Login) > maxLogin {
			t.Errorf("LoginFailed(%+v)", f)
		}
	}
}

func TestScram(t *testing.T) {
	wrongNonce := func() func([]byte) []byte { return says("n,,n="+martin+",r=abc", "c=biws,r=abc,p=AAAA") }
	for _, c := range []struct {
		name   string
		client func([]byte) []byte
		device string
	}{
		{"with the first password", speaks(t, client(t, martin, "one", "").NewConversation()), "one"},
		{"with the last password", speaks(t, client(t, martin, "three", "").NewConversation()), "three"},
		{"as oneself in so many words", speaks(t, client(t, martin, "one", martin).NewConversation()), "one"},
		{"as somebody else", says("n,a=other@ch-a.test,n=" + martin + ",r=abc"), ""},
		{"with a wrong nonce", wrongNonce(), ""},
		{"with nothing", says(""), ""},
		{"with a header only", says("n,,"), ""},
		{"with a binding, which is for -PLUS", says("p=tls-exporter,,n=" + martin + ",r=abc"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &fakeHub{passwords: []string{"one", "two", "three"}}
			who, err := run(t, New(h, attempt, nil), ScramSHA256, c.client)
			check(t, h, who, err, c.device)
			if want := []string{c.device}; c.device != "" && !reflect.DeepEqual(h.proved, want) {
				t.Errorf("proved %v, want %v", h.proved, want)
			}
		})
	}
}

// What a client sees must not tell an unknown account from a wrong password.
func TestUnknownAccountLooksLikeAWrongPassword(t *testing.T) {
	transcript := func(login string) (lines []string, err error) {
		h := &fakeHub{passwords: []string{"one"}}
		conv := client(t, login, "wrong", "").WithNonceGenerator(func() string { return "abc" }).NewConversation()
		_, err = run(t, New(h, attempt, nil), ScramSHA256, func(challenge []byte) []byte {
			shape, _, _ := strings.Cut(string(challenge), ",")
			lines = append(lines, fmt.Sprint(len(shape), strings.TrimPrefix(string(challenge), shape)))
			m, _ := conv.Step(string(challenge))
			return []byte(m)
		})
		return lines, err
	}
	known, errKnown := transcript(martin)
	unknown, errUnknown := transcript("nobody@ch-a.test")
	if !reflect.DeepEqual(known, unknown) || fmt.Sprint(errKnown) != fmt.Sprint(errUnknown) {
		t.Errorf("known: %q, %v\nunknown: %q, %v", known, errKnown, unknown, errUnknown)
	}
}

func TestTheKindOfTheHubIsKept(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Throttled, fault.Unavailable, fault.Sealed} {
		for mechanism, c := range map[string]func([]byte) []byte{
			Plain:       says("\x00" + martin + "\x00one"),
			ScramSHA256: speaks(t, client(t, martin, "one", "").NewConversation()),
		} {
			h := &fakeHub{passwords: []string{"one"}, asked: fmt.Errorf("hub: login: %w", kind)}
			if _, err := run(t, New(h, attempt, nil), mechanism, c); fault.Of(err) != kind {
				t.Errorf("%s: got %v, want %v", mechanism, err, kind)
			}
		}
	}
}

func TestMechanismsDependOnTheConnection(t *testing.T) {
	a := New(&fakeHub{}, attempt, nil)
	if got, want := a.Mechanisms(), []string{ScramSHA256, Plain, Login}; !reflect.DeepEqual(got, want) {
		t.Errorf("Mechanisms() = %v, want %v", got, want)
	}
	for _, m := range []string{ScramSHA256Plus, "CRAM-MD5", "", "plain"} {
		if _, err := a.Server(t.Context(), m, nil); !errors.Is(err, fault.NotFound) {
			t.Errorf("Server(%q) = %v", m, err)
		}
	}
	server, _ := pair(t, tls.VersionTLS13)
	a = New(&fakeHub{}, attempt, server)
	if got, want := a.Mechanisms(), []string{ScramSHA256Plus, ScramSHA256, Plain, Login}; !reflect.DeepEqual(got, want) {
		t.Errorf("Mechanisms() = %v, want %v", got, want)
	}
}

func TestChannelBinding(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			server, state := pair(t, version)
			_, other := pair(t, version)
			exporter, err := scram.NewTLSExporterBinding(&state)
			if err != nil {
				t.Fatal(err)
			}
			endpoint, err := scram.NewTLSServerEndpointBinding(&state)
			if err != nil {
				t.Fatal(err)
			}
			stolen, err := scram.NewTLSExporterBinding(&other)
			if err != nil {
				t.Fatal(err)
			}
			c := client(t, martin, "one", "")
			for _, row := range []struct {
				name, mechanism string
				client          func([]byte) []byte
				device          string
			}{
				{"tls-exporter", ScramSHA256Plus, speaks(t, c.NewConversationWithChannelBinding(exporter)), "one"},
				{"tls-server-end-point", ScramSHA256Plus, speaks(t, c.NewConversationWithChannelBinding(endpoint)), "one"},
				{"the binding of another connection", ScramSHA256Plus, speaks(t, c.NewConversationWithChannelBinding(stolen)), ""},
				{"no binding in -PLUS", ScramSHA256Plus, speaks(t, c.NewConversation()), ""},
				{"tls-unique", ScramSHA256Plus, speaks(t, c.NewConversationWithChannelBinding(scram.NewTLSUniqueBinding([]byte("x")))), ""},
				{"a client that binds nothing", ScramSHA256, speaks(t, c.NewConversation()), "one"},
				{"a client told that there is no -PLUS", ScramSHA256, speaks(t, c.NewConversationAdvertisingChannelBinding()), ""},
			} {
				t.Run(row.name, func(t *testing.T) {
					h := &fakeHub{passwords: []string{"one"}}
					who, err := run(t, New(h, attempt, server), row.mechanism, row.client)
					check(t, h, who, err, row.device)
				})
			}
		})
	}
}

// pair makes a TLS connection, and returns the server's end and what the
// client knows of it.
func pair(t *testing.T, version uint16) (*tls.Conn, tls.ConnectionState) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := listen.NewCertificate(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := listen.New(inner, listen.Config{TLS: cert.Config()})
	t.Cleanup(func() { l.Close() })
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return s.(*tls.Conn), c.ConnectionState()
}

func FuzzServers(f *testing.F) {
	f.Add("n,,n=a,r=abc", "c=biws,r=abc,p=AAAA", "")
	f.Add("y,a=b,n=a=2C,r=,", "", "x")
	f.Add("\x00a\x00b", "b", "c")
	f.Add("p=tls-exporter,,n=a,r=a", "c=,r=,p=", "")
	f.Fuzz(func(t *testing.T, one, two, three string) {
		for _, mechanism := range []string{Plain, Login, ScramSHA256} {
			s, err := New(&fakeHub{}, attempt, nil).Server(t.Context(), mechanism, func(hub.Actor) { t.Error("logged in") })
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range []string{one, two, three} {
				challenge, done, err := s.Next(bytes.Clone([]byte(m)))
				if done {
					t.Error("done")
				}
				if err != nil {
					if fault.Of(err) != fault.Unauthenticated {
						t.Errorf("%s: %v", mechanism, err)
					}
					break
				}
				_ = challenge
			}
		}
	})
}
