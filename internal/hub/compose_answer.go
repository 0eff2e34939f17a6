package hub

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
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

// A Quoted is what an answer shows of the message that it answers.
type Quoted struct {
	Author message.Address
	Date   time.Time
	Text   string // plain, lines end with LF
}

// Answer begins the answer to a message of an actor's mailbox, to its author or
// to all who had it. Nothing is kept before SaveDraft. Whether the addressees may
// be written to, WhoIs says.
func (h *Hub) Answer(ctx context.Context, a Actor, id MessageID, all bool) (d Draft, q Quoted, err error) {
	err = h.atDrafts(ctx, a, func(m *Mailbox) error {
		_, mail, err := m.readMessage(ctx, id)
		if err != nil {
			return err
		}
		d = Draft{ID: NewDraftID(), Answers: id, Subject: answerSubject(mail.Header("Subject"))}
		author, cc, err := m.answerTo(ctx, mail, all)
		if err != nil {
			return err
		}
		d.To, d.Cc = author, cc
		q.Text = writtenText(mail)
		if from := mail.From(); len(from) > 0 {
			q.Author = from[0]
		}
		q.Date, _ = mail.Date()
		return nil
	})
	return d, q, err
}

// answerTo says whom an answer goes to. Where a patient is to answer, what policy
// made of Reply-To when the message came counts, not what the message says.
func (m *Mailbox) answerTo(ctx context.Context, mail *message.Mail, all bool) (to, cc []message.Address, err error) {
	own := m.actor.Address.Canonical()
	seen := map[string]bool{own: true}
	pick := func(list []message.Address) (picked []message.Address) {
		for _, one := range list {
			a, bad := ident.ParseAddress(one.Spec())
			if bad != nil || seen[a.Canonical()] || len(seen) > maxAddressees {
				continue
			}
			seen[a.Canonical()] = true
			picked = append(picked, message.Address{Name: one.Name, Mailbox: a.Local(), Host: a.Domain()})
		}
		return picked
	}
	from := mail.From()
	if len(from) == 1 && strings.EqualFold(from[0].Spec(), own) { // one's own: the same people again
		to = pick(mail.To())
	} else {
		reply := mail.ReplyTo()
		if len(reply) == 0 {
			reply = from
		}
		if m.actor.Role == policy.Patient && len(from) == 1 {
			if reply, err = m.contactsOf(ctx, from[0], reply); err != nil {
				return nil, nil, err
			}
		}
		to = pick(reply)
	}
	if all {
		if len(from) == 1 && len(to) > 0 { // who asked for answers elsewhere has them there
			seen[strings.ToLower(from[0].Spec())] = true
		}
		cc = append(pick(mail.To()), pick(mail.Cc())...)
	}
	return to, cc, nil
}

// maxAddressees bounds those of one message.
const maxAddressees = 100

// contactsOf returns where a patient answers a professional: the address that the
// message asks for, if it is one of the exchange, else the author's, else the one
// that was named last.
func (m *Mailbox) contactsOf(ctx context.Context, author message.Address, reply []message.Address) ([]message.Address, error) {
	a, err := ident.ParseAddress(author.Spec())
	if err != nil {
		return nil, nil
	}
	var t conversation.Thread
	err = m.view(ctx, func(r store.Reader) (err error) {
		t, _, err = conversation.With(r, m.h.scope(m.actor.Part), a)
		return err
	})
	if err != nil {
		return nil, err
	}
	named := func(one message.Address) bool { return slices.Contains(t.Contacts, strings.ToLower(one.Spec())) }
	switch {
	case len(reply) == 1 && named(reply[0]):
		if reply[0].Name == "" {
			reply[0].Name = author.Name
		}
		return reply, nil
	case named(author) || len(t.Contacts) == 0:
		return []message.Address{author}, nil
	}
	local, host, _ := strings.Cut(t.Contacts[len(t.Contacts)-1], "@")
	return []message.Address{{Name: author.Name, Mailbox: local, Host: host}}, nil
}

var answered = regexp.MustCompile(`(?i)^\s*(re|ré|rép|tr|aw|sv|rv)\s*(\[\d+\])?\s*:\s*`)

// answerSubject writes "Re: " before a subject, once, and not what is written for
// programs.
func answerSubject(subject string) string {
	subject = strings.TrimSpace(subject)
	for {
		rest := strings.TrimPrefix(answered.ReplaceAllString(subject, ""), "XDM/1.0/DDM+")
		if rest == subject {
			return strings.TrimSpace("Re: " + subject)
		}
		subject = rest
	}
}

// readMessage finds a message of a mailbox and reads it without its documents.
func (m *Mailbox) readMessage(ctx context.Context, id MessageID) (at place, mail *message.Mail, err error) {
	found := false
	err = m.view(ctx, func(r store.Reader) error {
		at, found, err = m.placeOf(r, id)
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("hub: message: %w", fault.NotFound)
	}
	if err != nil {
		return at, nil, err
	}
	c, err := m.Content(ctx, at.folder, at.uid)
	if err != nil {
		return at, nil, err
	}
	mail, err = message.Parse(bytes.Clone(c.(*content).skeleton), message.Default)
	return at, mail, err
}

// placeOf finds a message in whatever folder but the shelves, the inbox first.
func (m *Mailbox) placeOf(r store.Reader, id MessageID) (at place, found bool, err error) {
	folders, err := m.book.Folders(r)
	if err != nil {
		return at, false, err
	}
	slices.SortStableFunc(folders, func(a, b mailbox.Folder) int { return int(a.ID) - int(b.ID) })
	for _, f := range folders {
		if f.NoSelect || f.ReadOnly {
			continue
		}
		for named, err := range m.book.IDs(r, f.ID) {
			if err != nil {
				return at, false, err
			}
			if named.ID == string(id) {
				return place{folder: f.ID, uid: named.UID}, true, nil
			}
		}
	}
	return at, false, nil
}
