package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// The statements of PostgreSQL. Names and keys compare by their bytes; values
// are sealed, so compressing them (TOAST) would only cost.
const (
	postgresSchema = `
create table if not exists part (id text collate "C" primary key, version bigint not null);
create table if not exists kv (part text collate "C", key text collate "C", value bytea not null, primary key (part, key));
alter table kv alter column value set storage external;`

	postgresView   = `begin isolation level repeatable read read only`
	postgresUpdate = `begin isolation level repeatable read`

	postgresGet     = `select value from kv where part = $1 and key = $2`
	postgresScan    = `select key, value from kv where part = $1 and key >= $2 and ($3 = '' or key < $3) order by key limit $4`
	postgresScanOn  = `select key, value from kv where part = $1 and key > $2 and ($3 = '' or key < $3) order by key limit $4`
	postgresVersion = `select version from part where id = $1`
	postgresParts   = `select id from part where id > $1 order by id limit 1000`
	postgresDump    = `select part, key, value from kv where part > '' order by part, key`

	postgresCreate = `insert into part (id, version) values ($1, $2)`
	postgresBump   = `update part set version = $1 where id = $2 and version = $3`
	postgresPut    = `insert into kv (part, key, value) select $1, * from unnest($2::text[], $3::bytea[])
		on conflict (part, key) do update set value = excluded.value`
	postgresDelete = `delete from kv where part = $1 and key = any($2)`
	postgresForget = `delete from part where id = $1 and not exists (select 1 from kv where part = part.id)`
)

// What a statement may take that must not be cut short by a caller: the commit.
const commitTimeout = 30 * time.Second

// A page of a scan is about this many bytes.
const scanBytes = 256 << 10

// A postgresDB is the dialect of PostgreSQL. The server groups commits by
// itself, so every Update commits on its own connection.
type postgresDB struct{ pool *pgxpool.Pool }

// OpenPostgres opens the store in the database and schema that dsn names, and
// makes its tables if they are absent. Several processes may share it. A
// server that acknowledges before the disk has it is refused. The operator
// backs it up with the server's own means (pg_basebackup, pg_dump) or with
// Backup.
func OpenPostgres(ctx context.Context, dsn string) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open: the connection string is not understood: %w", fault.Invalid)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		cfg.MaxConns = max(cfg.MaxConns, 16)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, postgresError("open", err)
	}
	if err := preparePostgres(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return newStore(&postgresDB{pool}), nil
}

// preparePostgres makes the tables where there are none and checks the format
// and the server's promise of durability.
func preparePostgres(ctx context.Context, pool *pgxpool.Pool) error {
	var durable bool
	err := pool.QueryRow(ctx, `select current_setting('fsync') = 'on' and current_setting('synchronous_commit') <> 'off'`).Scan(&durable)
	if err != nil {
		return postgresError("open", err)
	}
	if !durable {
		return fmt.Errorf("sqlstore: open: the server has fsync or synchronous_commit off: %w", fault.Unavailable)
	}
	var got []byte
	err = pgx.BeginFunc(ctx, pool, func(t pgx.Tx) error {
		// Two processes that start at once: create if not exists races.
		if _, err := t.Exec(ctx, `select pg_advisory_xact_lock(hashtext('vaguemestre'))`); err != nil {
			return err
		}
		var exists bool
		if err := t.QueryRow(ctx, `select to_regclass('kv') is not null`).Scan(&exists); err != nil {
			return err
		}
		if !exists {
			if _, err := t.Exec(ctx, postgresSchema); err != nil {
				return err
			}
			if _, err := t.Exec(ctx, `insert into kv values ($1, $2, $3)`, formatPart, formatKey, []byte(format)); err != nil {
				return err
			}
		}
		err := t.QueryRow(ctx, postgresGet, formatPart, formatKey).Scan(&got)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return postgresError("open", err)
	}
	return checkFormat(got)
}

func (db *postgresDB) begin(ctx context.Context, part store.Part) (snapshot, error) {
	c, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, postgresError("connect", err)
	}
	return &postgresSnapshot{ctx: ctx, c: c, part: part}, nil
}

func (db *postgresDB) parts(ctx context.Context, after store.Part) ([]store.Part, error) {
	rows, err := db.pool.Query(ctx, postgresParts, after)
	if err != nil {
		return nil, postgresError("read", err)
	}
	page, err := pgx.CollectRows(rows, pgx.RowTo[store.Part])
	if err != nil {
		return nil, postgresError("read", err)
	}
	return page, nil
}

func (db *postgresDB) dump(ctx context.Context) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		rows, err := db.pool.Query(ctx, postgresDump) // one statement is one snapshot
		if err != nil {
			yield(row{}, postgresError("read", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r row
			if err := rows.Scan(&r.part, &r.Key, &r.Value); err != nil {
				yield(row{}, postgresError("read", err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(row{}, postgresError("read", err))
		}
	}
}

func (db *postgresDB) close() error {
	db.pool.Close()
	return nil
}

// A postgresSnapshot is a transaction at REPEATABLE READ. It begins with its
// first statement, in the same round trip.
type postgresSnapshot struct {
	ctx    context.Context
	c      *pgxpool.Conn
	part   store.Part
	update bool // begun to write
	begun  bool
}

// query sends one statement, behind the beginning of the transaction if it is
// the first, and reads its answer.
func (s *postgresSnapshot) query(read func(pgx.Rows) error, text string, args ...any) error {
	var b pgx.Batch
	if !s.begun {
		begin := postgresView
		if s.update {
			begin = postgresUpdate
		}
		b.Queue(begin)
		s.begun = true
	}
	b.Queue(text, args...).Query(read)
	if err := s.c.SendBatch(s.ctx, &b).Close(); err != nil {
		return postgresError("read", err)
	}
	return nil
}

// version is the first thing an Update asks.
func (s *postgresSnapshot) version() (v int64, err error) {
	s.update = true
	err = s.query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := rows.Scan(&v); err != nil {
				return err
			}
		}
		return rows.Err()
	}, postgresVersion, s.part)
	return v, err
}

func (s *postgresSnapshot) get(key string) (v []byte, err error) {
	err = s.query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := rows.Scan(&v); err != nil {
				return err
			}
		}
		return rows.Err()
	}, postgresGet, s.part, key)
	return v, err
}

// scan reads page by page, so that the connection is free for other reads
// while the caller looks at a row.
func (s *postgresSnapshot) scan(from, to string) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		text, limit := postgresScan, 64
		for {
			page, err := s.page(text, from, to, limit)
			if err != nil {
				yield(store.Pair{}, err)
				return
			}
			size := 0
			for _, p := range page {
				size += len(p.Key) + len(p.Value)
				if !yield(p, nil) {
					return
				}
			}
			if len(page) < limit {
				return
			}
			text, from = postgresScanOn, page[len(page)-1].Key
			limit = max(8, min(4096, scanBytes*len(page)/size))
		}
	}
}

func (s *postgresSnapshot) page(text, from, to string, limit int) (page []store.Pair, err error) {
	err = s.query(func(rows pgx.Rows) error {
		page, err = pgx.CollectRows(rows, pgx.RowToStructByPos[store.Pair])
		return err
	}, text, s.part, from, to, limit)
	return page, err
}

// commit sends the writes and COMMIT in one round trip. Under REPEATABLE READ
// the server refuses them all (40001) if another process has changed the
// partition's row since the snapshot, which is the check of the version.
func (s *postgresSnapshot) commit(c *change) {
	var b pgx.Batch
	if c.base == 0 {
		b.Queue(postgresCreate, c.part, c.next)
	} else {
		b.Queue(postgresBump, c.next, c.part, c.base)
	}
	var keys, deleted []string
	var values [][]byte
	for k, v := range c.writes {
		if v == nil {
			deleted = append(deleted, k)
			continue
		}
		keys, values = append(keys, k), append(values, v)
	}
	if len(keys) > 0 {
		b.Queue(postgresPut, c.part, keys, values)
	}
	if len(deleted) > 0 {
		b.Queue(postgresDelete, c.part, deleted)
		b.Queue(postgresForget, c.part)
	}
	b.Queue("commit")
	// A commit that is cut short would leave its outcome unknown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), commitTimeout)
	defer cancel()
	if err := s.c.SendBatch(ctx, &b).Close(); err != nil {
		c.settle(postgresError("commit", err))
		return
	}
	c.settle(nil)
}

// end gives the connection back. Within a transaction the pool would close it.
func (s *postgresSnapshot) end() {
	if s.c.Conn().PgConn().TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), commitTimeout)
		defer cancel()
		_, _ = s.c.Exec(ctx, "rollback") // if it fails the connection is broken, and the pool closes it
	}
	s.c.Release()
}

// postgresError gives an error of the server its kind. SQLSTATE and message
// are kept; the detail, which may hold keys, is not.
func postgresError(verb string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return fmt.Errorf("sqlstore: %s: %w: %v", verb, fault.Unavailable, err) // network, pool, server away
	}
	switch {
	case e.Code == "40001", e.Code == "40P01", e.Code == "23505":
		return errRace // serialization failure, deadlock, both made the partition
	case strings.HasPrefix(e.Code, "XX"):
		return fmt.Errorf("sqlstore: %s: %w: %s %s", verb, fault.Corrupt, e.Code, e.Message)
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "25"), strings.HasPrefix(e.Code, "53"),
		strings.HasPrefix(e.Code, "57"), strings.HasPrefix(e.Code, "58"), strings.HasPrefix(e.Code, "28"), strings.HasPrefix(e.Code, "3D"):
		// connection, state, resources (disk full), operator, I/O, login, no such database
		return fmt.Errorf("sqlstore: %s: %w: %s %s", verb, fault.Unavailable, e.Code, e.Message)
	}
	return fmt.Errorf("sqlstore: %s: %w: %s %s", verb, fault.Internal, e.Code, e.Message)
}
