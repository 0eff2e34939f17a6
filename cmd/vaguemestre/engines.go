package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"vaguemestre/internal/blob/blobdir"
	"vaguemestre/internal/bus"
	"vaguemestre/internal/bus/membus"
	"vaguemestre/internal/bus/redisbus"
	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store/sqlstore"
)

// The engines are what keeps things and what wakes others.
type engines struct {
	store *sqlstore.Store
	blobs *keptBlobs
	bus   bus.Bus
}

// openEngines opens what a configuration names, and refuses what was never
// initialised or is not what was: a hub never starts empty by mistake.
func openEngines(ctx context.Context, c *config.Config, k keys, log *slog.Logger) (e *engines, err error) {
	e = new(engines)
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
			e = nil
		}
	}()
	if c.Store.SQLite != "" {
		if _, err := os.Stat(c.Store.SQLite); err != nil {
			return e, advise(fmt.Errorf("the store %s is not there: %w", c.Store.SQLite, fault.NotFound), emptyAdvice, c.Path)
		}
	}
	if e.store, err = openStore(ctx, c); err != nil {
		return e, err
	}
	if err := checkMark(ctx, e.store, c, k); err != nil {
		return e, err
	}
	if e.blobs, err = openBlobs(c); err != nil {
		return e, err
	}
	e.bus, err = openBus(ctx, c.Redis, log)
	return e, err
}

const emptyAdvice = "%s says that a hub was made here, so it does not start empty. Is a disk not mounted, or a path wrong? " +
	"`vaguemestre restore` fills an empty place from a backup."

// openStore opens the store, which is made if it is absent.
func openStore(ctx context.Context, c *config.Config) (*sqlstore.Store, error) {
	if c.Store.SQLite != "" {
		st, err := sqlstore.OpenSQLite(c.Store.SQLite)
		switch {
		case errors.Is(err, fault.Unavailable):
			return nil, advise(fmt.Errorf("the store %s: %w", c.Store.SQLite, err),
				"If a hub runs with it already, stop that one first. Otherwise look at the disk: is it full, or read-only?")
		case err != nil:
			return nil, advise(fmt.Errorf("the store %s: %w", c.Store.SQLite, err),
				"The file is damaged or is not a store of this program. Nothing was changed in it. Restore a backup into a new place and compare.")
		}
		return st, nil
	}
	dsn, err := c.Store.Postgres.Reveal()
	if err != nil {
		return nil, advise(err, "store.postgres in %s says where the connection string is.", c.Path)
	}
	st, err := sqlstore.OpenPostgres(ctx, dsn)
	if err != nil {
		return nil, advise(fmt.Errorf("the store in PostgreSQL: %w", err),
			"Is the server up, and is store.postgres right? `psql` with the same connection string tells more.")
	}
	return st, nil
}

// openBlobs opens the folder of the blobs, which must carry the mark.
func openBlobs(c *config.Config) (*keptBlobs, error) {
	got, err := os.ReadFile(filepath.Join(c.Blobs, markFile))
	if err != nil {
		return nil, advise(fmt.Errorf("the folder of the blobs %s is not there, or not that of this hub: %w", c.Blobs, fault.NotFound), emptyAdvice, c.Path)
	}
	if strings.TrimSpace(string(got)) != c.Installation {
		return nil, advise(fmt.Errorf("the folder of the blobs %s belongs to another installation: %w", c.Blobs, fault.Invalid),
			"Correct blobs.dir in %s.", c.Path)
	}
	b, err := blobdir.Open(c.Blobs)
	if err != nil {
		return nil, advise(fmt.Errorf("the folder of the blobs: %w", err), "The hub must be able to write into %s.", c.Blobs)
	}
	return &keptBlobs{Store: b}, nil
}

func openBus(ctx context.Context, url config.Secret, log *slog.Logger) (bus.Bus, error) {
	if url.IsZero() {
		return membus.New(), nil
	}
	text, err := url.Reveal()
	if err != nil {
		return nil, advise(err, "bus.redis says where the URL of the Redis server is.")
	}
	b, err := redisbus.Open(ctx, text, log)
	if err != nil {
		return nil, advise(fmt.Errorf("the bus on Redis: %w", err), "Is the server up, and is bus.redis right?")
	}
	return b, nil
}

func (e *engines) close() error {
	var errs []error
	if e.bus != nil {
		errs = append(errs, e.bus.Close())
	}
	if e.blobs != nil {
		errs = append(errs, e.blobs.Close())
	}
	if e.store != nil {
		errs = append(errs, e.store.Close())
	}
	return errors.Join(errs...)
}
