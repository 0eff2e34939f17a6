package hub

import (
	"context"

	"vaguemestre/internal/account"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

// What somebody may see and change of their own account.

// Space returns the space of an actor who is a patient: its state, and since when.
func (h *Hub) Space(ctx context.Context, a Actor) (patient.Space, error) {
	return h.spaceOf(ctx, a.Part)
}

// WebLogin returns the login of an actor for the web; "" for one who has none.
func (h *Hub) WebLogin(ctx context.Context, a Actor) (string, error) {
	p, err := h.pepper(ctx)
	if err != nil {
		return "", err
	}
	who, _, err := h.personIn(ctx, p, a.Part)
	return who.Login, err
}

// HasTOTP reports whether an authenticator is a second factor of an actor.
func (h *Hub) HasTOTP(ctx context.Context, a Actor) (has bool, err error) {
	p, err := h.pepper(ctx)
	if err != nil {
		return false, err
	}
	err = h.view(ctx, a.Part, func(r store.Reader) error {
		has, err = account.HasTOTP(r, p, h.scope(a.Part))
		return err
	})
	return has, err
}

// OwnPasswords lists the application passwords of an actor.
func (h *Hub) OwnPasswords(ctx context.Context, a Actor) ([]account.Password, error) {
	return h.Passwords(ctx, a.Address)
}

// AddOwnPassword makes an application password for a device of an actor who has
// proved lately who they are: it is told this once. A name that is none is
// fault.Invalid, one that is used already fault.Exists.
func (h *Hub) AddOwnPassword(ctx context.Context, a Actor, device string) (secret string, err error) {
	err = h.changeFactors(ctx, a, func(t *tx, _ *account.Pepper) error {
		secret, err = account.AddPassword(t, t.Scope, device, t.now)
		t.note(a.did("add-password", device))
		return err
	})
	return secret, err
}

// RevokeOwnPassword ends an application password of an actor, by its ID. To
// close a door takes no proof.
func (h *Hub) RevokeOwnPassword(ctx context.Context, a Actor, id string) error {
	return h.do(ctx, a.Part, func(t *tx) error {
		t.note(a.did("revoke-password", id))
		return account.Revoke(t, t.Scope, id)
	})
}
