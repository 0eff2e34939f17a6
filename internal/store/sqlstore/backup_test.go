package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// eachDialect runs a test on SQLite and, where there is one, on PostgreSQL.
func eachDialect(t *testing.T, test func(t *testing.T, open func(*testing.T) *Store)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(t *testing.T) *Store { return openSQLite(t, filepath.Join(t.TempDir(), "store.db")) })
	})
	t.Run("postgres", func(t *testing.T) {
		postgresPlace(t)
		test(t, func(t *testing.T) *Store { return openPostgres(t, postgresPlace(t)) })
	})
}

func contents(t *testing.T, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	for r, err := range s.db.dump(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all[string(r.part)+" "+r.Key] = string(r.Value)
	}
	return all
}

func TestABackupHoldsEverythingAndCanBeRestored(t *testing.T) {
	eachDialect(t, func(t *testing.T, open func(*testing.T) *Store) {
		s := open(t)
		defer s.Close()
		for i := range 300 {
			mustUpdate(t, s, store.Part(fmt.Sprint("small", i)), put("k", fmt.Sprint(i)))
		}
		mustUpdate(t, s, "big", func(w store.Writer) error {
			w.Put("empty", []byte{})
			for i := range 400 {
				w.Put(fmt.Sprint("k", i), some(20_000))
			}
			return nil
		})
		want := contents(t, s)
		path := filepath.Join(t.TempDir(), "backup.db")
		if err := s.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		copied := openSQLite(t, path)
		sameContents(t, "the backup", contents(t, copied), want)
		mustUpdate(t, copied, "big", put("k", "it is a store of its own"))
		copied.Close()
		if err := s.Backup(t.Context(), path); !errors.Is(err, fault.Exists) {
			t.Errorf("Backup() onto a file = %v, want %v", err, fault.Exists)
		}

		want["big k"] = "it is a store of its own"
		restored := open(t)
		defer restored.Close()
		if err := restored.Restore(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		sameContents(t, "the restored store", contents(t, restored), want)
		mustUpdate(t, restored, "big", put("k", "and so is this"))
		if err := restored.Restore(t.Context(), path); !errors.Is(err, fault.Exists) {
			t.Errorf("Restore() into a filled store = %v, want %v", err, fault.Exists)
		}
		files, _ := os.ReadDir(filepath.Dir(path))
		for _, f := range files {
			if name := f.Name(); name != "backup.db" && name != "backup.db.lock" {
				t.Errorf("%s was left behind", name)
			}
		}
	})
}

func sameContents(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d rows, want %d", what, len(got), len(want))
	}
	for k, v := range want {
		if got[k] != v {
			t.Fatalf("%s has another value for %q", what, k)
		}
	}
}

// Two counters move together: first a, then b. A backup of one instant never
// has b ahead of a.
func TestABackupIsOneInstantWhileTheStoreServes(t *testing.T) {
	eachDialect(t, func(t *testing.T, open func(*testing.T) *Store) {
		s := open(t)
		defer s.Close()
		mustUpdate(t, s, "m", func(w store.Writer) error {
			for i := range 200 {
				w.Put(fmt.Sprint(i), some(10_000))
			}
			return nil
		})
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := 1; ctx.Err() == nil; i++ {
				for _, part := range []store.Part{"a", "z"} {
					if err := s.Update(t.Context(), part, put("n", strconv.Itoa(i))); err != nil {
						t.Error(err)
					}
				}
			}
		})
		for i := range 3 {
			path := filepath.Join(t.TempDir(), fmt.Sprint(i))
			if err := s.Backup(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			copied := openSQLite(t, path)
			all := contents(t, copied)
			copied.Close()
			a, _ := strconv.Atoi(all["a n"])
			z, _ := strconv.Atoi(all["z n"])
			if z > a || a > z+1 {
				t.Errorf("backup %d has a=%d and z=%d", i, a, z)
			}
		}
		stop()
		wg.Wait()
	})
}

func TestABackupThatIsCancelledLeavesNothing(t *testing.T) {
	s := openSQLite(t, filepath.Join(t.TempDir(), "store.db"))
	defer s.Close()
	mustUpdate(t, s, "p", put("k", "v"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := s.Backup(ctx, filepath.Join(dir, "b")); !errors.Is(err, context.Canceled) {
		t.Errorf("Backup() = %v, want context.Canceled", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files were left behind", len(files))
	}
}
