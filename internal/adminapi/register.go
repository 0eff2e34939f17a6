package adminapi

import (
	"context"
	"fmt"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
)

// A Register is a request to compare lines of the register of the insured with
// the spaces there are, or to apply them.
type Register struct {
	Apply bool      `json:"apply"`
	Lines []Insured `json:"lines"`
}

// An Insured is one line of the register.
type Insured struct {
	Patient
	Cards    []Card `json:"cards,omitempty"`
	Holder   string `json:"holder,omitempty"` // matricule of the card's holder, where it is not one's own
	Deceased bool   `json:"deceased,omitempty"`
	Mail     string `json:"mail,omitempty"`
	Phone    string `json:"phone,omitempty"`
}

// A Card is a Vitale card, as it is printed.
type Card struct {
	Model  string `json:"model"` // photo or plain
	Serial string `json:"serial"`
}

// A RegisterChange is what a line changes. Lines that change nothing have none.
type RegisterChange struct {
	Matricule string   `json:"matricule"`
	New       bool     `json:"new,omitempty"`
	Changed   []string `json:"changed,omitempty"`   // columns
	ByPost    bool     `json:"by_post,omitempty"`   // to be told by letter
	Alone     bool     `json:"no_holder,omitempty"` // the holder of the card is not known
	Wrong     string   `json:"wrong,omitempty"`     // why the line is not taken; the others are
}

// MaxLines bounds the lines of one request.
const MaxLines = 500

func register(ctx context.Context, c call, in Register) ([]RegisterChange, error) {
	if len(in.Lines) > MaxLines {
		return nil, fmt.Errorf("adminapi: more than %d lines at a time: %w", MaxLines, fault.TooLarge)
	}
	out := []RegisterChange{}
	for _, l := range in.Lines {
		change, err := c.registerLine(ctx, l, in.Apply)
		switch {
		case fault.Of(err) == fault.Invalid:
			out = append(out, RegisterChange{Matricule: l.Matricule, Wrong: err.Error()})
		case err != nil:
			return out, err
		case change.New || change.Alone || len(change.Changed) > 0:
			out = append(out, RegisterChange{
				Matricule: change.Matricule, New: change.New, Changed: change.Changed, ByPost: change.ByPost, Alone: change.Alone,
			})
		}
	}
	return out, nil
}

func (c call) registerLine(ctx context.Context, l Insured, apply bool) (hub.RegisterChange, error) {
	p, err := l.read()
	switch {
	case err != nil:
		return hub.RegisterChange{}, err
	case apply:
		return c.hub.ApplyInsured(ctx, c.operator, p)
	}
	return c.hub.CompareInsured(ctx, p)
}

func (l Insured) read() (p hub.InsuredPerson, err error) {
	if p.Person, err = l.person(); err != nil {
		return p, err
	}
	p.Deceased = l.Deceased
	for _, c := range l.Cards {
		p.Cards = append(p.Cards, hub.VitaleCard{Model: patient.CardModel(c.Model), Serial: c.Serial})
	}
	if l.Holder != "" {
		if p.Holder, err = ident.ParseMatricule(l.Holder); err != nil {
			return p, fmt.Errorf("adminapi: holder: %w", err)
		}
	}
	if l.Mail != "" {
		if p.Mail, err = patient.ParseMail(l.Mail); err != nil {
			return p, err
		}
	}
	if l.Phone != "" {
		if p.Phone, err = patient.ParsePhone(l.Phone); err != nil {
			return p, err
		}
	}
	return p, nil
}
