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

func TestADayOfTheJanitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var carried, noted, swept atomic.Int64
		count := func(n *atomic.Int64, err error) func(context.Context) error {
			return func(context.Context) error { n.Add(1); return err }
		}
		reg := prometheus.NewRegistry()
		j := New([]Task{
			{"outbox", time.Minute, true, count(&carried, errors.New("a mailbox is away"))},
			{"checkpoint", time.Minute, false, count(&noted, nil)},
			{"sweep", 24 * time.Hour, false, count(&swept, nil)},
		}, Config{Metrics: reg})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- j.Run(ctx) }()
		synctest.Wait()
		if carried.Load() != 1 {
			t.Errorf("the outbox was looked after %d times at the start, want once", carried.Load())
		}
		time.Sleep(26 * time.Hour)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		for name, n := range map[string]int64{"outbox": carried.Load(), "checkpoint": noted.Load()} {
			if n < 1400 || n > 1700 {
				t.Errorf("%s: %d rounds in 26 hours, want about 1560, whatever fails", name, n)
			}
		}
		if swept.Load() != 1 {
			t.Errorf("swept %d times, want once", swept.Load())
		}
		if got := failures(t, reg); int64(got) != carried.Load() {
			t.Errorf("%v failures counted, want %d", got, carried.Load())
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
