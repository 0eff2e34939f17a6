package hub

import (
	"context"

	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// fileDocument adds a sealed document to the record of the transaction, in its
// place among those that are there. One that is there already is not added
// again, and same is its ID.
func (h *Hub) fileDocument(t *tx, a Actor, d sealedDocument, rule string) (same string, err error) {
	e := d.entry
	place, err := h.succeed(t, t.Part, a, newcomer{e.UniqueID, e.SHA256, e.Replaces})
	if err != nil || place.same != "" {
		return place.same, err
	}
	for _, ref := range d.shared {
		if err := vault.Hold(t, ref); err != nil {
			return "", err
		}
	}
	c, err := patient.LoadChoices(t, t.Scope)
	if err != nil {
		return "", err
	}
	if c.MaskNewDocuments && !d.flags.Has(vault.HiddenFromPatient) { // which is masked when it is announced
		d.flags |= vault.Masked
	}
	if err := vault.Add(t, t.Scope, e, d.flags, d.session, d.wraps); err != nil {
		return "", err
	}
	entry := a.entry(policy.FileDocument, e.EntryUUID)
	entry.Rule = rule
	t.note(entry)
	return "", h.takePlace(t, a, e.EntryUUID, place)
}

// hintWaiting records, before any of the documents is filed, that something may
// wait in a partition: for its announcement, or for its identity to be verified.
func (h *Hub) hintWaiting(ctx context.Context, part store.Part, list []sealedDocument) error {
	for _, d := range list {
		if d.flags&(vault.HiddenFromPatient|vault.ToVerify) != 0 {
			return h.commit(ctx, vault.Hints, func(t *tx) error { return vault.Hint(t, part, t.now) })
		}
	}
	return nil
}
