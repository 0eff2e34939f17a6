package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// Declare takes the word of a professional on what they are to a patient: of
// the care team, or one to whom the patient agreed (CSP R.1111-46). It opens the
// record to that person alone, whatever establishment they act for, until the
// time of Limits is over. The patient reads it in the trail and may undo it.
func (h *Hub) Declare(ctx context.Context, a Actor, recordID string, link CareLink) error {
	declares := map[CareLink]policy.Care{InCareTeam: policy.InCareTeam, HasConsent: policy.PatientAgreed}[link]
	if declares == policy.NoCare {
		return fmt.Errorf("hub: declare: %w", fault.Invalid)
	}
	if err := h.countRecord(ctx, a, recordPart(recordID)); err != nil {
		return err
	}
	ask := func(q *policy.Request) { q.Act, q.Declares = policy.DeclareCare, declares }
	e := a.entry(policy.DeclareCare, string(link))
	return h.decideAt(ctx, a, recordPart(recordID), e, ask, func(t *tx, f standing) error {
		n, g := f.relation, patient.Grant{Since: t.now, Declared: true}
		describe(&n, a.describe())
		switch {
		case link == InCareTeam:
			g.Until = t.now.Add(h.Limits.CareTeam)
			n.CareTeam = g
		case n.Consent.InForce(t.now) && !n.Consent.Declared: // the patient's own word stays
		default:
			g.Until = t.now.Add(h.Limits.Declared)
			n.Consent = g
		}
		return patient.SetRelation(t, t.Scope, n, t.now)
	})
}

// describe says who an actor is, as the records of patients know them.
func (a Actor) describe() patient.Relation {
	return patient.Relation{Who: a.who(), Name: a.Name, Profession: a.Profession, Organisation: a.Organisation}
}

// decideAt performs an act on a record if policy allows it: ask completes the
// question, deed does it in the same transaction. The trail has e of it, allowed
// or refused. An emergency does not wait because too much was refused before: it
// has a limit of its own.
func (h *Hub) decideAt(ctx context.Context, a Actor, part store.Part, e audit.Entry, ask func(*policy.Request), deed func(*tx, standing) error) error {
	if !e.Emergency {
		if err := h.throttleSender(a, 0, 0); err != nil {
			return err
		}
	}
	var d policy.Decision
	err := h.do(ctx, part, func(t *tx) error {
		f, err := h.standing(t, part, a)
		if err != nil {
			return err
		}
		ask(&f.request)
		if d = policy.Decide(f.request); !d.Allow {
			return nil
		}
		t.note(decided(e, d))
		return deed(t, f)
	})
	if err == nil && !d.Allow {
		err = h.refused(ctx, part, e, a, d)
	}
	return err
}

// Relations lists, for the patient, those who care for them and what each may.
func (h *Hub) Relations(ctx context.Context, a Actor, recordID string) (list []patient.Relation, err error) {
	part := recordPart(recordID)
	err = h.holderReads(ctx, a, part, func(r store.Reader) error {
		list, err = patient.Relations(r, h.scope(part))
		return err
	})
	return list, err
}

// holderReads reads what the holder of a space alone may see, if the actor is
// one who decides there. It goes into the trail first, once a session.
func (h *Hub) holderReads(ctx context.Context, a Actor, part store.Part, fn func(store.Reader) error) error {
	_, d, err := h.stand(ctx, a, part, policy.ManageAccess)
	switch {
	case err != nil:
		return err
	case !d.Allow:
		return h.refused(ctx, part, a.entry(policy.ManageAccess, ""), a, d)
	}
	err = h.once(a, part, policy.ManageAccess.String(), func() error {
		return h.note(ctx, part, decided(a.entry(policy.ManageAccess, ""), d))
	})
	if err != nil {
		return err
	}
	return h.view(ctx, part, fn)
}

// A change of what a patient decides about one professional.
type change func(n *patient.Relation, now time.Time)

// relate makes a change of the relation with the professional who has an
// address, for the patient, or whoever decides for them. A grant goes only to a
// professional whom the directory knows: fault.NotFound.
func (h *Hub) relate(ctx context.Context, a Actor, recordID string, professional ident.Address, act string, grants bool, fn change) error {
	them, err := h.professional(ctx, professional)
	switch {
	case err != nil:
		return err
	case h.isPatient(professional), grants && (them.Profession == "" || them.Name == ""):
		return fmt.Errorf("hub: professional: %w", fault.NotFound)
	}
	ask := func(q *policy.Request) { q.Act, q.BlocksSomebody = policy.ManageAccess, act == "block" }
	e := a.did(act, professional.Canonical())
	return h.decideAt(ctx, a, recordPart(recordID), e, ask, func(t *tx, _ standing) error {
		n, err := patient.With(t, t.Scope, them.Who)
		if err != nil {
			return err
		}
		describe(&n, them)
		fn(&n, t.now)
		return patient.SetRelation(t, t.Scope, n, t.now)
	})
}

// BlockProfessional bars somebody from the record, in all their mailboxes, and
// from writing unless the hub is set otherwise; UnblockProfessional lets them in
// again, as far as anything else does.
func (h *Hub) BlockProfessional(ctx context.Context, a Actor, recordID string, professional ident.Address) error {
	return h.relate(ctx, a, recordID, professional, "block", false, func(n *patient.Relation, now time.Time) { n.Blocked = now })
}

// UnblockProfessional ends a block.
func (h *Hub) UnblockProfessional(ctx context.Context, a Actor, recordID string, professional ident.Address) error {
	return h.relate(ctx, a, recordID, professional, "unblock", false, func(n *patient.Relation, _ time.Time) { n.Blocked = time.Time{} })
}

// GiveConsent lets somebody read the record, until a time or, if that is zero,
// until it is withdrawn. An end that is past is fault.Invalid.
func (h *Hub) GiveConsent(ctx context.Context, a Actor, recordID string, professional ident.Address, until time.Time) error {
	if !until.IsZero() && !h.Now().Before(until) {
		return fmt.Errorf("hub: consent: an end that is past: %w", fault.Invalid)
	}
	return h.relate(ctx, a, recordID, professional, "give-consent", true, func(n *patient.Relation, now time.Time) {
		n.Consent = patient.Grant{Since: now, Until: until}
	})
}

// WithdrawConsent ends a consent, whoever said that there was one.
func (h *Hub) WithdrawConsent(ctx context.Context, a Actor, recordID string, professional ident.Address) error {
	return h.relate(ctx, a, recordID, professional, "withdraw-consent", false, func(n *patient.Relation, _ time.Time) { n.Consent = patient.Grant{} })
}

// OpposeCareTeam ends, for somebody, the presumption that being of the care
// team is enough; AdmitCareTeam takes that back.
func (h *Hub) OpposeCareTeam(ctx context.Context, a Actor, recordID string, professional ident.Address) error {
	return h.relate(ctx, a, recordID, professional, "oppose-care-team", false, func(n *patient.Relation, now time.Time) {
		n.CareTeam, n.CareTeamOpposed = patient.Grant{}, now
	})
}

// AdmitCareTeam lets somebody declare again that they are of the care team.
func (h *Hub) AdmitCareTeam(ctx context.Context, a Actor, recordID string, professional ident.Address) error {
	return h.relate(ctx, a, recordID, professional, "admit-care-team", false, func(n *patient.Relation, _ time.Time) { n.CareTeamOpposed = time.Time{} })
}

// NameRole gives somebody a role that one has at a time, as médecin traitant; ""
// takes it from them. One of another profession is fault.Invalid.
func (h *Hub) NameRole(ctx context.Context, a Actor, recordID string, professional ident.Address, role patient.Role) error {
	return h.relate(ctx, a, recordID, professional, "name-role", role != "", func(n *patient.Relation, _ time.Time) { n.Role = role })
}

// GrantAdministrator gives somebody the rights that the patient has over who
// sees what, masked documents included; WithdrawAdministrator takes them back.
func (h *Hub) GrantAdministrator(ctx context.Context, a Actor, recordID string, professional ident.Address) error {
	return h.relate(ctx, a, recordID, professional, "grant-administrator", true, func(n *patient.Relation, now time.Time) {
		n.Administrator = patient.Grant{Since: now}
	})
}

// WithdrawAdministrator takes those rights back.
func (h *Hub) WithdrawAdministrator(ctx context.Context, a Actor, recordID string, professional ident.Address) error {
	return h.relate(ctx, a, recordID, professional, "withdraw-administrator", false, func(n *patient.Relation, _ time.Time) {
		n.Administrator = patient.Grant{}
	})
}

// RemoveProfessional ends all that lets somebody read. A block or an objection
// stays, and so does the memory of their having read.
func (h *Hub) RemoveProfessional(ctx context.Context, a Actor, recordID string, professional ident.Address) error {
	return h.relate(ctx, a, recordID, professional, "remove-professional", false, func(n *patient.Relation, _ time.Time) {
		n.Consent, n.CareTeam, n.Administrator, n.Role = patient.Grant{}, patient.Grant{}, patient.Grant{}, ""
	})
}

// Block bars a professional from a patient's space, or lets them in again, for
// an operator who says that the patient wants it.
func (h *Hub) Block(ctx context.Context, operator string, a, professional ident.Address, on bool) error {
	them, err := h.professional(ctx, professional)
	if err != nil {
		return err
	}
	return h.atMailbox(ctx, a, func(t *tx) error {
		if _, ok, err := patient.Load(t, t.Scope); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("hub: block: %w", fault.NotFound))
		}
		act := "unblock"
		if on {
			act = "block"
		}
		t.note(byOperator(operator, act, professional.Canonical()))
		n, err := patient.With(t, t.Scope, them.Who)
		if err != nil {
			return err
		}
		describe(&n, them)
		n.Blocked = time.Time{}
		if on {
			n.Blocked = t.now
		}
		return patient.SetRelation(t, t.Scope, n, t.now)
	})
}
