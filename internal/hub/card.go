package hub

import (
	"context"
	"errors"
	"time"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A Correspondent is whom somebody writes with: what the directory says of their
// address, and not what a mail says of itself.
type Correspondent struct {
	Address      string // as a mail has it
	Name         string // of the directory; else as the mail has it, or the address
	Kind         CorrespondentKind
	RPPS         string // eleven digits: the directory answers for who this is
	Profession   policy.Profession
	Organisation string
}

// A CorrespondentKind is what is behind an address.
type CorrespondentKind string

// The kinds.
const (
	OfProfessional CorrespondentKind = "professional"
	OfOrganisation CorrespondentKind = "organisation"
	OfProgram      CorrespondentKind = "programme"
	OfPatient      CorrespondentKind = "patient"
	OfThisHub      CorrespondentKind = "hub"
	OfNobody       CorrespondentKind = "gone" // the directory does not know them, or no more
)

// A card is what the directory said of an address, and when.
type card struct {
	Correspondent
	at time.Time
}

const (
	maxCards = 4096
	cardLife = 5 * time.Minute
)

// correspondent tells who is behind an address of a mail.
func (h *Hub) correspondent(ctx context.Context, a message.Address) (Correspondent, error) {
	as := Correspondent{Address: a.Spec(), Name: a.Name, Kind: OfNobody}
	if as.Name == "" {
		as.Name = as.Address
	}
	if a.Host == h.Domain && a.Mailbox == h.postmaster().Mailbox {
		as.Kind, as.Name = OfThisHub, h.postmaster().Name
		return as, nil
	}
	address, err := ident.ParseAddress(as.Address)
	if err != nil {
		return as, nil
	}
	if h.isPatient(address) { // whether there is a space is not told
		as.Kind = OfPatient
		return as, nil
	}
	if c, ok := h.cards.get(address); ok && h.Now().Sub(c.at) < cardLife {
		return c.as(as), nil
	}
	c, err := h.look(ctx, address)
	if err != nil {
		return as, err
	}
	h.cards.put(address, c)
	return c.as(as), nil
}

// look asks the directory.
func (h *Hub) look(ctx context.Context, a ident.Address) (card, error) {
	c := card{Correspondent{Kind: OfNobody}, h.Now()}
	part, known, err := h.find(ctx, a)
	if err != nil || !known {
		return c, err
	}
	to := addressee{Address: a, Part: part}
	err = h.view(ctx, part, func(r store.Reader) error { return h.load(r, &to) })
	if errors.Is(err, fault.Corrupt) || err == nil && !to.Known {
		return c, nil
	}
	b := to.BAL
	c.Name, c.RPPS, c.Profession, c.Organisation = b.Name, b.RPPS, b.Profession, b.Organisation
	switch b.Kind {
	case directory.Organisational, directory.Practice:
		c.Kind = OfOrganisation
	case directory.Application:
		c.Kind = OfProgram
	default:
		c.Kind = OfProfessional
	}
	return c, err
}

// as completes what a mail says with what the directory does.
func (c card) as(said Correspondent) Correspondent {
	if c.Kind == OfNobody {
		return said
	}
	known := c.Correspondent
	known.Address = said.Address
	if known.Name == "" {
		known.Name = said.Name
	}
	return known
}

// over reports whether a correspondent wrote to a patient, and takes no answer
// any more.
func (d *desk) over(r store.Reader, c Correspondent) (bool, error) {
	a, err := ident.ParseAddress(c.Address)
	if err != nil || c.Kind == OfPatient || c.Kind == OfThisHub {
		return false, nil
	}
	th, err := answerThread(r, d.h, d.actor.Part, a)
	return th.Exists && !th.Open, err
}
