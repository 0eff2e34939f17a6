package fhirapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
)

// sysChoice names what a Consent of this hub is about.
const sysChoice = "urn:vaguemestre:consent"

// A choice is a setting of the space that a Consent permits or denies.
type choice struct {
	code   string
	fr, en string
	law    string
	permit func(*patient.Choices) bool
	set    func(c *patient.Choices, permit bool)
}

// choices lists them; the first three are those of the product (ETREAT, BTG,
// MASKED).
var choices = []choice{
	{"ETREAT", "Accès du SAMU (centre 15) en urgence", "Access of the SAMU in an emergency", "CSP L.1111-17",
		func(c *patient.Choices) bool { return !c.OpposedToCentre15 }, func(c *patient.Choices, p bool) { c.OpposedToCentre15 = !p }},
	{"BTG", "Accès en urgence par bris de glace", "Emergency access by breaking the glass", "CSP L.1111-17",
		func(c *patient.Choices) bool { return !c.OpposedToBreakGlass }, func(c *patient.Choices, p bool) { c.OpposedToBreakGlass = !p }},
	{"MASKED", "Documents masqués visibles en urgence", "Masked documents shown in an emergency", "CSP R.1111-49",
		func(c *patient.Choices) bool { return c.MaskedInEmergency }, func(c *patient.Choices, p bool) { c.MaskedInEmergency = p }},
	{"CARETEAM", "Équipe de soins présumée autorisée", "Care team presumed to be allowed", "CSP R.1111-46",
		func(c *patient.Choices) bool { return !c.OpposedToCareTeam }, func(c *patient.Choices, p bool) { c.OpposedToCareTeam = !p }},
	{"NEWDOCUMENTS", "Nouveaux documents visibles des professionnels", "New documents shown to professionals", "CSP R.1111-49",
		func(c *patient.Choices) bool { return !c.MaskNewDocuments }, func(c *patient.Choices, p bool) { c.MaskNewDocuments = !p }},
	{"HISTORY", "Historique de remboursements visible des professionnels", "History of reimbursements shown to professionals", "CSP R.1111-49",
		func(c *patient.Choices) bool { return !c.HideHistory }, func(c *patient.Choices, p bool) { c.HideHistory = !p }},
}

func provisionType(permit bool) string {
	if permit {
		return "permit"
	}
	return "deny"
}

func newConsent(record, id, code, fr, en, law string) fhir.Consent {
	return fhir.Consent{
		Kind: "Consent", ID: record + "." + id, Status: "active",
		Scope:      fhir.CodeableConcept{Coding: []fhir.Coding{{System: "http://terminology.hl7.org/CodeSystem/consentscope", Code: "patient-privacy"}}},
		Category:   []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: sysChoice, Code: code}}, Text: fr + " / " + en}},
		Patient:    &fhir.Reference{Reference: "Patient/" + record},
		PolicyRule: &fhir.CodeableConcept{Text: law},
	}
}

// choiceConsent writes a setting.
func choiceConsent(record string, ch choice, c patient.Choices) fhir.Consent {
	r := newConsent(record, "c-"+ch.code, ch.code, ch.fr, ch.en, ch.law)
	r.Provision = &fhir.Provision{Type: provisionType(ch.permit(&c)), Purpose: purposes(ch.code)}
	return r
}

// purposes are the emergencies that FHIR has a code for.
func purposes(code string) []fhir.Coding {
	if code == "ETREAT" || code == "BTG" {
		return []fhir.Coding{{System: sysActReason, Code: code}}
	}
	return nil
}

func relationID(n patient.Relation) string {
	h := sha256.Sum256([]byte("vaguemestre/relation/" + or(n.Who.RPPS, n.Who.Address)))
	return "p-" + hex.EncodeToString(h[:10])
}

// relationConsent writes what the patient lets one professional do: deny, if
// they are blocked; else permit, with what holds within.
func relationConsent(record string, n patient.Relation, now time.Time) fhir.Consent {
	r := newConsent(record, relationID(n), "PROFESSIONAL", "Accès d'un professionnel", "Access of a professional", "CSP L.1111-19")
	r.DateTime = stamp(n.Since)
	who := fhir.Reference{Type: "Practitioner", Display: or(n.Name, n.Who.Address), Identifier: &fhir.Identifier{System: "urn:vaguemestre:bal", Value: n.Who.Address}}
	if n.Who.Address == "" {
		who.Identifier = &fhir.Identifier{System: sysPerson, Value: "8" + n.Who.RPPS}
	}
	r.Provision = &fhir.Provision{Type: "permit", Actor: []fhir.ProvisionActor{{
		Role:      fhir.CodeableConcept{Coding: []fhir.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", Code: "IRCP"}}, Text: n.Organisation},
		Reference: who}}}
	if n.Profession != "" {
		r.Provision.Actor[0].Role.Coding = append(r.Provision.Actor[0].Role.Coding, fhir.Coding{System: sysJ01, Code: string(n.Profession), Display: n.Profession.Label()})
	}
	within := func(permit bool, code string, g patient.Grant) {
		p := fhir.Provision{Type: provisionType(permit), Code: []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: sysChoice, Code: code}}}}}
		if !g.Since.IsZero() {
			p.Period = &fhir.Period{Start: stamp(g.Since), End: stamp(g.Until)}
		}
		r.Provision.Provision = append(r.Provision.Provision, p)
	}
	if !n.Blocked.IsZero() {
		r.Provision.Type, r.Provision.Period = "deny", &fhir.Period{Start: stamp(n.Blocked)}
	}
	for _, g := range []struct {
		code string
		patient.Grant
	}{{"consent", n.Consent}, {"care-team", n.CareTeam}, {"administrator", n.Administrator}} {
		if g.InForce(now) {
			within(true, g.code, g.Grant)
		}
	}
	if !n.CareTeamOpposed.IsZero() {
		within(false, "care-team", patient.Grant{Since: n.CareTeamOpposed})
	}
	if n.Role != "" {
		within(true, string(n.Role), patient.Grant{})
	}
	return r
}

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
	var out []fhir.Consent
	for _, ch := range choices {
		out = append(out, choiceConsent(record, ch, set))
	}
	for _, n := range relations {
		out = append(out, relationConsent(record, n, c.cfg.Now()))
	}
	for i := range out {
		out[i].Meta = &fhir.Meta{VersionID: consentVersion(out[i])}
	}
	return out, nil
}

// consentVersion tells two states of a Consent apart.
func consentVersion(r fhir.Consent) string {
	r.Meta = nil
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // a resource of ours that is no JSON
	}
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:10])
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
			return []token{{sysChoice, r.Category[0].Coding[0].Code}}
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
	if code, ok := strings.CutPrefix(id, "c-"); ok {
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
	i := slices.IndexFunc(choices, func(ch choice) bool { return ch.code == code })
	if i < 0 || want.Status != "active" {
		return unprocessable("Ce choix est toujours actif : il autorise ou refuse.", "This choice is always active: it permits or denies.")
	}
	choices[i].set(&set, want.Provision.Type == "permit")
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
