package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"syscall"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// The statements of SQLite. kv keeps its rowid: rows are appended where the
// file ends and only the keys are sorted. Against one sorted tree that halves
// the CPU and the bytes written per mail; a long scan costs three times as
// much, 2 µs a row.
const (
	sqliteSchema = `
create table part (id text primary key, version integer not null) without rowid;
create table kv (part text not null, key text not null, value blob not null, primary key (part, key));`

	sqliteGet     = `select value from kv where part = ? and key = ?`
	sqliteScan    = `select key, value from kv where part = ? and key >= ? and key < ? order by key`
	sqliteScanEnd = `select key, value from kv where part = ? and key >= ? order by key`
	sqliteVersion = `select version from part where id = ?`
	sqliteParts   = `select id from part where id > ? order by id limit 1000`
	sqliteDump    = `select part, key, value from kv where part > '' order by part, key`

	sqliteCreate = `insert into part (id, version) values (?, ?) on conflict do nothing`
	sqliteBump   = `update part set version = ? where id = ? and version = ?`
	sqlitePut    = `insert into kv (part, key, value) values (?, ?, ?) on conflict do update set value = excluded.value`
	sqliteDelete = `delete from kv where part = ? and key = ?`
	sqliteForget = `delete from part where id = ? and not exists (select 1 from kv where part = part.id)`
)

// How SQLite is set up, as BenchmarkFiling advised. Larger pages write more
// bytes per mail, smaller logs too. Memory-mapped reading stays off: it gained
// nothing, and an I/O error would end the process instead of one call.
var (
	writerPragmas = []string{
		"page_size=4096",
		"journal_mode=wal",
		"synchronous=full",
		"wal_autocheckpoint=4000",     // pages: 16 MB
		"journal_size_limit=33554432", // a log grown by a long reader shrinks again
		"cache_size=-16384",           // KiB
		"secure_delete=fast",          // no ghosts of deleted rows in the pages that are written anyway
	}
	readerPragmas = []string{"busy_timeout=2000", "query_only=true", "cache_size=-2048"}
)

// A sqliteDB is the dialect of SQLite: readers with snapshots of their own,
// and one writer, because SQLite has no more and its waiting is not fair.
type sqliteDB struct {
	lock    *os.File
	readers chan *conn
	writer  *writer
}

// OpenSQLite opens the store in a file, which it makes if it is absent, with
// mode 0600. One process at a time may have it open; a second one is refused
// as fault.Unavailable. A file that is damaged or not a store is
// fault.Corrupt, and is left as it is.
func OpenSQLite(path string) (*Store, error) {
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	db := &sqliteDB{lock: lock, readers: make(chan *conn, max(4, 2*runtime.GOMAXPROCS(0)))}
	if err := db.open(path); err != nil {
		db.close()
		return nil, err
	}
	return newStore(db), nil
}

// lockFile holds a lock until unlockFile, or for as long as the process lives.
// It is a file of its own because closing any descriptor of the database would
// drop SQLite's locks.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open: %w: %v", fault.Unavailable, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("sqlstore: open: another process has this store open: %w", fault.Unavailable)
	}
	return f, nil
}

// unlockFile gives the lock up before it closes the file: a program that this
// process is starting just now has a copy of the descriptor until it runs, and
// would keep a lock that is only closed.
func unlockFile(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

func (db *sqliteDB) open(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("sqlstore: open: %w: %v", fault.Unavailable, err)
	}
	f.Close() // before SQLite opens it
	w, err := dial(path, "busy_timeout=2000")
	if err != nil {
		return err
	}
	if err := prepareSQLite(w); err != nil {
		w.close()
		return err
	}
	db.writer = newWriter(w)
	for range cap(db.readers) {
		r, err := dial(path, readerPragmas...)
		if err != nil {
			return err
		}
		db.readers <- r
	}
	return nil
}

// prepareSQLite refuses a file that has other tables or another format, before
// it changes anything, and makes the tables in an empty one.
func prepareSQLite(c *conn) error {
	tables, err := c.one(`select count(*) from sqlite_schema`)
	if err != nil {
		return err
	}
	empty := tables == int64(0)
	if !empty {
		got, err := c.one(sqliteGet, string(formatPart), formatKey)
		if fault.Of(err) == fault.Internal { // no such table
			return fmt.Errorf("sqlstore: open: the file is not a store: %w: %v", fault.Corrupt, err)
		}
		if err != nil {
			return err
		}
		if err := checkFormat(bytesOf(got)); err != nil {
			return err
		}
	}
	if err := c.pragmas(writerPragmas); err != nil {
		return err
	}
	mode, err := c.one(`pragma journal_mode`)
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("sqlstore: open: the file system gives no write-ahead log: %w", fault.Unavailable)
	}
	if !empty {
		return nil
	}
	return c.script(fmt.Sprintf("begin immediate; %s insert into kv values ('%s', '%s', cast('%s' as blob)); commit",
		sqliteSchema, formatPart, formatKey, format))
}

func checkFormat(got []byte) error {
	if string(got) != format {
		return fmt.Errorf("sqlstore: open: format %.20q, this program reads %q: %w", got, format, fault.Corrupt)
	}
	return nil
}

// reader lends a connection for reading.
func (db *sqliteDB) reader(ctx context.Context) (*conn, error) {
	select {
	case c := <-db.readers:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (db *sqliteDB) begin(ctx context.Context, part store.Part) (snapshot, error) {
	c, err := db.reader(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.exec("begin"); err != nil {
		db.readers <- c
		return nil, err
	}
	return &sqliteSnapshot{db: db, c: c, part: string(part)}, nil
}

func (db *sqliteDB) parts(ctx context.Context, after store.Part) ([]store.Part, error) {
	c, err := db.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { db.readers <- c }()
	var page []store.Part
	for row, err := range c.query(sqliteParts, string(after)) {
		if err != nil {
			return nil, err
		}
		page = append(page, store.Part(row[0].(string)))
	}
	return page, ctx.Err()
}

func (db *sqliteDB) dump(ctx context.Context) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		c, err := db.reader(ctx)
		if err != nil {
			yield(row{}, err)
			return
		}
		defer func() { db.readers <- c }()
		for r, err := range c.query(sqliteDump) { // one statement is one snapshot
			if err != nil {
				yield(row{}, err)
				return
			}
			out := row{store.Part(r[0].(string)), store.Pair{Key: r[1].(string), Value: bytesOf(r[2])}}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// close closes the readers first, so that the writer, as the last connection,
// empties the log into the file.
func (db *sqliteDB) close() error {
	var errs []error
	for len(db.readers) > 0 {
		errs = append(errs, (<-db.readers).close())
	}
	if db.writer != nil {
		errs = append(errs, db.writer.close())
	}
	return errors.Join(append(errs, unlockFile(db.lock))...)
}

// A sqliteSnapshot is a read transaction on a connection of its own.
type sqliteSnapshot struct {
	db   *sqliteDB
	c    *conn
	part string
}

func (s *sqliteSnapshot) version() (int64, error) {
	v, err := s.c.one(sqliteVersion, s.part)
	n, _ := v.(int64)
	return n, err
}

func (s *sqliteSnapshot) get(key string) ([]byte, error) {
	for row, err := range s.c.query(sqliteGet, s.part, key) {
		if err != nil {
			return nil, err
		}
		return bytesOf(row[0]), nil
	}
	return nil, nil
}

func (s *sqliteSnapshot) scan(from, to string) iter.Seq2[store.Pair, error] {
	rows := s.c.query(sqliteScan, s.part, from, to)
	if to == "" {
		rows = s.c.query(sqliteScanEnd, s.part, from)
	}
	return func(yield func(store.Pair, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(store.Pair{}, err)
				return
			}
			if !yield(store.Pair{Key: row[0].(string), Value: bytesOf(row[1])}, nil) {
				return
			}
		}
	}
}

func (s *sqliteSnapshot) commit(c *change) { s.db.writer.queue <- c }

func (s *sqliteSnapshot) end() {
	_, _ = s.c.exec("commit") // nothing was written; a failure shows again at the next begin
	s.db.readers <- s.c
}
