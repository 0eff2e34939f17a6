// Package blob is the contract with what keeps large ciphertexts: immutable,
// written before the metadata that names them, deleted after it. A crash in
// between leaves an orphan, which a sweep removes; never a name of nothing.
//
// Engines live in sub-packages and pass the suite in blobtest.
package blob

import (
	"context"
	"io"
	"iter"
	"time"

	"vaguemestre/internal/store"
)

// An ID names one blob within its partition: 26 characters of [a-z2-7], random
// (crypto/rand.Text in lower case).
type ID string

// A Store keeps blobs. Its methods may be called from many goroutines.
type Store interface {
	// Put calls write once with where the bytes go, and returns when they
	// are durable. If write fails, or Put does, nothing is kept under that
	// name. An ID that is taken already is fault.Exists. Out of space is
	// fault.Unavailable.
	Put(ctx context.Context, part store.Part, id ID, write func(io.Writer) error) error

	// Open returns the bytes; the caller closes. Absent is fault.NotFound.
	Open(ctx context.Context, part store.Part, id ID) (io.ReadSeekCloser, error)

	// Delete removes a blob; one that is absent is not an error.
	Delete(ctx context.Context, part store.Part, id ID) error

	// All yields every blob, in no given order, for sweeps, backup and
	// verification.
	All(ctx context.Context) iter.Seq2[Info, error]

	// Close releases the engine.
	Close() error
}

// Info describes one blob.
type Info struct {
	Part    store.Part
	ID      ID
	Size    int64
	Written time.Time
}
