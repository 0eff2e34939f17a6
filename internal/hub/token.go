package hub

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/limit"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/software"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// How long codes, tokens and authorizations live.
const (
	CodeLife          = time.Minute
	AccessLife        = 15 * time.Minute
	SessionLife       = 12 * time.Hour      // of an authorization that ends with the day's work
	OfflineLife       = 30 * 24 * time.Hour // of one that the person granted for longer (offline_access)
	maxTokenLength    = 512
	tokenSecretLength = 16
)

// A tokenKind is the first letters of a token, which also keep one kind from
// being shown as another.
type tokenKind string

const (
	codeToken    tokenKind = "vmc_"
	accessToken  tokenKind = "vma_"
	refreshToken tokenKind = "vmr_"
)

// A pass is what a code or token says: which authorization, and the secret that
// proves it. Outside it is sealed: opaque, and found without looking.
type pass struct {
	part   store.Part
	id     string
	secret []byte
}

// newToken makes a token and the digest that is kept of it.
func (h *Hub) newToken(kind tokenKind, part store.Part, id string) (text string, digest []byte) {
	secret := make([]byte, tokenSecretLength)
	rand.Read(secret)
	plain := append([]byte(string(part)+"/"+id+"/"), secret...)
	sealed := h.Index.Seal(nil, plain, "hub/token/"+string(kind))
	return string(kind) + base64.RawURLEncoding.EncodeToString(sealed), account.Digest(secret)
}

// openToken opens what newToken made. Anything else is fault.Unauthenticated.
func (h *Hub) openToken(kind tokenKind, text string) (pass, error) {
	wrong := fmt.Errorf("hub: token: %w", fault.Unauthenticated)
	rest, ok := strings.CutPrefix(text, string(kind))
	if !ok || len(text) > maxTokenLength {
		return pass{}, wrong
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil {
		return pass{}, wrong
	}
	plain, err := h.Index.Open(nil, sealed, "hub/token/"+string(kind))
	if err != nil || len(plain) < tokenSecretLength {
		return pass{}, wrong
	}
	names, secret := string(plain[:len(plain)-tokenSecretLength]), plain[len(plain)-tokenSecretLength:]
	part, id, ok1 := strings.Cut(names, "/")
	id, ok2 := strings.CutSuffix(id, "/")
	if !ok1 || !ok2 {
		return pass{}, wrong
	}
	return pass{store.Part(part), id, secret}, nil
}

// IsToken reports whether a bearer token has the form of this hub's own.
func IsToken(text string) bool { return strings.HasPrefix(text, string(accessToken)) }

// Tokens are what a program gets for an authorization.
type Tokens struct {
	Access  string
	Ends    time.Time    // of the access token
	Refresh string       // "" if there is none
	Scopes  smart.Scopes // of the access token
	Nonce   string       // that the program gave when it asked
	Actor   Actor        // for whom it acts
}

// Authorize lets a program act for whoever has that address, who has just logged
// in and agreed, and returns the code that the program redeems within CodeLife.
// The scopes are what the person agreed to: no more than the program's.
func (h *Hub) Authorize(ctx context.Context, who ident.Address, c software.Client, scopes smart.Scopes, b account.Binding) (code string, err error) {
	part, err := h.mailboxAt(ctx, who)
	if err != nil {
		return "", err
	}
	err = h.commit(ctx, part, func(t *tx) error {
		a, d, err := h.admit(t, part, c.Name, t.now)
		if err != nil {
			return err
		}
		if a.Address != who {
			return fmt.Errorf("hub: authorize: %w", fault.NotFound)
		}
		auth := account.Authorization{Client: c.ID, Name: c.Name, Scopes: scopes.Within(c.Scopes).In(contexts(a.Role)...),
			Begun: t.now, Ends: t.now.Add(CodeLife), Binding: b}
		if auth.ID, err = account.Authorize(t, t.Scope, auth, t.now); err != nil {
			return err
		}
		code, auth.Code = h.newToken(codeToken, part, auth.ID)
		a.Session = sessionName(auth.ID)
		t.note(decided(a.did("authorize", c.ID), d))
		return account.KeepAuthorization(t, t.Scope, auth)
	})
	return code, err
}

// contexts are those of the scopes that mean something for whoever has a role: a
// patient's program sees one patient, a system's what the system may.
func contexts(r policy.Role) []string {
	switch r {
	case policy.Patient:
		return []string{"patient", "user"}
	case policy.Application:
		return []string{"system"}
	}
	return []string{"user"}
}

// sessionName names an authorization in the trail.
func sessionName(id string) string { return id[:min(len(id), 12)] }

// A Bearer is the program that shows a code or a refresh token, as far as it has
// proved who it is.
type Bearer struct {
	Client string // "" if it did not say
	Bound  string // SHA-256 of the TLS certificate that it proved itself by
}

// errSpent says that a code or refresh token was used before: whoever shows it,
// somebody else has had it too.
var errSpent = fmt.Errorf("hub: token is spent: %w", fault.Unauthenticated)

// RedeemCode gives tokens for a code, once. Shown twice, it ends what it was
// given for (RFC 6749 §4.1.2); shown with another redirect URI, verifier (RFC
// 7636 §4.6) or by another program it is fault.Unauthenticated.
func (h *Hub) RedeemCode(ctx context.Context, code string, by Bearer, redirect, verifier string) (Tokens, error) {
	k, err := h.openToken(codeToken, code)
	if err != nil {
		return Tokens{}, err
	}
	return h.trade(ctx, k, func(t *tx, auth *account.Authorization) error {
		sum := sha256.Sum256([]byte(verifier))
		challenge := base64.RawURLEncoding.EncodeToString(sum[:])
		switch {
		case !account.Is(auth.Code, k.secret),
			by.Client != auth.Client,
			auth.Binding.Redirect != redirect,
			subtle.ConstantTimeCompare([]byte(auth.Binding.Challenge), []byte(challenge)) != 1:
			return fmt.Errorf("hub: redeem: %w", fault.Unauthenticated)
		case auth.Redeemed:
			return errSpent
		}
		auth.Redeemed, auth.Bound, auth.Granted = true, by.Bound, auth.Scopes
		auth.Ends = auth.Begun.Add(SessionLife)
		if auth.Scopes.Has("offline_access") {
			auth.Ends = auth.Begun.Add(OfflineLife)
		}
		return nil
	})
}

// Renew gives new tokens for a refresh token, once, with the same scopes or
// fewer. One that was used before ends the whole authorization (RFC 9700 §4.14.2).
func (h *Hub) Renew(ctx context.Context, refresh string, by Bearer, scopes smart.Scopes) (Tokens, error) {
	k, err := h.openToken(refreshToken, refresh)
	if err != nil {
		return Tokens{}, err
	}
	return h.trade(ctx, k, func(t *tx, auth *account.Authorization) error {
		switch {
		case by.Client != auth.Client || by.Bound != auth.Bound:
			return fmt.Errorf("hub: renew: %w", fault.Unauthenticated)
		case !account.Is(auth.Refresh, k.secret):
			return errSpent
		}
		if auth.Granted = auth.Scopes; scopes != "" {
			auth.Granted = scopes.Within(auth.Scopes)
		}
		return nil
	})
}

// trade turns what a token stands for into new tokens, once fn finds it good. A
// spent one ends the authorization, and the trail says so.
func (h *Hub) trade(ctx context.Context, k pass, fn func(*tx, *account.Authorization) error) (out Tokens, err error) {
	spent := false
	err = h.commit(ctx, k.part, func(t *tx) error {
		spent = false
		auth, err := account.LoadAuthorization(t, t.Scope, k.id, t.now)
		if err != nil {
			return err
		}
		a, _, err := h.admit(t, k.part, auth.Name, t.now)
		if err != nil {
			return err
		}
		if err := fn(t, &auth); errors.Is(err, errSpent) {
			spent = true
			a.Session = sessionName(k.id)
			e := a.did("reuse-token", auth.Client)
			e.Refused = true
			t.note(e)
			return account.EndAuthorization(t, t.Scope, k.id)
		} else if err != nil {
			return err
		}
		out = h.tokens(&auth, a, t.now)
		return account.KeepAuthorization(t, t.Scope, auth)
	})
	if spent && err == nil {
		return Tokens{}, errSpent
	}
	if kind := fault.Of(err); kind == fault.NotFound || kind == fault.Denied {
		return Tokens{}, fmt.Errorf("hub: token: %w", fault.Unauthenticated)
	}
	return out, err
}

// tokens makes new tokens for an authorization; those before are void.
func (h *Hub) tokens(auth *account.Authorization, a Actor, now time.Time) Tokens {
	auth.AccessEnds = now.Add(AccessLife)
	if auth.AccessEnds.After(auth.Ends) {
		auth.AccessEnds = auth.Ends
	}
	out := Tokens{Ends: auth.AccessEnds, Scopes: auth.Granted, Nonce: auth.Binding.Nonce}
	out.Access, auth.Access = h.newToken(accessToken, a.Part, auth.ID)
	if auth.Scopes.Has("offline_access") {
		out.Refresh, auth.Refresh = h.newToken(refreshToken, a.Part, auth.ID)
	}
	out.Actor = a.through(*auth)
	return out
}

// through returns the actor as they act through a program.
func (a Actor) through(auth account.Authorization) Actor {
	a.Device, a.Authorization, a.Session = auth.Name, auth.ID, sessionName(auth.ID)
	a.Scopes = auth.Granted
	return a
}

// TokensThrottled is fault.Throttled for a network that too many bad tokens came
// from.
func (h *Hub) TokensThrottled(remote netip.Addr) error { return h.throttleTokens(remote, 0) }

// CheckToken returns for whom an access token lets a program act. bound is the
// SHA-256 of the TLS certificate it came with, if any. A token that is not good,
// for whatever reason, is fault.Unauthenticated; too many that never were,
// fault.Throttled. It costs one read.
func (h *Hub) CheckToken(ctx context.Context, access, bound string, remote netip.Addr) (Actor, time.Time, error) {
	if err := h.throttleTokens(remote, 0); err != nil {
		return Actor{}, time.Time{}, err
	}
	k, err := h.openToken(accessToken, access)
	if err != nil {
		return Actor{}, time.Time{}, errors.Join(h.throttleTokens(remote, 1), err)
	}
	var a Actor
	var ends time.Time
	err = h.view(ctx, k.part, func(r store.Reader) error {
		now := h.Now()
		auth, err := account.LoadAuthorization(r, h.scope(k.part), k.id, now)
		if err != nil {
			return err
		}
		if !account.Is(auth.Access, k.secret) || !now.Before(auth.AccessEnds) || auth.Bound != "" && auth.Bound != bound {
			return fmt.Errorf("hub: token: %w", fault.Unauthenticated)
		}
		a, _, err = h.admit(r, k.part, auth.Name, now)
		a, ends = a.through(auth), auth.AccessEnds
		return err
	})
	switch fault.Of(err) {
	case "":
		return a, ends, nil
	case fault.NotFound, fault.Denied, fault.Unauthenticated:
		return Actor{}, time.Time{}, fmt.Errorf("hub: token: %w", fault.Unauthenticated)
	}
	return Actor{}, time.Time{}, err
}

// throttleTokens counts n tokens from a network that this hub never made. One
// that has ended is not among them: every program shows one now and then.
func (h *Hub) throttleTokens(remote netip.Addr, n int) error {
	if h.loginFailures.Add("remote "+limit.Network(remote), n, h.Now()) > 5*h.Limits.LoginFailures {
		return fmt.Errorf("hub: token: %w", fault.Throttled)
	}
	return nil
}

// ErrNoMailbox says that a program acts for a mailbox that is not there, or is no
// application's.
var ErrNoMailbox = fmt.Errorf("hub: the mailbox of that program: %w", fault.Denied)

// LoginSystem begins a session for a program that acts for a mailbox of its own
// and has proved who it is (RFC 6749 §4.4). There is no refresh token: it proves
// it again.
func (h *Hub) LoginSystem(ctx context.Context, c software.Client, scopes smart.Scopes, bound string) (Tokens, error) {
	address, err := ident.ParseAddress(c.Mailbox)
	if err != nil {
		return Tokens{}, ErrNoMailbox
	}
	auth := account.Authorization{Client: c.ID, Name: c.Name, Scopes: scopes.Within(c.Scopes), Bound: bound}
	out, err := h.issue(ctx, address, auth, h.Now().Add(AccessLife), true, func(a Actor) bool { return a.Role == policy.Application })
	if fault.Of(err) == fault.NotFound {
		err = ErrNoMailbox
	}
	return out, err
}

// DemoToken gives an access token for whoever has that address, good until then:
// a demonstration's, never a real hub's (fault.Denied).
func (h *Hub) DemoToken(ctx context.Context, a ident.Address, device string, until time.Time) (string, error) {
	if !h.TestMode {
		return "", fmt.Errorf("hub: demo token outside test mode: %w", fault.Denied)
	}
	auth := account.Authorization{Name: device, Scopes: "patient/*.cruds system/*.cruds user/*.cruds"}
	out, err := h.issue(ctx, a, auth, until, true, func(Actor) bool { return true })
	return out.Access, err
}

// LoginBearer begins a session for the professional of that RPPS number, through
// a program that showed a token which a trusted provider of identities vouches
// for until then. It returns an access token that stands for that one, so that
// the session can be ended like any other. Errors are those of
// LoginProfessional.
func (h *Hub) LoginBearer(ctx context.Context, n ident.RPPS, at Attempt, program string, scopes smart.Scopes, until time.Time) (string, error) {
	a, err := h.LoginProfessional(ctx, n, at, program)
	if err != nil {
		return "", err
	}
	out, err := h.issue(ctx, a.Address, account.Authorization{Name: program, Scopes: scopes}, until, false, func(Actor) bool { return true })
	return out.Access, err
}

// issue gives an access token at once for whoever has an address, if ok; that is
// a log-in of its own, or not.
func (h *Hub) issue(ctx context.Context, address ident.Address, auth account.Authorization, until time.Time, login bool, ok func(Actor) bool) (out Tokens, err error) {
	part, err := h.mailboxAt(ctx, address)
	if err != nil {
		return out, err
	}
	err = h.commit(ctx, part, func(t *tx) error {
		a, d, err := h.admit(t, part, auth.Name, t.now)
		if err != nil {
			return err
		}
		if a.Address != address || !ok(a) {
			return fmt.Errorf("hub: token: %w", fault.NotFound)
		}
		auth := auth
		auth.Scopes = auth.Scopes.In(contexts(a.Role)...)
		auth.Begun, auth.Ends, auth.Granted = t.now, until, auth.Scopes
		if auth.ID, err = account.Authorize(t, t.Scope, auth, t.now); err != nil {
			return err
		}
		out = h.tokens(&auth, a, t.now)
		if auth.Client == "" { // no program will come back for another
			auth.AccessEnds, out.Ends = until, until
		}
		if login {
			t.note(decided(out.Actor.entry(policy.Login, "api"), d))
		}
		return account.KeepAuthorization(t, t.Scope, auth)
	})
	return out, err
}

// ClientOf returns the identifier of the program that an access or refresh token
// was given to; fault.Unauthenticated if it is none that counts.
func (h *Hub) ClientOf(ctx context.Context, text string) (client string, err error) {
	k, err := h.openAny(text)
	if err != nil {
		return "", err
	}
	err = h.view(ctx, k.part, func(r store.Reader) error {
		auth, err := account.LoadAuthorization(r, h.scope(k.part), k.id, h.Now())
		client = auth.Client
		return err
	})
	if fault.Of(err) == fault.NotFound {
		err = fmt.Errorf("hub: token: %w", fault.Unauthenticated)
	}
	return client, err
}

// openAny opens an access or a refresh token.
func (h *Hub) openAny(text string) (pass, error) {
	k, err := h.openToken(accessToken, text)
	if err != nil {
		k, err = h.openToken(refreshToken, text)
	}
	return k, err
}

// EndToken ends the authorization that an access or refresh token of a program
// stands for (RFC 7009). What is no token of it, or has ended, is no error.
func (h *Hub) EndToken(ctx context.Context, text, client string) error {
	k, err := h.openAny(text)
	if err != nil {
		return nil // RFC 7009 §2.2
	}
	err = h.commit(ctx, k.part, func(t *tx) error {
		auth, err := account.LoadAuthorization(t, t.Scope, k.id, t.now)
		switch {
		case err != nil:
			return err
		case auth.Client != client || !account.Is(auth.Access, k.secret) && !account.Is(auth.Refresh, k.secret):
			return fmt.Errorf("hub: end token: %w", fault.NotFound)
		}
		bal, _, err := directory.Load(t, t.Scope)
		if err != nil {
			return err
		}
		return h.endAuthorization(t, auth, audit.Entry{Actor: bal.Address, ActorName: bal.Name, Role: bal.Role().String(),
			Means: auth.Name, Act: "end-authorization", Object: auth.Client})
	})
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	return err
}

// endAuthorization ends an authorization, and the trail says so: by is the entry
// that says who did.
func (h *Hub) endAuthorization(t *tx, auth account.Authorization, by audit.Entry) error {
	by.Session = sessionName(auth.ID)
	t.note(by)
	return account.EndAuthorization(t, t.Scope, auth.ID)
}
