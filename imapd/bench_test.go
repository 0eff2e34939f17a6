package imapd

import (
	"crypto/tls"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"
)

const many = 10000

// crowded returns a harness whose INBOX holds many messages.
func crowded(t testing.TB) *harness {
	h := start(t, func(c *Config) { c.MaxConns, c.PerAddress, c.PerAccount = 1<<20, 1<<20, 1<<20 })
	b := h.hub.box(martin)
	for i := range many {
		b.file("INBOX", fmt.Sprintf("X-Number: %d\r\n", i)+crlfs(report))
	}
	return h
}

// exchange sends a command and reads to the end of its answer; it returns the
// number of bytes.
func (c *client) exchange(command string) (n int) {
	io.WriteString(c, "a "+command+"\r\n")
	for {
		l, err := c.in.ReadSlice('\n')
		if err != nil {
			c.t.Fatal(err)
		}
		n += len(l)
		if strings.HasPrefix(string(l), "a ") {
			return n
		}
	}
}

func BenchmarkListing(b *testing.B) {
	h := crowded(b)
	c := h.session(b)
	c.SetDeadline(time.Time{})
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		b.SetBytes(int64(c.exchange("FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE)")))
	}
}

func BenchmarkFlags(b *testing.B) {
	h := crowded(b)
	c := h.session(b)
	c.SetDeadline(time.Time{})
	b.ResetTimer()
	for range b.N {
		b.SetBytes(int64(c.exchange("UID FETCH 1:* FLAGS")))
	}
}

func BenchmarkBodies(b *testing.B) {
	h := crowded(b)
	c := h.session(b)
	c.SetDeadline(time.Time{})
	b.ResetTimer()
	for range b.N {
		b.SetBytes(int64(c.exchange("UID FETCH 1:* BODY.PEEK[]")))
	}
}

func BenchmarkSearchText(b *testing.B) {
	h := crowded(b)
	c := h.session(b)
	c.SetDeadline(time.Time{})
	b.ResetTimer()
	for range b.N {
		c.exchange("SEARCH RETURN (COUNT) TEXT glyc")
	}
}

func BenchmarkSearchFrom(b *testing.B) {
	h := crowded(b)
	c := h.session(b)
	c.SetDeadline(time.Time{})
	b.ResetTimer()
	for range b.N {
		c.exchange("SEARCH FROM nobody")
	}
}

func BenchmarkLogin(b *testing.B) {
	h := start(b, nil)
	for range b.N {
		c := h.dial(b)
		c.play("S: * OK\nC: a " + login + "\nS: a OK")
		c.Close()
	}
}

func TestAFolderIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(message{}); n*many > 1<<19 {
		t.Errorf("%d messages take %d bytes, at most half a megabyte is meant", many, n*many)
	}
	if n := unsafe.Sizeof(event{}); n*maxEvents > 1<<19 {
		t.Errorf("%d events take %d bytes, at most half a megabyte is meant", maxEvents, n*maxEvents)
	}
}

// What an idle session costs. The figure counts both ends, since both are in
// this process; a client's end of TLS alone is about 16 KB of it.
func TestIdleSessionsAreSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("opens a thousand connections")
	}
	const sessions, bound = 1000, 110 << 10
	h := start(t, func(c *Config) { c.PerAddress = sessions })
	for i := range sessions {
		h.hub.box(fmt.Sprintf("a%d@ch-a.test", i%800)).file("INBOX", crlfs(note))
	}
	before := memory()
	cfg := &tls.Config{InsecureSkipVerify: true}
	conns := make([]*tls.Conn, sessions)
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for i := k; i < sessions; i += 8 {
				c, err := tls.Dial("tcp", h.addr, cfg)
				if err != nil {
					t.Error(err)
					return
				}
				conns[i] = c
				fmt.Fprintf(c, "a LOGIN a%d@ch-a.test %s\r\nb SELECT INBOX\r\nc IDLE\r\n", i%800, password)
				readUntil(t, c, "+ idling")
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	each := (memory() - before) / sessions
	t.Logf("an idle TLS session costs %d bytes, both ends", each)
	if each > bound {
		t.Errorf("an idle TLS session costs %d bytes, both ends, at most %d are meant", each, bound)
	}
	for _, c := range conns {
		c.Close()
	}
}

func readUntil(t *testing.T, c *tls.Conn, text string) {
	var got strings.Builder
	buf := make([]byte, 1024)
	for !strings.Contains(got.String(), text) {
		n, err := c.Read(buf)
		if err != nil {
			t.Errorf("%v after %q", err, got.String())
			return
		}
		got.Write(buf[:n])
	}
}

func memory() int64 {
	var m runtime.MemStats
	for range 3 { // stacks shrink one step at a time
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
