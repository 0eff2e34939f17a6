package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/blob"
	"vaguemestre/internal/blob/blobdir"
	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/store"
)

// A desk is the hub as adminapi asks for it: the door, and what only the
// program that holds the engines can do.
type desk struct {
	*hub.Hub
	s *server
}

var _ adminapi.Hub = desk{}

// Process implements adminapi.Care.
func (d desk) Process() adminapi.Process {
	return adminapi.Process{
		Version: version(), Installation: d.s.cfg.Installation, Started: d.s.started.UTC(),
		Ports: d.s.addresses(), Certificate: d.s.cert.Leaf().NotAfter, TestMode: d.s.cfg.TestMode,
	}
}

// Backup implements adminapi.Care: it copies store and blobs, as they are at
// one instant, into a new folder, while the hub serves. No key goes with them.
func (d desk) Backup(ctx context.Context, operator, folder string) (adminapi.Backup, error) {
	if !filepath.IsAbs(folder) {
		return adminapi.Backup{}, fmt.Errorf("backup: the folder is not an absolute path: %w", fault.Invalid)
	}
	if err := os.Mkdir(folder, 0o700); errors.Is(err, os.ErrExist) {
		return adminapi.Backup{}, fmt.Errorf("backup: a folder is never written over: %w", fault.Exists)
	} else if err != nil {
		return adminapi.Backup{}, fmt.Errorf("backup: %v: %w", err, fault.Unavailable)
	}
	d.s.log.Info("backup begins", "operator", operator)
	// What the copy of the store refers to must still be there when its turn comes.
	release := d.s.engines.blobs.keepAll()
	defer release()
	// The checkpoints go first: a copy of the store must not be behind them.
	if err := copyFile(filepath.Join(folder, filepath.Base(d.s.cfg.Checkpoints)), d.s.cfg.Checkpoints); err != nil {
		return adminapi.Backup{}, err
	}
	if err := d.s.engines.store.Backup(ctx, filepath.Join(folder, storeFile)); err != nil {
		return adminapi.Backup{}, err
	}
	out := adminapi.Backup{Folder: folder}
	to, err := blobdir.Open(filepath.Join(folder, blobFolder))
	if err != nil {
		return out, err
	}
	if out.Blobs, out.Bytes, err = copyBlobs(ctx, to, d.s.engines.blobs); err != nil {
		return out, err
	}
	if info, err := os.Stat(filepath.Join(folder, storeFile)); err == nil {
		out.Bytes += info.Size()
	}
	// The configuration comes last: where it is, the backup is whole.
	return out, errors.Join(to.Close(), writeBackupConfig(d.s.cfg, folder))
}

// writeBackupConfig writes what a restore needs to know, without a secret: the
// escrow's certificate, and a configuration of the copy.
func writeBackupConfig(c *config.Config, folder string) error {
	cert, err := os.ReadFile(c.Keys.Escrow)
	if err != nil {
		return fmt.Errorf("backup: %v: %w", err, fault.Unavailable)
	}
	b := *c
	b.Keys.Escrow = filepath.Join(folder, escrowFile)
	b.Store = config.Store{SQLite: filepath.Join(folder, storeFile)}
	b.Blobs = filepath.Join(folder, blobFolder)
	b.Checkpoints = filepath.Join(folder, filepath.Base(c.Checkpoints))
	b.Redis = config.Secret{}
	return errors.Join(
		writeNew(b.Keys.Escrow, cert, 0o644),
		writeNew(filepath.Join(folder, config.FileName), b.Commented(folder), 0o600))
}

// copyFile copies a file that may be absent into one that must be.
func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copy: %v: %w", err, fault.Unavailable)
	}
	return writeNew(to, b, 0o600)
}

// copyBlobs copies every blob, several at a time so that they share flushes.
func copyBlobs(ctx context.Context, to, from blob.Store) (n int, bytes int64, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for info, err := range from.All(ctx) {
		if err != nil {
			return n, bytes, errors.Join(err, g.Wait())
		}
		n++
		bytes += info.Size
		g.Go(func() error { return copyBlob(ctx, to, from, info) })
	}
	return n, bytes, g.Wait()
}

func copyBlob(ctx context.Context, to, from blob.Store, info blob.Info) error {
	r, err := from.Open(ctx, info.Part, info.ID)
	if err != nil {
		return err
	}
	defer r.Close()
	return to.Put(ctx, info.Part, info.ID, func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// keptBlobs are blobs whose deletions wait while a backup copies them.
type keptBlobs struct {
	blob.Store
	mu      sync.Mutex
	backups int // running
	waiting []blob.Info
}

// Delete implements blob.Store. A deletion that waits when the process ends
// leaves an orphan, which a sweep removes.
func (k *keptBlobs) Delete(ctx context.Context, part store.Part, id blob.ID) error {
	k.mu.Lock()
	if k.backups > 0 {
		k.waiting = append(k.waiting, blob.Info{Part: part, ID: id})
		k.mu.Unlock()
		return nil
	}
	k.mu.Unlock()
	return k.Store.Delete(ctx, part, id)
}

// keepAll lets deletions wait until release is called.
func (k *keptBlobs) keepAll() (release func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.backups++
	return func() {
		k.mu.Lock()
		k.backups--
		var due []blob.Info
		if k.backups == 0 {
			due, k.waiting = k.waiting, nil
		}
		k.mu.Unlock()
		for _, b := range due {
			_ = k.Store.Delete(context.Background(), b.Part, b.ID) // else an orphan
		}
	}
}
