package hub

import (
	"errors"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// TestWhoLookedIsNews: each once a day, an emergency first, oneself never, and
// what one has done oneself in the trail but once.
func TestWhoLookedIsNews(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.reach(alice, w.checked())
	w.file(alice, consultation, 0)
	news := func() News {
		t.Helper()
		a := w.login(alice)
		a.Session = "one"
		n, err := w.News(ctx, a)
		w.must(err)
		return n
	}
	if n := news(); n.FirstName != "Alix" || len(n.Looks) != 0 || n.Announcements != 0 || n.Has.Physician {
		t.Errorf("at first: %+v", n)
	}
	w.decides(func(a Actor) error { return w.NameRole(ctx, a, w.record, addr(thomas), patient.TreatingPhysician) })
	if _, err := w.BreakGlass(ctx, w.login(martin), w.record, policy.BrokenGlass, because); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.sees(thomas)
	w.sees(thomas)
	w.sees(alice)
	n := news()
	if len(n.Looks) != 2 || !n.Looks[0].Emergency || n.Looks[0].Name != "Sylvie MARTIN" || n.Looks[0].ProfessionFR != "infirmier" || n.Looks[1].Emergency || n.Looks[1].Name == "" {
		t.Errorf("who looked: %+v", n.Looks)
	}
	if !n.Has.Physician {
		t.Error("her physician is not known")
	}
	own := 0
	for _, e := range w.trailOf(alice) {
		if e.Act == "read-news" {
			own++
		}
	}
	if own != 1 {
		t.Errorf("one session is in the trail %d times", own)
	}
	w.now = w.now.Add(40 * 24 * time.Hour)
	if n := news(); len(n.Looks) != 0 {
		t.Errorf("after 40 days: %+v", n.Looks)
	}
	w.verifies()
}

// TestWhatIsToBeDecidedIsNews: invitations by name, results that wait by number.
func TestWhatIsToBeDecidedIsNews(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.reach(alice, w.checked())
	s := titled(note("11488-4"), "caché")
	s.Flags = vault.HiddenFromPatient
	if _, err := w.add(thomas, s); err != nil {
		t.Fatal(err)
	}
	if n, err := w.News(ctx, w.login(alice)); n.Announcements != 0 || err != nil {
		t.Errorf("before she is told that a result waits: %+v, %v", n, err)
	}
	w.now = w.now.Add(14 * 24 * time.Hour)
	w.announced()
	if n, err := w.News(ctx, w.login(alice)); n.Announcements != 1 || err != nil {
		t.Errorf("once she is told: %+v, %v", n, err)
	}
	w.must(w.Invite(ctx, w.login(alice), w.record, addr(bruno), Invitation{Kind: patient.Carer, Scope: patient.Scope{ReadDocuments: true}, Until: w.now.Add(48 * time.Hour)}))
	if n, err := w.News(ctx, w.login(bruno)); err != nil || len(n.Invitations) != 1 || n.Invitations[0] != "Alix ESSAI" {
		t.Errorf("he is told %+v, %v", n, err)
	}
	if _, err := w.News(ctx, w.login(thomas)); !errors.Is(err, fault.NotFound) && !errors.Is(err, fault.Denied) {
		t.Errorf("one who has no space: %v", err)
	}
}
