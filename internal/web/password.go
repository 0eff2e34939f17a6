package web

import (
	"errors"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// Changing one's password, by somebody who knows it. Who does not takes the way
// of the activation.

type passwordView struct{}

// MinPassword is told before a password is chosen.
func (passwordView) MinPassword() int { return account.MinPassword }

func (c *call) passwordPage() error {
	if !c.proved() {
		return c.mustProve(passwordPath)
	}
	return c.page("newpassword", "newpassword.title", passwordView{})
}

func (c *call) changePassword() error {
	again := func() error { return c.again("newpassword", "newpassword.title", passwordView{}) }
	if c.need("password", "new-password"); c.form.raw("new-password") != c.form.raw("repeat") {
		c.wrong("repeat", "wrong.repeat")
	}
	if len(c.form.errs) > 0 {
		return again()
	}
	err := c.s.hub.ChangePassword(c.ctx(), c.attempt(""), c.who.Actor, c.form.raw("password"), c.form.raw("new-password"))
	weak := (*hub.WeakPassword)(nil)
	switch {
	case errors.As(err, &weak):
		c.blame("new-password", err)
		return again()
	case errors.Is(err, fault.Unauthenticated) && !refusedBy(err, "session/prove-again"):
		c.wrong("password", "wrong.password")
		return again()
	}
	return c.after(err, securityPath, "news.password")
}
