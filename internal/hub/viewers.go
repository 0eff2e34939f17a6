package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// WhoCanSee tells the patient, or whoever decides for them, who may read a
// document now and why: its owner and those who act for them, everybody whom the
// record knows, who filed it, and for each profession whoever belongs to the
// care team. policy.Explain has the sentence of each rule.
func (h *Hub) WhoCanSee(ctx context.Context, a Actor, documentID string) (list []Viewer, err error) {
	part, own := documentPart(documentID)
	err = h.ask(ctx, a, part, a.did("see-who", own), func(r store.Reader, f standing, key *ownerKey) error {
		d, err := h.document(r, part, key, own)
		if err != nil {
			return err
		}
		if !f.mayRead(d, a).Allow {
			return fmt.Errorf("hub: document: %w", fault.NotFound)
		}
		list, err = h.viewers(r, part, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// SeeAs lists, for the patient or whoever decides for them, what somebody else
// would see of the record now: a professional, by an address, or whoever of a
// profession belongs to the care team, by its code. What the patient may not see
// yet is not in it.
func (h *Hub) SeeAs(ctx context.Context, a Actor, recordID, as string) (list []DocumentView, err error) {
	part := recordPart(recordID)
	them, err := h.viewpoint(ctx, as)
	if err != nil {
		return nil, err
	}
	err = h.ask(ctx, a, part, a.did("see-as", as), func(r store.Reader, f standing, key *ownerKey) error {
		list = nil
		other, err := h.standingOf(r, part, them)
		if err != nil {
			return err
		}
		access := other.decide(policy.ListDocuments)
		if !access.Allow {
			return nil
		}
		docs, err := h.documents(r, part, key)
		for _, d := range docs {
			if access := other.mayRead(d, them); access.Allow && f.mayRead(d, a).Allow {
				list = append(list, viewDocument(other.view(part, access), d, access))
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// ask opens a record for one who decides there, to a question about who sees
// what. The trail has it first.
func (h *Hub) ask(ctx context.Context, a Actor, part store.Part, e audit.Entry, fn func(store.Reader, standing, *ownerKey) error) error {
	_, d, err := h.stand(ctx, a, part, policy.ManageAccess)
	switch {
	case err != nil:
		return err
	case !d.Allow:
		return h.refused(ctx, part, e, a, d)
	}
	key, err := h.linger(ctx, part)
	if err != nil {
		return err
	}
	if err := h.note(ctx, part, decided(e, d)); err != nil {
		return err
	}
	return h.view(ctx, part, func(r store.Reader) error {
		f, err := h.standing(r, part, a)
		if err != nil {
			return err
		}
		return fn(r, f, key)
	})
}

// viewpoint returns who sees: somebody with an address, or anybody of a
// profession. Neither is fault.NotFound.
func (h *Hub) viewpoint(ctx context.Context, as string) (Actor, error) {
	if !strings.Contains(as, "@") {
		p := policy.Profession(as)
		for known := range policy.Professions() {
			if known == p {
				return Actor{Role: policy.Professional, Profession: p}, nil
			}
		}
		return Actor{}, fmt.Errorf("hub: profession: %w", fault.NotFound)
	}
	address, err := ident.ParseAddress(as)
	if err != nil {
		return Actor{}, err
	}
	to, err := h.resolve(ctx, address)
	switch {
	case err != nil:
		return Actor{}, err
	case to.Patient || !to.Known:
		return Actor{}, fmt.Errorf("hub: professional: %w", fault.NotFound)
	}
	return actorOf(address, to.Part, to.BAL), nil
}

// standingOf reads how somebody stands before a record; who has no address is
// taken for a member of the care team.
func (h *Hub) standingOf(r store.Reader, part store.Part, a Actor) (standing, error) {
	f, err := h.standing(r, part, a)
	if a.Role == policy.Professional && a.Address.IsZero() {
		f.request.Relation.CareTeam = true
	}
	return f, err
}

// viewers decides for everybody who could read a document.
func (h *Hub) viewers(r store.Reader, part store.Part, d vault.Document) (list []Viewer, err error) {
	s := h.scope(part)
	sp, _, err := patient.Load(r, s)
	persons, failed := patient.Persons(r, s)
	known, unread := patient.Relations(r, s)
	if err := errors.Join(err, failed, unread); err != nil {
		return nil, err
	}
	who := []Actor{{Part: part, Role: policy.Patient, Name: sp.Traits.Name()}}
	for _, p := range persons {
		if p.State == patient.Accepted {
			who = append(who, Actor{Part: p.Part, Role: policy.Patient, Name: p.Name})
		}
	}
	filed := filer(d.Entry)
	for _, n := range known {
		b := actorOfRelation(n)
		if isAuthor(&d.Entry, b) || b.Address == filed.Address {
			b.Part, filed = store.Part(d.Entry.FiledBy), Actor{}
		}
		who = append(who, b)
	}
	if filed.Name != "" {
		who = append(who, filed)
	}
	for p := range policy.Professions() {
		who = append(who, Actor{Role: policy.Professional, Profession: p})
	}
	for _, b := range who {
		f, err := h.standingOf(r, part, b)
		if err != nil {
			return nil, err
		}
		list = append(list, Viewer{Name: b.Name, Profession: b.Profession, Role: b.Role, Access: f.mayRead(d, b)})
	}
	return list, nil
}

// actorOfRelation returns somebody the record knows as one who asks.
func actorOfRelation(n patient.Relation) Actor {
	a, _ := ident.ParseAddress(n.Who.Address)
	b := Actor{Address: a, RPPS: n.Who.RPPS, Name: cmp.Or(n.Name, n.Who.Address), Role: policy.Professional, Profession: n.Profession, Organisation: n.Organisation}
	if n.Profession == "" {
		b.Role = policy.Organisation
	}
	return b
}

// filer returns who filed a document, as one who asks; nobody, if its owner
// deposited it. What the entry says of a profession is good enough: the author
// reads whatever it is.
func filer(e vault.Entry) Actor {
	if e.Depositor != "" {
		return Actor{}
	}
	a, _ := ident.ParseAddress(e.Sender)
	profession, _, _ := strings.Cut(e.Author.Profession, "/")
	b := Actor{Address: a, Part: store.Part(e.FiledBy), RPPS: rpps(e.Author.ID), Name: cmp.Or(e.Author.Name, e.Sender),
		Role: policy.Professional, Profession: policy.Profession(profession), Establishment: e.Establishment, Organisation: e.Author.Organisation}
	return b
}

// WhyDocument tells an operator why a professional may or may not read a
// document of a patient: one, by its ID, or whichever of a type, by its code. It
// tells the rule and nothing of the document, and goes into both trails.
func (h *Hub) WhyDocument(ctx context.Context, operator string, professional, of ident.Address, document string) (x Explanation, err error) {
	them, err := h.viewpoint(ctx, professional.Canonical())
	if err != nil {
		return x, err
	}
	if !h.isPatient(of) {
		return x, fmt.Errorf("hub: why: %w", fault.NotFound)
	}
	part, err := h.mailboxAt(ctx, of)
	if err != nil {
		return x, err
	}
	d := vault.Document{Entry: vault.Entry{TypeCode: document}}
	var key *ownerKey
	in, own := documentPart(document)
	if own != "" {
		if in != part {
			return x, fmt.Errorf("hub: why: a document of another record: %w", fault.NotFound)
		}
		if key, err = h.linger(ctx, part); err != nil {
			return x, err
		}
	}
	var decision policy.Decision
	err = h.view(ctx, part, func(r store.Reader) error {
		f, err := h.standing(r, part, them)
		if err == nil && own != "" {
			d, err = h.document(r, part, key, own)
		}
		decision = f.mayRead(d, them)
		return err
	})
	if err != nil {
		return x, err
	}
	for _, p := range slices.Compact([]store.Part{part, them.Part}) {
		if err := h.note(ctx, p, byOperator(operator, "why-document", decision.Rule)); err != nil {
			return x, err
		}
	}
	e := policy.Explain(decision.Rule)
	return Explanation{decision.Allow, decision.Rule, e.FR, e.EN}, nil
}
