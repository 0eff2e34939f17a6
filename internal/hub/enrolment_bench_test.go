package hub

import (
	"testing"
	"time"

	"vaguemestre/internal/ident"
)

// BenchmarkAskCode compares what asking for a code costs for somebody and for
// nobody.
func BenchmarkAskCode(b *testing.B) {
	h := newHouse(b)
	jeanne := insured("2602099999021", "HÉRON", "19600229")
	h.register(true, jeanne)
	id := Identity{jeanne.Matricule, "19600229", jeanne.Cards[0].Model, jeanne.Cards[0].Serial}
	nobody := id
	var err error
	if nobody.Matricule, err = ident.MakeMatricule("2602099999099"); err != nil {
		b.Fatal(err)
	}
	for name, id := range map[string]Identity{"known": id, "unknown": nobody} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				h.now = h.now.Add(25 * time.Hour) // no limit is met
				if err := h.AskCode(b.Context(), home(), id, ByMail); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
