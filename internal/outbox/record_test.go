package outbox

import (
	"testing"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

// A record is a partition in memory with something of this package in it.
type record struct {
	fact.Scope
	t      *testing.T
	memory *memstore.Store
}

func newRecord(t *testing.T) record {
	return record{fact.Scope{Key: keyring.NewIndexKey(), Part: "part1"}, t, memstore.New()}
}

// update changes the partition; the error is fn's.
func (r record) update(fn func(store.Writer) error) error {
	return r.memory.Update(r.t.Context(), r.Part, fn)
}

// view reads the partition.
func (r record) view(fn func(store.Reader) error) {
	r.t.Helper()
	if err := r.memory.View(r.t.Context(), r.Part, fn); err != nil {
		r.t.Fatal(err)
	}
}

// rows copies the partition.
func (r record) rows() (list []store.Pair) {
	r.view(func(rd store.Reader) error {
		for p, err := range rd.Scan("", "") {
			if err != nil {
				return err
			}
			list = append(list, p)
		}
		return nil
	})
	return list
}
