package hub

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// Enrolment: how the insured person opens their space, or objects to it. They
// ask for a provisional code with their Vitale card (AskCode), or have one from a
// letter; BeginEnrolment takes it and gives a ticket. The steps that follow are
// in activate.go. It is also how somebody comes back who has lost their password,
// or whose space is closed.

// An Identity is what somebody says of themselves to be known: what is printed on
// their Vitale card, and their date of birth.
type Identity struct {
	Matricule  ident.Matricule
	BirthDate  string // YYYYMMDD, 00 where unknown
	CardModel  patient.CardModel
	CardSerial string // as typed
}

// An Enrolment is what somebody sees who has proved who they are.
type Enrolment struct {
	Ticket     string // for the steps that follow, for patient.EnrolmentLife
	Name       string
	State      policy.SpaceState
	Erasure    time.Time // when what it holds is erased, as was asked; zero: not asked
	Login      string    // the one they have already; "": none
	Mail       string    // as far as its owner knows it; "": none
	Phone      string
	Checked    []Channel      // which of the two were checked: the last code goes there
	Left       []patient.Step // what is to be done, in order
	Dependants []Dependant    // minors on their card
}

// A Dependant is a minor on somebody's Vitale card.
type Dependant struct {
	Record      string // ID
	Name        string
	BirthDate   string
	State       policy.SpaceState
	Erasure     time.Time // as in Enrolment
	Represented bool      // by this person, already
}

// Refusals that only who has proved who they are hears.
var (
	enrolmentOver = Refusal{Rule: "enrolment/timed-out", Kind: fault.Unauthenticated, // SESSION_TIMED_OUT
		FR: "Le temps est écoulé. Recommencez avec un nouveau code.", EN: "Time is up. Begin again with a new code."}
	isDeceased = Refusal{Rule: "enrolment/deceased", Kind: fault.Denied, // DECEASED_INDIVIDUAL
		FR: "Cette personne est déclarée décédée. Adressez-vous à sa caisse.", EN: "This person is declared deceased. Please turn to their insurer."}
)

// AskCode sends a provisional code to where the register says that a person is
// reached, if they are who they say. The answer is the same if they are not, or
// if there is nobody, or nothing to send to. What no card or date can be is
// fault.Invalid; sooner than thirty seconds after another code, or too often, it
// is fault.Throttled.
func (h *Hub) AskCode(ctx context.Context, at Attempt, id Identity, by Channel) error {
	c, err := h.claimant(ctx, id)
	if err != nil {
		return err
	}
	c.Channel = by
	return h.sendProvisional(ctx, at, c)
}

// claimant compares what somebody says with what the register does. Where it
// fits, the code goes to their contact, which is read when it leaves.
func (h *Hub) claimant(ctx context.Context, id Identity) (c claimant, err error) {
	card, err := patient.NewCard(h.Index, id.CardModel, id.CardSerial)
	if err != nil {
		return c, err
	}
	if len(id.BirthDate) != 8 || strings.Trim(id.BirthDate, "0123456789") != "" {
		return c, fmt.Errorf("hub: enrolment: date of birth: %w", fault.Invalid)
	}
	a, err := h.PatientAddress(id.Matricule)
	if err != nil {
		return c, err
	}
	part, err := h.partOf(ctx, a)
	if err != nil {
		return c, err
	}
	c.Claim = []string{id.Matricule.Canonical(), id.BirthDate, string(card.Model), hex.EncodeToString(card.Hash)}
	err = h.view(ctx, part, func(r store.Reader) error {
		sp, known, err := patient.Load(r, h.scope(part))
		if err != nil {
			return err
		}
		i, _, err := patient.LoadInsured(r, h.scope(part))
		born := subtle.ConstantTimeCompare([]byte(sp.Traits.BirthDate), []byte(id.BirthDate)) == 1
		has := i.Has(card)
		if known && born && has {
			c.Part = part
			if !i.Deceased {
				c.To = toContactOf + string(part)
			}
		}
		return err
	})
	return c, err
}

// toContactOf begins, in a notice, the name of a space whose contact it goes to:
// whoever asks for it does no other work than for nobody.
const toContactOf = "="

// registered returns where a provisional code may go: to what its owner has
// checked; before they have checked anything, to what the register says.
func (h *Hub) registered(ctx context.Context, part store.Part, by Channel) (to, phrase string, err error) {
	c, err := h.contactOf(ctx, part)
	if err != nil {
		return "", "", err
	}
	if c.HasMail() || c.HasPhone() {
		_, to = route(c, by, false)
		return to, c.Phrase, nil
	}
	if by == ByMail {
		return c.Mail, c.Phrase, nil
	}
	if !patient.MobilePhone(c.Phone) {
		return "", "", nil
	}
	return c.Phone, c.Phrase, nil
}

// BeginEnrolment takes a provisional code, from AskCode or from a letter, and
// lets the person choose. Capitals count, and a code works once. A wrong one, or
// one for somebody else, is fault.Unauthenticated.
func (h *Hub) BeginEnrolment(ctx context.Context, at Attempt, id Identity, code string) (Enrolment, error) {
	c, err := h.claimant(ctx, id)
	if err != nil {
		return Enrolment{}, err
	}
	ticket, err := h.redeemProvisional(ctx, at, c.Claim, code)
	if errors.Is(err, fault.Unauthenticated) {
		ticket, err = h.redeemLetter(ctx, at, c, code, err)
	}
	if err != nil {
		return Enrolment{}, err
	}
	part, err := h.openProof(ctx, ticket)
	if err != nil {
		return Enrolment{}, err
	}
	if part != c.Part { // what was true when the code was sent is no more
		return Enrolment{}, fmt.Errorf("hub: enrolment: %w", fault.Unauthenticated)
	}
	if err := h.finishOpening(ctx, part); err != nil {
		return Enrolment{}, err
	}
	if err := h.startEnrolment(ctx, part, ticket); err != nil {
		return Enrolment{}, err
	}
	return h.Enrolment(ctx, ticket)
}

// redeemLetter tries a code as one that came in a letter, or with the notice that
// a space will open. Whether there was one or not, it costs the same. wrong is
// what is said of the code otherwise.
func (h *Hub) redeemLetter(ctx context.Context, at Attempt, c claimant, code string, wrong error) (string, error) {
	p, err := h.pepper(ctx)
	if err != nil {
		return "", err
	}
	part := c.Part
	if part == "" {
		part = account.ActivationPart(h.Index, append(c.Claim, "letter")...)
	}
	var result account.CodeResult
	err = h.commit(ctx, part, func(t *tx) error {
		result, err = account.CheckCode(t, p, part, account.ActivationCode, code, t.now)
		return err
	})
	if err != nil {
		return "", err
	}
	if c.Part == "" || result == account.CodeWrong {
		return "", wrong
	}
	refused := refuseCode(result)
	if err := h.noteProvisional(ctx, at, part, part, "use-code", refused != nil); err != nil || refused != nil {
		return "", errors.Join(err, refused)
	}
	return sealTicket(p, proof{part, h.Now()}, proofContext)
}

// startEnrolment begins where the person stands: an open space is not decided
// again, terms and contacts that hold are not asked for again.
func (h *Hub) startEnrolment(ctx context.Context, part store.Part, ticket string) error {
	c, err := h.contactOf(ctx, part)
	if err != nil {
		return err
	}
	return h.commit(ctx, part, func(t *tx) error {
		sp, _, err := patient.Load(t, t.Scope)
		if err != nil {
			return err
		}
		i, _, err := patient.LoadInsured(t, t.Scope)
		if err != nil {
			return err
		}
		if i.Deceased {
			return &isDeceased
		}
		terms, err := patient.LoadTerms(t, t.Scope)
		e := patient.Enrolment{Stage: patient.Proved, Ticket: h.ticketName(ticket), Begun: t.now}
		if sp.State == policy.Active {
			e.Stage = patient.Decided
			if terms.Version == TermsVersion {
				e.Stage = patient.Agreed
				if c.HasMail() || c.HasPhone() {
					e.Stage = patient.Reachable
				}
			}
		}
		return errors.Join(err, patient.Begin(t, t.Scope, e))
	})
}

// ticketName tells tickets apart without being one.
func (h *Hub) ticketName(ticket string) string {
	mac := h.Index.MAC("hub/enrolment", ticket)
	return hex.EncodeToString(mac[:16])
}

// An enrollee is who holds a ticket. They are nobody who has logged in: the Actor
// is for the acts of this enrolment.
type enrollee struct {
	Actor
	ticket string // its name
	now    patient.Enrolment
	space  patient.Space
}

// enrollee returns who holds a ticket; enrolmentOver if nobody does any more.
func (h *Hub) enrollee(ctx context.Context, ticket string) (e enrollee, err error) {
	part, err := h.openProof(ctx, ticket)
	if err == nil {
		e.ticket = h.ticketName(ticket)
		err = h.view(ctx, part, func(r store.Reader) error {
			if e.now, err = patient.Enrolling(r, h.scope(part), e.ticket, h.Now()); err != nil {
				return err
			}
			if e.space, _, err = patient.Load(r, h.scope(part)); err != nil {
				return err
			}
			b, _, err := directory.Load(r, h.scope(part))
			if err != nil {
				return err
			}
			address, err := ident.ParseAddress(b.Address)
			e.Actor = actorOf(address, part, b)
			return err
		})
	}
	if errors.Is(err, fault.Unauthenticated) {
		err = &enrolmentOver
	}
	return e, err
}

// Enrolment tells whoever holds a ticket how far they have come.
func (h *Hub) Enrolment(ctx context.Context, ticket string) (Enrolment, error) {
	e, err := h.enrollee(ctx, ticket)
	if err != nil {
		return Enrolment{}, err
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return Enrolment{}, err
	}
	view := Enrolment{Ticket: ticket, Name: e.space.Traits.Name(), State: e.space.State, Erasure: h.erasure(e.space), Left: e.now.Left()}
	who, _, err := h.personIn(ctx, p, e.Part)
	if err != nil {
		return Enrolment{}, err
	}
	view.Login = who.Login
	c, err := h.contactOf(ctx, e.Part)
	if err != nil {
		return Enrolment{}, err
	}
	view.Mail, view.Phone = patient.MaskMail(c.Mail), patient.MaskPhone(c.Phone)
	if c.HasMail() {
		view.Checked = append(view.Checked, ByMail)
	}
	if c.HasPhone() {
		view.Checked = append(view.Checked, BySMS)
	}
	view.Dependants, err = h.Dependants(ctx, e.Actor)
	return view, err
}
