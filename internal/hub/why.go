package hub

import (
	"context"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// An Explanation is why somebody may or may not write to somebody.
type Explanation struct {
	Allow  bool
	Rule   string
	FR, EN string
}

// Why explains what would become of a mail from one address to another now. It
// tells an operator the true reason, which a sender may not be told, and goes
// into the trail of the mailbox it is about.
func (h *Hub) Why(ctx context.Context, operator string, from, to ident.Address) (Explanation, error) {
	sender, err := h.resolve(ctx, from)
	if err != nil {
		return Explanation{}, err
	}
	a := actorOf(from, sender.Part, sender.BAL)
	a.Device = "why" // a question about the mailbox, whatever device is used
	switch {
	case sender.Patient:
		a.Role = policy.Patient
	case !sender.Known:
		a.Role = 0
	}
	addressee, err := h.resolve(ctx, to)
	if err != nil {
		return Explanation{}, err
	}
	d, _, err := h.mayWrite(ctx, a, addressee)
	if err != nil {
		return Explanation{}, err
	}
	for _, asked := range []store.Part{sender.Part, addressee.Part} {
		if asked == nowhere {
			continue
		}
		if err := h.note(ctx, asked, byOperator(operator, "why", d.Rule)); err != nil {
			return Explanation{}, err
		}
	}
	e := policy.Explain(d.Rule)
	return Explanation{d.Allow, d.Rule, e.FR, e.EN}, nil
}
