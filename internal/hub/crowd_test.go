package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
)

// TestManyAtOnce lets eight senders write to two patients and a colleague while their owners
// read, flag, copy, move and expunge in two sessions each. In the end every mail
// is where it must be, once, and everything verifies.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const senders, mails = 8, 6
	h := newHouse(t)
	owners := []string{alice, bruno, adam}
	professionals := []string{thomas, alone, cardio, thomas, alone, cardio, thomas, alone}
	actors := map[string]Actor{}
	for _, a := range append([]string{thomas, alone, cardio}, owners...) {
		actors[a] = h.login(a)
	}
	var mu sync.Mutex
	gone := map[string]int{}

	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for i := range senders {
		writing.Go(func() {
			from := actors[professionals[i]]
			for n := range mails {
				for k, to := range owners {
					raw := mail(professionals[i], []string{to}, fmt.Sprintf("mail %d of %d", n, i), fmt.Sprintf("X-Number: %d-%d-%d\r\n", i, n, k), "Bonjour.")
					if n%3 == 2 {
						raw = large(professionals[i], to, fmt.Sprintf("%d-%d-%d@test", i, n, k))
					}
					if err := h.deliverAs(from, raw, to); err != nil {
						t.Errorf("deliver: %v", err)
					}
				}
			}
		})
	}
	for _, owner := range owners {
		for range 2 {
			reading.Go(func() {
				m, err := h.OpenMailbox(t.Context(), actors[owner])
				if err != nil {
					t.Error(err)
					return
				}
				defer m.Close()
				for {
					n, err := wander(t, m)
					if err != nil {
						t.Errorf("%s: %v", owner, err)
						return
					}
					mu.Lock()
					gone[owner] += n
					mu.Unlock()
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
	}
	writing.Wait()
	close(done)
	reading.Wait()
	for _, owner := range owners {
		m, err := h.OpenMailbox(t.Context(), actors[owner])
		if err != nil {
			t.Fatal(err)
		}
		total, bytes := 0, int64(0)
		for _, f := range []mailbox.FolderID{mailbox.Inbox, mailbox.Archive} {
			d, err := m.Changes(t.Context(), f, mailbox.Cursor{})
			if err != nil {
				t.Fatal(err)
			}
			total += len(d.Messages)
			for _, msg := range d.Messages {
				bytes += msg.Size
			}
		}
		if total+gone[owner] != senders*mails {
			t.Errorf("%s has %d messages and expunged %d, want %d together", owner, total, gone[owner], senders*mails)
		}
		if used := h.used(owner); used != bytes {
			t.Errorf("%s uses %d bytes, and the messages have %d", owner, used, bytes)
		}
		m.Close()
	}
	h.verifies()
}

// TestTheSameMailAtOnce lets a client that has lost patience send one mail on
// eight connections.
func TestTheSameMailAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, raw := h.login(thomas), large(thomas, alice, "un@test")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := h.deliverAs(a, bytes.Clone(raw), alice, adam); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(filed(h, "INBOX", 1, alice, adam), noOrphans(h, 2)); err != nil {
		t.Error(err)
	}
}

// TestAnAnswerCarriedAtOnce carries the same line from many places: the janitor,
// a restart, another node.
func TestAnAnswerCarriedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(alice, thomas)
	h.Limits.Quota = 1
	if err := h.ask(alice, rcpt(thomas, NotifySuccess, "")); err != nil {
		t.Fatal(err)
	}
	h.Limits.Quota = DefaultLimits.Quota
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := h.CarryAll(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := filed(h, "INBOX", 1, thomas); err != nil {
		t.Error(err)
	}
	expect(t, "carried by many", h.notices(alice), "Action: delivered\r\n")
	h.verifies()
}

// TestTheSameSpaceEnrolledAtOnce: one of them makes it, and the others are told.
func TestTheSameSpaceEnrolledAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m, err := ident.MakeMatricule("2602099999043")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var made atomic.Int32
	for range 6 {
		wg.Go(func() {
			switch _, err := h.Enrol(t.Context(), "operator", Person{Matricule: m}); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, fault.Exists):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if st, err := h.Status(t.Context()); err != nil || st.Mailboxes[directory.OfPatient] != 6 || made.Load() != 1 {
		t.Errorf("%d were made, there are %d patients, want 6: %v", made.Load(), st.Mailboxes[directory.OfPatient], err)
	}
	h.verifies()
}

// wander does one thing after the other in a mailbox, and returns how many
// messages it expunged.
func wander(t *testing.T, m *Mailbox) (expunged int, err error) {
	ctx := t.Context()
	d, err := m.Changes(ctx, mailbox.Inbox, mailbox.Cursor{})
	if err != nil {
		return 0, err
	}
	var uids []mailbox.UID
	for _, msg := range d.Messages {
		uids = append(uids, msg.UID)
	}
	for _, err := range m.Entries(ctx, mailbox.Inbox, uids) {
		if err != nil {
			return 0, err
		}
	}
	if len(uids) == 0 {
		return 0, nil
	}
	one := uids[rand.IntN(len(uids))]
	some := []mailbox.UID{one}
	switch c, err := m.Content(ctx, mailbox.Inbox, one); {
	case err == nil:
		if err := c.ReadRange(io.Discard, 0, c.Size()); err != nil && !errors.Is(err, fault.NotFound) {
			return 0, err // NotFound: another session expunged it meanwhile
		}
	case !errors.Is(err, fault.NotFound):
		return 0, err
	}
	if _, err := m.SetFlags(ctx, mailbox.Inbox, some, mailbox.AddFlags, mailbox.Flags{System: mailbox.Seen}); err != nil {
		return 0, err
	}
	switch rand.IntN(4) {
	case 0:
		_, _, err = m.Move(ctx, mailbox.Inbox, some, mailbox.Archive)
	case 1:
		if _, err = m.SetFlags(ctx, mailbox.Inbox, some, mailbox.AddFlags, mailbox.Flags{System: mailbox.Deleted}); err == nil {
			var c mailbox.Change
			c, err = m.Expunge(ctx, mailbox.Inbox, some)
			expunged = len(c.Gone)
		}
	}
	return expunged, err
}
