package mailbox

import (
	"container/list"
	"sync"

	"vaguemestre/internal/store"
)

// A Cache holds opened blocks of all mailboxes of a process, within a bound on
// memory; what was used longest ago goes first. It holds plaintext: Book.Close
// takes an owner's out. It may be used from many goroutines.
type Cache struct {
	mu     sync.Mutex
	room   int64 // bytes left
	used   list.List
	blocks map[cacheKey]*list.Element
}

type cacheKey struct {
	part   store.Part
	folder FolderID
	first  UID
}

type cached struct {
	key   cacheKey
	block *block
	size  int64
}

// NewCache returns a cache of about that many bytes.
func NewCache(bytes int64) *Cache {
	return &Cache{room: max(bytes, 0), blocks: map[cacheKey]*list.Element{}}
}

func (c *Cache) get(k cacheKey) *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.blocks[k]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*cached).block
}

func (c *Cache) put(k cacheKey, b *block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.blocks[k]; e != nil {
		c.remove(e)
	}
	v := &cached{k, b, b.memory()}
	c.room -= v.size
	c.blocks[k] = c.used.PushFront(v)
	for c.room < 0 {
		c.remove(c.used.Back())
	}
}

func (c *Cache) remove(e *list.Element) {
	v := c.used.Remove(e).(*cached)
	c.room += v.size
	delete(c.blocks, v.key)
}

// forget takes out everything of one owner.
func (c *Cache) forget(part store.Part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.blocks {
		if k.part == part {
			c.remove(e)
		}
	}
}
