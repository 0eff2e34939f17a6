package hub

import (
	"fmt"
	"testing"

	"vaguemestre/internal/mailbox"
	"vaguemestre/vault"
)

// fullRecord is a ward in which alice has 500 documents of a CDA each.
func fullRecord(b *testing.B) *ward {
	w := newWard(b)
	for i := range 10 {
		var list []Submission
		for j := range 50 {
			list = append(list, w.cda(fmt.Sprintf("1.2.250.1.999.%d", 1000+i*50+j)))
		}
		_, err := w.add(thomas, list...)
		w.must(err)
	}
	return w
}

// BenchmarkRecord measures what a professional waits for, on engines in memory.
func BenchmarkRecord(b *testing.B) {
	w := fullRecord(b)
	a, part := w.login(alice), w.part(alice)
	list := func() []DocumentView {
		views, err := w.Documents(b.Context(), a, w.record)
		if err != nil || len(views) != 500 {
			b.Fatal(len(views), err)
		}
		return views
	}
	b.Run("list 500 cold", func(b *testing.B) {
		for b.Loop() {
			w.docs.Forget(part)
			list()
		}
	})
	views := list()
	b.Run("list 500 warm", func(b *testing.B) {
		for b.Loop() {
			list()
		}
	})
	b.Run("open one", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, _, err := w.OpenDocument(b.Context(), a, views[i%500].ID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("add one of 300 kB", func(b *testing.B) {
		s := Submission{Entry: vault.Entry{TypeCode: "11488-4"}, Content: []byte(paper(300_000))}
		for b.Loop() {
			if _, err := w.add(thomas, s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("mask and unmask", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			for _, on := range []*bool{yes(), no()} {
				w.must(w.change(alice, views[i%500].ID, DocumentChange{Masked: on}))
			}
		}
	})
}

// BenchmarkShelve puts 500 documents on their shelves, which happens once.
func BenchmarkShelve(b *testing.B) {
	w := fullRecord(b)
	a := w.login(alice)
	for b.Loop() {
		b.StopTimer()
		h := w.copyOf(b)
		b.StartTimer()
		m, err := h.OpenMailbox(b.Context(), a)
		w.must(err)
		f, err := m.Folder(b.Context(), shelfRoot+"Imagerie")
		w.must(err)
		d, err := m.Changes(b.Context(), f.ID, mailbox.Cursor{})
		if err != nil || len(d.Messages) != 500 {
			b.Fatal(len(d.Messages), err)
		}
		m.Close()
	}
}
