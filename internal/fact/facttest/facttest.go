// Package facttest gives the tests of records a partition in memory.
package facttest

import (
	"testing"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

// Scope returns the scope of a partition under fresh keys, which reads and
// writes rights.
func Scope(part store.Part) fact.Scope {
	return fact.Scope{Key: keyring.NewIndexKey(), Part: part, Rights: fact.NewRights(keyring.NewRightsKey())}
}

// A Record is a partition in memory with something of one record in it, and
// the scope of its facts.
type Record struct {
	fact.Scope
	Memory *memstore.Store

	t *testing.T
}

// New returns an empty partition under fresh keys.
func New(t *testing.T) Record {
	return Record{Scope("part1"), memstore.New(), t}
}

// Update changes the partition; the error is fn's.
func (r Record) Update(fn func(store.Writer) error) error {
	return r.Memory.Update(r.t.Context(), r.Part, fn)
}

// View reads the partition; an error of fn fails the test.
func (r Record) View(fn func(store.Reader) error) {
	r.t.Helper()
	if err := r.Memory.View(r.t.Context(), r.Part, fn); err != nil {
		r.t.Fatal(err)
	}
}

// Rows copies the partition, but for the head of its rights.
func (r Record) Rows() (list []store.Pair) {
	r.t.Helper()
	r.View(func(rd store.Reader) error {
		for p, err := range rd.Scan("", "") {
			if err != nil {
				return err
			}
			if p.Key != "right/head" {
				list = append(list, p)
			}
		}
		return nil
	})
	return list
}
