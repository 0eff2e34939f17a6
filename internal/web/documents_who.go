package web

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/policy"
)

// Who sees what: "Qui peut voir ce document ?" and "Voir comme mon pharmacien".

// whoView is who may read a document, and who may not.
type whoView struct {
	documentLine
	Root    string
	Own     bool
	Trail   string      // address of who has read documents; "" for whom that is not
	Persons []whoPerson // who may
	Barred  []whoPerson // who may not, of those the record knows
	Allowed []whoReason // professions
	Refused []whoReason
}

// A whoPerson is somebody by name.
type whoPerson struct{ Name, Role, Why string }

// A whoReason is the professions that one rule decides for.
type whoReason struct {
	Why         string
	Professions []string
}

func (c *call) whoCanSee() error {
	id := c.documentID()
	viewers, err := c.s.hub.WhoCanSee(c.ctx(), c.who.Actor, id)
	if err != nil {
		return err
	}
	p, err := c.s.hub.DocumentPage(c.ctx(), c.who.Actor, id)
	if err != nil {
		return err
	}
	v := whoView{documentLine: c.lineOf(p.CabinetDocument, p.Folders), Root: c.documentsAt(""), Own: c.own()}
	v.Trail = c.readersOf(v.ID)
	for _, one := range viewers {
		why := c.because(one.Access.Rule)
		switch {
		case one.Name == "" && one.Access.Allow:
			v.Allowed = withReason(v.Allowed, why, one.Profession.Label())
		case one.Name == "":
			v.Refused = withReason(v.Refused, why, one.Profession.Label())
		case one.Access.Allow:
			v.Persons = append(v.Persons, whoPerson{one.Name, c.roleOf(one), why})
		default:
			v.Barred = append(v.Barred, whoPerson{one.Name, c.roleOf(one), why})
		}
	}
	return c.page("documents/who", "documents.who", v)
}

// readersOf is the address of who has read a document; "" for those who may not
// know.
func (c *call) readersOf(id string) string {
	if !c.own() && (c.visited == nil || !c.visited.May.Trail) {
		return ""
	}
	return c.at(activityPath) + "?" + url.Values{"document": {id}, "sans-moi": {"yes"}}.Encode()
}

// withReason puts a profession with the others that are told the same.
func withReason(list []whoReason, why, profession string) []whoReason {
	i := slices.IndexFunc(list, func(r whoReason) bool { return r.Why == why })
	if i < 0 {
		i, list = len(list), append(list, whoReason{Why: why})
	}
	if !slices.Contains(list[i].Professions, profession) {
		list[i].Professions = append(list[i].Professions, profession)
	}
	return list
}

// roleOf says in what capacity somebody sees.
func (c *call) roleOf(v hub.Viewer) string {
	switch {
	case v.Profession != "":
		return v.Profession.Label()
	case v.Role == policy.Organisation:
		return c.words("documents.organisation")
	case v.Access.Rule == "document/owner-reads":
		return c.words("documents.holder")
	case v.Access.Rule == "document/representative-reads":
		return c.words("documents.representative")
	case v.Role == policy.Patient:
		return c.words("documents.helper")
	}
	return ""
}

// seeAsView is what somebody else would see of the record.
type seeAsView struct {
	Root        string
	Own         bool
	People      []choiceView // professionals whom the record knows
	Often       []choiceView // professions that people ask for
	Professions []choiceView
	As          string // of whom it is told; "" where nothing was asked yet
	Seen        []documentLine
	Unseen      []documentLine
	Sees        int // documents, of which Seen are the first…
	Missed, All int
}

// seenAs bounds each of the lists of what somebody else sees, and does not.
const seenAs = 30

// often are the professions that people ask for.
var often = []policy.Profession{policy.Physician, policy.Pharmacist, policy.Nurse, policy.Dentist, policy.Physiotherapist, policy.Midwife}

// seeAsChoices offers whose eyes there are to see with.
func (c *call) seeAsChoices() (v seeAsView, err error) {
	v = seeAsView{Root: c.documentsAt(""), Own: c.own()}
	relations, err := c.s.hub.Relations(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return v, err
	}
	for _, r := range relations {
		name := cmp.Or(r.Name, r.Who.Address)
		if r.Profession != "" {
			name += ", " + r.Profession.Label()
		}
		v.People = append(v.People, choiceView{Key: r.Who.Address, Name: name})
	}
	for _, p := range often {
		v.Often = append(v.Often, choiceView{Key: string(p), Name: p.Label()})
	}
	for p := range policy.Professions() {
		if !slices.Contains(often, p) {
			v.Professions = append(v.Professions, choiceView{Key: string(p), Name: p.Label()})
		}
	}
	slices.SortFunc(v.Professions, func(a, b choiceView) int { return strings.Compare(a.Name, b.Name) })
	return v, nil
}

func (c *call) seeAsPage() error {
	v, err := c.seeAsChoices()
	if err != nil {
		return err
	}
	return c.page("documents/as", "documents.as", v)
}

// seeAs shows the record as somebody else would see it.
func (c *call) seeAs() error {
	v, err := c.seeAsChoices()
	if err != nil {
		return err
	}
	as := cmp.Or(c.form.value("autre"), c.form.value("comme"))
	for _, list := range [][]choiceView{v.People, v.Often, v.Professions} {
		for i := range list {
			if list[i].Key == as {
				list[i].Chosen, v.As = true, list[i].Name
			}
		}
	}
	if v.As == "" {
		c.wrong("comme", "wrong.choose")
		return c.again("documents/as", "documents.as", v)
	}
	seen, err := c.s.hub.SeeAs(c.ctx(), c.who.Actor, c.record(), as)
	if errors.Is(err, fault.NotFound) {
		c.wrong("comme", "wrong.choose")
		v.As = ""
		return c.again("documents/as", "documents.as", v)
	}
	if err != nil {
		return err
	}
	cab, err := c.s.hub.Cabinet(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return err
	}
	sees := map[string]bool{}
	for _, d := range seen {
		sees[d.ID] = true
	}
	for _, d := range cab.Documents {
		l := c.lineOf(d, cab.Folders)
		switch {
		case sees[d.ID]:
			v.Seen = append(v.Seen, l)
		default:
			v.Unseen = append(v.Unseen, l)
		}
	}
	v.Sees, v.All = len(v.Seen), len(cab.Documents)
	v.Missed = len(v.Unseen)
	v.Seen, v.Unseen = v.Seen[:min(len(v.Seen), seenAs)], v.Unseen[:min(len(v.Unseen), seenAs)]
	return c.page("documents/as", "documents.as", v)
}
