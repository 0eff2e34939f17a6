package hub

import (
	"context"
	"fmt"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

// nowhere is a partition that nothing is ever written to: asking it costs what
// asking an existing one does.
const nowhere store.Part = "nobody"

// find follows the index from an address to its partition.
func (h *Hub) find(ctx context.Context, a ident.Address) (part store.Part, known bool, err error) {
	index := directory.IndexPart(h.Index, a)
	err = h.view(ctx, index, func(r store.Reader) error {
		part, known, err = directory.Find(r, h.scope(index))
		return err
	})
	return part, known, err
}

// partOf returns the partition of an address, and nowhere for one that leads to
// none: both cost the same.
func (h *Hub) partOf(ctx context.Context, a ident.Address) (store.Part, error) {
	part, known, err := h.find(ctx, a)
	if err == nil && !known {
		part = nowhere
	}
	return part, err
}

// mailboxAt returns the partition of an address that has a mailbox; one that has
// none is fault.NotFound.
func (h *Hub) mailboxAt(ctx context.Context, a ident.Address) (store.Part, error) {
	part, known, err := h.find(ctx, a)
	if err == nil && !known {
		err = fmt.Errorf("hub: mailbox: %w", fault.NotFound)
	}
	return part, err
}

// atMailbox performs an act in the partition of an address.
func (h *Hub) atMailbox(ctx context.Context, a ident.Address, fn func(*tx) error) error {
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return err
	}
	return h.do(ctx, part, fn)
}

// spaceOf reads the space in a partition; the zero Space if there is none.
func (h *Hub) spaceOf(ctx context.Context, part store.Part) (sp patient.Space, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		sp, _, err = patient.Load(r, h.scope(part))
		return err
	})
	return sp, err
}

// addressOf returns the address of the owner of a space.
func (h *Hub) addressOf(sp patient.Space) (ident.Address, error) {
	m, err := ident.ParseMatricule(sp.Matricule)
	if err != nil {
		return ident.Address{}, fmt.Errorf("hub: address: %w", fault.Corrupt)
	}
	return h.PatientAddress(m)
}
