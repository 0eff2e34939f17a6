package courier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func notice(n int, by hub.Channel, to string) hub.Outgoing {
	return hub.Outgoing{ID: fmt.Sprintf("part/%d", n), Kind: hub.NoticeLoginCode, Channel: by, Address: to,
		Subject: "Votre code / Your code", Text: "Votre code est 123456, à saisir.\n"}
}

type fakeHub struct {
	mu     sync.Mutex
	due    []hub.Outgoing
	err    error
	sent   []string
	failed map[string]error
}

func (h *fakeHub) DueNotices(context.Context, int) ([]hub.Outgoing, error) { return h.due, h.err }

func (h *fakeHub) NoticeSent(_ context.Context, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent = append(h.sent, id)
	return nil
}

func (h *fakeHub) NoticeFailed(_ context.Context, id string, cause error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed == nil {
		h.failed = map[string]error{}
	}
	h.failed[id] = cause
	return nil
}

type carrierFunc func(hub.Outgoing) error

func (f carrierFunc) Carry(_ context.Context, o hub.Outgoing) error { return f(o) }

func TestARoundTellsTheHubWhatBecameOfEachNotice(t *testing.T) {
	h := &fakeHub{
		due: []hub.Outgoing{notice(1, hub.ByMail, "a@example.org"), notice(2, hub.ByMail, "gone@example.org"), notice(3, hub.BySMS, "+33612345678")},
		err: errors.New("one partition is damaged"),
	}
	c := New(h, Config{Carriers: map[hub.Channel]Carrier{hub.ByMail: carrierFunc(func(o hub.Outgoing) error {
		if o.Address == "gone@example.org" {
			return fault.Invalid
		}
		return nil
	})}})
	if err := c.Round(t.Context()); !errors.Is(err, h.err) {
		t.Errorf("Round = %v", err)
	}
	if !slices.Equal(h.sent, []string{"part/1"}) {
		t.Errorf("sent: %v", h.sent)
	}
	if !errors.Is(h.failed["part/2"], fault.Invalid) || !errors.Is(h.failed["part/3"], fault.Unavailable) {
		t.Errorf("failed: %v", h.failed)
	}
}

func TestANoticeUnderWayWhenTheHubStopsComesAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := &fakeHub{due: []hub.Outgoing{notice(1, hub.ByMail, "a@example.org")}}
	c := New(h, Config{Carriers: map[hub.Channel]Carrier{hub.ByMail: carrierFunc(func(hub.Outgoing) error { cancel(); return fault.Unavailable })}})
	if err := c.Round(ctx); !errors.Is(err, context.Canceled) || len(h.sent)+len(h.failed) > 0 {
		t.Errorf("Round = %v, sent %v, failed %v", err, h.sent, h.failed)
	}
}

// A relay is a mail server that keeps what it gets.
type relay struct {
	mu    sync.Mutex
	mails []string
}

type relaySession struct {
	*relay
	to string
}

func (r *relay) NewSession(*smtp.Conn) (smtp.Session, error) { return &relaySession{relay: r}, nil }

func (s *relaySession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *relaySession) Reset()                               {}
func (s *relaySession) Logout() error                        { return nil }

func (s *relaySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case strings.HasPrefix(to, "gone@"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no " + to}
	case strings.HasPrefix(to, "later@"):
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "later"}
	}
	s.to = to
	return nil
}

func (s *relaySession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, s.to+"\r\n"+string(b))
	return err
}

func TestASmarthostTakesNotices(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{}
	srv := smtp.NewServer(r)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	defer func() { srv.Close(); <-ended }()
	from, err := ident.ParseAddress("avis@hub.test")
	if err != nil {
		t.Fatal(err)
	}
	s := &Smarthost{Address: l.Addr().String(), Plain: true, From: from, Name: "Vaguemestre", Now: noon}
	for to, want := range map[string]error{
		"a@example.org": nil, "gone@example.org": fault.Invalid, "later@example.org": fault.Unavailable, "not an address": fault.Invalid,
	} {
		err := s.Carry(t.Context(), notice(1, hub.ByMail, to))
		if !errors.Is(err, want) {
			t.Errorf("%s gives %v, want %v", to, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "example.org") {
			t.Errorf("the error repeats an address: %v", err)
		}
	}
	if len(r.mails) != 1 {
		t.Fatalf("%d mails arrived", len(r.mails))
	}
	for _, want := range []string{"a@example.org\r\n", "From: ", "<avis@hub.test>", "Auto-Submitted: auto-generated", "123456"} {
		if !strings.Contains(r.mails[0], want) {
			t.Errorf("%q is missing in\n%s", want, r.mails[0])
		}
	}
	s.User, s.Password = "hub", "secret"
	if err := s.Carry(t.Context(), notice(1, hub.ByMail, "a@example.org")); !errors.Is(err, fault.Unavailable) || len(r.mails) != 1 {
		t.Errorf("a password without TLS gives %v", err)
	}
	s.Plain = false
	if err := s.Carry(t.Context(), notice(1, hub.ByMail, "a@example.org")); !errors.Is(err, fault.Unavailable) || len(r.mails) != 1 {
		t.Errorf("a relay without TLS gives %v", err)
	}
}

func TestAGatewayTakesTexts(t *testing.T) {
	status, got := http.StatusAccepted, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.Header.Get("Authorization") + " " + string(b)
		w.WriteHeader(status)
	}))
	defer srv.Close()
	g := &Gateway{URL: srv.URL, Token: "secret", Client: srv.Client()}
	o := notice(7, hub.BySMS, "+33612345678")
	if err := g.Carry(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if want := `POST Bearer secret {"to":"+33612345678","text":"Votre code est 123456, à saisir.\n","reference":"part/7"}`; got != want {
		t.Errorf("the provider got %s", got)
	}
	for code, want := range map[int]error{
		400: fault.Invalid, 404: fault.Invalid, 422: fault.Invalid,
		401: fault.Unavailable, 302: fault.Unavailable, 429: fault.Unavailable, 500: fault.Unavailable,
	} {
		if status = code; !errors.Is(g.Carry(t.Context(), o), want) {
			t.Errorf("status %d is not %v", code, want)
		}
	}
	srv.Close()
	if err := g.Carry(t.Context(), o); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a provider that is away gives %v", err)
	}
}

func TestAFolderKeepsNoticesForPeopleToRead(t *testing.T) {
	f := &Folder{Path: filepath.Join(t.TempDir(), "outbox"), Now: noon}
	for n := range 2 {
		if err := f.Carry(t.Context(), notice(n, hub.ByMail, "a@example.org")); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(f.Path, "20261121T120000-mail-login-code-1.txt"))
	if want := "To: a@example.org\nSubject: Votre code / Your code\n\nVotre code est 123456, à saisir.\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
	if list, err := os.ReadDir(f.Path); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}
