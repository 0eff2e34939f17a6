package web

import (
	"errors"

	"vaguemestre/internal/fault"
)

// Proving once more who one is: what matters asks for it, and it holds for a
// quarter of an hour.

const proofPath = "/confirmer"

var proving = []route{
	{path: proofPath, signed: true, by: anybody, get: (*call).provePage, post: (*call).beginProof},
	{path: proofPath + "/code", signed: true, get: (*call).factorPage, post: (*call).showFactor},
	{path: proofPath + "/code/envoi", signed: true, post: (*call).sendFactor},
}

// mustProve leads to a proof of identity, and back to a page.
func (c *call) mustProve(back string) error { return c.to(proofPath+"?retour="+back, "") }

// proved says whether whoever asks has proved lately who they are.
func (c *call) proved() bool { return c.who.session.Fresh(c.now()) }

// after handles what came of an act that asks for a proof of identity: without
// one it leads there.
func (c *call) after(err error, back, news string) error {
	switch {
	case refusedBy(err, "session/prove-again"):
		return c.mustProve(back)
	case err != nil:
		return err
	}
	return c.to(back, news)
}

type proveView struct {
	Back     string
	Passkeys bool // the actor has one
}

// proveView is what the page shows; that passkeys are not found is no reason to
// show no page.
func (c *call) proveView(back string) proveView {
	list, err := c.s.hub.Passkeys(c.ctx(), c.who.Actor)
	return proveView{back, err == nil && len(list) > 0 && c.s.hub.OffersPasskeys()}
}

func (c *call) proveAgain(back string) error {
	return c.again("prove", "prove.title", c.proveView(back))
}

// back is where a proof leads: to the page that is named, if it is one of ours.
func (c *call) back(text string) string {
	if !c.s.known(text) {
		return securityPath
	}
	return text
}

func (c *call) provePage() error {
	if c.who.cares() {
		return c.proProvePage()
	}
	return c.page("prove", "prove.title", c.proveView(c.back(c.r.URL.Query().Get("retour"))))
}

func (c *call) beginProof() error {
	if c.who.cares() { // they have no password here
		return nothingHere(c)
	}
	back := c.back(c.form.value("back"))
	if c.need("password"); len(c.form.errs) > 0 {
		return c.proveAgain(back)
	}
	step, err := c.s.hub.BeginProof(c.ctx(), c.attempt(""), c.who.Actor, c.form.raw("password"))
	if errors.Is(err, fault.Unauthenticated) {
		c.wrong("password", "wrong.password")
		return c.proveAgain(back)
	}
	if err != nil {
		return err
	}
	return c.pass(passing{Ticket: step.Ticket, Offers: step.Offers, Proof: back})
}
