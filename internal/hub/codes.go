package hub

import (
	"encoding/base64"
	"errors"
	"fmt"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
)

// Refusals that people meet on their way in.
var (
	codeExpired = Refusal{Rule: "code/expired", Kind: fault.Unauthenticated,
		FR: "Ce code a expiré. Demandez-en un nouveau.", EN: "This code has expired. Ask for a new one."}
	codeUsed = Refusal{Rule: "code/already-used", Kind: fault.Unauthenticated,
		FR: "Ce code a déjà servi. Demandez-en un nouveau.", EN: "This code was used already. Ask for a new one."}
	codeExhausted = Refusal{Rule: "code/too-many-tries", Kind: fault.Unauthenticated,
		FR: "Trop d'essais : ce code n'est plus valable. Demandez-en un nouveau.", EN: "Too many tries: this code is void. Ask for a new one."}
	codeTooSoon = Refusal{Rule: "code/too-soon", Kind: fault.Throttled,
		FR: "Attendez 30 secondes avant de demander un autre code.", EN: "Wait 30 seconds before asking for another code."}
	proveAgain = Refusal{Rule: "session/prove-again", Kind: fault.Unauthenticated,
		FR: "Pour cette action, confirmez d'abord votre identité.", EN: "For this, prove who you are once more."}
	loginTaken = Refusal{Rule: "login/taken", Kind: fault.Exists,
		FR: "Cet identifiant est déjà pris. Choisissez-en un autre.", EN: "This login is taken. Choose another one."}
	loginForm = Refusal{Rule: "login/form", Kind: fault.Invalid,
		FR: "Un identifiant compte 5 à 40 lettres sans accent, chiffres, points ou tirets, et commence par une lettre ; ce n'est ni une adresse, ni un numéro de sécurité sociale, ni un IBAN.",
		EN: "A login has 5 to 40 letters without accents, digits, dots or hyphens, and begins with a letter; it is no mail address, no social security number and no IBAN."}
)

// refuseCode says, in words where its holder needs them, why a code does not
// count; nil if it does.
func refuseCode(result account.CodeResult) error {
	switch result {
	case account.CodeRight:
		return nil
	case account.CodeExpired:
		return &codeExpired
	case account.CodeUsed:
		return &codeUsed
	case account.CodeExhausted:
		return &codeExhausted
	}
	return fmt.Errorf("hub: code: %w", fault.Unauthenticated)
}

// countCode counts something that is sent at somebody's request; of more than max
// in a day it is fault.Throttled.
func (h *Hub) countCode(what string, max int) error {
	if h.human.codes.Add(what, 1, h.Now()) > max {
		return fmt.Errorf("hub: code: %w", fault.Throttled)
	}
	return nil
}

// tooSoon turns account.ErrTooSoon into words.
func tooSoon(err error) error {
	if errors.Is(err, account.ErrTooSoon) {
		return &codeTooSoon
	}
	return err
}

// maxTicket bounds what a client may hand back, in characters.
const maxTicket = 1024

// sealTicket seals what a client carries from one step to the next.
func sealTicket(p *account.Pepper, v any, context string) (string, error) {
	sealed, err := p.Seal(v, context)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openTicket opens it into v. Anything else is fault.Unauthenticated.
func openTicket(p *account.Pepper, text string, v any, context string) error {
	wrong := fmt.Errorf("hub: ticket: %w", fault.Unauthenticated)
	if len(text) > maxTicket {
		return wrong
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || p.Open(sealed, v, context) != nil {
		return wrong
	}
	return nil
}
