package vault

import (
	"encoding/binary"
	"fmt"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func next(w store.Writer) (uint64, error) {
	n, err := Next(w)
	if err == nil {
		w.Put("doc/next", binary.AppendUvarint([]byte{version}, n+1))
	}
	return n, err
}

// Next returns the number that the next document will have: whoever has seen
// those below it has seen them all.
func Next(r store.Reader) (uint64, error) { return number(r, "doc/next") }

// Shelved returns the number of the first document that no shelf shows yet.
func Shelved(r store.Reader) (uint64, error) { return number(r, "doc/shelved") }

// SetShelved says that every document below next is on its shelf.
func SetShelved(w store.Writer, next uint64) {
	w.Put("doc/shelved", binary.AppendUvarint([]byte{version}, next))
}

func number(r store.Reader, key string) (uint64, error) {
	b, err := r.Get(key)
	if err != nil || b == nil {
		return 1, err
	}
	return counted(b, "number of a document")
}

// Bytes returns how many bytes of documents came otherwise than by mail: those
// of the others are counted in the mailbox.
func Bytes(r store.Reader) (int64, error) {
	b, err := r.Get("doc/bytes")
	if err != nil || b == nil {
		return 0, err
	}
	n, err := counted(b, "size of documents")
	return int64(n), err
}

func addBytes(w store.Writer, n int64) error {
	sum, err := Bytes(w)
	if err == nil {
		w.Put("doc/bytes", binary.AppendUvarint([]byte{version}, uint64(sum+n)))
	}
	return err
}

// counted reads a number after its version byte.
func counted(b []byte, what string) (uint64, error) {
	if len(b) >= 2 && b[0] == version {
		if n, k := binary.Uvarint(b[1:]); k == len(b)-1 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("vault: %s: %w", what, fault.Corrupt)
}
