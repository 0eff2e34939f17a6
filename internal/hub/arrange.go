package hub

import (
	"context"
	"fmt"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// NameFolder makes a folder of one's own in a record, where id is empty, or
// gives one another name; it returns its ID. A name that is none is
// fault.Invalid, one that another folder has fault.Exists.
func (h *Hub) NameFolder(ctx context.Context, a Actor, recordID, id, name string) (string, error) {
	fresh := id == ""
	if fresh {
		id = vault.NewID()
	}
	err := h.arrange(ctx, a, recordPart(recordID), arranged(a, "name a folder"), func(g *arranging) error {
		if _, there := g.Folder(id); !there && !fresh {
			return fmt.Errorf("hub: folder: %w", fault.NotFound)
		}
		return g.Name(id, name)
	})
	return id, err
}

// RemoveFolder removes a folder of one's own. What is in it stays in the record.
func (h *Hub) RemoveFolder(ctx context.Context, a Actor, recordID, id string) error {
	return h.arrange(ctx, a, recordPart(recordID), arranged(a, "remove a folder"), func(g *arranging) error { return g.Remove(id) })
}

// PutInFolder puts documents of one record into a folder of one's own, "" for
// none: all of them or, where the actor may not see one, none.
func (h *Hub) PutInFolder(ctx context.Context, a Actor, folder string, documents ...string) error {
	return h.arrangeDocuments(ctx, a, documents, func(g *arranging, document string) error { return g.Put(document, folder) })
}

// PinDocument keeps a document at hand, or no longer.
func (h *Hub) PinDocument(ctx context.Context, a Actor, document string, pinned bool) error {
	return h.arrangeDocuments(ctx, a, []string{document}, func(g *arranging, document string) error { return g.Pin(document, pinned) })
}

func (h *Hub) arrangeDocuments(ctx context.Context, a Actor, documents []string, fn func(g *arranging, document string) error) error {
	if len(documents) == 0 {
		return fmt.Errorf("hub: arrange: no document: %w", fault.Invalid)
	}
	part, own := documentPart(documents[0])
	return h.arrange(ctx, a, part, arranged(a, own), func(g *arranging) error {
		for _, id := range documents {
			in, own := documentPart(id)
			d, err := h.document(g, in, g.key, own)
			if err == nil && (in != part || !g.mayRead(d, a).Allow) {
				err = fmt.Errorf("hub: document: %w", fault.NotFound)
			}
			if err == nil {
				err = fn(g, d.Entry.LogicalID)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// arranged is the trail entry of putting something in order.
func arranged(a Actor, object string) *audit.Entry {
	e := a.entry(policy.ArrangeRecord, object)
	return &e
}

// An arranging is one change of how a record is kept, in its transaction.
type arranging struct {
	*tx
	standing
	filing.Cabinet
	key *ownerKey
}

// arrange changes how a record is kept, in one transaction with its trail; e is
// nil for what is no act of its own.
func (h *Hub) arrange(ctx context.Context, a Actor, part store.Part, e *audit.Entry, fn func(*arranging) error) error {
	_, d, err := h.stand(ctx, a, part, policy.ArrangeRecord)
	switch {
	case err != nil:
		return err
	case !d.Allow:
		return h.refused(ctx, part, a.entry(policy.ArrangeRecord, ""), a, d)
	}
	key, err := h.linger(ctx, part)
	if err != nil {
		return err
	}
	cert, err := h.certOf(ctx, part)
	if err != nil {
		return err
	}
	return h.commit(ctx, part, func(t *tx) (err error) {
		g := &arranging{tx: t, key: key}
		if g.standing, err = h.standing(t, part, a); err != nil {
			return err
		}
		d := g.decide(policy.ArrangeRecord)
		if !d.Allow {
			return refuse(d)
		}
		if g.Cabinet, err = filing.Load(t, part, key); err != nil {
			return err
		}
		if err := fn(g); err != nil {
			return err
		}
		if e != nil {
			t.note(decided(*e, d))
		}
		return g.Save(t, part, cert)
	})
}
