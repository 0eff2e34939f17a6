package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vaguemestre/imapd"
	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/smtpd"
)

// TestTheDefaultsOfTheFileAreThoseOfTheCode holds the one table of the
// configuration against the packages that it configures.
func TestTheDefaultsOfTheFileAreThoseOfTheCode(t *testing.T) {
	l := config.Default().Limits
	if diff := cmp.Diff(hub.DefaultLimits, hubLimits(l)); diff != "" {
		t.Errorf("hub (-code +file):\n%s", diff)
	}
	smtp := smtpd.DefaultLimits
	// IMAP clients stay, so the file, which has one limit for both, allows more.
	smtp.Connections, smtp.PerAddress = l.Connections, l.ConnectionsPerAddress
	if diff := cmp.Diff(smtp, smtpLimits(l)); diff != "" {
		t.Errorf("smtpd (-code +file):\n%s", diff)
	}
}

// TestEveryLimitReachesSomebody changes each limit of the file and looks for
// the change on the other side.
func TestEveryLimitReachesSomebody(t *testing.T) {
	seen := func(l config.Limits) []any {
		s := &server{cfg: &config.Config{Limits: l}, cert: newTestCertificate(t)}
		imap := s.imapConfig()
		imap.TLS, imap.Log, imap.Metrics, imap.Now = nil, nil, nil, nil
		return []any{hubLimits(l), smtpLimits(l), fhirLimits(l), imap, l.Memory} // the last is serve's
	}
	base := config.Default().Limits
	fields := reflect.ValueOf(&base).Elem()
	for i := range fields.NumField() {
		changed := base
		reflect.ValueOf(&changed).Elem().Field(i).SetInt(fields.Field(i).Int() + 1)
		if cmp.Equal(seen(base), seen(changed), cmpopts.IgnoreUnexported(imapd.Config{})) {
			t.Errorf("limits: %s reaches nobody", fields.Type().Field(i).Name)
		}
	}
}

// newHub makes a hub with any free ports.
func newHub(t testing.TB, f founding) *config.Config {
	t.Helper()
	if f.data == "" {
		f.data = filepath.Join(t.TempDir(), "hub")
	}
	f.domain, f.patientDomain, f.operator, f.testMode, f.host = "hub.test", "patient.test", "ada", true, "127.0.0.1"
	if _, err := found(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := freePorts(f.data); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(filepath.Join(f.data, config.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// running runs a hub until the test ends or stop is called, which tells what
// Run returned.
func running(t *testing.T, c *config.Config, sealed bool) (s *server, stop func() error) {
	t.Helper()
	s, err := newServer(c, options{sealed: sealed, log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s, serveUntilEnd(t, s)
}

// serveUntilEnd runs a server until the test ends or stop is called.
func serveUntilEnd(t testing.TB, s *server) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	stop = func() error {
		cancel()
		select {
		case err := <-ended:
			ended <- err
			return err
		case <-time.After(longTime):
			return errors.New("it does not stop")
		}
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the hub ended with %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("the hub ended before it was ready: %v", err)
	case <-time.After(longTime):
		t.Fatal("the hub is not ready")
	}
	return stop
}

func clientOf(t *testing.T, c *config.Config) *adminapi.Client {
	t.Helper()
	token, err := findToken(c.Operators, "")
	if err != nil {
		t.Fatal(err)
	}
	client := adminapi.NewClient(c.Listen.Admin, token)
	t.Cleanup(client.Close)
	return client
}

func TestAStopIsBoundedThoughClientsStay(t *testing.T) {
	c := newHub(t, founding{})
	s, stop := running(t, c, false)
	for _, key := range []string{"listen.smtps", "listen.imaps"} {
		conn, err := tls.Dial("tcp", s.address(key), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 1)); err != nil { // its greeting: it is being served
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("with idle clients a stop took %v", took)
	}
}

func TestMetricsAreServedOnLoopbackWithoutNames(t *testing.T) {
	c := newHub(t, founding{})
	c.Listen.Metrics = "127.0.0.1:0"
	s, _ := running(t, c, false)
	m := adminapi.Patient{Matricule: testMatricule(t), BirthName: "ESSAI", FirstNames: "Paul"}
	if err := clientOf(t, c).Do(t.Context(), "patient/add", m, new(any)); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get("http://" + s.address("listen.metrics") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"smtp_connections_total", "imap_", "janitor_rounds_total", "go_goroutines"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s among the metrics", want)
		}
	}
	for _, word := range []string{"ESSAI", m.Matricule, "patient.test"} {
		if strings.Contains(string(b), word) {
			t.Errorf("the metrics tell %q", word)
		}
	}
}

// TestTwoProcessesAreOneHub runs two hubs over one PostgreSQL and one Redis, as
// a front door without the hub key and a back office with it: a mail that the
// one takes in wakes a client of the other.
func TestTwoProcessesAreOneHub(t *testing.T) {
	dsn, redis := os.Getenv("VAGUEMESTRE_TEST_POSTGRES"), os.Getenv("VAGUEMESTRE_TEST_REDIS")
	if dsn == "" || redis == "" {
		t.Skip("VAGUEMESTRE_TEST_POSTGRES and VAGUEMESTRE_TEST_REDIS are not set: `eval \"$(.ci/services start)\"` starts both")
	}
	dsn, err := newDatabase(t, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAGUEMESTRE_TEST_DSN", dsn)
	office := newHub(t, founding{postgres: "env:VAGUEMESTRE_TEST_DSN", redis: redis})
	door := *office
	door.Listen.Admin = filepath.Join(t.TempDir(), "admin.sock")
	back, _ := running(t, office, false)
	front, _ := running(t, &door, true)
	c := clientOf(t, office)
	var password adminapi.Secret
	for _, act := range []struct {
		verb string
		in   any
	}{
		{"mailbox/add", adminapi.BAL{Kind: "ORG", Address: "ward@ch.test", Name: "Ward"}},
		{"password/add", adminapi.Device{Address: "ward@ch.test", Device: "pc"}},
	} {
		if err := c.Do(t.Context(), act.verb, act.in, &password); err != nil {
			t.Fatal(err)
		}
	}

	st := &stage{folder: filepath.Dir(filepath.Dir(office.Path)), passwords: map[string]string{"ward@ch.test": password.Password}}
	st.hub = &process{ports: map[string]string{"listen.imaps": back.address("listen.imaps"), "listen.smtps": front.address("listen.smtps")}}
	conn, err := st.dial("listen.imaps")
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan uint32, 10)
	reader := imapclient.New(conn, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(m *imapclient.UnilateralDataMailbox) {
			if m.NumMessages != nil {
				woken <- *m.NumMessages
			}
		},
	}})
	defer reader.Close()
	if err := reader.Login("ward@ch.test", password.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Idle(); err != nil {
		t.Fatal(err)
	}
	mail := "From: <ward@ch.test>\r\nDate: Mon, 02 Nov 2026 09:00:00 +0100\r\nSubject: hello\r\n\r\nhello\r\n"
	if err := st.send("ward@ch.test", []string{"ward@ch.test"}, []byte(mail), func(string, int, string) {}); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-woken:
		if n != 1 {
			t.Errorf("woken with %d messages, want 1", n)
		}
	case <-time.After(20 * time.Second): // by itself a session looks once a minute
		t.Error("a mail taken in by one process did not wake a client of the other")
	}
	var r adminapi.Report
	if err := c.Do(t.Context(), "hub/verify", adminapi.Nothing{}, &r); err != nil || len(r.Findings) > 0 || r.Messages != 1 {
		t.Errorf("verify = %+v, %v", r, err)
	}
}

// TestABackupMovesBetweenEngines backs a hub on PostgreSQL up, and restores it
// into SQLite and into another database.
func TestABackupMovesBetweenEngines(t *testing.T) {
	dsn := os.Getenv("VAGUEMESTRE_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("VAGUEMESTRE_TEST_POSTGRES is not set: `eval \"$(.ci/services start)\"` starts one")
	}
	from, err := newDatabase(t, dsn)
	if err != nil {
		t.Fatal(err)
	}
	to, err := newDatabase(t, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAGUEMESTRE_TEST_FROM", from)
	t.Setenv("VAGUEMESTRE_TEST_TO", to)
	dir := t.TempDir()
	secrets, copied := filepath.Join(dir, "secrets"), filepath.Join(dir, "copy")
	old := newHub(t, founding{data: filepath.Join(dir, "hub"), secrets: secrets, postgres: "env:VAGUEMESTRE_TEST_FROM"})
	_, stop := running(t, old, false)
	c := clientOf(t, old)
	for verb, in := range map[string]any{
		"mailbox/add": adminapi.BAL{Kind: "ORG", Address: "ward@ch.test", Name: "Ward"},
		"patient/add": adminapi.Patient{Matricule: testMatricule(t), BirthName: "ESSAI", FirstNames: "Paul"},
	} {
		if err := c.Do(t.Context(), verb, in, new(any)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Do(t.Context(), "hub/backup", adminapi.Folder{Folder: copied}, new(any)); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for engine, postgres := range map[string]string{"sqlite": "", "postgres": "env:VAGUEMESTRE_TEST_TO"} {
		t.Run(engine, func(t *testing.T) {
			r := restoration{from: copied, data: filepath.Join(t.TempDir(), "new"), secrets: secrets, operator: "ada", postgres: postgres}
			restored, err := r.restore(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			running(t, restored, false)
			c := clientOf(t, restored)
			var d adminapi.Description
			if err := c.Do(t.Context(), "mailbox/show", adminapi.Name{Address: testMatricule(t)}, &d); err != nil || d.Space == nil {
				t.Errorf("the patient is %+v, %v", d, err)
			}
			var report adminapi.Report
			if err := c.Do(t.Context(), "hub/verify", adminapi.Nothing{}, &report); err != nil || len(report.Findings) > 0 || report.Entries == 0 {
				t.Errorf("verify = %+v, %v", report, err)
			}
		})
	}
	again := restoration{from: copied, data: filepath.Join(dir, "again"), secrets: secrets, operator: "ada", postgres: "env:VAGUEMESTRE_TEST_TO"}
	if _, err := again.restore(t.Context()); !errors.Is(err, fault.Exists) {
		t.Errorf("a restore into a database that is not empty = %v, want exists", err)
	}
}

func TestPostgresThatIsAwayIsToldWithoutItsPassword(t *testing.T) {
	_, err := found(t.Context(), founding{
		data: filepath.Join(t.TempDir(), "hub"), domain: "hub.test", patientDomain: "patient.test", operator: "ada",
		host: "127.0.0.1", postgres: "postgres://somebody:hunter2@127.0.0.1:1/none?connect_timeout=2",
	})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("found = %v, want an error without the password", err)
	}
	var a *advised
	if !errors.As(err, &a) || !strings.Contains(a.todo, "store.postgres") {
		t.Errorf("%v does not say what to look at", err)
	}
}

// TestABackupKeepsWhatIsDeletedMeanwhile deletes a blob while a backup runs.
func TestABackupKeepsWhatIsDeletedMeanwhile(t *testing.T) {
	c := newHub(t, founding{})
	blobs, err := openBlobs(c)
	if err != nil {
		t.Fatal(err)
	}
	const id = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	put := func(w io.Writer) error { _, err := fmt.Fprint(w, "sealed"); return err }
	if err := blobs.Put(t.Context(), "p", id, put); err != nil {
		t.Fatal(err)
	}
	release := blobs.keepAll()
	other := blobs.keepAll()
	if err := blobs.Delete(t.Context(), "p", id); err != nil {
		t.Fatal(err)
	}
	release()
	f, err := blobs.Open(t.Context(), "p", id)
	if err != nil {
		t.Fatalf("a blob is gone while a backup runs: %v", err)
	}
	f.Close()
	other()
	if _, err := blobs.Open(t.Context(), "p", id); !errors.Is(err, fault.NotFound) {
		t.Errorf("after the backup the blob is still there: %v", err)
	}
}
