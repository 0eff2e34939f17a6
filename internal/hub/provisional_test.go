package hub

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func (h web) claimant(by Channel) claimant {
	c := claimant{Claim: []string{"2602099999001", "19600000"}, Part: h.part, Channel: by, To: aliceMail}
	if by == BySMS {
		c.To = alicePhone
	}
	return c
}

func (h web) asks(by Channel) (code string) {
	h.t.Helper()
	if err := h.sendProvisional(h.t.Context(), browserAt(""), h.claimant(by)); err != nil {
		h.t.Fatal(err)
	}
	for _, n := range h.due() {
		if n.Kind == NoticeActivation && n.Address == h.claimant(by).To {
			_, after, _ := strings.Cut(n.Text, "votre code provisoire est ")
			if by == ByMail {
				_, after, _ = strings.Cut(n.Text, "Votre code provisoire est : ")
			}
			code = sentCode.FindString(after)
		}
		if err := h.NoticeSent(h.t.Context(), n.ID); err != nil {
			h.t.Fatal(err)
		}
	}
	if code == "" {
		h.t.Fatal("no code left")
	}
	return code
}

func TestAProvisionalCodeProvesWhoOneIs(t *testing.T) {
	h := newWeb(t)
	code := h.asks(ByMail)
	claim := h.claimant(ByMail).Claim
	if _, err := h.redeemProvisional(t.Context(), browserAt(""), claim, "wrong"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a wrong code: %v", err)
	}
	if _, err := h.redeemProvisional(t.Context(), browserAt(""), []string{"another"}, code); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("another's: %v", err)
	}
	text, err := h.redeemProvisional(t.Context(), browserAt(""), claim, code)
	if err != nil {
		t.Fatal(err)
	}
	if part, err := h.openProof(t.Context(), text); part != h.part || err != nil {
		t.Errorf("openProof = %q, %v", part, err)
	}
	if _, err := h.redeemProvisional(t.Context(), browserAt(""), claim, code); ruleOf(err) != "code/already-used" {
		t.Errorf("the code again: %v", err)
	}
	// Whoever lost everything gets in again without the password.
	if err := h.SetIdentity(t.Context(), audit.Entry{Actor: "claimant"}, h.part, "heron.vert", "Autre-Quai.49"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignIn(t.Context(), browserAt("heron.vert"), "Autre-Quai.49", ""); err != nil {
		t.Error(err)
	}
	h.now = h.now.Add(proofLife)
	if _, err := h.openProof(t.Context(), text); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a proof for ever: %v", err)
	}
	for _, bad := range []string{"", "AAAA", text + "A"} {
		if _, err := h.openProof(t.Context(), bad); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("openProof(%q): %v", bad, err)
		}
	}
	h.verifies()
}

func TestAProvisionalCodeByTextMessageIsShortLived(t *testing.T) {
	h := newWeb(t)
	code := h.asks(BySMS)
	h.now = h.now.Add(10 * time.Minute)
	if _, err := h.redeemProvisional(t.Context(), browserAt(""), h.claimant(BySMS).Claim, code); ruleOf(err) != "code/expired" {
		t.Errorf("after ten minutes: %v", err)
	}
	code = h.asks(ByMail)
	h.now = h.now.Add(23 * time.Hour)
	if _, err := h.redeemProvisional(t.Context(), browserAt(""), h.claimant(ByMail).Claim, code); err != nil {
		t.Errorf("by mail, after 23 hours: %v", err)
	}
}

func TestProvisionalCodesAreRare(t *testing.T) {
	h := newWeb(t)
	ask := func(c claimant, from string) error {
		at := browserAt("")
		at.Remote = netip.MustParseAddr(from)
		return h.sendProvisional(t.Context(), at, c)
	}
	if err := ask(h.claimant(ByMail), "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	if err := ask(h.claimant(ByMail), "192.0.2.1"); ruleOf(err) != "code/too-soon" {
		t.Errorf("another at once: %v", err)
	}
	var last error
	for range maxProvisional {
		h.now = h.now.Add(time.Minute)
		last = ask(h.claimant(ByMail), "192.0.2.1")
	}
	if !errors.Is(last, fault.Throttled) || ruleOf(last) == "code/too-soon" {
		t.Errorf("too many for a person: %v", last)
	}
	for i := range maxProvisionalAddress {
		last = ask(claimant{Claim: []string{fmt.Sprint(i)}, Channel: ByMail}, "192.0.2.2")
	}
	if last != nil {
		t.Errorf("as many as an address may: %v", last)
	}
	if err := ask(claimant{Claim: []string{"one more"}, Channel: ByMail}, "192.0.2.2"); !errors.Is(err, fault.Throttled) {
		t.Errorf("one more: %v", err)
	}
}

// TestAClaimThatFitsNobodyCostsWhatAnotherDoes: what the hub does, and what it
// answers, is the same; and nothing leaves.
func TestAClaimThatFitsNobodyCostsWhatAnotherDoes(t *testing.T) {
	h := newWeb(t)
	counted := &countingStore{Store: h.Store}
	h.Store = counted
	run := func(c claimant) string {
		counted.views.Store(0)
		counted.updates.Store(0)
		first := h.sendProvisional(t.Context(), browserAt(""), c)
		again := h.sendProvisional(t.Context(), browserAt(""), c)
		_, wrong := h.redeemProvisional(t.Context(), browserAt(""), c.Claim, "Zq7Kd9wX")
		return fmt.Sprintf("%d views, %d updates: %v, %v, %v", counted.views.Load(), counted.updates.Load(), first, again, wrong)
	}
	known := run(h.claimant(ByMail))
	for name, c := range map[string]claimant{
		"nobody":                          {Claim: []string{"2602099999009", "19600000"}, Channel: ByMail},
		"somebody who cannot be reached":  {Claim: []string{"2602099999008", "19600000"}, Part: h.part, Channel: ByMail},
		"nobody, as somebody nearly said": {Claim: []string{"2602099999001", "19600001"}, Channel: ByMail},
	} {
		if got := run(c); got != known {
			t.Errorf("%s: %s\nwant %s", name, got, known)
		}
	}
	left := 0
	for range 2 {
		for _, n := range h.due() {
			left++
			if n.Address != aliceMail {
				t.Errorf("a code leaves for %q", n.Address)
			}
		}
	}
	if left != 1 {
		t.Errorf("%d codes left", left)
	}
	h.verifies()
}

func TestOldCodesAreSwept(t *testing.T) {
	h := newWeb(t)
	h.asks(ByMail)
	part := account.ActivationPart(h.Index, h.claimant(ByMail).Claim...)
	rows := func() (n int) {
		err := h.view(t.Context(), part, func(r store.Reader) error {
			for _, err := range r.Scan("", "") {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if rows() == 0 {
		t.Fatal("there is no code")
	}
	h.now = h.now.Add(9 * 24 * time.Hour)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := rows(); n != 0 {
		t.Errorf("%d rows are left of a code that nobody asks after", n)
	}
}
