package hub

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/store"
)

// seen tells how many entries of a trail the last checkpoint that saw it saw.
func (h *house) seen(part store.Part) uint64 {
	h.t.Helper()
	marks, err := h.marks(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if list := marks[part]; len(list) > 0 {
		return list[len(list)-1].Count
	}
	return 0
}

func (h *house) length(part store.Part) (n uint64) {
	h.t.Helper()
	err := h.view(h.t.Context(), part, func(r store.Reader) error {
		m, err := audit.Head(r, h.scope(part))
		n = m.Count
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *house) checkpoint(hub *Hub) {
	h.t.Helper()
	if err := hub.Checkpoint(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// told counts what processes have told and nobody has written down yet.
func (h *house) told() (n int) {
	for _, p := range h.rows(audit.Grown) {
		if strings.HasPrefix(p.Key, "aud/g/") {
			n++
		}
	}
	return n
}

func TestWhatGrewInASealedProcessIsInTheNextCheckpoint(t *testing.T) {
	h := newHouse(t).withJournal()
	h.checkpoint(h.Hub) // walks
	front, part := h.process(sealed), h.part(alice)
	a := h.login(thomas)
	h.checkpoint(h.Hub)
	if _, err := front.Deliver(t.Context(), delivery(a, mail(thomas, []string{alice}, "Bonjour", "", "Bonjour."), alice)); err != nil {
		t.Fatal(err)
	}
	h.checkpoint(h.Hub)
	if h.seen(part) == h.length(part) {
		t.Fatal("the signing process knows what it cannot: the test tests nothing")
	}
	h.checkpoint(front) // tells
	if n := h.told(); n == 0 {
		t.Error("it tells nothing")
	}
	h.checkpoint(h.Hub)
	if h.seen(part) != h.length(part) {
		t.Errorf("the checkpoint saw %d of %d entries", h.seen(part), h.length(part))
	}
	if n := h.told(); n != 0 {
		t.Errorf("%d trails are still told of", n)
	}
	h.verifies()
}

func TestWhatADeadProcessDidNotTellIsFoundAllTheSame(t *testing.T) {
	h := newHouse(t).withJournal()
	h.checkpoint(h.Hub)
	front, part := h.process(sealed), h.part(alice)
	a := h.login(thomas)
	if _, err := front.Deliver(t.Context(), delivery(a, mail(thomas, []string{alice}, "Bonjour", "", "Bonjour."), alice)); err != nil {
		t.Fatal(err)
	}
	// It is killed here, before it tells.
	h.after(deadAfter + time.Second)
	h.checkpoint(h.Hub)
	if h.seen(part) != h.length(part) {
		t.Errorf("the checkpoint saw %d of %d entries", h.seen(part), h.length(part))
	}
	if rows := h.rows(audit.Grown); len(rows) != 0 {
		t.Errorf("%d rows are left of dead processes", len(rows))
	}
}

func TestWhatTheSigningProcessForgotIsFoundByTheNext(t *testing.T) {
	h := newHouse(t).withJournal()
	h.checkpoint(h.Hub)
	if err := h.send(thomas, "Bonjour", "", alice); err != nil {
		t.Fatal(err)
	}
	part := h.part(alice)
	h.Hub = h.process(func(*Config) {}) // it was killed before its round
	h.checkpoint(h.Hub)
	if h.seen(part) != h.length(part) {
		t.Errorf("the checkpoint saw %d of %d entries", h.seen(part), h.length(part))
	}
	h.verifies()
}

func TestAHubAtRestStillSaysSo(t *testing.T) {
	h := newHouse(t).withJournal()
	h.checkpoint(h.Hub)
	last := func() uint64 { return h.journal.file.Last().Number }
	first := last()
	h.checkpoint(h.Hub)
	h.checkpoint(h.Hub)
	settled := last() // the note of a checkpoint is in no trail
	if settled != first {
		t.Errorf("at rest it wrote %d more checkpoints", settled-first)
	}
	h.after(silence)
	h.checkpoint(h.Hub)
	if last() != settled+1 {
		t.Error("after a time of silence it did not write one")
	}
}

// TestACheckpointCostsAMailNothing counts the transactions of a mail in a process
// that signs, and in one that only tells.
func TestACheckpointCostsAMailNothing(t *testing.T) {
	h := newHouse(t).withJournal()
	a := h.login(thomas)
	count := func(hub *Hub) int {
		c := &counting{Store: h.memory}
		hub.Store = c
		send := func() {
			if _, err := hub.Deliver(t.Context(), delivery(a, mail(thomas, []string{alice}, "Bonjour", "", "Bonjour."), alice)); err != nil {
				t.Fatal(err)
			}
		}
		send() // the first has its process announced
		c.updates = 0
		send()
		return c.updates
	}
	if one, other := count(h.Hub), count(h.process(sealed)); one != 1 || other != 1 {
		t.Errorf("a mail takes %d transactions, and %d in a sealed process, want 1", one, other)
	}
}

type counting struct {
	store.Store
	updates int
}

func (c *counting) Update(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	c.updates++
	return c.Store.Update(ctx, part, fn)
}

func delivery(a Actor, raw []byte, to ...string) Delivery {
	d := Delivery{Actor: a, From: a.Address, Mail: raw, Protocol: "ESMTPSA", Hello: "lps.test"}
	for _, a := range to {
		d.To = append(d.To, Recipient{Address: addr(a)})
	}
	return d
}

// TestAnOldStatePutBackIsFoundThoughAnotherProcessSignsIt restarts the process
// that signs on a trail that was put back: it notes what it finds, and
// verification tells that it goes back.
func TestAnOldStatePutBackIsFoundThoughAnotherProcessSignsIt(t *testing.T) {
	h := newHouse(t).withJournal()
	part := h.part(alice)
	h.checkpoint(h.Hub)
	old := snapshot(t, h.memory, part)
	if err := h.send(thomas, "Bonjour", "", alice); err != nil {
		t.Fatal(err)
	}
	h.checkpoint(h.Hub)
	old()
	h.Hub = h.process(func(*Config) {})
	for range 2 {
		h.checkpoint(h.Hub)
		rep, err := h.VerifyTrails(t.Context())
		if err != nil || len(rep.Findings) == 0 || rep.Findings[0].Part != string(part) {
			t.Errorf("verify: %v, %+v, want a finding about the trail", err, rep.Findings)
		}
		if err := h.send(thomas, "Encore", "", alice); err != nil { // it grows to the old length, otherwise
			t.Fatal(err)
		}
	}
}

func TestACutEndOfATrailIsFound(t *testing.T) {
	h := newHouse(t).withJournal()
	part := h.part(alice)
	for range 3 {
		h.login(alice)
	}
	h.checkpoint(h.Hub)
	last := h.length(part)
	h.forge(part, func(w store.Writer) error {
		w.Delete(fmt.Sprintf("aud/e/%016x", last))
		return nil
	})
	if rep, err := h.VerifyTrails(t.Context()); err != nil || len(rep.Findings) == 0 {
		t.Errorf("verify: %v, %+v", err, rep.Findings)
	}
}
