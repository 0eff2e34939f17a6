package hub

import (
	"cmp"
	"context"
	"time"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// recordFacts gathers what policy needs to know of an actor before the record
// in a partition, in a transaction on it: who asks, the space, what stands
// between the two, and an emergency. The act and the document are the caller's.
func (h *Hub) recordFacts(r store.Reader, part store.Part, a Actor) (policy.Request, error) {
	f, err := h.standing(r, part, a)
	return f.request, err
}

// A standing is how an actor stands before a record, with all that was read to
// know it.
type standing struct {
	request  policy.Request
	space    patient.Space
	relation patient.Relation
	choices  patient.Choices
	person   patient.Person // who acts for the owner, in force or not
}

func (h *Hub) standing(r store.Reader, part store.Part, a Actor) (f standing, err error) {
	f.request = policy.Request{Actor: a.policy(), Now: h.Now(), Matrix: h.Matrix().Matrix}
	s := h.scope(part)
	if f.space, _, err = patient.Load(r, s); err != nil {
		return f, err
	}
	f.request.Space = policy.Space{Owner: string(part), State: f.space.State}
	if a.Role == policy.Patient {
		if a.Part != part {
			f.person, _, err = patient.PersonOf(r, s, a.Part)
			f.request.Relation = delegationOf(f.person, f.space, f.request.Now)
		}
		return f, err
	}
	if f.relation, err = patient.With(r, s, a.who()); err != nil {
		return f, err
	}
	if f.choices, err = patient.LoadChoices(r, s); err != nil {
		return f, err
	}
	glass, err := patient.LoadGlass(r, s, a.who())
	f.request.Emergency = emergencyOf(glass, f.choices)
	f.request.Relation = h.relationOf(f.relation, f.choices, f.request.Now)
	return f, err
}

// delegationOf gives by what right somebody acts for the owner of a space, as
// policy sees it at a time. Policy wants an end for everything: what has none
// set lasts for now.
func delegationOf(p patient.Person, sp patient.Space, now time.Time) policy.Relation {
	if p.State != patient.Accepted {
		return policy.Relation{}
	}
	if p.Kind == patient.Representative {
		until, known := sp.Majority()
		if !known && sp.Minor {
			until = now.Add(1)
		}
		return policy.Relation{LegalRepresentative: true, RepresentsUntil: until}
	}
	n := policy.Relation{Carer: p.Kind == patient.Carer, CarerUntil: p.Until}
	if p.Until.IsZero() {
		n.CarerUntil = now.Add(1)
	}
	for scope, has := range map[policy.Scope]bool{
		policy.ReadDocuments: p.Scope.ReadDocuments, policy.ReadMessages: p.Scope.ReadMessages,
		policy.WriteMessages: p.Scope.WriteMessages, policy.Agenda: p.Scope.Agenda,
		policy.Profile: p.Scope.Profile, policy.Trail: p.Scope.Trail,
	} {
		if has {
			n.Scope |= scope
		}
	}
	return n
}

// relationOf gives a relation as policy sees it at a time.
func (h *Hub) relationOf(n patient.Relation, c patient.Choices, now time.Time) policy.Relation {
	return policy.Relation{
		Blocked: !n.Blocked.IsZero(), BlockSparesMail: h.BlockSparesMail,
		TreatingPhysician: n.Role == patient.TreatingPhysician,
		Administrator:     n.Administrator.InForce(now),
		Consent:           n.Consent.InForce(now),
		CareTeam:          n.CareTeam.InForce(now),
		CareTeamOpposed:   c.OpposedToCareTeam || !n.CareTeamOpposed.IsZero(),
	}
}

func emergencyOf(g patient.Glass, c patient.Choices) policy.Emergency {
	return policy.Emergency{
		Kind: g.Kind, Reason: g.Kind != policy.NoEmergency, Until: g.Until, // none is granted without a reason
		OpposedToBreakGlass: c.OpposedToBreakGlass, OpposedToCentre15: c.OpposedToCentre15, MaskedToo: c.MaskedInEmergency,
	}
}

// who names an actor as the records of patients know them.
func (a Actor) who() patient.Who { return patient.Who{RPPS: a.RPPS, Address: a.Address.Canonical()} }

// whoHas names whoever has a mailbox, in this hub or not, as the records of
// patients know them.
func whoHas(a ident.Address, b directory.BAL) patient.Who {
	return patient.Who{RPPS: b.RPPS, Address: a.Canonical()}
}

// professional reads what the directory says of a mailbox, and refuses none: the
// patient may block one of another operator.
func (h *Hub) professional(ctx context.Context, address ident.Address) (patient.Relation, error) {
	part, known, err := h.find(ctx, address)
	if err != nil || !known {
		return patient.Relation{Who: whoHas(address, directory.BAL{})}, err
	}
	var b directory.BAL
	err = h.view(ctx, part, func(r store.Reader) error {
		b, _, err = directory.Load(r, h.scope(part))
		return err
	})
	return patient.Relation{Who: whoHas(address, b), Name: b.Name, Profession: b.Profession, Organisation: b.Organisation}, err
}

// describe completes n with what m says of the same person.
func describe(n *patient.Relation, m patient.Relation) {
	n.Who = m.Who
	n.Name = cmp.Or(m.Name, n.Name)
	n.Profession = cmp.Or(m.Profession, n.Profession)
	n.Organisation = cmp.Or(m.Organisation, n.Organisation)
}
