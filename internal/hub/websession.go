package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// OpenWeb returns who holds the token of a web session, and the session. One
// that has ended, or whose owner may not come in any more, is
// fault.Unauthenticated. The use is written down, to the minute.
func (h *Hub) OpenWeb(ctx context.Context, text string) (a Actor, n account.Session, err error) {
	token, err := account.ParseToken(h.Index, text)
	if err != nil {
		return a, n, err
	}
	now := h.Now().UTC()
	err = h.view(ctx, token.Part, func(r store.Reader) error {
		s := h.scope(token.Part)
		if n, err = account.CheckSession(r, s, token.ID, token.Secret, now); err != nil {
			return err
		}
		if n.Kind != account.WebSession {
			return fmt.Errorf("hub: web session: %w", fault.Unauthenticated)
		}
		a, _, err = h.admit(r, token.Part, n.Device, now)
		return err
	})
	if k := fault.Of(err); k == fault.NotFound || k == fault.Denied {
		err = fmt.Errorf("hub: web session: %w", fault.Unauthenticated)
	}
	if err != nil {
		return Actor{}, account.Session{}, err
	}
	a.Device, a.Session, a.Web = n.Device, n.ID, true
	if n.Stale(now) {
		err = h.commit(ctx, token.Part, func(t *tx) error { return account.TouchSession(t, t.Scope, n.ID, t.now) })
	}
	return a, n, err
}

// WebSessions lists the web sessions and trusted devices of an actor, the one
// used last first.
func (h *Hub) WebSessions(ctx context.Context, a Actor) (list []account.Session, err error) {
	err = h.view(ctx, a.Part, func(r store.Reader) error {
		list, err = account.Sessions(r, h.scope(a.Part), h.Now())
		return err
	})
	return list, err
}

// EndWebSession ends one of an actor's web sessions or trusted devices: their
// own is how they sign out. One that does not exist is fault.NotFound.
func (h *Hub) EndWebSession(ctx context.Context, a Actor, id string) error {
	defer h.CloseDesks(a.Part, id)
	return h.do(ctx, a.Part, func(t *tx) error {
		t.note(a.did("end-session", id))
		return account.EndSession(t, t.Scope, id)
	})
}

// EndOtherWebSessions ends every web session and trusted device of an actor but
// the one that asks.
func (h *Hub) EndOtherWebSessions(ctx context.Context, a Actor) error {
	return h.do(ctx, a.Part, func(t *tx) error {
		n, err := account.EndSessions(t, t.Scope, a.keeps())
		t.note(a.did("end-session", fmt.Sprintf("%d others", n)))
		return err
	})
}

// keeps returns the session that stays when an actor ends the others.
func (a Actor) keeps() string {
	if a.Web {
		return a.Session
	}
	return ""
}

// SendProofCode sends a login code to an actor who is to prove once more who
// they are.
func (h *Hub) SendProofCode(ctx context.Context, a Actor, password string, by Factor) error {
	text, err := h.proofTicket(ctx, a, password)
	if err != nil {
		return err
	}
	return h.SendLoginCode(ctx, text, by)
}

// Prove makes an actor's web session fit for what is sensitive, for a quarter of
// an hour: they show their password and a second factor once more. Whatever is
// wrong is fault.Unauthenticated, counted like a failed login.
func (h *Hub) Prove(ctx context.Context, at Attempt, a Actor, password string, by Factor, code string) error {
	text, err := h.proofTicket(ctx, a, password)
	if err != nil {
		return h.proofFailed(ctx, at, a, err)
	}
	return h.ProveWith(ctx, at, a, text, by, code)
}

// BeginProof does the first half of Prove: it checks the password and says which
// second factors there are. ProveWith does the second, with the ticket of that
// Step, and a code of SendLoginCode or of an authenticator.
func (h *Hub) BeginProof(ctx context.Context, at Attempt, a Actor, password string) (Step, error) {
	text, err := h.proofTicket(ctx, a, password)
	if err != nil {
		return Step{}, h.proofFailed(ctx, at, a, err)
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return Step{}, err
	}
	offers, err := h.offers(ctx, p, a.Part)
	return Step{Ticket: text, Offers: offers}, err
}

// ProveWith does as BeginProof says.
func (h *Hub) ProveWith(ctx context.Context, at Attempt, a Actor, ticket string, by Factor, code string) error {
	k, p, err := h.resume(ctx, &at, ticket)
	if err != nil {
		return err
	}
	if k.Part != a.Part {
		return fmt.Errorf("hub: prove: %w", fault.Unauthenticated)
	}
	var wrong error
	err = h.commit(ctx, a.Part, func(t *tx) (err error) {
		if err := k.holds(t, t.Scope, p); err != nil {
			return err
		}
		if wrong, err = h.showFactor(t, p, by, code); err != nil || wrong != nil {
			return err
		}
		t.note(a.did("prove", string(by)))
		return account.ProveSession(t, t.Scope, a.Session, string(by), t.now)
	})
	return h.proofFailed(ctx, at, a, errors.Join(err, wrong))
}

// proofTicket checks the password of an actor who is signed in.
func (h *Hub) proofTicket(ctx context.Context, a Actor, password string) (string, error) {
	p, err := h.pepper(ctx)
	if err != nil {
		return "", err
	}
	who, _, err := h.personIn(ctx, p, a.Part)
	if err != nil {
		return "", err
	}
	if err := h.throttleLogin(Attempt{Login: who.Login}, 0); err != nil {
		return "", err
	}
	ok, _, err := p.Matches(ctx, who, password)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("hub: prove: %w", fault.Unauthenticated)
	}
	return sealTicket(p, ticket{a.Part, h.Now(), who.PasswordSet}, ticketContext)
}

// proofFailed counts and traces a proof that was wrong; it returns other errors,
// and nil, as they are.
func (h *Hub) proofFailed(ctx context.Context, at Attempt, a Actor, err error) error {
	if err == nil || fault.Of(err) != fault.Unauthenticated {
		return err
	}
	if at.Login == "" {
		if p, err := h.pepper(ctx); err == nil {
			who, _, _ := h.personIn(ctx, p, a.Part)
			at.Login = who.Login
		}
	}
	failed := h.signInFailed(ctx, at, a.Part, "proof")
	if r := (*Refusal)(nil); errors.As(err, &r) && errors.Is(failed, fault.Unauthenticated) {
		return r
	}
	return failed
}
