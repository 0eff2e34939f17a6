package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/policy"
)

// The record of a patient, as a professional comes to it: whose it is, what opens
// it to them, what they may ask for, and where they go on from there. An emergency
// has a page of its own.

// recordKeeper opens records to professionals.
type recordKeeper interface {
	Footing(ctx context.Context, a hub.Actor, id string) (hub.Footing, error)
	Declare(ctx context.Context, a hub.Actor, recordID string, link hub.CareLink) error
	BreakGlass(ctx context.Context, a hub.Actor, recordID string, kind policy.EmergencyKind, reason string) (time.Time, error)
	BreakGlassFor(ctx context.Context, a hub.Actor, m ident.Matricule, kind policy.EmergencyKind, reason string) (string, time.Time, error)
	EndGlass(ctx context.Context, a hub.Actor, recordID string) error
	BlockProfessional(ctx context.Context, a hub.Actor, recordID string, professional ident.Address) error
}

const (
	recordPath    = patientsPath + "/{record}"
	emergencyPath = recordPath + "/urgence"
	urgentPath    = "/urgence" // without looking for the patient first
)

var atRecord = []route{
	{path: recordPath, signed: true, by: professionals, get: (*call).patientPage},
	{path: recordPath + "/lien", signed: true, by: professionals, post: (*call).declare},
	{path: recordPath + "/blocage", signed: true, by: professionals, post: (*call).blockFor},
	{path: emergencyPath, signed: true, by: professionals, get: (*call).emergencyPage, post: (*call).breakGlass},
	{path: emergencyPath + "/fin", signed: true, by: professionals, post: (*call).endGlass},
	{path: urgentPath, signed: true, by: professionals, get: (*call).urgentPage, post: (*call).breakGlassFor},
}

// knowPatient finds out whose record an address is about that a professional asks
// for. One that they may not know of is nobody's.
func (c *call) knowPatient() error {
	id := c.r.PathValue("record")
	if id == "" || c.who == nil || !c.who.cares() {
		return nil
	}
	f, err := c.s.hub.Footing(c.ctx(), c.mailbox(), id)
	if err != nil {
		return err
	}
	c.patient = &f
	c.about(c.banner(f))
	return nil
}

// banner says whose record it is: what tells two patients apart, and what a
// professional is to them, where it matters.
func (c *call) banner(f hub.Footing) subject {
	b := subject{Name: c.words("patient.unnamed"), Path: patientsPath + "/" + f.ID, Leave: patientsPath}
	number := c.words("patient.ins", spaced(f.Matricule.Canonical()))
	b.Line = number
	if f.Access.Allow {
		b.Name = f.Traits.Name()
		b.Line = c.words("patient.line", born(c.lang, f.Traits.BirthDate), c.words("patient.sex."+f.Traits.Sex), number)
	}
	switch {
	case f.Emergency != policy.NoEmergency:
		b.Mark = c.words("patient.emergency.mark", f.Until.In(c.s.cfg.Zone).Format("15:04"))
	case f.Treating:
		b.Mark = c.words("patient.treating")
	}
	return b
}

// patientView is what the first page of a record shows.
type patientView struct {
	hub.Footing
	Why    string // access is given, or not: a key of the catalogue
	Active bool
	Left   string // of an emergency, in words
	From   string // the mailbox that is open, where it is shared
	Team   string // how long what is declared would last
	Agreed string
}

func (c *call) patientView() patientView {
	f := *c.patient
	from := ""
	if c.acting != nil {
		from = c.acting.Name
	}
	return patientView{
		Footing: f, Why: why(f.Access), Active: f.State == policy.Active, Left: c.lasting(f.Until.Sub(c.now())),
		From: from, Team: c.lasting(f.TeamFor), Agreed: c.lasting(f.AgreedFor),
	}
}

func (c *call) patientPage() error {
	if err := c.remember(); err != nil && !errors.Is(err, fault.TooLarge) {
		return err
	}
	return c.page("pro/patient", "patient.title", c.patientView())
}

// why is the key of the words for a decision on a record.
func why(d policy.Decision) string {
	key := "patient.why." + d.Rule
	if _, ok := catalogues[french][key]; !ok {
		return "patient.why.other"
	}
	return key
}

// declare takes a professional's word on what they are to the patient.
func (c *call) declare() error {
	links := map[string]hub.CareLink{"team": hub.InCareTeam, "agreed": hub.HasConsent}
	link, ok := links[c.form.value("link")]
	if !ok {
		c.wrong("link", "wrong.choose")
		return c.again("pro/patient", "patient.title", c.patientView())
	}
	err := c.s.hub.Declare(c.ctx(), c.who.Actor, c.record(), link)
	return c.opened(err, "pro/patient", "patient.title", c.patientView())
}

// opened leads to the record that was asked for, or says why it does not open.
// What the patient has decided is told as far as the door tells it: there is one
// answer to whoever may not know.
func (c *call) opened(err error, page, title string, data any) error {
	switch {
	case err == nil:
		return c.to(patientsPath+"/"+c.record(), "news.record-open")
	case refusedBy(err, "emergency/no-reason"):
		c.wrongText("reason", c.sentence(err))
		return c.again(page, title, data)
	case errors.Is(err, fault.TooLarge):
		c.wrong("reason", "wrong.reason.long")
		return c.again(page, title, data)
	case c.sentence(err) != "":
		c.wrongText("", c.sentence(err))
		return c.show(failings[fault.Of(err)].status, page, title, data)
	case errors.Is(err, fault.NotFound):
		c.wrong("", "wrong.record.shut")
		return c.show(http.StatusNotFound, page, title, data)
	}
	return err
}

// emergencyView is what the page of an emergency shows.
type emergencyView struct {
	Path, Back  string
	Number      bool // the matricule is asked for too
	MayRegulate bool
	For         string // how long access would last
	Reason      string // given already
}

func (c *call) emergencyView() emergencyView {
	v := emergencyView{Path: urgentPath, Back: patientsPath, Number: true, MayRegulate: true, Reason: c.reason()}
	if p := c.patient; p != nil {
		at := patientsPath + "/" + p.ID
		v = emergencyView{Path: at + "/urgence", Back: at, MayRegulate: p.MayRegulate, For: c.lasting(p.EmergencyFor), Reason: v.Reason}
	}
	return v
}

func (c *call) emergencyPage() error {
	if !c.patient.MayBreak {
		return c.to(patientsPath+"/"+c.record(), "")
	}
	return c.page("pro/emergency", "emergency.title", c.emergencyView())
}

func (c *call) urgentPage() error {
	return c.page("pro/emergency", "emergency.title", c.emergencyView())
}

// maxReason bounds what is read of a reason; the door has its own, lower one.
const maxReason = 4000

// reason is what was said in words, over several lines perhaps.
func (c *call) reason() string {
	s := strings.TrimSpace(c.form.values.Get("reason"))
	if len(s) > maxReason || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// emergencyKind is the one that was chosen.
func (c *call) emergencyKind() policy.EmergencyKind {
	if c.form.pick("kind", "glass", "centre15") == "centre15" {
		return policy.Centre15
	}
	return policy.BrokenGlass
}

func (c *call) breakGlass() error {
	_, err := c.s.hub.BreakGlass(c.ctx(), c.who.Actor, c.record(), c.emergencyKind(), c.reason())
	return c.opened(err, "pro/emergency", "emergency.title", c.emergencyView())
}

// breakGlassFor opens a record that nobody has looked for.
func (c *call) breakGlassFor() error {
	m, ok := c.matricule()
	if !ok {
		return c.again("pro/emergency", "emergency.title", c.emergencyView())
	}
	id, _, err := c.s.hub.BreakGlassFor(c.ctx(), c.who.Actor, m, c.emergencyKind(), c.reason())
	if err == nil {
		return c.to(patientsPath+"/"+id, "news.record-open")
	}
	if errors.Is(err, fault.NotFound) && c.sentence(err) == "" {
		c.wrong("ins", "wrong.ins.nobody")
		return c.show(http.StatusNotFound, "pro/emergency", "emergency.title", c.emergencyView())
	}
	return c.opened(err, "pro/emergency", "emergency.title", c.emergencyView())
}

func (c *call) endGlass() error {
	err := c.s.hub.EndGlass(c.ctx(), c.who.Actor, c.record())
	if errors.Is(err, fault.NotFound) {
		err = nil // it has ended by itself meanwhile
	}
	if err != nil {
		return err
	}
	return c.to(patientsPath+"/"+c.record(), "news.emergency-ended")
}

// blockFor bars somebody for the patient, who has named this professional
// administrator.
func (c *call) blockFor() error {
	again := func() error { return c.again("pro/patient", "patient.title", c.patientView()) }
	a, err := ident.ParseAddress(c.form.value("professional"))
	if err != nil {
		c.wrong("professional", "wrong.address")
		return again()
	}
	err = c.s.hub.BlockProfessional(c.ctx(), c.who.Actor, c.record(), a)
	switch {
	case errors.Is(err, fault.NotFound):
		c.wrong("professional", "wrong.address")
		return again()
	case c.sentence(err) != "":
		c.wrongText("professional", c.sentence(err))
		return again()
	case err != nil:
		return err
	}
	return c.to(patientsPath+"/"+c.record(), "news.blocked")
}
