package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"vaguemestre/internal/fault"
)

// A conn is one connection to SQLite with its prepared statements, for one
// goroutine at a time. It uses the driver without database/sql, whose pool
// would sit on top of ours: a quarter less time and half the allocations per
// read.
type conn struct {
	db driver.Conn
	// idle holds prepared statements by their text. It is a list because
	// one text may be in use twice, by a scan within a scan.
	idle map[string][]driver.Stmt
}

// dial opens a database file.
func dial(path string, pragmas ...string) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open: %w: %v", fault.Unavailable, err)
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: abs} // a path may hold "?" or "%"
	db, err := (&sqlite.Driver{}).Open(uri.String())
	if err != nil {
		return nil, sqliteError("open", err)
	}
	c := &conn{db: db, idle: map[string][]driver.Stmt{}}
	if err := c.pragmas(pragmas); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// pragmas sets up the connection, in the order given: the page size counts
// only before the log is chosen.
func (c *conn) pragmas(list []string) error {
	for _, p := range list {
		if err := c.script("pragma " + p); err != nil {
			return err
		}
	}
	return nil
}

// script runs statements that are needed once.
func (c *conn) script(text string) error {
	if _, err := c.db.(driver.ExecerContext).ExecContext(context.Background(), text, nil); err != nil {
		return sqliteError("open", err)
	}
	return nil
}

// take returns a prepared statement; give puts it back.
func (c *conn) take(text string) (driver.Stmt, error) {
	if idle := c.idle[text]; len(idle) > 0 {
		c.idle[text] = idle[:len(idle)-1]
		return idle[len(idle)-1], nil
	}
	st, err := c.db.Prepare(text)
	if err != nil {
		return nil, sqliteError("prepare", err)
	}
	return st, nil
}

func (c *conn) give(text string, st driver.Stmt) { c.idle[text] = append(c.idle[text], st) }

// exec runs a statement and returns how many rows it changed. The contexts of
// callers stay out of here: the driver starts a goroutine for each that can be
// cancelled, and every statement is short.
func (c *conn) exec(text string, args ...any) (int64, error) {
	st, err := c.take(text)
	if err != nil {
		return 0, err
	}
	defer c.give(text, st)
	res, err := st.(driver.StmtExecContext).ExecContext(context.Background(), named(args))
	if err != nil {
		return 0, sqliteError("write", err)
	}
	return res.RowsAffected()
}

// query yields the rows of a query. A row is valid until the next one.
func (c *conn) query(text string, args ...any) iter.Seq2[[]driver.Value, error] {
	return func(yield func([]driver.Value, error) bool) {
		st, err := c.take(text)
		if err != nil {
			yield(nil, err)
			return
		}
		defer c.give(text, st)
		rows, err := st.(driver.StmtQueryContext).QueryContext(context.Background(), named(args))
		if err != nil {
			yield(nil, sqliteError("read", err))
			return
		}
		defer rows.Close()
		dest := make([]driver.Value, len(rows.Columns()))
		for {
			switch err := rows.Next(dest); {
			case err == io.EOF:
				return
			case err != nil:
				yield(nil, sqliteError("read", err))
				return
			case !yield(dest, nil):
				return
			}
		}
	}
}

// one returns the only value of the first row, nil if there is no row.
func (c *conn) one(text string, args ...any) (driver.Value, error) {
	for row, err := range c.query(text, args...) {
		if err != nil {
			return nil, err
		}
		return row[0], nil
	}
	return nil, nil
}

func (c *conn) close() error {
	for _, idle := range c.idle {
		for _, st := range idle {
			st.Close()
		}
	}
	if err := c.db.Close(); err != nil {
		return sqliteError("close", err)
	}
	return nil
}

func named(args []any) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, a := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return out
}

// bytesOf returns a value of the column kv.value. The driver turns what is
// empty into nil, which would mean absent.
func bytesOf(v driver.Value) []byte {
	if b, _ := v.([]byte); b != nil {
		return b
	}
	return []byte{}
}

// sqliteError gives an error of the driver its kind. The text of SQLite names
// tables and files, never values.
func sqliteError(verb string, err error) error {
	kind := fault.Unavailable // full, I/O, locked, no permission: the machine's, and it may pass
	var e *sqlite.Error
	if !errors.As(err, &e) {
		kind = fault.Internal
	} else {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			kind = fault.Corrupt
		case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_CONSTRAINT,
			sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_TOOBIG:
			kind = fault.Internal
		}
	}
	return fmt.Errorf("sqlstore: %s: %w: %v", verb, kind, err)
}
