package memblob_test

import (
	"testing"

	"go.uber.org/goleak"

	"vaguemestre/internal/blob"
	"vaguemestre/internal/blob/blobtest"
	"vaguemestre/internal/blob/memblob"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store { return memblob.New() })
}
