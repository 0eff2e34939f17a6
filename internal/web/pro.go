package web

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

// The pages of professionals: their home, and the records of patients, each found
// by its number. Who is treated wrongly because two patients were mixed up is not
// helped by a fast page: every page of a record says whose it is (banner).

// caregiver does what professionals do.
type caregiver interface {
	professionalSigner
	FindPatient(ctx context.Context, a hub.Actor, m ident.Matricule) (hub.PatientView, error)
	recordKeeper
	sharer
}

const (
	patientsPath = "/patients"

	recentCookie = "__Host-recent" // the patients that a session has opened last, sealed
	maxRecent    = 8
)

var caring = slices.Concat(proWayIn, []route{
	{path: patientsPath, signed: true, by: professionals, get: (*call).patientsPage, post: (*call).findPatient},
}, atRecord, sharing)

// proHomeView is what the home of a professional shows.
type proHomeView struct {
	Profession, Organisation string
	Address                  string       // of the mailbox that is open
	Shared                   string       // its name, where it is shared
	New                      []threadLine // threads there with something unread, the newest
	Others                   int          // how many more there are
	Boxes                    []boxLine    // where there is more than one
	Recent                   []recentPatient
}

// mostNew is how many threads the home shows.
const mostNew = 4

func (c *call) proHome() error {
	a := c.mailbox()
	v := proHomeView{Profession: c.professionName(c.who.Profession), Organisation: c.who.Organisation, Address: a.Address.Canonical(), Recent: c.recent()}
	if c.acting != nil {
		v.Shared = a.Name
	}
	list, err := c.s.hub.Threads(c.ctx(), a, hub.ThreadSearch{Unread: true})
	if err != nil {
		return err
	}
	for _, t := range list.Threads[:min(len(list.Threads), mostNew)] {
		v.New = append(v.New, c.threadLine(t))
	}
	v.Others = list.Total - len(v.New)
	if v.Boxes, err = c.boxes(); err != nil {
		return err
	}
	if len(v.Boxes) < 2 {
		v.Boxes = nil
	}
	return c.page("pro/home", "home.title", v)
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

// matricule reads the number of a patient as people write it down. It says what is
// wrong with it.
func (c *call) matricule() (m ident.Matricule, ok bool) {
	text := compact(c.form.value("ins"))
	m, err := ident.ParseMatricule(text)
	switch {
	case text == "":
		c.wrong("ins", "wrong.empty")
	case len(text) == len("2790351215189"):
		c.wrong("ins", "wrong.ins.key")
	case err != nil:
		c.wrong("ins", "wrong.ins")
	}
	return m, len(c.form.errs) == 0
}

// findPatient finds a patient by their number. Whatever there is behind a number
// that may not be known of, the answer is one.
func (c *call) findPatient() error {
	again := func() error { return c.again("pro/patients", "patients.title", patientsView{c.recent()}) }
	m, ok := c.matricule()
	if !ok {
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
	case errors.Is(err, fault.Throttled):
		c.wrong("ins", "wrong.ins.throttled")
		return c.show(http.StatusTooManyRequests, "pro/patients", "patients.title", patientsView{c.recent()})
	case err != nil:
		return err
	}
	return c.to(patientsPath+"/"+v.ID, "")
}
