package redisbus

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vaguemestre/internal/bus"
	"vaguemestre/internal/bus/bustest"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, url string) *Bus {
	t.Helper()
	b, err := Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testURL(t *testing.T) string {
	t.Helper()
	url := os.Getenv("VAGUEMESTRE_TEST_REDIS")
	if url == "" {
		t.Skip("SKIPPED, NOT PASSED: VAGUEMESTRE_TEST_REDIS is unset; run eval \"$(.ci/services start)\" first")
	}
	return url
}

func TestBus(t *testing.T) {
	url := testURL(t)
	bustest.Run(t, func(t *testing.T) bus.Bus { return open(t, url) })
	bustest.RunShared(t, func(t *testing.T) (bus.Bus, bus.Bus) { return open(t, url), open(t, url) })
}

func TestAURLThatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, url := range []string{"", "http://redis", "redis://:secret@host/no-number"} {
		b, err := Open(t.Context(), url, slog.New(slog.DiscardHandler))
		if err == nil {
			b.Close()
		}
		if !errors.Is(err, fault.Invalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) = %v, want %v and no password", url, err, fault.Invalid)
		}
	}
}

// A silent server accepts and never answers: worse than one that is away.
func silent(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "silent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range conns {
					c.Close()
				}
				return
			}
			conns = append(conns, c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "unix://" + path
}

func TestARedisThatIsAwayHoldsNothingUp(t *testing.T) {
	for name, url := range map[string]string{
		"away":   "unix://" + filepath.Join(t.TempDir(), "nobody"),
		"silent": silent(t),
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, url)
			defer b.Close()
			hints, cancel := b.Watch("p")
			defer cancel()
			began := time.Now()
			for range 1000 {
				if err := b.Publish(context.Background(), "p"); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("1000 hints took %v", took)
			}
			select {
			case <-hints:
			default:
				t.Error("the local watcher was not woken at once")
			}
		})
	}
}

func TestWhatWaitsForRedisIsBounded(t *testing.T) {
	b := open(t, silent(t))
	defer b.Close()
	var err error
	for i := 0; i < 3*maxWaiting && err == nil; i++ {
		err = b.Publish(context.Background(), store.Part("p"+time.Duration(i).String()))
	}
	if !errors.Is(err, fault.Unavailable) {
		t.Errorf("Publish() = %v in the end, want %v", err, fault.Unavailable)
	}
}

// startRedis runs a server of its own, because the test stops it.
func startRedis(t *testing.T, socket string) (stop func()) {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED, NOT PASSED: redis-server is not installed")
	}
	cmd := exec.Command(bin, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", filepath.Dir(socket))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestTheBusComesBackWithRedis(t *testing.T) {
	testURL(t)
	socket := filepath.Join(t.TempDir(), "s")
	stop := startRedis(t, socket)
	here, there := open(t, "unix://"+socket), open(t, "unix://"+socket)
	defer here.Close()
	defer there.Close()
	hints, cancel := there.Watch("p")
	defer cancel()
	wait := func(what string) {
		t.Helper()
		select {
		case <-hints:
		case <-time.After(20 * time.Second):
			t.Fatalf("no hint came: %s", what)
		}
	}
	here.Publish(t.Context(), "p")
	wait("from process to process")

	stop()
	if err := here.Publish(t.Context(), "p"); err != nil { // lost on the way
		t.Errorf("Publish() without Redis = %v", err)
	}
	startRedis(t, socket)
	wait("after the outage, for what may have been missed")

	deadline := time.Now().Add(20 * time.Second)
	for {
		here.Publish(t.Context(), "p")
		select {
		case <-hints:
			return
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("no hint came from process to process after the outage")
		}
	}
}

func TestRedisSeesNamesOfPartitionsOnly(t *testing.T) {
	b := open(t, testURL(t))
	defer b.Close()
	spy := b.client.PSubscribe(t.Context(), "*")
	defer spy.Close()
	if _, err := spy.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	part := store.Part(strings.ToLower(b.self) + "-x") // nobody else's
	b.Publish(t.Context(), part)
	for {
		msg, err := spy.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(msg.Payload, string(part)) {
			continue // of a test that runs beside
		}
		if msg.Channel != channel || msg.Payload != b.self+" "+string(part) {
			t.Errorf("Redis sees %q on %q", msg.Payload, msg.Channel)
		}
		return
	}
}
