package smtpd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

func TestEveryKindHasAReply(t *testing.T) {
	for _, k := range fault.Kinds() {
		if replies[k] == nil {
			t.Errorf("no reply for %v", k)
		}
		for at := atLogin; at <= atDeliver; at++ {
			got := replyTo(fmt.Errorf("hub: act on a secret: %w", k), at, false)
			if got.Code/100 != got.EnhancedCode[0] {
				t.Errorf("%v at %v: %d with enhanced code %v", k, at, got.Code, got.EnhancedCode)
			}
			if strings.Contains(got.Message, "secret") || strings.Contains(got.Message, "hub:") {
				t.Errorf("%v at %v leaks: %s", k, at, got.Message)
			}
		}
	}
}

func TestRepliesByPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		at   place
		utf8 bool
		want string
	}{
		{"no kind is our own mistake", errors.New("x"), atRecipient, false, "451 4.3.0 Impossible pour l'instant, reessayez plus tard. / Cannot be done now, try again later."},
		{"a kind nobody knows is one too", fault.Kind("new"), atDeliver, false, "451 4.3.0 Impossible pour l'instant, reessayez plus tard. / Cannot be done now, try again later."},
		{"a login has its own code for later", fault.Sealed, atLogin, false, "454 4.7.0 Connexion impossible pour l'instant, reessayez plus tard. / Authentication cannot be done now, try again later."},
		{"a sentence loses its accents", &hub.Refusal{FR: "Cœur « fermé » à l’hôpital…", EN: "Closed", Kind: fault.Denied}, atRecipient, false,
			`550 5.7.1 Coeur "ferme" a l'hopital... / Closed`},
		{"a sentence keeps its accents with SMTPUTF8", &hub.Refusal{FR: "Fermé", EN: "Closed", Kind: fault.Denied}, atRecipient, true, "550 5.7.1 Fermé / Closed"},
		{"a sentence is one line", &hub.Refusal{FR: "a\r\n250 OK", EN: "b", Kind: fault.Denied}, atRecipient, true, "550 5.7.1 a  250 OK / b"},
		{"a refusal without a sentence is answered by its kind", &hub.Refusal{Rule: "x", Kind: fault.NotFound}, atRecipient, false, "550 5.1.1 Pas de destinataire a cette adresse. / No such recipient here."},
		{"a sentence has an end", &hub.Refusal{FR: strings.Repeat("é", 400), EN: "b", Kind: fault.Denied}, atRecipient, true, "550 5.7.1 " + strings.Repeat("é", 240)},
		{"a kind wrapped twice is found", fmt.Errorf("a: %w", fmt.Errorf("b: %w", fault.Quota)), atDeliver, false, "452 4.2.2 Boite pleine, reessayez plus tard. / Mailbox full, try again later."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := replyTo(c.err, c.at, c.utf8)
			got := fmt.Sprintf("%d %d.%d.%d %s", r.Code, r.EnhancedCode[0], r.EnhancedCode[1], r.EnhancedCode[2], r.Message)
			if got != c.want {
				t.Errorf("replyTo = %q, want %q", got, c.want)
			}
		})
	}
}
