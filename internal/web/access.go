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
	"vaguemestre/policy"
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
	NameRole(ctx context.Context, a hub.Actor, recordID string, professional ident.Address, role patient.Role) error
	CloseSpace(ctx context.Context, a hub.Actor, recordID string, wantsErasure bool) (hub.Proof, error)
}

// accessView is what the page shows.
type accessView struct {
	People  []relationView
	Choices patient.Choices
}

type relationView struct {
	patient.Relation
	Now time.Time
}

// Consented reports whether a consent holds.
func (r relationView) Consented() bool {
	g := r.Consent
	return !g.Since.IsZero() && (g.Until.IsZero() || r.Now.Before(g.Until))
}

// Treating reports whether they are the treating physician.
func (r relationView) Treating() bool { return r.Role == patient.TreatingPhysician }

// Physician reports whether they may be.
func (r relationView) Physician() bool { return r.Profession == policy.Physician }

func (c *call) access() (v accessView, err error) {
	list, err := c.s.hub.Relations(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return v, err
	}
	for _, r := range list {
		v.People = append(v.People, relationView{r, c.now()})
	}
	v.Choices, err = c.s.hub.Choices(c.ctx(), c.who.Actor, c.record())
	return v, err
}

func (c *call) accessPage() error {
	v, err := c.access()
	if err != nil {
		return err
	}
	return c.page("access", "access.title", v)
}

// decisions are what can be decided about a professional, and what is told then.
var decisions = map[string]struct {
	news string
	do   func(*call, ident.Address) error
}{
	"block": {"news.blocked", func(c *call, p ident.Address) error {
		return c.s.hub.BlockProfessional(c.ctx(), c.who.Actor, c.record(), p)
	}},
	"unblock": {"news.unblocked", func(c *call, p ident.Address) error {
		return c.s.hub.UnblockProfessional(c.ctx(), c.who.Actor, c.record(), p)
	}},
	"consent": {"news.consented", func(c *call, p ident.Address) error {
		return c.s.hub.GiveConsent(c.ctx(), c.who.Actor, c.record(), p, time.Time{})
	}},
	"withdraw": {"news.withdrawn", func(c *call, p ident.Address) error {
		return c.s.hub.WithdrawConsent(c.ctx(), c.who.Actor, c.record(), p)
	}},
	"treating": {"news.treating", func(c *call, p ident.Address) error {
		return c.s.hub.NameRole(c.ctx(), c.who.Actor, c.record(), p, patient.TreatingPhysician)
	}},
	"not-treating": {"news.not-treating", func(c *call, p ident.Address) error { return c.s.hub.NameRole(c.ctx(), c.who.Actor, c.record(), p, "") }},
}

func (c *call) changeAccess() error {
	decision, ok := decisions[c.form.value("act")]
	if !ok {
		return fault.Invalid
	}
	wrong := "wrong.professional"
	p, err := ident.ParseAddress(strings.ToLower(c.form.value("professional")))
	if err == nil {
		err = decision.do(c, p)
	}
	if r := (*hub.Refusal)(nil); errors.Is(err, fault.Invalid) && !errors.As(err, &r) && c.form.value("act") == "treating" {
		wrong = "wrong.treating"
	}
	if errors.Is(err, fault.Invalid) || errors.Is(err, fault.NotFound) {
		c.wrong("professional", wrong)
		v, err := c.access()
		if err != nil {
			return err
		}
		return c.again("access", "access.title", v)
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
	return c.after(c.s.hub.SetChoices(c.ctx(), c.who.Actor, c.record(), k), c.at(accessPath), "news.saved")
}
