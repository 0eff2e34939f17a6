package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// object objects to a space, or closes it if it is open, and gives the proof. One
// that is objected to or closed already gives the proof of that.
func (h *Hub) object(ctx context.Context, a Actor, part store.Part, erase bool) (Proof, error) {
	sp, err := h.spaceOf(ctx, part)
	if err != nil {
		return Proof{}, err
	}
	var events []patient.Event
	switch sp.State {
	case policy.Enrolled:
		events = append(events, patient.Oppose)
	case policy.Active:
		events = append(events, patient.Close)
	}
	switch asked := !sp.EraseAsked.IsZero(); {
	case erase && !asked:
		events = append(events, patient.AskErasure)
	case !erase && asked:
		events = append(events, patient.KeepAll)
	}
	if len(events) > 0 {
		if sp, err = h.changeLife(ctx, a, part, events...); err != nil {
			return Proof{}, err
		}
	}
	p, err := h.prove(ctx, sp)
	if errors.Is(err, fault.NotFound) && sp.State == policy.Archived {
		return Proof{Reference: sp.Proof, Event: patient.Close, At: sp.Since}, nil
	}
	return p, err
}

// Dependants lists the minors on the Vitale card of an actor: what the register
// says in the space of each.
func (h *Hub) Dependants(ctx context.Context, a Actor) (list []Dependant, err error) {
	var i patient.Insured
	var own patient.Space
	err = h.view(ctx, a.Part, func(r store.Reader) error {
		var errs [2]error
		i, _, errs[0] = patient.LoadInsured(r, h.scope(a.Part))
		own, _, errs[1] = patient.Load(r, h.scope(a.Part))
		return errors.Join(errs[:]...)
	})
	if err != nil || own.IsMinor(h.Now()) {
		return nil, err
	}
	for _, text := range i.Dependants {
		m, err := ident.ParseMatricule(text)
		if err != nil {
			return nil, fmt.Errorf("hub: dependants: %w", fault.Corrupt)
		}
		address, err := h.PatientAddress(m)
		if err != nil {
			return nil, err
		}
		part, err := h.partOf(ctx, address)
		if err != nil {
			return nil, err
		}
		err = h.view(ctx, part, func(r store.Reader) error {
			said, _, err := patient.LoadInsured(r, h.scope(part))
			if err != nil {
				return err
			}
			f, err := h.standing(r, part, a)
			if f.space.State != policy.None && said.Holder == own.Matricule && !said.Deceased && f.space.IsMinor(h.Now()) {
				list = append(list, Dependant{Record: string(part), Name: f.space.Traits.Name(), BirthDate: f.space.Traits.BirthDate,
					State: f.space.State, Erasure: h.erasure(f.space), Represented: f.person.InForce(h.Now()) && f.person.Kind == patient.Representative})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// erasure is when what a space holds is erased, as its owner asked.
func (h *Hub) erasure(sp patient.Space) time.Time {
	if sp.EraseAsked.IsZero() {
		return time.Time{}
	}
	return sp.EraseAsked.Add(h.Delays.Erasure)
}

// DecideFor makes an actor the representative of a dependant on their card, as
// they certify, and opens the dependant's space or objects to it: then it gives
// the proof. Whoever is not on their card is fault.NotFound.
func (h *Hub) DecideFor(ctx context.Context, a Actor, c Choice) (Proof, error) {
	if !c.Certified {
		return Proof{}, &notCertified
	}
	if err := h.proved(ctx, a); err != nil {
		return Proof{}, err
	}
	list, err := h.Dependants(ctx, a)
	if err != nil {
		return Proof{}, err
	}
	for _, d := range list {
		if d.Record != c.Record {
			continue
		}
		part := recordPart(d.Record)
		if err := h.represent(ctx, a, part, d); err != nil {
			return Proof{}, err
		}
		if !c.Open {
			return h.object(ctx, a, part, c.Erase)
		}
		event, closed := openings[d.State]
		if !closed {
			return Proof{}, nil
		}
		_, err := h.changeLife(ctx, a, part, event)
		return Proof{}, err
	}
	return Proof{}, fmt.Errorf("hub: dependant: %w", fault.NotFound)
}

// represent makes an actor the representative of a dependant, once.
func (h *Hub) represent(ctx context.Context, a Actor, part store.Part, d Dependant) error {
	sp, err := h.spaceOf(ctx, part)
	if err != nil {
		return err
	}
	hint, err := h.helpedIn(part, sp, patient.Representative)
	if err != nil {
		return err
	}
	if err := h.hintHelped(ctx, a.Part, hint); err != nil || d.Represented {
		return err
	}
	return h.do(ctx, part, func(t *tx) error {
		t.note(a.did("represent", ""))
		return patient.Represent(t, t.Scope, patient.Person{Part: a.Part, Address: a.Address.Canonical(), Name: a.Name, By: a.Address.Canonical()}, t.now)
	})
}
