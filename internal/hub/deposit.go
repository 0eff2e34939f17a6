package hub

import (
	"context"
	"slices"

	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// Deposit adds one document to a record, as AddDocuments does. Where the actor
// may see one there that is the same to the byte, and that nobody has deleted,
// it is not added again, and the view is that of the document there is.
func (h *Hub) Deposit(ctx context.Context, a Actor, recordID string, s Submission) (v DocumentView, there bool, err error) {
	_, sum := sums(s.Content)
	v, there, err = h.twin(ctx, a, recordPart(recordID), sum)
	if err != nil || there {
		return v, there, err
	}
	list, err := h.AddDocuments(ctx, a, recordID, []Submission{s})
	if err != nil {
		return v, false, err
	}
	return list[0], false, nil
}

// twin finds the newest document of a record with that SHA-256 that an actor may
// see. That they saw it is in the trail.
func (h *Hub) twin(ctx context.Context, a Actor, part store.Part, sum string) (v DocumentView, ok bool, err error) {
	_, d, err := h.stand(ctx, a, part, policy.ListDocuments)
	if err != nil || !d.Allow {
		return v, false, err
	}
	key, err := h.linger(ctx, part)
	if err != nil {
		return v, false, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		f, err := h.standing(r, part, a)
		if err != nil {
			return err
		}
		docs, err := h.documents(r, part, key)
		ok = slices.ContainsFunc(docs, func(d vault.Document) bool {
			access := f.mayRead(d, a)
			same := access.Allow && d.Entry.SHA256 == sum && !d.Flags.Has(vault.Superseded)
			if same {
				v = viewDocument(f.view(part, f.decide(policy.ListDocuments)), d, access)
			}
			return same
		})
		return err
	})
	if err != nil || !ok {
		return v, false, err
	}
	_, own := documentPart(v.ID)
	return v, true, h.note(ctx, part, decided(a.entry(policy.ReadDocument, own), v.Access))
}
