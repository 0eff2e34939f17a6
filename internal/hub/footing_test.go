package hub

import (
	"errors"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

func (w *ward) footing(who, whose string) Footing {
	w.t.Helper()
	f, err := w.Footing(w.t.Context(), w.login(who), string(w.part(whose)))
	w.must(err)
	return f
}

func TestAProfessionalKnowsHowTheyStandBeforeARecord(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	f := w.footing(martin, alice)
	if f.Access.Allow || f.Traits != (patient.Traits{}) || !f.MayDeclare || !f.MayBreak || f.MayRegulate || f.Exchange != NoExchange || f.EmergencyFor != w.Limits.Glass {
		t.Errorf("a stranger: %+v", f)
	}
	if f := w.footing(petit, alice); !f.MayRegulate {
		t.Error("the regulating physician may not ask to regulate")
	}
	if f := w.footing(biolab, alice); f.MayDeclare || f.MayBreak || f.MayRegulate {
		t.Errorf("a program: %+v", f)
	}
	if f := w.footing(thomas, emma); f.State != policy.Closed || f.MayDeclare || f.MayBreak {
		t.Errorf("a closed space: %+v", f)
	}

	w.must(w.Declare(ctx, w.login(martin), w.record, HasConsent))
	w.must(w.Declare(ctx, w.login(martin), w.record, InCareTeam))
	f = w.footing(martin, alice)
	if !f.Access.Allow || f.Traits.Name() == "" || !f.Consent.Until.Equal(w.now.Add(w.Limits.Declared)) || !f.CareTeam.Until.Equal(w.now.Add(w.Limits.CareTeam)) {
		t.Errorf("of the care team: %+v", f)
	}
	until, err := w.BreakGlass(ctx, w.login(martin), w.record, policy.BrokenGlass, because)
	w.must(err)
	if f = w.footing(martin, alice); f.Emergency != policy.BrokenGlass || !f.Until.Equal(until) {
		t.Errorf("in an emergency: %+v", f)
	}
	w.now = until
	if f = w.footing(martin, alice); f.Emergency != policy.NoEmergency || !f.Until.IsZero() || f.Access.Rule != "access/consent" {
		t.Errorf("after it: %+v", f)
	}
	w.decides(func(a Actor) error { return w.NameRole(ctx, a, w.record, addr(thomas), patient.TreatingPhysician) })
	w.decides(func(a Actor) error { return w.GrantAdministrator(ctx, a, w.record, addr(thomas)) })
	if f = w.footing(thomas, alice); !f.Treating || f.Administrator.Since.IsZero() {
		t.Errorf("the treating physician: %+v", f)
	}
}

// TestAFootingDoesNotTellWhatThePatientDecided: whoever is blocked, or objected
// to, stands like a stranger.
func TestAFootingDoesNotTellWhatThePatientDecided(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	stranger := w.footing(martin, alice)
	for name, decide := range map[string]func(Actor) error{
		"blocked":                     func(a Actor) error { return w.BlockProfessional(ctx, a, w.record, addr(martin)) },
		"not of the team":             func(a Actor) error { return w.OpposeCareTeam(ctx, a, w.record, addr(martin)) },
		"in spite of what was agreed": func(a Actor) error { return w.GiveConsent(ctx, a, w.record, addr(martin), time.Time{}) },
	} {
		if name == "in spite of what was agreed" {
			w.decides(func(a Actor) error { return w.BlockProfessional(ctx, a, w.record, addr(martin)) })
		}
		w.decides(decide)
		if f := w.footing(martin, alice); f != stranger {
			t.Errorf("%s: %+v, want %+v", name, f, stranger)
		}
		w.decides(func(a Actor) error { return w.RemoveProfessional(ctx, a, w.record, addr(martin)) })
		w.decides(func(a Actor) error { return w.UnblockProfessional(ctx, a, w.record, addr(martin)) })
	}
}

func TestAFootingIsTracedAndAGuessedRecordIsNone(t *testing.T) {
	w := newWard(t)
	a := w.login(martin)
	_, err := w.Footing(t.Context(), a, w.record)
	w.must(err)
	if e := w.last(alice); e.Act != "find-patient" || e.Actor != martin || e.Refused {
		t.Errorf("the trail says %+v", e)
	}
	for _, id := range []string{"", "x", "aaaaaaaaaaaaaaaaaaaaaaaaaa", string(w.part(celia)), string(w.part(denis)), string(w.part(thomas))} {
		if f, err := w.Footing(t.Context(), a, id); fault.Of(err) != fault.NotFound || f != (Footing{}) {
			t.Errorf("%q: %+v, %v", id, f, err)
		}
	}
	if e := w.last(martin); e.Act != "find-patient" || !e.Refused {
		t.Errorf("their own trail says %+v", e)
	}
}

func TestAnExchangeIsToldToItsProfessional(t *testing.T) {
	w := newWard(t)
	w.must(w.send(thomas, "Bonjour", "", alice))
	if f := w.footing(thomas, alice); f.Exchange != ExchangeOpen {
		t.Errorf("after a mail: %v", f.Exchange)
	}
	if f := w.footing(martin, alice); f.Exchange != NoExchange {
		t.Errorf("of somebody else: %v", f.Exchange)
	}
}

// TestAnEmergencyDoesNotWaitForASearch: who has looked for too many in vain still
// breaks the glass, by the matricule.
func TestAnEmergencyDoesNotWaitForASearch(t *testing.T) {
	w := newWard(t)
	a := w.login(martin)
	for w.throttleSender(a, 0, 0) == nil {
		_ = w.throttleSender(a, 1, 1)
	}
	if _, err := w.FindPatient(t.Context(), a, w.matricule(alice)); !errors.Is(err, fault.Throttled) {
		t.Fatalf("FindPatient = %v", err)
	}
	id, until, err := w.BreakGlassFor(t.Context(), a, w.matricule(alice), policy.BrokenGlass, because)
	if err != nil || id != w.record || !until.Equal(w.now.Add(w.Limits.Glass)) {
		t.Fatalf("BreakGlassFor = %q, %v, %v", id, until, err)
	}
	if f, err := w.Footing(t.Context(), a, id); err != nil || f.Emergency != policy.BrokenGlass {
		t.Errorf("Footing = %+v, %v", f, err)
	}
	for _, whose := range []string{celia, denis, ghost, emma} {
		if id, _, err := w.BreakGlassFor(t.Context(), w.login(petit), w.matricule(whose), policy.BrokenGlass, because); fault.Of(err) != fault.NotFound || id != "" {
			t.Errorf("%s: %q, %v", whose, id, err)
		}
	}
	if _, _, err := w.BreakGlassFor(t.Context(), a, ident.Matricule{}, policy.BrokenGlass, because); err == nil {
		t.Error("without a matricule")
	}
}
