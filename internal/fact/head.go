package fact

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"vaguemestre/internal/store"
)

const headKey = "right/head"

// A head names every right of a partition and the value it has. It is never
// changed once it is made: with and without make another. Its form is, numbers
// big-endian:
//
//	1 byte    version of this form     8 bytes  counter of changes
//	4 bytes   count
//	count times, by rising key: 1 byte length, key, 16 bytes of SHA-256 of the value
//	64 bytes  Ed25519 signature of all before
type head struct {
	counter   uint64
	entries   []covered // by rising key
	signed    []byte    // what is signed
	signature []byte
}

// A covered right is its key and the sum of its stored value.
type covered struct {
	key string
	sum [16]byte
}

const (
	headVersion = 1
	headFixed   = 1 + 8 + 4
	maxKey      = 255
)

func sumOf(value []byte) (sum [16]byte) {
	full := sha256.Sum256(value)
	copy(sum[:], full[:])
	return sum
}

func (h *head) list() []covered {
	if h == nil {
		return nil
	}
	return h.entries
}

func (h *head) search(key string) (int, bool) {
	return slices.BinarySearchFunc(h.list(), key, func(c covered, key string) int { return strings.Compare(c.key, key) })
}

// find returns the sum of the right at key, if there is one.
func (h *head) find(key string) (sum [16]byte, ok bool) {
	i, ok := h.search(key)
	if ok {
		sum = h.entries[i].sum
	}
	return sum, ok
}

// check is fault.Corrupt unless value, nil for none, is what the head names.
func (h *head) check(key string, value []byte) error {
	sum, ok := h.find(key)
	switch {
	case value == nil && ok:
		return errRight("one is gone")
	case value != nil && !ok:
		return errRight("one that nobody signed")
	case ok && sum != sumOf(value):
		return errRight("not the value that was signed")
	}
	return nil
}

// under returns the rights whose keys begin with prefix.
func (h *head) under(prefix string) []covered {
	from, _ := h.search(prefix)
	list := h.list()[from:]
	n := slices.IndexFunc(list, func(c covered) bool { return !strings.HasPrefix(c.key, prefix) })
	if n < 0 {
		n = len(list)
	}
	return list[:n]
}

// with returns the next head, in which the right at key has that value.
func (h *head) with(key string, value []byte) *head {
	i, ok := h.search(key)
	next := h.next()
	if ok {
		next.entries[i].sum = sumOf(value)
	} else {
		next.entries = slices.Insert(next.entries, i, covered{key, sumOf(value)})
	}
	return next
}

// without returns the next head, in which there is no right at key.
func (h *head) without(key string) *head {
	next := h.next()
	next.entries = slices.DeleteFunc(next.entries, func(c covered) bool { return c.key == key })
	return next
}

func (h *head) next() *head {
	if h == nil {
		return &head{counter: 1}
	}
	return &head{counter: h.counter + 1, entries: slices.Clone(h.entries)}
}

// marshal returns what is signed.
func (h *head) marshal() []byte {
	size := headFixed
	for _, c := range h.entries {
		size += 1 + len(c.key) + len(c.sum)
	}
	b := append(make([]byte, 0, size+ed25519.SignatureSize), headVersion)
	b = binary.BigEndian.AppendUint64(b, h.counter)
	b = binary.BigEndian.AppendUint32(b, uint32(len(h.entries)))
	for _, c := range h.entries {
		b = append(append(append(b, byte(len(c.key))), c.key...), c.sum[:]...)
	}
	return b
}

// parseHead reads what marshal wrote, and the signature after it.
func parseHead(text []byte) (*head, bool) {
	end := len(text) - ed25519.SignatureSize
	if end < headFixed || text[0] != headVersion {
		return nil, false
	}
	h := &head{counter: binary.BigEndian.Uint64(text[1:]), signed: text[:end], signature: text[end:]}
	count := binary.BigEndian.Uint32(text[9:])
	rest := string(text[headFixed:end]) // the keys share it
	last := ""
	for range count {
		if rest == "" || len(rest) < 1+int(rest[0])+16 {
			return nil, false
		}
		n := 1 + int(rest[0])
		c := covered{key: rest[1:n], sum: [16]byte([]byte(rest[n : n+16]))}
		if c.key <= last {
			return nil, false
		}
		h.entries, last, rest = append(h.entries, c), c.key, rest[n+16:]
	}
	return h, rest == ""
}

// A headCache remembers heads that have been verified, by their bytes: to
// verify one costs a hundred times what it costs to compare it.
type headCache struct {
	mu   sync.RWMutex
	m    map[store.Part]known
	size int // bytes, about
}

type known struct {
	raw []byte
	*head
}

// maxHeads bounds the cache, in bytes; most heads take some five hundred.
const maxHeads = 32 << 20

func newHeadCache() *headCache { return &headCache{m: map[store.Part]known{}} }

func (k known) size() int { return 256 + 2*len(k.raw) + 32*len(k.list()) }

func (c *headCache) get(part store.Part, raw []byte) *head {
	c.mu.RLock()
	k := c.m[part]
	c.mu.RUnlock()
	if !bytes.Equal(k.raw, raw) {
		return nil
	}
	return k.head
}

func (c *headCache) put(part store.Part, raw []byte, h *head) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(part)
	k := known{raw, h}
	for p := range c.m {
		if c.size+k.size() <= maxHeads {
			break
		}
		c.drop(p)
	}
	c.m[part] = k
	c.size += k.size()
}

func (c *headCache) drop(part store.Part) {
	if k, ok := c.m[part]; ok {
		c.size -= k.size()
		delete(c.m, part)
	}
}
