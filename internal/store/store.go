// Package store is the contract between the records and what keeps them:
// ordered keys in partitions, under transactions.
//
// A partition is what one transaction covers: one patient, one professional's
// mailbox, one index entry. Its name is an opaque identifier that says nothing
// about the person. Keys are short ASCII paths such as "mb/f/1/42"; every record
// package owns one prefix. Values are opaque here, and begin with a version byte
// of the record that wrote them; what is personal in them is sealed before it
// comes here.
//
// Engines live in sub-packages and pass the suite in storetest.
package store

import (
	"context"
	"iter"
)

// A Part names a partition: 1 to 64 characters of [a-z0-9.-], opaque.
type Part string

// MaxValue is the largest value an engine must keep, in bytes. What is larger
// is a blob.
const MaxValue = 1 << 20

// A Store keeps partitions. Its methods may be called from many goroutines.
type Store interface {
	// View runs fn on a snapshot of the partition. A partition that was
	// never written is empty, not an error. View returns the error of fn.
	View(ctx context.Context, part Part, fn func(Reader) error) error

	// Update runs fn and then applies all its writes, or none of them.
	// If fn fails, nothing is written and Update returns the error of fn.
	// An engine may run fn again after losing a race, so fn must have no
	// effect but through its Writer. Update returns only when the writes
	// are durable. An fn that writes nothing costs no flush.
	Update(ctx context.Context, part Part, fn func(Writer) error) error

	// Parts yields every partition that has a key, in no given order. It
	// is for verification, backup and sweeps, not for serving.
	Parts(ctx context.Context) iter.Seq2[Part, error]

	// Close waits for running transactions and releases the engine.
	Close() error
}

// A Reader sees one snapshot of one partition, and its own writes if it is a
// Writer. It is valid only while fn runs, and for one goroutine.
type Reader interface {
	// Get returns the value of key, nil if there is none. The caller must
	// not change it, and may keep it.
	Get(key string) ([]byte, error)

	// Scan yields, in key order, the pairs with from <= key < to. An empty
	// to means no upper bound. The caller may stop early, and must not
	// write while it scans.
	Scan(from, to string) iter.Seq2[Pair, error]
}

// A Writer also changes the partition, when fn has returned nil.
type Writer interface {
	Reader

	// Put sets key to value, which must not be nil nor longer than
	// MaxValue; the caller must not change it afterwards.
	Put(key string, value []byte)

	// Delete removes key; a key that is absent is not an error.
	Delete(key string)
}

// A Pair is one key and its value, as Scan yields it.
type Pair struct {
	Key   string
	Value []byte
}

// Prefix returns the bounds that make Scan yield every key with that prefix.
func Prefix(p string) (from, to string) {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] < 0xff {
			return p, p[:i] + string(p[i]+1)
		}
	}
	return p, ""
}
