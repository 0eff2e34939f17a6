package web

import (
	"time"

	"vaguemestre/internal/hub"
)

// The announcement of a document that its patient does not see yet: when they come
// to know of it, and on which day they see it if nobody has spoken with them.

// waitView is what the page of such a document shows of that.
type waitView struct {
	hub.Wait
	Over        bool   // the patient was told that one waits
	First, Most string // days between which one may be chosen, as a form has them
	Day         string // the one that holds
}

func (c *call) wait(w *hub.Wait) *waitView {
	if w == nil {
		return nil
	}
	day := func(at time.Time) string { return at.In(c.s.cfg.Zone).Format(time.DateOnly) }
	return &waitView{Wait: *w, Over: w.Told.Before(c.now()), First: day(c.now().AddDate(0, 0, 1)), Most: day(w.Last), Day: day(w.Shows)}
}

// showOn chooses the day on which a document shows by itself.
func (c *call) showOn(id string) error {
	at, err := time.ParseInLocation(time.DateOnly, c.form.value("jour"), c.s.cfg.Zone)
	if err != nil {
		at = c.now() // no day, which the door refuses in its words
	}
	_, err = c.s.hub.ChangeDocument(c.ctx(), c.who.Actor, id, hub.DocumentChange{ShowOn: &at})
	return err
}
