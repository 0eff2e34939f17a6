package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// rightPrefixes are the keys under which there is nothing but rights: what
// stands there and was not signed was forged.
var rightPrefixes = []string{"acc/a/", "acc/p/", "acc/s/", "acc/salt", "acc/w/k/", "acc/w/person", "acc/w/totp", "dir/bal", "dir/m/", "doc/s/", "hab/", "key/cert", "pat/", "sw/c/"}

// rights is what this process judges rights with, once it has been read.
type rights struct {
	reading   sync.Mutex
	signing   atomic.Pointer[fact.Rights] // nil while the hub is sealed
	verifying atomic.Pointer[fact.Rights]
}

// scope returns the scope of a partition, within view or commit.
func (h *Hub) scope(part store.Part) fact.Scope {
	s := fact.Scope{Key: h.Index, Part: part, Rights: h.rights.signing.Load()}
	if h.Sealed() || s.Rights == nil {
		s.Rights = h.rights.verifying.Load()
	}
	return s
}

// readRights reads what rights are judged with, before the first transaction. A
// hub that is not sealed makes the key that signs, where there never was one.
func (h *Hub) readRights(ctx context.Context) error {
	if h.rights.signing.Load() != nil || h.Sealed() && h.rights.verifying.Load() != nil {
		return nil
	}
	h.rights.reading.Lock()
	defer h.rights.reading.Unlock()
	if !h.Sealed() {
		h.wrapping.RLock()
		defer h.wrapping.RUnlock()
		k, err := rightsKey(ctx, h.Store, h.Index, h.Ring, h.Rights)
		if err != nil {
			return err
		}
		r := fact.NewRights(k)
		h.rights.verifying.Store(r.Verifying())
		h.rights.signing.Store(r)
		return nil
	}
	v := h.Rights
	if v.IsZero() {
		err := h.Store.View(ctx, hubPart, func(r store.Reader) (err error) {
			v, err = fact.Verifier(r, hubScope(h.Index))
			return err
		})
		if err != nil || v.IsZero() { // one who never was unsealed has no rights to judge
			return err
		}
		h.Log.Warn("rights are verified with a key from the store: whoever writes there can change it")
	}
	h.rights.verifying.Store(fact.VerifyingRights(v))
	return nil
}

func hubScope(index *keyring.IndexKey) fact.Scope { return fact.Scope{Key: index, Part: hubPart} }

// MakeRights makes the key that signs rights, unless there is one, and returns
// the half that verifies them: a process that has no hub key needs it, from a
// file that the store's keeper cannot write. In a new store it notes that no data
// is older than signatures.
func MakeRights(ctx context.Context, st store.Store, index *keyring.IndexKey, ring *keyring.Ring) (keyring.RightsVerifier, error) {
	if ring == nil {
		return keyring.RightsVerifier{}, fmt.Errorf("hub: rights: %w", fault.Sealed)
	}
	older, err := hasRights(ctx, st)
	if err != nil {
		return keyring.RightsVerifier{}, err
	}
	k, err := rightsKey(ctx, st, index, ring, keyring.RightsVerifier{})
	if err != nil || older {
		return k.Verifier(), err
	}
	return k.Verifier(), st.Update(ctx, hubPart, func(w store.Writer) error {
		fact.SetAdopted(w)
		return nil
	})
}

// hasRights reports whether a store has something where only rights are, signed
// or not.
func hasRights(ctx context.Context, st store.Store) (has bool, err error) {
	for part, err := range st.Parts(ctx) {
		if err != nil {
			return false, err
		}
		err := st.View(ctx, part, func(r store.Reader) error {
			for _, prefix := range rightPrefixes {
				for _, err := range r.Scan(store.Prefix(prefix)) {
					has = err == nil
					return err
				}
			}
			return nil
		})
		if err != nil || has {
			return has, err
		}
	}
	return false, nil
}

// AdoptRights signs, once, the rights of data that is older than signatures, as
// they are: for the upgrade of a hub, on data that its operator trusts. Killed
// anywhere, it is asked for again; when it has come to its end, once more is
// fault.Exists. It returns how many partitions it signed.
func (h *Hub) AdoptRights(ctx context.Context, operator string) (n int, err error) {
	if h.Sealed() {
		return 0, fmt.Errorf("hub: adopt rights: %w", fault.Sealed)
	}
	var done bool
	err = h.view(ctx, hubPart, func(r store.Reader) (err error) {
		done, err = fact.Adopted(r)
		return err
	})
	if err == nil && done {
		err = fmt.Errorf("hub: adopt rights: %w", fault.Exists)
	}
	if err != nil {
		return 0, err
	}
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return n, err
		}
		signed := 0
		err := h.commit(ctx, part, func(t *tx) (err error) {
			signed, err = fact.AdoptRights(t, t.Scope, rightPrefixes)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("hub: adopt rights: %w", err)
		}
		if signed > 0 {
			n++
		}
	}
	if err := h.indexProfessionals(ctx); err != nil { // which is as young
		return n, fmt.Errorf("hub: adopt rights: %w", err)
	}
	return n, h.commit(ctx, hubPart, func(t *tx) error {
		fact.SetAdopted(t)
		t.note(byOperator(operator, audit.ActAdoptRights, fmt.Sprint(n)))
		return nil
	})
}

// rightsKey returns the key that signs rights. Where want says which it must be,
// another, or none, is fault.Corrupt: to make a new one would be to let whoever
// removed it begin anew.
func rightsKey(ctx context.Context, st store.Store, index *keyring.IndexKey, ring *keyring.Ring, want keyring.RightsVerifier) (k *keyring.RightsKey, err error) {
	if ring == nil {
		return nil, fmt.Errorf("hub: rights: %w", fault.Sealed)
	}
	err = st.Update(ctx, hubPart, func(w store.Writer) error {
		wrapped, err := fact.Signer(w)
		if err != nil {
			return err
		}
		if wrapped != nil {
			k, err = ring.UnwrapRightsKey(wrapped)
			return err
		}
		if !want.IsZero() {
			return errors.New("the key that signs them is gone from the store")
		}
		k = keyring.NewRightsKey()
		return fact.KeepSigner(w, hubScope(index), ring.WrapRightsKey(k), k.Verifier())
	})
	if err == nil && !want.IsZero() && k.Verifier() != want {
		err = errors.New("keys.rights is the file of another hub")
	}
	switch fault.Of(err) {
	case "":
		return k, nil
	case fault.Internal:
		return nil, fmt.Errorf("hub: rights: %v: %w", err, fault.Corrupt)
	}
	return nil, fmt.Errorf("hub: rights: %w", err)
}

// verifyRights checks the rights of a partition, and that they were not put back
// behind what checkpoints saw. What is wrong is fault.Corrupt.
func (h *Hub) verifyRights(ctx context.Context, part store.Part, since []audit.Mark) error {
	var marks []fact.RightsMark
	for _, m := range since {
		marks = append(marks, m.Rights)
	}
	return h.view(ctx, part, func(r store.Reader) error {
		now, err := fact.MarkRights(r, h.scope(part))
		if err != nil {
			return err
		}
		if now.Counter == 0 && len(marks) > 0 && h.hasErased(part) {
			marks = nil
		}
		_, err = fact.VerifyRights(r, h.scope(part), rightPrefixes, marks...)
		return err
	})
}

// hasErased reports whether the owner of a partition was erased: only whoever
// has the erasure secrets can tell. The hub's own partition has no owner.
func (h *Hub) hasErased(part store.Part) bool {
	if part == hubPart {
		return false
	}
	if h.Sealed() {
		return true
	}
	_, err := h.Erasure.Find(part)
	return errors.Is(err, fault.NotFound)
}

// verifyIndex checks that the address of an index partition leads to the mailbox
// of that address, or to nothing.
func (h *Hub) verifyIndex(ctx context.Context, index store.Part) error {
	var to store.Part
	err := h.view(ctx, index, func(r store.Reader) (err error) {
		to, _, err = directory.Find(r, h.scope(index))
		return err
	})
	if err != nil || to == "" {
		return err
	}
	return h.view(ctx, to, func(r store.Reader) error {
		b, ok, err := directory.Load(r, h.scope(to))
		if err != nil || !ok {
			return nil // which the verification of that partition tells
		}
		if a, err := ident.ParseAddress(b.Address); err != nil || directory.IndexPart(h.Index, a) != index {
			return errLeadsAstray
		}
		return nil
	})
}
