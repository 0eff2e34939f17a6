package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
)

// The way in of those who come for the first time, who have lost their password,
// or whose space is closed: who they are (here), then the steps (steps.go).

// enroller lets people open their space, or object to it.
type enroller interface {
	AskCode(ctx context.Context, at hub.Attempt, id hub.Identity, by hub.Channel) error
	BeginEnrolment(ctx context.Context, at hub.Attempt, id hub.Identity, code string) (hub.Enrolment, error)
	Enrolment(ctx context.Context, ticket string) (hub.Enrolment, error)
	Decide(ctx context.Context, ticket string, choices ...hub.Choice) ([]hub.Proof, error)
	AcceptTerms(ctx context.Context, ticket, version string) error
	AskContactCode(ctx context.Context, ticket string, by hub.Channel, address string) error
	CheckContact(ctx context.Context, ticket string, by hub.Channel, code string) error
	ChooseCredentials(ctx context.Context, ticket, login, password string) error
	AskLastCode(ctx context.Context, ticket string, by hub.Channel) error
	OpenSpace(ctx context.Context, at hub.Attempt, ticket, code string) (hub.Entry, error)
}

const enrolPath = "/activer"

var enrolling = []route{
	{path: enrolPath, get: (*call).identityPage, post: (*call).askCode},
	{path: enrolPath + "/code", get: (*call).firstCodePage, post: (*call).beginEnrolment},
	{path: enrolPath + "/code/envoi", post: (*call).askCodeAgain},
	{path: stepPaths[patient.Decide], get: (*call).decidePage, post: (*call).decide},
	{path: stepPaths[patient.Agree], get: (*call).termsPage, post: (*call).acceptTerms},
	{path: stepPaths[patient.Reach], get: (*call).contactPage, post: (*call).askContactCode},
	{path: contactCodePath, get: (*call).contactCodePage, post: (*call).checkContact},
	{path: stepPaths[patient.Name], get: (*call).credentialsPage, post: (*call).chooseCredentials},
	{path: stepPaths[patient.Open], get: (*call).lastPage, post: (*call).openSpace},
	{path: stepPaths[patient.Open] + "/envoi", post: (*call).askLastCode},
	{path: proofsPath, get: (*call).proofsPage},
	{path: proofsPath + "/texte", get: (*call).proofsText},
}

// A coming is what the browser carries from one step to the next.
type coming struct {
	Matricule string            `json:"m,omitempty"` // what was said of oneself, until it is proved
	Birth     string            `json:"b,omitempty"`
	Card      patient.CardModel `json:"c,omitempty"`
	Serial    string            `json:"s,omitempty"`
	By        hub.Channel       `json:"y,omitempty"` // how the last code was sent
	Ticket    string            `json:"t,omitempty"` // once it is proved
	Begun     time.Time         `json:"n,omitzero"`
}

func (k coming) identity() (hub.Identity, error) {
	m, err := ident.ParseMatricule(k.Matricule)
	return hub.Identity{Matricule: m, BirthDate: k.Birth, CardModel: k.Card, CardSerial: k.Serial}, err
}

func (c *call) keepComing(k coming) error { return c.keep(enrolCookie, k, patient.EnrolmentLife) }

// identityPage asks who somebody is.
func (c *call) identityPage() error { return c.page("identity", "identity.title", nil) }

// askCode takes who somebody says they are, and sends a code; whoever has one from
// a letter goes on without.
func (c *call) askCode() error {
	k := coming{
		Matricule: compact(c.form.value("matricule")), Birth: birthDate(c.form.value("birth")), Serial: compact(c.form.value("serial")),
		Card: patient.CardModel(c.form.pick("card", string(patient.WithPhoto), string(patient.WithoutPhoto))),
		By:   hub.Channel(c.form.pick("by", string(hub.ByMail), string(hub.BySMS))),
	}
	c.checkIdentity(&k)
	if len(c.form.errs) > 0 {
		return c.again("identity", "identity.title", nil)
	}
	if c.form.value("have") == "" {
		id, err := k.identity()
		if err == nil {
			err = c.s.hub.AskCode(c.ctx(), c.attempt(""), id, k.By)
		}
		if errors.Is(err, fault.Throttled) && c.blame("", err) {
			return c.show(http.StatusTooManyRequests, "identity", "identity.title", nil)
		}
		if err != nil {
			return err
		}
	} else {
		k.By = ""
	}
	if err := c.keepComing(k); err != nil {
		return err
	}
	return c.to(enrolPath+"/code", "")
}

// checkIdentity says what cannot be.
func (c *call) checkIdentity(k *coming) {
	m, err := ident.ParseMatricule(k.Matricule)
	switch {
	case c.form.value("matricule") == "":
		c.wrong("matricule", "wrong.empty")
	case err != nil:
		c.wrong("matricule", "wrong.matricule")
	default:
		k.Matricule = m.Canonical()
	}
	switch {
	case c.form.value("birth") == "":
		c.wrong("birth", "wrong.empty")
	case k.Birth == "":
		c.wrong("birth", "wrong.birth")
	}
	digits := strings.Trim(k.Serial, "0123456789") == ""
	switch n := len(k.Serial); {
	case n == 0:
		c.wrong("serial", "wrong.empty")
	case k.Card == patient.WithPhoto && (!digits || n != 11):
		c.wrong("serial", "wrong.serial.photo")
	case k.Card == patient.WithoutPhoto && (!digits || n < 8 || n > 13):
		c.wrong("serial", "wrong.serial.plain")
	}
}

// compact leaves out what people put between digits.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-\u00a0\u202f", r) {
			return -1
		}
		return r
	}, s)
}

// birthDate reads a date of birth as people write it, day first, or year first;
// 00 stands for a day or a month that is not known. "" is none.
func birthDate(s string) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) == 1 && len(parts[0]) == 8 {
		parts = []string{s[:2], s[2:4], s[4:]}
	}
	if len(parts) != 3 {
		return ""
	}
	if len(parts[0]) == 4 {
		slices.Reverse(parts)
	}
	two := func(s string) string { return strings.Repeat("0", max(0, 2-len(s))) + s }
	d, m, y := two(parts[0]), two(parts[1]), parts[2]
	if len(d) != 2 || len(m) != 2 || len(y) != 4 || m > "12" || d > "31" {
		return ""
	}
	if _, err := time.Parse("20060102", y+m+d); err != nil && d != "00" && m != "00" {
		return ""
	}
	return y + m + d
}

// coming returns how far somebody has come who has not proved yet who they are.
func (c *call) coming() (k coming, ok bool) {
	ok = c.kept(enrolCookie, &k) && k.Matricule != ""
	return k, ok
}

func (c *call) firstCodePage() error {
	k, ok := c.coming()
	if !ok {
		return c.to(enrolPath, "")
	}
	return c.page("firstcode", "firstcode.title", k)
}

func (c *call) askCodeAgain() error {
	k, ok := c.coming()
	if !ok {
		return c.to(enrolPath, "news.too-late")
	}
	k.By = hub.Channel(c.form.pick("by", string(hub.ByMail), string(hub.BySMS)))
	id, err := k.identity()
	if err == nil {
		err = c.s.hub.AskCode(c.ctx(), c.attempt(""), id, k.By)
	}
	if errors.Is(err, fault.Throttled) && c.blame("", err) {
		return c.show(http.StatusTooManyRequests, "firstcode", "firstcode.title", k)
	}
	if err == nil {
		err = c.keepComing(k)
	}
	if err != nil {
		return err
	}
	return c.to(enrolPath+"/code", "news.code-asked")
}

// beginEnrolment takes the provisional code. From here on what was said of oneself
// is not carried any more: the ticket stands for it.
func (c *call) beginEnrolment() error {
	k, ok := c.coming()
	if !ok {
		return c.to(enrolPath, "news.too-late")
	}
	if c.need("code"); len(c.form.errs) > 0 {
		return c.again("firstcode", "firstcode.title", k)
	}
	id, err := k.identity()
	if err != nil {
		return err
	}
	e, err := c.s.hub.BeginEnrolment(c.ctx(), c.attempt(""), id, compact(c.form.value("code")))
	switch {
	case errors.Is(err, fault.Unauthenticated), errors.Is(err, fault.Throttled):
		if !c.blame("code", err) {
			c.wrong("code", "wrong.first-code")
		}
		return c.again("firstcode", "firstcode.title", k)
	case err != nil:
		return err
	}
	if err := c.keepComing(coming{Ticket: e.Ticket, Begun: c.now()}); err != nil {
		return err
	}
	c.newSeed()
	return c.to(stepOf(e), "")
}
