package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/rogpeppe/go-internal/testscript"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/config"
	"vaguemestre/internal/ident"
)

// A stage is where one script plays: its hub, and what its people know.
type stage struct {
	folder    string            // of the script
	hub       *process          // nil: none is running
	passwords map[string]string // by address
	ahead     time.Duration

	// Of the record (verbs_fhir_test.go).
	passes   map[string]pass              // by address
	records  map[string]string            // IDs, by address
	filed    map[string]map[string]filing // by record and name
	deposits int
}

// A process is a hub that runs.
type process struct {
	*exec.Cmd
	log   bytes.Buffer      // to be read when it has ended
	ports map[string]string // by key of the configuration
	ended chan error
}

type stageKey struct{}

// longTime is more than anything in a story takes, under -race, on a busy
// machine.
const longTime = 60 * time.Second

// noSleep keeps each process of a test with -race from sleeping a second
// before it ends.
const noSleep = "atexit_sleep_ms=0"

func setUpStage(env *testscript.Env) error {
	s := &stage{
		folder: env.WorkDir, passwords: map[string]string{},
		passes: map[string]pass{}, records: map[string]string{}, filed: map[string]map[string]filing{},
	}
	env.Values[stageKey{}] = s
	env.Defer(func() {
		if s.hub != nil {
			s.hub.Process.Kill()
			<-s.hub.ended
		}
	})
	for i, name := range []string{"PAUL", "ANNA", "LEO"} {
		m, err := ident.MakeMatricule(fmt.Sprintf("%d602099999%03d", 1+i%2, 1+i))
		if err != nil {
			return err
		}
		env.Setenv(name, m.Canonical())
	}
	env.Setenv("GORACE", noSleep)
	env.Setenv("VAGUEMESTRE_DATA", filepath.Join(env.WorkDir, "hub"))
	return nil
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

// command is the program, as a process that has not begun.
func (s *stage) command(args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &exec.Cmd{
		Path: self, Args: append([]string{"vaguemestre"}, args...), Dir: s.folder,
		Env: append(os.Environ(), clockVariable+"="+filepath.Join(s.folder, "clock"), "VAGUEMESTRE_DATA="+filepath.Join(s.folder, "hub"), "GORACE="+noSleep),
	}, nil
}

// expect ends the script unless it went as the script says.
func expect(ts *testscript.TestScript, neg bool, err error) {
	if err != nil {
		fmt.Fprintln(ts.Stderr(), err)
	}
	switch {
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("unexpected success")
	}
}

func hubVerb(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	if len(args) == 0 {
		ts.Fatalf("usage: hub new|start|stop|kill|hangup")
	}
	switch args[0] {
	case "new":
		expect(ts, neg, s.found(args[1:]))
	case "start":
		expect(ts, neg, s.start(args[1:]))
	case "stop":
		expect(ts, neg, s.end(ts, syscall.SIGTERM))
	case "kill":
		expect(ts, neg, s.end(ts, syscall.SIGKILL))
	case "hangup":
		ts.Check(s.hub.Process.Signal(syscall.SIGHUP))
	default:
		ts.Fatalf("hub %s: no such verb", args[0])
	}
}

var anyPort = regexp.MustCompile(`(?m)^(smtps|submission|imaps|imap|https) = .*$`)

func (s *stage) found(args []string) error {
	c, err := s.command(append([]string{"init", "--data", "hub", "--test-mode"}, args...)...)
	if err != nil {
		return err
	}
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	data := "hub"
	if i := slices.Index(args, "--data"); i >= 0 && i+1 < len(args) {
		data = args[i+1]
	}
	return freePorts(filepath.Join(s.folder, data))
}

// freePorts lets a configuration take whatever ports are free.
func freePorts(data string) error {
	file := filepath.Join(data, config.FileName)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, anyPort.ReplaceAll(text, []byte(`$1 = ["127.0.0.1:0"]`)), 0o600)
}

// start starts the hub and learns its ports. One that ends before it is ready
// is an error, with what it said.
func (s *stage) start(args []string) error {
	if !slices.Contains(args, "--data") {
		args = append([]string{"--data", "hub"}, args...)
	}
	c, err := s.command(append([]string{"serve"}, args...)...)
	if err != nil {
		return err
	}
	p := &process{Cmd: c, ports: map[string]string{}, ended: make(chan error, 1)}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	c.Stderr = &p.log
	if err := c.Start(); err != nil {
		return err
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() && lines.Text() != "ready" {
			if key, address, ok := strings.Cut(lines.Text(), " "); ok {
				p.ports[key] = strings.TrimSpace(address)
			}
		}
		ready <- lines.Text() == "ready"
		io.Copy(io.Discard, out)
		p.ended <- c.Wait()
	}()
	select {
	case ok := <-ready:
		if !ok {
			err := <-p.ended
			return fmt.Errorf("the hub did not start: %v\n%s", err, p.log.String())
		}
	case <-time.After(longTime):
		c.Process.Kill()
		<-p.ended
		return fmt.Errorf("not ready after %v: %s", longTime, p.log.String())
	}
	s.hub = p
	clear(s.passes) // its store may be an older one
	return nil
}

// end ends the hub: by SIGTERM it must end well.
func (s *stage) end(ts *testscript.TestScript, sig syscall.Signal) error {
	if s.hub == nil {
		return errors.New("no hub is running")
	}
	if err := s.hub.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case err := <-s.hub.ended:
		fmt.Fprint(ts.Stdout(), s.hub.log.String())
		s.hub = nil
		if sig == syscall.SIGKILL {
			return nil
		}
		return err
	case <-time.After(longTime):
		return fmt.Errorf("the hub has not stopped after %v", longTime)
	}
}

func clockVerb(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	if len(args) != 1 || neg {
		ts.Fatalf("usage: clock DURATION")
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	s.ahead += d
	file := filepath.Join(s.folder, "clock")
	ts.Check(os.WriteFile(file+".next", []byte(strconv.FormatInt(int64(s.ahead), 10)), 0o600))
	ts.Check(os.Rename(file+".next", file))
	time.Sleep(20 * time.Millisecond) // the hub looks every 10
}

func passwordVerb(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	if len(args) != 1 {
		ts.Fatalf("usage: password ADDRESS")
	}
	c, err := s.command("password", "add", args[0], "story", "--json")
	ts.Check(err)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	expect(ts, neg, err)
	if err != nil {
		return
	}
	var secret adminapi.Secret
	ts.Check(json.Unmarshal(out, &secret))
	s.passwords[args[0]] = secret.Password
	s.passwords[secret.Login] = secret.Password
}

// tls trusts the hub's own CA and nobody else.
func (s *stage) tls() (*tls.Config, error) {
	pem, err := os.ReadFile(filepath.Join(s.folder, "hub", filepath.FromSlash(caFile)))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}, nil
}

func (s *stage) dial(key string) (net.Conn, error) {
	if s.hub == nil {
		return nil, errors.New("no hub is running")
	}
	cfg, err := s.tls()
	if err != nil {
		return nil, err
	}
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: longTime}, Config: cfg}
	c, err := d.Dial("tcp", s.hub.ports[key])
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(longTime))
}

func smtpVerb(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	if len(args) != 4 || args[0] != "send" {
		ts.Fatalf("usage: smtp send FROM TO[,TO] FILE")
	}
	mail, err := os.ReadFile(ts.MkAbs(args[3]))
	ts.Check(err)
	mail = bytes.ReplaceAll(bytes.ReplaceAll(mail, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	say := func(step string, code int, text string) {
		fmt.Fprintf(ts.Stdout(), "%s %d %s\n", step, code, strings.ReplaceAll(text, "\n", " "))
	}
	expect(ts, neg, s.send(args[1], strings.Split(args[2], ","), mail, say))
}

// send submits a mail and says each reply that matters. It goes on after a
// refused recipient, and fails if any was.
func (s *stage) send(from string, to []string, mail []byte, say func(step string, code int, text string)) error {
	conn, err := s.dial("listen.smtps")
	if err != nil {
		return err
	}
	defer conn.Close()
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return err
	}
	if err := c.Auth(smtp.PlainAuth("", from, s.passwords[from], "localhost")); err != nil {
		return fmt.Errorf("AUTH: %w", err)
	}
	if err := c.Mail(from); err != nil {
		return fmt.Errorf("MAIL: %w", err)
	}
	var refused error
	for _, a := range to {
		if err := c.Rcpt(a); err != nil {
			refused = fmt.Errorf("RCPT: %w", err)
			if e := (*textproto.Error)(nil); errors.As(err, &e) {
				say("RCPT", e.Code, e.Msg)
			}
		}
	}
	if refused != nil && len(to) == 1 {
		return refused
	}
	// net/smtp keeps the words of the last reply to itself.
	id, err := c.Text.Cmd("DATA")
	if err != nil {
		return err
	}
	c.Text.StartResponse(id)
	_, _, err = c.Text.ReadResponse(354)
	c.Text.EndResponse(id)
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	w := c.Text.DotWriter()
	if _, err := w.Write(mail); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	code, text, err := c.Text.ReadResponse(250)
	say("DATA", code, text)
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	_ = c.Quit()
	return refused
}

func imapVerb(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	if len(args) < 2 {
		ts.Fatalf("usage: imap list|read|save ADDRESS …")
	}
	conn, err := s.dial("listen.imaps")
	ts.Check(err)
	c := imapclient.New(conn, nil)
	defer c.Close()
	if err := c.Login(args[1], s.passwords[args[1]]).Wait(); err != nil {
		expect(ts, neg, fmt.Errorf("LOGIN: %w", err))
		return
	}
	switch {
	case args[0] == "list" && len(args) == 2:
		err = listFolders(ts, c)
	case args[0] == "read" && len(args) == 3:
		err = readFolder(ts, c, args[2])
	case args[0] == "save" && len(args) == 5:
		err = saveMessage(ts, c, args[2], args[3], ts.MkAbs(args[4]))
	default:
		ts.Fatalf("usage: imap list ADDRESS | read ADDRESS FOLDER | save ADDRESS FOLDER UID FILE")
	}
	expect(ts, neg, err)
}

func listFolders(ts *testscript.TestScript, c *imapclient.Client) error {
	list, err := c.List("", "*", nil).Collect()
	if err != nil {
		return err
	}
	for _, f := range list {
		if slices.Contains(f.Attrs, imap.MailboxAttrNoSelect) {
			continue
		}
		st, err := c.Status(f.Mailbox, &imap.StatusOptions{NumMessages: true}).Wait()
		if err != nil {
			return err
		}
		fmt.Fprintf(ts.Stdout(), "%s %d\n", f.Mailbox, *st.NumMessages)
	}
	return nil
}

func readFolder(ts *testscript.TestScript, c *imapclient.Client, folder string) error {
	all, err := fetch(c, folder, imap.UIDSet{imap.UIDRange{Start: 1}})
	if err != nil {
		return err
	}
	fmt.Fprintf(ts.Stdout(), "%d messages\n", len(all))
	for _, m := range all {
		fmt.Fprintf(ts.Stdout(), "--- %d %v\n%s\n", m.UID, m.Flags, strings.ReplaceAll(string(m.BodySection[0].Bytes), "\r\n", "\n"))
	}
	return nil
}

func saveMessage(ts *testscript.TestScript, c *imapclient.Client, folder, number, file string) error {
	uid, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return err
	}
	all, err := fetch(c, folder, imap.UIDSetNum(imap.UID(uid)))
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("%d messages with UID %d in %s", len(all), uid, folder)
	}
	return os.WriteFile(file, all[0].BodySection[0].Bytes, 0o600)
}

func fetch(c *imapclient.Client, folder string, uids imap.UIDSet) ([]*imapclient.FetchMessageBuffer, error) {
	if _, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		return nil, fmt.Errorf("EXAMINE: %w", err)
	}
	return c.Fetch(uids, &imap.FetchOptions{
		UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect()
}

// spillVerb looks for words in every file of a folder, as they are.
func spillVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: spill DIR WORD…")
	}
	var found error
	err := filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, word := range args[1:] {
			if bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(word))) || strings.Contains(path, word) {
				found = fmt.Errorf("%s holds %q", path, word)
			}
		}
		return nil
	})
	ts.Check(err)
	expect(ts, neg, found)
}
