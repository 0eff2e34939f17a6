package adminapi

import (
	"context"
	"time"

	"vaguemestre/internal/hub"
)

// A Letter announces a space to somebody who is reached by post only. The code
// in it lets them in: print it, and keep no copy.
type Letter struct {
	Matricule string    `json:"matricule"`
	Name      string    `json:"name"`
	Minor     bool      `json:"minor,omitempty"`
	Code      string    `json:"code"`
	Until     time.Time `json:"until"`
}

// A Proof is what somebody keeps who has objected to a space, or closed it.
type Proof struct {
	Reference string    `json:"reference"`
	What      string    `json:"what"`
	At        time.Time `json:"at"`
	Text      string    `json:"text,omitempty"`
}

// A ProofText is a request to verify a proof: its text, or its reference alone.
type ProofText struct {
	Text      string `json:"text,omitempty"`
	Reference string `json:"reference,omitempty"`
}

func letters(ctx context.Context, c call, _ Nothing) ([]Letter, error) {
	list, err := c.hub.Letters(ctx, c.operator)
	out := make([]Letter, len(list))
	for i, l := range list {
		out[i] = letterOf(l)
	}
	return out, err
}

func letter(ctx context.Context, c call, in Name) (Letter, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return Letter{}, err
	}
	l, err := c.hub.PrintLetter(ctx, c.operator, a)
	return letterOf(l), err
}

func letterOf(l hub.Letter) Letter { return Letter{l.Matricule, l.Name, l.Minor, l.Code, l.Until} }

func proofOf(ctx context.Context, c call, in Name) (Proof, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return Proof{}, err
	}
	return proofFrom(c.hub.ProofOf(ctx, c.operator, a))
}

func checkProof(ctx context.Context, c call, in ProofText) (Proof, error) {
	if in.Text != "" {
		return proofFrom(c.hub.VerifyProof(ctx, in.Text))
	}
	return proofFrom(c.hub.Proof(ctx, in.Reference))
}

func proofFrom(p hub.Proof, err error) (Proof, error) {
	return Proof{p.Reference, string(p.Event), p.At, p.Text}, err
}
