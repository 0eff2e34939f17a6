package fhirapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/pdsm"
)

// consents are all that the patient has settled, as Consents.
func (c *call) consents(record string) ([]fhir.Consent, error) {
	set, err := c.hub.Choices(c.ctx, c.actor, record)
	if err != nil {
		return nil, err
	}
	relations, err := c.hub.Relations(c.ctx, c.actor, record)
	if err != nil {
		return nil, err
	}
	return pdsm.Consents(record, set, relations, c.cfg.Now()), nil
}

var consentListing = listing[fhir.Consent]{
	byDefault: "_id",
	id:        func(r fhir.Consent) string { return r.ID },
	known:     documents.known,
	record:    (*call).recordOf,
	items:     (*call).consents,
	write:     func(_ *call, r fhir.Consent) any { return r },
	criteria: []criterion[fhir.Consent]{
		{name: "_id", kind: "token", url: base + "Resource-id", tokens: func(r fhir.Consent) []token { return []token{{code: r.ID}} },
			sortKey: func(r fhir.Consent) string { return r.ID }},
		{name: "status", kind: "token", url: base + "Consent-status", tokens: func(r fhir.Consent) []token { return []token{{code: r.Status}} }},
		{name: "category", kind: "token", url: base + "Consent-category", tokens: func(r fhir.Consent) []token {
			return []token{{pdsm.SysChoice, r.Category[0].Coding[0].Code}}
		}},
		{name: "purpose", kind: "token", url: base + "Consent-purpose", tokens: func(r fhir.Consent) []token {
			var out []token
			for _, p := range r.Provision.Purpose {
				out = append(out, token{p.System, p.Code})
			}
			return out
		}},
		{name: "actor", kind: "reference", url: base + "Consent-actor", tokens: func(r fhir.Consent) []token {
			var out []token
			for _, a := range r.Provision.Actor {
				out = append(out, token{a.Reference.Identifier.System, a.Reference.Identifier.Value})
			}
			return out
		}},
	},
}

func (c *call) consent() (fhir.Consent, error) {
	record, _, _ := strings.Cut(c.id, ".")
	all, err := c.consents(record)
	if err != nil {
		return fhir.Consent{}, err
	}
	i := slices.IndexFunc(all, func(r fhir.Consent) bool { return r.ID == c.id })
	if i < 0 {
		return fhir.Consent{}, notFound()
	}
	return all[i], nil
}

func (c *call) readConsent() (answer, error) {
	r, err := c.consent()
	if err != nil {
		return answer{}, err
	}
	return answer{resource: r, version: r.Meta.VersionID}, nil
}

// updateConsent changes a setting, or what the patient lets one professional do,
// by provision.type: permit or deny. Of a professional, status inactive takes
// back what was given, and the block too.
func (c *call) updateConsent() (answer, error) {
	want, err := c.sentConsent()
	if err != nil {
		return answer{}, err
	}
	now, err := c.consent()
	if err != nil {
		return answer{}, err
	}
	if v := ifMatch(c.header); v != "" && v != now.Meta.VersionID {
		return answer{}, fault.Conflict
	}
	record, id, _ := strings.Cut(c.id, ".")
	if code, ok := strings.CutPrefix(id, pdsm.ChoicePrefix); ok {
		err = c.choose(record, code, want)
	} else {
		err = c.settle(record, now.Provision.Actor[0].Reference.Identifier.Value, want)
	}
	if err != nil {
		return answer{}, err
	}
	a, err := c.readConsent()
	if isNotFound(err) { // nothing is left of it
		return answer{status: http.StatusOK}, nil
	}
	return a, err
}

// createConsent blocks a professional, or gives them consent, whom the record
// may not know yet.
func (c *call) createConsent() (answer, error) {
	want, err := c.sentConsent()
	if err != nil {
		return answer{}, err
	}
	if len(want.Provision.Actor) != 1 || want.Provision.Actor[0].Reference.Identifier == nil {
		return answer{}, unprocessable("Désignez un professionnel : provision.actor.reference.identifier est son adresse.", "Name one professional: provision.actor.reference.identifier is their address.")
	}
	record, err := c.ownRecord()
	if want.Patient != nil && want.Patient.Reference != "" {
		record, err = referredID(want.Patient.Reference), nil
	}
	if err != nil {
		return answer{}, err
	}
	address := want.Provision.Actor[0].Reference.Identifier.Value
	if err := c.settle(record, address, want); err != nil {
		return answer{}, err
	}
	all, err := c.consents(record)
	if err != nil {
		return answer{}, err
	}
	for _, r := range all {
		if len(r.Provision.Actor) == 1 && r.Provision.Actor[0].Reference.Identifier.Value == address {
			return answer{status: http.StatusCreated, resource: r, version: r.Meta.VersionID, location: c.url("Consent", r.ID) + "/_history/" + r.Meta.VersionID}, nil
		}
	}
	return answer{}, fault.Internal
}

func (c *call) sentConsent() (r fhir.Consent, err error) {
	if _, err := c.resource("Consent"); err != nil {
		return r, err
	}
	if err := json.Unmarshal(c.body, &r); err != nil {
		return r, invalid("Le Consent n'est pas lisible.", "The Consent cannot be read.")
	}
	if r.Provision == nil || r.Provision.Type == "" || r.Status != "active" && r.Status != "inactive" {
		return r, unprocessable("Un Consent a status active ou inactive, et provision.type.", "A Consent has status active or inactive, and provision.type.")
	}
	return r, nil
}

func (c *call) choose(record, code string, want fhir.Consent) error {
	set, err := c.hub.Choices(c.ctx, c.actor, record)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(pdsm.Choices, func(ch pdsm.Choice) bool { return ch.Code == code })
	if i < 0 || want.Status != "active" {
		return unprocessable("Ce choix est toujours actif : il autorise ou refuse.", "This choice is always active: it permits or denies.")
	}
	pdsm.Choices[i].Set(&set, want.Provision.Type == "permit")
	return c.hub.SetChoices(c.ctx, c.actor, record, set)
}

// settle changes what one professional may. What gives more comes last, so that
// half of it gives less.
func (c *call) settle(record, address string, want fhir.Consent) error {
	who, err := ident.ParseAddress(address)
	if err != nil {
		return unprocessable("Le professionnel est désigné par l'adresse de sa boîte.", "The professional is named by the address of their mailbox.")
	}
	switch {
	case want.Status == "inactive":
		if err := c.hub.WithdrawConsent(c.ctx, c.actor, record, who); err != nil {
			return err
		}
		return c.hub.UnblockProfessional(c.ctx, c.actor, record, who)
	case want.Provision.Type == "deny":
		return c.hub.BlockProfessional(c.ctx, c.actor, record, who)
	}
	var until time.Time
	if p := want.Provision.Period; p != nil && p.End != "" {
		until = readTime(p.End)
	}
	if err := c.hub.GiveConsent(c.ctx, c.actor, record, who, until); err != nil {
		return err
	}
	return c.hub.UnblockProfessional(c.ctx, c.actor, record, who)
}
