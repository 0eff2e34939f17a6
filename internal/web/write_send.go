package web

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/message"
)

// A message leaves: after a while, in which it may be taken back.

// send lets a draft leave, or shows the form again with what stands against it.
func (c *call) send(d hub.Draft) error {
	_, err := c.s.hub.SendDraft(c.ctx(), c.mailbox(), d.ID)
	if err == nil || refusedBy(err, "draft/left") {
		news := ""
		if d.Ends {
			news = "news.exchange-ends"
		}
		return c.to(leavingAt(d.ID), news)
	}
	if !c.blameSending(err) {
		return err
	}
	return c.composeAgain(d)
}

// blameSending says why a message may not leave; false for an error that is about
// something else.
func (c *call) blameSending(err error) bool {
	who := (*hub.Unreachable)(nil)
	switch {
	case errors.As(err, &who):
		for _, one := range who.Who {
			name := nameOf(one.Address)
			if p, err := c.person(one.Address); err == nil {
				name = p.Name
			}
			if !c.blameRecipient(c.whom(), name, one.Err) {
				return false
			}
		}
		if len(who.Who) < len(c.form.values["to"])+len(c.form.values["cc"]) {
			c.wrong("", "wrong.write.all-or-none")
		}
	case c.sentence(err) != "":
		c.wrongText("files", c.sentence(err))
	case errors.Is(err, fault.TooLarge):
		c.wrong("files", "wrong.write.too-large", c.limit(true))
	case errors.Is(err, fault.Invalid):
		c.wrong(c.whom(), "wrong.write.nobody")
	case errors.Is(err, fault.Throttled):
		c.wrong("", "wrong.throttled")
	default:
		return false
	}
	return true
}

func (c *call) previewPage() error {
	id, err := hub.ParseMessageID(c.r.URL.Query().Get("b"))
	if err != nil {
		return err
	}
	return c.withDraft(id, func(d hub.Draft) error {
		if !d.Leaves.IsZero() {
			return c.to(leavingAt(id), "")
		}
		v, err := c.composing(d, "")
		if err != nil {
			return err
		}
		return c.page("write/preview", "write.preview.title", v)
	})
}

// sendPreviewed lets a message leave that was read again.
func (c *call) sendPreviewed() error {
	id, err := hub.ParseMessageID(c.form.value("b"))
	if err != nil {
		return err
	}
	return c.withDraft(id, c.send)
}

// leavingView is what is told of a message that was sent.
type leavingView struct {
	ID      hub.MessageID
	Seconds int // until it leaves; 0: it is leaving
	At      time.Time
	Left    bool
	People  []string
	Subject string
	Path    string // of the message, once it has left
}

func (c *call) leavingPage() error {
	id, err := hub.ParseMessageID(c.r.URL.Query().Get("b"))
	if err != nil {
		return err
	}
	p, err := c.s.hub.Passage(c.ctx(), c.mailbox(), id)
	switch {
	case errors.Is(err, fault.NotFound): // it was taken back
		return c.to(composeAt(id, ""), "")
	case err != nil:
		return err
	case p.Failed != nil:
		return c.to(composeAt(id, ""), "news.came-back")
	case !p.Left.IsZero():
		return c.page("write/left", "write.left.title", leavingView{ID: id, Left: true, At: p.Left, Path: messagePath + id.String()})
	}
	v := leavingView{ID: id, At: p.Leaves, Seconds: max(0, int((p.Leaves.Sub(c.now())+time.Second-1)/time.Second))}
	if d, err := c.s.hub.Draft(c.ctx(), c.mailbox(), id); err == nil {
		v.Subject = d.Subject
		for _, one := range slices.Concat(d.To, d.Cc) {
			who, err := c.person(one)
			if err != nil {
				return err
			}
			v.People = append(v.People, who.Name)
		}
	}
	return c.page("write/leaving", "write.leaving.title", v)
}

// leavingState tells a script where a message is: "waiting", "left" or "back".
func (c *call) leavingState() error {
	id, err := hub.ParseMessageID(c.r.URL.Query().Get("b"))
	if err != nil {
		return err
	}
	p, err := c.s.hub.Passage(c.ctx(), c.mailbox(), id)
	switch {
	case errors.Is(err, fault.NotFound):
		return c.plainly("back")
	case err != nil:
		return err
	case p.Failed != nil:
		return c.plainly("back")
	case !p.Left.IsZero():
		return c.plainly("left")
	}
	return c.plainly("waiting")
}

func (c *call) takeBack() error {
	id, err := hub.ParseMessageID(c.form.value("b"))
	if err != nil {
		return err
	}
	switch err := c.s.hub.TakeBack(c.ctx(), c.mailbox(), id); {
	case refusedBy(err, "draft/left"):
		return c.to(leavingAt(id), "news.too-late-to-take-back")
	case err != nil:
		return err
	}
	return c.to(composeAt(id, ""), "news.taken-back")
}

// endView is what the page shows that ends an exchange.
type endView struct {
	ID, Draft hub.MessageID
	Patient   string // the record; "" where ID is that of a message
	With      []personView
}

// ending finds the patients of the exchange that a message is of, or the patient
// of a record.
func (c *call) ending(q url.Values) (v endView, err error) {
	if !c.who.cares() {
		return v, fmt.Errorf("web: end: %w", fault.NotFound)
	}
	var d hub.Draft
	if v.Patient = q.Get("patient"); v.Patient != "" {
		d, err = c.newDraft(url.Values{"patient": {v.Patient}})
	} else if v.ID, err = hub.ParseMessageID(q.Get("a")); err == nil {
		d, _, err = c.s.hub.Answer(c.ctx(), c.mailbox(), v.ID, true)
	}
	if err != nil {
		return v, err
	}
	v.Draft = d.ID
	for _, one := range slices.Concat(d.To, d.Cc) {
		p, err := c.person(one)
		if err != nil {
			return v, err
		}
		if p.Kind == hub.OfPatient {
			v.With = append(v.With, p)
		}
	}
	if len(v.With) == 0 {
		return v, fmt.Errorf("web: end: no patient: %w", fault.NotFound)
	}
	return v, nil
}

func (c *call) endPage() error {
	v, err := c.ending(c.r.URL.Query())
	if err != nil {
		return err
	}
	return c.page("write/end", "write.end.title", v)
}

// endExchange ends an exchange without a message: the subject alone says so.
func (c *call) endExchange() error {
	v, err := c.ending(c.form.values)
	if err != nil {
		return err
	}
	id, err := hub.ParseMessageID(c.form.value("b")) // so that it is ended once
	if err != nil {
		return err
	}
	d := hub.Draft{ID: id, Subject: "[FIN]", Text: c.words("write.end.message", c.mailbox().Name), Ends: true}
	for _, p := range v.With {
		address, err := c.s.hub.ParseAddressee(p.Address)
		if err != nil {
			return err
		}
		d.To = append(d.To, message.Address{Name: p.Contact.Name, Mailbox: address.Local(), Host: address.Domain()})
	}
	saved, err := c.s.hub.SaveDraft(c.ctx(), c.mailbox(), d, hub.DraftChange{})
	switch {
	case onItsWay(err):
		return c.to(leavingAt(id), "")
	case err != nil:
		return err
	}
	return c.send(saved)
}
