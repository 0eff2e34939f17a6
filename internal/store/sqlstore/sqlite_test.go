package sqlstore

import (
	"path/filepath"
	"testing"

	"vaguemestre/internal/store"
	"vaguemestre/internal/store/storetest"
)

func openSQLite(t testing.TB, path string) *Store {
	t.Helper()
	s, err := OpenSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openSQLite(t, filepath.Join(t.TempDir(), "store.db"))
	})
	storetest.RunDurable(t, func(t *testing.T) func(*testing.T) store.Store {
		path := filepath.Join(t.TempDir(), "store.db")
		return func(t *testing.T) store.Store { return openSQLite(t, path) }
	})
}
