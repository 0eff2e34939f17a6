package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// decides does what alice decides.
func (w *ward) decides(fn func(a Actor) error) {
	w.t.Helper()
	w.must(fn(w.login(alice)))
}

func TestThePatientBlocksAPersonInAllTheirMailboxes(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	id := w.file(alice, consultation, 0, func(e *vault.Entry) { e.Sender, e.FiledBy = thomas, string(w.part(thomas)) })
	for _, who := range []string{thomas, evils} {
		w.must(w.Declare(ctx, w.login(who), w.record, InCareTeam))
	}
	w.decides(func(a Actor) error { return w.BlockProfessional(ctx, a, w.record, addr(thomas)) })
	for _, who := range []string{thomas, evils} {
		a := w.login(who)
		if got := w.sees(who); got != "not found" {
			t.Errorf("blocked, %s sees %q", who, got)
		}
		if _, err := w.Document(ctx, a, id); fault.Of(err) != fault.NotFound || ruleOf(err) != "block/by-patient" {
			t.Errorf("%s opens their own document: %v", who, err)
		}
		if err := w.Declare(ctx, a, w.record, HasConsent); fault.Of(err) != fault.NotFound {
			t.Errorf("%s declares: %v", who, err)
		}
		if _, err := w.BreakGlass(ctx, a, w.record, policy.BrokenGlass, "Patient inconscient aux urgences"); fault.Of(err) != fault.NotFound {
			t.Errorf("%s breaks the glass: %v", who, err)
		}
		if err := w.send(who, "Bonjour", "", alice); ruleOf(err) != "block/by-patient" {
			t.Errorf("%s writes: %v", who, err)
		}
		v, err := w.FindPatient(ctx, a, w.matricule(alice))
		if err != nil || v.Access != (policy.Decision{Rule: "access/no-consent"}) || v.Treating {
			t.Errorf("%s learns %+v, %v: a block looks like no consent", who, v, err)
		}
	}
	w.BlockSparesMail = true
	if err := w.send(evils, "Bonjour", "", alice); err != nil {
		t.Errorf("where a block spares mail: %v", err)
	}
	if got := w.sees(evils); got != "not found" {
		t.Errorf("it spares reading too: %q", got)
	}
	w.decides(func(a Actor) error { return w.UnblockProfessional(ctx, a, w.record, addr(evils)) })
	if got := w.sees(thomas); got != consultation {
		t.Errorf("unblocked, he sees %q", got)
	}
}

func TestAConsentHoldsUntilItsEndOrItsWithdrawal(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.file(alice, consultation, 0)
	see := func(name, want string) {
		t.Helper()
		if got := w.sees(martin); got != want {
			t.Errorf("%s: the nurse sees %q, want %q", name, got, want)
		}
	}
	w.must(w.Declare(ctx, w.login(martin), w.record, HasConsent))
	see("declared", consultation)
	w.now = w.now.Add(w.Limits.Declared)
	see("a day later", "not found")
	w.decides(func(a Actor) error { return w.GiveConsent(ctx, a, w.record, addr(martin), w.now.Add(time.Hour)) })
	w.must(w.Declare(ctx, w.login(martin), w.record, HasConsent)) // the patient's word stays
	see("given for an hour", consultation)
	w.now = w.now.Add(time.Hour)
	see("when the hour is over", "not found")
	w.decides(func(a Actor) error { return w.GiveConsent(ctx, a, w.record, addr(martin), time.Time{}) })
	w.now = w.now.AddDate(3, 0, 0)
	see("given for good", consultation)
	w.decides(func(a Actor) error { return w.WithdrawConsent(ctx, a, w.record, addr(martin)) })
	see("withdrawn", "not found")
	err := w.GiveConsent(ctx, w.login(alice), w.record, addr(martin), w.now)
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("a consent that has ended gives %v", err)
	}
	if err := w.GiveConsent(ctx, w.login(alice), w.record, addr(stranger), time.Time{}); !errors.Is(err, fault.NotFound) {
		t.Errorf("a consent to nobody gives %v", err)
	}
}

func TestThePatientOpposesTheCareTeam(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.file(alice, consultation, 0)
	declare := func(who string) string { return ruleOf(w.Declare(ctx, w.login(who), w.record, InCareTeam)) }
	if got := declare(martin) + w.sees(martin); got != "<nil>"+consultation {
		t.Fatal(got)
	}
	w.decides(func(a Actor) error { return w.OpposeCareTeam(ctx, a, w.record, addr(martin)) })
	if got := w.sees(martin) + " " + declare(martin) + " " + declare(leroy); got != "not found care/team-opposed <nil>" {
		t.Errorf("opposed to the nurse: %s", got)
	}
	w.must(w.Declare(ctx, w.login(martin), w.record, HasConsent))
	if got := w.sees(martin); got != consultation {
		t.Errorf("with consent she sees %q", got)
	}
	w.decides(func(a Actor) error { return w.SetChoices(ctx, a, w.record, patient.Choices{OpposedToCareTeam: true}) })
	if got := w.sees(leroy) + " " + declare(leroy) + " " + w.sees(martin); got != "not found care/team-opposed "+consultation {
		t.Errorf("opposed as a whole: %s", got)
	}
	w.decides(func(a Actor) error { return w.SetChoices(ctx, a, w.record, patient.Choices{}) })
	w.decides(func(a Actor) error { return w.AdmitCareTeam(ctx, a, w.record, addr(martin)) })
	if got := declare(martin) + w.sees(leroy); got != "<nil>"+consultation {
		t.Errorf("admitted again: %s", got)
	}
	w.now = w.now.Add(w.Limits.CareTeam)
	if got := w.sees(leroy); got != "not found" {
		t.Errorf("when the declaration is too old she sees %q", got)
	}
}

func TestTheTreatingPhysicianAndTheAdministratorSeeWhatIsMasked(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.file(alice, consultation, vault.Masked)
	see := func(name, want string) {
		t.Helper()
		if got := w.sees(thomas) + " " + w.sees(alone); got != want {
			t.Errorf("%s: they see %q, want %q", name, got, want)
		}
	}
	for _, who := range []string{thomas, alone} {
		w.must(w.Declare(ctx, w.login(who), w.record, InCareTeam))
	}
	see("of the care team", " ")
	w.decides(func(a Actor) error { return w.NameRole(ctx, a, w.record, addr(thomas), patient.TreatingPhysician) })
	see("one treats", consultation+" ")
	w.decides(func(a Actor) error { return w.NameRole(ctx, a, w.record, addr(alone), patient.TreatingPhysician) })
	see("another treats", " "+consultation)
	w.decides(func(a Actor) error { return w.GrantAdministrator(ctx, a, w.record, addr(thomas)) })
	see("and one administers", consultation+" "+consultation)
	v, err := w.FindPatient(ctx, w.login(alone), w.matricule(alice))
	if err != nil || !v.Treating || v.Access.Rule != "access/treating-physician" || v.Traits.BirthName != "ESSAI" {
		t.Errorf("the treating physician finds %+v, %v", v, err)
	}
	w.decides(func(a Actor) error { return w.WithdrawAdministrator(ctx, a, w.record, addr(thomas)) })
	w.decides(func(a Actor) error { return w.RemoveProfessional(ctx, a, w.record, addr(alone)) })
	if got := w.sees(thomas) + " " + w.sees(alone); got != " not found" {
		t.Errorf("afterwards they see %q", got)
	}
	err = w.NameRole(ctx, w.login(alice), w.record, addr(martin), patient.TreatingPhysician)
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("a nurse as treating physician gives %v", err)
	}
}

func TestOnlyThePatientDecides(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.decides(func(a Actor) error { return w.GrantAdministrator(ctx, a, w.record, addr(thomas)) })
	acts := map[string]func(Actor) error{
		"relations":  func(a Actor) error { _, err := w.Relations(ctx, a, w.record); return err },
		"choices":    func(a Actor) error { _, err := w.Choices(ctx, a, w.record); return err },
		"choose":     func(a Actor) error { return w.SetChoices(ctx, a, w.record, patient.Choices{}) },
		"consent":    func(a Actor) error { return w.GiveConsent(ctx, a, w.record, addr(martin), time.Time{}) },
		"block":      func(a Actor) error { return w.BlockProfessional(ctx, a, w.record, addr(martin)) },
		"unblock":    func(a Actor) error { return w.UnblockProfessional(ctx, a, w.record, addr(martin)) },
		"administer": func(a Actor) error { return w.GrantAdministrator(ctx, a, w.record, addr(martin)) },
		"see as":     func(a Actor) error { _, err := w.SeeAs(ctx, a, w.record, martin); return err },
	}
	for name, act := range acts {
		for _, who := range []string{bruno, martin, thomas, biolab, cardio} {
			err := act(w.login(who))
			if who == thomas && name == "block" { // whom she let do that
				w.must(err)
				continue
			}
			if k := fault.Of(err); k != fault.NotFound && k != fault.Denied {
				t.Errorf("%s by %s gives %v", name, who, err)
			}
			if e := w.last(alice); !e.Refused || e.Actor != who {
				t.Errorf("%s by %s: the last line of her trail is %+v", name, who, e)
			}
		}
		w.decides(act)
		w.decides(func(a Actor) error { return w.WithdrawAdministrator(ctx, a, w.record, addr(martin)) })
	}
}

func TestThePatientsListTellsWhatEachMay(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.must(w.Declare(ctx, w.login(martin), w.record, InCareTeam))
	w.sees(martin)
	w.must(w.Block(ctx, "operator", addr(alice), addr(thomas), true))
	list, err := w.Relations(ctx, w.login(alice), w.record)
	w.must(err)
	var lines []string
	for _, n := range list {
		lines = append(lines, fmt.Sprintf("%s %s %t %t %t", n.Name, n.Profession, !n.Blocked.IsZero(), n.CareTeam.InForce(w.now), !n.FirstAccess.IsZero()))
	}
	if got, want := strings.Join(lines, "\n"), "Dr Éric THOMAS G15_10 true false false\nSylvie MARTIN G15_60 false true true"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestEveryDecisionIsInTheTrail plays the patient's acts and reads their names.
func TestEveryDecisionIsInTheTrail(t *testing.T) {
	w := newWard(t)
	type act = func(context.Context, Actor, string) error
	him := addr(thomas)
	for name, do := range map[string]act{
		"block":                  func(c context.Context, a Actor, r string) error { return w.BlockProfessional(c, a, r, him) },
		"unblock":                func(c context.Context, a Actor, r string) error { return w.UnblockProfessional(c, a, r, him) },
		"give-consent":           func(c context.Context, a Actor, r string) error { return w.GiveConsent(c, a, r, him, time.Time{}) },
		"withdraw-consent":       func(c context.Context, a Actor, r string) error { return w.WithdrawConsent(c, a, r, him) },
		"oppose-care-team":       func(c context.Context, a Actor, r string) error { return w.OpposeCareTeam(c, a, r, him) },
		"admit-care-team":        func(c context.Context, a Actor, r string) error { return w.AdmitCareTeam(c, a, r, him) },
		"name-role":              func(c context.Context, a Actor, r string) error { return w.NameRole(c, a, r, him, "") },
		"grant-administrator":    func(c context.Context, a Actor, r string) error { return w.GrantAdministrator(c, a, r, him) },
		"withdraw-administrator": func(c context.Context, a Actor, r string) error { return w.WithdrawAdministrator(c, a, r, him) },
		"remove-professional":    func(c context.Context, a Actor, r string) error { return w.RemoveProfessional(c, a, r, him) },
	} {
		w.must(do(t.Context(), w.login(alice), w.record))
		if e := w.last(alice); e.Act != name || e.Object != thomas || e.Actor != alice || e.Rule != "choices/owner-decides" {
			t.Errorf("%s: the trail says %+v", name, e)
		}
	}
	w.verifies()
}
