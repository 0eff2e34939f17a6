package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// Second factors and the contact they go to. All that changes them is sensitive.

// BeginTOTP makes a secret for an authenticator application and returns it as an
// otpauth: URL and as text to type, both to be shown once.
func (h *Hub) BeginTOTP(ctx context.Context, a Actor) (url, secret string, err error) {
	err = h.changeFactors(ctx, a, func(t *tx, p *account.Pepper) error {
		who, _, err := account.LoadPerson(t, p, t.Scope)
		if err != nil {
			return err
		}
		url, secret, err = account.BeginTOTP(t, p, t.Scope, h.Domain, who.Login, t.now)
		return err
	})
	return url, secret, err
}

// ConfirmTOTP makes an authenticator a second factor, with a code that it shows.
// A wrong one is fault.Unauthenticated.
func (h *Hub) ConfirmTOTP(ctx context.Context, a Actor, code string) error {
	return h.changeFactors(ctx, a, func(t *tx, p *account.Pepper) error {
		ok, err := account.ConfirmTOTP(t, p, t.Scope, code, t.now)
		if err != nil || !ok {
			return errors.Join(err, fmt.Errorf("hub: totp: %w", fault.Unauthenticated))
		}
		t.note(a.did("add-factor", string(ByTOTP)))
		return nil
	})
}

// RemoveTOTP ends the authenticator of an actor.
func (h *Hub) RemoveTOTP(ctx context.Context, a Actor) error {
	return h.changeFactors(ctx, a, func(t *tx, _ *account.Pepper) error {
		t.note(a.did("remove-factor", string(ByTOTP)))
		return account.RemoveTOTP(t, t.Scope)
	})
}

// Passkeys lists the passkeys of an actor.
func (h *Hub) Passkeys(ctx context.Context, a Actor) (list []account.Passkey, err error) {
	p, err := h.pepper(ctx)
	if err != nil {
		return nil, err
	}
	err = h.view(ctx, a.Part, func(r store.Reader) error {
		list, err = account.ListPasskeys(r, p, h.scope(a.Part))
		return err
	})
	return list, err
}

// RemovePasskey ends a passkey of an actor.
func (h *Hub) RemovePasskey(ctx context.Context, a Actor, id string) error {
	return h.changeFactors(ctx, a, func(t *tx, _ *account.Pepper) error {
		t.note(a.did("remove-factor", string(ByPasskey)))
		return account.RemovePasskey(t, t.Scope, id)
	})
}

// changeFactors performs an act on the second factors of an actor who has proved
// lately who they are.
func (h *Hub) changeFactors(ctx context.Context, a Actor, fn func(*tx, *account.Pepper) error) error {
	p, err := h.pepper(ctx)
	if err != nil {
		return err
	}
	return h.do(ctx, a.Part, func(t *tx) error {
		if err := h.sensitive(t, t.Scope, a); err != nil {
			return err
		}
		return fn(t, p)
	})
}

// Contact returns how an actor is told that something has happened.
func (h *Hub) Contact(ctx context.Context, a Actor) (patient.Contact, error) {
	return h.contactOf(ctx, a.Part)
}

// SetPhrase keeps the phrase by which an actor knows our messages from forged
// ones.
func (h *Hub) SetPhrase(ctx context.Context, a Actor, phrase string) error {
	phrase, err := patient.ParsePhrase(phrase)
	if err != nil {
		return err
	}
	return h.changeContact(ctx, a, func(t *tx, _ *account.Pepper, c *patient.Contact) (bool, error) {
		c.Phrase = phrase
		t.note(a.did("set-phrase", ""))
		return true, nil
	})
}

// BeginContact sends a code to a mail address or phone that an actor says is
// theirs. The one they have stays until ConfirmContact. What is no address or
// mobile phone is fault.Invalid.
func (h *Hub) BeginContact(ctx context.Context, a Actor, by Channel, address string) error {
	address, purpose, err := parseContact(by, address)
	if err != nil {
		return err
	}
	if err := h.countCode("contact "+string(a.Part), maxCodes); err != nil {
		return err
	}
	err = h.changeContact(ctx, a, func(t *tx, p *account.Pepper, c *patient.Contact) (bool, error) {
		code, err := account.IssueCode(t, p, a.Part, purpose, 0, t.now)
		if err != nil {
			return false, err
		}
		if by == ByMail {
			c.NewMail = address
		} else {
			c.NewPhone = address
		}
		t.note(a.did("send-code", string(by)))
		return true, h.notice(t, Notice{Kind: NoticeContactCode, Channel: by, To: address, Code: code, Expires: t.now.Add(purpose.Life())})
	})
	return tooSoon(err)
}

func parseContact(by Channel, s string) (string, account.Purpose, error) {
	if by == ByMail {
		s, err := patient.ParseMail(s)
		return s, account.MailCode, err
	}
	s, err := patient.ParsePhone(s)
	if err == nil && (by != BySMS || !patient.MobilePhone(s)) {
		err = fmt.Errorf("hub: contact: %w", fault.Invalid)
	}
	return s, account.PhoneCode, err
}

// ConfirmContact makes the address that BeginContact wrote to the actor's own,
// with the code that came there.
func (h *Hub) ConfirmContact(ctx context.Context, a Actor, by Channel, code string) error {
	purpose := account.MailCode
	if by == BySMS {
		purpose = account.PhoneCode
	}
	var wrong error
	err := h.changeContact(ctx, a, func(t *tx, p *account.Pepper, c *patient.Contact) (bool, error) {
		result, err := account.CheckCode(t, p, a.Part, purpose, code, t.now)
		if err != nil {
			return false, err
		}
		if wrong = refuseCode(result); wrong != nil {
			return false, nil
		}
		t.note(a.did("set-contact", string(by)))
		if by == ByMail {
			c.Mail, c.MailChecked, c.NewMail = c.NewMail, t.now, ""
		} else {
			c.Phone, c.PhoneChecked, c.NewPhone = c.NewPhone, t.now, ""
		}
		return true, nil
	})
	return errors.Join(err, wrong)
}

// changeContact changes the contact of an actor who has proved lately who they
// are; fn says whether it did.
func (h *Hub) changeContact(ctx context.Context, a Actor, fn func(*tx, *account.Pepper, *patient.Contact) (bool, error)) error {
	key, err := h.unlock(ctx, a.Part)
	if err != nil {
		return err
	}
	defer h.forgetKey(a.Part)
	return h.changeFactors(ctx, a, func(t *tx, p *account.Pepper) error {
		var cert *keyring.Cert
		c, _, err := patient.LoadContact(t, t.Scope, key)
		if err == nil {
			cert, err = h.cert(t, a.Part)
		}
		if err != nil {
			return err
		}
		changed, err := fn(t, p, &c)
		if err != nil || !changed {
			return err
		}
		return patient.SetContact(t, t.Scope, cert, c)
	})
}
