package pdsm

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/patient"
)

// SysChoice names what a Consent of this hub is about. ChoicePrefix begins the
// ID, within its record, of the Consent of a Choice.
const (
	SysChoice    = "urn:vaguemestre:consent"
	ChoicePrefix = "c-"
)

// A Choice is a setting of the space that a Consent permits or denies.
type Choice struct {
	Code   string
	FR, EN string
	law    string
	Permit func(*patient.Choices) bool
	Set    func(c *patient.Choices, permit bool)
}

// Choices lists them; the first three are those of the product (ETREAT, BTG,
// MASKED).
var Choices = []Choice{
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

// Consents are all that a patient has settled: the settings of the space, and
// what each professional may.
func Consents(record string, c patient.Choices, relations []patient.Relation, now time.Time) []fhir.Consent {
	var out []fhir.Consent
	for _, ch := range Choices {
		out = append(out, choiceConsent(record, ch, c))
	}
	for _, n := range relations {
		out = append(out, relationConsent(record, n, now))
	}
	for i := range out {
		out[i].Meta = &fhir.Meta{VersionID: consentVersion(out[i])}
	}
	return out
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
		Category:   []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: SysChoice, Code: code}}, Text: fr + " / " + en}},
		Patient:    &fhir.Reference{Reference: "Patient/" + record},
		PolicyRule: &fhir.CodeableConcept{Text: law},
	}
}

// choiceConsent writes a setting.
func choiceConsent(record string, ch Choice, c patient.Choices) fhir.Consent {
	r := newConsent(record, ChoicePrefix+ch.Code, ch.Code, ch.FR, ch.EN, ch.law)
	r.Provision = &fhir.Provision{Type: provisionType(ch.Permit(&c)), Purpose: purposes(ch.Code)}
	return r
}

// purposes are the emergencies that FHIR has a code for.
func purposes(code string) []fhir.Coding {
	if code == "ETREAT" || code == "BTG" {
		return []fhir.Coding{{System: SysActReason, Code: code}}
	}
	return nil
}

func relationID(n patient.Relation) string {
	h := sha256.Sum256([]byte("vaguemestre/relation/" + cmp.Or(n.Who.RPPS, n.Who.Address)))
	return "p-" + hex.EncodeToString(h[:10])
}

// relationConsent writes what the patient lets one professional do: deny, if
// they are blocked; else permit, with what holds within.
func relationConsent(record string, n patient.Relation, now time.Time) fhir.Consent {
	r := newConsent(record, relationID(n), "PROFESSIONAL", "Accès d'un professionnel", "Access of a professional", "CSP L.1111-19")
	r.DateTime = Stamp(n.Since)
	who := fhir.Reference{Type: "Practitioner", Display: cmp.Or(n.Name, n.Who.Address), Identifier: &fhir.Identifier{System: "urn:vaguemestre:bal", Value: n.Who.Address}}
	if n.Who.Address == "" {
		who.Identifier = &fhir.Identifier{System: SysPerson, Value: "8" + n.Who.RPPS}
	}
	r.Provision = &fhir.Provision{Type: "permit", Actor: []fhir.ProvisionActor{{
		Role:      fhir.CodeableConcept{Coding: []fhir.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", Code: "IRCP"}}, Text: n.Organisation},
		Reference: who}}}
	if n.Profession != "" {
		r.Provision.Actor[0].Role.Coding = append(r.Provision.Actor[0].Role.Coding, fhir.Coding{System: SysJ01, Code: string(n.Profession), Display: n.Profession.Label()})
	}
	within := func(permit bool, code string, g patient.Grant) {
		p := fhir.Provision{Type: provisionType(permit), Code: []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: SysChoice, Code: code}}}}}
		if !g.Since.IsZero() {
			p.Period = &fhir.Period{Start: Stamp(g.Since), End: Stamp(g.Until)}
		}
		r.Provision.Provision = append(r.Provision.Provision, p)
	}
	if !n.Blocked.IsZero() {
		r.Provision.Type, r.Provision.Period = "deny", &fhir.Period{Start: Stamp(n.Blocked)}
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
