package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

// The mailboxes that several professionals share. Each opens one from their own
// session: the pages of messages are of that one then, and say so, until they
// choose another. A form is taken in the mailbox that it was shown in only, so that
// nothing is written in the name of another because two pages were open.

// sharer lets professionals into what they share.
type sharer interface {
	SharedMailboxes(ctx context.Context, a hub.Actor) ([]hub.SharedMailbox, error)
	Shared(ctx context.Context, a hub.Actor, id string) (hub.Actor, error)
	TakeCharge(ctx context.Context, a hub.Actor, id hub.MessageID, on bool) error
}

const (
	boxesPath = mailboxPath + "/boites"
	boxCookie = "__Host-box" // the ID of the mailbox in which a professional acts; none: their own
)

var sharing = []route{
	{path: boxesPath, signed: true, by: professionals, get: (*call).boxesPage, post: (*call).chooseBox},
}

// mailbox is whoever has signed in as they act where messages are: in their own
// mailbox, or in one that they share.
func (c *call) mailbox() hub.Actor {
	if c.acting != nil {
		return *c.acting
	}
	return c.who.Actor
}

// inMail reports whether a page is one of messages.
func (c *call) inMail() bool {
	return c.r.URL.Path == mailboxPath || strings.HasPrefix(c.r.URL.Path, mailboxPath+"/")
}

// knowBox finds out in which mailbox a professional acts. From one that they share
// no more it leads to those that they do: left is true then.
func (c *call) knowBox() (left bool, err error) {
	if c.who == nil || !c.who.cares() {
		return false, nil
	}
	if c.boxID != "" {
		a, err := c.s.hub.Shared(c.ctx(), c.who.Actor, c.boxID)
		switch fault.Of(err) {
		case "":
			c.acting = &a
		case fault.NotFound, fault.Denied:
			c.unset(boxCookie)
			c.boxID = ""
			if c.inMail() && c.r.URL.Path != boxesPath {
				return true, c.to(boxesPath, "news.box-gone")
			}
		default:
			return false, err
		}
	}
	if !c.inMail() || c.r.URL.Path == boxesPath {
		return false, nil
	}
	return false, c.sayBox()
}

// sayBox has a page of messages say whose they are, where that may be in doubt.
func (c *call) sayBox() error {
	s := subject{Of: "box.own", Name: c.who.Name, Line: c.who.Address.Canonical(), Path: mailboxPath, Leave: boxesPath, Out: "box.change"}
	if c.acting != nil {
		s.Of, s.Name, s.Line = "box.shared", c.acting.Name, c.acting.Address.Canonical()
	} else if list, err := c.s.hub.SharedMailboxes(c.ctx(), c.who.Actor); err != nil || len(list) == 0 {
		return err
	}
	c.about(s)
	return nil
}

// boxMark goes with the token of a form: it says in which mailbox it was shown.
func (c *call) boxMark() string {
	if c.boxID == "" {
		return ""
	}
	mac := hmac.New(sha256.New, c.s.cfg.Key)
	fmt.Fprintf(mac, "web/box\x00%s\x00%s", c.seed, c.boxID)
	return "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:9])
}

// A boxLine is a mailbox that one may choose.
type boxLine struct {
	ID      string // "": one's own
	Name    string
	Address ident.Address
	Unread  int
	Here    bool // it is open
}

// boxes lists a professional's own mailbox, and those that they share.
func (c *call) boxes() ([]boxLine, error) {
	n, err := c.s.hub.Unread(c.ctx(), c.who.Actor)
	if err != nil {
		return nil, err
	}
	list := []boxLine{{Name: c.who.Name, Address: c.who.Address, Unread: n, Here: c.acting == nil}}
	shared, err := c.s.hub.SharedMailboxes(c.ctx(), c.who.Actor)
	for _, m := range shared {
		a, failed := c.s.hub.Shared(c.ctx(), c.who.Actor, m.ID)
		if failed == nil {
			n, failed = c.s.hub.Unread(c.ctx(), a)
		}
		if failed != nil {
			return nil, failed
		}
		list = append(list, boxLine{m.ID, m.Name, m.Address, n, c.acting != nil && c.acting.Address == m.Address})
	}
	return list, err
}

// boxesView is what the page shows where one chooses.
type boxesView struct{ Boxes []boxLine }

func (c *call) boxesPage() error {
	list, err := c.boxes()
	if err != nil {
		return err
	}
	return c.page("pro/boxes", "boxes.title", boxesView{list})
}

func (c *call) chooseBox() error {
	id := c.form.value("box")
	if id == "" {
		c.unset(boxCookie)
		return c.to(mailboxPath, "news.box-own")
	}
	_, err := c.s.hub.Shared(c.ctx(), c.who.Actor, id)
	if errors.Is(err, fault.NotFound) || errors.Is(err, fault.Denied) {
		return c.to(boxesPath, "news.box-gone")
	}
	if err != nil {
		return err
	}
	c.set(boxCookie, id, 0)
	return c.to(mailboxPath, "news.box-open")
}
