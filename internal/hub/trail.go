package hub

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// entry begins a trail entry with who acts.
func (a Actor) entry(act policy.Act, object string) audit.Entry {
	return a.did(act.String(), object)
}

// did begins a trail entry of an act that policy has no name for.
func (a Actor) did(act, object string) audit.Entry {
	if a.Member != nil {
		e := a.Member.did(act, object)
		e.OnBehalf = a.Name
		return e
	}
	return audit.Entry{
		Actor: a.Address.Canonical(), ActorName: a.Name, Role: a.Role.String(), RPPS: a.RPPS, Profession: a.Profession,
		Organisation: cmp.Or(a.Organisation, a.Establishment), Means: a.Device, Session: a.Session,
		Act: act, Object: object,
	}
}

// byOperator is the trail entry of what an operator did, or audit.SystemActor in
// the place of one.
func byOperator(operator, act, object string) audit.Entry {
	if operator == audit.SystemActor {
		return byHub(act, object)
	}
	return audit.Entry{Actor: operator, Role: policy.Administrator.String(), Act: act, Object: object}
}

// byHub is the trail entry of what the hub does by itself.
func byHub(act, object string) audit.Entry {
	return audit.Entry{Actor: audit.SystemActor, Role: audit.SystemActor, Act: act, Object: object}
}

// onBehalf says, of what one patient did in the space of another, whom it was
// for.
func onBehalf(t *tx) error {
	for i := range t.trail {
		e := &t.trail[i]
		if e.Role != policy.Patient.String() || e.Refused || e.OnBehalf != "" {
			continue
		}
		b, _, err := directory.Load(t, t.Scope)
		if err != nil {
			return err
		}
		if b.Kind == directory.OfPatient && b.Address != e.Actor {
			e.OnBehalf = b.Name
		}
	}
	return nil
}

// decided completes an entry with the decision.
func decided(e audit.Entry, d policy.Decision) audit.Entry {
	e.Rule, e.Refused = d.Rule, !d.Allow
	return e
}

// note writes one entry into the trail of a partition, of what changes nothing
// there.
func (h *Hub) note(ctx context.Context, part store.Part, e audit.Entry) error {
	return h.commit(ctx, part, func(t *tx) error {
		t.note(e)
		return nil
	})
}

// trailKeyLife is how long one key seals a trail's entries: it bounds what the
// memory of a process can tell of what it wrote.
const trailKeyLife = 15 * time.Minute

const maxTrailKeys = 4096

type trailKey struct {
	*audit.Key
	until time.Time
}

// trailKey returns the key that seals entries of a partition's trail, making
// one at need. Its readers are the owner, if the partition has one, and the
// escrow.
func (h *Hub) trailKey(r store.Reader, part store.Part, now time.Time) (*trailKey, error) {
	if k, ok := h.trails.get(part); ok && now.Before(k.until) {
		return k, nil
	}
	var readers []*keyring.Cert
	switch cert, err := h.cert(r, part); {
	case err == nil:
		readers = append(readers, cert)
	case !errors.Is(err, fault.NotFound):
		return nil, err
	}
	made, err := audit.NewKey(append(readers, h.Escrow)...)
	if err != nil {
		return nil, err
	}
	k := &trailKey{made, now.Add(trailKeyLife)}
	h.trails.put(part, k)
	return k, nil
}

// verifyTrail walks the chain of one partition and returns the number of its
// entries. A break is fault.Corrupt.
func (h *Hub) verifyTrail(ctx context.Context, part store.Part, public ed25519.PublicKey, since []audit.Mark) (entries uint64, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		entries, err = audit.Verify(r, h.scope(part), public, since...)
		return err
	})
	return entries, err
}

// auditPublic returns the key that cuts are verified with: nil in a sealed hub,
// which cannot know it, and one that verifies nothing where none was ever made.
func (h *Hub) auditPublic(ctx context.Context) (public ed25519.PublicKey, err error) {
	if h.Sealed() {
		return nil, nil
	}
	err = h.view(ctx, hubPart, func(r store.Reader) error {
		wrapped, err := audit.Signer(r)
		if err != nil || wrapped == nil {
			public = ed25519.PublicKey{}
			return err
		}
		k, err := h.Ring.UnwrapAuditKey(wrapped)
		if err == nil {
			public = k.Public()
		}
		return err
	})
	return public, err
}
