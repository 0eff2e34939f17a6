package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/software"
	"vaguemestre/internal/store"
)

// AddClient registers a program. One that acts for a mailbox by itself needs
// that mailbox: fault.NotFound.
func (h *Hub) AddClient(ctx context.Context, operator string, c software.Client) error {
	if err := c.Check(); err != nil {
		return err
	}
	if c.Mailbox != "" {
		a, err := ident.ParseAddress(c.Mailbox)
		if err != nil {
			return err
		}
		if _, err := h.mailboxAt(ctx, a); err != nil {
			return fmt.Errorf("hub: program: %w", err)
		}
		c.Mailbox = a.Canonical()
	}
	return h.commit(ctx, hubPart, func(t *tx) error {
		t.note(byOperator(operator, "add-client", c.ID))
		return software.Add(t, t.Scope, c, t.now)
	})
}

// Clients lists the programs that are registered.
func (h *Hub) Clients(ctx context.Context) (list []software.Client, err error) {
	err = h.view(ctx, hubPart, func(r store.Reader) error {
		list, err = software.All(r, h.scope(hubPart))
		return err
	})
	return list, err
}

// Client returns a program by its identifier; fault.NotFound if there is none.
func (h *Hub) Client(ctx context.Context, id string) (c software.Client, err error) {
	err = h.view(ctx, hubPart, func(r store.Reader) error {
		c, err = software.Find(r, h.scope(hubPart), id)
		return err
	})
	return c, err
}

// ClientByCertificate returns the program whose TLS certificate has that
// SHA-256; fault.NotFound if none has.
func (h *Hub) ClientByCertificate(ctx context.Context, thumbprint string) (c software.Client, err error) {
	err = h.view(ctx, hubPart, func(r store.Reader) error {
		c, err = software.FindByCertificate(r, h.scope(hubPart), thumbprint)
		return err
	})
	return c, err
}

// UseAssertion notes that a program proved who it is by an assertion of that
// identifier, good until end. A second time is fault.Exists.
func (h *Hub) UseAssertion(ctx context.Context, client, jti string, end time.Time) error {
	return h.commit(ctx, hubPart, func(t *tx) error { return software.UseOnce(t, t.Scope, client, jti, end, t.now) })
}

// RemoveClient forgets a program and ends every authorization that it has; it
// goes through every account. Interrupted, it can be repeated. One that is not
// there, and has none, is fault.NotFound.
func (h *Hub) RemoveClient(ctx context.Context, operator, id string) (ended int, err error) {
	gone := h.commit(ctx, hubPart, func(t *tx) error {
		t.note(byOperator(operator, "remove-client", id))
		return software.Remove(t, t.Scope, id)
	})
	if gone != nil && fault.Of(gone) != fault.NotFound {
		return 0, gone
	}
	var parts []store.Part
	err = h.eachOwner(ctx, func(part store.Part, r store.Reader) error {
		all, err := account.Authorizations(r, h.scope(part))
		if slices.ContainsFunc(all, func(auth account.Authorization) bool { return auth.Client == id }) {
			parts = append(parts, part)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, part := range parts {
		n, err := h.endProgram(ctx, operator, part, id)
		if err != nil {
			return ended, err
		}
		ended += n
	}
	if ended > 0 {
		gone = nil
	}
	return ended, gone
}

// endProgram ends what a program may do for the owner of a partition.
func (h *Hub) endProgram(ctx context.Context, operator string, part store.Part, id string) (n int, err error) {
	err = h.commit(ctx, part, func(t *tx) error {
		n = 0
		all, err := account.Authorizations(t, t.Scope)
		for _, auth := range all {
			if auth.Client == id {
				n++
				err = errors.Join(err, h.endAuthorization(t, auth, byOperator(operator, "end-authorization", auth.Client)))
			}
		}
		return err
	})
	return n, err
}

// Authorizations lists what programs may do for the owner of an address.
func (h *Hub) Authorizations(ctx context.Context, a ident.Address) (list []account.Authorization, err error) {
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return nil, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		list, err = account.Authorizations(r, h.scope(part))
		return err
	})
	return list, err
}

// EndAuthorization ends what a program may do for the owner of an address, at
// once.
func (h *Hub) EndAuthorization(ctx context.Context, operator string, a ident.Address, id string) error {
	return h.atMailbox(ctx, a, func(t *tx) error {
		auth, err := account.LoadAuthorization(t, t.Scope, id, t.now)
		if err != nil {
			return err
		}
		return h.endAuthorization(t, auth, byOperator(operator, "end-authorization", auth.Client))
	})
}
