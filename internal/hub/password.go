package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vaguemestre/internal/account"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

// A WeakPassword says which rules a password breaks. It wraps fault.Invalid.
type WeakPassword struct{ Rules []account.Weakness }

// Error implements error. It names the rules only.
func (e *WeakPassword) Error() string {
	var names []string
	for _, r := range e.Rules {
		names = append(names, r.Rule)
	}
	return "hub: weak password: " + strings.Join(names, " ")
}

// Unwrap gives the kind.
func (e *WeakPassword) Unwrap() error { return fault.Invalid }

// credentials are a login, in canonical form, and the hash of a password.
type credentials struct {
	Login string
	Hash  account.PasswordHash
}

// chosen makes credentials of a login and a password; the login leads to the
// partition from now on. A login that is taken or not allowed is a Refusal, a
// password that is not good a WeakPassword.
func (h *Hub) chosen(ctx context.Context, part store.Part, login, password string) (p *account.Pepper, c credentials, err error) {
	l, err := account.ParseLogin(login)
	if err != nil {
		return nil, c, &loginForm
	}
	if p, err = h.pepper(ctx); err != nil {
		return nil, c, err
	}
	c.Login = l.Canonical()
	if c.Hash, err = h.hashGood(ctx, p, part, c.Login, password); err != nil {
		return nil, c, err
	}
	return p, c, h.claimLogin(ctx, p, l, part)
}

// setCredentials makes credentials those of the person of a transaction, in the
// place of any other, ends their sessions, and returns the login that they have
// given up, if any.
func (h *Hub) setCredentials(t *tx, p *account.Pepper, c credentials) (old string, err error) {
	was, known, err := account.LoadPerson(t, p, t.Scope)
	if err != nil {
		return "", err
	}
	who := account.Person{Login: c.Login, Since: t.now, PasswordSet: t.now, Hash: c.Hash, Devices: was.Devices}
	if known {
		who.Since = was.Since
	}
	if _, err := account.EndSessions(t, t.Scope, ""); err != nil {
		return "", err
	}
	if err := account.SetPerson(t, p, t.Scope, who); err != nil || !known {
		return "", err
	}
	if was.Login != c.Login {
		old = was.Login
	}
	return old, h.notice(t, Notice{Kind: NoticePassword})
}

// ChangePassword gives an actor another password, once they have shown the one
// they have. Their other web sessions and trusted devices end.
func (h *Hub) ChangePassword(ctx context.Context, at Attempt, a Actor, old, password string) error {
	if _, err := h.proofTicket(ctx, a, old); err != nil {
		return h.proofFailed(ctx, at, a, err)
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return err
	}
	was, _, err := h.personIn(ctx, p, a.Part)
	if err != nil {
		return err
	}
	hash, err := h.hashGood(ctx, p, a.Part, was.Login, password)
	if err != nil {
		return err
	}
	return h.do(ctx, a.Part, func(t *tx) error {
		if err := h.sensitive(t, t.Scope, a); err != nil {
			return err
		}
		who, ok, err := account.LoadPerson(t, p, t.Scope)
		if err != nil || !ok || !who.PasswordSet.Equal(was.PasswordSet) {
			return errors.Join(err, fmt.Errorf("hub: change password: %w", fault.Conflict))
		}
		who.Hash, who.PasswordSet = hash, t.now
		t.note(a.did("change-password", ""))
		if _, err := account.EndSessions(t, t.Scope, a.keeps()); err != nil {
			return err
		}
		if err := account.SetPerson(t, p, t.Scope, who); err != nil {
			return err
		}
		return h.notice(t, Notice{Kind: NoticePassword})
	})
}

// hashGood hashes a password that keeps the rules.
func (h *Hub) hashGood(ctx context.Context, p *account.Pepper, part store.Part, login, password string) (hash account.PasswordHash, err error) {
	about := account.Personal{Login: login}
	err = h.view(ctx, part, func(r store.Reader) error {
		b, _, err := directory.Load(r, h.scope(part))
		if err != nil {
			return err
		}
		sp, _, err := patient.Load(r, h.scope(part))
		about.Names = []string{b.Name, sp.Traits.BirthName, sp.Traits.FirstNames}
		about.BirthDate, about.Matricule = sp.Traits.BirthDate, sp.Matricule
		return err
	})
	if err != nil {
		return hash, err
	}
	if rules := account.Weaknesses(password, about); len(rules) > 0 {
		return hash, &WeakPassword{rules}
	}
	return p.NewPasswordHash(ctx, password)
}

// claimLogin makes a login lead to a partition. It takes it from one that it
// led to without being its owner's: what an interruption leaves.
func (h *Hub) claimLogin(ctx context.Context, p *account.Pepper, l account.Login, part store.Part) error {
	index := l.Part(h.Index)
	claim := func(vacant bool) error {
		return h.commit(ctx, index, func(t *tx) error { return account.ClaimLogin(t, t.Scope, part, vacant, t.now) })
	}
	err := claim(false)
	if errors.Is(err, fault.Exists) {
		var who account.Person
		if who, _, err = h.person(ctx, p, l.Canonical()); err != nil {
			return err
		}
		err = claim(who.Login == "")
	}
	if errors.Is(err, fault.Exists) {
		return &loginTaken
	}
	return err
}

func (h *Hub) freeLogin(ctx context.Context, login string, part store.Part) error {
	l, err := account.ParseLogin(login)
	if err != nil {
		return fmt.Errorf("hub: login: %v: %w", err, fault.Corrupt)
	}
	return h.commit(ctx, l.Part(h.Index), func(t *tx) error { return account.FreeLogin(t, t.Scope, part) })
}
