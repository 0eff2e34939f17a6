package web

import (
	"context"
	"errors"
	"slices"
	"time"

	"vaguemestre/internal/hub"
)

// The home of a space: what is new, what is to be decided, who looked, and no more
// than is needed to go there.

// newsteller tells what is new.
type newsteller interface {
	News(ctx context.Context, a hub.Actor) (hub.News, error)
	Threads(ctx context.Context, a hub.Actor, s hub.ThreadSearch) (hub.ThreadList, error)
	Cabinet(ctx context.Context, a hub.Actor, recordID string) (hub.Cabinet, error)
}

const (
	mostNews = 3 // of each sort; the others are counted
	newSpace = 60 * 24 * time.Hour
)

// homeView is what one's own home shows.
type homeView struct {
	hub.News
	Address         string
	Letters, Papers novelty
	Urgent          []hub.Look
	Steps           []step
	Calm            bool // nothing is new, and nothing is to be decided
}

// A novelty is what is new of one sort.
type novelty struct {
	Path  string // of all there is
	Total int
	First []newThing
}

// A newThing is one of them: no more than is needed to know whether to go there.
type newThing struct {
	Words, By string
	At        time.Time
	Path      string
}

// Others is how many are counted only.
func (n novelty) Others() int { return n.Total - len(n.First) }

// A step is something of use that somebody has not done yet.
type step struct{ Name, Path string }

func (c *call) ownHome() error {
	n, err := c.s.hub.News(c.ctx(), c.who.Actor)
	if err != nil {
		return err
	}
	v := homeView{News: n, Address: c.who.Address.Canonical(), Steps: c.steps(n)}
	var errs [2]error
	v.Letters, errs[0] = c.newLetters()
	v.Papers, errs[1] = c.newPapers()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	for _, l := range n.Looks {
		if l.Emergency {
			v.Urgent = append(v.Urgent, l)
		}
	}
	v.Calm = v.Letters.Total+v.Papers.Total+n.Announcements+len(n.Invitations)+len(n.Openings)+len(v.Urgent) == 0
	return c.page("home", "home.title", v)
}

// newLetters is who has written and was not read yet, without what about.
func (c *call) newLetters() (n novelty, err error) {
	n.Path = mailboxPath
	list, err := c.s.hub.Threads(c.ctx(), c.who.Actor, hub.ThreadSearch{Unread: true})
	n.Total = list.Total
	for _, t := range list.Threads[:min(len(list.Threads), mostNews)] {
		one := newThing{At: t.Last, Path: messagePath + t.ID.String()}
		for _, w := range t.With[:min(len(t.With), 1)] {
			one.Words, one.By = w.Name, w.Organisation
		}
		n.First = append(n.First, one)
	}
	return n, err
}

// newPapers is what has come into the record and was not opened yet.
func (c *call) newPapers() (n novelty, err error) {
	n.Path = documentsPath
	all, err := c.s.hub.Cabinet(c.ctx(), c.who.Actor, c.record())
	for _, d := range all.Documents {
		if !d.New {
			continue
		}
		if n.Total++; n.Total <= mostNews {
			n.First = append(n.First, newThing{d.Entry.Title, c.authorOf(&d.Entry), d.Entry.About(), documentsPath + "/" + idInRecord(d.ID)})
		}
	}
	return n, err
}

// steps are those that a new space lacks: one that is done is there no more, and
// after two months whoever has not done it does not want it.
func (c *call) steps(n hub.News) (list []step) {
	if c.now().Sub(n.Since) > newSpace {
		return nil
	}
	list = []step{{"physician", accessPath}, {"phone", phonePath}, {"passkey", passkeyPath}, {"program", securityPath + "#logiciels"}}
	return slices.DeleteFunc(list, func(s step) bool {
		switch s.Name {
		case "physician":
			return n.Has.Physician
		case "phone":
			return n.Has.Phone
		case "passkey":
			return n.Has.Passkey || !c.s.hub.OffersPasskeys()
		}
		return n.Has.Program || c.s.cfg.Mail.IMAP == ""
	})
}
