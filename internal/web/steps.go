package web

import (
	"errors"
	"net/http"
	"slices"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// The steps of an enrolment after the code, each with a page: what is decided,
// the terms, a contact, a login and a password, a last code.

var stepPaths = map[patient.Step]string{
	patient.Decide: enrolPath + "/choix",
	patient.Agree:  enrolPath + "/conditions",
	patient.Reach:  enrolPath + "/contact",
	patient.Name:   enrolPath + "/identifiants",
	patient.Open:   enrolPath + "/ouverture",
}

const contactCodePath = enrolPath + "/contact/code"

// stepOf is where an enrolment goes on.
func stepOf(e hub.Enrolment) string {
	if len(e.Left) == 0 {
		return homePath
	}
	return stepPaths[e.Left[0]]
}

// A stepView is what the page of a step is given.
type stepView struct {
	hub.Enrolment
	coming
	At, Of  int
	Bars    []bool
	Version string // of the terms
	Known   bool   // the space is open already, or was
}

// step returns how far somebody has come who may do a step now. ok is false if
// the answer has been given: they are somewhere else.
func (c *call) step(s patient.Step) (v stepView, ok bool, err error) {
	if !c.kept(enrolCookie, &v.coming) || v.coming.Ticket == "" {
		return v, false, c.to(enrolPath, "news.too-late")
	}
	v.Enrolment, err = c.s.hub.Enrolment(c.ctx(), v.coming.Ticket)
	if errors.Is(err, fault.Unauthenticated) {
		c.unset(enrolCookie)
		return v, false, c.to(enrolPath, "news.too-late")
	}
	if err != nil {
		return v, false, err
	}
	if len(v.Left) == 0 || slices.Contains(v.Left[1:], s) {
		return v, false, c.to(stepOf(v.Enrolment), "")
	}
	all := patient.Steps()
	v.At, v.Of = 2+slices.Index(all, s), 1+len(all)
	for i := range v.Of {
		v.Bars = append(v.Bars, i < v.At)
	}
	v.Version, v.Known = hub.TermsVersion, v.State != policy.Enrolled && v.State != policy.Opposed
	return v, true, nil
}

// stepPage shows the page of a step.
func (c *call) stepPage(s patient.Step, page string) error {
	v, ok, err := c.step(s)
	if !ok {
		return err
	}
	return c.page(page, page+".title", v)
}

// stepAgain shows it once more, if an error is one that is told there.
func (c *call) stepAgain(v stepView, page, field string, err error) error {
	if err != nil && !c.blame(field, err) {
		if refusedBy(err, "enrolment/timed-out") {
			c.unset(enrolCookie)
			return c.to(enrolPath, "news.too-late")
		}
		return err
	}
	return c.again(page, page+".title", v)
}

// next goes on where the enrolment stands now.
func (c *call) next(v stepView, news string) error {
	if err := c.keepComing(v.coming); err != nil {
		return err
	}
	e, err := c.s.hub.Enrolment(c.ctx(), v.coming.Ticket)
	if err != nil {
		return err
	}
	return c.to(stepOf(e), news)
}

func (c *call) decidePage() error { return c.stepPage(patient.Decide, "decide") }

func (c *call) decide() error {
	v, ok, err := c.step(patient.Decide)
	if !ok {
		return err
	}
	choices := c.choices(v)
	if len(c.form.errs) > 0 {
		return c.again("decide", "decide.title", v)
	}
	proofs, err := c.s.hub.Decide(c.ctx(), v.coming.Ticket, choices...)
	if err != nil {
		return c.stepAgain(v, "decide", "", err)
	}
	if len(proofs) > 0 {
		if !choices[0].Open {
			c.unset(enrolCookie)
		}
		return c.showProofs(proofs)
	}
	return c.next(v, "")
}

// choices reads what somebody has chosen for themselves, first, and for others.
func (c *call) choices(v stepView) (list []hub.Choice) {
	own := c.form.values.Get("own")
	if own != "open" && own != "object" {
		c.wrong("own", "wrong.choose")
	}
	list = append(list, hub.Choice{Open: own == "open", Erase: own == "object" && c.form.ticked("erase")})
	for _, d := range v.Dependants {
		chosen := c.form.values.Get("child-" + d.Record)
		if chosen != "open" && chosen != "object" {
			continue // later
		}
		certified := c.form.ticked("certify")
		if !certified && len(c.form.errorsOf("certify")) == 0 {
			c.wrong("certify", "wrong.certify")
		}
		list = append(list, hub.Choice{Record: d.Record, Open: chosen == "open", Certified: certified})
	}
	return list
}

func (c *call) termsPage() error { return c.stepPage(patient.Agree, "terms") }

func (c *call) acceptTerms() error {
	v, ok, err := c.step(patient.Agree)
	if !ok {
		return err
	}
	if !c.form.ticked("agree") {
		c.wrong("agree", "wrong.terms")
		return c.again("terms", "terms.title", v)
	}
	if err := c.s.hub.AcceptTerms(c.ctx(), v.coming.Ticket, c.form.value("version")); err != nil {
		return c.stepAgain(v, "terms", "", err)
	}
	return c.next(v, "")
}

func (c *call) contactPage() error { return c.stepPage(patient.Reach, "contact") }

func (c *call) askContactCode() error {
	v, ok, err := c.step(patient.Reach)
	if !ok {
		return err
	}
	by := hub.Channel(c.form.pick("by", string(hub.ByMail), string(hub.BySMS)))
	field, known := "mail", v.Mail
	if by == hub.BySMS {
		field, known = "phone", v.Phone
	}
	address := c.form.value(field)
	if address == "" && known == "" {
		c.wrong(field, "wrong.empty")
		return c.again("contact", "contact.title", v)
	}
	err = c.s.hub.AskContactCode(c.ctx(), v.coming.Ticket, by, address)
	if errors.Is(err, fault.Invalid) && c.sentence(err) == "" {
		c.wrong(field, "wrong."+field)
		return c.again("contact", "contact.title", v)
	}
	if err != nil {
		return c.stepAgain(v, "contact", field, err)
	}
	v.coming.By = by
	if err := c.keepComing(v.coming); err != nil {
		return err
	}
	return c.to(contactCodePath, "news.code-sent")
}

func (c *call) contactCodePage() error { return c.stepPage(patient.Reach, "contactcode") }

func (c *call) checkContact() error {
	v, ok, err := c.step(patient.Reach)
	if !ok {
		return err
	}
	if c.need("code"); len(c.form.errs) > 0 {
		return c.again("contactcode", "contactcode.title", v)
	}
	err = c.s.hub.CheckContact(c.ctx(), v.coming.Ticket, v.coming.By, compact(c.form.value("code")))
	if errors.Is(err, fault.Unauthenticated) && c.sentence(err) == "" {
		c.wrong("code", "wrong.code")
		return c.again("contactcode", "contactcode.title", v)
	}
	if err != nil {
		return c.stepAgain(v, "contactcode", "code", err)
	}
	return c.next(v, "news.contact-checked")
}

func (c *call) credentialsPage() error { return c.stepPage(patient.Name, "credentials") }

func (c *call) chooseCredentials() error {
	v, ok, err := c.step(patient.Name)
	if !ok {
		return err
	}
	c.need("new-login", "new-password")
	if c.form.raw("new-password") != c.form.raw("repeat") {
		c.wrong("repeat", "wrong.repeat")
	}
	if len(c.form.errs) > 0 {
		return c.again("credentials", "credentials.title", v)
	}
	err = c.s.hub.ChooseCredentials(c.ctx(), v.coming.Ticket, c.form.value("new-login"), c.form.raw("new-password"))
	if err != nil {
		field := "new-login"
		if weak := (*hub.WeakPassword)(nil); errors.As(err, &weak) {
			field = "new-password"
		}
		return c.stepAgain(v, "credentials", field, err)
	}
	v.coming.By = ""
	return c.next(v, "")
}

// MinPassword is told before a password is chosen.
func (stepView) MinPassword() int { return account.MinPassword }

func (c *call) lastPage() error { return c.stepPage(patient.Open, "last") }

func (c *call) askLastCode() error {
	v, ok, err := c.step(patient.Open)
	if !ok {
		return err
	}
	by := hub.Channel(c.form.pick("by", string(hub.ByMail), string(hub.BySMS)))
	err = c.s.hub.AskLastCode(c.ctx(), v.coming.Ticket, by)
	if refusedBy(err, "code/too-soon") {
		c.wrongText("", c.sentence(err))
		return c.show(http.StatusTooManyRequests, "last", "last.title", v)
	}
	if err != nil {
		return c.stepAgain(v, "last", "", err)
	}
	v.coming.By = by
	return c.next(v, "news.code-sent")
}

// openSpace takes the last code: the space is open, and its owner in it.
func (c *call) openSpace() error {
	v, ok, err := c.step(patient.Open)
	if !ok {
		return err
	}
	if c.need("code"); len(c.form.errs) > 0 {
		return c.again("last", "last.title", v)
	}
	entry, err := c.s.hub.OpenSpace(c.ctx(), c.attempt(""), v.coming.Ticket, compact(c.form.value("code")))
	if errors.Is(err, fault.Unauthenticated) && c.sentence(err) == "" {
		c.wrong("code", "wrong.code")
		return c.again("last", "last.title", v)
	}
	if err != nil {
		return c.stepAgain(v, "last", "code", err)
	}
	return c.enter(entry, "news.open")
}
