package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// The way in of those who have been here before, in two steps: a password, then
// a second factor. Whoever changes what matters goes through both once more
// (prove.go), on the same page.

// signer lets people in and out.
type signer interface {
	SignIn(ctx context.Context, at hub.Attempt, password, trusted string) (hub.Step, error)
	SendLoginCode(ctx context.Context, ticket string, by hub.Factor) error
	SignInCode(ctx context.Context, at hub.Attempt, ticket, code string, trust bool) (hub.Entry, error)
	SignInTOTP(ctx context.Context, at hub.Attempt, ticket, code string, trust bool) (hub.Entry, error)
	OpenWeb(ctx context.Context, token string) (hub.Actor, account.Session, error)
	EndWebSession(ctx context.Context, a hub.Actor, id string) error
	BeginProof(ctx context.Context, at hub.Attempt, a hub.Actor, password string) (hub.Step, error)
	ProveWith(ctx context.Context, at hub.Attempt, a hub.Actor, ticket string, by hub.Factor, code string) error
}

const (
	homePath   = "/"
	signInPath = "/connexion"
	codePath   = "/connexion/code"

	langLife = 365 * 24 * time.Hour
)

// common is for everybody.
var common = []route{
	{path: homePath, get: (*call).home},
	{path: "/langue", post: (*call).chooseLanguage},
}

var wayIn = []route{
	{path: signInPath, get: (*call).signInPage, post: (*call).signIn},
	{path: codePath, get: (*call).factorPage, post: (*call).showFactor},
	{path: codePath + "/envoi", post: (*call).sendFactor},
	{path: "/deconnexion", post: (*call).signOut},
}

// home is one's own, or the welcome of who has none yet.
func (c *call) home() error {
	if c.who == nil {
		return c.page("welcome", "welcome.title", c.s.cfg.Pro)
	}
	if c.who.cares() {
		return c.proHome()
	}
	return c.ownHome()
}

func (c *call) chooseLanguage() error {
	c.set(langCookie, c.form.pick("lang", french, english), langLife)
	back := c.form.value("back")
	if !c.s.known(back) {
		back = homePath
	}
	return c.to(back, "")
}

func (c *call) signInPage() error {
	if c.who != nil {
		return c.to(homePath, "")
	}
	return c.page("signin", "signin.title", c.signInView())
}

// signInView is what the page of the first step shows.
type signInView struct {
	Passkeys bool
	Pro      Provider // where professionals log in
}

func (c *call) signInView() signInView { return signInView{c.s.hub.OffersPasskeys(), c.s.cfg.Pro} }

// A passing is a login, or a proof of identity, between its two steps.
type passing struct {
	Ticket string
	Offers []hub.Offer
	By     hub.Factor // whose code is awaited; "": one is to be chosen
	Key    bool       `json:",omitempty"` // a passkey does it too, if a script shows it
	Proof  string     `json:",omitempty"` // where a proof of identity leads; "": it is a login
}

func (c *call) signIn() error {
	c.need("login", "password")
	if len(c.form.errs) > 0 {
		return c.again("signin", "signin.title", c.signInView())
	}
	step, err := c.s.hub.SignIn(c.ctx(), c.attempt(c.form.value("login")), c.form.raw("password"), c.cookie(deviceCookie))
	switch {
	case errors.Is(err, fault.Unauthenticated):
		c.wrong("", "wrong.credentials")
		return c.again("signin", "signin.title", c.signInView())
	case err != nil:
		return err
	case step.Entry != nil:
		return c.enter(*step.Entry, "")
	}
	return c.pass(passing{Ticket: step.Ticket, Offers: step.Offers})
}

// pass leads to the second factor. Where there is one way only, it is taken.
func (c *call) pass(p passing) error {
	var usable []hub.Offer
	for _, o := range p.Offers {
		if o.Factor == hub.ByPasskey { // needs a script
			p.Key = true
			continue
		}
		usable = append(usable, o)
	}
	p.Offers = usable
	if len(usable) == 0 {
		return fmt.Errorf("web: no second factor without a script: %w", fault.Unavailable)
	}
	news := ""
	if best := usable[0].Factor; best == hub.ByTOTP {
		p.By = best
	} else if len(usable) == 1 {
		switch err := c.s.hub.SendLoginCode(c.ctx(), p.Ticket, best); {
		case err == nil:
			p.By = best
		case refusedBy(err, "code/too-soon"):
			news = "news.wait"
		default:
			return err
		}
	}
	if err := c.keep(ticketCookie, p, hub.TicketLife); err != nil {
		return err
	}
	return c.to(p.path(), news)
}

func (p passing) path() string {
	if p.Proof != "" {
		return proofPath + "/code"
	}
	return codePath
}

// passing returns what was shown so far on this path.
func (c *call) passing() (p passing, ok bool) {
	ok = c.kept(ticketCookie, &p) && (p.Proof != "") == (c.r.URL.Path != codePath && c.r.URL.Path != codePath+"/envoi")
	return p, ok
}

// tooLate begins again what took too long.
func (c *call) tooLate() error {
	c.unset(ticketCookie)
	if c.who != nil {
		return c.to(proofPath, "news.too-late")
	}
	return c.to(signInPath, "news.too-late")
}

// factorView is what the page of the second factor shows.
type factorView struct {
	By, Hint string
	Others   []factorOffer
	Send     string // where another one is asked for
	MayTrust bool
	Passkey  bool // may be shown instead
}

type factorOffer struct{ By, Hint string }

func (p passing) view() factorView {
	v := factorView{By: string(p.By), Send: p.path() + "/envoi", MayTrust: p.Proof == "", Passkey: p.Key && p.Proof == ""}
	for _, o := range p.Offers {
		if o.Factor == p.By {
			v.Hint = o.Hint
		}
		if o.Factor != p.By || o.Factor != hub.ByTOTP {
			v.Others = append(v.Others, factorOffer{string(o.Factor), o.Hint})
		}
	}
	return v
}

func (p passing) title() string {
	if p.Proof != "" {
		return "prove.title"
	}
	return "factor.title"
}

func (c *call) factorPage() error {
	p, ok := c.passing()
	if !ok {
		return c.tooLate()
	}
	return c.page("factor", p.title(), p.view())
}

// sendFactor sends a code by the way that was chosen, or awaits that of an
// authenticator.
func (c *call) sendFactor() error {
	p, ok := c.passing()
	if !ok {
		return c.tooLate()
	}
	by := hub.Factor(c.form.pick("by", string(hub.ByMailCode), string(hub.BySMSCode), string(hub.ByTOTP)))
	news := ""
	if by != hub.ByTOTP {
		switch err := c.s.hub.SendLoginCode(c.ctx(), p.Ticket, by); {
		case refusedBy(err, "code/too-soon"):
			c.wrongText("", c.sentence(err))
			return c.show(http.StatusTooManyRequests, "factor", p.title(), p.view())
		case errors.Is(err, fault.Unauthenticated):
			return c.tooLate()
		case err != nil:
			return err
		}
		news = "news.code-sent"
	}
	p.By = by
	if err := c.keep(ticketCookie, p, hub.TicketLife); err != nil {
		return err
	}
	return c.to(p.path(), news)
}

// showFactor ends a login, or a proof of identity, with a code.
func (c *call) showFactor() error {
	p, ok := c.passing()
	if !ok {
		return c.tooLate()
	}
	if c.need("code"); len(c.form.errs) > 0 || p.By == "" {
		return c.again("factor", p.title(), p.view())
	}
	var entry hub.Entry
	var err error
	code, at, trust := compact(c.form.value("code")), c.attempt(""), c.form.ticked("trust")
	switch {
	case p.Proof != "" && c.who == nil:
		return c.tooLate()
	case p.Proof != "":
		err = c.s.hub.ProveWith(c.ctx(), at, c.who.Actor, p.Ticket, p.By, code)
	case p.By == hub.ByTOTP:
		entry, err = c.s.hub.SignInTOTP(c.ctx(), at, p.Ticket, code, trust)
	default:
		entry, err = c.s.hub.SignInCode(c.ctx(), at, p.Ticket, code, trust)
	}
	switch {
	case errors.Is(err, fault.Unauthenticated):
		if !c.blame("code", err) {
			c.wrong("code", "wrong.code")
		}
		return c.again("factor", p.title(), p.view())
	case err != nil:
		return err
	case p.Proof != "":
		c.unset(ticketCookie)
		return c.to(p.Proof, "news.proved")
	}
	return c.enter(entry, "")
}

func (c *call) signOut() error {
	if c.who != nil {
		if err := c.s.hub.EndWebSession(c.ctx(), c.who.Actor, c.who.Actor.Session); err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
	}
	c.unset(sessionCookie, enrolCookie, ticketCookie, proofCookie, secretCookie, recentCookie, placeCookie, returnCookie, boxCookie)
	c.newSeed()
	if c.who != nil && c.who.cares() && c.s.cfg.Pro.SignOut != "" {
		return c.to(proOutPath, "news.signed-out")
	}
	return c.to(homePath, "news.signed-out")
}
