package web

import (
	"context"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
)

// The pages of one's own space.

// keeper keeps people's accounts.
type keeper interface {
	Space(ctx context.Context, a hub.Actor) (patient.Space, error)
}

// teller tells people what happened in their space.
type teller interface{}

// holder does what the holder of a space decides.
type holder interface{}

const securityPath = "/securite"

var keeping = []route{}

// homeView is what one's own home shows.
type homeView struct {
	Name, Address string
	Since, Last   time.Time
}

func (c *call) ownHome() error {
	sp, err := c.s.hub.Space(c.ctx(), c.who.Actor)
	if err != nil {
		return err
	}
	return c.page("home", "home.title", homeView{Name: c.who.Name, Address: c.who.Address.Canonical(), Since: sp.Since})
}
