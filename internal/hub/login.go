package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/limit"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// Login checks an application password and begins a session. Whatever is wrong
// with the attempt, the error is fault.Unauthenticated, after the same work;
// too many failures are fault.Throttled.
func (h *Hub) Login(ctx context.Context, at Attempt, password string) (Actor, error) {
	secrets, err := h.Secrets(ctx, at)
	if err != nil {
		return Actor{}, err
	}
	id, ok := secrets.Match(password)
	if !ok {
		return Actor{}, h.LoginFailed(ctx, at)
	}
	return h.LoginProved(ctx, at, id)
}

// Secrets returns what a SCRAM exchange needs. It never says that an account
// does not exist: such a login gets secrets that nothing matches.
func (h *Hub) Secrets(ctx context.Context, at Attempt) (account.Secrets, error) {
	if err := h.throttleLogin(at, 0); err != nil {
		return account.Secrets{}, err
	}
	a, part, err := h.whose(ctx, at.Login)
	if err != nil {
		return account.Secrets{}, err
	}
	var s account.Secrets
	err = h.view(ctx, part, func(r store.Reader) error {
		s, err = account.Load(r, h.scope(part))
		return err
	})
	if err == nil && len(s.Salt) == 0 {
		s = account.Fake(h.Index, loginName(a, at.Login))
	}
	return s, err
}

func loginName(a ident.Address, login string) string {
	if a.IsZero() {
		return strings.ToLower(login)
	}
	return a.Canonical()
}

// whose finds the mailbox that a login names by its address: as partOf does.
func (h *Hub) whose(ctx context.Context, login string) (a ident.Address, part store.Part, err error) {
	a, err = ident.ParseAddress(login)
	if err != nil {
		a = ident.Address{}
	}
	part, err = h.partOf(ctx, a)
	return a, part, err
}

// LoginProved begins a session for whoever has proved to hold the password of
// that ID.
func (h *Hub) LoginProved(ctx context.Context, at Attempt, passwordID string) (Actor, error) {
	_, part, err := h.whose(ctx, at.Login)
	if err != nil {
		return Actor{}, err
	}
	var a Actor
	err = h.commit(ctx, part, func(t *tx) error {
		device, err := account.Device(t, t.Scope, passwordID)
		if err != nil {
			return err
		}
		var d policy.Decision
		if a, d, err = h.admit(t, part, device, t.now); err != nil {
			return err
		}
		a.Password, a.Session = passwordID, vault.NewID()[:12]
		t.note(decided(a.entry(policy.Login, at.Protocol), d))
		return nil
	})
	if err != nil {
		if k := fault.Of(err); k == fault.NotFound || k == fault.Denied {
			return Actor{}, h.LoginFailed(ctx, at)
		}
		return Actor{}, fmt.Errorf("hub: login: %w", err)
	}
	h.loginFailures.Reset("account " + a.Address.Canonical())
	return a, nil
}

// admit returns the owner of a partition's mailbox as the actor of a session, if
// policy lets them begin one by that device or program. Nobody there is
// fault.NotFound.
func (h *Hub) admit(r store.Reader, part store.Part, device string, now time.Time) (a Actor, d policy.Decision, err error) {
	bal, ok, err := directory.Load(r, h.scope(part))
	if err != nil || !ok {
		return a, d, errors.Join(err, fault.NotFound)
	}
	address, err := ident.ParseAddress(bal.Address)
	if err != nil {
		return a, d, fmt.Errorf("hub: directory: %v: %w", err, fault.Corrupt)
	}
	a = actorOf(address, part, bal)
	a.Device = device
	req := policy.Request{Act: policy.Login, Actor: a.policy(), Now: now}
	if bal.Kind == directory.OfPatient {
		sp, _, err := patient.Load(r, h.scope(part))
		if err != nil {
			return Actor{}, d, err
		}
		req.Space = policy.Space{Owner: string(part), State: sp.State}
	}
	if d = policy.Decide(req); !d.Allow {
		return Actor{}, d, refuse(d)
	}
	return a, d, nil
}

func actorOf(addr ident.Address, part store.Part, b directory.BAL) Actor {
	return Actor{
		Address: addr, Part: part, Role: b.Role(), Profession: b.Profession, RPPS: b.RPPS, Name: b.Name,
		Establishment: b.Establishment, Organisation: b.Organisation, Allowance: b.Allowance,
	}
}

// policy gives the actor as policy sees it.
func (a Actor) policy() policy.Actor {
	return policy.Actor{Role: a.Role, Profession: a.Profession, ID: string(a.Part), Establishment: a.Establishment, Device: a.Device}
}

// LoginFailed counts a failure and writes it to the trail of the hub. It
// returns the error of the attempt.
func (h *Hub) LoginFailed(ctx context.Context, at Attempt) error {
	throttled := h.throttleLogin(at, 1)
	err := h.noteStranger(ctx, at, strings.ToLower(at.Login))
	switch {
	case err != nil:
		return fmt.Errorf("hub: login: %w", err)
	case throttled != nil:
		return throttled
	}
	return fmt.Errorf("hub: login: %w", fault.Unauthenticated)
}

// noteStranger writes into the trail of the hub that somebody who is nobody here
// tried to log in: not who, but so that the same one is known again.
func (h *Hub) noteStranger(ctx context.Context, at Attempt, who string) error {
	mac := h.Index.MAC("hub/login-failed", who)
	return h.note(ctx, hubPart, audit.Entry{Actor: at.Remote.String(), Act: policy.Login.String(),
		Object: fmt.Sprintf("%s %x", at.Protocol, mac[:8]), Refused: true})
}

// throttleLogin counts n failures of an account and an address.
func (h *Hub) throttleLogin(at Attempt, n int) error {
	now := h.Now()
	a, _ := ident.ParseAddress(at.Login)
	account := h.loginFailures.Add("account "+loginName(a, at.Login), n, now)
	remote := h.loginFailures.Add("remote "+limit.Network(at.Remote), n, now)
	if account > h.Limits.LoginFailures || remote > 5*h.Limits.LoginFailures {
		return fmt.Errorf("hub: login: %w", fault.Throttled)
	}
	return nil
}
