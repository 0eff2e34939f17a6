package hub

import (
	"fmt"
	"strings"
	"testing"
)

// TestHeadersThatAreDoubledOrForgedOpenAndEndNothing sends one mail of a
// professional to a patient, and then lets the patient answer: to the sender,
// and to the one whom the mail names.
func TestHeadersThatAreDoubledOrForgedOpenAndEndNothing(t *testing.T) {
	t.Parallel()
	const (
		sender    = "sender"    // the sender alone takes answers
		elsewhere = "elsewhere" // the one named does, and the sender does not
		nobody    = "nobody"    // the exchange has ended
	)
	replyTo := func(list ...string) string { return "Reply-To: " + strings.Join(list, ", ") + "\r\n" }
	base := newHouse(t)
	for _, c := range []struct {
		name, from, subject, more, named string
		answers                          string
	}{
		{"no header", thomas, "x", "", cardio, sender},
		{"a colleague is named", thomas, "x", replyTo(cardio), cardio, elsewhere},
		{"a colleague, with a name", thomas, "x", replyTo("Cardiologie <" + cardio + ">"), cardio, elsewhere},
		{"the sender names itself", thomas, "x", replyTo(thomas), cardio, sender},
		{"two fields", thomas, "x", replyTo(cardio) + replyTo(cardio), cardio, sender},
		{"two fields, the second in capitals", thomas, "x", replyTo(cardio) + "REPLY-TO: " + adam + "\r\n", cardio, sender},
		{"two addresses", thomas, "x", replyTo(cardio, adam), cardio, sender},
		{"a group", thomas, "x", replyTo("Équipe:" + cardio + ";"), cardio, sender},
		{"an address outside", thomas, "x", replyTo("x@ailleurs.test"), cardio, sender},
		{"what is no address", thomas, "x", replyTo("<>"), cardio, sender},
		{"a quoted local part", thomas, "x", replyTo(`"secretariat.cardio"@hopital.test`), cardio, elsewhere},
		{"a patient", thomas, "x", replyTo(bruno), cardio, sender},
		{"the patient", thomas, "x", replyTo(alice), cardio, sender},
		{"a mailbox that is not there", thomas, "x", replyTo(stranger), cardio, sender},
		{"one of another establishment", alone, "x", replyTo(cardio), cardio, sender},
		{"X-Reply-To", thomas, "x", "X-" + replyTo(cardio), cardio, sender},

		{"FIN", thomas, "x", "X-MSS-MES: FIN\r\n", cardio, nobody},
		{"FIN with spaces", thomas, "x", "X-MSS-MES:  FIN \r\n", cardio, nobody},
		{"FIN, the field in small letters", thomas, "x", "x-mss-mes: FIN\r\n", cardio, nobody},
		{"FIN in small letters", thomas, "x", "X-MSS-MES: fin\r\n", cardio, sender},
		{"FIN twice", thomas, "x", "X-MSS-MES: FIN\r\nX-MSS-MES: FIN\r\n", cardio, sender},
		{"FIN and something else", thomas, "x", "X-MSS-MES: FIN\r\nX-MSS-MES: SUITE\r\n", cardio, sender},
		{"FIN among words", thomas, "x", "X-MSS-MES: FIN de suivi\r\n", cardio, sender},
		{"FIN in a comment", thomas, "x", "X-MSS-MES: (FIN)\r\n", cardio, sender},
		{"[FIN] as subject", thomas, "[FIN]", "", cardio, nobody},
		{"[FIN] as encoded subject", thomas, "=?utf-8?q?=5BFIN=5D?=", "", cardio, nobody},
		{"[FIN] in the second subject", thomas, "x", "Subject: [FIN]\r\n", cardio, sender},
		{"[FIN] as a second subject too", thomas, "[FIN]", "Subject: [FIN]\r\n", cardio, sender},
		{"FIN of a colleague", adam, "x", "X-MSS-MES: FIN\r\n", cardio, sender},
		{"FIN and a new address", thomas, "x", "X-MSS-MES: FIN\r\n" + replyTo(cardio), cardio, nobody},

		{"a forged Return-Path and Received", thomas, "x", "Return-Path: <" + adam + ">\r\nReceived: from x by y; z\r\n", adam, sender},
		{"a forged Original-From", thomas, "x", "Original-From: <" + adam + ">\r\nResent-From: <" + adam + ">\r\n", adam, sender},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := base.copyOf(t)
			if c.from == adam { // the exchange with thomas is open already, and adam writes too
				h.open(alice, thomas)
			}
			if err := h.send(c.from, c.subject, c.more, alice); err != nil {
				t.Fatal(err)
			}
			asked := c.from
			if c.from == adam {
				asked = thomas
			}
			toSender, toNamed := h.send(alice, "Merci", "", asked), h.send(alice, "Merci", "", c.named)
			got := fmt.Sprintf("to the sender: %s; to the one named: %s", ruleOf(toSender), ruleOf(toNamed))
			ok := false
			switch c.answers {
			case sender:
				ok = toSender == nil && toNamed != nil
			case elsewhere:
				ok = toSender != nil && toNamed == nil
			case nobody:
				ok = toSender != nil && toNamed != nil
			}
			if !ok {
				t.Errorf("%s, want answers to go to %s", got, c.answers)
			}
			h.verifies()
		})
	}
}

func TestTheTraceOfAMailNamesNeitherClientNorRecipients(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	raw := mail(thomas, []string{alice}, "x", "Bcc: <"+bruno+">\r\n", "y")
	d := Delivery{Actor: h.login(thomas), From: addr(thomas), Mail: raw, Protocol: "ESMTPSA",
		Hello: "bad\r\nX-Forged: 1 (zephyrine)", Remote: attempt(thomas).Remote,
		To: []Recipient{{Address: addr(alice)}, {Address: addr(bruno)}}}
	if _, err := h.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got := h.read(alice, "INBOX")[0]
	trace := strings.TrimSuffix(got, string(raw))
	for _, word := range []string{"192.0.2.1", matriculeOf(alice), matriculeOf(bruno), "\r\nX-Forged", "("} {
		if strings.Contains(trace, word) {
			t.Errorf("the trace has %q:\n%s", word, trace)
		}
	}
}
