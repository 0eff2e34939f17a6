package smtpd

import (
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkMail takes mails in over TLS on 8 connections that stay open, client
// and server in one process. The client pipelines as the protocol lets it.
func BenchmarkMail(b *testing.B) {
	for _, size := range []int{4 << 10, 300 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			w := serve(b, &fakeHub{forget: true}, Implicit)
			mail := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", size/78)
			head := []byte(fmt.Sprintf("MAIL FROM:<%s> SIZE=%d\r\nRCPT TO:<a@ch-a.test>\r\nDATA\r\n", martin, len(mail)))
			body := []byte(mail + ".\r\n")
			const connections = 8
			clients := make([]*client, connections)
			for i := range clients {
				clients[i] = w.loggedIn()
				clients[i].conn.SetDeadline(time.Time{})
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			b.ResetTimer()
			begin := time.Now()
			var wg sync.WaitGroup
			for i, c := range clients {
				wg.Go(func() {
					for range b.N/connections + min(1, max(0, b.N%connections-i)) {
						c.conn.Write(head)
						c.reply()
						c.reply()
						c.reply()
						c.conn.Write(body)
						if got := c.reply(); !strings.HasPrefix(got, "250") {
							b.Errorf("got %q", got)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "mails/s")
		})
	}
}

// TestIdleConnectionsAreLight measures what a connection costs that says
// nothing, client and server together.
func TestIdleConnectionsAreLight(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: -short")
	}
	w := serve(t, &fakeHub{}, Implicit, limits(Limits{PerAddress: 1000}))
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	const connections = 300
	cache := tls.NewLRUClientSessionCache(1)
	before := memory()
	for range connections {
		raw, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close() })
		cfg := w.tls()
		cfg.ClientSessionCache = cache
		c := tls.Client(raw, cfg)
		if _, err := c.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "EHLO lps.test\r\n")
		if _, err := c.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	each := (memory() - before) / connections
	t.Logf("%d bytes per idle connection, both ends", each)
	if each > 120<<10 {
		t.Errorf("%d bytes per idle connection, both ends; want at most 120 KB", each)
	}
}
