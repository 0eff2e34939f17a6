package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// Signing in through the web takes two steps: SignIn checks the password and says
// which second factors there are; one of SignInCode and SignInTOTP (and of the
// passkeys, which need no password) ends it and opens a session. Until then
// nobody learns more than whether they may go on.

// A Factor is a second factor.
type Factor string

// The factors.
const (
	ByMailCode Factor = "mail"
	BySMSCode  Factor = "sms"
	ByTOTP     Factor = "totp"
	ByPasskey  Factor = "passkey"
	ByDevice   Factor = "device" // a device the person trusts, which showed two before
)

// An Offer is a second factor that a person has.
type Offer struct {
	Factor Factor
	Hint   string // where a code would go, as far as its owner recognises it
}

// A Step is what SignIn leads to: a second factor to be shown, or, on a trusted
// device, the end.
type Step struct {
	Ticket string // for the next step, within TicketLife
	Offers []Offer
	Entry  *Entry // of a trusted device: nothing is left to show
}

// An Entry is a login that has come to its end.
type Entry struct {
	Actor   Actor
	Session account.Session
	Token   string // the session's, for its cookie
	Trust   string // of a device that is trusted from now on; "" if that was not asked
}

// How long things of a web login live.
const (
	TicketLife = 5 * time.Minute
	WebIdle    = 30 * time.Minute // of a session that is not used
	WebLife    = 12 * time.Hour
	TrustLife  = 30 * 24 * time.Hour // of a trusted device
)

// maxCodes bounds the login codes sent to one person in a day.
const maxCodes = 20

// A ticket is what was proved so far. It travels with the client, sealed.
type ticket struct {
	Part  store.Part
	Made  time.Time
	Since time.Time // of the password: another one makes the ticket worthless
}

const ticketContext = "hub/ticket"

// SignIn checks a login and a password. trusted is the Trust of an earlier Entry
// on the same device, or "". Whatever is wrong, the error is
// fault.Unauthenticated, after the same work; too many failures are
// fault.Throttled.
func (h *Hub) SignIn(ctx context.Context, at Attempt, password, trusted string) (Step, error) {
	if err := h.throttleLogin(at, 0); err != nil {
		return Step{}, err
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return Step{}, err
	}
	who, part, err := h.person(ctx, p, at.Login)
	if err != nil {
		return Step{}, err
	}
	ok, aged, err := p.Matches(ctx, who, password)
	if err != nil {
		return Step{}, err
	}
	if !ok {
		return Step{}, h.signInFailed(ctx, at, part, "password")
	}
	if aged {
		h.renewHash(ctx, p, part, who, password)
	}
	if trusted != "" {
		entry, err := h.signInTrusted(ctx, at, p, part, trusted)
		if err == nil || !errors.Is(err, fault.Unauthenticated) {
			return Step{Entry: entry}, err
		}
	}
	offers, err := h.offers(ctx, p, part)
	if err != nil {
		return Step{}, err
	}
	text, err := sealTicket(p, ticket{part, h.Now(), who.PasswordSet}, ticketContext)
	return Step{Ticket: text, Offers: offers}, err
}

// person finds who has a login. One that is nobody's gives the zero Person in a
// partition that is empty, so that both cost the same.
func (h *Hub) person(ctx context.Context, p *account.Pepper, login string) (who account.Person, part store.Part, err error) {
	l, _ := account.ParseLogin(login) // the zero Login has a Part too, and is nobody's
	index := l.Part(h.Index)
	known := false
	err = h.view(ctx, index, func(r store.Reader) error {
		part, known, err = account.FindLogin(r, h.scope(index))
		return err
	})
	if err != nil {
		return who, "", err
	}
	if !known {
		part = nowhere
	}
	who, known, err = h.personIn(ctx, p, part)
	if err != nil || !known || who.Login != l.Canonical() {
		return account.Person{}, nowhere, err
	}
	return who, part, nil
}

// personIn reads the person of a partition, as far as they sign in; known says
// whether they do.
func (h *Hub) personIn(ctx context.Context, p *account.Pepper, part store.Part) (who account.Person, known bool, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		who, known, err = account.LoadPerson(r, p, h.scope(part))
		return err
	})
	return who, known, err
}

// renewHash keeps a password that was right with today's parameters. That it
// fails is no reason to refuse a login.
func (h *Hub) renewHash(ctx context.Context, p *account.Pepper, part store.Part, was account.Person, password string) {
	hash, err := p.NewPasswordHash(ctx, password)
	if err == nil {
		err = h.commit(ctx, part, func(t *tx) error {
			who, ok, err := account.LoadPerson(t, p, t.Scope)
			if err != nil || !ok || !who.PasswordSet.Equal(was.PasswordSet) {
				return err
			}
			who.Hash = hash
			return account.SetPerson(t, p, t.Scope, who)
		})
	}
	if err != nil {
		h.Log.Warn("password hash not renewed", "err", err)
	}
}

// signInFailed counts a failure and writes it into the person's own trail, or
// the hub's where there is no such person: one commit in either case. It returns
// the error of the attempt.
func (h *Hub) signInFailed(ctx context.Context, at Attempt, part store.Part, what string) error {
	if part == nowhere {
		return h.LoginFailed(ctx, at)
	}
	throttled := h.throttleLogin(at, 1)
	err := h.note(ctx, part, audit.Entry{Actor: at.Remote.String(), Act: policy.Login.String(), Object: "web " + what, Refused: true})
	switch {
	case err != nil:
		return fmt.Errorf("hub: sign in: %w", err)
	case throttled != nil:
		return throttled
	}
	return fmt.Errorf("hub: login: %w", fault.Unauthenticated)
}

// offers lists the second factors of a person, the strongest first.
func (h *Hub) offers(ctx context.Context, p *account.Pepper, part store.Part) (list []Offer, err error) {
	err = h.view(ctx, part, func(r store.Reader) error {
		keys, err := account.ListPasskeys(r, p, h.scope(part))
		if err != nil {
			return err
		}
		totp, err := account.HasTOTP(r, p, h.scope(part))
		if len(keys) > 0 {
			list = append(list, Offer{Factor: ByPasskey})
		}
		if totp {
			list = append(list, Offer{Factor: ByTOTP})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c, err := h.contactOf(ctx, part)
	if err != nil {
		return nil, err
	}
	if c.HasMail() {
		list = append(list, Offer{ByMailCode, patient.MaskMail(c.Mail)})
	}
	if c.HasPhone() {
		list = append(list, Offer{BySMSCode, patient.MaskPhone(c.Phone)})
	}
	return list, nil
}

// openTicket opens a ticket of SignIn. Anything else is fault.Unauthenticated.
func (h *Hub) openTicket(p *account.Pepper, text string) (k ticket, err error) {
	if err := openTicket(p, text, &k, ticketContext); err != nil {
		return ticket{}, err
	}
	if age := h.Now().Sub(k.Made); age < 0 || age >= TicketLife {
		return ticket{}, fmt.Errorf("hub: ticket: %w", fault.Unauthenticated)
	}
	return k, nil
}

// SendLoginCode sends a code to whoever holds a ticket, by mail or by text
// message. Sooner than thirty seconds after another it is a Refusal,
// fault.Throttled.
func (h *Hub) SendLoginCode(ctx context.Context, text string, by Factor) error {
	p, err := h.pepper(ctx)
	if err != nil {
		return err
	}
	k, err := h.openTicket(p, text)
	if err != nil {
		return err
	}
	offers, err := h.offers(ctx, p, k.Part)
	if err != nil {
		return err
	}
	channel, ok := map[Factor]Channel{ByMailCode: ByMail, BySMSCode: BySMS}[by]
	if !ok || !slices.ContainsFunc(offers, func(o Offer) bool { return o.Factor == by }) {
		return fmt.Errorf("hub: login code: %w", fault.Invalid)
	}
	if err := h.countCode("login "+string(k.Part), maxCodes); err != nil {
		return err
	}
	err = h.commit(ctx, k.Part, func(t *tx) error {
		if err := k.holds(t, t.Scope, p); err != nil {
			return err
		}
		code, err := account.IssueCode(t, p, t.Part, account.LoginCode, 0, t.now)
		if err != nil {
			return err
		}
		t.note(byHub("send-code", string(by)))
		return h.notice(t, Notice{Kind: NoticeLoginCode, Channel: channel, Code: code, Expires: t.now.Add(account.LoginCode.Life())})
	})
	return tooSoon(err)
}

// holds reports whether the password that gave a ticket is still the person's.
func (k ticket) holds(r store.Reader, s fact.Scope, p *account.Pepper) error {
	who, ok, err := account.LoadPerson(r, p, s)
	if err == nil && (!ok || !who.PasswordSet.Equal(k.Since)) {
		err = fmt.Errorf("hub: ticket: %w", fault.Unauthenticated)
	}
	return err
}

// SignInCode ends a login with the code that was sent. trust makes the device one
// that needs no second factor for TrustLife.
func (h *Hub) SignInCode(ctx context.Context, at Attempt, ticket, code string, trust bool) (Entry, error) {
	return h.signInWith(ctx, at, ticket, ByMailCode, code, trust)
}

// SignInTOTP ends a login with a code that an authenticator shows.
func (h *Hub) SignInTOTP(ctx context.Context, at Attempt, ticket, code string, trust bool) (Entry, error) {
	return h.signInWith(ctx, at, ticket, ByTOTP, code, trust)
}

// signInWith ends a login with something typed. A try that is wrong is counted in
// the partition, and so are the failures of the account and the address.
func (h *Hub) signInWith(ctx context.Context, at Attempt, text string, by Factor, code string, trust bool) (entry Entry, err error) {
	k, p, err := h.resume(ctx, &at, text)
	if err != nil {
		return entry, err
	}
	var wrong error
	err = h.commit(ctx, k.Part, func(t *tx) (err error) {
		if err := k.holds(t, t.Scope, p); err != nil {
			return err
		}
		if wrong, err = h.showFactor(t, p, by, code); err != nil || wrong != nil {
			return err
		}
		entry, err = h.letIn(t, at, p, by, trust)
		return err
	})
	return h.signedIn(ctx, at, k.Part, entry, errors.Join(err, wrong), by)
}

// resume opens a ticket for a second step, and counts for whose login it is.
func (h *Hub) resume(ctx context.Context, at *Attempt, text string) (k ticket, p *account.Pepper, err error) {
	if p, err = h.pepper(ctx); err != nil {
		return k, nil, err
	}
	if k, err = h.openTicket(p, text); err != nil {
		return k, nil, err
	}
	who, _, err := h.personIn(ctx, p, k.Part)
	if err != nil {
		return k, nil, err
	}
	at.Login = who.Login
	return k, p, h.throttleLogin(*at, 0)
}

// showFactor tries a second factor. wrong says that it is not right, in words for
// the person if they hold a code that is no use any more; the try is to be
// committed all the same.
func (h *Hub) showFactor(t *tx, p *account.Pepper, by Factor, code string) (wrong, err error) {
	if by == ByTOTP {
		ok, err := account.CheckTOTP(t, p, t.Scope, code, t.now)
		if err == nil && !ok {
			wrong = fmt.Errorf("hub: second factor: %w", fault.Unauthenticated)
		}
		return wrong, err
	}
	result, err := account.CheckCode(t, p, t.Part, account.LoginCode, code, t.now)
	return refuseCode(result), err
}

// signedIn returns an entry, or what went wrong: wrong proofs are counted and
// traced, and what policy refuses looks like one.
func (h *Hub) signedIn(ctx context.Context, at Attempt, part store.Part, entry Entry, err error, by Factor) (Entry, error) {
	if err == nil {
		h.loginFailures.Reset("account " + strings.ToLower(at.Login))
		return entry, nil
	}
	switch fault.Of(err) {
	case fault.Unauthenticated, fault.NotFound, fault.Denied:
	default:
		return Entry{}, fmt.Errorf("hub: sign in: %w", err)
	}
	failed := h.signInFailed(ctx, at, part, string(by))
	if r := (*Refusal)(nil); errors.As(err, &r) && errors.Is(failed, fault.Unauthenticated) && r.Kind == error(fault.Unauthenticated) {
		return Entry{}, r
	}
	return Entry{}, failed
}

// signInTrusted ends a login on a device that the person trusts. A device they
// do not trust, or no more, is fault.Unauthenticated.
func (h *Hub) signInTrusted(ctx context.Context, at Attempt, p *account.Pepper, part store.Part, trusted string) (*Entry, error) {
	token, err := account.ParseToken(h.Index, trusted)
	if err != nil {
		return nil, err
	}
	if token.Part != part {
		return nil, fmt.Errorf("hub: trusted device: %w", fault.Unauthenticated)
	}
	var entry Entry
	err = h.commit(ctx, part, func(t *tx) error {
		n, err := account.CheckSession(t, t.Scope, token.ID, token.Secret, t.now)
		if err != nil {
			return err
		}
		if n.Kind != account.TrustedDevice {
			return fmt.Errorf("hub: trusted device: %w", fault.Unauthenticated)
		}
		if err := account.TouchSession(t, t.Scope, n.ID, t.now); err != nil {
			return err
		}
		entry, err = h.letIn(t, at, p, ByDevice, false)
		return err
	})
	if k := fault.Of(err); k == fault.NotFound || k == fault.Denied {
		return nil, h.signInFailed(ctx, at, part, string(ByDevice))
	}
	return &entry, err
}

// letIn lets a person in who has proved two factors: policy permitting, a session
// is opened, the trail tells of it, and of a device not seen before the person
// is told.
func (h *Hub) letIn(t *tx, at Attempt, p *account.Pepper, by Factor, trust bool) (entry Entry, err error) {
	var d policy.Decision
	if entry.Actor, d, err = h.admit(t, t.Part, at.Device, t.now); err != nil {
		return Entry{}, err
	}
	n, secret, err := account.NewSession(t, t.Scope, account.Session{
		Kind: account.WebSession, Device: at.Device, Factor: string(by), Created: t.now, Idle: WebIdle, Expires: t.now.Add(WebLife)})
	if err != nil {
		return Entry{}, err
	}
	entry.Session, entry.Token = n, account.Token{Part: t.Part, ID: n.ID, Secret: secret}.Seal(h.Index)
	entry.Actor.Device, entry.Actor.Session, entry.Actor.Web = n.Device, n.ID, true
	if trust {
		device, secret, err := account.NewSession(t, t.Scope, account.Session{
			Kind: account.TrustedDevice, Device: at.Device, Factor: string(by), Created: t.now, Expires: t.now.Add(TrustLife)})
		if err != nil {
			return Entry{}, err
		}
		entry.Trust = account.Token{Part: t.Part, ID: device.ID, Secret: secret}.Seal(h.Index)
		t.note(entry.Actor.did("trust-device", device.Device))
	}
	t.note(decided(entry.Actor.did(policy.Login.String(), "web "+string(by)), d))
	return entry, h.knowDevice(t, p, n.Device)
}

// knowDevice remembers the devices of a person, and tells them of a new one.
func (h *Hub) knowDevice(t *tx, p *account.Pepper, device string) error {
	who, ok, err := account.LoadPerson(t, p, t.Scope)
	if err != nil || !ok || slices.Contains(who.Devices, device) {
		return err
	}
	first := len(who.Devices) == 0
	const most = 20
	if who.Devices = append(who.Devices, device); len(who.Devices) > most {
		who.Devices = who.Devices[1:]
	}
	if err := account.SetPerson(t, p, t.Scope, who); err != nil || first {
		return err
	}
	return h.notice(t, Notice{Kind: NoticeDevice})
}

// sensitive reports whether an actor may do what is sensitive: through the web,
// they have proved who they are in the last quarter of an hour. What they came
// with otherwise is judged by policy alone.
func (h *Hub) sensitive(r store.Reader, s fact.Scope, a Actor) error {
	if !a.Web {
		return nil
	}
	now := h.Now()
	n, err := account.FindSession(r, s, a.Session, now)
	if err != nil {
		return err
	}
	if !n.Fresh(now) {
		return &proveAgain
	}
	return nil
}
