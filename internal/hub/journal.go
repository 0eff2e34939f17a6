package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// journal is what this process knows of the checkpoints: the file, and which
// trails have grown since the last one.
type journal struct {
	mu    sync.Mutex
	grown map[store.Part]bool

	writing sync.Mutex // guards what follows
	file    *audit.Journal
	signer  *keyring.AuditKey
}

func newJournal() *journal { return &journal{grown: map[store.Part]bool{}} }

func (j *journal) grew(parts ...store.Part) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range parts {
		j.grown[p] = true
	}
}

// take returns the trails that have grown, and forgets them.
func (j *journal) take() []store.Part {
	j.mu.Lock()
	defer j.mu.Unlock()
	parts := slices.Collect(maps.Keys(j.grown))
	clear(j.grown)
	return parts
}

// Checkpoint writes down, signed and outside the store, how far the trails have
// come that grew since the last time. A sealed hub cannot sign: it writes none,
// and remembers what grew.
func (h *Hub) Checkpoint(ctx context.Context) error {
	if h.Journal == "" || h.Sealed() {
		return nil
	}
	h.journal.writing.Lock()
	defer h.journal.writing.Unlock()
	parts := h.journal.take()
	if len(parts) == 0 {
		return nil
	}
	err := h.checkpoint(ctx, parts)
	if err != nil {
		h.journal.grew(parts...) // for the next time
	}
	return err
}

func (h *Hub) checkpoint(ctx context.Context, parts []store.Part) error {
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
	for _, part := range parts {
		err := h.view(ctx, part, func(r store.Reader) error {
			m, err := audit.Head(r, h.scope(part))
			if err != nil {
				return err
			}
			// Rights that are not right now must not keep the trails from
			// being noted: verification tells of them.
			if m.Rights, err = fact.MarkRights(r, h.scope(part)); errors.Is(err, fault.Corrupt) {
				err = nil
			}
			heads[part] = m
			return err
		})
		if err != nil {
			return err
		}
	}
	number, err := h.journal.file.Append(h.journal.signer, h.Now().UTC(), heads, h.Erasure.Generation())
	if err != nil {
		return err
	}
	return h.commit(ctx, hubPart, func(t *tx) error {
		// A journal begun anew does not hide that there was a longer one.
		if seen, err := audit.LastCheckpoint(t, t.Scope); err != nil || number <= seen {
			return err
		}
		return audit.KeepCheckpoint(t, t.Scope, number)
	})
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
		if seen, err := h.lastCheckpoint(ctx); err != nil {
			return nil, err
		} else if seen > 0 {
			return nil, fmt.Errorf("hub: the journal is missing, and there were %d checkpoints: %w", seen, fault.Corrupt)
		}
		return nil, h.Checkpoint(ctx) // the first one, if anything has happened
	}
	signer, err := h.auditSigner(ctx)
	if err != nil {
		return nil, fmt.Errorf("hub: journal: %v: %w", err, fault.Corrupt)
	}
	seen, err := h.lastCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	marks, last, secrets, err := audit.Marks(h.Journal, signer.Public())
	if err == nil && last < seen {
		err = fmt.Errorf("hub: the journal ends at checkpoint %d, and there were %d: %w", last, seen, fault.Corrupt)
	}
	if err == nil && secrets > h.Erasure.Generation() {
		err = fmt.Errorf("hub: %w", ErrOldSecrets)
	}
	return marks, err
}

// lastCheckpoint returns the number of the last checkpoint that was written.
func (h *Hub) lastCheckpoint(ctx context.Context) (n uint64, err error) {
	err = h.view(ctx, hubPart, func(r store.Reader) error {
		n, err = audit.LastCheckpoint(r, h.scope(hubPart))
		return err
	})
	return n, err
}
