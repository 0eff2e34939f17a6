package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/config"
)

// program is the real binary. The tests that kill it share one, which the last
// of them removes.
var program struct {
	sync.Mutex
	folder string
	users  int
}

// buildProgram returns the path of the program, for as long as the test runs.
func buildProgram(t *testing.T) string {
	t.Helper()
	program.Lock()
	defer program.Unlock()
	if program.users == 0 {
		var err error
		if program.folder, err = os.MkdirTemp("", "vaguemestre-kill-"); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "build", "-o", program.folder, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			os.RemoveAll(program.folder)
			t.Fatalf("%v\n%s", err, out)
		}
	}
	program.users++
	t.Cleanup(func() {
		program.Lock()
		defer program.Unlock()
		if program.users--; program.users == 0 {
			os.RemoveAll(program.folder)
		}
	})
	return filepath.Join(program.folder, "vaguemestre")
}

// A victim is a hub in a process of its own, on a real disk, that is killed and
// started again.
type victim struct {
	program string
	data    string
	people  map[string]person // by address, with passwords

	cmd *exec.Cmd
	log *os.File
	at  client // of the process that runs
}

// newVictim makes a hub with those people in a folder. It is not started.
func newVictim(t *testing.T, data string, people []person) *victim {
	t.Helper()
	v := &victim{program: buildProgram(t), data: data, people: map[string]person{}}
	c, err := found(t.Context(), founding{data: data, domain: demoDomain, patientDomain: demoPatientDomain, testMode: true, operator: "admin", host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	port := []string{"127.0.0.1:0"}
	c.Listen.SMTPS, c.Listen.Submission, c.Listen.IMAPS, c.Listen.IMAP, c.Listen.HTTPS = port, nil, port, nil, nil
	c.Janitor.Outbox, c.Janitor.Checkpoint = time.Second, time.Second // so that kills meet them at work
	if err := os.WriteFile(c.Path, c.Commented(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = config.Load(c.Path); err != nil {
		t.Fatal(err)
	}
	s, err := newServer(c, options{log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := enrol(t.Context(), s.hub, people); err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		v.people[p.address] = p
	}
	return v
}

// copyOf returns the same hub in another folder.
func (v *victim) copyOf(data string) *victim {
	return &victim{program: v.program, data: data, people: v.people}
}

const startPatience = time.Minute

// launch starts the process and returns what it prints.
func (v *victim) launch(t *testing.T) io.Reader {
	t.Helper()
	var err error
	if v.log, err = os.OpenFile(v.data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		t.Fatal(err)
	}
	v.cmd = exec.Command(v.program, "serve", "--data", v.data)
	v.cmd.Stderr = v.log
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.kill)
	return out
}

// start starts the hub and returns how long it took until it was ready. That
// it needs no repair is what every call shows.
func (v *victim) start(t *testing.T) time.Duration {
	t.Helper()
	took, err := v.tryStart(t)
	if err != nil {
		t.Fatalf("the hub does not start: %v\n%s", err, v.lastWords())
	}
	return took
}

func (v *victim) tryStart(t *testing.T) (took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	out := v.launch(t)
	late := time.AfterFunc(startPatience, func() { v.cmd.Process.Kill() })
	defer late.Stop()
	ports := map[string]string{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			v.at.smtp, v.at.imap = ports["listen.smtps"], ports["listen.imaps"]
			v.at.tls, err = trust(filepath.Join(v.data, filepath.FromSlash(caFile)))
			return time.Since(began), err
		}
		if f := strings.Fields(lines.Text()); len(f) == 2 {
			ports[f[0]] = f[1]
		}
	}
	return 0, fmt.Errorf("it ended before it was ready: %v", v.wait())
}

func trust(ca string) (*tls.Config, error) {
	b, err := os.ReadFile(ca)
	pool := x509.NewCertPool()
	if err == nil && !pool.AppendCertsFromPEM(b) {
		err = fmt.Errorf("%s holds no certificate", ca)
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}, err
}

// kill ends the process with SIGKILL, whatever it is doing.
func (v *victim) kill() {
	if v.cmd != nil {
		v.cmd.Process.Kill()
		v.wait()
	}
}

// stop ends the process as an administrator does.
func (v *victim) stop(t *testing.T) {
	t.Helper()
	v.cmd.Process.Signal(syscall.SIGTERM)
	if err := v.wait(); err != nil {
		t.Errorf("the hub did not stop well: %v\n%s", err, v.lastWords())
	}
}

func (v *victim) wait() error {
	err := v.cmd.Wait()
	v.cmd = nil
	return errors.Join(err, v.log.Close())
}

// lastWords returns the end of the log.
func (v *victim) lastWords() string {
	b, _ := os.ReadFile(v.data + ".log")
	return string(b[max(0, len(b)-3000):])
}

// alarms returns the lines of the log that ask a person to look now.
func (v *victim) alarms(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(v.data + ".log")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range bytes.Lines(b) {
		if bytes.Contains(line, []byte(`"level":"ERROR"`)) || bytes.HasPrefix(line, []byte("panic:")) {
			list = append(list, string(line))
		}
	}
	return list
}

// verb runs one of the administrator's verbs.
func (v *victim) verb(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, v.program, append(args, "--data", v.data)...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("vaguemestre %s: %w\n%s%s", strings.Join(args, " "), err, out, failed.Bytes())
	}
	return out, err
}

// verify lets the hub open everything it has. It must find nothing wrong.
func (v *victim) verify(t *testing.T, args ...string) (r adminapi.Report) {
	t.Helper()
	out, err := v.verb(t.Context(), append(args, "--json")...)
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, v.lastWords())
	}
	return r
}
