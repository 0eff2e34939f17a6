package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// What a reason must be: said in words.
const (
	minReason = 10  // letters
	maxReason = 500 // characters
)

// notRegulating refuses Centre15 to whoever is not the regulating physician of
// a SAMU (CSP L.1111-17): which establishment is one, the hub's configuration
// says.
var notRegulating = Refusal{Rule: "emergency/not-the-samu",
	FR:   "Cet accès est réservé au médecin régulateur du SAMU. En cas d'urgence, demandez un accès par bris de glace.",
	EN:   "This access is for the regulating physician of the SAMU only. In an emergency, ask for access by breaking the glass.",
	Kind: fault.Denied}

// tooMuchGlass stops whoever breaks the glass more often than anybody's work
// makes likely.
var tooMuchGlass = Refusal{Rule: "emergency/too-often",
	FR:   "Vous avez demandé trop d'accès en urgence en un jour : adressez-vous à l'opérateur.",
	EN:   "You have asked for too many emergency accesses within a day: ask the operator.",
	Kind: fault.Throttled}

// BreakGlass lets a professional into a record in an emergency, until the time
// it returns, and from then on what they read is marked. Who they are, and the
// reason they gave, is in the patient's trail; the patient and the treating
// physician are told. A reason that says nothing is refused, one that is too
// long is fault.TooLarge.
func (h *Hub) BreakGlass(ctx context.Context, a Actor, recordID string, kind policy.EmergencyKind, reason string) (until time.Time, err error) {
	part := recordPart(recordID)
	reason = strings.Join(strings.FieldsFunc(reason, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }), " ")
	if utf8.RuneCountInString(reason) > maxReason {
		return until, fmt.Errorf("hub: break glass: reason: %w", fault.TooLarge)
	}
	e := a.entry(policy.BreakGlass, "")
	e.Emergency, e.Reason = true, reason
	if r := h.mayNotAsk(a, kind); r != nil {
		err := h.refused(ctx, part, e, a, policy.Decision{Rule: r.Rule})
		if fault.Of(err) == fault.NotFound { // it is not about the patient: they may be told
			err = r
		}
		return until, err
	}
	ask := func(q *policy.Request) {
		q.Act = policy.BreakGlass
		q.Emergency.Kind, q.Emergency.Reason = kind, letters(reason) >= minReason
	}
	if err := h.warnPhysician(ctx, a, part, ask); err != nil {
		return until, err
	}
	err = h.decideAt(ctx, a, part, e, ask, func(t *tx, _ standing) error {
		until = t.now.Add(h.Limits.Glass)
		g := patient.Glass{Kind: kind, Since: t.now, Until: until}
		return errors.Join(g.Grant(t, t.Scope, a.who()), h.tellPatient(t, patient.OfEmergency))
	})
	if err != nil {
		return time.Time{}, err
	}
	h.glassDay.Add(string(a.Part), 1, h.Now())
	return until, nil
}

// BreakGlassFor does as BreakGlass, for the patient with a matricule: whoever has
// no time to look for a record first, or has looked for too many. It returns the ID
// of the record.
func (h *Hub) BreakGlassFor(ctx context.Context, a Actor, m ident.Matricule, kind policy.EmergencyKind, reason string) (id string, until time.Time, err error) {
	address, err := h.PatientAddress(m)
	if err != nil {
		return "", until, err
	}
	part, err := h.partOf(ctx, address)
	if err != nil {
		return "", until, err
	}
	until, err = h.BreakGlass(ctx, a, string(part), kind, reason)
	if err != nil {
		return "", until, err
	}
	return string(part), until, nil
}

// EndGlass ends an emergency access before its time. fault.NotFound: there is
// none.
func (h *Hub) EndGlass(ctx context.Context, a Actor, recordID string) error {
	return h.do(ctx, recordPart(recordID), func(t *tx) error {
		g, err := patient.LoadGlass(t, t.Scope, a.who())
		if err != nil || !t.now.Before(g.Until) {
			return errors.Join(err, fmt.Errorf("hub: end of an emergency access: %w", fault.NotFound))
		}
		g.Until = t.now
		e := a.did("end-emergency", "")
		e.Emergency = true
		t.note(e)
		return g.Grant(t, t.Scope, a.who())
	})
}

// mayNotAsk returns why somebody may not ask for an emergency access to
// whichever record, nil if they may.
func (h *Hub) mayNotAsk(a Actor, kind policy.EmergencyKind) *Refusal {
	regulates := a.Role == policy.Professional && a.Profession == policy.Physician && a.Establishment != "" && slices.Contains(h.SAMU, a.Establishment)
	switch {
	case kind == policy.Centre15 && !regulates:
		return &notRegulating
	case kind != policy.Centre15 && h.Limits.GlassPerDay > 0 && h.glassDay.Count(string(a.Part), h.Now()) >= h.Limits.GlassPerDay:
		h.Log.Warn("professional breaks the glass too often", "actor", a.Address)
		return &tooMuchGlass
	}
	return nil
}

func letters(s string) (n int) {
	for _, c := range s {
		if unicode.IsLetter(c) {
			n++
		}
	}
	return n
}

// warnPhysician writes to the treating physician that somebody asks for an
// emergency access, if it will be granted. It does so before, so that none is
// ever granted of which the physician was not told; a mailbox that takes nothing
// does not keep help from a patient.
func (h *Hub) warnPhysician(ctx context.Context, a Actor, part store.Part, ask func(*policy.Request)) error {
	var f standing
	var physician patient.Relation
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		if f, err = h.standing(r, part, a); err != nil {
			return err
		}
		list, err := patient.Relations(r, h.scope(part))
		for _, n := range list {
			if n.Role == patient.TreatingPhysician && n.Blocked.IsZero() {
				physician = n
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	ask(&f.request)
	if !policy.Decide(f.request).Allow || physician.Role == "" || physician.Who == a.who() {
		return nil
	}
	address, err := ident.ParseAddress(physician.Who.Address)
	if err == nil {
		err = h.writeTo(ctx, address, "Accès en urgence au dossier d'un de vos patients / Emergency access to the record of one of your patients",
			h.warningOf(f.space, a, f.request))
	}
	if err != nil {
		h.Log.Error("treating physician is not told of an emergency access", "err", err)
	}
	return ctx.Err()
}

// warningOf tells a treating physician whose record was asked for, by whom and
// when. It says nothing of health: the reason is in the patient's trail.
func (h *Hub) warningOf(sp patient.Space, a Actor, q policy.Request) string {
	fr, en := "bris de glace", "breaking the glass"
	if q.Emergency.Kind == policy.Centre15 {
		fr, en = "centre de régulation (SAMU)", "the regulation centre (SAMU)"
	}
	who := a.Name
	if a.Organisation != "" {
		who += ", " + a.Organisation
	}
	return fmt.Sprintf("Vous êtes le médecin traitant de %s (INS %s).\nLe %s, %s (%s) a demandé un accès en urgence à son dossier : %s.\nVotre patient en est averti aussi.\n\n"+
		"You are the treating physician of this patient. On %s, %s asked for emergency access to the record, by %s. Your patient is told as well.\n",
		sp.Traits.Name(), sp.Matricule, q.Now.In(h.Zone).Format("02/01/2006 à 15:04 MST"), who, a.Profession.Label(), fr,
		q.Now.In(h.Zone).Format("2006-01-02 15:04 MST"), who, en)
}
