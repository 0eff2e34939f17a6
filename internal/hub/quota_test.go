package hub

import (
	"errors"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
)

func (h *house) used(address string) int64 {
	h.t.Helper()
	d, err := h.Describe(h.t.Context(), addr(address))
	if err != nil {
		h.t.Fatal(err)
	}
	return d.Bytes
}

func TestOnlyACorrespondentLearnsThatAMailboxIsFull(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(alice, thomas)
	h.Limits.Quota = h.used(alice)
	for _, c := range []struct {
		name, from string
		kind       fault.Kind
	}{
		{"one who already exchanges", thomas, fault.Quota},
		{"one who writes for the first time", adam, fault.Unavailable},
	} {
		if err := h.CheckRecipient(t.Context(), h.login(c.from), addr(alice)); fault.Of(err) != c.kind {
			t.Errorf("%s: CheckRecipient = %v, want %v", c.name, err, c.kind)
		}
		if err := h.send(c.from, "Trop", "", alice); fault.Of(err) != c.kind {
			t.Errorf("%s: Deliver = %v, want %v", c.name, err, c.kind)
		}
	}
	if n := len(h.read(alice, "INBOX")); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	// Not full, but too full for this one: RCPT passes, the mail does not.
	h.Limits.Quota++
	for from, kind := range map[string]fault.Kind{thomas: fault.Quota, adam: fault.Unavailable} {
		if err := h.CheckRecipient(t.Context(), h.login(from), addr(alice)); err != nil {
			t.Errorf("CheckRecipient = %v", err)
		}
		if err := h.send(from, "Trop", "", alice); fault.Of(err) != kind {
			t.Errorf("Deliver = %v, want %v", err, kind)
		}
	}
	if err := h.send(thomas, "Plein", "", adam); err != nil {
		t.Errorf("a mailbox that has room: %v", err)
	}
	if err := h.CheckRecipient(t.Context(), h.login(thomas), addr(denis)); !errors.Is(err, fault.NotFound) {
		t.Errorf("who does not receive is told apart from who is full: %v", err)
	}
	h.verifies()
}

func TestAFullMailboxTakesNoDraftAndNoCopyAndHasRoomAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(alice, thomas)
	s := h.session(alice)
	h.Limits.Quota = h.used(alice)
	raw := mail(alice, []string{thomas}, "Brouillon", "", "x")
	if _, err := s.Append(t.Context(), mailbox.Drafts, raw, mailbox.Flags{}, h.now); !errors.Is(err, fault.Quota) {
		t.Errorf("Append = %v, want Quota", err)
	}
	if _, err := s.Copy(t.Context(), mailbox.Inbox, s.uids(mailbox.Inbox), mailbox.Archive); !errors.Is(err, fault.Quota) {
		t.Errorf("Copy = %v, want Quota", err)
	}
	if n := len(s.uids(mailbox.Archive)); n != 0 {
		t.Errorf("%d copies were made", n)
	}
	if _, _, err := s.Move(t.Context(), mailbox.Inbox, s.uids(mailbox.Inbox), mailbox.Trash); err != nil {
		t.Errorf("Move needs no room, and yet %v", err)
	}
	if _, err := s.SetFlags(t.Context(), mailbox.Trash, s.uids(mailbox.Trash), mailbox.AddFlags, mailbox.Flags{System: mailbox.Deleted}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Expunge(t.Context(), mailbox.Trash, nil); err != nil {
		t.Fatal(err)
	}
	if got := h.used(alice); got != 0 {
		t.Errorf("an empty mailbox uses %d bytes", got)
	}
	h.Limits.Quota = 4096
	if _, err := s.Append(t.Context(), mailbox.Drafts, raw, mailbox.Flags{}, h.now); err != nil {
		t.Errorf("after the expunge there is room, and yet %v", err)
	}
	h.verifies()
}

func TestTheVaultDoesNotCountAgainstTheMailbox(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.deliver(thomas, large(thomas, alice, "un@test"), alice); err != nil {
		t.Fatal(err)
	}
	before := h.used(alice)
	if len(h.shelves(alice)) != 1 {
		t.Fatal("no shelf")
	}
	if got := h.used(alice); got != before {
		t.Errorf("with the shelf it uses %d bytes, %d before", got, before)
	}
}

func TestAMailToAPatientHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(alice, thomas)
	h.Limits.PatientMail = 2000
	body := strings.Repeat("Bonjour.\r\n", 250)
	for _, c := range []struct {
		from, to string
		kind     fault.Kind
	}{{thomas, alice, fault.TooLarge}, {alice, thomas, fault.TooLarge}, {thomas, adam, ""}} {
		if err := h.deliver(c.from, mail(c.from, []string{c.to}, "Gros", "", body), c.to); fault.Of(err) != c.kind {
			t.Errorf("Deliver = %v, want %q", err, c.kind)
		}
	}
	h.Limits.Mail = 1000
	if err := h.deliver(thomas, mail(thomas, []string{adam}, "Gros", "", body+body), adam); !errors.Is(err, fault.TooLarge) {
		t.Errorf("above the limit for everybody: %v", err)
	}
}
