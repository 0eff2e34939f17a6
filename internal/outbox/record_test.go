package outbox

import (
	"testing"

	"vaguemestre/internal/fact/facttest"
)

// A record is a partition in memory with something of this package in it.
type record struct {
	facttest.Record
	t *testing.T
}

func newRecord(t *testing.T) record { return record{facttest.New(t), t} }
