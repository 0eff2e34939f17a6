package fhirapi

import (
	"cmp"
	"encoding/json"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
	"vaguemestre/policy"
)

// sysRole names the roles of policy.
const sysRole = "urn:vaguemestre:role"

// whoCanSee tells the patient who may see a document, and why. The professions
// that may not are summed up, a row for each rule, unless all=true asks for them.
func (c *call) whoCanSee() (answer, error) {
	viewers, err := c.hub.WhoCanSee(c.ctx, c.actor, c.id)
	if err != nil {
		return answer{}, err
	}
	out := fhir.Parameters{Kind: "Parameters"}
	var rules []policy.Decision
	refused := map[policy.Decision]int{}
	for _, v := range viewers {
		if v.Name != "" || v.Profession == "" || v.Access.Allow || c.query.Get("all") == "true" {
			out.Parameter = append(out.Parameter, viewerParameter(v))
			continue
		}
		if refused[v.Access]++; refused[v.Access] == 1 {
			rules = append(rules, v.Access)
		}
	}
	for _, d := range rules {
		out.Parameter = append(out.Parameter, fhir.Parameter{Name: "others",
			Part: append([]fhir.Parameter{{Name: "professions", Integer: refused[d]}}, decisionParameters(d)...)})
	}
	return answer{resource: out}, nil
}

func viewerParameter(v hub.Viewer) fhir.Parameter {
	p := fhir.Parameter{Name: "viewer"}
	who := v.Name
	if v.Profession != "" {
		who = cmp.Or(who, v.Profession.Label())
		p.Part = append(p.Part, fhir.Parameter{Name: "profession", Coding: &fhir.Coding{System: pdsm.SysJ01, Code: string(v.Profession), Display: v.Profession.Label()}})
	}
	if who != "" {
		p.Part = append(p.Part, fhir.Parameter{Name: "who", String: who})
	}
	p.Part = append(p.Part, fhir.Parameter{Name: "role", Coding: &fhir.Coding{System: sysRole, Code: v.Role.String()}})
	p.Part = append(p.Part, decisionParameters(v.Access)...)
	return p
}

// decisionParameters tell a decision, and its sentence in both languages.
func decisionParameters(d policy.Decision) []fhir.Parameter {
	e := policy.Explain(d.Rule)
	return []fhir.Parameter{
		{Name: "allowed", Boolean: &d.Allow}, {Name: "rule", Code: d.Rule},
		{Name: "sentence", String: e.FR}, {Name: "sentence-en", String: e.EN},
	}
}

// seeAs lists what somebody else would see of the record: a professional, by
// their address, or a member of the care team of a profession, by its code.
func (c *call) seeAs() (answer, error) {
	as := c.query.Get("as")
	if as == "" {
		return answer{}, invalid("Indiquez as : une adresse, ou le code d'une profession.", "Name as: an address, or the code of a profession.")
	}
	docs, err := c.hub.SeeAs(c.ctx, c.actor, c.id, as)
	if err != nil {
		return answer{}, err
	}
	total := len(docs)
	b := fhir.Bundle{Kind: "Bundle", Type: "searchset", Total: &total, Timestamp: pdsm.Stamp(c.cfg.Now())}
	for _, d := range docs {
		b.Entry = append(b.Entry, fhir.BundleEntry{FullURL: c.url("DocumentReference", d.ID), Resource: c.out.DocumentReference(d), Search: &fhir.BundleSearch{Mode: "match"}})
	}
	return answer{resource: b}, nil
}

// breakGlass asks for an emergency access. kind is BTG, or ETREAT for the
// regulating physician of a SAMU; reason is in words.
func (c *call) breakGlass() (answer, error) {
	in, err := c.input()
	if err != nil {
		return answer{}, err
	}
	kinds := map[string]policy.EmergencyKind{"": policy.BrokenGlass, "BTG": policy.BrokenGlass, "ETREAT": policy.Centre15}
	kind, ok := kinds[in["kind"]]
	if !ok {
		return answer{}, invalid("kind est BTG ou ETREAT.", "kind is BTG or ETREAT.")
	}
	until, err := c.hub.BreakGlass(c.ctx, c.actor, c.id, kind, in["reason"])
	if err != nil {
		return answer{}, err
	}
	return answer{resource: fhir.Parameters{Kind: "Parameters", Parameter: []fhir.Parameter{{Name: "until", DateTime: pdsm.Stamp(until)}}}}, nil
}

// declareCare takes the word of a professional on what they are to the patient.
func (c *call) declareCare() (answer, error) {
	in, err := c.input()
	if err != nil {
		return answer{}, err
	}
	link := hub.CareLink(in["link"])
	if link != hub.InCareTeam && link != hub.HasConsent {
		return answer{}, invalid("link est care-team ou consent.", "link is care-team or consent.")
	}
	if err := c.hub.Declare(c.ctx, c.actor, c.id, link); err != nil {
		return answer{}, err
	}
	p, err := c.hub.PatientByID(c.ctx, c.actor, c.id)
	if err != nil {
		return answer{}, err
	}
	return answer{resource: fhir.Parameters{Kind: "Parameters", Parameter: decisionParameters(p.Access)}}, nil
}

// input reads the Parameters of an operation, of which each has one text.
func (c *call) input() (map[string]string, error) {
	if _, err := c.resource("Parameters"); err != nil {
		return nil, err
	}
	var p struct{ Parameter []patchPart }
	if err := json.Unmarshal(c.body, &p); err != nil {
		return nil, invalid("Les paramètres ne sont pas lisibles.", "The parameters cannot be read.")
	}
	in := map[string]string{}
	for _, one := range p.Parameter {
		in[one.Name] = cmp.Or(one.String, cmp.Or(one.Code, one.URI))
	}
	return in, nil
}
