package patient

import (
	"errors"
	"slices"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func (r record) do(fn func(store.Writer) error) {
	r.t.Helper()
	if err := r.Update(fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r record) enrolling(ticket string, at time.Time) error {
	return r.Update(func(w store.Writer) error {
		_, err := Enrolling(w, r.Scope, ticket, at)
		return err
	})
}

// TestTheOrderOfAnEnrolment walks every step from every stage.
func TestTheOrderOfAnEnrolment(t *testing.T) {
	order := []Stage{Proved, Decided, Agreed, Reachable, Named, Opening}
	for at, stage := range order {
		for n, step := range Steps() {
			r := newRecord(t)
			r.do(func(w store.Writer) error {
				return Begin(w, r.Scope, Enrolment{Stage: stage, Ticket: "t", Begun: noon})
			})
			var e Enrolment
			err := r.Update(func(w store.Writer) (err error) {
				e, err = Advance(w, r.Scope, "t", step, noon, func(e *Enrolment) { e.Terms = "1" })
				return err
			})
			// A step is allowed if all before it are done, and none is after the last.
			allowed := n <= at && stage != Opening
			want := order[max(at, n+1)]
			switch {
			case allowed && (err != nil || e.Stage != want || e.Terms != "1"):
				t.Errorf("%s after %s: %+v, %v; want %s", step, stage, e, err, want)
			case !allowed && !errors.Is(err, fault.Invalid):
				t.Errorf("%s after %s: %v, want Invalid", step, stage, err)
			}
			if (Enrolment{Stage: stage}).May(step) != allowed {
				t.Errorf("May(%s) after %s is not %t", step, stage, allowed)
			}
		}
		if left := (Enrolment{Stage: stage}).Left(); !slices.Equal(left, Steps()[min(at, len(Steps())):]) {
			t.Errorf("after %s there is left %v", stage, left)
		}
	}
}

func TestAnEnrolmentIsItsTicketsAndForHalfAnHour(t *testing.T) {
	r := newRecord(t)
	r.do(func(w store.Writer) error {
		return Begin(w, r.Scope, Enrolment{Stage: Proved, Ticket: "old", Begun: noon})
	})
	r.do(func(w store.Writer) error {
		return Begin(w, r.Scope, Enrolment{Stage: Proved, Ticket: "new", Begun: noon})
	})
	for name, c := range map[string]struct {
		ticket string
		at     time.Time
		good   bool
	}{
		"the last ticket":         {"new", noon, true},
		"the one before":          {"old", noon, false},
		"none":                    {"", noon, false},
		"a minute before the end": {"new", noon.Add(EnrolmentLife - time.Minute), true},
		"at the end":              {"new", noon.Add(EnrolmentLife), false},
	} {
		err := r.enrolling(c.ticket, c.at)
		if (err == nil) != c.good || err != nil && !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.do(func(w store.Writer) error { return EndEnrolment(w, r.Scope) })
	if err := r.enrolling("new", noon); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("after its end: %v", err)
	}
}

func TestWhatOnlyTheHubHasToFinishIsNotBegunAnew(t *testing.T) {
	r := newRecord(t)
	r.do(func(w store.Writer) error {
		return Begin(w, r.Scope, Enrolment{Stage: Opening, Ticket: "t", Begun: noon})
	})
	err := r.Update(func(w store.Writer) error {
		return Begin(w, r.Scope, Enrolment{Stage: Proved, Ticket: "u", Begun: noon})
	})
	if !errors.Is(err, fault.Conflict) {
		t.Errorf("gives %v", err)
	}
}
