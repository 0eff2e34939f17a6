package hub

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// Unread counts what waits to be read in an actor's inbox: a figure, and nothing
// of what is in it. Where the session reads its messages it is that of the threads,
// as their list has it; else that of the messages, for which no key is needed and
// no trail is left.
func (h *Hub) Unread(ctx context.Context, a Actor) (n int, err error) {
	if d := h.desks.take(deskKey{a.Part, a.Address, a.Session}, h.Now()); d != nil {
		defer h.rise(d)
		if err := d.Check(ctx); err != nil {
			return 0, err
		}
		x, err := d.threads(ctx)
		if err != nil {
			return 0, err
		}
		return x.unread(mailbox.Inbox), nil
	}
	err = h.view(ctx, a.Part, func(r store.Reader) error {
		if _, err := h.mayUse(r, a); err != nil {
			return err
		}
		n, err = mailbox.Unseen(r, mailbox.Inbox)
		return err
	})
	return n, err
}

// News is what the owner of a space is told first: who looked, what is theirs to
// decide, and what would be of use to them.
type News struct {
	FirstName string    // of the owner
	Since     time.Time // the space is open

	Looks         []Look    // emergencies first, then the latest
	Announcements int       // documents that wait to be announced, of which the owner was told
	Invitations   []string  // names of those who ask the owner to help them
	Openings      []Opening // spaces of dependants that open by themselves

	Has Equipment
}

// A Look is that somebody looked at the record, on one day.
type Look struct {
	Name                       string
	ProfessionFR, ProfessionEN string
	Organisation               string
	Last                       time.Time
	Emergency                  bool
}

// An Opening is a space that opens by itself at a time, if nobody objects.
type Opening struct {
	Name string
	At   time.Time
}

// Equipment is what somebody has made of their space.
type Equipment struct{ Phone, Passkey, Program, Physician bool }

const (
	lookedWithin  = 30 * 24 * time.Hour
	maxLooks      = 3
	maxLooksAmong = 500 // entries of the trail that are opened for it
)

// News tells the owner of a space what is new there, but for messages and
// documents (Threads, Cabinet). It goes into the trail, once a session, before
// anything is read.
func (h *Hub) News(ctx context.Context, a Actor) (n News, err error) {
	f, d, err := h.stand(ctx, a, a.Part, policy.ReadTrail)
	if err != nil {
		return n, err
	}
	if !d.Allow {
		return n, h.refused(ctx, a.Part, a.did(audit.ActReadNews, ""), a, d)
	}
	key, err := h.linger(ctx, a.Part)
	if err != nil {
		return n, err
	}
	err = h.once(a, a.Part, audit.ActReadNews, func() error {
		return h.note(ctx, a.Part, decided(a.did(audit.ActReadNews, ""), d))
	})
	if err != nil {
		return n, err
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return n, err
	}
	err = h.view(ctx, a.Part, func(r store.Reader) error {
		n = News{FirstName: f.space.Traits.FirstName(), Since: f.space.Since}
		trail := &openedTrail{h, a.Part, a, key, f, map[string]named{}}
		var errs [3]error
		n.Looks, errs[0] = trail.looks(r)
		n.Announcements, errs[1] = h.announcementsTold(r, a.Part)
		n.Has, errs[2] = h.equipment(r, p, key, a.Part)
		return errors.Join(errs[:]...)
	})
	if err != nil {
		return n, err
	}
	return n, h.toDecide(ctx, a, &n)
}

// looks finds who looked lately, each once a day.
func (o *openedTrail) looks(r store.Reader) (list []Look, err error) {
	since, read := o.h.Now().Add(-lookedWithin), 0
	day := func(t time.Time) string { return t.In(o.h.Zone).Format(time.DateOnly) }
	for n, err := range o.backwards(r, 0) {
		if err != nil {
			return nil, err
		}
		if read++; n.Time.Before(since) || read > maxLooksAmong {
			break
		}
		e := n.Entry
		looked := e.Act == policy.ListDocuments.String() || e.Act == policy.ReadDocument.String() || e.Act == policy.BreakGlass.String()
		if k := e.Kind(); e.Refused || !looked || k != audit.Professional && k != audit.Facility {
			continue
		}
		i := slices.IndexFunc(list, func(l Look) bool { return l.Name == cmp.Or(e.ActorName, e.Actor) && day(l.Last) == day(e.Time) })
		if i < 0 {
			l := Look{Name: cmp.Or(e.ActorName, e.Actor), Organisation: e.Organisation, Last: e.Time}
			l.ProfessionFR, l.ProfessionEN = audit.Called(e.Profession)
			i, list = len(list), append(list, l)
		}
		list[i].Emergency = list[i].Emergency || e.Emergency || e.Act == policy.BreakGlass.String()
	}
	slices.SortStableFunc(list, func(a, b Look) int {
		switch {
		case a.Emergency == b.Emergency:
			return 0 // newest first, as they were found
		case a.Emergency:
			return -1
		}
		return 1
	})
	return list[:min(len(list), maxLooks)], nil
}

// announcementsTold counts the documents that wait, of which the patient knows
// that they do.
func (h *Hub) announcementsTold(r store.Reader, part store.Part) (n int, err error) {
	list, err := vault.Announcements(r, h.scope(part))
	for _, w := range list {
		if !w.Told.IsZero() {
			n++
		}
	}
	return n, err
}

func (h *Hub) equipment(r store.Reader, p *account.Pepper, key *ownerKey, part store.Part) (q Equipment, err error) {
	s := h.scope(part)
	var errs [4]error
	contact, _, err := patient.LoadContact(r, s, key)
	errs[0], q.Phone = err, contact.HasPhone()
	keys, err := account.ListPasskeys(r, p, s)
	errs[1], q.Passkey = err, len(keys) > 0
	programs, err := account.Passwords(r, s)
	errs[2], q.Program = err, len(programs) > 0
	relations, err := patient.Relations(r, s)
	errs[3] = err
	q.Physician = slices.ContainsFunc(relations, func(n patient.Relation) bool { return n.Role == patient.TreatingPhysician })
	return q, errors.Join(errs[:]...)
}

// toDecide completes the news with what other spaces wait for.
func (h *Hub) toDecide(ctx context.Context, a Actor, n *News) error {
	helped, err := h.Helped(ctx, a)
	if err != nil {
		return err
	}
	for _, p := range helped {
		if p.Link.State == patient.Invited {
			n.Invitations = append(n.Invitations, p.Name)
		}
	}
	dependants, err := h.Dependants(ctx, a)
	if err != nil {
		return err
	}
	for _, d := range dependants {
		if d.State != policy.Enrolled {
			continue
		}
		sp, err := h.spaceOf(ctx, recordPart(d.Record))
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		if err == nil && !sp.Noticed.IsZero() {
			n.Openings = append(n.Openings, Opening{d.Name, sp.Noticed.Add(h.Delays.Opening)})
		}
	}
	return nil
}
