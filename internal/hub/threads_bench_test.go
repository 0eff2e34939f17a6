package hub

import (
	"fmt"
	"testing"

	"vaguemestre/internal/mailbox"
)

// BenchmarkThreads reads a mailbox of 2 000 messages in 500 threads, a page at a
// time: what a session pays once, and what it pays for each page after that.
func BenchmarkThreads(b *testing.B) {
	h := newHouse(b)
	m, err := h.OpenMailbox(b.Context(), h.login(thomas))
	if err != nil {
		b.Fatal(err)
	}
	text := body(1500)
	for i := range 2000 {
		raw := fmt.Sprintf("Message-ID: <m%d@test>\r\nReferences: <m%d@test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\nFrom: Patient %d <%s>\r\nTo: <%s>\r\nSubject: Question %d\r\n\r\n%s\r\n",
			i, i%500, i%500, alice, thomas, i%500, text)
		if _, err := m.Append(b.Context(), mailbox.Inbox, []byte(raw), mailbox.Flags{}, h.now); err != nil {
			b.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
	a := h.login(thomas)
	list := func(s ThreadSearch) ThreadList {
		got, err := h.Threads(b.Context(), a, s)
		if err != nil || got.Total != 500 {
			b.Fatal(got.Total, err)
		}
		return got
	}
	id := list(ThreadSearch{}).Threads[0].ID
	b.Run("the_first_page_of_a_session", func(b *testing.B) {
		for b.Loop() {
			h.CloseDesks(a.Part, a.Session)
			list(ThreadSearch{})
		}
	})
	b.Run("another_page", func(b *testing.B) {
		for b.Loop() {
			list(ThreadSearch{Page: 1})
		}
	})
	b.Run("words_of_the_texts", func(b *testing.B) {
		for b.Loop() {
			list(ThreadSearch{Anywhere: true, Words: "thoracique dyspnée"})
		}
	})
	b.Run("a_thread_of_four", func(b *testing.B) {
		for b.Loop() {
			if v, err := h.Thread(b.Context(), a, id); err != nil || len(v.Messages) != 4 {
				b.Fatal(len(v.Messages), err)
			}
		}
	})
}
