package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/software"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A RingWrapped is something in the store that is wrapped under the hub key, for
// RotateHubKey to wrap anew. Renew changes nothing where nothing is there, or
// where it is wrapped under the newest key already.
type RingWrapped struct {
	Part  store.Part
	Renew func(store.Writer, *keyring.Ring) error
}

// ringWrapped are those of the hub itself; the key of each owner is not among
// them.
var ringWrapped = []RingWrapped{
	{hubPart, renewed(audit.Signer, audit.KeepSigner, (*keyring.Ring).RenewAuditKey)},
	{hubPart, renewed(fact.Signer, fact.RewrapSigner, (*keyring.Ring).RenewRightsKey)},
	{hubPart, renewed(account.WrappedPepper, account.KeepPepper, account.RenewPepper)},
	{hubPart, renewed(software.Signer, software.KeepSigner, renewIdentitySigner)},
}

func renewIdentitySigner(r *keyring.Ring, sealed []byte) ([]byte, error) {
	return r.Renew(sealed, identityPurpose)
}

// renewed joins how a record reads, writes and renews what it keeps wrapped.
func renewed(get func(store.Reader) ([]byte, error), put func(store.Writer, []byte), renew func(*keyring.Ring, []byte) ([]byte, error)) func(store.Writer, *keyring.Ring) error {
	return func(w store.Writer, r *keyring.Ring) error {
		sealed, err := get(w)
		if err != nil || sealed == nil || !r.Outdated(sealed) {
			return err
		}
		if sealed, err = renew(r, sealed); err == nil {
			put(w, sealed)
		}
		return err
	}
}

// RotateHubKey changes the hub key: it adds a version to the ring and keeps that
// where the ring came from, wraps anew whatever is wrapped under an older one,
// and then drops those. Mail and reading go on meanwhile. Killed anywhere, it is
// asked for again and comes to its end. progress, if not nil, is told of each
// owner who is done.
//
// A backup from before opens with the ring from before only: keep that with it.
func (h *Hub) RotateHubKey(ctx context.Context, operator string, progress func(owners int)) error {
	if h.Sealed() {
		return fmt.Errorf("hub: rotate the hub key: %w", fault.Sealed)
	}
	h.rotating.Lock()
	defer h.rotating.Unlock()
	if !h.Ring.Changing() {
		version := h.Ring.Add()
		if err := h.note(ctx, hubPart, byOperator(operator, audit.ActRotateHubKey, fmt.Sprintf("begin %d", version))); err != nil {
			h.Ring.Withdraw()
			return err
		}
		if err := h.Ring.Keep(); err != nil {
			h.Ring.Withdraw()
			return fmt.Errorf("hub: rotate the hub key: %w", err)
		}
	}
	// Whoever has wrapped something under the old key has committed it now.
	h.wrapping.Lock()
	h.wrapping.Unlock() //nolint:staticcheck // a barrier, not a section
	for _, v := range append(ringWrapped, h.Wrapped...) {
		err := h.commit(ctx, v.Part, func(t *tx) error { return v.Renew(t.Writer, h.Ring) })
		if err != nil {
			return fmt.Errorf("hub: rotate the hub key: %w", err)
		}
	}
	if err := h.relock(ctx, progress); err != nil {
		return fmt.Errorf("hub: rotate the hub key: %w", err)
	}
	if err := h.note(ctx, hubPart, byOperator(operator, audit.ActRotateHubKey, fmt.Sprintf("end %d", h.Ring.Version()))); err != nil {
		return err
	}
	h.Ring.Retire()
	return h.Ring.Keep()
}

// wraps begins to wrap something under the hub key; done says that it is
// committed. A rotation waits between the two.
func (h *Hub) wraps(ctx context.Context) (done func(), err error) {
	if err := h.readRights(ctx); err != nil { // which wraps too: not while the lock is held
		return nil, err
	}
	h.wrapping.RLock()
	return h.wrapping.RUnlock, nil
}

// relock locks the key of every owner under the newest hub key, and makes sure
// that nothing else is left under an older one.
func (h *Hub) relock(ctx context.Context, progress func(int)) error {
	n := 0
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return err
		}
		owned, outdated := false, false
		err := h.view(ctx, part, func(r store.Reader) (err error) {
			if owned, err = owner.Has(r); err != nil {
				return err
			}
			if owned {
				outdated, err = owner.Outdated(r, h.Ring)
				return err
			}
			return h.nothingOutdated(r, part)
		})
		if err == nil && outdated {
			err = h.relockOwner(ctx, part)
		}
		if err != nil {
			return err
		}
		if !owned {
			continue
		}
		if n++; progress != nil {
			progress(n)
		}
	}
	return nil
}

// relockOwner locks the keys of one owner anew.
func (h *Hub) relockOwner(ctx context.Context, part store.Part) error {
	secret, err := h.Erasure.Find(part)
	if errors.Is(err, fault.NotFound) {
		return nil // erased, and on the way to be swept
	}
	if err != nil {
		return err
	}
	return h.commit(ctx, part, func(t *tx) error {
		return owner.Relock(t, func(locked []byte) ([]byte, error) { return h.Ring.Rewrap(part, locked, secret) })
	})
}

// nothingOutdated is fault.Internal if a partition without an owner holds what
// is wrapped under an old hub key: to drop that key would be to lose it.
func (h *Hub) nothingOutdated(r store.Reader, part store.Part) error {
	for p, err := range r.Scan("", "") {
		if err != nil {
			return err
		}
		if h.Ring.Outdated(p.Value) {
			return fmt.Errorf("hub: %s in the partition %s is wrapped under the old hub key, and nobody renews it; the old key is kept: %w", p.Key, part, fault.Internal)
		}
	}
	return nil
}
