package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashVar); path != "" {
		crashChild(path)
	}
	goleak.VerifyTestMain(m)
}

func openSQLite(t testing.TB, path string) *Store {
	t.Helper()
	s, err := OpenSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(key, value string) func(store.Writer) error {
	return func(w store.Writer) error {
		w.Put(key, []byte(value))
		return nil
	}
}

func mustUpdate(t testing.TB, s *Store, part store.Part, fn func(store.Writer) error) {
	t.Helper()
	if err := s.Update(t.Context(), part, fn); err != nil {
		t.Fatal(err)
	}
}

func wantValue(t testing.TB, s *Store, part store.Part, key, want string) {
	t.Helper()
	err := s.View(t.Context(), part, func(r store.Reader) error {
		got, err := r.Get(key)
		if err == nil && string(got) != want {
			err = fmt.Errorf("Get(%q) = %.40q, want %.40q", key, got, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openSQLite(t, filepath.Join(t.TempDir(), "store.db"))
	})
	storetest.RunDurable(t, func(t *testing.T) func(*testing.T) store.Store {
		path := filepath.Join(t.TempDir(), "a name with ? and % in it.db")
		return func(t *testing.T) store.Store { return openSQLite(t, path) }
	})
}

func TestOnlyTheOwnerMayReadTheFiles(t *testing.T) {
	dir := t.TempDir()
	s := openSQLite(t, filepath.Join(dir, "store.db"))
	defer s.Close()
	mustUpdate(t, s, "p", put("k", "v"))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 3 {
		t.Fatalf("ReadDir() = %d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", f.Name(), info.Mode())
		}
	}
}

func TestClosingFreesTheStoreWhileAnotherProgramIsBeingStarted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s, err := OpenSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	// What a child holds between fork and exec.
	inherited, err := syscall.Dup(int(s.db.(*sqliteDB).lock.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenSQLite(path)
	if err != nil {
		t.Fatalf("a closed store keeps its lock: %v", err)
	}
	again.Close()
}

func TestSQLiteRefusesToStart(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		want fault.Kind
	}{
		{"on a store that is open already", func(t *testing.T, path string) {
			s := openSQLite(t, path)
			t.Cleanup(func() { s.Close() })
		}, fault.Unavailable},
		{"on a file that is no database", func(t *testing.T, path string) {
			writeFile(t, path, bytes.Repeat([]byte("not a database "), 1000))
		}, fault.Corrupt},
		{"on a store that was cut short", func(t *testing.T, path string) {
			s := openSQLite(t, path)
			mustUpdate(t, s, "p", func(w store.Writer) error {
				for i := range 100 {
					w.Put(fmt.Sprint(i), make([]byte, 1000))
				}
				return nil
			})
			s.Close()
			if err := os.Truncate(path, 20_000); err != nil {
				t.Fatal(err)
			}
		}, fault.Corrupt},
		{"on a database that is not a store", func(t *testing.T, path string) {
			script(t, path, "create table other (x)")
		}, fault.Corrupt},
		{"on a format it does not know", func(t *testing.T, path string) {
			openSQLite(t, path).Close()
			script(t, path, "update kv set value = cast('2' as blob) where part = ''")
		}, fault.Corrupt},
		{"on a store without a format", func(t *testing.T, path string) {
			openSQLite(t, path).Close()
			script(t, path, "delete from kv where part = ''")
		}, fault.Corrupt},
		{"on a database that another program holds", func(t *testing.T, path string) {
			openSQLite(t, path).Close()
			c, err := dial(path, "locking_mode=exclusive")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.close() })
			if err := c.script("begin exclusive"); err != nil {
				t.Fatal(err)
			}
		}, fault.Unavailable},
		{"in a folder that is not there", func(t *testing.T, path string) {
			os.Remove(filepath.Dir(path))
		}, fault.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dir", "store.db")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			test.make(t, path)
			before, _ := os.ReadFile(path)
			s, err := OpenSQLite(path)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, test.want) {
				t.Errorf("OpenSQLite() = %v, want %v", err, test.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func script(t *testing.T, path, text string) {
	t.Helper()
	c, err := dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.script(text); err != nil {
		t.Fatal(err)
	}
}

func TestAFullDiskWritesNothingAndPasses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openSQLite(t, path)
	defer s.Close()
	mustUpdate(t, s, "p", put("k", "before"))
	w := s.db.(*sqliteDB).writer.c
	limit, err := w.one("pragma max_page_count = 20")
	if err != nil || limit != int64(20) {
		t.Fatalf("max_page_count = %v, %v", limit, err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := s.Update(t.Context(), store.Part(fmt.Sprint("p", i%2)), func(w store.Writer) error {
				w.Put("k", []byte("after"))
				w.Put(fmt.Sprint("large", i), make([]byte, 500_000))
				return nil
			})
			if !errors.Is(err, fault.Unavailable) {
				t.Errorf("Update() = %v, want %v", err, fault.Unavailable)
			}
		})
	}
	wg.Wait()
	wantValue(t, s, "p", "k", "before")
	for part := range s.Parts(t.Context()) {
		if part != "p" {
			t.Errorf("partition %s was half written", part)
		}
	}
	if _, err := w.one("pragma max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	mustUpdate(t, s, "p0", put("k", "after"))
	wantValue(t, s, "p0", "k", "after")
}

// An answer must not rest on a change that never came to be.
func TestWhatAnUpdateSawIsDurableWhenItAnswers(t *testing.T) {
	s := openSQLite(t, filepath.Join(t.TempDir(), "store.db"))
	defer s.Close()
	mustUpdate(t, s, "p", put("k", "old"))
	l := s.lanes.join("p")
	defer s.lanes.leave("p")
	ghost := newChange("p", mustVersion(t, s, "p"), layer{"k": []byte("ghost")})
	l.follow(ghost)

	var seen []string
	first, done := make(chan struct{}), make(chan error)
	go func() {
		done <- s.Update(t.Context(), "p", func(w store.Writer) error {
			v, err := w.Get("k")
			if seen = append(seen, string(v)); len(seen) == 1 {
				close(first)
			}
			return err
		})
	}()
	<-first
	select {
	case err := <-done:
		t.Fatalf("Update() = %v before what it saw was durable", err)
	default:
	}
	ghost.settle(fault.Unavailable)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen[0] != "ghost" || seen[1] != "old" {
		t.Errorf("fn saw %q, want the ghost and then the old value", seen)
	}
}

// Those that built on a change that failed are run again on what is there.
func TestAChangeOnTopOfALostOneIsRunAgain(t *testing.T) {
	s := openSQLite(t, filepath.Join(t.TempDir(), "store.db"))
	defer s.Close()
	mustUpdate(t, s, "p", put("n", "1"))
	l := s.lanes.join("p")
	defer s.lanes.leave("p")
	ghost := newChange("p", mustVersion(t, s, "p"), layer{"n": []byte("100")})
	l.follow(ghost)
	runs := 0
	mustUpdate(t, s, "p", func(w store.Writer) error {
		if runs++; runs == 2 {
			ghost.settle(fault.Unavailable)
		}
		v, err := w.Get("n")
		w.Put("n", append([]byte("+"), v...))
		return err
	})
	wantValue(t, s, "p", "n", "+1")
	if runs < 2 {
		t.Errorf("fn ran %d times, want it run again", runs)
	}
}

func mustVersion(t *testing.T, s *Store, part store.Part) int64 {
	t.Helper()
	snap, err := s.db.begin(context.Background(), part)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.end()
	v, err := snap.version()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestUpdatesOfOnePartitionShareFlushes(t *testing.T) {
	s := openSQLite(t, filepath.Join(t.TempDir(), "store.db"))
	defer s.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := s.Update(t.Context(), "p", put("k", "v")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := s.db.(*sqliteDB).writer.flushes.Load(); n >= 400 {
		t.Errorf("400 updates took %d flushes, want fewer", n)
	}
}
