package hub

import (
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"

	"vaguemestre/internal/mailbox"
)

// body writes n bytes of text that compresses as text does.
func body(n int) string {
	words := strings.Fields("le patient présente une douleur thoracique depuis trois jours sans fièvre ni dyspnée l'examen est normal radiographie demandée contrôle dans un mois")
	r := rand.New(rand.NewSource(1))
	var b strings.Builder
	for line := 0; b.Len() < n; {
		w := words[r.Intn(len(words))]
		if line += len(w) + 1; line > 70 {
			b.WriteString("\r\n")
			line = 0
		}
		b.WriteString(w + " ")
	}
	return b.String()
}

// paper is a PDF of n bytes that does not compress.
func paper(n int) string {
	b := make([]byte, n)
	rand.New(rand.NewSource(1)).Read(b)
	return "%PDF-1.4\n" + string(b) + "\n%%EOF\n"
}

// BenchmarkDeliver files mails with one patient. The mailbox begins anew every
// thousand mails, since an engine in memory copies a partition for each.
func BenchmarkDeliver(b *testing.B) {
	small := mail(thomas, []string{alice}, "Compte rendu", "", body(3800))
	large := attach(thomas, alice, "NUMBER@test", "", "note.pdf", paper(220_000))
	for _, c := range []struct {
		name string
		raw  []byte
	}{{"4KB", small}, {"300KB_with_a_PDF", large}} {
		b.Run(c.name, func(b *testing.B) {
			base := newHouse(b)
			a := base.login(thomas)
			h := base.copyOf(b)
			b.SetBytes(int64(len(c.raw)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				raw := append([]byte(fmt.Sprintf("X-Number: %d\r\n", i)), c.raw...)
				if err := h.deliverAs(a, raw, alice); err != nil {
					b.Fatal(err)
				}
				if i%1000 == 999 {
					b.StopTimer()
					h = base.copyOf(b)
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkContent opens one small mail of a hundred and reads it whole.
func BenchmarkContent(b *testing.B) {
	h := newHouse(b)
	for i := range 100 {
		if err := h.deliver(thomas, mail(thomas, []string{alice}, fmt.Sprint(i), "", body(3800)), alice); err != nil {
			b.Fatal(err)
		}
	}
	s := h.session(alice)
	uids := s.uids(mailbox.Inbox)
	read := func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c, err := s.Content(b.Context(), mailbox.Inbox, uids[i%len(uids)])
			if err != nil {
				b.Fatal(err)
			}
			if err := c.ReadRange(io.Discard, 0, c.Size()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("as filed", read)
	for _, err := range s.Entries(b.Context(), mailbox.Inbox, uids) { // folds
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("folded", read)
}

func BenchmarkLogin(b *testing.B) {
	h := newHouse(b)
	b.ReportAllocs()
	for b.Loop() {
		h.login(alice)
	}
}
