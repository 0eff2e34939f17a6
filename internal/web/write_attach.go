package web

import (
	"errors"
	"slices"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/vault"
)

// Documents of a record, chosen for a message.

const (
	maxChoices = 100 // documents that are proposed
	maxChosen  = 20  // and that go with one message
)

// chooseView is what the page shows that chooses documents.
type chooseView struct {
	ID      hub.MessageID
	Patient string // whose documents they are; "": one's own
	Back    string // to the message
	List    []documentChoice
	More    bool // there are older ones
	Unknown bool // whose documents they are to be is not known, or they may not be seen
}

type documentChoice struct {
	ID, Title, Author, Size string
	Date                    time.Time
}

func (c *call) choosePage() error {
	q := c.r.URL.Query()
	id, err := hub.ParseMessageID(q.Get("b"))
	if err != nil {
		return err
	}
	v, err := c.choosable(id, q.Get("patient"))
	if err != nil {
		return err
	}
	return c.page("write/documents", "write.documents.title", v)
}

func (c *call) choosable(id hub.MessageID, patient string) (v chooseView, err error) {
	v = chooseView{ID: id, Patient: patient, Back: composeAt(id, patient)}
	record := string(c.who.Part)
	if c.who.cares() {
		if record, err = c.recordOf(id, patient); err != nil {
			return v, err
		}
		v.Patient = record
	}
	if record == "" {
		v.Unknown = true
		return v, nil
	}
	docs, err := c.s.hub.Documents(c.ctx(), c.who.Actor, record)
	if errors.Is(err, fault.NotFound) {
		v.Unknown = c.who.cares()
		return v, nil
	}
	if err != nil {
		return v, err
	}
	for _, d := range docs {
		if !d.Flags.Has(vault.Archived) && !d.Flags.Has(vault.Superseded) {
			v.List = append(v.List, documentChoice{d.ID, d.Entry.Title, d.Entry.Author.Name, c.size(d.Entry.Size), d.Entry.About()})
		}
	}
	slices.SortStableFunc(v.List, func(a, b documentChoice) int { return b.Date.Compare(a.Date) })
	if v.More = len(v.List) > maxChoices; v.More {
		v.List = v.List[:maxChoices]
	}
	return v, nil
}

// recordOf finds the record whose documents a professional may want to send: the
// one that they come from, else that of the patient whom they write to.
func (c *call) recordOf(id hub.MessageID, patient string) (string, error) {
	if patient != "" {
		return patient, nil
	}
	d, err := c.s.hub.Draft(c.ctx(), c.mailbox(), id)
	if err != nil {
		return "", err
	}
	for _, one := range slices.Concat(d.To, d.Cc) {
		m, err := ident.ParseMatricule(one.Mailbox)
		if err != nil {
			continue
		}
		address, err := c.s.hub.PatientAddress(m)
		if err != nil || address.Domain() != one.Host {
			continue
		}
		p, err := c.s.hub.FindPatient(c.ctx(), c.who.Actor, m)
		switch {
		case errors.Is(err, fault.NotFound):
			continue
		case err != nil:
			return "", err
		}
		return p.ID, nil
	}
	return "", nil
}

// chooseDocuments puts the chosen documents into the draft.
func (c *call) chooseDocuments() error {
	id, err := hub.ParseMessageID(c.form.value("b"))
	if err != nil {
		return err
	}
	patient := c.form.value("patient")
	chosen := c.form.values["document"]
	again := func() error {
		v, err := c.choosable(id, patient)
		if err != nil {
			return err
		}
		return c.again("write/documents", "write.documents.title", v)
	}
	switch {
	case len(chosen) == 0:
		c.wrong("document", "wrong.choose")
		return again()
	case len(chosen) > maxChosen:
		c.wrong("document", "wrong.write.many", maxChosen)
		return again()
	}
	return c.withDraft(id, func(d hub.Draft) error {
		_, err := c.s.hub.SaveDraft(c.ctx(), c.mailbox(), d, hub.DraftChange{Documents: chosen})
		switch {
		case onItsWay(err):
			return c.to(leavingAt(id), "")
		case errors.Is(err, fault.TooLarge):
			c.wrong("document", "wrong.write.too-large", c.limit(false))
			return again()
		case err != nil:
			return err
		}
		return c.to(composeAt(id, patient)+"#files", "news.files-attached")
	})
}
