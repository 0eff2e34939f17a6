package web

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/cda"
	"vaguemestre/internal/hub"
	"vaguemestre/policy"
)

// The help, for everybody: how to begin, who sees what, what is promised, whom to
// ask, and how far the pages are accessible. Who sees what is told by the rules and
// the matrix that decide.

const helpPath = "/aide"

// A helpPage is one of them: its template is "help/NAME", its words begin with
// "help.NAME".
type helpPage struct{ name, path string }

var helpPages = []helpPage{
	{"first", helpPath + "/premiers-pas"},
	{"who", whoPath},
	{"promises", helpPath + "/promesses"},
	{"contact", helpPath + "/contact"},
	{"accessibility", helpPath + "/accessibilite"},
}

const whoPath = helpPath + "/qui-voit-quoi"

var helping = func() []route {
	list := []route{{path: helpPath, get: func(c *call) error { return c.helpPage(helpPage{"index", helpPath}) }}}
	for _, p := range helpPages {
		list = append(list, route{path: p.path, get: func(c *call) error { return c.helpPage(p) }})
	}
	return list
}()

// matrixHolder has the habilitation matrix in force.
type matrixHolder interface {
	Matrix() hub.MatrixInForce
}

// helpView is what every page of the help shows.
type helpView struct {
	Pages   []helpLink
	Support string // how people reach whoever runs this hub; may be empty
	Who     *whoSeesWhat
}

// A helpLink leads to a page of the help.
type helpLink struct {
	Name, Path string
	Here       bool
}

func (c *call) helpPage(p helpPage) error {
	v := helpView{Support: c.s.cfg.Support}
	for _, one := range helpPages {
		v.Pages = append(v.Pages, helpLink{one.name, one.path, one.path == p.path})
	}
	if p.path == whoPath {
		v.Who = c.whoSeesWhat()
	}
	return c.page("help/"+p.name, "help."+p.name, v)
}

// The rules that keep everybody else out, and those that open a record to a
// professional.
var (
	never   = []string{"never/insurers", "never/employers", "never/state", "administrator/never-content"}
	opening = []string{"access/treating-physician", "access/care-team", "access/consent", "access/administrator", "emergency/break-glass", "emergency/centre-15"}
)

// whoSeesWhat is told of the rules by the rules themselves.
type whoSeesWhat struct {
	Never, Opens []string  // the second: names of rules, which have words here
	Since        time.Time // the matrix holds
	Professions  []choiceView
	Of           string // the profession that is shown
	Shelves      []shelfSeen
	Nothing      bool // it reads none
}

// A shelfSeen is how much of a shelf a profession may read.
type shelfSeen struct {
	Code  string
	Share string   // "all", "most", "some" or "none"
	Types []string // in French: of "most" those that it may not read, of "some" those it may
}

func (c *call) whoSeesWhat() *whoSeesWhat {
	m := c.s.hub.Matrix()
	v := &whoSeesWhat{Since: m.Since(), Nothing: true}
	v.Opens = opening
	for _, rule := range never {
		e := policy.Explain(rule)
		v.Never = append(v.Never, c.either(e.FR, e.EN))
	}
	asked, shown := policy.Profession(c.r.URL.Query().Get("metier")), policy.Physician
	for p := range policy.Professions() {
		v.Professions = append(v.Professions, choiceView{Key: string(p), Name: c.professionName(p)})
		if p == asked {
			shown = p
		}
	}
	slices.SortStableFunc(v.Professions, func(a, b choiceView) int { return strings.Compare(a.Name, b.Name) })
	for i, p := range v.Professions {
		if p.Key == string(shown) {
			v.Professions[i].Chosen, v.Of = true, p.Name
		}
	}
	v.Shelves = shelvesSeen(m.Matrix, shown)
	for _, s := range v.Shelves {
		v.Nothing = v.Nothing && s.Share == "none"
	}
	return v
}

// professionName is what people of a profession are called.
func (c *call) professionName(p policy.Profession) string {
	_, en := audit.Called(p)
	return capital(cmp.Or(c.either(p.Label(), en), p.Label()))
}

// shelvesSeen says how much of each shelf a profession may read, as the matrix has
// it.
func shelvesSeen(m *policy.Matrix, p policy.Profession) (list []shelfSeen) {
	may, not := map[string][]string{}, map[string][]string{}
	for _, d := range policy.DocumentTypes() {
		t, _ := cda.TypeByCode(d.Code)
		if m.Allows(p, d.Code) {
			may[t.Shelf.Code] = append(may[t.Shelf.Code], d.Name)
		} else {
			not[t.Shelf.Code] = append(not[t.Shelf.Code], d.Name)
		}
	}
	for _, s := range cda.Shelves() {
		one := shelfSeen{Code: s.Code}
		switch seen, all := len(may[s.Code]), len(may[s.Code])+len(not[s.Code]); {
		case all == 0:
			continue
		case seen == 0:
			one.Share = "none"
		case seen == all:
			one.Share = "all"
		case 2*seen >= all:
			one.Share, one.Types = "most", not[s.Code]
		default:
			one.Share, one.Types = "some", may[s.Code]
		}
		list = append(list, one)
	}
	return list
}
