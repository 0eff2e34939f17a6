package smtpd

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"vaguemestre/internal/hub"
)

// A safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestTheLogNamesNobody(t *testing.T) {
	var log safeBuffer
	h := &fakeHub{deliver: func(d hub.Delivery) error {
		if bytes.Contains(d.Mail, []byte("Wanted")) {
			panic("content: Wanted")
		}
		return nil
	}}
	w := serve(t, h, Implicit, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c := w.dialTLS()
	rcpt := mailFrom + "C: RCPT TO:<" + patient + ">\nS: 250\nC: DATA\nS: 354\n"
	c.play("S: 220\nC: EHLO lps.test\nS: 250\nC: AUTH PLAIN " + plain(martin, "wrong") + "\nS: 535\nC: AUTH PLAIN " + plain(martin, password) + "\nS: 235" + `
		C: MAIL FROM:<other@ch-a.test>
		S: 550
		` + mailFrom + `
		C: RCPT TO:<unknown@ch-a.test>
		S: 550
		C: RSET
		S: 250
	` + rcpt + "C: Subject: Douleur\nC: .\nS: 250\n" + rcpt + "C: Subject: Douleur\nR: \"a\\nb\\r\\n.\\r\\n\"\nS: 550\n" + rcpt + "C: Subject: Wanted\nC: .\nS: 421\nS:")
	w.stop()
	for _, word := range []string{"martin", "ch-a", "patient.test", "1602099999", "Douleur", "Wanted", password, "other@", "unknown@"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("the log holds %q", word)
		}
	}
	for _, line := range []string{`"msg":"smtp login"`, `"msg":"smtp filed"`, `"receipt":"r-1"`, `"kind":"not authenticated"`, `"msg":"smtp panic"`, `"remote":"127.0.0.1"`} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log has no %s", line)
		}
	}
}

// Whatever a client sends, the server answers the line after it, or has ended
// the connection with a reply of its own; it does not panic.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"MAIL FROM:<" + martin + "> SIZE=10 BODY=8BITMIME\r\nRCPT TO:<a@ch-a.test> NOTIFY=NEVER\r\nDATA\r\nA: b\r\n.\r\n",
		"MAIL FROM:<" + martin + ">\r\nRCPT TO:<a@ch-a.test>\r\nBDAT 3\r\nabcBDAT 2 LAST\r\nde",
		"BDAT 99999999999 LAST\r\n", "BDAT 10\r\nNOOP\r\n", "AUTH PLAIN\r\n*\r\n", "EHLO\r\n", "HELO x\r\nMAIL FROM:<>\r\n", "RSET x\r\nVRFY a\r\n\r\n",
		"MAIL FROM:<@a,@b:" + martin + "> AUTH=<> X=Y\r\n", "RCPT TO:<a@ch-a.test> ORCPT=utf-8;\\x{10FFFF}\r\n", "STARTTLS\r\nDATA\r\n",
	} {
		f.Add([]byte(s))
	}
	h := &fakeHub{deliver: func(hub.Delivery) error { return nil }}
	l := Limits{Mail: 1 << 16, Errors: 30, Anonymous: 2 * time.Second}
	l.Patience.Idle, l.Patience.Grace, l.Patience.MinRate, l.Patience.MaxAge = 2*time.Second, 2*time.Second, 1000, time.Minute
	w := serve(f, h, Implicit, limits(l))
	cache := tls.NewLRUClientSessionCache(1)
	f.Fuzz(func(t *testing.T, in []byte) {
		raw, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Skip(err)
		}
		cfg := w.tls()
		cfg.ClientSessionCache = cache
		conn := tls.Client(raw, cfg)
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		go func() {
			fmt.Fprintf(conn, "EHLO lps.test\r\nAUTH PLAIN %s\r\n", plain(martin, password))
			conn.Write(in)
			// Ends a body, a line, an AUTH; a chunk ends with the connection.
			io.WriteString(conn, "\r\n.\r\n*\r\nQUIT\r\n")
			conn.CloseWrite()
		}()
		out, err := io.ReadAll(conn)
		if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
			t.Fatalf("no end after %q; got %q", in, out)
		}
		for line := range strings.Lines(string(out)) {
			if len(line) < 4 || line[0] < '2' || line[0] > '5' {
				t.Fatalf("not a reply: %q", line)
			}
		}
		if n := w.counter("smtp_panics_total", ""); n != 0 {
			t.Fatalf("a panic after %q", in)
		}
	})
}
