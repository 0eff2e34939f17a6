package hub

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

func (w *ward) matricule(address string) ident.Matricule {
	w.t.Helper()
	m, err := ident.ParseMatricule(addr(address).Local())
	w.must(err)
	return m
}

func TestAProfessionalLearnsWhetherThereIsARecord(t *testing.T) {
	w := newWard(t)
	for _, c := range []struct {
		who, whose string
		state      policy.SpaceState // None: NotFound
		rule       string            // of access
	}{
		{thomas, alice, policy.Active, "access/no-consent"},
		{thomas, emma, policy.Closed, "space/closed"},
		{thomas, celia, policy.None, ""},
		{thomas, denis, policy.None, ""},
		{thomas, ghost, policy.None, ""},
		{biolab, alice, policy.Active, "document/only-named-persons-read"},
		{cardio, alice, policy.Active, "document/only-named-persons-read"},
		{alice, alice, policy.Active, "document/owner-reads"},
		{bruno, alice, policy.None, ""},
	} {
		v, err := w.FindPatient(t.Context(), w.login(c.who), w.matricule(c.whose))
		name := c.who + " looks for " + c.whose
		if c.state == policy.None {
			var r *Refusal
			if fault.Of(err) != fault.NotFound || v != (PatientView{}) || !errors.As(err, &r) || r.FR != "" {
				t.Errorf("%s: %+v, %v, want NotFound without a word", name, v, err)
			}
			continue
		}
		if err != nil || v.State != c.state || v.Access.Rule != c.rule || v.Matricule != w.matricule(c.whose) || v.Since.IsZero() {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		if knows := v.Traits != (patient.Traits{}); knows != v.Access.Allow {
			t.Errorf("%s: who it is is told: %t", name, knows)
		}
		again, err := w.PatientByID(t.Context(), w.login(c.who), v.ID)
		if err != nil || again != v {
			t.Errorf("%s by ID: %+v, %v", name, again, err)
		}
		if e := w.last(c.whose); e.Act != "find-patient" && c.who != c.whose || e.Refused {
			t.Errorf("%s: the trail says %+v", name, e)
		}
	}
	m, err := ident.ParseMatricule("279035121518989")
	w.must(err)
	w.TestMode = false
	if _, err := w.FindPatient(t.Context(), w.login(thomas), w.matricule(alice)); !errors.Is(err, fault.Invalid) {
		t.Errorf("an invented matricule outside test mode gives %v", err)
	}
	if _, err := w.FindPatient(t.Context(), w.login(thomas), m); !errors.Is(err, fault.NotFound) {
		t.Errorf("one that nobody has here gives %v", err)
	}
}

func TestWhoLooksForRecordsThatAreNotThereIsSlowedDown(t *testing.T) {
	w := newWard(t)
	a := w.login(thomas)
	for i := range w.Limits.RefusedPerHour + 1 {
		m, err := ident.MakeMatricule(fmt.Sprintf("1602099999%03d", 100+i))
		w.must(err)
		if _, err := w.FindPatient(t.Context(), a, m); !errors.Is(err, fault.NotFound) {
			t.Fatalf("try %d gives %v", i, err)
		}
	}
	for name, err := range map[string]error{
		"finding":  func() error { _, err := w.FindPatient(t.Context(), a, w.matricule(alice)); return err }(),
		"listing":  func() error { _, err := w.Documents(t.Context(), a, w.record); return err }(),
		"reading":  func() error { _, err := w.Document(t.Context(), a, w.record+".x"); return err }(),
		"writing":  w.CheckRecipient(t.Context(), a, addr(alice)),
		"declares": w.Declare(t.Context(), a, w.record, HasConsent),
	} {
		if !errors.Is(err, fault.Throttled) {
			t.Errorf("after many tries, %s gives %v", name, err)
		}
	}
	if _, err := w.BreakGlass(t.Context(), a, w.record, policy.BrokenGlass, "inconscient, seul"); err != nil {
		t.Errorf("an emergency waits: %v", err)
	}
	if _, err := w.FindPatient(t.Context(), w.login(martin), w.matricule(alice)); err != nil {
		t.Errorf("another professional gets %v", err)
	}
}

// TestNobodyElseGetsIn walks everybody who has no business in alice's record
// through every act on it.
func TestNobodyElseGetsIn(t *testing.T) {
	w := newWard(t)
	w.Limits.RefusedPerHour, w.Limits.RefusedPerDay = 10_000, 10_000
	ctx := t.Context()
	id := w.file(alice, consultation, 0)
	w.must(w.Block(ctx, "operator", addr(alice), addr(thomas), true))
	as := func(role policy.Role) Actor {
		a := w.login(alone)
		a.Role = role
		return a
	}
	nobody := Actor{Address: addr(stranger), Part: nowhere}
	people := map[string]Actor{
		"another patient": w.login(bruno), "a blocked physician": w.login(thomas), "an optician": w.login(besson),
		"a secretariat": w.login(cardio), "a program": w.login(biolab), "nobody": nobody,
		"an insurer": as(policy.Insurer), "an employer": as(policy.Employer), "the State": as(policy.State),
		"the operator's staff": as(policy.Administrator), "a partner": as(policy.Partner),
	}
	acts := map[string]func(Actor) error{
		"list":      func(a Actor) error { l, err := w.Documents(ctx, a, w.record); return leaked(len(l) > 0, err) },
		"read":      func(a Actor) error { v, err := w.Document(ctx, a, id); return leaked(v.ID != "", err) },
		"open":      func(a Actor) error { _, c, err := w.OpenDocument(ctx, a, id); return leaked(c != nil, err) },
		"rendition": func(a Actor) error { _, c, err := w.OpenRendition(ctx, a, id); return leaked(c != nil, err) },
		"choices":   func(a Actor) error { _, err := w.Choices(ctx, a, w.record); return err },
		"choose":    func(a Actor) error { return w.SetChoices(ctx, a, w.record, patient.Choices{}) },
		"relations": func(a Actor) error { l, err := w.Relations(ctx, a, w.record); return leaked(len(l) > 0, err) },
		"viewers":   func(a Actor) error { l, err := w.WhoCanSee(ctx, a, id); return leaked(len(l) > 0, err) },
		"see as":    func(a Actor) error { l, err := w.SeeAs(ctx, a, w.record, martin); return leaked(len(l) > 0, err) },
		"block":     func(a Actor) error { return w.BlockProfessional(ctx, a, w.record, addr(martin)) },
		"grant":     func(a Actor) error { return w.GrantAdministrator(ctx, a, w.record, addr(besson)) },
		"end glass": func(a Actor) error { return w.EndGlass(ctx, a, w.record) },
		"declare": func(a Actor) error {
			if a.Address == addr(besson) { // who may, and sees what opticians see
				return fault.Denied
			}
			return w.Declare(ctx, a, w.record, HasConsent)
		},
		"break glass": func(a Actor) error {
			if a.Address == addr(besson) {
				return fault.Denied
			}
			_, err := w.BreakGlass(ctx, a, w.record, policy.BrokenGlass, because)
			return err
		},
		"break glass as the SAMU": func(a Actor) error {
			_, err := w.BreakGlass(ctx, a, w.record, policy.Centre15, "Appel pour un malaise grave")
			return err
		},
	}
	for name, act := range acts {
		for who, a := range people {
			if k := fault.Of(act(a)); k != fault.NotFound && k != fault.Denied {
				t.Errorf("%s by %s gives %v", name, who, k)
			}
		}
	}
	for who, a := range people {
		v, err := w.FindPatient(ctx, a, w.matricule(alice))
		if v.Access.Allow || v.Traits != (patient.Traits{}) || v.State != policy.None && err != nil {
			t.Errorf("%s finds %+v, %v", who, v, err)
		}
		if strings.HasPrefix(who, "an ") && who != "an optician" && err == nil || who == "the State" && err == nil {
			t.Errorf("%s learns that there is a record", who)
		}
	}
	if got := w.sees(alice); got != consultation {
		t.Errorf("alice sees %q", got)
	}
	w.verifies()
}

// leaked makes an error of what a refused act returned all the same.
func leaked(something bool, err error) error {
	if something {
		return errors.New("something was returned")
	}
	return err
}

func FuzzIDs(f *testing.F) {
	for _, s := range []string{"", ".", "hub", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz.abc", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		part, own := documentPart(id)
		if part != nowhere && (len(part) != 26 || id != string(part)+"."+own && id != string(part)) {
			t.Errorf("%q is %q and %q", id, part, own)
		}
		if part == hubPart {
			t.Errorf("%q names the hub's own partition", id)
		}
	})
}

func TestARecordThatSomebodyMadeUpKeepsNoTrail(t *testing.T) {
	w := newWard(t)
	parts := func() (n int) {
		for _, err := range w.Store.Parts(t.Context()) {
			w.must(err)
			n++
		}
		return n
	}
	for _, who := range []string{thomas, biolab, bruno} {
		a := w.login(who)
		_, _ = w.Documents(t.Context(), a, vault.NewID()) // the hub's own trail begins
		before := parts()
		made := vault.NewID()
		for act, do := range map[string]func() error{
			"history":   func() error { _, err := w.History(t.Context(), a, made, HistoryQuery{}); return err },
			"choices":   func() error { _, err := w.Choices(t.Context(), a, made); return err },
			"documents": func() error { _, err := w.Documents(t.Context(), a, made); return err },
			"document":  func() error { _, err := w.Document(t.Context(), a, made+"."+made); return err },
			"add":       func() error { _, err := w.AddDocuments(t.Context(), a, made, []Submission{{}}); return err },
			"change":    func() error { _, err := w.ChangeDocument(t.Context(), a, made+"."+made, DocumentChange{}); return err },
			"declare":   func() error { return w.Declare(t.Context(), a, made, InCareTeam) },
			"centre 15": func() error {
				_, err := w.BreakGlass(t.Context(), a, made, policy.Centre15, "patient inconscient")
				return err
			},
			"break glass": func() error {
				_, err := w.BreakGlass(t.Context(), a, made, policy.BrokenGlass, "patient inconscient")
				return err
			},
			"who can see": func() error { _, err := w.WhoCanSee(t.Context(), a, made+"."+made); return err },
			"close":       func() error { _, err := w.CloseSpace(t.Context(), a, made, false); return err },
			"persons":     func() error { _, err := w.Persons(t.Context(), a, made); return err },
			"block":       func() error { return w.BlockProfessional(t.Context(), a, made, addr(adam)) },
		} {
			if do() == nil {
				t.Errorf("%s: %s is done in a record that is none", who, act)
			}
			if n := parts(); n != before {
				t.Errorf("%s: %s makes a partition for a record that is none", who, act)
				before = n
			}
		}
	}
}

func TestNobodyFillsATrailWithRefusals(t *testing.T) {
	for _, who := range []string{thomas, biolab, bruno} {
		w := newWard(t)
		a, before := w.login(who), w.length(w.part(alice))
		for range 3 * w.Limits.RefusedPerHour {
			for _, do := range []func() error{
				func() error { _, err := w.History(t.Context(), a, w.record, HistoryQuery{}); return err },
				func() error { _, err := w.Choices(t.Context(), a, w.record); return err },
				func() error { _, err := w.WhoCanSee(t.Context(), a, w.record+"."+vault.NewID()); return err },
				func() error { return w.BlockProfessional(t.Context(), a, w.record, addr(adam)) },
			} {
				if do() == nil {
					t.Fatalf("%s is not refused", who)
				}
			}
		}
		if _, err := w.History(t.Context(), a, w.record, HistoryQuery{}); fault.Of(err) != fault.Throttled {
			t.Errorf("%s goes on: %v", who, err)
		}
		if n := w.length(w.part(alice)) - before; n == 0 || n > uint64(w.Limits.RefusedPerHour)+1 {
			t.Errorf("%s is in the trail %d times", who, n)
		}
		w.after(2 * time.Hour)
		if _, err := w.History(t.Context(), a, w.record, HistoryQuery{}); fault.Of(err) == fault.Throttled {
			t.Errorf("%s is refused for good", who)
		}
	}
}
