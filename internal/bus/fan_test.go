package bus

import "testing"

func TestACancelledWatchIsForgotten(t *testing.T) {
	var f Fan
	for range 100 {
		_, cancel := f.Watch("p")
		cancel()
	}
	if len(f.watchers) != 0 {
		t.Errorf("%d partitions are still watched, want none", len(f.watchers))
	}
}
