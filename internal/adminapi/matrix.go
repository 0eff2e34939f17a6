package adminapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/policy"
)

// A MatrixText is a request about a habilitation matrix: the file.
type MatrixText struct {
	Text string `json:"text"`
}

// A Matrix is the one in force.
type Matrix struct {
	Number  int       `json:"number"` // of those the operator applied; 0: the one the program brings
	Version string    `json:"version"`
	Since   string    `json:"since"`
	Applied time.Time `json:"applied,omitzero"`
	By      string    `json:"by,omitempty"`
	Page    string    `json:"page"` // in Markdown, for a physician to review
	Text    string    `json:"text"` // the file, for an operator to edit
}

// A MatrixChange is what another matrix means for one profession and type.
type MatrixChange struct {
	Profession string `json:"profession"`
	Name       string `json:"name"` // of the profession, in French
	Type       string `json:"type"` // "*": every type that is not listed
	Was        bool   `json:"was"`
	Becomes    bool   `json:"becomes"`
	Source     string `json:"source"`
}

func showMatrix(_ context.Context, c call, _ Nothing) (Matrix, error) {
	m := c.hub.Matrix()
	return Matrix{m.Number, m.Version(), m.Since().Format(time.DateOnly), m.Applied, m.By, m.Page(), m.Text()}, nil
}

func compareMatrix(_ context.Context, c call, in MatrixText) ([]MatrixChange, error) {
	changes, err := c.hub.CompareMatrix([]byte(in.Text))
	return changesOf(changes, err)
}

func applyMatrix(ctx context.Context, c call, in MatrixText) ([]MatrixChange, error) {
	changes, err := c.hub.ApplyMatrix(ctx, c.operator, []byte(in.Text))
	return changesOf(changes, err)
}

func changesOf(changes []policy.MatrixChange, err error) ([]MatrixChange, error) {
	var wrong *policy.MatrixError
	if errors.As(err, &wrong) {
		return nil, fmt.Errorf("the matrix is not right: %s: %w", strings.ReplaceAll(wrong.Error(), "\n", "; "), fault.Invalid)
	}
	out := make([]MatrixChange, len(changes))
	for i, c := range changes {
		out[i] = MatrixChange{string(c.Profession), c.Profession.Label(), c.Type, c.Was, c.Becomes, c.Source}
	}
	return out, err
}
