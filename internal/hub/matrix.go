package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/habilitation"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A MatrixInForce is the habilitation matrix that decides now.
type MatrixInForce struct {
	*policy.Matrix
	Number  int       // of those the operator applied; 0: the one the program brings
	Applied time.Time // zero for that one
	By      string
}

// LoadMatrix reads which habilitation matrix is in force. A hub calls it when it
// starts, and now and then: another process may have applied one. Until it has
// been called the matrix that the program brings decides.
func (h *Hub) LoadMatrix(ctx context.Context) error {
	var m habilitation.Matrix
	err := h.view(ctx, hubPart, func(r store.Reader) (err error) {
		m, _, err = habilitation.InForce(r, h.scope(hubPart))
		return err
	})
	if err != nil {
		return fmt.Errorf("hub: matrix: %w", err)
	}
	if now := h.matrix.Load(); now != nil && now.Number == m.Number {
		return nil
	}
	return h.useMatrix(m)
}

func (h *Hub) useMatrix(m habilitation.Matrix) error {
	parsed := policy.ShippedMatrix()
	if m.Number > 0 {
		var err error
		if parsed, err = policy.ParseMatrix(m.Text); err != nil {
			return fmt.Errorf("hub: matrix %d: %v: %w", m.Number, err, fault.Corrupt)
		}
	}
	h.matrix.Store(&MatrixInForce{parsed, m.Number, m.Applied, m.By})
	return nil
}

// Matrix returns the habilitation matrix in force.
func (h *Hub) Matrix() MatrixInForce {
	if m := h.matrix.Load(); m != nil {
		return *m
	}
	return MatrixInForce{Matrix: policy.ShippedMatrix()}
}

// CompareMatrix says what a matrix would change. One that is not right is
// fault.Invalid, with a *policy.MatrixError that says all that is wrong.
func (h *Hub) CompareMatrix(text []byte) ([]policy.MatrixChange, error) {
	next, err := policy.ParseMatrix(text)
	if err != nil {
		return nil, errors.Join(err, fault.Invalid)
	}
	return h.Matrix().Diff(next), nil
}

// ApplyMatrix puts a matrix in force, in this process at once and in the others
// when they look. It returns what it changes.
func (h *Hub) ApplyMatrix(ctx context.Context, operator string, text []byte) ([]policy.MatrixChange, error) {
	changes, err := h.CompareMatrix(text)
	if err != nil {
		return nil, err
	}
	var m habilitation.Matrix
	err = h.do(ctx, hubPart, func(t *tx) error {
		m, err = habilitation.Apply(t, t.Scope, habilitation.Matrix{Text: text, Applied: t.now, By: operator})
		t.note(byOperator(operator, "apply-matrix", fmt.Sprintf("%d", m.Number)))
		return err
	})
	if err != nil {
		return nil, err
	}
	return changes, h.useMatrix(m)
}
