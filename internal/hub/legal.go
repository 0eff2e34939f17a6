package hub

import (
	"context"
	"fmt"
	"io"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// A LegalRequest says which trails are asked for, and for which time. Zero times
// are without bound. Without an address it is every space of the hub, of those
// who were erased too.
type LegalRequest struct {
	Of        ident.Address
	From, To  time.Time
	Reference string // of the request, for the trail
}

// A LegalCount is what a sealed export holds.
type LegalCount struct {
	Trails  int
	Entries uint64
	Public  []byte // of the key that signed it: whoever opens it should know it from elsewhere
}

// ExportSealed writes the trails of a legal request, sealed as they are: the
// hub's staff learns nothing from it, and only the escrow's private half opens
// it, away from here (audit.ReadSealed). It goes into the trail of the space, or
// of the hub where all are asked for, before anything is written. It needs the
// hub key, to sign.
func (h *Hub) ExportSealed(ctx context.Context, operator string, q LegalRequest, w io.Writer) (n LegalCount, err error) {
	if h.Sealed() {
		return n, fmt.Errorf("hub: sealed export: %w", fault.Sealed)
	}
	at := hubPart
	if !q.Of.IsZero() {
		if at, err = h.mailboxAt(ctx, q.Of); err != nil {
			return n, err
		}
	}
	if err := h.note(ctx, at, byOperator(operator, "export-sealed-trail", q.Reference)); err != nil {
		return n, err
	}
	told, periods, err := h.evidence(ctx, q)
	if err != nil {
		return n, err
	}
	signer, err := h.auditSigner(ctx)
	if err != nil {
		return n, err
	}
	out, err := audit.NewSealer(w, signer, audit.SealedHeader{Made: h.Now().UTC(), By: operator, From: q.From, To: q.To})
	if err != nil {
		return n, err
	}
	n.Public = signer.Public()
	add := func(part store.Part) error {
		var t audit.SealedTrail
		err := h.view(ctx, part, func(r store.Reader) (err error) {
			t, err = audit.SealTrail(r, h.scope(part), told, periods[part])
			return err
		})
		if err == nil && (t.Entries() > 0 || at != hubPart) {
			n.Trails++
			n.Entries += t.Entries()
			err = out.Add(t)
		}
		return err
	}
	if at != hubPart {
		err = add(at)
	} else {
		for part, fail := range h.Store.Parts(ctx) {
			if err = fail; err == nil {
				err = add(part)
			}
			if err != nil {
				break
			}
		}
	}
	if err != nil {
		return n, err
	}
	return n, out.Close()
}

// evidence writes a checkpoint, and reads what the journal tells of the trails
// and of the time that is asked for.
func (h *Hub) evidence(ctx context.Context, q LegalRequest) (told audit.History, periods map[store.Part]audit.Period, err error) {
	if !h.signs() {
		return told, nil, nil
	}
	if err := h.Checkpoint(ctx); err != nil {
		return told, nil, err
	}
	signer, err := h.auditSigner(ctx)
	if err != nil {
		return told, nil, err
	}
	if told, err = audit.ReadJournal(h.Journal, signer.Public()); err != nil {
		return told, nil, err
	}
	periods, err = audit.Periods(h.Journal, signer.Public(), q.From, q.To)
	return told, periods, err
}

// ExpireTrails destroys the trails that are past their legal time: of spaces
// and mailboxes that were closed or erased audit.Retention years ago. What is
// left of each is a signed cut. It notes on the way since when each is closed.
// A sealed hub cannot sign, and does nothing.
func (h *Hub) ExpireTrails(ctx context.Context) error {
	if h.Sealed() {
		return nil
	}
	var due []store.Part
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return err
		}
		late, err := h.pastLegalTime(ctx, part)
		if err != nil {
			return err
		}
		if late {
			due = append(due, part)
		}
	}
	if len(due) == 0 {
		return nil
	}
	if err := h.Checkpoint(ctx); err != nil { // of what will be cut
		return err
	}
	signer, err := h.auditSigner(ctx)
	if err != nil {
		return err
	}
	for _, part := range due {
		if err := h.expire(ctx, part, signer); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hub) expire(ctx context.Context, part store.Part, signer *keyring.AuditKey) error {
	defer h.trails.forget(part) // it may be in use; what comes later is under another key
	return h.commit(ctx, part, func(t *tx) error {
		since, err := h.closedSince(t, part)
		if err != nil || !audit.Due(since, t.now) { // opened again meanwhile
			return err
		}
		_, err = audit.Expire(t, t.Scope, signer, t.now)
		return err
	})
}

// pastLegalTime reports whether a trail is to be destroyed. It corrects what is
// noted beside the trail where the space was closed or opened since.
func (h *Hub) pastLegalTime(ctx context.Context, part store.Part) (late bool, err error) {
	var noted, since time.Time
	var left bool
	err = h.view(ctx, part, func(r store.Reader) error {
		head, err := audit.Head(r, h.scope(part))
		if err != nil || head.Count == 0 || part == hubPart {
			return err
		}
		if noted, err = audit.Closed(r, h.scope(part)); err != nil {
			return err
		}
		if since, err = h.closedSince(r, part); err != nil {
			return err
		}
		left, err = audit.Left(r, h.scope(part))
		return err
	})
	if err != nil {
		return false, err
	}
	if !noted.Equal(since) {
		err = h.commit(ctx, part, func(t *tx) error { return audit.SetClosed(t, t.Scope, since) })
	}
	return left && audit.Due(since, h.Now()), err
}

// closedSince returns since when the space or mailbox of a partition is closed
// or gone; zero if it is neither. A space that is archived was closed before,
// and one that is gone tells nothing any more: then what was noted counts.
func (h *Hub) closedSince(r store.Reader, part store.Part) (time.Time, error) {
	noted, err := audit.Closed(r, h.scope(part))
	if err != nil {
		return noted, err
	}
	there, err := owner.Has(r)
	if err != nil {
		return noted, err
	}
	if !there {
		if noted.IsZero() {
			noted = h.Now().UTC()
		}
		return noted, nil
	}
	sp, _, err := patient.Load(r, h.scope(part))
	switch {
	case err != nil:
		return noted, err
	case sp.State == policy.Closed, sp.State == policy.Archived && noted.IsZero():
		return sp.Since, nil
	case sp.State == policy.Archived:
		return noted, nil
	}
	return time.Time{}, nil
}

// noteClosing notes, in the transaction that erases an owner, since when the
// legal time of the trail runs.
func (h *Hub) noteClosing(t *tx, part store.Part) error {
	since, err := h.closedSince(t, part)
	if err != nil {
		return err
	}
	if since.IsZero() {
		since = t.now
	}
	return audit.SetClosed(t, t.Scope, since)
}
