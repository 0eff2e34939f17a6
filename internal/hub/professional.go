package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// attach lets the RPPS number of a professional lead to their mailbox, or no
// longer: change is directory.Attach or Detach. Only a mailbox of one's own (BAL
// PER) is a login.
func (h *Hub) attach(ctx context.Context, b directory.BAL, part store.Part, change func(store.Writer, fact.Scope, store.Part) error) error {
	n, err := ident.ParseRPPS(b.RPPS)
	if err != nil || b.Kind != directory.Personal {
		return nil // nothing leads there
	}
	return h.commit(ctx, directory.ProfessionalPart(h.Index, n), func(t *tx) error { return change(t, t.Scope, part) })
}

// indexProfessionals lets every professional be found by RPPS number: what a
// hub needs once, whose mailboxes were made before it knew how.
func (h *Hub) indexProfessionals(ctx context.Context) error {
	all := map[store.Part]directory.BAL{}
	err := h.eachOwner(ctx, func(part store.Part, r store.Reader) error {
		b, _, err := directory.Load(r, h.scope(part))
		if b.RPPS != "" {
			all[part] = b
		}
		return err
	})
	if err != nil {
		return err
	}
	for part, b := range all {
		if err := h.attach(ctx, b, part, directory.Attach); err != nil {
			return err
		}
	}
	return nil
}

// LoginProfessional begins a session for the professional of that RPPS number,
// who has proved to a trusted provider of identities who they are: in the oldest
// of their own mailboxes. device is the program that they use. One who has none
// here is fault.NotFound; one whom policy lets in nowhere, fault.Denied.
func (h *Hub) LoginProfessional(ctx context.Context, n ident.RPPS, at Attempt, device string) (a Actor, err error) {
	err = h.atOwn(ctx, n, at, func(part store.Part) error {
		a, err = h.begin(ctx, part, n, at.Protocol, device, func(_ *tx, a *Actor) error {
			a.Session = vault.NewID()[:12]
			return nil
		})
		return err
	})
	return a, err
}

// atOwn does fn at the oldest of a professional's own mailboxes where it is not
// refused.
func (h *Hub) atOwn(ctx context.Context, n ident.RPPS, at Attempt, fn func(store.Part) error) error {
	index := directory.ProfessionalPart(h.Index, n)
	var parts []store.Part
	err := h.view(ctx, index, func(r store.Reader) (err error) {
		parts, err = directory.Mailboxes(r, h.scope(index))
		return err
	})
	if err != nil {
		return err
	}
	err = fmt.Errorf("hub: login: no mailbox of that professional: %w", fault.NotFound)
	for _, part := range parts {
		failed := fn(part)
		switch fault.Of(failed) {
		case fault.NotFound:
			continue
		case fault.Denied:
			err = failed
			continue
		}
		return failed
	}
	return errors.Join(h.noteStranger(ctx, at, n.String()), err)
}

// begin begins a session for the professional of that number in the mailbox of a
// partition, which open gives its name; fault.NotFound if it is not theirs,
// whatever the index says.
func (h *Hub) begin(ctx context.Context, part store.Part, n ident.RPPS, protocol, device string, open func(*tx, *Actor) error) (a Actor, err error) {
	err = h.commit(ctx, part, func(t *tx) error {
		var d policy.Decision
		if a, d, err = h.admit(t, part, device, t.now); err != nil {
			return err
		}
		if a.RPPS != n.String() || a.Role != policy.Professional {
			return fmt.Errorf("hub: login: %w", fault.NotFound)
		}
		if err := open(t, &a); err != nil {
			return err
		}
		t.note(decided(a.entry(policy.Login, protocol), d))
		return nil
	})
	return a, err
}

// ByProvider is what a professional's web session was opened with: their log-in
// at a provider of identities, which asks for two factors.
const ByProvider Factor = "psc"

// How long a professional's web session lives: a surgery is not a living room.
const (
	ProfessionalIdle = 30 * time.Minute
	ProfessionalLife = 4 * time.Hour
)

// rememberedAfter is how old a log-in at the provider may be that proves once more who
// somebody is: one of before is only its memory of them.
const rememberedAfter = 2 * time.Minute

// OpenProfessionalWeb opens a web session for a professional as LoginProfessional
// lets them in. Proved is when the provider saw them log in, which may be long ago;
// zero: it does not say, and nothing sensitive is done before they prove who they
// are.
func (h *Hub) OpenProfessionalWeb(ctx context.Context, n ident.RPPS, proved time.Time, at Attempt) (e Entry, err error) {
	err = h.atOwn(ctx, n, at, func(part store.Part) error {
		e.Actor, err = h.begin(ctx, part, n, at.Protocol+" "+string(ByProvider), at.Device, func(t *tx, a *Actor) error {
			s, secret, err := account.NewSession(t, t.Scope, account.Session{
				Kind: account.WebSession, Device: at.Device, Factor: string(ByProvider), Created: t.now, Proved: earlier(proved, t.now), Idle: ProfessionalIdle, Expires: t.now.Add(ProfessionalLife)})
			if err != nil {
				return err
			}
			e.Session, e.Token = s, account.Token{Part: part, ID: s.ID, Secret: secret}.Seal(h.Index)
			a.Device, a.Session, a.Web = s.Device, s.ID, true
			return nil
		})
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	return e, nil
}

// ProveProfessional makes an actor's web session fit for what is sensitive, for a
// quarter of an hour: the provider says that they have logged in once more.
// Another number than theirs is fault.Unauthenticated, and so is a log-in of before,
// with the Refusal that asks for a proof.
func (h *Hub) ProveProfessional(ctx context.Context, a Actor, n ident.RPPS, proved time.Time) error {
	if a.RPPS != n.String() || !a.Web {
		return fmt.Errorf("hub: prove: %w", fault.Unauthenticated)
	}
	if h.Now().Sub(proved) > rememberedAfter {
		return &proveAgain
	}
	return h.commit(ctx, a.Part, func(t *tx) error {
		t.note(a.did("prove", string(ByProvider)))
		return account.ProveSession(t, t.Scope, a.Session, string(ByProvider), t.now)
	})
}

// earlier is when somebody proved who they are: no later than now, and too long ago
// to count where that is not known.
func earlier(proved, now time.Time) time.Time {
	switch {
	case proved.IsZero():
		return now.Add(-account.SensitiveFor)
	case proved.After(now):
		return now
	}
	return proved
}
