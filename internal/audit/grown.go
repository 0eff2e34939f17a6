package audit

import (
	"bytes"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

// Grown is the partition in which processes that cannot sign a checkpoint, being
// sealed, tell the one that can which trails have grown.
//
// They tell it together and now and then, not with each mail. Before a process
// lets a first trail grow it says that it is alive, so that when it dies with
// something untold, that shows: whoever signs then looks at all trails.
const Grown store.Part = "grown"

const (
	grownPrefix   = "aud/g/"
	processPrefix = "aud/p/"
)

// Alive notes that a process lets trails grow and has told everything until now.
func Alive(w store.Writer, s fact.Scope, process string, now time.Time) error {
	return fact.Put(w, s, processPrefix+process, now)
}

// TellGrown notes that a trail has grown.
func TellGrown(w store.Writer, s fact.Scope, part store.Part, now time.Time) error {
	return fact.Put(w, s, grownPrefix+string(part), now)
}

// A Told is what processes have told.
type Told struct {
	Grown []store.Part
	Dead  []string // processes that were not heard of any more
	rows  []store.Pair
}

// ReadTold reads what was told. A process that was last alive before that time
// is dead.
func ReadTold(r store.Reader, s fact.Scope, before time.Time) (t Told, err error) {
	for p, err := range r.Scan(store.Prefix(grownPrefix)) {
		if err != nil {
			return t, err
		}
		t.Grown = append(t.Grown, store.Part(p.Key[len(grownPrefix):]))
		t.rows = append(t.rows, p)
	}
	for p, err := range r.Scan(store.Prefix(processPrefix)) {
		if err != nil {
			return t, err
		}
		last, _, err := fact.Get[time.Time](r, s, p.Key)
		if err != nil {
			return t, err
		}
		if last.Before(before) {
			t.Dead = append(t.Dead, p.Key[len(processPrefix):])
			t.rows = append(t.rows, p)
		}
	}
	return t, nil
}

// Forget removes what was told, unless it was told again since.
func (t Told) Forget(w store.Writer) error {
	for _, p := range t.rows {
		now, err := w.Get(p.Key)
		if err != nil {
			return err
		}
		if bytes.Equal(now, p.Value) { // every value is sealed anew
			w.Delete(p.Key)
		}
	}
	return nil
}
