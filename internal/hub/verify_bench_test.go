package hub

import (
	"fmt"
	"path/filepath"
	"testing"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/sqlstore"
)

// BenchmarkVerifyTrails verifies a hub of 1000 trails of 30 entries on SQLite,
// with their rights and the journal of checkpoints; and walks all of them for a
// checkpoint, as a process does when it starts.
func BenchmarkVerifyTrails(b *testing.B) {
	s, err := sqlstore.OpenSQLite(filepath.Join(b.TempDir(), "hub.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	h := newHouse(b)
	h.Hub.Store, h.Hub.Journal = s, filepath.Join(b.TempDir(), "journal")
	h.Hub = h.process(func(*Config) {})
	for i := range 1000 {
		for range 10 {
			err := h.commit(b.Context(), store.Part(fmt.Sprintf("p%025d", i)), func(t *tx) error {
				for range 3 {
					t.note(audit.Entry{Actor: thomas, ActorName: "Dr Éric THOMAS", Act: "send-mail", Object: "abcdefghijklmnopqrstuvwxyz"})
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("walk for a checkpoint", func(b *testing.B) {
		for b.Loop() {
			h.Hub.journal = newJournal()
			if err := h.Checkpoint(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "trails/s")
	})
	b.Run("verify", func(b *testing.B) {
		total := 0
		for b.Loop() {
			rep, err := h.VerifyTrails(b.Context())
			if err != nil || len(rep.Findings) > 0 {
				b.Fatal(err, rep.Findings)
			}
			total += rep.Entries
		}
		b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "entries/s")
	})
}
