// Package bustest is the contract of package bus as a test suite: every engine
// passes it. The contract lets a hint be lost; the suite publishes again until
// it arrives, but no engine should need that in quiet times.
package bustest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"vaguemestre/internal/bus"
	"vaguemestre/internal/store"
)

const (
	patience = 10 * time.Second       // for what must happen
	quiet    = 150 * time.Millisecond // for what must not
)

// Run tests an engine. open returns a new bus with no watcher; the suite
// closes it.
func Run(t *testing.T, open func(*testing.T) bus.Bus) {
	for _, s := range sentences {
		t.Run(s.name, func(t *testing.T) { s.test(t, guard(t, open(t))) })
	}
}

// RunShared tests an engine that spans processes. open returns two buses that
// reach each other.
func RunShared(t *testing.T, open func(*testing.T) (here, there bus.Bus)) {
	t.Run("publishing here wakes a watcher there", func(t *testing.T) {
		here, there := open(t)
		guard(t, here)
		guard(t, there)
		hints, cancel := there.Watch("p")
		defer cancel()
		for range 5 {
			publish(t, here, "p")
			wantHint(t, hints)
		}
	})
	t.Run("both directions work at once", func(t *testing.T) {
		here, there := open(t)
		guard(t, here)
		guard(t, there)
		a, cancelA := here.Watch("p")
		defer cancelA()
		b, cancelB := there.Watch("q")
		defer cancelB()
		publish(t, there, "p")
		publish(t, here, "q")
		wantHint(t, a)
		wantHint(t, b)
		wantQuiet(t, a)
		wantQuiet(t, b)
	})
	t.Run("other partitions stay quiet there", func(t *testing.T) {
		here, there := open(t)
		guard(t, here)
		guard(t, there)
		p, cancelP := there.Watch("p")
		defer cancelP()
		q, cancelQ := there.Watch("q")
		defer cancelQ()
		publish(t, here, "p")
		wantHint(t, p)
		wantQuiet(t, q)
	})
	t.Run("a bus that is closed does not disturb the other", func(t *testing.T) {
		here, there := open(t)
		guard(t, there)
		hints, cancel := there.Watch("p")
		defer cancel()
		if err := here.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		publish(t, there, "p")
		wantHint(t, hints)
	})
}

func guard(t *testing.T, b bus.Bus) bus.Bus {
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return b
}

func publish(t *testing.T, b bus.Bus, part store.Part) {
	t.Helper()
	if err := b.Publish(t.Context(), part); err != nil {
		t.Errorf("Publish(%s) = %v", part, err)
	}
}

func wantHint(t *testing.T, hints <-chan struct{}) {
	t.Helper()
	select {
	case _, ok := <-hints:
		if !ok {
			t.Error("the channel was closed")
		}
	case <-time.After(patience):
		t.Error("no hint came")
	}
}

func wantQuiet(t *testing.T, hints <-chan struct{}) {
	t.Helper()
	select {
	case _, ok := <-hints:
		t.Errorf("a hint came (or the channel was closed: %v), want none", !ok)
	case <-time.After(quiet):
	}
}

var sentences = []struct {
	name string
	test func(*testing.T, bus.Bus)
}{
	{"publishing wakes every watcher of the partition", func(t *testing.T, b bus.Bus) {
		var watchers []<-chan struct{}
		for range 5 {
			hints, cancel := b.Watch("p")
			defer cancel()
			watchers = append(watchers, hints)
		}
		publish(t, b, "p")
		for _, hints := range watchers {
			wantHint(t, hints)
		}
	}},
	{"watchers of other partitions stay quiet", func(t *testing.T, b bus.Bus) {
		hints, cancel := b.Watch("q")
		defer cancel()
		publish(t, b, "p")
		publish(t, b, "q.r")
		wantQuiet(t, hints)
	}},
	{"hints that wait are one", func(t *testing.T, b bus.Bus) {
		hints, cancel := b.Watch("p")
		defer cancel()
		for range 100 {
			publish(t, b, "p")
		}
		time.Sleep(quiet) // let those arrive that go a longer way
		wantHint(t, hints)
		wantQuiet(t, hints)
		publish(t, b, "p")
		wantHint(t, hints)
	}},
	{"publishing waits for nobody", func(t *testing.T, b bus.Bus) {
		for range 50 {
			_, cancel := b.Watch("p")
			defer cancel()
		}
		began := time.Now()
		for range 200 {
			publish(t, b, "p")
		}
		if took := time.Since(began); took > patience/2 {
			t.Errorf("200 hints that nobody takes took %v", took)
		}
	}},
	{"publishing without a watcher is no error", func(t *testing.T, b bus.Bus) {
		publish(t, b, "nobody")
	}},
	{"a watch that is cancelled gets no more hints and its channel stays open", func(t *testing.T, b bus.Bus) {
		hints, cancel := b.Watch("p")
		others, cancelOther := b.Watch("p")
		defer cancelOther()
		cancel()
		cancel()
		publish(t, b, "p")
		wantHint(t, others)
		wantQuiet(t, hints)
		again, cancelAgain := b.Watch("p")
		defer cancelAgain()
		publish(t, b, "p")
		wantHint(t, again)
	}},
	{"close ends the watches and the bus", func(t *testing.T, b bus.Bus) {
		hints, cancel := b.Watch("p")
		if err := b.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		if err := b.Publish(context.Background(), "p"); err == nil {
			t.Error("Publish() = nil after Close")
		}
		wantQuiet(t, hints)
		cancel()
		after, cancelAfter := b.Watch("p")
		defer cancelAfter()
		wantQuiet(t, after)
		if err := b.Close(); err != nil {
			t.Errorf("the second Close() = %v", err)
		}
	}},
	{"many goroutines watch, publish and cancel", func(t *testing.T, b bus.Bus) {
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				part := store.Part(fmt.Sprint("p", g%3))
				for range 40 {
					hints, cancel := b.Watch(part)
					publish(t, b, part)
					wantHint(t, hints)
					cancel()
				}
			})
		}
		wg.Wait()
	}},
}
