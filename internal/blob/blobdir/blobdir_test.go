package blobdir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vaguemestre/internal/blob"
	"vaguemestre/internal/blob/blobtest"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, filepath.Join(t.TempDir(), "blobs")) })
	blobtest.RunDurable(t, func(t *testing.T) func(*testing.T) blob.Store {
		dir := t.TempDir()
		return func(t *testing.T) blob.Store { return open(t, dir) }
	})
}

// files returns the paths of all files below dir.
func files(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// A broken file fails in one of the ways a disk can.
type broken struct {
	file
	room              int // bytes until the disk is full; negative is no limit
	syncErr, closeErr error
}

func (b *broken) Write(p []byte) (int, error) {
	if b.room < 0 {
		return b.file.Write(p)
	}
	n, _ := b.file.Write(p[:min(len(p), b.room)])
	if b.room -= n; n < len(p) {
		return n, &fs.PathError{Op: "write", Path: "/secret/part", Err: syscall.ENOSPC}
	}
	return n, nil
}

func (b *broken) Sync() error { return errors.Join(b.syncErr, b.file.Sync()) }

func (b *broken) Close() error { return errors.Join(b.file.Close(), b.closeErr) }

func TestAPutThatTheDiskRefusesLeavesNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		hurt func(s *Store)
	}{
		{"the disk is full at once", func(s *Store) { hurtFile(s, broken{room: 0}) }},
		{"the disk is full after some writes", func(s *Store) { hurtFile(s, broken{room: 150_000}) }},
		{"the file cannot be flushed", func(s *Store) { hurtFile(s, broken{room: -1, syncErr: syscall.EIO}) }},
		{"the file cannot be closed", func(s *Store) { hurtFile(s, broken{room: -1, closeErr: syscall.EIO}) }},
		{"the file cannot be made", func(s *Store) {
			s.create = func(string) (file, error) {
				return nil, &fs.PathError{Op: "open", Path: "/secret/part", Err: syscall.ENOSPC}
			}
		}},
		{"the file cannot be renamed", func(s *Store) {
			s.rename = func(string, string) error {
				return &os.LinkError{Op: "rename", Old: "/secret/part", New: "/secret/part", Err: syscall.EIO}
			}
		}},
		{"the folder cannot be flushed", func(s *Store) {
			s.syncDir = func(string) error { return &fs.PathError{Op: "sync", Path: "/secret/part", Err: syscall.EIO} }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			test.hurt(s)
			id := blobtest.NewID()
			err := s.Put(t.Context(), "secret", id, func(w io.Writer) error {
				for range 10 {
					w.Write(make([]byte, 40_000)) // a caller that looks away is told all the same
				}
				return nil
			})
			if !errors.Is(err, fault.Unavailable) {
				t.Errorf("Put() = %v, want %v", err, fault.Unavailable)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("Put() = %v, which names the partition", err)
			}
			if left := files(t, dir); len(left) != 0 {
				t.Errorf("%q were left", left)
			}
			if err := open(t, dir).Put(t.Context(), "secret", id, text("again")); err != nil {
				t.Errorf("Put() when the disk is well again = %v", err)
			}
		})
	}
}

func hurtFile(s *Store, with broken) {
	s.create = func(path string) (file, error) {
		f, err := create(path)
		with.file = f
		return &with, err
	}
}

func TestADiskThatIsReallyFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m,mode=0700,nr_inodes=5000"); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: no right to mount a small disk: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	s := open(t, dir)
	kept := blobtest.NewID()
	if err := s.Put(t.Context(), "p", kept, text("kept")); err != nil {
		t.Fatal(err)
	}
	lost := blobtest.NewID()
	err := s.Put(t.Context(), "p", lost, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 2<<20))
		return err
	})
	if !errors.Is(err, fault.Unavailable) {
		t.Errorf("Put() = %v, want %v", err, fault.Unavailable)
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("%q are there, want the one that was kept", left)
	}
	if err := s.Put(t.Context(), "p", lost, text("small")); err != nil {
		t.Errorf("Put() of what fits = %v", err)
	}
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	s := open(t, dir)
	if err := s.Put(t.Context(), "p", blobtest.NewID(), text("x")); err != nil {
		t.Fatal(err)
	}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		info, err := d.Info()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return nil
	})
}

func TestOpenRemovesWhatACrashLeftLongAgo(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	old, young := filepath.Join(dir, "tmp", "old"), filepath.Join(dir, "tmp", "young")
	for path, age := range map[string]time.Duration{old: 25 * time.Hour, young: 23 * time.Hour} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	if got := files(t, dir); len(got) != 1 || got[0] != young {
		t.Errorf("after Open there are %q, want %q alone", got, young)
	}
}

func TestFilesThatAreNotBlobsArePassedOver(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	id := blobtest.NewID()
	if err := s.Put(t.Context(), "p", id, text("x")); err != nil {
		t.Fatal(err)
	}
	shard := filepath.Join(dir, string(id[:2]))
	for _, name := range []string{"x", ".hidden", "p." + string(id[:25]), "P." + string(id), "p-" + string(id), "lost+found"} {
		if err := os.WriteFile(filepath.Join(shard, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for info, err := range s.All(t.Context()) {
		if n++; err != nil || info.ID != id {
			t.Errorf("All() yields %+v, %v", info, err)
		}
	}
	if n != 1 {
		t.Errorf("All() yields %d blobs, want 1", n)
	}
}

func TestOpenRefusesAFolderThatCannotBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Open() on a file = %v, want %v", err, fault.Unavailable)
	}
}

// The order is the promise: file, rename, folder. More flushes cost speed,
// fewer cost mails.
func TestAPutFlushesTheFileAndThenTheFolder(t *testing.T) {
	s := open(t, t.TempDir())
	var order []string
	s.create = func(path string) (file, error) {
		f, err := create(path)
		return &watched{f, &order}, err
	}
	s.rename = func(from, to string) error {
		order = append(order, "rename")
		return os.Rename(from, to)
	}
	s.syncDir = func(path string) error {
		order = append(order, "sync folder")
		return syncDir(path)
	}
	if err := s.Put(t.Context(), "p", blobtest.NewID(), text("x")); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(order), "[write sync file rename sync folder]"; got != want {
		t.Errorf("Put does %s, want %s", got, want)
	}
}

type watched struct {
	file
	order *[]string
}

func (w *watched) Write(p []byte) (int, error) {
	*w.order = append(*w.order, "write")
	return w.file.Write(p)
}

func (w *watched) Sync() error {
	*w.order = append(*w.order, "sync file")
	return w.file.Sync()
}

func FuzzFileName(f *testing.F) {
	f.Add("p", "abcdefghijklmnopqrstuvwxyz")
	f.Add("..", "../../../../../../etc/passwd")
	f.Add("a/../b", "aaaaaaaaaaaaaaaaaaaaaaaa/.")
	f.Fuzz(func(t *testing.T, part, id string) {
		s := &Store{dir: "/blobs"}
		path, err := s.path(context.Background(), store.Part(part), blob.ID(id))
		if err != nil {
			return
		}
		if filepath.Clean(path) != path || filepath.Dir(filepath.Dir(path)) != "/blobs" || len(filepath.Base(path)) > 255 {
			t.Errorf("path(%q, %q) = %q, which is not a file in a shard", part, id, path)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 100_000/16)
	for _, goroutines := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			s := open(b, b.TempDir())
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			b.ResetTimer()
			var n atomic.Int64
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for n.Add(1) <= int64(b.N) {
						err := s.Put(context.Background(), "p", blobtest.NewID(), func(w io.Writer) error {
							_, err := w.Write(data)
							return err
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
