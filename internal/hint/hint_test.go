package hint

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
)

var (
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	list = List{Part: "hints", Prefix: "t/hint/"}
)

// A page is the store of one test.
type page struct {
	*testing.T
	store *memstore.Store
}

func (p page) do(fn func(store.Writer) error) error {
	return p.store.Update(p.Context(), list.Part, fn)
}

func (p page) record(part store.Part, after time.Duration) {
	p.Helper()
	if err := p.do(func(w store.Writer) error { return list.Record(w, part, noon.Add(after)) }); err != nil {
		p.Fatal(err)
	}
}

// takeBack returns what is hinted afterwards.
func (p page) takeBack(part store.Part, after time.Duration) (left string) {
	p.Helper()
	err := p.do(func(w store.Writer) error { return list.TakeBack(w, part, noon.Add(after)) })
	if err == nil {
		err = p.store.View(p.Context(), list.Part, func(r store.Reader) error {
			parts, err := list.Parts(r)
			left = fmt.Sprint(parts)
			return err
		})
	}
	if err != nil {
		p.Fatal(err)
	}
	return left
}

func TestAHintOutlivesTheActThatRecordedIt(t *testing.T) {
	p := page{t, memstore.New()}
	p.record("a", 0)
	p.record("b", 0)
	for _, c := range []struct {
		name  string
		after time.Duration
		want  string
	}{
		{"at once", 0, "[a b]"},
		{"before its time", life - time.Second, "[a b]"},
		{"in its time", life, "[b]"},
		{"a second time", life, "[b]"},
	} {
		if got := p.takeBack("a", c.after); got != c.want {
			t.Errorf("taken back %s: hinted are %s, want %s", c.name, got, c.want)
		}
	}
	p.record("b", Holds+time.Minute) // renewed
	if got := p.takeBack("b", life); got != "[b]" {
		t.Errorf("a hint recorded again is taken back with the first: %s", got)
	}
	p.record("b", life) // young enough: nothing is written
	if got := p.takeBack("b", life+Holds+time.Minute); got != "[]" {
		t.Errorf("the hint is still there: %s", got)
	}
}

func TestADamagedHintIsCorrupt(t *testing.T) {
	p := page{t, memstore.New()}
	for _, value := range [][]byte{{}, {1}, {2, 0, 0, 0, 0, 0, 0, 0, 0}} {
		if err := p.do(func(w store.Writer) error { w.Put(list.Prefix+"a", value); return nil }); err != nil {
			t.Fatal(err)
		}
		if err := p.do(func(w store.Writer) error { return list.Record(w, "a", noon) }); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%v gives %v, want Corrupt", value, err)
		}
	}
}
