package mailbox

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A state is what the row mb/s/<folder> says: all that filing needs to append,
// and what tells whoever kept a copy how much of it is still right.
type state struct {
	id       FolderID
	shelf    bool // of the vault: the owner may not change it
	validity uint32
	next     UID

	revision uint64 // grows with each change
	altered  uint64 // the last revision that did not only append
	shape    uint64 // random, another one each time blocks change or entries leave

	messages uint32
	unseen   uint32
	apart    uint32 // rows in mb/n
	fresh    uint32 // those of them that wait to be folded
	texts    uint32 // messages whose text is kept for searching
	size     int64  // sum of the sizes of the messages
}

func newState(id FolderID, validity uint32, shelf bool) *state {
	s := &state{id: id, validity: validity, shelf: shelf, next: 1}
	s.reshape()
	return s
}

func (s *state) cursor() Cursor { return Cursor{Revision: s.revision, UIDNext: s.next} }

// alter begins a change that is more than an append, and returns the cursor
// before it.
func (s *state) alter() Cursor {
	from := s.cursor()
	s.revision++
	s.altered = s.revision
	return from
}

// reshape makes every cached copy of the folder's blocks stale. The shape is
// random and no counter, so that one written by a transaction that was then
// given up cannot come again for other blocks.
func (s *state) reshape() {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program
	s.shape = binary.LittleEndian.Uint64(b[:])
}

// take gives the next UID.
func (s *state) take() (UID, error) {
	if s.next == math.MaxUint32 {
		return 0, fmt.Errorf("mailbox: no UID left: %w", fault.TooLarge)
	}
	s.next++
	return s.next - 1, nil
}

// count adds a message to the counters, or takes it away with n = -1.
func (s *state) count(m row, n int) {
	s.messages += uint32(n)
	s.size += int64(n) * m.size
	if m.system&Seen == 0 {
		s.unseen += uint32(n)
	}
}

func (s *state) append(b []byte) []byte {
	b = append(b, version)
	var bits byte
	if s.shelf {
		bits = 1
	}
	b = append(b, bits)
	b = binary.AppendUvarint(b, uint64(s.validity))
	b = binary.AppendUvarint(b, uint64(s.next))
	b = binary.AppendUvarint(b, s.revision)
	b = binary.AppendUvarint(b, s.altered)
	b = binary.LittleEndian.AppendUint64(b, s.shape)
	for _, n := range []uint32{s.messages, s.unseen, s.apart, s.fresh, s.texts} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return binary.AppendVarint(b, s.size)
}

func parseState(id FolderID, b []byte) (*state, error) {
	b, err := unversioned(b, "state")
	if err != nil {
		return nil, err
	}
	d := decoder{b: b}
	s := &state{id: id}
	bits := d.byte()
	s.shelf = bits == 1
	s.validity, s.next = d.uint32(), UID(d.uint32())
	s.revision, s.altered = d.uint64(), d.uint64()
	if shape := d.take(8); len(shape) == 8 {
		s.shape = binary.LittleEndian.Uint64(shape)
	}
	s.messages, s.unseen, s.apart, s.fresh, s.texts = d.uint32(), d.uint32(), d.uint32(), d.uint32(), d.uint32()
	s.size = d.int64()
	if bits > 1 || s.next == 0 || s.validity == 0 {
		d.fail()
	}
	return s, d.end("state")
}

// readState returns the state of a folder, fault.NotFound if there is none.
func readState(r store.Reader, id FolderID) (*state, error) {
	b, err := r.Get(stateKey(id))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("mailbox: folder: %w", fault.NotFound)
	}
	return parseState(id, b)
}

func (s *state) write(w store.Writer) { w.Put(stateKey(s.id), s.append(nil)) }
