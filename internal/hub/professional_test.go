package hub

import (
	"errors"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/policy"
)

// comeIn opens a web session for the professional of a number.
func (h *house) comeIn(n ident.RPPS) Entry {
	h.t.Helper()
	e, err := h.OpenProfessionalWeb(h.t.Context(), n, h.now, Attempt{Protocol: "web", Remote: here, Device: "Firefox, Linux"})
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func TestAProfessionalHasAShortWebSession(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	e := h.comeIn(n)
	if a := e.Actor; a.Address.Canonical() != camille || a.Role != policy.Professional || !a.Web || a.Session != e.Session.ID || a.Device != "Firefox, Linux" {
		t.Errorf("the actor is %+v", e.Actor)
	}
	a, s, err := h.OpenWeb(t.Context(), e.Token)
	if err != nil || a.Part != e.Actor.Part || s.Factor != string(ByProvider) || !s.Fresh(h.Now()) {
		t.Fatalf("%+v, %+v, %v", a, s, err)
	}
	for range 8 { // used all the time, it ends all the same
		h.now = h.now.Add(ProfessionalIdle - time.Minute)
		_, _, err = h.OpenWeb(t.Context(), e.Token)
	}
	if err != nil {
		t.Errorf("within four hours: %v", err)
	}
	h.now = h.now.Add(ProfessionalIdle - time.Minute)
	if _, _, err := h.OpenWeb(t.Context(), e.Token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("after four hours: %v", err)
	}
	e = h.comeIn(n)
	h.now = h.now.Add(ProfessionalIdle)
	if _, _, err := h.OpenWeb(t.Context(), e.Token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("after half an hour without use: %v", err)
	}
}

func TestAProfessionalEndsTheirSessions(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	first, second := h.comeIn(n), h.comeIn(n)
	if list, err := h.WebSessions(t.Context(), first.Actor); len(list) != 2 || err != nil {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	if err := h.EndOtherWebSessions(t.Context(), first.Actor); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.OpenWeb(t.Context(), second.Token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("another session: %v", err)
	}
	if err := h.EndWebSession(t.Context(), first.Actor, first.Session.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.OpenWeb(t.Context(), first.Token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("one's own: %v", err)
	}
	acts := map[string]int{}
	for _, e := range h.entries(camille) {
		acts[e.Act]++
	}
	if acts["login"] != 2 || acts["end-session"] != 2 {
		t.Errorf("the trail has %v", acts)
	}
}

func TestAProfessionalProvesAtTheProviderOnceMore(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	e := h.comeIn(n)
	h.now = h.now.Add(20 * time.Minute)
	if _, err := h.AddOwnPassword(t.Context(), e.Actor, "Thunderbird"); ruleOf(err) != "session/prove-again" {
		t.Errorf("without a proof: %v", err)
	}
	other, err := ident.MakeRPPS("8107654321")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.ProveProfessional(t.Context(), e.Actor, other, h.now); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("somebody else's proof: %v", err)
	}
	for name, remembered := range map[string]time.Time{"a log-in of before": h.now.Add(-3 * time.Minute), "one whose time is not told": {}} {
		if err := h.ProveProfessional(t.Context(), e.Actor, n, remembered); ruleOf(err) != "session/prove-again" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := h.ProveProfessional(t.Context(), e.Actor, n, h.now); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddOwnPassword(t.Context(), e.Actor, "Thunderbird"); err != nil {
		t.Errorf("after it: %v", err)
	}
	if _, err := h.OpenProfessionalWeb(t.Context(), other, h.now, logged); !errors.Is(err, fault.NotFound) {
		t.Errorf("one who has no mailbox: %v", err)
	}
}

// TestWhoWasRememberedHasProvedNothing: a provider that lets somebody in by single
// sign-on opens a session, and no more.
func TestWhoWasRememberedHasProvedNothing(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	for name, c := range map[string]struct {
		proved time.Time
		may    bool
	}{"just now": {h.now, true}, "a clock ahead of ours": {h.now.Add(time.Minute), true}, "an hour ago": {h.now.Add(-time.Hour), false}, "not told": {time.Time{}, false}} {
		e, err := h.OpenProfessionalWeb(t.Context(), n, c.proved, Attempt{Protocol: "web", Remote: here, Device: "Firefox"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.AddOwnPassword(t.Context(), e.Actor, name); (err == nil) != c.may {
			t.Errorf("%s: %v", name, err)
		}
	}
}
