package hub

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/store"
)

// ask delivers a mail with what RFC 3461 lets a sender ask for.
func (h *house) ask(from string, to ...Recipient) error {
	h.t.Helper()
	var names []string
	for _, r := range to {
		names = append(names, r.Address.Canonical())
	}
	_, err := h.Deliver(h.t.Context(), Delivery{
		Actor: h.login(from), From: addr(from), To: to, EnvelopeID: "QQ314159", ReturnFull: false,
		Mail: mail(from, names, "Zéphyrine", "", "Bonbonnière."), Protocol: "ESMTPSA", Hello: "lps.test",
	})
	return err
}

// notices returns the notifications in somebody's inbox.
func (h *house) notices(address string) (list []string) {
	h.t.Helper()
	for _, m := range h.read(address, "INBOX") {
		if strings.Contains(m, "report-type=delivery-status") {
			list = append(list, m)
		}
	}
	return list
}

// expect holds one notice against the lines it must have.
func expect(t *testing.T, name string, got []string, want ...string) {
	t.Helper()
	if len(got) != 1 {
		t.Fatalf("%s: %d notices, want 1:\n%s", name, len(got), strings.Join(got, "\n=====\n"))
	}
	for _, w := range want {
		if !strings.Contains(got[0], w) {
			t.Errorf("%s: the notice lacks %q:\n%s", name, w, got[0])
		}
	}
}

func rcpt(a string, n Notify, original string) Recipient { return Recipient{addr(a), n, original} }

func TestASuccessIsToldToWhoAskedForIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.ask(thomas, rcpt(alice, NotifySuccess, "rfc822;Alice@Autre.test"), rcpt(adam, NotifyFailure, ""), rcpt(cardio, 0, ""), rcpt(bruno, NotifyNever, "")); err != nil {
		t.Fatal(err)
	}
	got := h.notices(thomas)
	expect(t, "success", got, "Original-Envelope-Id: QQ314159\r\n", "Original-Recipient: rfc822; Alice@Autre.test\r\n",
		"Final-Recipient: rfc822; "+alice+"\r\n", "Action: delivered\r\n", "Status: 2.0.0\r\n", "Reporting-MTA: dns; hub.test\r\n",
		"Auto-Submitted: auto-")
	for _, silent := range []string{adam, cardio, bruno} {
		if strings.Contains(got[0], "Final-Recipient: rfc822; "+silent) {
			t.Errorf("the notice speaks of %s, of whom nobody asked", silent)
		}
	}
	if strings.Contains(got[0], "Bonbonni") {
		t.Error("the body came back although RET=FULL was not asked for")
	}
	for _, a := range []string{alice, adam, cardio, bruno} {
		if len(h.notices(a)) != 0 || len(h.read(a, "INBOX")) != 1 {
			t.Errorf("%s has a notice, or not the mail", a)
		}
	}
	h.verifies()
}

func TestARecipientRefusedAfterOthersWereTakenIsToldToTheSender(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		notify Notify
		told   bool
	}{
		{"by default", 0, true},
		{"asked for failures", NotifyFailure, true},
		{"asked for failures and successes", NotifyFailure | NotifySuccess, true},
		{"asked for successes only", NotifySuccess, false},
		{"asked for delays only", NotifyDelay, false},
		{"asked for nothing", NotifyNever, false},
	} {
		h := newHouse(t)
		if err := h.ask(thomas, rcpt(alice, NotifyNever, ""), rcpt(denis, c.notify, "rfc822;denis@ailleurs.test"), rcpt(stranger, NotifyNever, "")); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := h.notices(thomas)
		if !c.told {
			if len(got) != 0 {
				t.Errorf("%s: there is a notice:\n%s", c.name, got[0])
			}
			continue
		}
		// Who objected is told in the words of who does not exist.
		expect(t, c.name, got, "Action: failed\r\n", "Status: 5.1.1\r\n", "Final-Recipient: rfc822; "+denis+"\r\n",
			"Original-Recipient: rfc822; denis@ailleurs.test\r\n", "Original-Envelope-Id: QQ314159\r\n")
		if strings.Contains(strings.ToLower(got[0]), "oppos") {
			t.Errorf("%s: the notice tells that the patient objected", c.name)
		}
		if len(h.read(alice, "INBOX")) != 1 {
			t.Errorf("%s: the other has no mail", c.name)
		}
	}
}

func TestAMailRefusedForAllIsRefusedAndNotTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.ask(thomas, rcpt(denis, 0, ""), rcpt(ghost, 0, "")); ruleOf(err) != "space/opposed" {
		t.Errorf("Deliver = %v", err)
	}
	if got := h.notices(thomas); len(got) != 0 {
		t.Errorf("a notice besides the refusal:\n%s", got[0])
	}
}

// open lets patients answer professionals.
func (h *house) open(patient string, professionals ...string) {
	h.t.Helper()
	for _, p := range professionals {
		if err := h.send(p, "Bonjour", "", patient); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestAnAnswersNoticesComeWhenItIsCarried(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(alice, thomas, alone)
	if err := h.ask(alice, rcpt(thomas, NotifySuccess, "rfc822;t@x.test"), rcpt(alone, NotifyNever, "")); err != nil {
		t.Fatal(err)
	}
	expect(t, "success", h.notices(alice), "Action: delivered\r\n", "Final-Recipient: rfc822; "+thomas+"\r\n",
		"Original-Recipient: rfc822; t@x.test\r\n", "Original-Envelope-Id: QQ314159\r\n")
}

func TestAnAnswerThatCannotBeCarriedIsReturned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		notify Notify
		told   bool
	}{
		{"by default", 0, true},
		{"asked for successes", NotifySuccess, false},
		{"asked for both", NotifySuccess | NotifyFailure, true},
		{"asked for nothing", NotifyNever, false},
	} {
		h := newHouse(t)
		h.open(alice, thomas)
		h.Limits.Quota = 1 // the professional's mailbox is full now
		if err := h.ask(alice, rcpt(thomas, c.notify, "rfc822;t@x.test")); err != nil {
			t.Fatalf("%s: an answer is refused because of somebody else's quota: %v", c.name, err)
		}
		if err := h.CarryAll(t.Context()); err == nil {
			t.Fatalf("%s: it was carried to a full mailbox", c.name)
		}
		if got := h.notices(alice); len(got) != 0 {
			t.Errorf("%s: told before its time:\n%s", c.name, got[0])
		}
		h.now = h.now.Add(maxLineAge)
		if err := h.CarryAll(t.Context()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if st, err := h.Status(t.Context()); err != nil || st.Waiting != 0 {
			t.Errorf("%s: %d lines wait, %v", c.name, st.Waiting, err)
		}
		h.Limits.Quota = DefaultLimits.Quota
		if got := h.notices(alice); !c.told && len(got) != 0 {
			t.Errorf("%s: told all the same:\n%s", c.name, got[0])
		} else if c.told {
			expect(t, c.name, got, "Action: failed\r\n", "Final-Recipient: rfc822; "+thomas+"\r\n",
				"Original-Recipient: rfc822; t@x.test\r\n", "Original-Envelope-Id: QQ314159\r\n")
		}
		h.verifies()
	}
}

func TestNoticesAreNotAnsweredByNotices(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.Deliver(t.Context(), Delivery{Actor: h.login(thomas), From: ident.Address{},
		To:   []Recipient{rcpt(adam, NotifySuccess, ""), rcpt(denis, NotifyFailure, "")},
		Mail: mail(thomas, []string{adam}, "Lu", "", "Lu."), Protocol: "ESMTPSA"})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{thomas, adam} {
		if got := h.notices(a); len(got) != 0 {
			t.Errorf("%s has a notice:\n%s", a, got[0])
		}
	}
}

func TestAMailToNobodyIsNotValid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, from := range []string{thomas, alice} {
		if err := h.ask(from); fmt.Sprint(err) != "hub: deliver: to nobody: not valid" {
			t.Errorf("Deliver = %v", err)
		}
	}
}

func TestAnAddressNamedTwiceGetsOneMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	raw := mail(thomas, []string{alice}, "Une fois", "", "x")
	if err := h.deliver(thomas, raw, alice, adam, alice, strings.ToUpper(adam)); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{alice, adam} {
		if n := len(h.read(a, "INBOX")); n != 1 {
			t.Errorf("%d mails, want 1", n)
		}
	}
}

// A storeWithHook calls before at the start of every Update.
type storeWithHook struct {
	store.Store
	before func(store.Part)
}

func (s storeWithHook) Update(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	s.before(part)
	return s.Store.Update(ctx, part, fn)
}

// TestALineIsNeverWithoutHint writes a second answer in the moment when the first
// one, which is carried, takes back the hint of both.
func TestALineIsNeverWithoutHint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(alice, thomas, adam)
	hints := 0
	h.Hub.Store = storeWithHook{h.memory, func(part store.Part) {
		if part != outbox.Hints.Part {
			return
		}
		if hints++; hints != 2 {
			return
		}
		h.Limits.Quota = 1 // nobody has room: the second answer must wait
		if err := h.ask(alice, rcpt(adam, 0, "")); err != nil {
			t.Fatal(err)
		}
		h.Limits.Quota = DefaultLimits.Quota
	}}
	if err := h.ask(alice, rcpt(thomas, 0, "")); err != nil {
		t.Fatal(err)
	}
	if hints < 3 {
		t.Fatalf("hints were written %d times: the moment never came", hints)
	}
	if err := h.CarryAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{thomas, adam} {
		if n := len(h.read(a, "INBOX")); n != 1 {
			t.Errorf("%d answers arrived, want 1", n)
		}
	}
}
