// Package habilitation is the record of the habilitation matrices that the
// operator has applied: the one in force, and those before it. A hub without any
// goes by the matrix that the program brings.
//
// Its keys are in the hub's partition and begin with "hab/":
//
//	hab/matrix/<n>  one matrix, as it was applied, a right
//	hab/last        the number of the one in force, a right
package habilitation

import (
	"fmt"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

// A Matrix is one that was applied: the file itself, so that what a person
// reviewed is what decides.
type Matrix struct {
	Number  int // 1, 2, …
	Text    []byte
	Applied time.Time
	By      string // operator
}

func key(n int) string { return fmt.Sprintf("hab/matrix/%08d", n) }

// InForce reads the matrix in force. ok is false where none was ever applied.
func InForce(r store.Reader, s fact.Scope) (m Matrix, ok bool, err error) {
	last, ok, err := fact.GetRight[int](r, s, "hab/last")
	if err != nil || !ok {
		return m, false, err
	}
	return fact.GetRight[Matrix](r, s, key(last))
}

// Apply puts a matrix in force, and returns it with its number.
func Apply(w store.Writer, s fact.Scope, m Matrix) (Matrix, error) {
	last, _, err := fact.GetRight[int](w, s, "hab/last")
	if err != nil {
		return m, err
	}
	m.Number = last + 1
	if err := fact.PutRight(w, s, key(m.Number), m); err != nil {
		return m, err
	}
	return m, fact.PutRight(w, s, "hab/last", m.Number)
}

// All lists what was applied, the oldest first.
func All(r store.Reader, s fact.Scope) ([]Matrix, error) {
	return fact.Collect(fact.AllRights[Matrix](r, s, "hab/matrix/"))
}
