package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

// The way in of professionals: another edge has a provider of identities find out
// who they are, and hands that over by Arrive. The browser comes back from another
// site then, and brings none of our cookies; a page of our own, which goes on by
// itself, has it come once more from here.

// professionalSigner lets professionals in.
type professionalSigner interface {
	OpenProfessionalWeb(ctx context.Context, n ident.RPPS, proved time.Time, at hub.Attempt) (hub.Entry, error)
	ProveProfessional(ctx context.Context, a hub.Actor, n ident.RPPS, proved time.Time) error
}

const (
	proPath    = "/connexion/pro"
	proOnPath  = proPath + "/suite"
	proOutPath = "/deconnexion/pro"

	arrivalCookie = "__Host-arrival" // who the provider says has logged in, sealed
	arrivalLife   = 2 * time.Minute
	returnCookie  = "__Host-return" // where a proof of identity at the provider leads, sealed
)

var proWayIn = []route{
	{path: proPath, get: (*call).proSignInPage},
	{path: proOnPath, get: (*call).proGoOn},
	{path: proOutPath, get: (*call).proSignedOut},
}

// An arrival is what a log-in at the provider has come to.
type arrival struct {
	RPPS   string
	Proved time.Time  // when they logged in there; zero: it is not known
	Failed fault.Kind // "": it has not
}

// Arrive answers a browser that comes back from the provider, with whom it
// recognised there, or why nobody.
func (s *Server) Arrive(w http.ResponseWriter, r *http.Request, n ident.RPPS, proved time.Time, err error) {
	s.lock(w.Header())
	rec := &recorder{ResponseWriter: w}
	defer func() { s.cfg.Observe("web", rec.status) }()
	c := &call{s: s, w: rec, r: r, lang: language("", r.Header.Get("Accept-Language"))}
	k := arrival{RPPS: n.String(), Proved: proved}
	if err != nil {
		k = arrival{Failed: fault.Of(err)}
	}
	if err := c.keep(arrivalCookie, k, arrivalLife); err != nil {
		c.tell(err)
		return
	}
	if err := c.passOn("pro/arrival", "pro.arrival", proOnPath); err != nil {
		c.tell(err)
	}
}

// passOn shows a page that leads to another by itself. The browser asks for that
// one from here, so that it brings our cookies, and leaves from no form, so that it
// may go to another site.
func (c *call) passOn(page, title, to string) error {
	c.w.Header().Set("Refresh", "0; url="+to)
	return c.page(page, title, to)
}

// proSignInPage is where professionals come in who have not followed a link to the
// provider.
func (c *call) proSignInPage() error {
	switch {
	case c.s.cfg.Pro.SignIn == "":
		return nothingHere(c)
	case c.who != nil && c.who.cares():
		return c.to(homePath, "")
	}
	return c.page("pro/signin", "pro.signin.title", c.s.cfg.Pro)
}

// proGoOn lets in whom the provider recognised. Somebody who was let in before has
// proved once more who they are; a session of anybody else ends.
func (c *call) proGoOn() error {
	var k arrival
	if c.s.cfg.Pro.SignIn == "" {
		return nothingHere(c)
	}
	if !c.kept(arrivalCookie, &k) {
		return c.to(homePath, "")
	}
	c.unset(arrivalCookie)
	if k.Failed != "" {
		return c.notLetIn(k.Failed)
	}
	n, err := ident.ParseRPPS(k.RPPS)
	if err != nil {
		return fmt.Errorf("web: arrival: %w", fault.Corrupt)
	}
	if c.who != nil {
		back := ""
		if c.kept(returnCookie, &back) {
			c.unset(returnCookie)
		}
		err := c.s.hub.ProveProfessional(c.ctx(), c.who.Actor, n, k.Proved)
		if err == nil {
			return c.to(c.back(back), "news.proved")
		}
		if refusedBy(err, "session/prove-again") { // the provider remembered them, and asked nothing
			c.wrong("", "pro.wrong.remembered")
			return c.proProve(back)
		}
		if !errors.Is(err, fault.Unauthenticated) {
			return err
		}
		if err := c.s.hub.EndWebSession(c.ctx(), c.who.Actor, c.who.Actor.Session); err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
	}
	e, err := c.s.hub.OpenProfessionalWeb(c.ctx(), n, k.Proved, c.attempt(""))
	if k := fault.Of(err); k == fault.NotFound || k == fault.Denied {
		return c.notLetIn(k)
	}
	if err != nil {
		return err
	}
	return c.enter(e, "")
}

// refusals are what professionals are told whom nobody lets in.
var refusals = map[fault.Kind]string{
	fault.NotFound:        "pro.wrong.stranger",
	fault.Denied:          "pro.wrong.stranger",
	fault.Unauthenticated: "pro.wrong.refused",
	fault.Invalid:         "pro.wrong.refused",
}

// notLetIn says why a log-in came to nothing.
func (c *call) notLetIn(k fault.Kind) error {
	words := refusals[k]
	if words == "" {
		words = "pro.wrong.unavailable"
	}
	c.wrong("", words)
	return c.again("pro/signin", "pro.signin.title", c.s.cfg.Pro)
}

// proProvePage leads to the provider once more, and back from there.
func (c *call) proProvePage() error {
	return c.proProve(c.r.URL.Query().Get("retour"))
}

func (c *call) proProve(back string) error {
	back = c.back(back)
	if err := c.keep(returnCookie, back, hub.TicketLife); err != nil {
		return err
	}
	return c.page("pro/prove", "prove.title", struct{ Provider, Back string }{c.s.cfg.Pro.SignIn + "?again=1", back})
}

// proSignedOut goes on to end the session at the provider.
func (c *call) proSignedOut() error {
	if c.who != nil || c.s.cfg.Pro.SignOut == "" {
		return c.to(homePath, "")
	}
	return c.passOn("pro/out", "pro.out", c.s.cfg.Pro.SignOut)
}
