package hub

import (
	"context"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A Letter announces a space to somebody who has neither mail nor phone. The
// operator prints and posts it; it holds no health data.
type Letter struct {
	Matricule string // canonical: the operator knows the postal address that goes with it
	Name      string
	Minor     bool // to the representatives
	Code      string
	Until     time.Time // the code is good before
}

// letterMargin is how long after a space has opened by itself the code that
// announced it may still be used.
const letterMargin = 30 * 24 * time.Hour

// announceSpace makes the delay of the law begin, and the code that lets the
// owner of the space decide before it ends.
func (h *Hub) announceSpace(t *tx, p *account.Pepper) (code string, err error) {
	if _, err := patient.Apply(t, t.Scope, patient.Notice, t.now); err != nil {
		return "", err
	}
	return account.IssueCode(t, p, t.Part, account.ActivationCode, h.Delays.Opening+letterMargin, t.now)
}

// Letters returns the letters that are still to be printed: of each space that
// was never announced and whose owner is reached by post only. From then on the
// delay of the law runs. A letter that is lost is printed anew by PrintLetter.
func (h *Hub) Letters(ctx context.Context, operator string) (list []Letter, err error) {
	var due []ident.Address
	err = h.eachOwner(ctx, func(part store.Part, r store.Reader) error {
		sp, ok, err := patient.Load(r, h.scope(part))
		if err != nil || !ok || sp.State != policy.Enrolled || !sp.Noticed.IsZero() {
			return err
		}
		i, known, err := patient.LoadInsured(r, h.scope(part))
		if err != nil || !known || i.Deceased {
			return err
		}
		a, err := h.addressOf(sp)
		due = append(due, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, a := range due {
		part, err := h.partOf(ctx, a)
		if err != nil {
			return list, err
		}
		c, err := h.contactOf(ctx, part)
		if err != nil {
			return list, err
		}
		if c.Mail != "" || c.Phone != "" {
			continue
		}
		l, err := h.PrintLetter(ctx, operator, a)
		if err != nil {
			return list, err
		}
		list = append(list, l)
	}
	return list, nil
}

// PrintLetter returns the letter that announces a space, with a code of its own;
// the one before is good no more. A space that is not waiting to be opened is
// fault.Invalid.
func (h *Hub) PrintLetter(ctx context.Context, operator string, a ident.Address) (l Letter, err error) {
	p, err := h.pepper(ctx)
	if err != nil {
		return l, err
	}
	return l, h.atMailbox(ctx, a, func(t *tx) error {
		code, err := h.announceSpace(t, p)
		if err != nil {
			return tooSoon(err)
		}
		sp, _, err := patient.Load(t, t.Scope)
		t.note(byOperator(operator, "print-letter", ""))
		l = Letter{sp.Matricule, sp.Traits.Name(), sp.IsMinor(t.now), code, t.now.Add(h.Delays.Opening + letterMargin)}
		return err
	})
}
