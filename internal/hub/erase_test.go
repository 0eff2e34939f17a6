package hub

import (
	"errors"
	"testing"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
)

func TestTheErasedAreErasedAgainAfterARestore(t *testing.T) {
	h := newHouse(t)
	if err := h.send(thomas, "Secret", "", alice); err != nil {
		t.Fatal(err)
	}
	part := h.login(alice).Part
	index, _, err := h.find(t.Context(), addr(alice))
	if err != nil || index != part {
		t.Fatalf("find = %v, %v", index, err)
	}
	old, oldIndex := snapshot(t, h.memory, part), snapshot(t, h.memory, directory.IndexPart(h.Index, addr(alice)))
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	old() // the backup from before, beside the secrets of now
	oldIndex()
	if n, err := h.EraseAgain(t.Context(), "restore"); n != 1 || err != nil {
		t.Fatalf("EraseAgain = %d, %v, want 1", n, err)
	}
	if err := h.CheckRecipient(t.Context(), h.login(thomas), addr(alice)); !errors.Is(err, fault.NotFound) {
		t.Errorf("the address of the erased gives %v", err)
	}
	if n, err := h.EraseAgain(t.Context(), "restore"); n != 0 || err != nil {
		t.Errorf("a second time: %d, %v", n, err)
	}
	h.verifies()
}
