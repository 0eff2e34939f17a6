package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/conversation"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A Contact is somebody whom an actor may want to write to, and whether they may.
type Contact struct {
	Correspondent
	Last    time.Time // of a patient's exchange with them
	Refusal *Refusal  // why they may not be written to; nil: they may, as far as is told here
}

// maxContacts bounds those that are proposed.
const maxContacts = 100

// Contacts lists whom an actor may want to write to. For a patient they are the
// contacts of their exchanges, those that have ended with the reason; for others,
// those whom they wrote to lately, unjudged.
func (h *Hub) Contacts(ctx context.Context, a Actor) ([]Contact, error) {
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
	var list []Contact
	seen := map[string]bool{}
	for _, t := range threads {
		for _, contact := range t.Contacts {
			if seen[contact] || len(list) == maxContacts {
				continue
			}
			seen[contact] = true
			local, host, _ := strings.Cut(contact, "@")
			c, err := h.WhoIs(ctx, a, message.Address{Mailbox: local, Host: host})
			if err != nil {
				return nil, err
			}
			c.Last = t.Last
			list = append(list, c)
		}
	}
	return list, nil
}

// WhoIs says who an addressee is and, to a patient, whether they may write to
// them, without effect. Whom a professional writes to is judged by CheckRecipient,
// which counts.
func (h *Hub) WhoIs(ctx context.Context, a Actor, one message.Address) (c Contact, err error) {
	if c.Correspondent, err = h.correspondent(ctx, one); err != nil || a.Role != policy.Patient {
		return c, err
	}
	address, err := ident.ParseAddress(one.Spec())
	if err != nil {
		return c, err
	}
	to, err := h.resolve(ctx, address)
	if err != nil {
		return c, err
	}
	d, _, err := h.mayWrite(ctx, a, to)
	if err == nil && (!d.Allow || !to.Known) {
		errors.As(refuse(d), &c.Refusal)
	}
	return c, err
}

// recentlySent is how many sent mails are looked through for correspondents.
const recentlySent = 200

// writtenTo lists whom an actor wrote to lately, and whose mails they had.
func (h *Hub) writtenTo(ctx context.Context, a Actor) (list []Contact, err error) {
	seen := map[string]bool{a.Address.Canonical(): true}
	add := func(one message.Address) error {
		address, bad := ident.ParseAddress(one.Spec())
		if bad != nil || seen[address.Canonical()] || len(list) == maxContacts {
			return nil
		}
		seen[address.Canonical()] = true
		who, err := h.correspondent(ctx, one)
		if err == nil && who.Kind != OfThisHub {
			list = append(list, Contact{Correspondent: who})
		}
		return err
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
					if err := add(one); err != nil {
						return err
					}
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
