package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

// An InsuredPerson is one line of the register of the insured.
type InsuredPerson struct {
	Person
	Cards    []VitaleCard
	Holder   ident.Matricule // of the card that this person is on, where it is not their own
	Deceased bool
	Mail     string // as the register has it; empty: none
	Phone    string
}

// A VitaleCard is a card in use, as it is printed.
type VitaleCard struct {
	Model  patient.CardModel
	Serial string
}

// A RegisterChange is what a line of the register changes for one person.
type RegisterChange struct {
	Matricule string   // canonical
	New       bool     // a space is made
	Changed   []string // columns of the register whose value is another, without the values
	ByPost    bool     // there is neither mail nor phone to announce the space to
	Alone     bool     // the holder of the card is not known: the line is to be given again after theirs
}

// CompareInsured says what a line of the register would change, and changes
// nothing.
func (h *Hub) CompareInsured(ctx context.Context, p InsuredPerson) (RegisterChange, error) {
	i, err := h.insured(p)
	if err != nil {
		return RegisterChange{}, err
	}
	c, _, err := h.compareInsured(ctx, p, i)
	return c, err
}

// ApplyInsured makes the space of somebody whom the register names for the
// first time, or takes over what it says of them now. It may be repeated. What
// the patient has said of how to be reached goes before what the register says.
func (h *Hub) ApplyInsured(ctx context.Context, operator string, p InsuredPerson) (RegisterChange, error) {
	if h.Sealed() {
		return RegisterChange{}, fmt.Errorf("hub: register: %w", fault.Sealed)
	}
	i, err := h.insured(p)
	if err != nil {
		return RegisterChange{}, err
	}
	c, part, err := h.compareInsured(ctx, p, i)
	if err != nil {
		return c, err
	}
	if !p.Holder.IsZero() {
		if c.Alone, err = h.putOnCard(ctx, p.Holder, p.Matricule); err != nil {
			return c, err
		}
	}
	if !c.New && len(c.Changed) == 0 {
		return c, nil
	}
	if c.New {
		a, err := h.Enrol(ctx, operator, p.Person)
		if err != nil {
			return c, err
		}
		if part, _, err = h.find(ctx, a); err != nil {
			return c, err
		}
	}
	return c, h.applyInsured(ctx, operator, part, p, i, c.New && !c.ByPost && !p.Deceased)
}

// insured gives a line as it is kept.
func (h *Hub) insured(p InsuredPerson) (patient.Insured, error) {
	i := patient.Insured{Deceased: p.Deceased, Imported: h.Now().UTC()}
	if !p.Holder.IsZero() {
		i.Holder = p.Holder.Canonical()
	}
	for _, c := range p.Cards {
		card, err := patient.NewCard(h.Index, c.Model, c.Serial)
		if err != nil {
			return i, fmt.Errorf("hub: register: %w", err)
		}
		i.Cards = append(i.Cards, card)
	}
	return i, nil
}

// compareInsured says what a line changes, and where the person's space is.
func (h *Hub) compareInsured(ctx context.Context, p InsuredPerson, i patient.Insured) (c RegisterChange, part store.Part, err error) {
	c = RegisterChange{Matricule: p.Matricule.Canonical(), ByPost: p.Mail == "" && p.Phone == ""}
	a, err := h.PatientAddress(p.Matricule)
	if err != nil {
		return c, "", err
	}
	part, _, err = h.find(ctx, a)
	if err != nil {
		return c, "", err
	}
	var sp patient.Space
	var was patient.Insured
	var known bool
	err = h.view(ctx, part, func(r store.Reader) error {
		var errs [2]error
		sp, known, errs[0] = patient.Load(r, h.scope(part))
		was, _, errs[1] = patient.LoadInsured(r, h.scope(part))
		return errors.Join(errs[:]...)
	})
	if err != nil || !known {
		c.New = err == nil
		return c, part, err
	}
	contact, err := h.contactOf(ctx, part)
	if err != nil {
		return c, part, err
	}
	next, traits := fromRegister(contact, p), completed(p.Traits, sp.Traits)
	for _, field := range []struct {
		name  string
		other bool
	}{
		{"birth_name", traits.BirthName != sp.Traits.BirthName},
		{"first_names", traits.FirstNames != sp.Traits.FirstNames},
		{"birth_date", traits.BirthDate != sp.Traits.BirthDate},
		{"sex", traits.Sex != sp.Traits.Sex},
		{"birth_place", traits.BirthPlace != sp.Traits.BirthPlace},
		{"cards", !slices.EqualFunc(i.Cards, was.Cards, sameCard)},
		{"holder", i.Holder != was.Holder},
		{"deceased", i.Deceased != was.Deceased},
		{"mail", next.Mail != contact.Mail},
		{"phone", next.Phone != contact.Phone},
	} {
		if field.other {
			c.Changed = append(c.Changed, field.name)
		}
	}
	c.ByPost = next.Mail == "" && next.Phone == ""
	return c, part, nil
}

func sameCard(a, b patient.Card) bool { return a.Model == b.Model && slices.Equal(a.Hash, b.Hash) }

// completed gives the traits that a line of the register names, and keeps those
// on which it is silent: a file may lack a column.
func completed(said, known patient.Traits) patient.Traits {
	said.BirthDate = cmp.Or(said.BirthDate, known.BirthDate)
	said.Sex = cmp.Or(said.Sex, known.Sex)
	said.BirthPlace = cmp.Or(said.BirthPlace, known.BirthPlace)
	return said
}

// fromRegister completes a contact with what the register says, where the
// patient has not said otherwise.
func fromRegister(c patient.Contact, p InsuredPerson) patient.Contact {
	if c.MailChecked.IsZero() && p.Mail != "" {
		c.Mail = p.Mail
	}
	if c.PhoneChecked.IsZero() && p.Phone != "" {
		c.Phone = p.Phone
	}
	return c
}

// putOnCard notes with the holder of a card who else is on it. It reports
// whether the holder is not known.
func (h *Hub) putOnCard(ctx context.Context, holder, on ident.Matricule) (unknown bool, err error) {
	a, err := h.PatientAddress(holder)
	if err != nil {
		return false, err
	}
	part, known, err := h.find(ctx, a)
	if err != nil || !known {
		return !known, err
	}
	return false, h.commit(ctx, part, func(t *tx) error {
		i, _, err := patient.LoadInsured(t, t.Scope)
		if err != nil || i.Holds(on) {
			return err
		}
		i.Dependants = append(i.Dependants, on.Canonical())
		return patient.Register(t, t.Scope, i)
	})
}

// applyInsured takes a line over. Somebody who is new is told that a space will
// open, if the register says how.
func (h *Hub) applyInsured(ctx context.Context, operator string, part store.Part, p InsuredPerson, i patient.Insured, tell bool) error {
	contact, err := h.contactOf(ctx, part)
	if err != nil {
		return err
	}
	pepper, err := h.pepper(ctx)
	if err != nil {
		return err
	}
	contact = fromRegister(contact, p)
	return h.do(ctx, part, func(t *tx) error {
		cert, err := h.cert(t, part)
		if err != nil {
			return err
		}
		was, _, err := patient.LoadInsured(t, t.Scope)
		if err != nil {
			return err
		}
		sp, _, err := patient.Load(t, t.Scope)
		if err != nil {
			return err
		}
		i.Dependants = was.Dependants
		t.note(byOperator(operator, audit.ActRegister, ""))
		err = errors.Join(
			patient.Correct(t, t.Scope, completed(p.Traits, sp.Traits)),
			patient.Register(t, t.Scope, i),
			patient.SetContact(t, t.Scope, cert, contact))
		if n := (Notice{Kind: NoticeSpaceMade, Channel: ByMail, To: contact.Mail}); err == nil && tell {
			if n.To == "" {
				n.Channel, n.To = BySMS, contact.Phone
			}
			n.Code, err = h.announceSpace(t, pepper)
			t.note(byOperator(operator, string(patient.Notice), ""))
			err = errors.Join(err, h.notice(t, n))
		}
		return err
	})
}
