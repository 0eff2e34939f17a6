package adminapi

import (
	"context"
	"time"

	"vaguemestre/internal/ident"
)

// A Doubt is a document whose identity is to be verified: whose record it is
// in, why, and whom to ask; not what it is.
type Doubt struct {
	ID        string    `json:"id"`
	Matricule string    `json:"matricule"`
	Reasons   []Reason  `json:"reasons"`
	Sender    string    `json:"sender"`
	Filed     time.Time `json:"filed"`
}

// A Reason is why an identity is doubtful.
type Reason struct {
	Code string `json:"code"`
	FR   string `json:"fr"`
	EN   string `json:"en"`
}

// A Resolution is a request to end a doubt.
type Resolution struct {
	ID      string `json:"id"`
	Confirm bool   `json:"confirm"` // it is the patient's; else it is withdrawn
}

// A DocumentRoute is a request to explain whether a professional may read a
// document of a patient.
type DocumentRoute struct {
	Professional string `json:"professional"`
	Patient      string `json:"patient"`
	Document     string `json:"document"` // its ID, or the code of a type
}

func listDoubts(ctx context.Context, c call, _ Nothing) ([]Doubt, error) {
	list, err := c.hub.Doubts(ctx, c.operator)
	out := make([]Doubt, len(list))
	for i, d := range list {
		out[i] = Doubt{d.ID, d.Matricule.Canonical(), []Reason{}, d.Sender, d.Filed}
		for _, r := range d.Reasons {
			out[i].Reasons = append(out[i].Reasons, Reason{string(r), r.French(), r.English()})
		}
	}
	return out, err
}

func resolveDoubt(ctx context.Context, c call, in Resolution) (Nothing, error) {
	return Nothing{}, c.hub.ResolveDoubt(ctx, c.operator, in.ID, in.Confirm)
}

func whyDocument(ctx context.Context, c call, in DocumentRoute) (Explanation, error) {
	professional, err := ident.ParseAddress(in.Professional)
	if err != nil {
		return Explanation{}, err
	}
	of, err := c.address(in.Patient)
	if err != nil {
		return Explanation{}, err
	}
	e, err := c.hub.WhyDocument(ctx, c.operator, professional, of, in.Document)
	return Explanation(e), err
}
