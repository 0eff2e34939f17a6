package sqlstore

import (
	"maps"
	"slices"
	"sync/atomic"
)

// What one flush may carry; more would make the first change in it wait.
const (
	maxGroup      = 256
	maxGroupBytes = 8 << 20
)

// A writer is the one goroutine that writes to SQLite. The changes that come
// while a flush runs are the next group: one transaction, one flush. Nobody
// waits for company, so a lone change is as fast as it can be.
type writer struct {
	c       *conn
	queue   chan *change
	stopped chan struct{}
	flushes atomic.Int64 // commits so far, for tests and benchmarks
}

func newWriter(c *conn) *writer {
	w := &writer{c: c, queue: make(chan *change, maxGroup), stopped: make(chan struct{})}
	go w.run()
	return w
}

// close waits until the queue is written. No change may come any more.
func (w *writer) close() error {
	close(w.queue)
	<-w.stopped
	return w.c.close()
}

func (w *writer) run() {
	defer close(w.stopped)
	for c := range w.queue {
		group := w.gather(c)
		lost, err := w.apply(group)
		for i, c := range group {
			switch {
			case err != nil:
				c.settle(err)
			case lost[i]:
				c.settle(errRace)
			default:
				c.settle(nil)
			}
		}
	}
}

// gather returns the first change and those that wait behind it.
func (w *writer) gather(first *change) []*change {
	group, size := []*change{first}, first.size()
	for len(group) < maxGroup && size < maxGroupBytes {
		select {
		case c, ok := <-w.queue:
			if !ok {
				return group
			}
			group, size = append(group, c), size+c.size()
		default:
			return group
		}
	}
	return group
}

// apply writes a group in one transaction and tells which changes lost their
// race. If it fails nothing of the group is written.
func (w *writer) apply(group []*change) (lost []bool, err error) {
	if _, err := w.c.exec("begin immediate"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			// SQLite may have rolled back by itself (disk full); then
			// this fails, and that is all it can mean.
			_, _ = w.c.exec("rollback")
		}
	}()
	lost = make([]bool, len(group))
	for i, c := range group {
		met, err := w.bump(c)
		if err != nil {
			return nil, err
		}
		if lost[i] = !met; met {
			if err := w.write(c); err != nil {
				return nil, err
			}
		}
	}
	w.flushes.Add(1)
	_, err = w.c.exec("commit")
	return lost, err
}

// bump moves the partition to the change's version, if it has the version
// that the change is based on.
func (w *writer) bump(c *change) (met bool, err error) {
	var n int64
	if c.base == 0 {
		n, err = w.c.exec(sqliteCreate, string(c.part), c.next)
	} else {
		n, err = w.c.exec(sqliteBump, c.next, string(c.part), c.base)
	}
	return n == 1, err
}

// write applies the writes in key order, which is the order of the tree.
func (w *writer) write(c *change) error {
	part, deleted := string(c.part), false
	for _, key := range slices.Sorted(maps.Keys(c.writes)) {
		var err error
		if v := c.writes[key]; v != nil {
			_, err = w.c.exec(sqlitePut, part, key, v)
		} else {
			_, err = w.c.exec(sqliteDelete, part, key)
			deleted = true
		}
		if err != nil {
			return err
		}
	}
	if !deleted {
		return nil
	}
	_, err := w.c.exec(sqliteForget, part)
	return err
}

// size is about how many bytes a change moves.
func (c *change) size() int {
	n := 0
	for k, v := range c.writes {
		n += len(k) + len(v)
	}
	return n
}
