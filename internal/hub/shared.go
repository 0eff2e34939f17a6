package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A mailbox of an organisation or a practice is nobody's own. An operator names
// the professionals who share it; each of them opens it from their own session, as
// themselves: what they do there is the mailbox's to others, and theirs in every
// trail.

// A SharedMailbox is one that a professional shares.
type SharedMailbox struct {
	ID      string // opaque
	Address ident.Address
	Name    string
}

// SharedMailboxes lists those that an actor shares, in the order in which they
// were named there.
func (h *Hub) SharedMailboxes(ctx context.Context, a Actor) (list []SharedMailbox, err error) {
	n, err := ident.ParseRPPS(a.RPPS)
	if err != nil || a.Role != policy.Professional {
		return nil, nil //nolint:nilerr // who is known by no number shares none
	}
	index := directory.ProfessionalPart(h.Index, n)
	var parts []store.Part
	err = h.view(ctx, index, func(r store.Reader) error {
		parts, err = directory.SharedWith(r, h.scope(index))
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		in, err := h.asMember(ctx, a, part)
		switch fault.Of(err) {
		case "":
			list = append(list, SharedMailbox{string(part), in.Address, in.Name})
		case fault.NotFound, fault.Denied: // not any more
		default:
			return nil, err
		}
	}
	return list, nil
}

// Shared returns an actor as one who acts in the mailbox of an ID, which they
// share: its address, and their own session. One that they do not share, or that
// does not exist, is fault.NotFound, and in their trail and the mailbox's.
func (h *Hub) Shared(ctx context.Context, a Actor, id string) (Actor, error) {
	part := recordPart(id)
	in, err := h.asMember(ctx, a, part)
	refusal := (*Refusal)(nil)
	if !errors.As(err, &refusal) {
		return in, err
	}
	e := decided(a.entry(policy.UseMailbox, ""), policy.Decision{Rule: refusal.Rule})
	known := false
	err = h.view(ctx, part, func(r store.Reader) error {
		b, _, err := directory.Load(r, h.scope(part))
		known = b.Shared()
		return err
	})
	if err == nil && known {
		err = h.note(ctx, part, e)
	}
	if err == nil {
		err = h.note(ctx, a.Part, e)
	}
	return Actor{}, errors.Join(err, refusal)
}

// asMember returns an actor as one who acts in the mailbox of a partition. A
// Refusal says that they may not.
func (h *Hub) asMember(ctx context.Context, a Actor, part store.Part) (in Actor, err error) {
	notYours := refuse(policy.Decision{Rule: "mailbox/not-yours"})
	if a.Member != nil || a.Role != policy.Professional {
		return in, notYours
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		b, ok, err := directory.Load(r, h.scope(part))
		if err != nil {
			return err
		}
		if !ok || !b.Shared() {
			return notYours
		}
		address, err := ident.ParseAddress(b.Address)
		if err != nil {
			return fmt.Errorf("hub: directory: %v: %w", err, fault.Corrupt)
		}
		in = actorOf(address, part, b)
		in.Role, in.Device, in.Session, in.Web, in.Member = policy.Organisation, a.Device, a.Session, a.Web, &a
		_, err = h.mayUse(r, in)
		return err
	})
	if err != nil {
		return Actor{}, err
	}
	return in, nil
}

// person is the partition of the person who acts in a mailbox that they share; ""
// where it is the actor's own.
func (a Actor) person() string {
	if a.Member == nil {
		return ""
	}
	return string(a.Member.Part)
}

// errNoMember refuses to name somebody whom no operator may name.
var errNoMember = fmt.Errorf("hub: a member is a professional with a mailbox of their own, an RPPS number, and the establishment of the mailbox: %w", fault.Invalid)

// AddMember lets a professional share the mailbox of an organisation or a
// practice, of the same establishment, for an operator. One who does already is
// fault.Exists; whoever, or whatever, cannot is fault.Invalid.
func (h *Hub) AddMember(ctx context.Context, operator string, mailbox, member ident.Address) error {
	them, n, err := h.numbered(ctx, member)
	if err != nil {
		return err
	}
	part, err := h.mailboxAt(ctx, mailbox)
	if err != nil {
		return err
	}
	// The number leads there first: what it leads to says itself whom it lets in.
	index := directory.ProfessionalPart(h.Index, n)
	if err := h.commit(ctx, index, func(t *tx) error { return directory.Share(t, t.Scope, part) }); err != nil {
		return err
	}
	return h.do(ctx, part, func(t *tx) error {
		b, _, err := directory.Load(t, t.Scope)
		switch {
		case err != nil:
			return err
		case !b.Shared(), b.Establishment != them.Establishment, b.Establishment == "" && b.Kind != directory.Practice:
			return errNoMember
		}
		t.note(byOperator(operator, "add-member", them.Address))
		return directory.Admit(t, t.Scope, directory.Member{RPPS: n.String(), Name: them.Name, Address: them.Address, Since: t.now})
	})
}

// RemoveMember ends that. It holds at once, in sessions too. One who shares
// nothing there is fault.NotFound.
func (h *Hub) RemoveMember(ctx context.Context, operator string, mailbox, member ident.Address) error {
	part, err := h.mailboxAt(ctx, mailbox)
	if err != nil {
		return err
	}
	var gone directory.Member
	err = h.do(ctx, part, func(t *tx) error {
		gone, err = memberAt(t, t.Scope, member)
		if err != nil {
			return err
		}
		t.note(byOperator(operator, "remove-member", gone.Address))
		return directory.Dismiss(t, t.Scope, gone.RPPS)
	})
	if err != nil {
		return err
	}
	n, err := ident.ParseRPPS(gone.RPPS)
	if err != nil {
		return fmt.Errorf("hub: member: %v: %w", err, fault.Corrupt)
	}
	index := directory.ProfessionalPart(h.Index, n)
	return h.commit(ctx, index, func(t *tx) error { return directory.Unshare(t, t.Scope, part) })
}

// memberAt finds a member by the address that they were named by.
func memberAt(r store.Reader, s fact.Scope, a ident.Address) (directory.Member, error) {
	list, err := directory.Members(r, s)
	if err != nil {
		return directory.Member{}, err
	}
	for _, m := range list {
		if m.Address == a.Canonical() {
			return m, nil
		}
	}
	return directory.Member{}, fmt.Errorf("hub: member: %w", fault.NotFound)
}

// Members lists who shares the mailbox of an address.
func (h *Hub) Members(ctx context.Context, mailbox ident.Address) (list []directory.Member, err error) {
	part, err := h.mailboxAt(ctx, mailbox)
	if err != nil {
		return nil, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		list, err = directory.Members(r, h.scope(part))
		return err
	})
	return list, err
}

// numbered returns the professional who has a mailbox of their own at an address.
func (h *Hub) numbered(ctx context.Context, a ident.Address) (b directory.BAL, n ident.RPPS, err error) {
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return b, n, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		b, _, err = directory.Load(r, h.scope(part))
		return err
	})
	if err != nil {
		return b, n, err
	}
	if n, err = ident.ParseRPPS(b.RPPS); err != nil || b.Kind != directory.Personal {
		return b, n, errNoMember
	}
	return b, n, nil
}
