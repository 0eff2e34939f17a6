package hub

import (
	"context"
	"errors"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/blob"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// orphanAge is how old a blob must be before nothing referring to it means that
// nothing ever will: a filing writes its blobs first.
const orphanAge = 24 * time.Hour

// Sweep removes what time has made needless: marks of mails filed more than a
// week ago, codes that nobody asks after, old keys of owners who have another,
// and blobs that a crash left without a reference. It needs the hub key, because
// references are sealed; a sealed hub sweeps marks only.
func (h *Hub) Sweep(ctx context.Context) error {
	h.recent.letGo(h.Now())
	var errs []error
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return err
		}
		errs = append(errs, h.sweepMarks(ctx, part), h.sweepTurn(ctx, part))
		if p := h.human.known(); p != nil {
			errs = append(errs, h.commit(ctx, part, func(t *tx) error { return account.SweepCodes(t, p, part, t.now) }))
		}
	}
	if !h.Sealed() {
		errs = append(errs, h.sweepOrphans(ctx))
	}
	return errors.Join(errs...)
}

func (h *Hub) sweepMarks(ctx context.Context, part store.Part) error {
	for done := false; !done; {
		err := h.commit(ctx, part, func(t *tx) (err error) {
			done, err = mailbox.Sweep(t.Writer, t.now)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Hub) sweepOrphans(ctx context.Context) error {
	old := map[store.Part][]blob.ID{}
	for info, err := range h.Blobs.All(ctx) {
		if err != nil {
			return err
		}
		if h.Now().Sub(info.Written) > orphanAge {
			old[info.Part] = append(old[info.Part], info.ID)
		}
	}
	waiting, err := h.waitingBlobs(ctx)
	if err != nil {
		return err
	}
	var errs []error // one owner whose mailbox is damaged keeps none of the others
	for part, ids := range old {
		held, err := h.heldBlobs(ctx, part)
		if errors.Is(err, fault.NotFound) {
			var erased bool
			if erased, err = h.erased(ctx, part); err == nil && !erased {
				continue // not ours to judge
			}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, id := range ids {
			if !held[id] && !waiting[id] {
				errs = append(errs, h.Blobs.Delete(ctx, part, id))
			}
		}
	}
	return errors.Join(errs...)
}

// erased reports whether a partition had an owner once: there is no key any
// more, and the trail that an erasure leaves.
func (h *Hub) erased(ctx context.Context, part store.Part) (erased bool, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		if _, err := owner.Locked(r); !errors.Is(err, fault.NotFound) {
			return err
		}
		head, err := audit.Head(r, h.scope(part))
		erased = head.Count > 0
		return err
	})
	return erased, err
}

// waitingBlobs collects the blobs of answers that are on their way.
func (h *Hub) waitingBlobs(ctx context.Context) (map[blob.ID]bool, error) {
	waiting := map[blob.ID]bool{}
	parts, err := h.hinted(ctx, outbox.Hints)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		lines, err := h.lines(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			c, err := openCargo(l)
			if err != nil {
				return nil, err
			}
			for _, ref := range c.Blobs {
				waiting[ref.BlobID()] = true
			}
		}
	}
	return waiting, nil
}

// heldBlobs collects every blob that a message or a document of an owner
// refers to. Reading it all is the price of references that nobody else can
// read.
func (h *Hub) heldBlobs(ctx context.Context, part store.Part) (map[blob.ID]bool, error) {
	b, err := h.take(ctx, part)
	if err != nil {
		return nil, err
	}
	defer h.give(part, b)
	held := map[blob.ID]bool{}
	hold := func(ref vault.Ref) {
		if ref != "" && !ref.Inline() {
			held[ref.BlobID()] = true
		}
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		for at, err := range b.messages(r) {
			if err != nil {
				return err
			}
			item, _, _, err := b.Item(r, at.folder, at.uid)
			if err != nil {
				return err
			}
			for _, ref := range item.Refs() {
				hold(vault.Ref(ref))
			}
		}
		for d, err := range vault.Documents(r, h.scope(part), b.key, 1) {
			if err != nil {
				return err
			}
			hold(d.Entry.Object)
			hold(d.Entry.Rendition)
		}
		return nil
	})
	return held, err
}

// deleteBlobs deletes every blob of a partition.
func (h *Hub) deleteBlobs(ctx context.Context, part store.Part) error {
	for info, err := range h.Blobs.All(ctx) {
		if err != nil {
			return err
		}
		if info.Part != part {
			continue
		}
		if err := h.Blobs.Delete(ctx, part, info.ID); err != nil {
			return err
		}
	}
	return nil
}
