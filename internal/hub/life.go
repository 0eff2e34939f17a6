package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

// Life makes an event of the life of a space happen, for an operator who says
// that the patient wants it. The end of a space is Erase.
func (h *Hub) Life(ctx context.Context, operator string, a ident.Address, e patient.Event) (patient.Space, error) {
	if e == patient.End {
		return patient.Space{}, fmt.Errorf("hub: life: %w", fault.Invalid)
	}
	var sp patient.Space
	err := h.atMailbox(ctx, a, func(t *tx) (err error) {
		sp, err = patient.Apply(t, t.Scope, e, t.now)
		t.note(byOperator(operator, string(e), ""))
		return err
	})
	return sp, err
}

// LiveOn makes happen what is due in the life of every space: one whose owner
// was told and did not object opens, a closed one is put away, and one whose
// time is over, or whose owner asked for it, is erased. It may be interrupted
// and repeated. A sealed hub does nothing: it cannot sign rights.
func (h *Hub) LiveOn(ctx context.Context) error {
	if h.Sealed() {
		return nil
	}
	var errs []error // one space that fails keeps none of the others
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		if err := h.liveOn(ctx, part); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (h *Hub) liveOn(ctx context.Context, part store.Part) error {
	var sp patient.Space
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		sp, _, err = patient.Load(r, h.scope(part))
		return err
	})
	if err != nil {
		return fmt.Errorf("hub: life: %w", err)
	}
	e, due := sp.Due(h.Now(), h.Delays)
	switch {
	case !due:
		return nil
	case e == patient.End:
		m, err := ident.ParseMatricule(sp.Matricule)
		if err != nil {
			return fmt.Errorf("hub: life: %w", fault.Corrupt)
		}
		a, err := h.PatientAddress(m)
		if err != nil {
			return err
		}
		return h.Erase(ctx, audit.SystemActor, a)
	}
	return h.do(ctx, part, func(t *tx) error {
		now, _, err := patient.Load(t, t.Scope)
		if err != nil {
			return err
		}
		if again, due := now.Due(t.now, h.Delays); !due || again != e {
			return nil // the owner was faster
		}
		_, err = patient.Apply(t, t.Scope, e, t.now)
		t.note(audit.Entry{Actor: audit.SystemActor, Act: string(e)})
		return err
	})
}
