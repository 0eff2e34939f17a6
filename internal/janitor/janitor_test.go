package janitor

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type fakeHub struct {
	carried, noted, swept atomic.Int64
	err                   error
}

func (h *fakeHub) CarryAll(context.Context) error   { h.carried.Add(1); return h.err }
func (h *fakeHub) Checkpoint(context.Context) error { h.noted.Add(1); return nil }
func (h *fakeHub) Sweep(context.Context) error      { h.swept.Add(1); return nil }

func TestADayOfTheJanitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHub{err: errors.New("a mailbox is away")}
		reg := prometheus.NewRegistry()
		j := New(h, Config{Outbox: time.Minute, Checkpoint: time.Minute, Sweep: 24 * time.Hour, Metrics: reg})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- j.Run(ctx) }()
		synctest.Wait()
		if h.carried.Load() != 1 {
			t.Errorf("the outbox was looked after %d times at the start, want once", h.carried.Load())
		}
		time.Sleep(26 * time.Hour)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		for name, n := range map[string]int64{"outbox": h.carried.Load(), "checkpoint": h.noted.Load()} {
			if n < 1400 || n > 1700 {
				t.Errorf("%s: %d rounds in 26 hours, want about 1560, whatever fails", name, n)
			}
		}
		if h.swept.Load() != 1 {
			t.Errorf("swept %d times, want once", h.swept.Load())
		}
		if got := failures(t, reg); int64(got) != h.carried.Load() {
			t.Errorf("%v failures counted, want %d", got, h.carried.Load())
		}
	})
}

// failures is the count of rounds that failed.
func failures(t *testing.T, reg *prometheus.Registry) (n float64) {
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetValue() == "failed" {
					n += m.Counter.GetValue()
				}
			}
		}
	}
	return n
}
