package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/policy"
)

// The pages of professionals: their home, and the records of patients, each found
// by its number. Who is treated wrongly because two patients were mixed up is not
// helped by a fast page: every page of a record says whose it is (banner).

// caregiver does what professionals do.
type caregiver interface {
	professionalSigner
	FindPatient(ctx context.Context, a hub.Actor, m ident.Matricule) (hub.PatientView, error)
	PatientByID(ctx context.Context, a hub.Actor, id string) (hub.PatientView, error)
}

const (
	patientsPath = "/patients"
	recordPath   = patientsPath + "/{record}"

	recentCookie = "__Host-recent" // the patients that a session has opened last, sealed
	maxRecent    = 8
)

var caring = slices.Concat(proWayIn, []route{
	{path: patientsPath, signed: true, by: professionals, get: (*call).patientsPage, post: (*call).findPatient},
	{path: recordPath, signed: true, by: professionals, get: (*call).patientPage},
})

// knowPatient finds out whose record an address is about that a professional asks
// for. One that they may not know of is nobody's.
func (c *call) knowPatient() error {
	id := c.r.PathValue("record")
	if id == "" || c.who == nil || !c.who.cares() {
		return nil
	}
	v, err := c.s.hub.PatientByID(c.ctx(), c.who.Actor, id)
	if err != nil {
		return err
	}
	c.patient = &v
	c.about(c.banner(v))
	return nil
}

// banner says whose record it is: what tells two patients apart.
func (c *call) banner(v hub.PatientView) subject {
	b := subject{Name: c.words("patient.unnamed"), Path: patientsPath + "/" + v.ID, Leave: patientsPath}
	number := c.words("patient.ins", spaced(v.Matricule.Canonical()))
	b.Line = number
	if v.Access.Allow {
		b.Name = v.Traits.Name()
		b.Line = c.words("patient.line", born(c.lang, v.Traits.BirthDate), c.words("patient.sex."+v.Traits.Sex), number)
	}
	if v.Treating {
		b.Mark = c.words("patient.treating")
	}
	return b
}

// proHomeView is what the home of a professional shows.
type proHomeView struct {
	Profession, Organisation, Address string
	Recent                            []recentPatient
}

func (c *call) proHome() error {
	a := c.who.Actor
	return c.page("pro/home", "home.title", proHomeView{a.Profession.Label(), a.Organisation, a.Address.Canonical(), c.recent()})
}

// A recentPatient is one whose record this session has opened: it is in this
// browser alone, and ends with the session.
type recentPatient struct {
	ID         string
	Name, Born string // "" where access is not given
	Ends       string // of the matricule, its last characters
}

// recents are those of one session.
type recents struct {
	Session string
	List    []recentPatient
}

func (c *call) recent() []recentPatient {
	var k recents
	if !c.kept(recentCookie, &k) || k.Session != c.who.Actor.Session {
		return nil
	}
	return k.List
}

// remember puts the patient whose record is open before the others.
func (c *call) remember() error {
	v := c.patient
	this := recentPatient{ID: v.ID, Ends: ends(v.Matricule)}
	if v.Access.Allow {
		this.Name, this.Born = v.Traits.Name(), v.Traits.BirthDate
	}
	old := c.recent()
	if len(old) > 0 && old[0] == this {
		return nil
	}
	list := append([]recentPatient{this}, slices.DeleteFunc(old, func(p recentPatient) bool { return p.ID == this.ID })...)
	return c.keep(recentCookie, recents{c.who.Actor.Session, list[:min(len(list), maxRecent)]}, hub.ProfessionalLife)
}

// ends are the last characters of a matricule: enough to tell two apart, and no
// more.
func ends(m ident.Matricule) string {
	s := m.Canonical()
	if len(s) < 5 {
		return ""
	}
	return "… " + s[len(s)-5:len(s)-2] + " " + s[len(s)-2:]
}

// patientsView is what the page shows that finds patients.
type patientsView struct{ Recent []recentPatient }

func (c *call) patientsPage() error {
	return c.page("pro/patients", "patients.title", patientsView{c.recent()})
}

// findPatient finds a patient by their number, as people write it down. Whatever
// there is behind a number that may not be known of, the answer is one.
func (c *call) findPatient() error {
	again := func() error { return c.again("pro/patients", "patients.title", patientsView{c.recent()}) }
	text := compact(c.form.value("ins"))
	m, err := ident.ParseMatricule(text)
	switch {
	case text == "":
		c.wrong("ins", "wrong.empty")
		return again()
	case len(text) == 13:
		c.wrong("ins", "wrong.ins.key")
		return again()
	case err != nil:
		c.wrong("ins", "wrong.ins")
		return again()
	}
	v, err := c.s.hub.FindPatient(c.ctx(), c.who.Actor, m)
	switch {
	case errors.Is(err, fault.NotFound):
		c.wrong("ins", "wrong.ins.nobody")
		return again()
	case errors.Is(err, fault.Invalid):
		c.wrong("ins", "wrong.ins")
		return again()
	case err != nil:
		return err
	}
	return c.to(patientsPath+"/"+v.ID, "")
}

// patientView is what the first page of a record shows.
type patientView struct {
	Access, Closed bool
	Why            string // access is given, or not: a key of the catalogue
	Since          time.Time
}

func (c *call) patientPage() error {
	if err := c.remember(); err != nil && !errors.Is(err, fault.TooLarge) {
		return err
	}
	p := c.patient
	v := patientView{Access: p.Access.Allow, Closed: p.State != policy.Active, Since: p.Since, Why: why(p.Access)}
	return c.page("pro/patient", "patient.title", v)
}

// why is the key of the words for a decision on a record.
func why(d policy.Decision) string {
	key := fmt.Sprintf("patient.why.%s", d.Rule)
	if _, ok := catalogues[french][key]; !ok {
		return "patient.why.other"
	}
	return key
}
