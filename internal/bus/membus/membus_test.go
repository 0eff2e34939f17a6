package membus

import (
	"testing"

	"go.uber.org/goleak"

	"vaguemestre/internal/bus"
	"vaguemestre/internal/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBus(t *testing.T) {
	bustest.Run(t, func(*testing.T) bus.Bus { return New() })
}
