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
	"vaguemestre/vault"
)

// attach lets the RPPS number of a professional lead to their mailbox, or no
// longer: change is directory.Attach or Detach. Only a mailbox of one's own (BAL
// PER) is a login.
func (h *Hub) attach(ctx context.Context, b directory.BAL, part store.Part, change func(store.Writer, fact.Scope, store.Part) error) error {
	n, err := ident.ParseRPPS(b.RPPS)
	if err != nil || b.Kind != directory.Personal {
		return nil // nothing leads there
	}
	return h.commit(ctx, directory.ProfessionalPart(h.Index, n), func(t *tx) error { return change(t, t.Scope, part) })
}

// indexProfessionals lets every professional be found by RPPS number: what a
// hub needs once, whose mailboxes were made before it knew how.
func (h *Hub) indexProfessionals(ctx context.Context) error {
	all := map[store.Part]directory.BAL{}
	err := h.eachOwner(ctx, func(part store.Part, r store.Reader) error {
		b, _, err := directory.Load(r, h.scope(part))
		if b.RPPS != "" {
			all[part] = b
		}
		return err
	})
	if err != nil {
		return err
	}
	for part, b := range all {
		if err := h.attach(ctx, b, part, directory.Attach); err != nil {
			return err
		}
	}
	return nil
}

// LoginProfessional begins a session for the professional of that RPPS number,
// who has proved to a trusted provider of identities who they are: in the oldest
// of their own mailboxes. device is the program that they use. One who has none
// here is fault.NotFound; one whom policy lets in nowhere, fault.Denied.
func (h *Hub) LoginProfessional(ctx context.Context, n ident.RPPS, at Attempt, device string) (Actor, error) {
	index := directory.ProfessionalPart(h.Index, n)
	var parts []store.Part
	err := h.view(ctx, index, func(r store.Reader) (err error) {
		parts, err = directory.Mailboxes(r, h.scope(index))
		return err
	})
	if err != nil {
		return Actor{}, err
	}
	err = fmt.Errorf("hub: login: no mailbox of that professional: %w", fault.NotFound)
	for _, part := range parts {
		a, failed := h.begin(ctx, part, n, at.Protocol, device)
		switch fault.Of(failed) {
		case fault.NotFound:
			continue
		case fault.Denied:
			err = failed
			continue
		}
		return a, failed
	}
	return Actor{}, errors.Join(h.noteStranger(ctx, at, n.String()), err)
}

// begin begins a session for the professional of that number in the mailbox of a
// partition; fault.NotFound if it is not theirs, whatever the index says.
func (h *Hub) begin(ctx context.Context, part store.Part, n ident.RPPS, protocol, device string) (a Actor, err error) {
	err = h.commit(ctx, part, func(t *tx) error {
		var d policy.Decision
		if a, d, err = h.admit(t, part, device, t.now); err != nil {
			return err
		}
		if a.RPPS != n.String() || a.Role != policy.Professional {
			return fmt.Errorf("hub: login: %w", fault.NotFound)
		}
		a.Session = vault.NewID()[:12]
		t.note(decided(a.entry(policy.Login, protocol), d))
		return nil
	})
	return a, err
}
