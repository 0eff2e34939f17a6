package fhirapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// What the fake knows of what the patient decides, and of who came.

var curie = patient.Relation{Who: patient.Who{RPPS: "99900000002", Address: "marie.curie@medecin.test"}, Name: "Marie CURIE", Profession: policy.Nurse,
	Organisation: "Cabinet du Parc", CareTeam: patient.Grant{Since: noon.AddDate(0, -1, 0), Declared: true}, Since: noon.AddDate(0, -1, 0)}

func (f *fake) owner(a hub.Actor, record string) error {
	if a.Role != policy.Patient || string(a.Part) != record {
		return fault.NotFound
	}
	return nil
}

func (f *fake) Declare(_ context.Context, a hub.Actor, _ string, link hub.CareLink) error {
	if a.Profession == policy.Optician {
		return &hub.Refusal{Rule: "care/not-this-profession", Kind: fault.Denied, FR: "Votre profession ne peut pas le déclarer.", EN: "Your profession cannot declare it."}
	}
	return nil
}

func (f *fake) BreakGlass(_ context.Context, a hub.Actor, record string, kind policy.EmergencyKind, reason string) (time.Time, error) {
	if len(reason) < 10 {
		return time.Time{}, &hub.Refusal{Rule: "emergency/no-reason", Kind: fault.Denied, FR: "Dites pourquoi.", EN: "Say why."}
	}
	return noon.Add(8 * time.Hour), nil
}

func (f *fake) History(_ context.Context, a hub.Actor, record string, q hub.HistoryQuery) (p hub.HistoryPage, err error) {
	if err := f.owner(a, record); err != nil {
		return p, err
	}
	before := uint64(len(f.lines)) + 1
	if q.Before != "" {
		_, _ = fmt.Sscan(q.Before, &before)
	}
	for i := len(f.lines) - 1; i >= 0; i-- {
		l := f.lines[i]
		if l.Number >= before || l.Time.Before(q.From) {
			continue
		}
		if len(p.Lines) == min(q.Limit, 3) { // small pages, so that searches take several
			p.Next = fmt.Sprint(l.Number + 1)
			break
		}
		p.Lines = append(p.Lines, l)
	}
	return p, nil
}

func (f *fake) trailOfAnna() {
	entries := []audit.Entry{
		{Time: noon.AddDate(0, -3, 0), Actor: "operator", Role: "administrator", Act: "enrol"},
		{Time: noon.AddDate(0, -2, 0), Actor: "eric.thomas@medecin.test", ActorName: "Éric THOMAS", Role: "professional", RPPS: "99900000001", Profession: policy.Physician, Organisation: "Cabinet du Parc", Act: "file-document", Object: store26("doc01"), Rule: "document/professional-files"},
		{Time: noon.AddDate(0, -1, 0), Actor: "opticien@medecin.test", ActorName: "Optique du Parc", Role: "professional", Profession: policy.Optician, Act: "list-documents", Rule: "access/no-consent", Refused: true},
		{Time: noon.AddDate(0, 0, -2), Actor: "samu@hopital.test", ActorName: "Ali URGENCE", Role: "professional", Profession: policy.Physician, Act: "break-glass", Rule: "emergency/granted", Reason: "inconscient, antécédents inconnus", Emergency: true},
		{Time: noon.AddDate(0, 0, -1), Actor: anna.Canonical() + "@patient.test", ActorName: "Anna TOURNESOL", Role: "patient", Act: "read-document", Object: store26("doc01"), Rule: "document/owner-reads"},
	}
	for i, e := range entries {
		l := audit.LineOf(uint64(i+1), e)
		if strings.HasPrefix(l.Object, "doc01") {
			l.Title = "Consultation du 3 mars"
		}
		f.lines = append(f.lines, l)
	}
}

func (f *fake) WhoCanSee(ctx context.Context, a hub.Actor, id string) ([]hub.Viewer, error) {
	d, err := f.Document(ctx, a, id)
	if err != nil || f.owner(a, d.Patient.ID) != nil {
		return nil, fault.NotFound
	}
	return []hub.Viewer{
		{Name: "Anna TOURNESOL", Role: policy.Patient, Access: policy.Decision{Allow: true, Rule: "document/owner-reads"}},
		{Name: "Marie CURIE", Role: policy.Professional, Profession: policy.Nurse, Access: policy.Decision{Allow: true, Rule: "access/care-team"}},
		{Role: policy.Professional, Profession: policy.Pharmacist, Access: policy.Decision{Allow: true, Rule: "access/care-team"}},
		{Role: policy.Professional, Profession: policy.Optician, Access: policy.Decision{Rule: "habilitation/not-this-type"}},
		{Role: policy.Professional, Profession: policy.AmbulanceDriver, Access: policy.Decision{Rule: "habilitation/not-this-type"}},
	}, nil
}

func (f *fake) SeeAs(ctx context.Context, a hub.Actor, record, as string) ([]hub.DocumentView, error) {
	if err := f.owner(a, record); err != nil {
		return nil, err
	}
	return f.Documents(ctx, hub.Actor{Role: policy.Professional, Profession: policy.Profession(as)}, record)
}

func (f *fake) Choices(_ context.Context, a hub.Actor, record string) (patient.Choices, error) {
	return f.choices, f.owner(a, record)
}

func (f *fake) SetChoices(_ context.Context, a hub.Actor, record string, c patient.Choices) error {
	f.choices = c
	return f.owner(a, record)
}

func (f *fake) Relations(_ context.Context, a hub.Actor, record string) ([]patient.Relation, error) {
	return f.relations, f.owner(a, record)
}

func (f *fake) relate(a hub.Actor, record string, who ident.Address, fn func(*patient.Relation)) error {
	if err := f.owner(a, record); err != nil {
		return err
	}
	i := slices.IndexFunc(f.relations, func(n patient.Relation) bool { return n.Who.Address == who.Canonical() })
	if i < 0 {
		i, f.relations = len(f.relations), append(f.relations, patient.Relation{Who: patient.Who{Address: who.Canonical()}, Since: noon})
	}
	fn(&f.relations[i])
	return nil
}

func (f *fake) BlockProfessional(_ context.Context, a hub.Actor, record string, who ident.Address) error {
	return f.relate(a, record, who, func(n *patient.Relation) { n.Blocked = noon })
}

func (f *fake) UnblockProfessional(_ context.Context, a hub.Actor, record string, who ident.Address) error {
	return f.relate(a, record, who, func(n *patient.Relation) { n.Blocked = time.Time{} })
}

func (f *fake) GiveConsent(_ context.Context, a hub.Actor, record string, who ident.Address, until time.Time) error {
	return f.relate(a, record, who, func(n *patient.Relation) { n.Consent = patient.Grant{Since: noon.Add(-time.Minute), Until: until} })
}

func (f *fake) WithdrawConsent(_ context.Context, a hub.Actor, record string, who ident.Address) error {
	return f.relate(a, record, who, func(n *patient.Relation) { n.Consent = patient.Grant{} })
}
