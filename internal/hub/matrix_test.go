package hub

import (
	"errors"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/policy"
)

const severe = `# version: 2
# since: 2026-12-01
professions,read,codes,mark,source
G15_10,yes,11488-4,S,"essai"
`

func TestAMatrixIsAppliedWithoutARelease(t *testing.T) {
	h := newHouse(t)
	if got := h.Matrix(); got.Number != 0 || !got.Allows(policy.Physician, "34112-3") {
		t.Fatalf("before any: %+v", got)
	}
	changes, err := h.CompareMatrix([]byte(severe))
	if err != nil || len(changes) == 0 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	if h.Matrix().Number != 0 {
		t.Fatal("comparing has applied it")
	}
	if _, err := h.ApplyMatrix(t.Context(), "operator", []byte(severe)); err != nil {
		t.Fatal(err)
	}
	got := h.Matrix()
	if got.Number != 1 || got.By != "operator" || got.Allows(policy.Physician, "34112-3") || !got.Allows(policy.Physician, "11488-4") {
		t.Errorf("in force: %+v", got)
	}
	h.matrix.Store(nil) // another process, or this one started again
	if err := h.LoadMatrix(t.Context()); err != nil || h.Matrix().Number != 1 {
		t.Errorf("read back: %+v, %v", h.Matrix(), err)
	}
	if again, err := h.ApplyMatrix(t.Context(), "operator", []byte(severe)); err != nil || len(again) != 0 {
		t.Errorf("applied again it changes %v, %v", again, err)
	}
	h.verifies()
}

func TestAMatrixThatIsWrongChangesNothing(t *testing.T) {
	h := newHouse(t)
	_, err := h.ApplyMatrix(t.Context(), "operator", []byte(strings.Replace(severe, "11488-4", "no-such-type", 1)))
	var told *policy.MatrixError
	if !errors.Is(err, fault.Invalid) || !errors.As(err, &told) {
		t.Errorf("gives %v", err)
	}
	if h.Matrix().Number != 0 {
		t.Error("it is in force all the same")
	}
}
