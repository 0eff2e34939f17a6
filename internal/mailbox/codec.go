package mailbox

import (
	"encoding/binary"
	"math"
)

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A decoder reads a binary form. After a mistake it gives zero values, and end
// tells; so its callers need not look at every step. What it returns shares
// the memory it reads, and no count is above the bytes left.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) uint(most uint64) uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 || n > most {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) uint32() uint32 { return uint32(d.uint(math.MaxUint32)) }
func (d *decoder) uint64() uint64 { return d.uint(math.MaxUint64) }

func (d *decoder) int64() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

// count reads how many items follow, each of at least size bytes.
func (d *decoder) count(size int) int { return int(d.uint(uint64(len(d.b) / size))) }

// bytes reads a length and that many bytes.
func (d *decoder) bytes() []byte { return d.take(d.count(1)) }

func (d *decoder) take(n int) []byte {
	if n > len(d.b) {
		d.fail()
		return nil
	}
	s := d.b[:n:n]
	d.b = d.b[n:]
	return s
}

func (d *decoder) string() string { return string(d.bytes()) }

// end returns fault.Corrupt if anything was wrong or is left.
func (d *decoder) end(what string) error {
	if d.bad || len(d.b) != 0 {
		return corrupt(what)
	}
	return nil
}
