package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/conversation"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A Correspondent is somebody whom an actor may want to write to, and whether
// they may.
type Correspondent struct {
	Address      ident.Address
	Name         string // as it is displayed; "": it is not known, or not for the actor to know
	Profession   policy.Profession
	Organisation string
	Verified     bool // a professional of this hub, known by their RPPS number
	Patient      bool
	Last         time.Time // of their exchange with a patient
	Refusal      *Refusal  // why they may not be written to; nil: they may. It says to the actor what CheckRecipient would
}

// maxCorrespondents bounds those that are proposed.
const maxCorrespondents = 100

// Correspondents lists whom an actor may want to write to. For a patient they are
// the contacts of their exchanges, those that have ended with the reason; for
// others, those whom they wrote to lately, unjudged.
func (h *Hub) Correspondents(ctx context.Context, a Actor) ([]Correspondent, error) {
	if a.Role != policy.Patient {
		return h.writtenTo(ctx, a)
	}
	var threads []conversation.Thread
	err := h.view(ctx, a.Part, func(r store.Reader) (err error) {
		threads, err = conversation.All(r, h.scope(a.Part))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(threads, func(t, u conversation.Thread) int { return u.Last.Compare(t.Last) })
	var list []Correspondent
	seen := map[string]bool{}
	for _, t := range threads {
		for _, contact := range t.Contacts {
			if seen[contact] || len(list) == maxCorrespondents {
				continue
			}
			seen[contact] = true
			address, err := ident.ParseAddress(contact)
			if err != nil {
				return nil, fmt.Errorf("hub: exchange: %w", fault.Corrupt)
			}
			c, err := h.reach(ctx, a, address)
			if err != nil {
				return nil, err
			}
			c.Last = t.Last
			list = append(list, c)
		}
	}
	return list, nil
}

// Reach says of an addressee who it is and whether a patient may write to them,
// without effect. Whom a professional writes to is judged by CheckRecipient,
// which counts.
func (h *Hub) Reach(ctx context.Context, a Actor, address ident.Address) (Correspondent, error) {
	return h.reach(ctx, a, address)
}

func (h *Hub) reach(ctx context.Context, a Actor, address ident.Address) (Correspondent, error) {
	c := Correspondent{Address: address, Patient: h.isPatient(address)}
	if a.Role != policy.Patient && c.Patient { // whether there is a space is not told here
		return c, nil
	}
	to, err := h.resolve(ctx, address)
	if err != nil {
		return c, err
	}
	if !to.Patient && to.Known {
		c.describe(to.BAL)
	}
	if a.Role != policy.Patient {
		return c, nil
	}
	d, _, err := h.mayWrite(ctx, a, to)
	if err != nil {
		return c, err
	}
	if !d.Allow || !to.Known {
		errors.As(refuse(d), &c.Refusal)
	}
	return c, nil
}

// describe says what is public of a mailbox.
func (c *Correspondent) describe(b directory.BAL) {
	c.Name, c.Profession, c.Organisation, c.Verified = b.Name, b.Profession, b.Organisation, b.RPPS != ""
}

// recentlySent is how many sent mails are looked through for correspondents.
const recentlySent = 200

// writtenTo lists whom an actor wrote to lately, and whose mails they had.
func (h *Hub) writtenTo(ctx context.Context, a Actor) (list []Correspondent, err error) {
	seen := map[string]bool{a.Address.Canonical(): true}
	add := func(one message.Address) {
		address, bad := ident.ParseAddress(one.Spec())
		if bad != nil || seen[address.Canonical()] || len(list) == maxCorrespondents {
			return
		}
		seen[address.Canonical()] = true
		list = append(list, Correspondent{Address: address, Name: one.Name, Patient: h.isPatient(address)})
	}
	err = h.atDrafts(ctx, a, func(m *Mailbox) error {
		for _, folder := range []mailbox.FolderID{mailbox.Sent, mailbox.Inbox} {
			entries, err := m.newest(ctx, folder, recentlySent)
			if err != nil {
				return err
			}
			for _, e := range entries {
				people := e.Envelope.From
				if folder == mailbox.Sent {
					people = slices.Concat(e.Envelope.To, e.Envelope.Cc)
				}
				for _, one := range people {
					add(one)
				}
			}
		}
		return nil
	})
	return list, err
}

// newest returns what a listing shows of the last n messages of a folder, the
// newest first.
func (m *Mailbox) newest(ctx context.Context, folder mailbox.FolderID, n int) (list []*mailbox.Entry, err error) {
	err = m.view(ctx, func(r store.Reader) error {
		list = nil
		d, err := m.book.Changes(r, folder, mailbox.Cursor{})
		if err != nil {
			return err
		}
		var uids []mailbox.UID
		for _, one := range d.Messages[max(0, len(d.Messages)-n):] {
			uids = append(uids, one.UID)
		}
		for e, err := range m.book.Entries(r, folder, uids) {
			if err == nil { // one that does not open hides no other
				list = append(list, e)
			}
		}
		return nil
	})
	slices.Reverse(list)
	return list, err
}

// ParseAddressee reads whom somebody wants to write to: a mail address, or the
// matricule of a patient, with or without blanks. What is neither is
// fault.Invalid.
func (h *Hub) ParseAddressee(text string) (ident.Address, error) {
	text = strings.TrimSpace(text)
	if strings.ContainsRune(text, '@') {
		return ident.ParseAddress(text)
	}
	m, err := ident.ParseMatricule(strings.Join(strings.Fields(text), ""))
	if err == nil && m.Invented() && !h.TestMode {
		err = fmt.Errorf("hub: addressee: %w", fault.Invalid)
	}
	if err != nil {
		return ident.Address{}, err
	}
	return h.PatientAddress(m)
}
