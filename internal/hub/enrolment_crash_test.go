package hub

import (
	"testing"
	"time"

	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// TestACrashInTheMiddleLeavesNothingHalfDone makes each call to the store fail in
// turn while Karim opens his space and his daughter's, and lets him go on.
func TestACrashInTheMiddleLeavesNothingHalfDone(t *testing.T) {
	plain := newTown(t)
	left := 0 // how often something was left for the hub to finish
	for _, name := range []string{"update begins", "update answers", "view begins"} {
		for n := 1; n < 80; n++ {
			h := town{house: plain.copyOf(t), letters: map[NoticeKind]Outgoing{}, karim: plain.karim, lina: plain.lina, jeanne: plain.jeanne}
			_, err := h.pepper(t.Context())
			h.must(err)
			e := h.begins(h.karim, ByMail)
			record := e.Dependants[0].Record
			engine := h.engineNamed(name)
			engine.fail(n)
			h.opens(e, record)
			fired := engine.fired()
			engine.fail(0)
			his, hers := h.state(h.address(h.karim)), h.state(h.address(h.lina))
			if hers == policy.Active && his != policy.Active {
				t.Errorf("%s %d: hers is open, and his is %s", name, n, patient.StateName(his))
			}
			if his == policy.Active && hers != policy.Active {
				left++
			}
			if his != policy.Active {
				if _, err := h.SignIn(t.Context(), browserAt("karim.saule"), password, ""); err == nil {
					t.Errorf("%s %d: the login holds, and the space is not open", name, n)
				}
				h.now = h.now.Add(time.Minute)
				h.opens(h.begins(h.karim, ByMail), record)
			}
			h.now = h.now.Add(time.Minute)
			h.must(h.LiveOn(t.Context()))
			if his, hers = h.state(h.address(h.karim)), h.state(h.address(h.lina)); his != policy.Active || hers != policy.Active {
				t.Errorf("%s %d: in the end his is %s, hers %s", name, n, patient.StateName(his), patient.StateName(hers))
			}
			if _, err := h.SignIn(t.Context(), browserAt("karim.saule"), password, ""); err != nil {
				t.Errorf("%s %d: he cannot log in: %v", name, n, err)
			}
			if n%20 == 0 {
				h.verifies()
			}
			if !fired {
				break
			}
		}
	}
	if left == 0 {
		t.Error("nothing was ever left to be finished: the crash never came there")
	}
}

// opens goes through all steps, and stops where one fails.
func (h town) opens(e Enrolment, record string) {
	ctx := h.t.Context()
	read := func(kind NoticeKind) string {
		list, _ := h.DueNotices(ctx, 100)
		for _, n := range list {
			_ = h.NoticeSent(ctx, n.ID)
			if n.Kind == kind {
				return codeIn(n)
			}
		}
		return ""
	}
	for _, step := range []func() error{
		func() error {
			_, err := h.Decide(ctx, e.Ticket, Choice{Open: true}, Choice{Record: record, Open: true, Certified: true})
			return err
		},
		func() error { return h.AcceptTerms(ctx, e.Ticket, TermsVersion) },
		func() error { return h.AskContactCode(ctx, e.Ticket, ByMail, "") },
		func() error { return h.CheckContact(ctx, e.Ticket, ByMail, read(NoticeContactCode)) },
		func() error { return h.ChooseCredentials(ctx, e.Ticket, "karim.saule", password) },
		func() error { return h.AskLastCode(ctx, e.Ticket, ByMail) },
		func() error {
			_, err := h.OpenSpace(ctx, home(), e.Ticket, read(NoticeLoginCode))
			return err
		},
	} {
		if step() != nil {
			return
		}
	}
}
