package hub

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// journal is what this process knows of the checkpoints: which trails have
// grown since the last one, and, in the process that signs, the file.
type journal struct {
	mu      sync.Mutex
	grown   map[store.Part]bool
	process string // names this process among those that tell what has grown
	told    bool   // that it is alive

	writing sync.Mutex // guards what follows
	file    *audit.Journal
	signer  *keyring.AuditKey
	walked  time.Time // when every trail was looked at
}

func newJournal() *journal {
	return &journal{grown: map[store.Part]bool{}, process: strings.ToLower(rand.Text())}
}

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

const (
	deadAfter = 10 * time.Minute // without a word, a process that tells what has grown is dead
	walkEvery = 24 * time.Hour   // every trail is looked at, whatever was told
	silence   = 15 * time.Minute // at most, between two checkpoints of a hub at rest
)

// signs reports whether this process writes the checkpoints.
func (h *Hub) signs() bool { return h.Journal != "" && !h.Sealed() }

// Checkpoint writes down, signed and outside the store, how far the trails have
// come that grew since the last time, in this process or another. A process that
// cannot sign, being sealed or without a journal, tells the one that can.
func (h *Hub) Checkpoint(ctx context.Context) error {
	h.journal.writing.Lock()
	defer h.journal.writing.Unlock()
	parts := h.journal.take()
	var err error
	if h.signs() {
		err = h.sign(ctx, parts)
	} else {
		err = h.handOver(ctx, parts)
	}
	if err != nil {
		h.journal.grew(parts...) // for the next time
	}
	return err
}

// handOver tells the process that signs which trails have grown.
func (h *Hub) handOver(ctx context.Context, parts []store.Part) error {
	if !h.journal.told {
		return nil
	}
	return h.commit(ctx, audit.Grown, func(t *tx) error {
		for _, part := range parts {
			if err := audit.TellGrown(t, t.Scope, part, t.now); err != nil {
				return err
			}
		}
		return audit.Alive(t, t.Scope, h.journal.process, t.now)
	})
}

// sayAlive says, before a first trail grows in a process that only tells, that
// it is alive. It costs one flush in the life of the process.
func (h *Hub) sayAlive(ctx context.Context, part store.Part) error {
	if part == audit.Grown || h.signs() {
		return nil
	}
	h.journal.mu.Lock()
	defer h.journal.mu.Unlock()
	if h.journal.told {
		return nil
	}
	err := h.commit(ctx, audit.Grown, func(t *tx) error {
		return audit.Alive(t, t.Scope, h.journal.process, t.now)
	})
	h.journal.told = err == nil
	return err
}

// sign writes a checkpoint. The first of a process looks at every trail, since
// the one before may have died with something unwritten; so does one that finds
// another process dead.
func (h *Hub) sign(ctx context.Context, parts []store.Part) error {
	if err := h.openJournal(ctx); err != nil {
		return err
	}
	j, now := h.journal, h.Now().UTC()
	told, err := h.handedOver(ctx, now)
	if err != nil {
		return err
	}
	walk := now.Sub(j.walked) >= walkEvery || len(told.Dead) > 0
	heads, err := h.grownHeads(ctx, walk, append(parts, told.Grown...))
	if err != nil {
		return err
	}
	if len(heads) > 0 || now.Sub(j.file.Last().Time) >= silence {
		number, err := j.file.Append(j.signer, now, heads, h.Erasure.Generation())
		if err != nil {
			j.file = nil // what it holds is no longer what is written
			return err
		}
		err = h.commit(ctx, hubPart, func(t *tx) error {
			// A journal begun anew does not hide that there was a longer one.
			if seen, err := audit.LastCheckpoint(t, t.Scope); err != nil || number <= seen {
				return err
			}
			return audit.KeepCheckpoint(t, t.Scope, number)
		})
		if err != nil {
			return err
		}
	}
	if walk {
		j.walked = now
	}
	return h.commit(ctx, audit.Grown, func(t *tx) error { return told.Forget(t) })
}

func (h *Hub) openJournal(ctx context.Context) error {
	if h.journal.file != nil {
		return nil
	}
	signer, err := h.auditSigner(ctx)
	if err != nil {
		return err
	}
	file, err := audit.OpenJournal(h.Journal, signer.Public())
	if err != nil {
		return err
	}
	h.journal.signer, h.journal.file, h.journal.walked = signer, file, time.Time{}
	return nil
}

// handedOver reads what other processes have handed over.
func (h *Hub) handedOver(ctx context.Context, now time.Time) (told audit.Told, err error) {
	err = h.view(ctx, audit.Grown, func(r store.Reader) error {
		told, err = audit.ReadTold(r, h.scope(audit.Grown), now.Add(-deadAfter))
		return err
	})
	return told, err
}

// grownHeads reads the heads of those trails, or of all, that are not as the
// journal knows them.
func (h *Hub) grownHeads(ctx context.Context, all bool, parts []store.Part) (map[store.Part]audit.Mark, error) {
	heads := map[store.Part]audit.Mark{}
	look := func(part store.Part) error {
		return h.view(ctx, part, func(r store.Reader) error {
			m, err := audit.Head(r, h.scope(part))
			if err != nil {
				return err
			}
			// Rights that are not right now must not keep the trails from
			// being noted: verification tells of them.
			if m.Rights, err = fact.MarkRights(r, h.scope(part)); errors.Is(err, fault.Corrupt) {
				err = nil
			}
			// What was put back is no news: the checkpoints go on saying what
			// they saw, until it is there again.
			seen := m
			if m.Rights.Counter == 0 && h.hasErased(part) { // and took their rights with them
				seen.Rights.Counter = math.MaxUint64
			}
			if h.journal.file.Beyond(part, seen) {
				h.Log.Error("a trail was put back to an older state: run audit verify", "partition", part)
				return err
			}
			if (m.Count > 0 || m.Rights.Counter > 0) && !h.journal.file.Knows(part, m) {
				heads[part] = m
			}
			return err
		})
	}
	if all {
		for part, err := range h.Store.Parts(ctx) {
			if err == nil {
				err = look(part)
			}
			if err != nil {
				return nil, err
			}
		}
		return heads, nil
	}
	for _, part := range parts {
		if err := look(part); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// AuditKey returns the public key that signs checkpoints, exports and proofs: to
// be known from elsewhere by whoever verifies them. It needs the hub key.
func (h *Hub) AuditKey(ctx context.Context) (ed25519.PublicKey, error) {
	if h.Sealed() {
		return nil, fmt.Errorf("hub: audit key: %w", fault.Sealed)
	}
	k, err := h.auditSigner(ctx)
	if err != nil {
		return nil, err
	}
	return k.Public(), nil
}

// auditSigner returns the key that signs checkpoints, making it at need.
func (h *Hub) auditSigner(ctx context.Context) (k *keyring.AuditKey, err error) {
	wrapped, err := h.wraps(ctx)
	if err != nil {
		return nil, err
	}
	defer wrapped()
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
	if !h.signs() {
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
	told, err := audit.ReadJournal(h.Journal, signer.Public())
	if err == nil && told.Last.Number < seen {
		err = fmt.Errorf("hub: the journal ends at checkpoint %d, and there were %d: %w", told.Last.Number, seen, fault.Corrupt)
	}
	if err == nil && told.Secrets > h.Erasure.Generation() {
		err = fmt.Errorf("hub: %w", ErrOldSecrets)
	}
	return told.Marks, err
}

// lastCheckpoint returns the number of the last checkpoint that was written.
func (h *Hub) lastCheckpoint(ctx context.Context) (n uint64, err error) {
	err = h.view(ctx, hubPart, func(r store.Reader) error {
		n, err = audit.LastCheckpoint(r, h.scope(hubPart))
		return err
	})
	return n, err
}
