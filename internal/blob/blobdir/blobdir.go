// Package blobdir keeps each blob as one file:
//
//	<dir>/<first two characters of the ID>/<part>.<ID>
//	<dir>/tmp/<part>.<ID>                             while it is written
//
// IDs are random, so the 1 024 folders fill evenly, whatever the partitions;
// they are made once, and a Put makes none. Files have mode 0600, folders 0700.
//
// A Put writes into tmp, flushes the file, renames it, and flushes the folder:
// two flushes, and whatever happens in between the name means the whole blob
// or nothing. Several processes may share a folder.
package blobdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vaguemestre/internal/blob"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

const (
	base32   = "abcdefghijklmnopqrstuvwxyz234567" // the characters of an ID
	partName = "abcdefghijklmnopqrstuvwxyz0123456789.-"
	idLength = 26
	maxPart  = 64
	tmpName  = "tmp" // three characters, so no shard
)

// abandoned is how long a file in tmp must have lain still before Open takes
// it for the remains of a crash. Another process may be writing there.
const abandoned = 24 * time.Hour

// A Store is a blob.Store in a folder.
type Store struct {
	dir string

	// The ways to the disk that a test can break.
	create  func(path string) (file, error)
	rename  func(from, to string) error
	syncDir func(path string) error
}

// A file is what Put needs of a new file.
type file interface {
	io.WriteCloser
	Sync() error
}

var _ blob.Store = (*Store)(nil)

// Open opens the store in a folder, which it makes if it is absent, and
// removes what a crash left half written a day ago or more. A folder that
// cannot be written is fault.Unavailable.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir, create: create, rename: os.Rename, syncDir: syncDir}
	if err := s.makeFolders(); err != nil {
		return nil, fmt.Errorf("blobdir: open: %w: %v", fault.Unavailable, err)
	}
	if err := s.sweep(); err != nil {
		return nil, fmt.Errorf("blobdir: open: %w: %v", fault.Unavailable, err)
	}
	return s, nil
}

// makeFolders makes what is missing and flushes it, so that a Put needs to
// flush no more than the folder it renames into.
func (s *Store) makeFolders() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	made := false
	for shard := range shards {
		switch err := os.Mkdir(filepath.Join(s.dir, shard), 0o700); {
		case err == nil:
			made = true
		case !errors.Is(err, fs.ErrExist):
			return err
		}
	}
	if !made {
		return nil
	}
	if err := s.syncDir(s.dir); err != nil {
		return err
	}
	return s.syncDir(filepath.Dir(s.dir))
}

// shards yields the names of all folders, tmp last.
func shards(yield func(string) bool) {
	for _, a := range base32 {
		for _, b := range base32 {
			if !yield(string(a) + string(b)) {
				return
			}
		}
	}
	yield(tmpName)
}

// sweep removes abandoned files. The clock is that of the file system, which
// dates a probe: it may be another machine's.
func (s *Store) sweep() error {
	tmp := filepath.Join(s.dir, tmpName)
	probe, err := os.CreateTemp(tmp, "probe-")
	if err != nil {
		return err
	}
	probe.Close()
	defer os.Remove(probe.Name())
	info, err := os.Stat(probe.Name())
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if old, err := e.Info(); err == nil && info.ModTime().Sub(old.ModTime()) > abandoned {
			if err := os.Remove(filepath.Join(tmp, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// fileName returns the name of a blob's file, in its shard and in tmp. The
// check makes it a name without a separator; the ID at the end keeps it from
// being "." or "..".
func fileName(part store.Part, id blob.ID) (string, error) {
	if len(part) == 0 || len(part) > maxPart || !only(string(part), partName) || len(id) != idLength || !only(string(id), base32) {
		return "", fmt.Errorf("blobdir: name: %w", fault.Invalid)
	}
	return string(part) + "." + string(id), nil
}

func only(s, of string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(of, r) }) < 0
}

// path returns where a blob lies.
func (s *Store) path(ctx context.Context, part store.Part, id blob.ID) (string, error) {
	name, err := fileName(part, id)
	if err != nil {
		return "", err
	}
	return filepath.Join(s.dir, string(id[:2]), name), ctx.Err()
}

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, part store.Part, id blob.ID, write func(io.Writer) error) (err error) {
	path, err := s.path(ctx, part, id)
	if err != nil {
		return err
	}
	// Of those who put one name at the same time, the one who makes its file
	// in tmp goes on. Whoever comes after the rename finds the blob itself:
	// hence this order.
	tmp := filepath.Join(s.dir, tmpName, filepath.Base(path))
	f, err := s.create(tmp)
	if err != nil {
		return putError(err)
	}
	defer func() {
		if f != nil {
			f.Close()
			os.Remove(tmp)
		}
	}()
	if _, err := os.Lstat(path); err == nil {
		return putError(fs.ErrExist)
	}
	w := &writer{ctx: ctx, f: f}
	if err := write(w); w.err != nil {
		return putError(w.err)
	} else if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return putError(err)
	}
	if err := s.rename(tmp, path); err != nil {
		return putError(err)
	}
	closing := f
	f = nil // the file is no longer in tmp
	if err := errors.Join(closing.Close(), s.syncDir(filepath.Dir(path))); err != nil {
		os.Remove(path)
		return putError(err)
	}
	return nil
}

// A writer passes writes to the file and remembers why one failed, whatever
// the caller makes of it.
type writer struct {
	ctx context.Context
	f   file
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.f.Write(p)
	w.err = err
	return n, err
}

// putError gives an error of the disk its kind.
func putError(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("blobdir: put: %w", fault.Exists)
	}
	return fmt.Errorf("blobdir: put: %w: %v", fault.Unavailable, cause(err))
}

// cause drops the path from an error: it holds the name of a partition.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, part store.Part, id blob.ID) (io.ReadSeekCloser, error) {
	path, err := s.path(ctx, part, id)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("blobdir: open: %w", fault.NotFound)
	case err != nil:
		return nil, fmt.Errorf("blobdir: open: %w: %v", fault.Unavailable, cause(err))
	}
	return f, nil
}

// Delete implements blob.Store. It does not flush: a blob that comes back
// after a crash is an orphan, which the next sweep deletes again.
func (s *Store) Delete(ctx context.Context, part store.Part, id blob.ID) error {
	path, err := s.path(ctx, part, id)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blobdir: delete: %w: %v", fault.Unavailable, cause(err))
	}
	return nil
}

// All implements blob.Store. A file whose name is none of ours is passed over.
func (s *Store) All(ctx context.Context) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		for shard := range shards {
			if shard == tmpName {
				return
			}
			entries, err := os.ReadDir(filepath.Join(s.dir, shard))
			if err != nil {
				yield(blob.Info{}, fmt.Errorf("blobdir: list: %w: %v", fault.Unavailable, cause(err)))
				return
			}
			for _, e := range entries {
				if err := ctx.Err(); err != nil {
					yield(blob.Info{}, err)
					return
				}
				if info, ok := infoOf(shard, e); ok && !yield(info, nil) {
					return
				}
			}
		}
	}
}

// infoOf reads what a folder entry says of a blob.
func infoOf(shard string, e fs.DirEntry) (blob.Info, bool) {
	dot := len(e.Name()) - idLength - 1
	if dot < 1 || e.Name()[dot] != '.' {
		return blob.Info{}, false
	}
	part, id := store.Part(e.Name()[:dot]), blob.ID(e.Name()[dot+1:])
	if _, err := fileName(part, id); err != nil || string(id[:2]) != shard {
		return blob.Info{}, false
	}
	info, err := e.Info()
	if err != nil || !info.Mode().IsRegular() {
		return blob.Info{}, false // deleted since the folder was read, or not ours
	}
	return blob.Info{Part: part, ID: id, Size: info.Size(), Written: info.ModTime()}, true
}

// Close implements blob.Store.
func (s *Store) Close() error { return nil }

func create(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
