package hub

import (
	"context"

	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// Choices tells, to the patient or whoever decides for them, the settings of
// the space.
func (h *Hub) Choices(ctx context.Context, a Actor, recordID string) (c patient.Choices, err error) {
	part := recordPart(recordID)
	err = h.holderReads(ctx, a, part, func(r store.Reader) error {
		c, err = patient.LoadChoices(r, h.scope(part))
		return err
	})
	return c, err
}

// SetChoices changes the settings of a space, all of them. What the law wants
// told cannot be silenced: fault.Invalid.
func (h *Hub) SetChoices(ctx context.Context, a Actor, recordID string, c patient.Choices) error {
	ask := func(q *policy.Request) { q.Act = policy.ManageAccess }
	return h.decideAt(ctx, a, recordPart(recordID), a.did("choose", ""), ask, func(t *tx, _ standing) error {
		return patient.SetChoices(t, t.Scope, c)
	})
}
