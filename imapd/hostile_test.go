package imapd

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
)

// value returns a metric of the server, 0 if it has none.
func (h *harness) value(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := prometheus.Gatherer(h.metrics).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestEveryKindHasAReply(t *testing.T) {
	for _, k := range fault.Kinds() {
		if replies[k] == nil || replies[k].Code == "" || replies[k].Text == "" {
			t.Errorf("no IMAP reply for %v", k)
		}
	}
}

func TestKindsAreToldByTheirCode(t *testing.T) {
	h := start(t, func(c *Config) { c.MaxFailures = 100 })
	h.hub.box(martin).file("INBOX", crlfs(note))
	c := h.dial(t)
	c.play("S: * OK")
	for kind, code := range map[fault.Kind]string{
		fault.Unauthenticated: "[AUTHENTICATIONFAILED]", fault.Throttled: "[LIMIT]",
		fault.Sealed: "[UNAVAILABLE]", fault.Unavailable: "[UNAVAILABLE]", fault.Internal: "[SERVERBUG]",
	} {
		h.hub.fail("Login", fmt.Errorf("secret words: %w", kind))
		c.play("C: a " + login + "\nS: a NO " + code)
	}
	h.hub.fail("Login", nil)
	h.hub.fail("OpenMailbox", fault.Sealed)
	c.play("C: b " + login + "\nS: b NO [UNAVAILABLE]")
	h.hub.fail("OpenMailbox", nil)
	c.play("C: c " + login + "\nS: c OK\nC: d SELECT INBOX\n…\nS: d OK")
	for kind, code := range map[fault.Kind]string{fault.Quota: "[OVERQUOTA]", fault.NotFound: "[TRYCREATE]",
		fault.TooLarge: "[TOOBIG]", fault.Denied: "[NOPERM]", fault.Corrupt: "[CORRUPTION]"} {
		h.hub.fail("Copy", fmt.Errorf("secret words: %w", kind))
		c.play("C: e COPY 1 Archive\nS: e NO " + code)
	}
	h.hub.fail("Copy", &hub.Refusal{Rule: "x", FR: "Non", EN: "The exchange is closed", Kind: fault.Denied})
	c.play("C: f COPY 1 Archive\nS= f NO [NOPERM] The exchange is closed")
}

func TestNoTrailNoContent(t *testing.T) {
	h := start(t, nil)
	h.hub.box(martin).file("INBOX", crlfs(note))
	c := h.session(t)
	h.hub.fail("Content", fault.Unavailable)
	c.play(`
		C: a FETCH 1 BODY[]
		S: a NO [UNAVAILABLE]
		C: b FETCH 1 (FLAGS BODY[1])
		S: b NO [UNAVAILABLE]
		C: c SEARCH HEADER X-Priority 1
		S: c NO [UNAVAILABLE]`)
}

func TestClearTextIsForSTARTTLSOnly(t *testing.T) {
	h := start(t, nil)
	c := h.dialClear(t)
	c.play(`
		S: * OK [CAPABILITY IMAP4rev2 IMAP4rev1 ID STARTTLS LOGINDISABLED]
		C: a CAPABILITY
		S= * CAPABILITY IMAP4rev2 IMAP4rev1 ID STARTTLS LOGINDISABLED
		S: a OK
		C: b ID NIL
		S: * ID
		S: b OK
		C: c ` + login + `
		S: c NO [PRIVACYREQUIRED]
		C: d AUTHENTICATE PLAIN
		S: d NO [PRIVACYREQUIRED]
		C: e SELECT INBOX
		S: e BAD
		C: f NOOP
		S: f OK
		C: g STARTTLS
		S: g OK`)
	under := newClient(t, tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true}))
	under.play(`
		C: a CAPABILITY
		S: * CAPABILITY IMAP4rev2 IMAP4rev1 ID SASL-IR LITERAL+ AUTH=SCRAM-SHA-256-PLUS
		S: a OK
		C: b ID NIL
		S: * ID
		S: b OK
		C: c STARTTLS
		S: c NO
		C: d ` + login + `
		S: d OK [CAPABILITY
		C: e LOGOUT
		S: * BYE
		S: e OK
		EOF`)
	if n := h.hub.called("Login"); n != 1 {
		t.Errorf("%d logins reached the hub, want the one under TLS", n)
	}
}

func TestNothingMayFollowSTARTTLSInClear(t *testing.T) {
	h := start(t, nil)
	h.dialClear(t).play(`
		S: * OK
		C: a STARTTLS\r\nb NOOP
		S: * BYE
		EOF`)
	for name, line := range map[string]string{"a literal": "a LOGIN {9999999}", "NUL": `a\x00 NOOP`, "a bare CR": `a NO\rOP`, "no tag": "GET / HTTP/1.1 {3}"} {
		t.Run(name, func(t *testing.T) {
			h.dialClear(t).play("S: * OK\nC: " + line + "\nS: * BYE\nEOF")
		})
	}
	h.dialClear(t).play("S: * OK\nC: a " + strings.Repeat("x", 2000) + "\nS: * BYE\nEOF")
	h.dialClear(t).play("S: * OK\n" + strings.Repeat("C: a NOOP\nS: a OK\n", prefaceLines) + "S: * BYE\nEOF")
}

func TestSilentClientsGo(t *testing.T) {
	h := start(t, func(c *Config) {
		c.Handshake, c.PreLogin, c.Idle = 200*time.Millisecond, 300*time.Millisecond, time.Second
	})
	for name, dial := range map[string]func() net.Conn{
		"before the handshake": func() net.Conn {
			c, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Fatal(err)
			}
			return newClient(t, c)
		},
		"after the handshake": func() net.Conn { return h.dial(t) },
		"in clear":            func() net.Conn { return h.dialClear(t) },
		"instead of a handshake": func() net.Conn {
			c := h.dialClear(t)
			c.play("S: * OK\nC: a STARTTLS\nS: a OK")
			return c
		},
		"while asking for capabilities, again and again": func() net.Conn {
			c := h.dial(t)
			c.play("S: * OK")
			go func() {
				for range 20 {
					if _, err := io.WriteString(c, "a NOOP\r\n"); err != nil {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
			}()
			return c
		},
		"after login": func() net.Conn { return h.session(t) },
		"in IDLE": func() net.Conn {
			c := h.session(t)
			c.play("C: a IDLE\nS: +")
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			if _, err := io.Copy(io.Discard, dial()); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Fatal("still connected")
			}
			if d := time.Since(began); d > 4*time.Second {
				t.Errorf("cut after %v", d)
			}
		})
	}
}

func TestGuessingPasswordsEnds(t *testing.T) {
	h := start(t, func(c *Config) { c.MaxFailures = 3 })
	h.dial(t).play(`
		S: * OK
		C: a LOGIN a@b.test x
		S: a NO [AUTH
		C: b AUTHENTICATE PLAIN AGFAYi50ZXN0AHdyb25n
		S: b NO [AUTH
		C: c AUTHENTICATE SCRAM-SHA-256 AAAA
		S: c NO [AUTH
		S: * BYE Too many failed logins
		EOF`)
	h.dial(t).play("S: * OK\n" + strings.Repeat("C: a NOOP\nS: a OK\n", maxCommands) + "C: a NOOP\nS: * BYE\nEOF")
	if h.hub.failed != 1 {
		t.Errorf("LoginFailed called %d times, want 1", h.hub.failed)
	}
}

func TestSessionsOfAnAccountAreCounted(t *testing.T) {
	h := start(t, func(c *Config) { c.PerAccount = 2 })
	first := h.session(t)
	h.session(t)
	h.dial(t).play("S: * OK\nC: a " + login + "\nS: a NO [LIMIT]")
	if n := h.value(t, "imap_sessions"); n != 2 {
		t.Errorf("imap_sessions = %v, want 2", n)
	}
	first.play("C: a LOGOUT\n…\nS: a OK\nEOF")
	for range 100 {
		if h.value(t, "imap_sessions") == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.session(t)
}

func TestLinesBeforeLogin(t *testing.T) {
	h := start(t, nil)
	for name, script := range map[string]string{
		"a long line":                        "C+ a NOOP " + strings.Repeat("x", 20000) + "\nS: * BYE",
		"a line without end":                 "C+ " + strings.Repeat("x", 20000) + "\nS: * BYE",
		"a synchronizing literal, too large": "C: a LOGIN {5000}\nS: a NO [TOOBIG]\nC: b NOOP\nS: b OK\nC: c LOGOUT",
		"a literal sent unasked, too large":  "C: a LOGIN {5000+}\nS: * BYE",
		"a literal of no number":             "C: a LOGIN {99999999999999999999}\nS: * BYE",
		"literals that add up":               `C: a LOGIN {4000+}\r\n` + strings.Repeat("x", 4000) + ` {4000+}` + "\nS: * BYE",
		"a literal in ID":                    "C: a ID ({4}\nS: a BAD\nC: b ID ({4+}\nS: * BYE",
		"parentheses":                        "C: a ID " + strings.Repeat("(", 500) + "\nS: a BAD\nC: b SEARCH " + strings.Repeat("(", 500) + "\nS: b BAD\nC: c LOGOUT",
		"an open quote":                      "C: a LOGIN \"x\nS: a BAD\nC: b LOGOUT",
		"NUL":                                `C: a NO\x00OP` + "\nS: a BAD\nC: b LOGOUT",
		"a bare CR":                          `C: a NO\rOP` + "\nS: a BAD\nC: b LOGOUT",
		"a bare LF":                          "C: a NOOP\\nb LOGOUT\nS: a BAD\nS: * BYE",
		"an unknown command":                 "C: GET / HTTP/1.1\nS: GET BAD",
		"a login of two literals":            `C: a LOGIN {19+}\r\n` + martin + ` {13}` + "\nS: + \nC: " + password + "\nS: a OK\nC: b LOGOUT",
	} {
		t.Run(name, func(t *testing.T) {
			h.dial(t).play("S: * OK\n" + script + "\n…\nEOF")
		})
	}
}

func TestLinesAfterLogin(t *testing.T) {
	h := start(t, func(c *Config) { c.AppendLimit = 10000 })
	long := strings.Repeat("x", 5000)
	c := h.session(t)
	c.play(`
		C: a UID FETCH ` + strings.Repeat("1,", 30000) + `1 FLAGS
		S: a BAD [LIMIT]
		C: b NOOP
		S: b OK
		C: c SEARCH SUBJECT {5000+}\r\n\r\nx CREATE evil\r\n` + long[17:] + `
		S: c NO [TOOBIG]
		C: d FOO {19+}\r\n\r\nx CREATE evil\r\nxx
		S: d BAD
		C: e APPEND INBOX {20000+}\r\n\r\nx CREATE evil\r\n` + strings.Repeat("x", 20000-17) + `
		S: e NO [TOOBIG]
		C: f APPEND INBOX {20000}
		S: f NO [TOOBIG]
		C: g SEARCH SUBJECT {5000}
		S: g NO [TOOBIG]
		C: G APPEND {5000}
		S: G NO [TOOBIG]
		C: h LIST "" *vil
		S: h OK
		C: i SEARCH ` + strings.Repeat("NOT ", 5000) + `ALL
		S: i NO [LIMIT]
		C: j SEARCH ` + strings.Repeat("TEXT a ", 500) + `
		S: j NO [LIMIT]
		C: k FETCH 1 BODY[]<1.9223372036854775807>
		S: k BAD
		C: l FETCH 1 BODY[]<9223372036854775807.5>
		S: l BAD
		C: m FETCH 1 BODY.PEEK[]<0.0>
		S: m BAD
		C: n FETCH 1 BINARY[1]<5.9223372036854775807>
		S: n BAD
		C: o FETCH 1 BODY[4294967295.4294967295.1]
		S: o OK
		C: p SELECT &&&
		S: p BAD
		C: q LOGIN a b
		S: q BAD
		C: r SEARCH CHARSET {7+}\r\nUNKNOWN ALL
		S: r NO [BADCHARSET]
		C: s NOOP
		S: s OK`)
}

func TestAnEmptyMultipartIsListed(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(emptyMultipart))
	b.file("INBOX", crlfs(note))
	b.mu.Lock() // as an entry could have it that was not made by our parser
	f, _ := b.byName("INBOX")
	f.messages[0].entry.Structure.Root.Type = "multipart"
	f.messages[0].entry.Structure.Root.Children = nil
	f.messages[1].entry.Structure.Root = nil
	b.mu.Unlock()
	h.session(t).play(`
		C: a FETCH 1:* (BODY BODYSTRUCTURE)
		S: * 1 FETCH (BODY ("text" "plain" NIL NIL NIL "7bit"
		S: * 2 FETCH (BODY ("text" "plain" NIL NIL NIL "7bit" 0 0) BODYSTRUCTURE (
		S: a OK`)
}

// A LIST that takes exponential time elsewhere.
func TestListPatternsAreLinear(t *testing.T) {
	name := strings.Repeat("a", 200)
	began := time.Now()
	if newPattern(strings.Repeat("*a", 100) + "b").match(name) {
		t.Error("matches without its last letter")
	}
	if !newPattern(strings.Repeat("*a%", 60) + "*").match(name) {
		t.Error("does not match")
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("took %v", d)
	}
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a/b", true}, {"%", "a/b", false}, {"%", "a", true}, {"a/%", "a/b", true}, {"a/%", "a/b/c", false},
		{"a*", "a", true}, {"%b", "a/b", false}, {"*b", "a/b", true}, {"%/%", "a/b", true}, {"*%", "a/b", true},
		{"%*", "a/b", true}, {"", "", true}, {"inbox", "INBOX", true}, {"Inbox", "Inbox2", false}, {"é%", "été", true},
	} {
		if got := newPattern(c.pattern).match(c.name); got != c.want {
			t.Errorf("match(%q, %q) = %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

func TestAPanicEndsOneConnection(t *testing.T) {
	h := start(t, nil)
	box := h.hub.box(martin)
	box.file("INBOX", crlfs(note))
	one, other := h.session(t), h.session(t)
	h.hub.fail("Entries", panicError{})
	one.play("C: a FETCH 1 ENVELOPE\nEOF")
	h.hub.fail("Entries", nil)
	other.play("C: a NOOP\nS: a OK")
	if n := h.value(t, "imap_panics_total"); n != 1 {
		t.Errorf("imap_panics_total = %v, want 1", n)
	}
	if !strings.Contains(h.log.String(), "imap panic") {
		t.Error("the panic is not in the log")
	}
}

// A panicError panics when it is looked at, as a broken invariant would.
type panicError struct{}

func (panicError) Error() string { panic("broken") }
func (panicError) Is(error) bool { panic("broken") }

func TestAnswersThatCannotBeFinished(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))
	b.file("INBOX", crlfs(note)+strings.Repeat("x", 2*smallRange))
	c := h.session(t)
	h.hub.fail("ReadRange", fault.Corrupt)
	c.play(`
		C: a FETCH 1 (FLAGS BODY[])
		S: a NO [CORRUPTION]
		C: b FETCH 1 BODY[HEADER.FIELDS (Subject)]
		S: b NO [CORRUPTION]
		C: c FETCH 2 BODY[]
		…
		EOF`)
}

func TestASessionThatFallsBehindIsDropped(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	for range 200 {
		b.file("INBOX", crlfs(note))
	}
	slow, fast := h.session(t), h.session(t)
	for i := range maxEvents/200 + 1 {
		sign := "+-"[i%2 : i%2+1]
		fast.play("C: a STORE 1:* " + sign + "FLAGS.SILENT (\\Flagged)\nS: a OK")
	}
	f := h.server.folders.open[folderKey{owner: martinAddress(t), id: mailbox.Inbox}]
	f.mu.Lock()
	n := len(f.events)
	f.mu.Unlock()
	if n > maxEvents {
		t.Errorf("%d events are kept, at most %d may be", n, maxEvents)
	}
	slow.play("C: a FETCH 1 FLAGS\nS: a OK\nS: * BYE\nEOF")
	fast.play("C: b NOOP\nS: b OK")
}

func TestAMailboxDeletedUnderASession(t *testing.T) {
	h := start(t, nil)
	c := h.session(t)
	c.play("C: a CREATE Temp\nS: a OK\nC: b SELECT Temp\n…\nS: b OK\nC: c DELETE Temp\nS: c NO [INUSE]\nC: d IDLE\nS: +")
	h.session(t).play("C: a DELETE Temp\nS: a OK")
	c.play("S: * BYE The mailbox was deleted\nEOF")
}

func TestTheMemoryBudgetIsGivenBack(t *testing.T) {
	h := start(t, func(c *Config) { c.AppendLimit, c.Budget = 1000, 2000 })
	c := h.session(t)
	body := crlfs(note)
	for range 20 {
		c.play(fmt.Sprintf("C+ a APPEND INBOX {%d+}\\r\\n%s\\r\\n\n…\nS: a OK", len(body), strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(body)))
	}
	h.hub.fail("Append", fault.Quota)
	for range 20 {
		c.play("C: b APPEND INBOX {21+}\\r\\nSubject: x\\r\\n\\r\\nbonjour\nS: b NO [OVERQUOTA]")
	}
	if !h.server.budget.TryAcquire(2000) {
		t.Error("memory was not given back")
	}
}

func TestLogsSayNothingOfContentFoldersOrPeople(t *testing.T) {
	h := start(t, nil)
	h.hub.box(martin).file("INBOX", crlfs(note))
	h.hub.fail("Copy", fmt.Errorf("hub: copy: %w", fault.Internal))
	h.session(t).play(`
		C: a CREATE Ronflements
		S: a OK
		C: b SELECT Ronflements
		…
		S: b OK
		C: c SELECT INBOX
		…
		S: c OK
		C: d FETCH 1 (ENVELOPE BODY[])
		…
		S: d OK
		C: e COPY 1 Ronflements
		S: e NO [SERVERBUG]
		C: f FETCH Ronflements
		S: f BAD
		C: g SEARCH SUBJECT "compte rendu"
		…
		S: g OK
		C: h LOGOUT
		…
		EOF`)
	log := h.log.String()
	for _, word := range []string{"Ronflements", "compte", "Bonjour", "martin", "Martin", "patient", password} {
		if strings.Contains(log, word) {
			t.Errorf("the log says %q:\n%s", word, log)
		}
	}
	for _, want := range []string{`"msg":"imap login"`, `"proto":"imap"`, `"conn":`, `"actor":"bal:`, `"command":"COPY"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %s:\n%s", want, log)
		}
	}
}

// The library leaves Idle running when the connection breaks.
func TestEndOfFileInIdle(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	for range 20 {
		c := h.session(t)
		c.play("C: a IDLE\nS: +")
		go b.file("INBOX", crlfs(note))
		c.Close()
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	h := start(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.server.Serve(ctx, l, ImplicitTLS) }()
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	newClient(t, c).play("S: * OK\nC: a " + login + "\nS: a OK\nC: b IDLE\nS: +")
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("Serve goes on")
	}
}

func TestALargePartIsDecodedWithinTheBudget(t *testing.T) {
	h := start(t, func(c *Config) { c.AppendLimit, c.Budget, c.BudgetWait = 1<<20, 2<<20, 50*time.Millisecond })
	head := "Subject: x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: "
	lines := strings.Repeat(strings.Repeat("QUFB", 19)+"\r\n", 4000) // 78 bytes a line, 57 decoded
	b := h.hub.box(martin)
	b.file("INBOX", head+"base64\r\n\r\n"+lines)
	b.file("INBOX", head+"x-uuencode\r\n\r\n"+lines)
	c := h.session(t)
	c.play(`
		C: a FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1]<227990.100> BINARY.SIZE[2])
		S= * 1 FETCH (BINARY[1]<227990> ~{10}\r\nAAAAAAAAAA BINARY.SIZE[1] 228000 BINARY.SIZE[2] 0)
		S: a OK
		C: b FETCH 1 (BINARY.PEEK[1] BODY.PEEK[1])
		S: * 1 FETCH (BODY[1] {312000}
		S: b OK
		C: c FETCH 2 (BODY.PEEK[] BINARY.PEEK[1])
		S: c NO [UNKNOWN-CTE]
		C: d FETCH 1:2 (` + strings.Repeat("BODY.PEEK[] ", maxSections) + `BODY.PEEK[])
		S: d NO [LIMIT]`)
	if !h.server.budget.TryAcquire(2 << 20) {
		t.Fatal("memory was not given back")
	}
	h.server.budget.Release(1000)
	c.play("C: e FETCH 1 BINARY.PEEK[1]\nS: e NO [UNAVAILABLE]")
}

func TestAnEntryThatIsDamagedIsTold(t *testing.T) {
	h := start(t, nil)
	h.hub.box(martin).file("INBOX", crlfs(note))
	c := h.session(t)
	h.hub.fail("Entries", fault.Corrupt)
	c.play("C: a FETCH 1 ENVELOPE\nS: a NO [CORRUPTION]\nC: b FETCH 1 FLAGS\nS: *\nS: b OK")
}

func TestACopyOfWhatLeftMeanwhile(t *testing.T) {
	to := mailbox.Folder{UIDValidity: 7}
	if got := copyData(to, []mailbox.UID{1, 2, 3}, []mailbox.UID{4, 0, 5}); got.SourceUIDs.String() != "1,3" || got.DestUIDs.String() != "4:5" {
		t.Errorf("COPYUID %v %v", got.SourceUIDs, got.DestUIDs)
	}
	if got := copyData(to, []mailbox.UID{1}, []mailbox.UID{0}); got != nil {
		t.Errorf("COPYUID %v for nothing", got)
	}
}
