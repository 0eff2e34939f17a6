package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/fault"
)

// Loading writes changes of about loadBytes, loadAtOnce of them at a time.
const (
	loadBytes  = 1 << 20
	loadAtOnce = 64
)

// Backup writes a copy of the whole store, as it is at one instant, into a new
// SQLite file, whatever the dialect, while the store serves. The file is a
// store of its own: OpenSQLite opens it and Restore reads it. It appears under
// its name only when it is whole and durable. A path that is taken is
// fault.Exists.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.running.Done()
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("sqlstore: backup: %w", fault.Exists)
	}
	partial := path + ".partial"
	if err := removeSQLite(partial); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeSQLite(partial)) }()
	to, err := OpenSQLite(partial)
	if err != nil {
		return err
	}
	if err := errors.Join(to.load(ctx, s.db.dump(ctx)), to.Close()); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("sqlstore: backup: %w: %v", fault.Unavailable, err)
	}
	return syncDir(filepath.Dir(path))
}

// Restore fills an empty store from a file that Backup wrote. A store that has
// a key is fault.Exists: nothing is ever overwritten. If it fails the store is
// half filled, and must be thrown away.
func (s *Store) Restore(ctx context.Context, path string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.running.Done()
	switch parts, err := s.db.parts(ctx, formatPart); {
	case err != nil:
		return err
	case len(parts) > 0:
		return fmt.Errorf("sqlstore: restore: the store is not empty: %w", fault.Exists)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("sqlstore: restore: %w: %v", fault.NotFound, err)
	}
	from, err := OpenSQLite(path)
	if err != nil {
		return err
	}
	return errors.Join(s.load(ctx, from.db.dump(ctx)), from.Close())
}

// load writes rows, which come in order, into an empty store: many partitions
// at once, so that they share flushes, and a large one piece by piece.
func (s *Store) load(ctx context.Context, rows iter.Seq2[row, error]) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(loadAtOnce)
	var piece *change
	size := 0
	send := func(c *change) {
		if c != nil {
			g.Go(func() error { return s.apply(ctx, c) })
		}
	}
	for r, err := range rows {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		switch {
		case piece == nil || piece.part != r.part:
			send(piece)
			piece, size = newChange(r.part, 0, layer{}), 0
		case size > loadBytes:
			// The next piece of a partition stands on this one.
			if err := s.apply(ctx, piece); err != nil {
				return errors.Join(err, g.Wait())
			}
			piece, size = newChange(r.part, piece.next, layer{}), 0
		}
		piece.writes[r.Key] = r.Value
		size += len(r.Key) + len(r.Value)
	}
	send(piece)
	return g.Wait()
}

// apply writes a change that nothing races with. The snapshot ends before the
// wait, so that others can join the flush.
func (s *Store) apply(ctx context.Context, c *change) error {
	snap, err := s.db.begin(ctx, c.part)
	if err != nil {
		return err
	}
	version, err := snap.version()
	if err == nil && version == c.base {
		snap.commit(c)
	}
	snap.end()
	if err != nil {
		return err
	}
	if version != c.base || c.wait() == errRace {
		return fmt.Errorf("sqlstore: restore: somebody else writes: %w", fault.Exists)
	}
	return c.err
}

// removeSQLite removes a database file that is not open and what belongs to it.
func removeSQLite(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("sqlstore: remove: %w: %v", fault.Unavailable, err)
		}
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sqlstore: sync: %w: %v", fault.Unavailable, err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sqlstore: sync: %w: %v", fault.Unavailable, err)
	}
	return nil
}
