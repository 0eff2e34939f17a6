package hub

import "testing"

// BenchmarkDocuments lists a record of 500 documents as a member of the care
// team: warm, as one who pages through it does; and cold, with neither key nor
// entries in memory.
func BenchmarkDocuments(b *testing.B) {
	w := newWard(b)
	w.Limits.RecordsPerHour = 0
	for range 500 {
		w.file(alice, consultation, 0)
	}
	a := w.login(thomas)
	w.must(w.Declare(b.Context(), a, w.record, InCareTeam))
	for name, forget := range map[string]bool{"warm": false, "cold": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if forget {
					w.keys.forget(w.part(alice))
				}
				list, err := w.Documents(b.Context(), a, w.record)
				if err != nil || len(list) != 500 {
					b.Fatal(len(list), err)
				}
			}
		})
	}
}

// BenchmarkOpenDocument opens one document, again and again.
func BenchmarkOpenDocument(b *testing.B) {
	w := newWard(b)
	id := w.file(alice, consultation, 0)
	a := w.login(thomas)
	w.must(w.Declare(b.Context(), a, w.record, InCareTeam))
	for b.Loop() {
		if _, _, err := w.OpenDocument(b.Context(), a, id); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFindPatient compares a record that may not be consulted, one whose
// owner objected to it, and one that does not exist: the last two are to take
// the same time.
func BenchmarkFindPatient(b *testing.B) {
	for _, whose := range []string{alice, denis, ghost} {
		b.Run(map[string]string{alice: "open", denis: "opposed", ghost: "none"}[whose], func(b *testing.B) {
			w := newWard(b)
			w.Limits.RefusedPerHour, w.Limits.RefusedPerDay = 1<<40, 1<<40
			a, m := w.login(thomas), w.matricule(whose)
			for b.Loop() {
				if _, err := w.FindPatient(b.Context(), a, m); whose == alice && err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
