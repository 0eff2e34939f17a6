package web

import (
	"context"
	"errors"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
)

// Accès: who may read one's documents, and what happens in an emergency.

// holder does what the holder of a space decides.
type holder interface {
	Relations(ctx context.Context, a hub.Actor, recordID string) ([]patient.Relation, error)
	Choices(ctx context.Context, a hub.Actor, recordID string) (patient.Choices, error)
	SetChoices(ctx context.Context, a hub.Actor, recordID string, c patient.Choices) error
	BlockProfessional(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
	UnblockProfessional(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
	GiveConsent(ctx context.Context, a hub.Actor, recordID string, professional ident.Address, until time.Time) error
	WithdrawConsent(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
	OpposeCareTeam(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
	AdmitCareTeam(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
	WithdrawAdministrator(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
	NameRole(ctx context.Context, a hub.Actor, recordID string, professional ident.Address, role patient.Role) error
	CloseSpace(ctx context.Context, a hub.Actor, recordID string, wantsErasure bool) (hub.Proof, error)
}

// accessView is what the page shows.
type accessView struct {
	People  []relationView
	Choices patient.Choices
	Topics  []topicView
	Trail   bool // who did what may be looked at
	Read    bool // and the documents
}

type relationView struct {
	patient.Relation
	Calling string // what people of their profession are called
	Token   string // stands for them in the address of their acts
	now     time.Time
}

// Consented reports whether a consent holds.
func (r relationView) Consented() bool { return r.Consent.InForce(r.now) }

// Team reports whether they are of the care team, as one of them declared.
func (r relationView) Team() bool { return r.CareTeam.InForce(r.now) }

// Administers reports whether they decide with the patient who sees what.
func (r relationView) Administers() bool { return r.Administrator.InForce(r.now) }

// Suited is the role that one of their profession may have; "" for none.
func (r relationView) Suited() patient.Role {
	for _, role := range roles {
		if role.Suits(r.Profession) {
			return role
		}
	}
	return ""
}

var roles = []patient.Role{patient.TreatingPhysician, patient.ReferringMidwife, patient.CorrespondingPharmacist}

// A topicView is a kind of thing that the holder is told outside of the space.
type topicView struct {
	patient.Topic
	Wanted bool
}

func (c *call) access() (v accessView, err error) {
	list, err := c.s.hub.Relations(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return v, err
	}
	for _, r := range list {
		v.People = append(v.People, relationView{r, c.professionName(r.Profession), c.token(r.Who.Address), c.now()})
	}
	v.Choices, err = c.s.hub.Choices(c.ctx(), c.who.Actor, c.record())
	for _, n := range patient.Topics() {
		if n != patient.OfEmergency { // which the law wants told
			v.Topics = append(v.Topics, topicView{n, v.Choices.Wants(n)})
		}
	}
	v.Trail, v.Read = c.visited == nil || c.visited.May.Trail, c.visited == nil || c.visited.May.Read
	return v, err
}

func (c *call) accessPage() error {
	v, err := c.access()
	if err != nil {
		return err
	}
	return c.page("access/access", "access.title", v)
}

// A decision is one about a professional, and what is told then.
type decision struct {
	news string
	do   func(h Hub, ctx context.Context, a hub.Actor, recordID string, p ident.Address) error
}

var decisions = map[string]decision{
	"block":    {"news.blocked", Hub.BlockProfessional},
	"unblock":  {"news.unblocked", Hub.UnblockProfessional},
	"withdraw": {"news.withdrawn", Hub.WithdrawConsent},
	"oppose":   {"news.team-opposed", Hub.OpposeCareTeam},
	"admit":    {"news.team-admitted", Hub.AdmitCareTeam},
	"demote":   {"news.administers-not", Hub.WithdrawAdministrator},
	"consent": {"news.consented", func(h Hub, ctx context.Context, a hub.Actor, recordID string, p ident.Address) error {
		return h.GiveConsent(ctx, a, recordID, p, time.Time{})
	}},
	"no-role": {"news.no-role", named("")},

	string(patient.TreatingPhysician):       {"news.treating", named(patient.TreatingPhysician)},
	string(patient.ReferringMidwife):        {"news.role", named(patient.ReferringMidwife)},
	string(patient.CorrespondingPharmacist): {"news.role", named(patient.CorrespondingPharmacist)},
}

func named(role patient.Role) func(Hub, context.Context, hub.Actor, string, ident.Address) error {
	return func(h Hub, ctx context.Context, a hub.Actor, recordID string, p ident.Address) error {
		return h.NameRole(ctx, a, recordID, p, role)
	}
}

func (c *call) changeAccess() error {
	decision, ok := decisions[c.form.value("act")]
	if !ok {
		return fault.Invalid
	}
	wrong := "wrong.professional"
	p, err := ident.ParseAddress(strings.ToLower(c.form.value("professional")))
	if err == nil {
		err = decision.do(c.s.hub, c.ctx(), c.who.Actor, c.record(), p)
	}
	if r := (*hub.Refusal)(nil); errors.Is(err, fault.Invalid) && !errors.As(err, &r) && c.form.value("act") == string(patient.TreatingPhysician) {
		wrong = "wrong.treating"
	}
	if errors.Is(err, fault.Invalid) || errors.Is(err, fault.NotFound) {
		c.wrong("professional", wrong)
		v, err := c.access()
		if err != nil {
			return err
		}
		return c.again("access/access", "access.title", v)
	}
	return c.after(err, c.at(accessPath), decision.news)
}

// setChoices changes what the page shows, and leaves the rest as it is.
func (c *call) setChoices() error {
	k, err := c.s.hub.Choices(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return err
	}
	k.OpposedToCentre15, k.OpposedToBreakGlass = !c.form.ticked("centre15"), !c.form.ticked("glass")
	k.MaskedInEmergency, k.OpposedToCareTeam = c.form.ticked("masked"), !c.form.ticked("team")
	k.MaskNewDocuments, k.HideHistory = c.form.ticked("mask-new"), c.form.ticked("hide-history")
	k.Silenced = nil
	for _, n := range patient.Topics() {
		if n != patient.OfEmergency && !c.form.ticked("tell-"+string(n)) {
			k.Silenced = append(k.Silenced, n)
		}
	}
	return c.after(c.s.hub.SetChoices(c.ctx(), c.who.Actor, c.record(), k), c.at(accessPath), "news.saved")
}
