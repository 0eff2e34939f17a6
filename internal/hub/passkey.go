package hub

import (
	"context"
	"fmt"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A passkey whose authenticator verified its holder is two factors by itself: it
// lets its holder in without a password, or after one.

// relying returns the relying party of this hub's passkeys, and the pepper. A hub
// without a web domain has none: fault.Unavailable.
func (h *Hub) relying(ctx context.Context) (*account.Passkeys, *account.Pepper, error) {
	if h.human.passkeys == nil {
		return nil, nil, fmt.Errorf("hub: no web domain for passkeys: %w", fault.Unavailable)
	}
	p, err := h.pepper(ctx)
	return h.human.passkeys, p, err
}

// OffersPasskeys reports whether this hub has a web domain that passkeys can be
// bound to.
func (h *Hub) OffersPasskeys() bool { return h.human.passkeys != nil }

// BeginPasskeySignIn returns what the browser needs to answer with a passkey, as
// JSON, and the ceremony to hand back. After a password ticket names the person;
// with "", whoever answers says who they are.
func (h *Hub) BeginPasskeySignIn(ctx context.Context, ticket string) (options []byte, ceremony string, err error) {
	y, p, err := h.relying(ctx)
	if err != nil {
		return nil, "", err
	}
	if ticket == "" {
		return y.BeginLogin(nil, p, fact.Scope{}, h.Now())
	}
	k, err := h.openTicket(p, ticket)
	if err != nil {
		return nil, "", err
	}
	return h.challenge(ctx, y, p, k.Part)
}

func (h *Hub) challenge(ctx context.Context, y *account.Passkeys, p *account.Pepper, part store.Part) (options []byte, ceremony string, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		options, ceremony, err = y.BeginLogin(r, p, h.scope(part), h.Now())
		return err
	})
	return options, ceremony, err
}

// SignInPasskey ends a login with the answer of a passkey. Whatever is wrong with
// it is fault.Unauthenticated.
func (h *Hub) SignInPasskey(ctx context.Context, at Attempt, ceremony string, answer []byte, trust bool) (entry Entry, err error) {
	y, p, err := h.relying(ctx)
	if err != nil {
		return entry, err
	}
	part, err := h.answerer(ctx, &at, y, p, ceremony, answer)
	if err == nil {
		err = h.throttleLogin(at, 0)
	}
	if err != nil {
		return entry, err
	}
	err = h.commit(ctx, part, func(t *tx) error {
		if _, err := y.FinishLogin(t, p, t.Scope, ceremony, answer, t.now); err != nil {
			return err
		}
		entry, err = h.letIn(t, at, p, ByPasskey, trust)
		return err
	})
	return h.signedIn(ctx, at, part, entry, wrongAnswer(err), ByPasskey)
}

// answerer finds whose passkey answers, as far as they say. What it says may be
// anything: of nobody there is nothing to read, and nothing is written.
func (h *Hub) answerer(ctx context.Context, at *Attempt, y *account.Passkeys, p *account.Pepper, ceremony string, answer []byte) (store.Part, error) {
	at.Login = ""
	part, err := y.Whose(p, ceremony, answer, h.Now())
	if err != nil {
		return nowhere, wrongAnswer(err)
	}
	who, known, err := h.personIn(ctx, p, part)
	if err != nil || !known {
		return nowhere, err
	}
	at.Login = who.Login
	return part, nil
}

// wrongAnswer makes an answer that is none the same as one that is wrong.
func wrongAnswer(err error) error {
	if k := fault.Of(err); k == fault.Invalid || k == fault.TooLarge {
		return fmt.Errorf("hub: passkey: %v: %w", err, fault.Unauthenticated)
	}
	return err
}

// BeginPasskey returns what the browser needs to make a passkey for an actor, as
// JSON, and the ceremony to hand back to AddPasskey.
func (h *Hub) BeginPasskey(ctx context.Context, a Actor) (options []byte, ceremony string, err error) {
	y, _, err := h.relying(ctx)
	if err != nil {
		return nil, "", err
	}
	err = h.changeFactors(ctx, a, func(t *tx, p *account.Pepper) error {
		who, _, err := account.LoadPerson(t, p, t.Scope)
		if err != nil {
			return err
		}
		options, ceremony, err = y.BeginRegistration(t, p, t.Scope, who.Login, t.now)
		return err
	})
	return options, ceremony, err
}

// AddPasskey keeps the passkey that a browser has made for an actor, under a name
// of the actor's choosing.
func (h *Hub) AddPasskey(ctx context.Context, a Actor, ceremony, name string, answer []byte) (k account.Passkey, err error) {
	y, _, err := h.relying(ctx)
	if err != nil {
		return k, err
	}
	err = h.changeFactors(ctx, a, func(t *tx, p *account.Pepper) error {
		k, err = y.FinishRegistration(t, p, t.Scope, ceremony, name, answer, t.now)
		t.note(a.did("add-factor", string(ByPasskey)))
		return err
	})
	return k, err
}

// BeginPasskeyProof and ProvePasskey are Prove with a passkey, which needs no
// password.
func (h *Hub) BeginPasskeyProof(ctx context.Context, a Actor) (options []byte, ceremony string, err error) {
	y, p, err := h.relying(ctx)
	if err != nil {
		return nil, "", err
	}
	return h.challenge(ctx, y, p, a.Part)
}

// ProvePasskey does as BeginPasskeyProof says.
func (h *Hub) ProvePasskey(ctx context.Context, at Attempt, a Actor, ceremony string, answer []byte) error {
	y, p, err := h.relying(ctx)
	if err != nil {
		return err
	}
	err = h.commit(ctx, a.Part, func(t *tx) error {
		if _, err := y.FinishLogin(t, p, t.Scope, ceremony, answer, t.now); err != nil {
			return err
		}
		t.note(a.did("prove", string(ByPasskey)))
		return account.ProveSession(t, t.Scope, a.Session, string(ByPasskey), t.now)
	})
	return h.proofFailed(ctx, at, a, wrongAnswer(err))
}
