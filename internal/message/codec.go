package message

import (
	"encoding/binary"
	"fmt"
	"math"

	"vaguemestre/internal/fault"
)

// A writer appends the fields of a binary form: unsigned and signed varints,
// and strings with their length before them.
type writer struct{ b []byte }

func (w *writer) int(n int)      { w.b = binary.AppendUvarint(w.b, uint64(n)) }
func (w *writer) signed(n int64) { w.b = binary.AppendVarint(w.b, n) }
func (w *writer) string(s string) {
	w.int(len(s))
	w.b = append(w.b, s...)
}

// A reader reads them back. After a mistake it gives zero values, and end
// tells; so its callers need not look at every step. A count is never above
// the bytes left, so no form can ask for more memory than its own size merits.
type reader struct {
	s   string
	bad bool
}

func newReader(b []byte, version byte) *reader {
	if len(b) == 0 || b[0] != version {
		return &reader{bad: true}
	}
	return &reader{s: string(b[1:])}
}

func (r *reader) fail() { r.s, r.bad = "", true }

func (r *reader) int() int {
	if len(r.s) > 0 && r.s[0] < 0x80 { // one byte: nearly always
		n := int(r.s[0])
		r.s = r.s[1:]
		return n
	}
	return r.longInt()
}

func (r *reader) longInt() int {
	var n uint64
	for i := 0; i < len(r.s) && i < binary.MaxVarintLen64; i++ {
		c := r.s[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c >= 0x80 {
			continue
		}
		if n > math.MaxInt32 || i > 0 && c == 0 {
			break // too large, or not the shortest form
		}
		r.s = r.s[i+1:]
		return int(n)
	}
	r.fail()
	return 0
}

func (r *reader) signed() int64 {
	n, size := binary.Varint([]byte(r.s[:min(len(r.s), binary.MaxVarintLen64)]))
	if size <= 0 {
		r.fail()
		return 0
	}
	r.s = r.s[size:]
	return n
}

func (r *reader) string() string {
	n := r.int()
	if n > len(r.s) {
		r.fail()
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

// count reads how many items follow, each of at least size bytes.
func (r *reader) count(size int) int {
	n := r.int()
	if n > len(r.s)/size {
		r.fail()
		return 0
	}
	return n
}

// end returns fault.Corrupt if anything was wrong or is left.
func (r *reader) end(what string) error {
	if r.bad || r.s != "" {
		return fmt.Errorf("message: parse %s: %w", what, fault.Corrupt)
	}
	return nil
}
