package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/smtp"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vaguemestre/internal/message"
)

// BenchmarkPortal measures the pages with a crowd in them, over HTTPS and with a
// store on disk; the crowd is in the same process. Each of 200 patients who have
// signed in reads a page, thinks for four seconds on average, and goes on.
//
//	Browsing patients read pages, and nobody sends
//	Filing   8 professionals send mails of 4 KB by SMTP, as fast as they can, and nobody reads
//	Both     they do so at the same time
//	Again    Filing again, for the noise
//
// Before they browse, all patients have seen what came while nobody read.
//
// Run it with -benchtime 1x: what counts are its metrics, of half a minute each.
func BenchmarkPortal(b *testing.B) {
	c := gather(b, 200, 8)
	play := func(name string, filing, browsing bool) {
		b.Run(name, func(b *testing.B) {
			if browsing {
				c.settle(b)
			}
			for b.Loop() {
				ctx, end := context.WithTimeout(b.Context(), measured)
				var all sync.WaitGroup
				var mails int64
				var seen views
				if filing {
					all.Go(func() { mails = c.file(ctx, b) })
				}
				if browsing {
					all.Go(func() { seen = c.browse(ctx, b) })
				}
				all.Wait()
				end()
				if filing {
					b.ReportMetric(float64(mails)/measured.Seconds(), "mails/s")
				}
				seen.report(b)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	play("Browsing", false, true)
	play("Filing", true, false)
	play("Both", true, true)
	play("Again", true, false)
}

// A waitingRoom is patients in the pages, and professionals who write to them.
type waitingRoom struct {
	*portal
	readers  []*reader
	writers  []person
	patients []person // the readers
	to       []string // their addresses
}

// A reader is a patient who goes through the pages.
type reader struct {
	*walker
	threads, documents []string // addresses of pages
}

const lettersEach = 10 // with a document each, that a reader has got when it begins

func gather(b *testing.B, patients, professionals int) *waitingRoom {
	b.Helper()
	p := openPortal(b)
	c := &waitingRoom{portal: p}
	d := &demo{folder: filepath.Dir(p.ca)}
	ctx := b.Context()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range professionals {
		c.writers = append(c.writers, anotherProfessional(i))
	}
	must(enrol(ctx, p.hub, c.writers))
	must(giveTokens(ctx, p.hub, c.writers))
	for i := range patients {
		one := insuredPerson{who: born(invented(fmt.Sprintf("2612099999%03d", i), fmt.Sprint("LECTEUR-", letters26(i)), "ALIX", ""), "19610512"), card: fmt.Sprint(10203041000 + i), mail: fmt.Sprintf("l%d@example.org", i), login: fmt.Sprintf("lecteur%d", i)}
		_, err := p.hub.ApplyInsured(ctx, demoOperator, one.line())
		must(err)
		e, err := d.comeIn(ctx, p.hub, one, netip.AddrFrom4([4]byte{198, 18, byte(i), 1}))
		must(err)
		c.patients, c.to = append(c.patients, one.who), append(c.to, one.who.address)
		c.readers = append(c.readers, &reader{walker: p.walker(b, e.Token)})
	}
	must(c.send(ctx, c.writers[0], lettersEach*patients, true, nil))
	return c
}

// letters26 is a number in letters, for a name.
func letters26(n int) string { return string([]byte{'A' + byte(n/26), 'A' + byte(n%26)}) }

// file lets all professionals send for as long as ctx lasts. It returns how many
// mails were acknowledged, each durably filed.
func (c *waitingRoom) file(ctx context.Context, b *testing.B) (acknowledged int64) {
	b.Helper()
	var n atomic.Int64
	var all sync.WaitGroup
	for _, w := range c.writers {
		all.Go(func() {
			if err := c.send(ctx, w, 1<<20, false, &n); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	return n.Load()
}

// send sends mails to one reader after the other through one connection.
func (c *waitingRoom) send(ctx context.Context, from person, mails int, reports bool, count *atomic.Int64) error {
	conn, stop, err := c.post.dial(ctx, c.post.smtp)
	if err != nil {
		return err
	}
	defer stop()
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return err
	}
	s, err := smtp.NewClient(conn, c.post.tls.ServerName)
	if err != nil {
		return err
	}
	if err := s.Auth(smtp.PlainAuth("", from.address, from.password, c.post.tls.ServerName)); err != nil {
		return err
	}
	text := strings.Repeat("Le traitement est bien supporté, à revoir dans trois mois.\n", 60)
	for i := range mails {
		to := c.to[i%len(c.to)]
		l := &letter{id: fmt.Sprint("foule-", from.bal.RPPS, "-", clock().UnixNano()), sent: clock(), from: from, to: []person{{address: to}}, subject: fmt.Sprint("Suivi ", i), text: text}
		if reports {
			l.files = []message.Attachment{pdfFile(l.sent, "CR_Consultation", c.patients[i%len(c.to)], i, sheet{title: "Compte rendu", lines: []string{fmt.Sprint("Consultation ", i)}})}
		}
		mail, err := l.compose()
		if err != nil {
			return err
		}
		if err := submit(s, from.address, to, mail); err != nil {
			return err
		}
		if count != nil {
			count.Add(1)
		}
	}
	return nil
}

func submit(s *smtp.Client, from, to string, mail []byte) error {
	if err := s.Mail(from); err != nil {
		return err
	}
	if err := s.Rcpt(to); err != nil {
		return err
	}
	w, err := s.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(mail); err != nil {
		return err
	}
	return w.Close()
}

// settle lets all readers look at what there is.
func (c *waitingRoom) settle(b *testing.B) {
	b.Helper()
	began := time.Now()
	for _, r := range c.readers {
		if err := r.looksAround(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d readers have looked around in %v", len(c.readers), time.Since(began).Round(time.Millisecond))
}

// looksAround finds out which mails and documents there are.
func (r *reader) looksAround(ctx context.Context) error {
	for page, list := range map[string]*[]string{"/messagerie": &r.threads, "/documents": &r.documents} {
		*list = nil
		a, err := r.ask(ctx, http.MethodGet, page, nil)
		if err != nil {
			return err
		}
		links, _ := contentsOf(a.body)
		for _, l := range links {
			if pattern, values := patternOf(strings.Split(l, "?")[0]); len(values) == 1 && strings.HasPrefix(pattern, page) {
				*list = append(*list, l)
			}
		}
	}
	return nil
}

// next is where a reader goes: home, the mails and one of them most of the time.
func (r *reader) next() (kind, page string) {
	one := func(list []string, otherwise string) string {
		if len(list) == 0 {
			return otherwise
		}
		return list[rand.IntN(len(list))]
	}
	switch n := rand.IntN(100); {
	case n < 20:
		return "home", "/"
	case n < 40:
		return "mails", "/messagerie"
	case n < 65:
		return "mail", one(r.threads, "/messagerie")
	case n < 75:
		return "documents", "/documents"
	case n < 82:
		return "document", one(r.documents, "/documents")
	case n < 90:
		return "activity", "/activite"
	case n < 95:
		return "access", "/acces"
	}
	return "security", "/securite"
}

// views is how long pages took, by kind.
type views map[string][]time.Duration

const measured = 30 * time.Second // each time

const thinking = 4 * time.Second // on average, between two pages

// browse lets all readers read for as long as ctx lasts.
func (c *waitingRoom) browse(ctx context.Context, b *testing.B) views {
	b.Helper()
	var mu sync.Mutex
	seen := views{}
	var all sync.WaitGroup
	for _, r := range c.readers {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Duration(rand.ExpFloat64() * float64(thinking))):
				}
				kind, page := r.next()
				began := time.Now()
				a, err := r.ask(ctx, http.MethodGet, page, nil)
				took := time.Since(began)
				if ctx.Err() != nil {
					return
				}
				if err != nil || a.status != http.StatusOK {
					b.Errorf("%s: %d, %v", page, a.status, err)
					return
				}
				mu.Lock()
				seen[kind] = append(seen[kind], took)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return seen
}

// report tells the percentiles of all pages, and logs those of each kind.
func (v views) report(b *testing.B) {
	b.Helper()
	if len(v) == 0 {
		return
	}
	ms := func(list []time.Duration, percent int) float64 {
		return float64(list[len(list)*percent/100].Microseconds()) / 1000
	}
	all := slices.Sorted(func(yield func(time.Duration) bool) {
		for _, list := range v {
			for _, took := range list {
				if !yield(took) {
					return
				}
			}
		}
	})
	for _, kind := range slices.Sorted(maps.Keys(v)) {
		list := slices.Sorted(slices.Values(v[kind]))
		b.Logf("%-9s %5d pages, p50 %.1f ms, p95 %.1f ms", kind, len(list), ms(list, 50), ms(list, 95))
	}
	b.ReportMetric(float64(len(all))/measured.Seconds(), "pages/s")
	b.ReportMetric(ms(all, 50), "p50-ms")
	b.ReportMetric(ms(all, 95), "p95-ms")
	b.ReportMetric(ms(all, 99), "p99-ms")
}
