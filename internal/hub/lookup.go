package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// FindPatient tells an actor what they may know of the patient with a
// matricule: whether there is a record, open or closed and since when, and
// whether the actor may consult it (TD0.2). Who the patient is, beyond the
// matricule, is told to those who may. A professional is told of records they
// may not consult, as the law has it; but one that was never opened, one whose
// owner objected and one that does not exist are the same fault.NotFound, and
// too many of these are fault.Throttled. fault.Invalid: nobody can have such a
// matricule.
func (h *Hub) FindPatient(ctx context.Context, a Actor, m ident.Matricule) (PatientView, error) {
	address, err := h.PatientAddress(m)
	if err != nil {
		return PatientView{}, err
	}
	part, err := h.partOf(ctx, address)
	if err != nil {
		return PatientView{}, err
	}
	return h.lookUp(ctx, a, part)
}

// PatientByID does as FindPatient does, by the ID of a PatientView.
func (h *Hub) PatientByID(ctx context.Context, a Actor, id string) (PatientView, error) {
	return h.lookUp(ctx, a, recordPart(id))
}

// recordPart returns the partition that a record's ID names. What can be none
// names one that is empty.
func recordPart(id string) store.Part {
	const length = 26 // of vault.NewID
	if len(id) != length || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return nowhere
	}
	return store.Part(id)
}

func (h *Hub) lookUp(ctx context.Context, a Actor, part store.Part) (v PatientView, err error) {
	if err := h.throttleSender(a, 0, 0); err != nil {
		return v, err
	}
	f, _, err := h.stand(ctx, a, part, policy.ListDocuments)
	if err != nil {
		return v, err
	}
	if v, err = h.told(ctx, a, part, f); err == nil {
		_ = h.throttleSender(a, 1, 0)
	}
	return v, err
}

// told returns what an actor may know of the patient of a record, and writes that
// they know it into the trail, once a session.
func (h *Hub) told(ctx context.Context, a Actor, part store.Part, f standing) (PatientView, error) {
	d := f.decide(policy.ListDocuments)
	if !mayKnow(a, f, d) {
		return PatientView{}, h.refused(ctx, part, a.did("find-patient", ""), a, d)
	}
	v := f.view(part, d)
	return v, h.once(a, part, "find-patient", func() error {
		e := a.did("find-patient", "")
		e.Rule = v.Access.Rule
		return h.note(ctx, part, e)
	})
}

// stand reads how an actor stands before a record and decides an act.
func (h *Hub) stand(ctx context.Context, a Actor, part store.Part, act policy.Act) (f standing, d policy.Decision, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		f, err = h.standing(r, part, a)
		return err
	})
	return f, f.decide(act), err
}

func (f standing) decide(act policy.Act) policy.Decision {
	f.request.Act = act
	return policy.Decide(f.request)
}

// mayKnow reports whether an actor may know that a record is there. Whoever
// cares for people may, of one that is or was open: they have to know where
// their documents go.
func mayKnow(a Actor, f standing, d policy.Decision) bool {
	if d.Allow || !policy.Discreet(d.Rule) {
		return d.Allow
	}
	caregiver := a.Role == policy.Professional || a.Role == policy.Organisation || a.Role == policy.Application
	opened := f.space.State == policy.Active || f.space.State == policy.Closed || f.space.State == policy.Archived
	return caregiver && opened
}

// view says what an actor who may know of the record is told.
func (f standing) view(part store.Part, d policy.Decision) PatientView {
	v := PatientView{
		ID: string(part), State: f.space.State, Since: f.space.Since, Access: disclosed(d),
		Treating: f.relation.Role == patient.TreatingPhysician && f.relation.Blocked.IsZero(),
	}
	v.Matricule, _ = ident.ParseMatricule(f.space.Matricule)
	if d.Allow {
		v.Traits = f.space.Traits
	}
	if v.State == policy.Archived { // closed is what matters to others
		v.State = policy.Closed
	}
	return v
}

// disclosed returns a decision as the one it is about may know it: what the patient
// has chosen looks like the absence of a consent.
func disclosed(d policy.Decision) policy.Decision {
	switch {
	case d.Allow, strings.HasPrefix(d.Rule, "habilitation/"), d.Rule == "document/only-named-persons-read", d.Rule == "space/closed":
		return d
	case d.Rule == "space/archived":
		return policy.Decision{Rule: "space/closed"}
	}
	return policy.Decision{Rule: "access/no-consent"}
}

// unheardOf are the rules of a space that was never open, or is gone: nobody is
// to learn that there is one.
var unheardOf = []string{"space/unknown", "space/never-opened", "space/opposed", "space/erased"}

// refused writes a refusal down and makes its error. The patient's trail has it;
// where nothing may be told, the actor's own has it too, and it counts. The trail
// of the hub has it in place of the patient's where nobody may learn that there
// is a space, so that it takes as long as if there were none. Nobody fills a
// trail with refusals: after so many of an hour it is fault.Throttled.
func (h *Hub) refused(ctx context.Context, part store.Part, e audit.Entry, a Actor, d policy.Decision) error {
	if err := h.throttleSender(a, 0, 0); err != nil {
		return err
	}
	e = decided(e, d)
	elsewhere := e
	elsewhere.Object = cmp.Or(e.Object, string(part))
	sp, err := h.spaceOf(ctx, part)
	if err != nil {
		return err
	}
	if !policy.Discreet(d.Rule) {
		if sp.State == policy.None { // a name somebody made up keeps no trail
			part = a.Part
		}
		if h.recordsHour.Add("refused "+string(a.Part)+" "+string(part), 1, h.Now()) > cmp.Or(a.Allowance.PerHour, h.Limits.RefusedPerHour) {
			return fmt.Errorf("hub: refused: %w", fault.Throttled)
		}
		return cmp.Or(h.note(ctx, part, e), refuse(d))
	}
	at := part
	if sp.State == policy.None || e.Act == "find-patient" || slices.Contains(unheardOf, d.Rule) {
		at, e = hubPart, elsewhere
	}
	if err := h.note(ctx, at, e); err != nil {
		return err
	}
	if a.Part != at {
		if err := h.note(ctx, a.Part, elsewhere); err != nil {
			return err
		}
	}
	_ = h.throttleSender(a, 1, 1)
	return refuse(d)
}

// once does fn the first time that a session does an act on a record. Who has
// no session does it each time.
func (h *Hub) once(a Actor, part store.Part, act string, fn func() error) error {
	key := a.Session + " " + act + " " + string(part)
	if _, done := h.done.get(key); done && a.Session != "" {
		return nil
	}
	if err := fn(); err != nil {
		return err
	}
	h.done.put(key, struct{}{})
	return nil
}

// tooManyRecords stops a professional who opens the records of too many people:
// an account that was stolen, more likely than not.
var tooManyRecords = Refusal{Rule: "access/too-many-records",
	FR:   "Vous avez ouvert en une heure les dossiers de trop de patients : l'accès est suspendu pour un moment. Si c'est votre travail, adressez-vous à l'opérateur.",
	EN:   "You have opened the records of too many patients within an hour: access is suspended for a while. If this is your work, ask the operator.",
	Kind: fault.Throttled}

// countRecord counts the records that somebody opens, each once an hour, and
// stops those who open too many.
func (h *Hub) countRecord(ctx context.Context, a Actor, part store.Part) error {
	if a.Part == part || h.Limits.RecordsPerHour == 0 {
		return nil
	}
	now, who := h.Now(), "records "+string(a.Part)
	n := 0
	if h.recordsHour.Count(who+" "+string(part), now) == 0 {
		n = 1
	}
	if h.recordsHour.Count(who, now)+n <= h.Limits.RecordsPerHour {
		h.recordsHour.Add(who+" "+string(part), n, now)
		h.recordsHour.Add(who, n, now)
		return nil
	}
	h.Log.Warn("professional opens too many records", "actor", a.Address)
	for _, p := range []store.Part{part, a.Part} {
		e := decided(a.entry(policy.ListDocuments, ""), policy.Decision{Rule: tooManyRecords.Rule})
		if err := h.note(ctx, p, e); err != nil {
			return fmt.Errorf("hub: too many records: %w", err)
		}
	}
	return &tooManyRecords
}
