package hub

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// announced returns what DueAnnouncements did, and how many notices of it wait
// to leave.
func (w *ward) announced() string {
	w.t.Helper()
	told, shown, err := w.DueAnnouncements(w.t.Context())
	w.must(err)
	notices := 0
	w.must(w.view(w.t.Context(), w.part(alice), func(r store.Reader) error {
		list, err := outbox.Notices(r, w.scope(w.part(alice)))
		for _, n := range list {
			if n.Kind == string(NoticeAnnouncement) {
				notices++
			}
		}
		return err
	}))
	return fmt.Sprintf("told %d, shown %d, notices %d", told, shown, notices)
}

func TestAnAnnouncementIsDue(t *testing.T) {
	w := newWard(t)
	w.reach(alice, w.checked())
	s := titled(note("11488-4"), "caché")
	s.Flags = vault.HiddenFromPatient
	v, err := w.add(thomas, s, s)
	w.must(err)
	day := func(n int) { w.now = time.Date(2026, 11, 21+n, 9, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		day  int
		want string
	}{
		{0, "told 0, shown 0, notices 0"},
		{13, "told 0, shown 0, notices 0"},
		{14, "told 2, shown 0, notices 1"},
		{14, "told 0, shown 0, notices 1"},
		{29, "told 0, shown 0, notices 1"},
	} {
		day(c.day)
		if got := w.announced(); got != c.want {
			t.Errorf("day %d: %s, want %s", c.day, got, c.want)
		}
	}
	w.must(w.change(thomas, v[1].ID, DocumentChange{HiddenFromPatient: no()}))
	day(30)
	for _, want := range []string{"told 0, shown 1, notices 1", "told 0, shown 0, notices 1"} {
		if got := w.announced(); got != want {
			t.Errorf("after a month: %s, want %s", got, want)
		}
	}
	d := w.state(v[0].ID)
	if d.Flags != 0 || d.Entry.EntryUUID == v[0].Entry.EntryUUID {
		t.Errorf("it is %b, its entry's version %q", d.Flags, d.Entry.EntryUUID)
	}
	trail := fmt.Sprint(w.trail(alice))
	for _, act := range []string{"tell-announcement", "announce-by-time", "not announced → visible to the patient"} {
		if !strings.Contains(trail, act) {
			t.Errorf("her trail lacks %q", act)
		}
	}
	if parts, err := w.Hub.hinted(t.Context(), vault.Hints); err != nil || len(parts) != 0 {
		t.Errorf("hints that nothing follows from stay: %v, %v", parts, err)
	}
}

// trail returns the acts and objects of somebody's trail.
func (h *house) trail(whose string) (list []string) {
	h.t.Helper()
	for e, err := range h.Trail(h.t.Context(), h.login(whose)) {
		if err != nil {
			h.t.Fatal(err)
		}
		list = append(list, e.Actor+" "+e.Act+" "+e.Object+" "+e.Rule)
	}
	return list
}

func TestNobodyIsToldInAClosedSpace(t *testing.T) {
	w := newWard(t)
	s := note("11488-4")
	s.Flags = vault.HiddenFromPatient
	_, err := w.add(thomas, s)
	w.must(err)
	_, err = w.Life(t.Context(), "operator", addr(alice), patient.Close)
	w.must(err)
	w.now = w.now.AddDate(0, 2, 0)
	if got := w.announced(); got != "told 0, shown 0, notices 0" {
		t.Errorf("in a closed space: %s", got)
	}
}

func TestASealedHubTellsAndShowsNothing(t *testing.T) {
	w := newWard(t)
	w.reach(alice, w.checked())
	s := note("11488-4")
	s.Flags = vault.HiddenFromPatient
	_, err := w.add(thomas, s)
	w.must(err)
	config := w.Hub.Config
	config.Ring = nil
	front, err := New(config)
	w.must(err)
	w.now = w.now.AddDate(0, 2, 0)
	if told, shown, err := front.DueAnnouncements(t.Context()); told != 1 || shown != 0 || err != nil {
		t.Errorf("told %d, shown %d, %v", told, shown, err)
	}
	if got := w.announced(); got != "told 0, shown 1, notices 1" {
		t.Errorf("and then: %s", got)
	}
}

func TestAnAnnouncementInterrupted(t *testing.T) {
	interrupt(t, act{
		prepare: func(h *house) {
			w := &ward{house: h, record: string(h.login(alice).Part)}
			s := note("11488-4")
			s.Flags = vault.HiddenFromPatient
			_, err := w.add(thomas, s)
			w.must(err)
			h.now = h.now.AddDate(0, 0, 15)
			w.announced()
			h.now = h.now.AddDate(0, 0, 20)
		},
		do: func(h *house, _ map[string]Actor) error {
			_, _, err := h.DueAnnouncements(t.Context())
			return err
		},
		done: func(h *house) error {
			list := h.documents(alice)
			if list[0].Flags != 0 {
				return fmt.Errorf("it has the states %b", list[0].Flags)
			}
			if n := strings.Count(fmt.Sprint(h.trail(alice)), "announce-by-time"); n != 1 {
				return fmt.Errorf("%d entries in the trail", n)
			}
			return nil
		},
	})
}

// TestWhoeverAnnouncesMayChooseTheDay: of a document that shows by itself, and no
// later than the law has it.
func TestWhoeverAnnouncesMayChooseTheDay(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.reach(alice, w.checked())
	s := titled(note("11488-4"), "caché")
	s.Flags = vault.HiddenFromPatient
	v, err := w.add(thomas, s)
	w.must(err)
	id := v[0].ID
	day := func(n int) time.Time { return time.Date(2026, 11, 21+n, 9, 0, 0, 0, time.UTC) }
	wait := func() *Wait {
		t.Helper()
		p, err := w.DocumentPage(ctx, w.login(thomas), id)
		w.must(err)
		return p.Wait
	}
	if got, want := *wait(), (Wait{Told: day(14), Shows: day(30), Last: day(30)}); got != want {
		t.Errorf("as the law has it: %+v, want %+v", got, want)
	}
	on := func(n int) DocumentChange {
		at := day(n)
		return DocumentChange{ShowOn: &at}
	}
	for what, c := range map[string]DocumentChange{"a day that is over": on(0), "after the month": on(31)} {
		if err := w.change(thomas, id, c); ruleOf(err) != "announcement/not-then" || !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, who := range []string{alice, martin, besson, alone} {
		if err := w.change(who, id, on(7)); err == nil {
			t.Errorf("%s chooses the day", who)
		}
	}
	if got := *wait(); got.Shows != day(30) {
		t.Errorf("after what was refused: %+v", got)
	}

	w.must(w.change(thomas, id, on(20)))
	if got, want := *wait(), (Wait{Told: day(14), Shows: day(20), Last: day(30)}); got != want {
		t.Errorf("later than the notice: %+v, want %+v", got, want)
	}
	w.decides(func(a Actor) error { return w.NameRole(ctx, a, w.record, addr(adam), patient.TreatingPhysician) })
	w.must(w.change(adam, id, on(7)))
	if got, want := *wait(), (Wait{Shows: day(7), Last: day(30)}); got != want {
		t.Errorf("by the treating physician: %+v, want %+v", got, want)
	}
	w.must(w.change(thomas, id, DocumentChange{Archived: yes()})) // what else changes leaves the day
	if last := w.last(alice); last.Actor != thomas {
		t.Errorf("the trail ends with %+v", last)
	}
	if _, err := w.DocumentPage(ctx, w.login(alice), id); !errors.Is(err, fault.NotFound) {
		t.Errorf("the patient sees it: %v", err)
	}
	w.now = day(7)
	if got := w.announced(); got != "told 0, shown 1, notices 0" {
		t.Errorf("on the day: %s", got)
	}
	p, err := w.DocumentPage(ctx, w.login(alice), id)
	w.must(err)
	if p.Wait != nil || p.Flags.Has(vault.HiddenFromPatient) {
		t.Errorf("the patient sees %+v", p)
	}
	if err := w.change(thomas, id, on(9)); err == nil {
		t.Error("a day is chosen of what shows")
	}
	w.verifies()
}
