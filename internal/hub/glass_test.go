package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

const because = "Patiente inconsciente aux urgences"

func TestTheGlassIsBrokenForAWhileAndEverybodyIsTold(t *testing.T) {
	w := newWard(t)
	w.reach(alice, w.checked())
	ctx := t.Context()
	w.file(alice, consultation, 0)
	w.file(alice, biology, vault.Masked)
	w.file(alice, psychiatry, 0)
	w.decides(func(a Actor) error { return w.NameRole(ctx, a, w.record, addr(thomas), patient.TreatingPhysician) })
	w.told()
	a := w.login(martin)
	until, err := w.BreakGlass(ctx, a, w.record, policy.BrokenGlass, " "+because+"\n")
	if err != nil || !until.Equal(w.now.Add(2*time.Hour)) {
		t.Fatalf("BreakGlass = %v, %v", until, err)
	}
	if e := w.last(alice); e.Act != "break-glass" || !e.Emergency || e.Reason != because || e.Actor != martin || e.Rule != "emergency/granted" {
		t.Errorf("the trail says %+v", e)
	}
	if got := w.told(); !slices.Equal(got, []string{"emergency-access"}) {
		t.Errorf("she is told %v", got)
	}
	if got := w.sees(martin); got != consultation {
		t.Errorf("the nurse sees %q", got)
	}
	if e := w.last(alice); e.Act != "list-documents" || !e.Emergency || e.Rule != "emergency/break-glass" {
		t.Errorf("of reading, the trail says %+v", e)
	}
	mails := w.read(thomas, "INBOX")
	if len(mails) != 1 || !strings.Contains(mails[0], "Sylvie MARTIN") || strings.Contains(mails[0], "inconsciente") {
		t.Errorf("the treating physician gets %q", mails)
	}
	w.now = until
	if got := w.sees(martin); got != "not found" {
		t.Errorf("after two hours she sees %q", got)
	}
	if e := w.last(alice); e.Rule != "emergency/ended" || !e.Refused {
		t.Errorf("and the trail says %+v", e)
	}
	w.verifies()
}

func TestAnEmergencyIsRefused(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name, who, reason string
		kind              policy.EmergencyKind
		choices           patient.Choices
		rule              string // "" if it is granted
		kindOf            fault.Kind
	}{
		{"without a reason", martin, "", policy.BrokenGlass, patient.Choices{}, "emergency/no-reason", fault.Denied},
		{"with one that says nothing", martin, "1234567890 …… urgent", policy.BrokenGlass, patient.Choices{}, "emergency/no-reason", fault.Denied},
		{"of no kind", martin, because, policy.NoEmergency, patient.Choices{}, policy.DefaultDeny, fault.NotFound},
		{"by an optician", besson, because, policy.BrokenGlass, patient.Choices{}, "", ""},
		{"by a program", biolab, because, policy.BrokenGlass, patient.Choices{}, "document/only-named-persons-read", fault.NotFound},
		{"which the patient opposed", martin, because, policy.BrokenGlass, patient.Choices{OpposedToBreakGlass: true}, "emergency/patient-objected", fault.Denied},
		{"of which the patient opposed the other", martin, because, policy.BrokenGlass, patient.Choices{OpposedToCentre15: true}, "", ""},
		{"by the SAMU", petit, because, policy.Centre15, patient.Choices{}, "", ""},
		{"by the SAMU, opposed", petit, because, policy.Centre15, patient.Choices{OpposedToCentre15: true}, "emergency/patient-objected", fault.Denied},
		{"by the SAMU, the other opposed", petit, because, policy.Centre15, patient.Choices{OpposedToBreakGlass: true}, "", ""},
		{"as the SAMU, by another physician", thomas, because, policy.Centre15, patient.Choices{}, "emergency/not-the-samu", fault.Denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWard(t)
			w.file(alice, ophthalmology, 0)
			w.decides(func(a Actor) error { return w.SetChoices(ctx, a, w.record, c.choices) })
			until, err := w.BreakGlass(ctx, w.login(c.who), w.record, c.kind, c.reason)
			got := w.sees(c.who)
			if c.rule == "" {
				if err != nil || got != ophthalmology {
					t.Errorf("%v, and they see %q", err, got)
				}
				return
			}
			if ruleOf(err) != c.rule || fault.Of(err) != c.kindOf || !until.IsZero() || got != "not found" {
				t.Errorf("%v of kind %v until %v, and they see %q", err, fault.Of(err), until, got)
			}
		})
	}
}

func TestAnOppositionToEmergenciesIsToldToWhoMayKnowOfTheRecord(t *testing.T) {
	w := newWard(t)
	ctx, a := t.Context(), w.login(martin)
	w.must(w.SetChoices(ctx, w.login(alice), w.record, patient.Choices{OpposedToBreakGlass: true}))
	ask := func(record string) *Refusal {
		t.Helper()
		_, err := w.BreakGlass(ctx, a, record, policy.BrokenGlass, because)
		var r *Refusal
		if !errors.As(err, &r) {
			t.Fatalf("it gives %v", err)
		}
		return r
	}
	if r := ask(w.record); r.FR == "" || r.EN == "" || r.Kind != fault.Denied {
		t.Errorf("of an open record they are told %+v", r)
	}
	if e := w.last(alice); !e.Refused || e.Rule != "emergency/patient-objected" || e.Reason != because {
		t.Errorf("the trail says %+v", e)
	}
	discreet := func(when, record string) {
		t.Helper()
		if r := ask(record); r.FR != "" || r.Kind != fault.NotFound {
			t.Errorf("%s they are told %+v", when, r)
		}
	}
	discreet("of no record", strings.Repeat("a", 26))
	w.must(w.BlockProfessional(ctx, w.login(alice), w.record, addr(martin)))
	discreet("when blocked", w.record)
	w.must(w.UnblockProfessional(ctx, w.login(alice), w.record, addr(martin)))
	_, err := w.Life(ctx, "operator", addr(alice), patient.Close)
	w.must(err)
	discreet("of a closed record", w.record)
}

func TestWhoBreaksTheGlassTooOftenIsStopped(t *testing.T) {
	w := newWard(t)
	w.Limits.GlassPerDay = 2
	a := w.login(petit)
	for i := range 3 {
		_, err := w.BreakGlass(t.Context(), a, w.record, policy.BrokenGlass, because)
		if i < 2 && err != nil || i == 2 && (ruleOf(err) != tooMuchGlass.Rule || fault.Of(err) != fault.Throttled) {
			t.Errorf("time %d gives %v", i+1, err)
		}
	}
	if e := w.last(alice); !e.Refused || e.Rule != tooMuchGlass.Rule || !e.Emergency {
		t.Errorf("the trail says %+v", e)
	}
	if _, err := w.BreakGlass(t.Context(), a, w.record, policy.Centre15, because); err != nil {
		t.Errorf("as the SAMU it gives %v: that is her work", err)
	}
	w.now = w.now.Add(48 * time.Hour)
	if _, err := w.BreakGlass(t.Context(), a, w.record, policy.BrokenGlass, because); err != nil {
		t.Errorf("two days later: %v", err)
	}
}

func TestAReasonIsNoBook(t *testing.T) {
	w := newWard(t)
	_, err := w.BreakGlass(t.Context(), w.login(martin), w.record, policy.BrokenGlass, strings.Repeat("é", maxReason+1))
	if !errors.Is(err, fault.TooLarge) {
		t.Errorf("a long reason gives %v", err)
	}
	if _, err := w.BreakGlass(t.Context(), w.login(martin), w.record, policy.BrokenGlass, strings.Repeat("é", maxReason)); err != nil {
		t.Errorf("one just short enough gives %v", err)
	}
}

func TestAnEmergencyEndsWhenItsProfessionalSaysSo(t *testing.T) {
	w := newWard(t)
	w.file(alice, consultation, 0)
	a := w.login(martin)
	if err := w.EndGlass(t.Context(), a, w.record); !errors.Is(err, fault.NotFound) {
		t.Errorf("nothing to end gives %v", err)
	}
	_, err := w.BreakGlass(t.Context(), a, w.record, policy.BrokenGlass, because)
	w.must(err)
	if err := w.EndGlass(t.Context(), w.login(leroy), w.record); !errors.Is(err, fault.NotFound) {
		t.Errorf("somebody else's gives %v", err)
	}
	w.must(w.EndGlass(t.Context(), a, w.record))
	if got := w.sees(martin); got != "not found" {
		t.Errorf("ended, she sees %q", got)
	}
	if err := w.EndGlass(t.Context(), a, w.record); !errors.Is(err, fault.NotFound) {
		t.Errorf("ending it again gives %v", err)
	}
}

func TestMaskedDocumentsOpenInAnEmergencyIfThePatientSaidSo(t *testing.T) {
	w := newWard(t)
	w.file(alice, consultation, vault.Masked)
	_, err := w.BreakGlass(t.Context(), w.login(martin), w.record, policy.BrokenGlass, because)
	w.must(err)
	for _, too := range []bool{false, true, false} {
		w.decides(func(a Actor) error {
			return w.SetChoices(t.Context(), a, w.record, patient.Choices{MaskedInEmergency: too})
		})
		if got := w.sees(martin); (got == consultation) != too {
			t.Errorf("masked too %t: she sees %q", too, got)
		}
	}
}

func TestAnOppositionCutsAnEmergencyShort(t *testing.T) {
	w := newWard(t)
	w.file(alice, consultation, 0)
	_, err := w.BreakGlass(t.Context(), w.login(martin), w.record, policy.BrokenGlass, because)
	w.must(err)
	w.decides(func(a Actor) error {
		return w.SetChoices(t.Context(), a, w.record, patient.Choices{OpposedToBreakGlass: true})
	})
	if got := w.sees(martin); got != "not found" {
		t.Errorf("she sees %q", got)
	}
}

// TestATreatingPhysicianWhoCannotBeToldKeepsNoHelpAway erases the mailbox.
func TestATreatingPhysicianWhoCannotBeToldKeepsNoHelpAway(t *testing.T) {
	w := newWard(t)
	w.decides(func(a Actor) error {
		return w.NameRole(t.Context(), a, w.record, addr(thomas), patient.TreatingPhysician)
	})
	w.must(w.Erase(t.Context(), "operator", addr(thomas)))
	if _, err := w.BreakGlass(t.Context(), w.login(martin), w.record, policy.BrokenGlass, because); err != nil {
		t.Errorf("BreakGlass = %v", err)
	}
}

func TestThePatientSeesWhoCanSeeADocumentAndWhy(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	id := w.file(alice, psychiatry, vault.Masked)
	w.must(w.Declare(ctx, w.login(martin), w.record, InCareTeam))
	w.decides(func(a Actor) error { return w.NameRole(ctx, a, w.record, addr(thomas), patient.TreatingPhysician) })
	w.must(w.Block(ctx, "operator", addr(alice), addr(leroy), true))
	list, err := w.WhoCanSee(ctx, w.login(alice), id)
	w.must(err)
	if e := w.last(alice); e.Act != "see-who" || e.Actor != alice || e.Refused || w.record+"."+e.Object != id {
		t.Errorf("the trail says %+v", e)
	}
	got := map[string]string{}
	for _, v := range list {
		got[v.Name+" "+string(v.Profession)] = fmt.Sprintf("%t %s", v.Access.Allow, v.Access.Rule)
	}
	for who, want := range map[string]string{
		"Alix ESSAI ":              "true document/owner-reads",
		"Dr Hoda ADAM ":            "true document/author-reads",
		"Dr Éric THOMAS G15_10":    "true access/treating-physician",
		"Sylvie MARTIN G15_60":     "false document/masked",
		"Anne LEROY G15_21":        "false block/by-patient",
		" " + string(policy.Nurse): "false document/masked",
	} {
		if got[who] != want {
			t.Errorf("%q: %s, want %s", who, got[who], want)
		}
	}
	shown := w.file(alice, psychiatry, 0)
	list, err = w.WhoCanSee(ctx, w.login(alice), shown)
	w.must(err)
	for _, v := range list {
		if v.Name == "" && v.Access.Allow != policy.Habilitated(v.Profession, psychiatry) {
			t.Errorf("a %s of the care team: %+v", v.Profession, v.Access)
		}
	}
	if n := slices.IndexFunc(list, func(v Viewer) bool { return v.Name == "" && v.Profession == policy.Physician }); n < 0 || !list[n].Access.Allow {
		t.Error("physicians are not in the list, or see nothing")
	}
	waiting := w.file(alice, psychiatry, vault.HiddenFromPatient)
	if list, err := w.WhoCanSee(ctx, w.login(alice), waiting); !errors.Is(err, fault.NotFound) || list != nil {
		t.Errorf("what waits for its announcement gives %v, %v", list, err)
	}
}

func TestThePatientSeesAsSomebodyElse(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.fill()
	w.file(alice, consultation, vault.HiddenFromPatient)
	w.file(alice, biology, vault.Masked)
	w.must(w.Declare(ctx, w.login(martin), w.record, InCareTeam))
	for as, want := range map[string]string{
		martin: "11488-4 11502-2 78513-9 57833-6", leroy: "", cardio: "",
		string(policy.Optician): "78513-9 57833-6", string(policy.AmbulanceDriver): "",
	} {
		list, err := w.SeeAs(ctx, w.login(alice), w.record, as)
		w.must(err)
		var types []string
		for _, d := range list {
			types = append(types, d.Entry.TypeCode)
		}
		if got := strings.Join(types, " "); got != want {
			t.Errorf("as %s: %q, want %q", as, got, want)
		}
		if e := w.last(alice); e.Act != "see-as" || e.Object != as || e.Refused {
			t.Errorf("as %s: the trail says %+v", as, e)
		}
	}
	for as, want := range map[string]fault.Kind{stranger: fault.NotFound, bruno: fault.NotFound, "G99": fault.NotFound, "@": fault.Invalid} {
		if _, err := w.SeeAs(ctx, w.login(alice), w.record, as); fault.Of(err) != want {
			t.Errorf("as %q gives %v", as, err)
		}
	}
}

func TestAnOperatorLearnsTheRuleAndNothingElse(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	id := w.file(alice, psychiatry, 0)
	w.must(w.Declare(ctx, w.login(martin), w.record, InCareTeam))
	for _, c := range []struct{ who, document, rule string }{
		{martin, id, "habilitation/not-this-type"},
		{martin, psychiatry, "habilitation/not-this-type"},
		{martin, consultation, "access/care-team"},
		{adam, id, "document/author-reads"},
		{adam, consultation, "access/no-consent"},
	} {
		x, err := w.WhyDocument(ctx, "operator", addr(c.who), addr(alice), c.document)
		if err != nil || x.Rule != c.rule || x.FR == "" {
			t.Errorf("%s and %s: %+v, %v", c.who, c.document, x, err)
		}
		for _, whose := range []string{alice, c.who} {
			if e := w.last(whose); e.Act != "why-document" || e.Object != c.rule || e.Actor != "operator" {
				t.Errorf("the trail of %s says %+v", whose, e)
			}
		}
	}
	for _, of := range []string{ghost, thomas} {
		if _, err := w.WhyDocument(ctx, "operator", addr(martin), addr(of), consultation); !errors.Is(err, fault.NotFound) {
			t.Errorf("of %s: %v", of, err)
		}
	}
	if _, err := w.WhyDocument(ctx, "operator", addr(martin), addr(bruno), id); !errors.Is(err, fault.NotFound) {
		t.Error("a document of another record is explained")
	}
}

// TestReadingInterrupted lets everything below the door fail: nothing is ever
// returned that the trail does not have.
func TestReadingInterrupted(t *testing.T) {
	var id string
	interrupt(t, act{
		prepare: func(h *house) { id = (&ward{house: h}).file(alice, consultation, 0) },
		do: func(h *house, as map[string]Actor) error {
			w := &ward{house: h, record: string(as[alice].Part)}
			for act, do := range map[string]func() (bool, error){
				"list-documents": func() (bool, error) {
					l, err := h.Documents(t.Context(), as[thomas], w.record)
					return len(l) > 0, err
				},
				"read-document": func() (bool, error) {
					_, c, err := h.OpenDocument(t.Context(), as[thomas], id)
					return c != nil, err
				},
			} {
				if err := h.Declare(t.Context(), as[thomas], w.record, InCareTeam); err != nil {
					return err
				}
				got, err := do()
				if got != (err == nil) {
					return fmt.Errorf("%s returns something: %t, and %v", act, got, err)
				}
				if err != nil {
					return err
				}
				found := false
				for e, err := range h.Trail(t.Context(), as[alice]) {
					if err != nil {
						return err
					}
					found = found || e.Act == act && !e.Refused
				}
				if !found {
					return fmt.Errorf("%s is not in the trail", act)
				}
			}
			return nil
		},
		done: func(*house) error { return nil },
	})
}

func TestABrokenGlassInterrupted(t *testing.T) {
	interrupt(t, act{
		prepare: func(h *house) {
			w := &ward{house: h, record: string(h.login(alice).Part)}
			w.decides(func(a Actor) error {
				return h.NameRole(t.Context(), a, w.record, addr(thomas), patient.TreatingPhysician)
			})
		},
		do: func(h *house, as map[string]Actor) error {
			_, err := h.BreakGlass(t.Context(), as[adam], string(as[alice].Part), policy.BrokenGlass, because)
			return err
		},
		done: func(h *house) error {
			w := &ward{house: h}
			if e := w.last(alice); e.Act != "break-glass" && e.Act != "login" || len(h.read(thomas, "INBOX")) == 0 {
				return fmt.Errorf("the trail ends with %s, and the treating physician has %d mails", e.Act, len(h.read(thomas, "INBOX")))
			}
			return nil
		},
	})
}
