package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// journal is what this process knows of the checkpoints: the file, and which
// trails have grown since the last one.
type journal struct {
	mu    sync.Mutex
	grown map[store.Part]bool

	file   *audit.Journal
	signer *keyring.AuditKey
}

func newJournal() *journal { return &journal{grown: map[store.Part]bool{}} }

func (j *journal) grew(part store.Part) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.grown[part] = true
}

// Checkpoint writes down, signed and outside the store, how far the trails have
// come that grew since the last time. A sealed hub cannot sign: it writes none,
// and remembers what grew.
func (h *Hub) Checkpoint(ctx context.Context) error {
	if h.Journal == "" || h.Sealed() {
		return nil
	}
	h.journal.mu.Lock()
	defer h.journal.mu.Unlock()
	if len(h.journal.grown) == 0 {
		return nil
	}
	if h.journal.file == nil {
		signer, err := h.auditSigner(ctx)
		if err != nil {
			return err
		}
		file, err := audit.OpenJournal(h.Journal, signer.Public())
		if err != nil {
			return err
		}
		h.journal.signer, h.journal.file = signer, file
	}
	heads := map[store.Part]audit.Mark{}
	for part := range h.journal.grown {
		err := h.view(ctx, part, func(r store.Reader) (err error) {
			heads[part], err = audit.Head(r, h.scope(part))
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := h.journal.file.Append(h.journal.signer, h.Now().UTC(), heads, h.Erasure.Generation()); err != nil {
		return err
	}
	clear(h.journal.grown)
	return nil
}

// auditSigner returns the key that signs checkpoints, making it at need.
func (h *Hub) auditSigner(ctx context.Context) (k *keyring.AuditKey, err error) {
	err = h.commit(ctx, hubPart, func(t *tx) error {
		wrapped, err := audit.Signer(t)
		if err != nil {
			return err
		}
		if wrapped != nil {
			k, err = h.Ring.UnwrapAuditKey(wrapped)
			return err
		}
		k = keyring.NewAuditKey()
		audit.KeepSigner(t, h.Ring.WrapAuditKey(k))
		return nil
	})
	return k, err
}

// ErrOldSecrets says that a checkpoint saw erasure secrets newer than those the
// hub runs with: an owner who was erased since would be readable again.
var ErrOldSecrets = fmt.Errorf("the erasure secrets are older than a checkpoint: an erased owner may be back: %w", fault.Corrupt)

// CheckSecrets is ErrOldSecrets where the journal knows better than the erasure
// secrets, and nil otherwise. A hub should not start then.
func (h *Hub) CheckSecrets(ctx context.Context) error {
	if _, err := h.marks(ctx); errors.Is(err, ErrOldSecrets) {
		return err
	}
	return nil
}

// marks reads the journal: what every checkpoint saw of each trail.
func (h *Hub) marks(ctx context.Context) (map[store.Part][]audit.Mark, error) {
	if h.Journal == "" || h.Sealed() {
		return nil, nil
	}
	if _, err := os.Stat(h.Journal); err != nil {
		if !os.IsNotExist(err) {
			return nil, fmt.Errorf("hub: journal: %w", err)
		}
		if err := h.Checkpoint(ctx); err != nil { // the first one, if anything has happened
			return nil, err
		}
		return nil, nil
	}
	signer, err := h.auditSigner(ctx)
	if err != nil {
		return nil, fmt.Errorf("hub: journal: %v: %w", err, fault.Corrupt)
	}
	marks, secrets, err := audit.Marks(h.Journal, signer.Public())
	if err == nil && secrets > h.Erasure.Generation() {
		err = fmt.Errorf("hub: %w", ErrOldSecrets)
	}
	return marks, err
}
