package hub

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
