package memstore_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return memstore.New() })
}

func TestAFailingStoreThatWasNotAskedToFailIsAStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return memstore.NewFailing(memstore.New()) })
}

func TestFailing(t *testing.T) {
	for _, test := range []struct {
		name  string
		at    memstore.Moment
		view  bool
		runs  int // of fn, in the call that is hit
		kept  bool
		fails bool
	}{
		{"a view fails before fn", memstore.ViewBegins, true, 0, false, true},
		{"a view fails after fn", memstore.ViewEnds, true, 1, false, true},
		{"an update fails before fn", memstore.UpdateBegins, false, 0, false, true},
		{"an update fails after fn", memstore.UpdateEnds, false, 1, false, true},
		{"an update loses a race and runs fn again", memstore.UpdateLoses, false, 2, true, false},
		{"an update is kept and fails", memstore.UpdateAnswers, false, 1, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := context.Background()
			f := memstore.NewFailing(memstore.New())
			runs := 0
			call := func(key string) error {
				runs = 0
				if test.view {
					return f.View(ctx, "p", func(store.Reader) error { runs++; return nil })
				}
				return f.Update(ctx, "p", func(w store.Writer) error { runs++; w.Put(key, []byte("v")); return nil })
			}
			f.Fail(test.at, 2, fault.Unavailable)
			if err := call("first"); err != nil || f.Fired() || runs != 1 {
				t.Fatalf("the first call = %v after %d runs, want it untouched", err, runs)
			}
			err := call("second")
			if errors.Is(err, fault.Unavailable) != test.fails || !f.Fired() || runs != test.runs {
				t.Errorf("the second call = %v after %d runs, fired %v", err, runs, f.Fired())
			}
			f.View(ctx, "p", func(r store.Reader) error {
				if v, _ := r.Get("second"); (v != nil) != test.kept {
					t.Errorf("the write is kept: %v, want %v", v != nil, test.kept)
				}
				return nil
			})
			if err := call("third"); err != nil || runs != 1 {
				t.Errorf("the third call = %v after %d runs, want it untouched", err, runs)
			}
		})
	}
}
