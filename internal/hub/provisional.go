package hub

import (
	"context"
	"fmt"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/limit"
	"vaguemestre/internal/store"
)

// Provisional codes: how somebody who has no login proves who they are, at
// activation and whenever they have lost it. What they say of themselves (the
// claim) names the partition of the code, so that a claim that fits nobody costs
// and answers the same as one that fits.

// A claimant is somebody who says who they are, and what the register says.
type claimant struct {
	Claim   []string   // what they say, in canonical form
	Part    store.Part // of the space it fits; "": none
	Channel Channel
	To      string // where the register lets a code go; "": nowhere
}

// How many provisional codes are asked for, or tried wrongly, in a day.
const (
	maxProvisional        = 5  // per person
	maxProvisionalAddress = 50 // per address: a surgery, a town hall
)

// provisionalLife is how long a provisional code lives, by how it goes.
var provisionalLife = map[Channel]time.Duration{ByMail: 24 * time.Hour, BySMS: 10 * time.Minute}

// sendProvisional sends a provisional code to a claimant. That there is no such
// person is not told. Too soon after another it is a Refusal, too often
// fault.Throttled.
func (h *Hub) sendProvisional(ctx context.Context, at Attempt, c claimant) error {
	life, ok := provisionalLife[c.Channel]
	if !ok {
		return fmt.Errorf("hub: provisional code: %w", fault.Invalid)
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return err
	}
	part := account.ActivationPart(h.Index, c.Claim...)
	if err := h.throttleProvisional(at, part, 1); err != nil {
		return err
	}
	if c.Part == "" || c.To == "" {
		c.Part, c.To = "", ""
	}
	err = h.commit(ctx, part, func(t *tx) error {
		code, err := account.IssueActivation(t, p, part, c.Part, life, t.now)
		if err != nil {
			return err
		}
		n := Notice{Kind: NoticeActivation, Channel: c.Channel, To: c.To, Code: code, Expires: t.now.Add(life)}
		if n.To == "" {
			n.To = nobody
		}
		return h.notice(t, n)
	})
	if err != nil {
		return tooSoon(err)
	}
	return h.noteProvisional(ctx, at, c.Part, part, "send-code", false)
}

// nobody is where the code of a claim goes that fits nobody: nowhere.
const nobody = "-"

// A proof says that somebody has proved who they are with a provisional code. It
// travels with the client, sealed.
type proof struct {
	Part store.Part
	Made time.Time
}

const (
	proofContext = "hub/proof"

	// proofLife is how long the steps after a provisional code may take.
	proofLife = 30 * time.Minute
)

// redeemProvisional takes a provisional code and returns a proof, for openProof.
// A wrong code is fault.Unauthenticated; one that is right and too late, or used,
// is a Refusal.
func (h *Hub) redeemProvisional(ctx context.Context, at Attempt, claim []string, code string) (string, error) {
	p, err := h.pepper(ctx)
	if err != nil {
		return "", err
	}
	part := account.ActivationPart(h.Index, claim...)
	if err := h.throttleProvisional(at, part, 0); err != nil {
		return "", err
	}
	var result account.CodeResult
	var whose store.Part
	err = h.commit(ctx, part, func(t *tx) error {
		result, whose, err = account.RedeemActivation(t, p, part, code, t.now)
		return err
	})
	if err != nil {
		return "", err
	}
	wrong := refuseCode(result)
	if err := h.noteProvisional(ctx, at, whose, part, "use-code", wrong != nil); err != nil {
		return "", err
	}
	if wrong != nil {
		if err := h.throttleProvisional(at, part, 1); err != nil {
			return "", err
		}
		return "", wrong
	}
	return sealTicket(p, proof{whose, h.Now()}, proofContext)
}

// openProof returns the partition of whoever holds a proof; anything else is
// fault.Unauthenticated.
func (h *Hub) openProof(ctx context.Context, text string) (store.Part, error) {
	p, err := h.pepper(ctx)
	if err != nil {
		return "", err
	}
	var k proof
	if err := openTicket(p, text, &k, proofContext); err != nil {
		return "", err
	}
	if age := h.Now().Sub(k.Made); age < 0 || age >= proofLife {
		return "", fmt.Errorf("hub: proof: %w", fault.Unauthenticated)
	}
	return k.Part, nil
}

func (h *Hub) throttleProvisional(at Attempt, part store.Part, n int) error {
	now := h.Now()
	person := h.human.codes.Add("claim "+string(part), n, now)
	remote := h.human.codes.Add("remote "+limit.Network(at.Remote), n, now)
	if person > maxProvisional || remote > maxProvisionalAddress {
		return fmt.Errorf("hub: provisional code: %w", fault.Throttled)
	}
	return nil
}

// noteProvisional writes what was done with a provisional code into the trail of
// whoever it is for, or of the hub where that is nobody: one commit either way.
func (h *Hub) noteProvisional(ctx context.Context, at Attempt, whose, claim store.Part, act string, refused bool) error {
	e := audit.Entry{Actor: at.Remote.String(), Act: act, Object: "provisional", Refused: refused}
	if whose == "" {
		whose, e.Object = hubPart, "provisional "+string(claim)[:17]
	}
	return h.note(ctx, whose, e)
}
