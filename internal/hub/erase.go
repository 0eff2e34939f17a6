package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/account"
	"vaguemestre/internal/conversation"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// Erase makes everything an owner has unreadable for ever, by destroying one
// secret, and then removes it. The trail alone stays, readable by the escrow.
func (h *Hub) Erase(ctx context.Context, operator string, a ident.Address) error {
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return err
	}
	if h.Sealed() {
		return fmt.Errorf("hub: erase: %w", fault.Sealed)
	}
	if err := h.Carry(ctx, part); err != nil { // there will be nobody to tell
		h.Log.Warn("answers of an erased patient are dropped", "err", err)
	}
	c, err := h.contactOf(ctx, part)
	if err != nil {
		h.Log.Warn("contact of an erased patient not read", "err", err)
	}
	if err := h.erase(ctx, operator, part, a); err != nil {
		return err
	}
	return h.tellErased(ctx, c)
}

// tellErased lets the one whose space was erased know: from the hub's partition,
// since nothing is left of theirs.
func (h *Hub) tellErased(ctx context.Context, c patient.Contact) error {
	by, to := route(c, "", false)
	if to == "" {
		return nil
	}
	if _, err := h.pepper(ctx); err != nil {
		return err
	}
	return h.commit(ctx, hubPart, func(t *tx) error {
		return h.notice(t, Notice{Kind: NoticeErased, Channel: by, To: to})
	})
}

// EraseAgain erases those who were erased once and are there all the same:
// what data older than an erasure calls for, once it is restored beside the
// current secrets. Nobody could read what they would receive. It returns how
// many they were.
func (h *Hub) EraseAgain(ctx context.Context, operator string) (n int, err error) {
	if h.Sealed() {
		return 0, fmt.Errorf("hub: erase again: %w", fault.Sealed)
	}
	back := map[store.Part]string{}
	err = h.eachOwner(ctx, func(part store.Part, r store.Reader) error {
		if _, err := h.Erasure.Find(part); !errors.Is(err, fault.NotFound) {
			return err
		}
		b, _, err := directory.Load(r, h.scope(part))
		back[part] = b.Address
		return err
	})
	if err != nil {
		return 0, err
	}
	for part, address := range back {
		a, err := ident.ParseAddress(address)
		if err == nil {
			err = h.erase(ctx, operator, part, a)
		}
		if err != nil {
			return n, fmt.Errorf("hub: erase again: %w", err)
		}
		n++
	}
	return n, nil
}

// erase destroys the secret of a partition's owner and removes what there is.
func (h *Hub) erase(ctx context.Context, operator string, part store.Part, a ident.Address) error {
	if err := h.Erasure.Destroy(part); err != nil {
		return fmt.Errorf("hub: erase: %w", err)
	}
	h.keys.forget(part)
	h.turns.forget(part)
	h.certs.forget(part)
	p, err := h.pepper(ctx)
	if err != nil {
		return err
	}
	var b directory.BAL
	var who account.Person
	err = h.view(ctx, part, func(r store.Reader) (err error) {
		if b, _, err = directory.Load(r, h.scope(part)); err == nil {
			who, _, err = account.LoadPerson(r, p, h.scope(part))
		}
		return err
	})
	if err == nil && who.Login != "" {
		err = h.freeLogin(ctx, who.Login, part)
	}
	if err != nil {
		return err
	}
	if err := h.attach(ctx, b, part, directory.Detach); err != nil {
		return err
	}
	err = h.do(ctx, part, func(t *tx) error {
		t.note(byOperator(operator, "erase", ""))
		if err := h.noteClosing(t, part); err != nil {
			return err
		}
		for _, erase := range erasers {
			if err := erase(t.Writer); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := h.deleteBlobs(ctx, part); err != nil {
		return err
	}
	// Last, so that whatever is interrupted before can be asked for again.
	return h.do(ctx, directory.IndexPart(h.Index, a), func(t *tx) error { return directory.Erase(t) })
}

// erasers remove what each record keeps of an owner. The trail is not among
// them: it has its own legal time.
var erasers = []func(store.Writer) error{
	account.Erase, conversation.Erase, directory.Erase, fact.EraseRights, filing.Erase, mailbox.Erase, outbox.Erase, owner.Erase, patient.Erase, vault.Erase,
}
