package web

import "vaguemestre/internal/hub"

// Closing one's space: as easily as it was opened, and with a proof.

func (c *call) closingPage() error {
	if !c.proved() {
		return c.mustProve(closingPath)
	}
	return c.page("closing", "closing.title", nil)
}

func (c *call) closeSpace() error {
	if !c.form.ticked("sure") {
		c.wrong("sure", "wrong.sure")
		return c.again("closing", "closing.title", nil)
	}
	proof, err := c.s.hub.CloseSpace(c.ctx(), c.who.Actor, c.record(), c.form.ticked("erase"))
	if err != nil {
		return c.after(err, closingPath, "")
	}
	c.unset(sessionCookie, deviceCookie, ticketCookie, secretCookie)
	c.newSeed()
	return c.showProofs([]hub.Proof{proof})
}
