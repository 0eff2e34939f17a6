package hub

import (
	"context"
	"testing"
	"time"

	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

func (h *house) lives(address string, e ...patient.Event) {
	h.t.Helper()
	for _, e := range e {
		if _, err := h.Life(h.t.Context(), "operator", addr(address), e); err != nil {
			h.t.Fatal(err)
		}
	}
}

// state returns where a space is in its life, None if there is none any more.
func (h *house) state(address string) policy.SpaceState {
	h.t.Helper()
	d, err := h.Describe(h.t.Context(), addr(address))
	if err != nil {
		return policy.None
	}
	return d.Space.State
}

// after lets time pass, and does what is due.
func (h *house) after(d time.Duration) {
	h.t.Helper()
	h.now = h.now.Add(d)
	if err := h.LiveOn(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

const days = 24 * time.Hour

func TestASpaceOpensByItselfSixWeeksAfterTheNotice(t *testing.T) {
	h := newHouse(t)
	h.lives(celia, patient.Notice)
	h.after(41 * days)
	if got := h.state(celia); got != policy.Enrolled {
		t.Fatalf("after 41 days it is %s", patient.StateName(got))
	}
	h.after(days)
	if got := h.state(celia); got != policy.Active {
		t.Fatalf("after 42 days it is %s", patient.StateName(got))
	}
	if got := h.state(denis); got != policy.Opposed {
		t.Errorf("a space that was objected to is %s", patient.StateName(got))
	}
	if err := h.send(thomas, "Bonjour", "", celia); err != nil {
		t.Errorf("it takes no mail: %v", err)
	}
	h.verifies()
}

func TestReopeningBringsBackWhatWasThere(t *testing.T) {
	h := newHouse(t)
	if err := h.send(thomas, "Compte rendu", "", alice); err != nil {
		t.Fatal(err)
	}
	h.lives(alice, patient.Close)
	h.after(31 * days)
	if got := h.state(alice); got != policy.Archived {
		t.Fatalf("a month after closing it is %s", patient.StateName(got))
	}
	h.lives(alice, patient.Reopen)
	if got := h.read(alice, "INBOX"); len(got) != 1 {
		t.Errorf("%d messages are back, want 1", len(got))
	}
}

func TestAClosedSpaceIsErasedOnRequestOrAfterTenYears(t *testing.T) {
	for name, life := range map[string]struct {
		events []patient.Event
		wait   []time.Duration // nothing is gone before the last
	}{
		"on request":      {[]patient.Event{patient.Close, patient.AskErasure}, []time.Duration{29 * days, days}},
		"after ten years": {[]patient.Event{patient.Close}, []time.Duration{31 * days, 3600 * days, 30 * days}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if err := h.send(thomas, "Compte rendu", "", alice); err != nil {
				t.Fatal(err)
			}
			h.lives(alice, life.events...)
			for i, d := range life.wait {
				if h.state(alice) == policy.None {
					t.Fatalf("gone after step %d", i)
				}
				h.after(d)
			}
			if got := h.state(alice); got != policy.None {
				t.Errorf("it is %s", patient.StateName(got))
			}
			h.after(days) // and nothing is left to be done again
			h.verifies()
		})
	}
}

func TestTheOwnerWhoActsFirstIsNotOverruled(t *testing.T) {
	h := newHouse(t)
	h.lives(celia, patient.Notice)
	h.now = h.now.Add(42 * days)
	part, _, err := h.find(t.Context(), addr(celia))
	if err != nil {
		t.Fatal(err)
	}
	racing := &racingStore{Store: h.Store, part: part, race: func() { h.lives(celia, patient.Oppose) }}
	h.Store = racing
	if err := h.LiveOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.state(celia); got != policy.Opposed {
		t.Errorf("it is %s", patient.StateName(got))
	}
}

// racingStore lets something happen just before the first change of a
// partition.
type racingStore struct {
	store.Store
	part store.Part
	race func()
}

func (s *racingStore) Update(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	if race := s.race; part == s.part && race != nil {
		s.race = nil
		race()
	}
	return s.Store.Update(ctx, part, fn)
}
