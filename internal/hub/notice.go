package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

// A NoticeKind is what a notice tells. Its text is in noticeTexts.
type NoticeKind string

// The kinds.
const (
	NoticeSpaceMade    NoticeKind = "space-made"      // a space will open by itself; how to object
	NoticeActivation   NoticeKind = "activation-code" // the provisional code
	NoticeLoginCode    NoticeKind = "login-code"
	NoticeContactCode  NoticeKind = "contact-code" // to check a mail address or a phone
	NoticeMessage      NoticeKind = "message"
	NoticeDocument     NoticeKind = "document"
	NoticeAnnouncement NoticeKind = "announcement" // a document waits for a professional to announce it
	NoticeFirstAccess  NoticeKind = "first-access" // of a professional
	NoticeEmergency    NoticeKind = "emergency-access"
	NoticeOpened       NoticeKind = "space-opened"
	NoticeOpposed      NoticeKind = "space-opposed"
	NoticeClosed       NoticeKind = "space-closed"
	NoticeReopened     NoticeKind = "space-reopened"
	NoticeErased       NoticeKind = "space-erased"
	NoticeDelegation   NoticeKind = "delegation" // an invitation to represent or to help somebody
	NoticeOfAge        NoticeKind = "of-age"     // the owner is an adult: nobody represents them any more
	NoticePassword     NoticeKind = "password-changed"
	NoticeDevice       NoticeKind = "new-device" // a login from a browser not seen before
)

// A Channel is how a notice leaves.
type Channel string

// The channels.
const (
	ByMail Channel = "mail"
	BySMS  Channel = "sms"
)

// A Notice is one message to a person outside the hub, about their own space.
// It carries no health data, no name and no link.
type Notice struct {
	Kind    NoticeKind
	Channel Channel   // "": mail if the owner has one that was checked, else the phone
	To      string    // where it goes; "": the owner's contact, if it was checked
	Code    string    // of the kinds that carry one
	Expires time.Time // when it is of no use any more; zero: in two days
}

// noticeLife is how long a notice that no provider takes is tried.
const noticeLife = 48 * time.Hour

// owed are the notices that the law owes to the owner of a space (CSP R.1111-28,
// R.1111-48). They are tried for longer, and go to what the register says where
// the owner has checked nothing: such a space opens by itself.
var owed = map[NoticeKind]bool{NoticeEmergency: true, NoticeOpened: true}

const owedLife = 30 * 24 * time.Hour

// notice lets a notice leave, if and when the act commits; to an owner without a
// contact none does. One with a code or an address of its own needs the pepper,
// which the caller has fetched before.
func (h *Hub) notice(t *tx, n Notice) error {
	if _, ok := noticeTexts[n.Kind]; !ok || n.To != "" && n.Channel == "" {
		return fmt.Errorf("hub: notice: %w", fault.Invalid)
	}
	if n.To == "" {
		if reachable, err := patient.HasContact(t); err != nil || !reachable {
			return err
		}
	}
	if n.Expires.IsZero() {
		life := noticeLife
		if owed[n.Kind] {
			life = owedLife
		}
		n.Expires = t.now.Add(life)
	}
	line := outbox.Notice{ID: outbox.NewID(), Kind: string(n.Kind), Channel: string(n.Channel), Since: t.now, Expires: n.Expires, Next: t.now}
	var errs [2]error
	line.Code, errs[0] = h.sealNotice(t, line.ID, "code", n.Code)
	line.To, errs[1] = h.sealNotice(t, line.ID, "to", n.To)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	t.leaves = true
	return outbox.AddNotice(t, t.Scope, line)
}

// sealNotice seals what the outbox must not show to a role without the hub key.
func (h *Hub) sealNotice(t *tx, id, what, value string) ([]byte, error) {
	if value == "" {
		return nil, nil
	}
	p := h.human.known()
	if p == nil {
		return nil, fmt.Errorf("hub: notice: %w", fault.Sealed)
	}
	return p.Seal(value, noticeContext(t.Part, id, what))
}

func noticeContext(part store.Part, id, what string) string {
	return "notice/" + string(part) + "/" + id + "/" + what
}

// An Outgoing is a notice ready to leave.
type Outgoing struct {
	ID      string // for NoticeSent and NoticeFailed
	Part    store.Part
	Kind    NoticeKind
	Channel Channel
	Address string // a mail address, or a phone number in E.164 form
	Subject string // of a mail
	Text    string // French, then English
	Expires time.Time
}

// noticeLease is how long a notice that was handed out is not handed out again.
const noticeLease = 2 * time.Minute

// DueNotices hands out at most max notices that are due, each to one caller for
// two minutes: it tells NoticeSent or NoticeFailed then. A sealed hub cannot
// know where they go: fault.Sealed. A partition that fails keeps none of the
// others; its error is returned beside what there is.
func (h *Hub) DueNotices(ctx context.Context, max int) ([]Outgoing, error) {
	if _, err := h.pepper(ctx); err != nil {
		return nil, err
	}
	parts, err := h.hinted(ctx, outbox.Hints)
	if err != nil {
		return nil, err
	}
	var list []Outgoing
	var errs []error
	for _, part := range parts {
		if len(list) >= max {
			break
		}
		due, err := h.takeNotices(ctx, part, max-len(list))
		if err == nil && len(due) > 0 {
			due, err := h.address(ctx, part, due)
			list, errs = append(list, due...), append(errs, err)
		}
		errs = append(errs, err)
	}
	return list, errors.Join(errs...)
}

// takeNotices takes what is due in a partition, and drops what is too late.
func (h *Hub) takeNotices(ctx context.Context, part store.Part, max int) (due []outbox.Notice, err error) {
	var waiting []outbox.Notice
	err = h.view(ctx, part, func(r store.Reader) error {
		waiting, err = outbox.Notices(r, h.scope(part))
		return err
	})
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	err = h.commit(ctx, part, func(t *tx) error {
		due = nil
		waiting, err := outbox.Notices(t, t.Scope)
		if err != nil {
			return err
		}
		for _, n := range waiting {
			switch {
			case !t.now.Before(n.Expires):
				outbox.DropNotice(t, n.ID)
			case len(due) < max && !t.now.Before(n.Next):
				n.Next = t.now.Add(noticeLease)
				n.Tries++
				if err := outbox.KeepNotice(t, t.Scope, n); err != nil {
					return err
				}
				due = append(due, n)
			}
		}
		return nil
	})
	return due, err
}

// address writes the notices of a partition and says where they go. One that has
// nowhere to go is dropped.
func (h *Hub) address(ctx context.Context, part store.Part, due []outbox.Notice) (list []Outgoing, err error) {
	c, err := h.contactOf(ctx, part)
	if err != nil {
		return nil, err
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, n := range due {
		var to, code string
		if len(n.To) > 0 {
			err = errors.Join(err, p.Open(n.To, &to, noticeContext(part, n.ID, "to")))
		}
		if len(n.Code) > 0 {
			err = errors.Join(err, p.Open(n.Code, &code, noticeContext(part, n.ID, "code")))
		}
		if err != nil {
			errs, err = append(errs, err), nil
			continue
		}
		out := Outgoing{ID: string(part) + "/" + n.ID, Part: part, Kind: NoticeKind(n.Kind), Channel: Channel(n.Channel), Address: to, Expires: n.Expires}
		phrase := c.Phrase
		if to == "" {
			out.Channel, out.Address = route(c, out.Channel, owed[out.Kind])
		}
		if whose, ok := strings.CutPrefix(to, toContactOf); ok {
			if out.Address, phrase, err = h.registered(ctx, store.Part(whose), out.Channel); err != nil {
				errs, err = append(errs, err), nil
				continue
			}
		}
		if out.Address == "" || out.Address == nobody {
			errs = append(errs, h.dropNotice(ctx, out.ID, "nowhere to go"))
			continue
		}
		out.Subject, out.Text = out.Kind.write(out.Channel, code, phrase, h.Delays)
		list = append(list, out)
	}
	return list, errors.Join(errs...)
}

// contactOf opens the contact of a partition's owner: the zero Contact if there
// is none, or no owner.
func (h *Hub) contactOf(ctx context.Context, part store.Part) (c patient.Contact, err error) {
	key, err := h.unlock(ctx, part)
	if errors.Is(err, fault.NotFound) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	defer h.forgetKey(part)
	err = h.view(ctx, part, func(r store.Reader) error {
		c, _, err = patient.LoadContact(r, h.scope(part), key)
		return err
	})
	return c, err
}

// forgetKey drops an owner's key, unless a session of the owner needs it.
func (h *Hub) forgetKey(part store.Part) {
	h.books.mu.Lock()
	defer h.books.mu.Unlock()
	if h.books.open[part] == nil {
		h.keys.forget(part)
	}
}

// route chooses where a notice to an owner goes: to what was checked, and only if
// nothing was and it is owed, to what the register says.
func route(c patient.Contact, by Channel, owed bool) (Channel, string) {
	unchecked := owed && !c.HasMail() && !c.HasPhone()
	switch {
	case by != BySMS && (c.HasMail() || unchecked && c.Mail != ""):
		return ByMail, c.Mail
	case by != ByMail && (c.HasPhone() || unchecked && c.Phone != ""):
		return BySMS, c.Phone
	}
	return by, ""
}

// NoticeSent removes a notice that a provider has taken, with its code, and
// writes into the trail that it left.
func (h *Hub) NoticeSent(ctx context.Context, id string) error {
	return h.atNotice(ctx, id, func(t *tx, n outbox.Notice) error {
		outbox.DropNotice(t, n.ID)
		return noteNotice(t, byHub("send-notice", n.Kind))
	})
}

// noticeWaits is how long the next try waits for, after the first, the second …
var noticeWaits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour}

// NoticeFailed puts off a notice that no provider took. A cause that is
// fault.Invalid or fault.NotFound is for ever: the address takes nothing.
func (h *Hub) NoticeFailed(ctx context.Context, id string, cause error) error {
	if errors.Is(cause, fault.Invalid) || errors.Is(cause, fault.NotFound) {
		return h.dropNotice(ctx, id, "refused for ever")
	}
	return h.atNotice(ctx, id, func(t *tx, n outbox.Notice) error {
		n.Next = t.now.Add(noticeWaits[min(max(n.Tries, 1), len(noticeWaits))-1])
		return outbox.KeepNotice(t, t.Scope, n)
	})
}

func (h *Hub) dropNotice(ctx context.Context, id, why string) error {
	h.Log.Info("notice dropped", "cause", why)
	return h.atNotice(ctx, id, func(t *tx, n outbox.Notice) error {
		outbox.DropNotice(t, n.ID)
		e := byHub("send-notice", n.Kind+", "+why)
		e.Refused = true
		return noteNotice(t, e)
	})
}

// noteNotice writes what became of a notice into the trail of the partition's
// owner, if it has one: that of a provisional code has not.
func noteNotice(t *tx, e audit.Entry) error {
	_, err := owner.Cert(t, t.Scope)
	if err == nil {
		t.note(e)
	}
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// atNotice performs an act on a notice; one that is gone is none any more.
func (h *Hub) atNotice(ctx context.Context, id string, fn func(*tx, outbox.Notice) error) error {
	part, id, ok := strings.Cut(id, "/")
	if !ok {
		return fmt.Errorf("hub: notice: %w", fault.Invalid)
	}
	err := h.commit(ctx, store.Part(part), func(t *tx) error {
		n, err := outbox.FindNotice(t, t.Scope, id)
		if err != nil {
			return err
		}
		return fn(t, n)
	})
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
