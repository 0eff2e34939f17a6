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

func TestACancelledWatchIsForgotten(t *testing.T) {
	b := New()
	defer b.Close()
	for range 100 {
		_, cancel := b.Watch("p")
		cancel()
	}
	if len(b.watchers) != 0 {
		t.Errorf("%d partitions are still watched, want none", len(b.watchers))
	}
}
