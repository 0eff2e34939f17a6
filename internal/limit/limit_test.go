package limit

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestAnEventCountsForHalfTheSpanAtLeastAndForTheSpanAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const span = time.Hour
		w, now := NewWindow(span, 10), noon
		type event struct {
			at time.Time
			n  int
		}
		var events []event
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(span)).Draw(t, "wait")))
			n := rapid.IntRange(0, 3).Draw(t, "n")
			events = append(events, event{now, n})
			got := w.Add("k", n, now)
			var least, most int
			for _, e := range events {
				if age := now.Sub(e.at); age <= span/2 {
					least += e.n
				}
				if age := now.Sub(e.at); age < span {
					most += e.n
				}
			}
			if got < least || got > most {
				t.Fatalf("Add = %d after %v, want between %d and %d", got, events, least, most)
			}
			if again := w.Count("k", now); again != got {
				t.Fatalf("Count = %d right after Add = %d", again, got)
			}
		}
	})
}

func TestKeysAreBoundedAndTheOlderHalfGoesFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		max := rapid.IntRange(1, 8).Draw(t, "max")
		w, now := NewWindow(time.Hour, max), noon
		for range rapid.IntRange(1, 60).Draw(t, "adds") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "wait")))
			key := fmt.Sprint(rapid.IntRange(0, 12).Draw(t, "key"))
			if got := w.Add(key, 1, now); got < 1 {
				t.Fatalf("the event itself is not counted: %d", got)
			}
			if n := len(w.now) + len(w.then); n > max {
				t.Fatalf("%d keys are kept, want %d at most", n, max)
			}
		}
	})
	w, later := NewWindow(time.Hour, 2), noon.Add(31*time.Minute)
	w.Add("old", 5, noon)
	w.Add("young", 5, later)
	w.Add("new", 1, later)
	if w.Count("old", later) != 0 || w.Count("young", later) != 5 {
		t.Error("the key that is forgotten is not the one of the older half")
	}
}

func TestKeysDoNotMixAndAskingCountsNothing(t *testing.T) {
	w := NewWindow(time.Hour, 10)
	w.Add("a", 2, noon)
	for range 3 {
		if got := w.Count("b", noon); got != 0 {
			t.Errorf("another key counts %d", got)
		}
	}
	if n := len(w.now) + len(w.then); n != 1 {
		t.Errorf("asking keeps a key: there are %d", n)
	}
	w.Reset("a")
	if got := w.Count("a", noon); got != 0 {
		t.Errorf("after Reset it counts %d", got)
	}
}

func TestAClockThatGoesBackForgetsNothing(t *testing.T) {
	w := NewWindow(time.Hour, 10)
	w.Add("a", 2, noon)
	if got := w.Add("a", 1, noon.Add(-3*time.Hour)); got != 3 {
		t.Errorf("counts %d, want 3", got)
	}
}

func TestManyCountAtOnce(t *testing.T) {
	w := NewWindow(time.Hour, 10)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				w.Add(fmt.Sprint(i%5), 1, noon)
			}
		})
	}
	wg.Wait()
	total := 0
	for i := range 5 {
		total += w.Count(fmt.Sprint(i), noon)
	}
	if total != 800 {
		t.Errorf("%d events, want 800", total)
	}
}

func BenchmarkAddWhenFullOfKeys(b *testing.B) {
	w := NewWindow(time.Hour, 200_000)
	for i := range 200_000 {
		w.Add(fmt.Sprint("k", i), 1, noon)
	}
	for i := 0; b.Loop(); i++ {
		w.Add(fmt.Sprint("new", i), 1, noon)
	}
}
