package smtpd

import (
	"crypto/tls"
	netsmtp "net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/xdg-go/scram"
)

const letter = "From: " + martin + "\r\nTo: a@ch-a.test\r\nSubject: Compte rendu\r\n\r\nBonjour\r\n.\r\n..\r\nfin\r\n"

func TestGoNetSMTP(t *testing.T) {
	h := &fakeHub{}
	w := serve(t, h, STARTTLS)
	c, err := netsmtp.Dial(w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(w.tls()); err != nil {
		t.Fatal(err)
	}
	if err := c.Auth(netsmtp.PlainAuth("", martin, password, "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail(martin); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt("a@ch-a.test"); err != nil {
		t.Fatal(err)
	}
	data, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Write([]byte(letter)); err != nil {
		t.Fatal(err)
	}
	if err := data.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
	h.want(t, letter)
}

// A scramClient is SCRAM-SHA-256-PLUS for go-smtp.
type scramClient struct{ conv *scram.ClientConversation }

func (s scramClient) Start() (string, []byte, error) {
	first, err := s.conv.Step("")
	return "SCRAM-SHA-256-PLUS", []byte(first), err
}

func (s scramClient) Next(challenge []byte) ([]byte, error) {
	answer, err := s.conv.Step(string(challenge))
	return []byte(answer), err
}

func TestGoSMTPWithChannelBinding(t *testing.T) {
	h := &fakeHub{}
	w := serve(t, h, Implicit)
	conn, err := tls.Dial("tcp", w.addr, w.tls())
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	state := conn.ConnectionState()
	binding, err := scram.NewTLSExporterBinding(&state)
	if err != nil {
		t.Fatal(err)
	}
	who, err := scram.SHA256.NewClient(martin, password, "")
	if err != nil {
		t.Fatal(err)
	}
	var mechanism sasl.Client = scramClient{who.NewConversationWithChannelBinding(binding)}
	if err := c.Auth(mechanism); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.SendMail(martin, []string{"a@ch-a.test", "b@ch-a.test"}, strings.NewReader(letter)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
	h.want(t, letter, letter)
}

// program returns the path of a client that is not ours.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT TESTED: %s is not installed", name)
	}
	return path
}

func letterFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "letter.eml")
	if err := os.WriteFile(name, []byte(letter), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCurl(t *testing.T) {
	curl := program(t, "curl")
	for name, c := range map[string]struct {
		mode Mode
		args []string
	}{
		"implicit TLS": {Implicit, []string{"smtps://"}},
		"STARTTLS":     {STARTTLS, []string{"--ssl-reqd", "smtp://"}},
		"AUTH LOGIN":   {Implicit, []string{"--login-options", "AUTH=LOGIN", "smtps://"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &fakeHub{}
			w := serve(t, h, c.mode)
			c.args[len(c.args)-1] += w.addr + "/lps.test"
			args := append([]string{"-sS", "--cacert", w.pem, "--user", martin + ":" + password,
				"--mail-from", martin, "--mail-rcpt", "a@ch-a.test", "--upload-file", letterFile(t)}, c.args...)
			out, err := exec.Command(curl, args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			h.want(t, letter)
		})
	}
}

func TestSwaks(t *testing.T) {
	swaks := program(t, "swaks")
	for name, c := range map[string]struct {
		mode Mode
		args []string
	}{
		"implicit TLS": {Implicit, []string{"--tls-on-connect"}},
		"STARTTLS":     {STARTTLS, []string{"--tls"}},
		"pipelining":   {Implicit, []string{"--tls-on-connect", "--pipeline"}},
		"AUTH LOGIN":   {Implicit, []string{"--tls-on-connect", "--auth", "LOGIN"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &fakeHub{}
			w := serve(t, h, c.mode)
			args := append([]string{"--server", w.addr, "--auth-user", martin, "--auth-password", password,
				"--from", martin, "--to", "a@ch-a.test,unknown@ch-a.test", "--data", "@" + letterFile(t)}, c.args...)
			if name != "AUTH LOGIN" {
				args = append(args, "--auth", "PLAIN")
			}
			out, _ := exec.Command(swaks, args...).CombinedOutput() // fails because of the unknown recipient
			if !strings.Contains(string(out), "250 2.0.0 Filed r-1") || !strings.Contains(string(out), "550 5.1.1") {
				t.Fatalf("%s", out)
			}
			mails := h.mails()
			if len(mails) != 1 || !strings.Contains(string(mails[0].Mail), "\r\nBonjour\r\n.\r\n..\r\nfin\r\n") {
				t.Errorf("filed: %v", mails)
			}
		})
	}
}
