package hub

import (
	"errors"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// blobsOf counts the blobs of a partition.
func (h *house) blobsOf(part store.Part) (n int) {
	h.t.Helper()
	for info, err := range h.blobs.All(h.t.Context()) {
		if err != nil {
			h.t.Fatal(err)
		}
		if info.Part == part {
			n++
		}
	}
	return n
}

// leave puts blobs that nothing refers to.
func (h *house) leave(part store.Part, content string) {
	h.t.Helper()
	s, err := newSealedMail(part, h.Escrow)
	if err == nil {
		_, err = s.add(s.session, []byte(content), false)
	}
	if err == nil {
		s.objects[0] = s.objects[0].Externalise()
		err = h.putBlobs(h.t.Context(), part, s.objects)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestWhatIsLeftOfTheErasedIsSwept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	part := h.login(alice).Part
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	h.leave(part, "an answer that came too late")
	h.leave("strangers", "of another hub")
	h.now = time.Now().Add(48 * time.Hour)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.blobsOf(part); n != 0 {
		t.Errorf("%d blobs of an erased owner are left", n)
	}
	if n := h.blobsOf("strangers"); n != 1 {
		t.Errorf("%d blobs are left of a partition that is not known, want the one", n)
	}
}

func TestADamagedMailboxKeepsNoOtherFromBeingSwept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	parts := map[string]store.Part{}
	for _, a := range []string{alice, bruno, thomas, adam, alone, cardio} {
		if err := h.deliver(thomas, large(thomas, a, a), a); err != nil && a != bruno {
			t.Fatal(err)
		}
		parts[a] = h.login(a).Part
		h.leave(parts[a], "an orphan")
	}
	err := h.memory.Update(t.Context(), parts[adam], func(w store.Writer) error {
		w.Put("mb/folders", []byte{1, 0})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.now = time.Now().Add(48 * time.Hour)
	if err := h.Sweep(t.Context()); !errors.Is(err, fault.Corrupt) {
		t.Errorf("Sweep = %v, want what is damaged to be told", err)
	}
	for a, part := range parts {
		want := 1
		if a == adam {
			want = 2 // nobody knows
		}
		if n := h.blobsOf(part); n != want {
			t.Errorf("%s has %d blobs, want %d", a, n, want)
		}
	}
}
