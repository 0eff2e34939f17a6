package sqlstore

import (
	"errors"
	"slices"
	"testing"
)

// Whoever builds on what is ahead in a lane must not miss a change before it:
// neither the snapshot nor the chain would have it, and its writes would be lost.
func TestWhatIsAheadInALaneIsAChain(t *testing.T) {
	failed := errors.New("failed")
	for _, x := range []struct {
		name string
		fate [4]error // of the changes, in order
		want []int    // those that are still ahead
	}{
		{"nothing is known", [4]error{}, []int{0, 1, 2, 3}},
		{"the oldest is durable", [4]error{errDurable}, []int{1, 2, 3}},
		{"two are durable", [4]error{errDurable, errDurable}, []int{2, 3}},
		{"all are durable", [4]error{errDurable, errDurable, errDurable, errDurable}, nil},
		{"one has failed: what is built on it will fail, known or not", [4]error{nil, failed}, []int{0}},
		{"one is durable, the next has failed", [4]error{errDurable, failed, failed}, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			var l lane
			var all []*change
			for i := range x.fate {
				all = append(all, newChange("p", 0, nil))
				l.follow(all[i])
			}
			for i, err := range x.fate {
				switch err {
				case nil:
				case errDurable:
					all[i].settle(nil)
				default:
					all[i].settle(err)
				}
			}
			var got []int
			for _, c := range l.waiting() {
				got = append(got, slices.Index(all, c))
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("ahead are %v, want %v", got, x.want)
			}
		})
	}
}

var errDurable = errors.New("durable")
