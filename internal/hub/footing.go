package hub

import (
	"context"
	"strings"
	"time"

	"vaguemestre/internal/conversation"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A Footing is how a professional stands before a record: what opens it to them
// and until when, and what they may ask for. It tells nothing of what the patient
// has decided but what it gives.
type Footing struct {
	PatientView
	Consent, CareTeam, Administrator patient.Grant        // those in force, else zero
	Emergency                        policy.EmergencyKind // in force, until…
	Until                            time.Time

	MayDeclare  bool // such a professional may say what they are to a patient
	MayBreak    bool // or ask for an emergency access…
	MayRegulate bool // …as the regulating physician of a SAMU

	Exchange Exchange // by mail, of this professional, or of the mailbox that they act in, with the patient

	TeamFor, AgreedFor, EmergencyFor time.Duration // how long what is asked for would last
}

// An Exchange is where the mails between a professional and a patient stand.
type Exchange int

// An exchange is opened by the professional, and ended by them; writing again
// opens it again.
const (
	NoExchange Exchange = iota
	ExchangeOpen
	ExchangeEnded
)

// Footing tells how an actor stands before the record of an ID, as PatientByID
// does, which is in the trail once a session. An ID is no matricule: nobody tries
// them out, so that only those of nothing slow anybody down, and an emergency does
// not wait. Of somebody who acts in a mailbox that they share, the footing is their
// own, and the exchange that of the mailbox.
func (h *Hub) Footing(ctx context.Context, a Actor, id string) (Footing, error) {
	from := a.Address
	if a.Member != nil {
		a = *a.Member
	}
	var f standing
	var exchange Exchange
	part := recordPart(id)
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		if f, err = h.standing(r, part, a); err != nil {
			return err
		}
		exchange, err = h.exchange(r, part, from)
		return err
	})
	if err != nil {
		return Footing{}, err
	}
	v, err := h.told(ctx, a, part, f)
	if err != nil {
		return Footing{}, err
	}
	return h.footing(a, f, v, exchange), nil
}

func (h *Hub) exchange(r store.Reader, part store.Part, with ident.Address) (Exchange, error) {
	t, ok, err := conversation.With(r, h.scope(part), with)
	switch {
	case err != nil || !ok:
		return NoExchange, err
	case t.Open:
		return ExchangeOpen, nil
	}
	return ExchangeEnded, nil
}

func (h *Hub) footing(a Actor, f standing, v PatientView, exchange Exchange) Footing {
	now := f.request.Now
	out := Footing{PatientView: v, Exchange: exchange, TeamFor: h.Limits.CareTeam, AgreedFor: h.Limits.Declared, EmergencyFor: h.Limits.Glass}
	if v.Access.Allow {
		for grant, to := range map[*patient.Grant]*patient.Grant{
			&f.relation.Consent: &out.Consent, &f.relation.CareTeam: &out.CareTeam, &f.relation.Administrator: &out.Administrator,
		} {
			if grant.InForce(now) {
				*to = *grant
			}
		}
		if e := f.request.Emergency; strings.HasPrefix(v.Access.Rule, "emergency/") {
			out.Emergency, out.Until = e.Kind, e.Until
		}
	}
	out.MayDeclare, out.MayBreak = f.mayAskFor()
	out.MayRegulate = out.MayBreak && h.mayNotAsk(a, policy.Centre15) == nil
	return out
}

// mayAskFor tells what the actor might ask for before a patient who has decided
// nothing: what this one has decided is told to whoever asks, and then only as far
// as policy has it.
func (f standing) mayAskFor() (declare, glass bool) {
	q := f.request
	q.Relation = policy.Relation{}
	q.Act, q.Declares = policy.DeclareCare, policy.PatientAgreed
	declare = policy.Decide(q).Allow
	q.Act, q.Declares = policy.BreakGlass, policy.NoCare
	q.Emergency = policy.Emergency{Kind: policy.BrokenGlass, Reason: true}
	return declare, policy.Decide(q).Allow
}
