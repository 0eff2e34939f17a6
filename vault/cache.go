package vault

import (
	"container/list"
	"errors"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Cache keeps opened entries of the spaces that are in use, within a bound
// on memory; the space that was used longest ago goes first. It holds what was
// sealed: Forget takes a space out with its owner's key. It may be used from
// many goroutines.
type Cache struct {
	max int64

	mu    sync.Mutex
	used  int64
	parts map[store.Part]*list.Element // of *opened
	order list.List                    // the last used in front
}

// opened holds the documents of a space with the states they were filed with:
// that part of them never changes.
type opened struct {
	part    store.Part
	next    uint64 // those below are here
	list    []Document
	damaged []uint64
	size    int64
}

// NewCache returns a cache of about that many bytes.
func NewCache(bytes int64) *Cache {
	return &Cache{max: bytes, parts: map[store.Part]*list.Element{}}
}

// Documents returns all documents of a space, in order of arrival, as they are
// now, and the numbers of those that do not open.
func (c *Cache) Documents(r store.Reader, s fact.Scope, key keyring.Opener) (docs []Document, damaged []uint64, err error) {
	had := c.get(s.Part)
	next, err := Next(r)
	if err != nil {
		return nil, nil, err
	}
	if had.next != next {
		if had, err = had.read(r, key, next); err != nil {
			return nil, nil, err
		}
		c.put(had)
	}
	now, err := readChanges(r, s)
	if err != nil {
		return nil, nil, err
	}
	docs = slices.Clone(had.list)
	for i := range docs {
		now.apply(&docs[i])
	}
	return docs, had.damaged, nil
}

// Get returns one document, as it is now; fault.NotFound if there is none.
func (c *Cache) Get(r store.Reader, s fact.Scope, key keyring.Opener, id string) (Document, error) {
	for _, d := range c.get(s.Part).list {
		if d.ID == id {
			err := refresh(r, s, &d)
			return d, err
		}
	}
	return Get(r, s, key, id)
}

// Forget takes a space out of memory.
func (c *Cache) Forget(part store.Part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.parts[part]; e != nil {
		c.remove(e)
	}
}

func (c *Cache) get(part store.Part) opened {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.parts[part]
	if e == nil {
		return opened{part: part, next: 1}
	}
	c.order.MoveToFront(e)
	return *e.Value.(*opened)
}

func (c *Cache) put(o opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.parts[o.part]; e != nil {
		if e.Value.(*opened).next > o.next { // another was quicker
			return
		}
		c.remove(e)
	}
	if o.size > c.max {
		return
	}
	c.parts[o.part] = c.order.PushFront(&o)
	for c.used += o.size; c.used > c.max; {
		c.remove(c.order.Back())
	}
}

func (c *Cache) remove(e *list.Element) {
	o := c.order.Remove(e).(*opened)
	delete(c.parts, o.part)
	c.used -= o.size
}

// entrySize is what an opened entry takes beside its text, in bytes.
const entrySize = 2 << 10

// read returns o with the documents up to next, opened on all processors.
func (o opened) read(r store.Reader, key keyring.Opener, next uint64) (opened, error) {
	if next < o.next { // an older state was put back
		o = opened{part: o.part, next: 1}
	}
	var rows []store.Pair
	for p, err := range r.Scan(entryKey(o.next), entryKey(next)) {
		if err != nil {
			return o, err
		}
		rows = append(rows, p)
		o.size += int64(len(p.Value)) + entrySize
	}
	docs, fails := make([]Document, len(rows)), make([]error, len(rows))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	const batch = 16
	for from := 0; from < len(rows); from += batch {
		g.Go(func() error {
			for i := from; i < min(from+batch, len(rows)); i++ {
				docs[i], fails[i] = open(o.part, key, rows[i])
			}
			return nil
		})
	}
	_ = g.Wait() // each tells its own
	o.list, o.damaged = slices.Clip(o.list), slices.Clip(o.damaged)
	for i, err := range fails {
		switch {
		case err == nil:
			o.list = append(o.list, docs[i])
		case errors.Is(err, fault.Corrupt):
			o.damaged = append(o.damaged, docs[i].Seq)
		default:
			return o, err
		}
	}
	o.next = next
	return o, nil
}
