package hub

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// eachOwner calls fn for every partition that has an owner.
func (h *Hub) eachOwner(ctx context.Context, fn func(store.Part, store.Reader) error) error {
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return err
		}
		err := h.view(ctx, part, func(r store.Reader) error {
			if ok, err := owner.Has(r); err != nil || !ok {
				return err
			}
			return fn(part, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A Finding is something that verification found wrong.
type Finding struct {
	Part string
	What string
}

// A Report is what a verification went through.
type Report struct {
	Partitions, Entries, Messages, Documents, Objects int
	Findings                                          []Finding
}

// VerifyTrails walks every chain there is, checks the rights beside it, and
// holds both against every checkpoint of the journal.
func (h *Hub) VerifyTrails(ctx context.Context) (Report, error) {
	var rep Report
	marks, err := h.marks(ctx)
	public, noKey := h.auditPublic(ctx)
	for _, err := range []error{err, noKey} {
		switch fault.Of(err) {
		case "":
		case fault.Corrupt:
			rep.Findings = append(rep.Findings, Finding{"journal", err.Error()})
		default:
			return rep, err
		}
	}
	if noKey != nil {
		public = ed25519.PublicKey{} // which verifies nothing
	}
	seen := map[store.Part]bool{}
	var mu sync.Mutex // of rep, while partitions are verified side by side
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return rep, errors.Join(err, g.Wait())
		}
		seen[part] = true
		g.Go(func() error {
			n, found, err := h.verifyPart(each, part, public, marks[part])
			mu.Lock()
			defer mu.Unlock()
			rep.Partitions++
			rep.Entries += int(n)
			rep.Findings = append(rep.Findings, found...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return rep, err
	}
	for part := range marks {
		if !seen[part] {
			rep.Findings = append(rep.Findings, Finding{string(part), "audit: the whole partition is missing"})
		}
	}
	slices.SortStableFunc(rep.Findings, func(a, b Finding) int { return cmp.Compare(a.Part, b.Part) })
	return rep, nil
}

// verifyPart walks the chain of one partition and checks what else of it is
// signed or kept twice.
func (h *Hub) verifyPart(ctx context.Context, part store.Part, public ed25519.PublicKey, marks []audit.Mark) (entries uint64, found []Finding, err error) {
	entries, err = h.verifyTrail(ctx, part, public, marks)
	for _, err := range []error{err, h.verifyRights(ctx, part, marks), h.verifyIndex(ctx, part)} {
		switch fault.Of(err) {
		case "":
		case fault.Corrupt:
			found = append(found, Finding{string(part), err.Error()})
		default:
			return entries, found, err
		}
	}
	return entries, found, nil
}

// Verify opens everything: every chain, every message and every document with
// every object they are made of. It needs the hub key.
func (h *Hub) Verify(ctx context.Context) (Report, error) {
	rep, err := h.VerifyTrails(ctx)
	if err != nil {
		return rep, err
	}
	var owners []store.Part
	err = h.eachOwner(ctx, func(part store.Part, _ store.Reader) error {
		owners = append(owners, part)
		return nil
	})
	if err != nil {
		return rep, err
	}
	for _, part := range owners {
		err := h.verifyOwner(ctx, part, &rep)
		switch {
		case err == nil:
		case fault.Of(err) == fault.Corrupt, fault.Of(err) == fault.NotFound:
			rep.Findings = append(rep.Findings, Finding{string(part), err.Error()})
		default:
			return rep, err
		}
	}
	return rep, nil
}

func (h *Hub) verifyOwner(ctx context.Context, part store.Part, rep *Report) error {
	b, err := h.take(ctx, part)
	if err != nil {
		return err
	}
	defer h.give(part, b)
	find := func(what string, err error) {
		rep.Findings = append(rep.Findings, Finding{string(part), fmt.Sprintf("%s: %v", what, err)})
	}
	return h.view(ctx, part, func(r store.Reader) error {
		for at, err := range b.messages(r) {
			if err != nil {
				return err
			}
			if !at.shelf { // which the documents are counted for
				rep.Messages++
			}
			if err := h.verifyMessage(ctx, r, part, b, at, rep); err != nil {
				find(fmt.Sprintf("message %d of folder %d", at.uid, at.folder), err)
			}
		}
		for d, err := range vault.Documents(r, h.scope(part), b.key, 1) {
			if errors.Is(err, fault.Corrupt) {
				find(fmt.Sprintf("document %d", d.Seq), err)
				continue
			}
			if err != nil {
				return err
			}
			rep.Documents++
			if err := vault.Check(r, h.scope(part), d); err != nil {
				find(fmt.Sprintf("document %d", d.Seq), err)
			}
			for _, ref := range []vault.Ref{d.Entry.Object, d.Entry.Rendition} {
				if ref == "" {
					continue
				}
				rep.Objects++
				if _, err := h.read(ctx, r, part, d.Session, ref); err != nil {
					find(fmt.Sprintf("document %d", d.Seq), err)
				}
			}
		}
		return nil
	})
}

// verifyMessage joins a message and holds it against the size a listing gives.
func (h *Hub) verifyMessage(ctx context.Context, r store.Reader, part store.Part, b *book, at place, rep *Report) error {
	item, session, _, err := b.Item(r, at.folder, at.uid)
	if err != nil {
		return err
	}
	rep.Objects += len(item.Refs())
	skeleton, err := h.read(ctx, r, part, session, vault.Ref(item.Skeleton))
	if err != nil {
		return err
	}
	n := &counter{}
	err = item.Layout.Join(n, skeleton, func(i int, from int64) (io.ReadCloser, error) {
		content, err := h.readPart(ctx, r, part, session, item.Parts[i])
		if err != nil {
			return nil, err
		}
		return partFrom(content, from), nil
	})
	if err == nil && n.n != item.Layout.Size() {
		err = fmt.Errorf("hub: %d bytes, not %d: %w", n.n, item.Layout.Size(), fault.Corrupt)
	}
	return err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
