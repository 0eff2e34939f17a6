package imapd

import (
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzSession sends anything at all, before and after a login. The server may
// answer as it likes; it may not panic, nor keep waiting once the client left.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"a NOOP\r\nb LOGOUT\r\n",
		"a FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE BODY[1.2.MIME]<5.6> BINARY[1]<0.9> RFC822.TEXT)\r\n",
		"a SEARCH RETURN (SAVE MIN) OR TEXT x NOT (SUBJECT {3+}\r\nabc BEFORE 1-Jan-2026)\r\nb FETCH $ UID\r\n",
		"a STORE 1:* +FLAGS (\\Deleted x)\r\nb EXPUNGE\r\nc UID MOVE 1:* Trash\r\nd CLOSE\r\n",
		"a APPEND INBOX (\\Seen) \"17-Jul-2025 02:44:25 +0200\" {13+}\r\nSubject: x\r\n\n\r\nb IDLE\r\nDONE\r\n",
		"a LIST (SUBSCRIBED) \"\" (\"*\" %a%) RETURN (STATUS (MESSAGES DELETED) CHILDREN)\r\nb LSUB \"\" *\r\n",
		"a CREATE \"x/y\"\r\nb RENAME x z\r\nc SUBSCRIBE z\r\nd DELETE z/y\r\ne EXAMINE z\r\n",
		"a AUTHENTICATE PLAIN\r\nAGEAYg==\r\nb ID (\"x\" \"y\")\r\nc ENABLE UTF8=ACCEPT\r\nd STATUS INBOX (UNSEEN)\r\n",
		"a UID FETCH 4294967295:* BODY[]<4294967295.4294967295>\r\nb UID SEARCH UID *:7,$ LARGER 9\r\n",
		"a COPY 1 {7+}\r\nArchive\r\nb LOGIN {1}\r\nx y\r\nc SELECT \"&AOk-\"\r\n",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	h := start(f, func(c *Config) { c.AppendLimit, c.MaxFailures, c.PerAccount = 100, 100, 1<<20 })
	h.server.start()
	f.Fuzz(func(t *testing.T, input string, loggedIn bool) {
		h.hub.mu.Lock()
		clear(h.hub.boxes)
		h.hub.mu.Unlock()
		b := h.hub.box(martin)
		b.file("INBOX", crlfs(note))
		b.file("INBOX", crlfs(report))
		far, near := net.Pipe()
		near.SetDeadline(time.Now().Add(10 * time.Second))
		ended := make(chan struct{})
		h.server.entry.conns <- newWire(far, 100, false, h.server.metrics.command, func() { close(ended) })
		answers := make(chan struct{})
		go func() {
			defer close(answers)
			io.Copy(io.Discard, near)
		}()
		if loggedIn {
			io.WriteString(near, "l "+login+"\r\ns SELECT INBOX\r\n")
		}
		io.WriteString(near, input)
		near.Close()
		<-answers
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Errorf("the session goes on after %q", input)
		}
		if strings.Contains(h.log.String(), "panic") {
			t.Fatalf("panic on %q:\n%s", input, h.log.String())
		}
		h.log.reset()
	})
}

// FuzzPattern compares the matching of LIST patterns with that of regular
// expressions.
func FuzzPattern(f *testing.F) {
	f.Add("*", "a/b")
	f.Add("%/%x*", "é/bx")
	f.Add("inbox", "INBOX")
	f.Fuzz(func(t *testing.T, p, name string) {
		if len(p) > 50 || len(name) > 50 || !utf8.ValidString(p) || !utf8.ValidString(name) {
			return
		}
		quoted := regexp.QuoteMeta(p)
		re := strings.NewReplacer(`\*`, `(?s:.)*`, `%`, `[^/]*`).Replace(quoted)
		want := regexp.MustCompile(`\A`+re+`\z`).MatchString(name) || strings.EqualFold(p, "INBOX") && name == "INBOX"
		if got := newPattern(p).match(name); got != want {
			t.Errorf("match(%q, %q) = %v, want %v", p, name, got, want)
		}
	})
}
