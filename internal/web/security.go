package web

import (
	"context"
	"errors"
	"html/template"
	"strings"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
)

// Sécurité: where one is signed in, how one is reached, what one signs in with.

// securityKeeper keeps what people come in with.
type securityKeeper interface {
	WebLogin(ctx context.Context, a hub.Actor) (string, error)
	WebSessions(ctx context.Context, a hub.Actor) ([]account.Session, error)
	EndOtherWebSessions(ctx context.Context, a hub.Actor) error
	Contact(ctx context.Context, a hub.Actor) (patient.Contact, error)
	BeginContact(ctx context.Context, a hub.Actor, by hub.Channel, address string) error
	ConfirmContact(ctx context.Context, a hub.Actor, by hub.Channel, code string) error
	ChangePassword(ctx context.Context, at hub.Attempt, a hub.Actor, old, password string) error
	SetPhrase(ctx context.Context, a hub.Actor, phrase string) error
	HasTOTP(ctx context.Context, a hub.Actor) (bool, error)
	BeginTOTP(ctx context.Context, a hub.Actor) (url, secret string, err error)
	ConfirmTOTP(ctx context.Context, a hub.Actor, code string) error
	RemoveTOTP(ctx context.Context, a hub.Actor) error
	OwnPasswords(ctx context.Context, a hub.Actor) ([]account.Password, error)
	AddOwnPassword(ctx context.Context, a hub.Actor, device string) (string, error)
	RevokeOwnPassword(ctx context.Context, a hub.Actor, id string) error
}

const (
	passwordPath = securityPath + "/mot-de-passe"

	mailPath   = securityPath + "/courriel"
	phonePath  = securityPath + "/telephone"
	totpPath   = securityPath + "/authentificateur"
	devicePath = securityPath + "/logiciel"

	secretCookie = "__Host-secret" // what is shown once: a new password, a new authenticator's secret; sealed
	secretLife   = 10 * time.Minute
)

// securityView is what the page shows.
type securityView struct {
	Login     string
	Contact   patient.Contact
	TOTP      bool
	Passkeys  []account.Passkey
	Passwords []account.Password
	Sessions  []account.Session
	Own       string // the session of this browser

	OffersPasskeys bool
}

func (c *call) security() (v securityView, err error) {
	a := c.who.Actor
	v.Own = a.Session
	var errs [6]error
	v.Login, errs[0] = c.s.hub.WebLogin(c.ctx(), a)
	v.Contact, errs[1] = c.s.hub.Contact(c.ctx(), a)
	v.TOTP, errs[2] = c.s.hub.HasTOTP(c.ctx(), a)
	v.Passwords, errs[3] = c.s.hub.OwnPasswords(c.ctx(), a)
	v.Sessions, errs[4] = c.s.hub.WebSessions(c.ctx(), a)
	if v.OffersPasskeys = c.s.hub.OffersPasskeys(); v.OffersPasskeys {
		v.Passkeys, errs[5] = c.s.hub.Passkeys(c.ctx(), a)
	}
	return v, errors.Join(errs[:]...)
}

func (c *call) securityPage() error {
	v, err := c.security()
	if err != nil {
		return err
	}
	return c.page("security", "security.title", v)
}

// securityAgain shows the page with what is wrong with one of its forms.
func (c *call) securityAgain(field, words string) error {
	v, err := c.security()
	if err != nil {
		return err
	}
	c.wrong(field, words)
	return c.again("security", "security.title", v)
}

func (c *call) endSession() error {
	err := c.s.hub.EndWebSession(c.ctx(), c.who.Actor, c.form.value("id"))
	if errors.Is(err, fault.NotFound) {
		err = nil // it has ended by itself meanwhile
	}
	return c.after(err, securityPath, "news.session-ended")
}

func (c *call) endOthers() error {
	return c.after(c.s.hub.EndOtherWebSessions(c.ctx(), c.who.Actor), securityPath, "news.sessions-ended")
}

func (c *call) setPhrase() error {
	err := c.s.hub.SetPhrase(c.ctx(), c.who.Actor, c.form.value("phrase"))
	if errors.Is(err, fault.Invalid) {
		return c.securityAgain("phrase", "wrong.phrase")
	}
	return c.after(err, securityPath, "news.saved")
}

// contactView is what the page of a new address shows.
type contactView struct {
	Field, Path string
	Sent        bool // a code awaits its answer
}

// contactAt tells by the path whether it is about mail or a phone.
func (c *call) contactAt() (by hub.Channel, v contactView) {
	if strings.HasPrefix(c.r.URL.Path, phonePath) {
		return hub.BySMS, contactView{Field: "phone", Path: phonePath}
	}
	return hub.ByMail, contactView{Field: "mail", Path: mailPath}
}

func (c *call) newContactPage() error {
	if !c.proved() {
		return c.mustProve(c.r.URL.Path)
	}
	k, err := c.s.hub.Contact(c.ctx(), c.who.Actor)
	if err != nil {
		return err
	}
	by, v := c.contactAt()
	v.Sent = by == hub.ByMail && k.NewMail != "" || by == hub.BySMS && k.NewPhone != ""
	return c.page("newcontact", "newcontact.title."+v.Field, v)
}

func (c *call) beginContact() error {
	by, v := c.contactAt()
	if c.need(v.Field); len(c.form.errs) > 0 {
		return c.again("newcontact", "newcontact.title."+v.Field, v)
	}
	err := c.s.hub.BeginContact(c.ctx(), c.who.Actor, by, c.form.value(v.Field))
	switch {
	case errors.Is(err, fault.Invalid):
		c.wrong(v.Field, "wrong."+v.Field)
		return c.again("newcontact", "newcontact.title."+v.Field, v)
	case errors.Is(err, fault.Throttled) && c.blame(v.Field, err):
		return c.again("newcontact", "newcontact.title."+v.Field, v)
	}
	return c.after(err, v.Path, "news.code-sent")
}

func (c *call) confirmContact() error {
	by, v := c.contactAt()
	v.Sent = true
	err := c.s.hub.ConfirmContact(c.ctx(), c.who.Actor, by, compact(c.form.value("code")))
	if errors.Is(err, fault.Unauthenticated) && !refusedBy(err, "session/prove-again") {
		if !c.blame("code", err) {
			c.wrong("code", "wrong.code")
		}
		return c.again("newcontact", "newcontact.title."+v.Field, v)
	}
	if err != nil {
		return c.after(err, v.Path, "")
	}
	return c.to(securityPath, "news.contact-checked")
}

// A secret is shown once, in the session that asked for it: whoever comes after at
// the same browser has another.
type secret struct{ Session, Device, Text, URL string }

func (c *call) keepSecret(s secret) error {
	s.Session = c.who.Actor.Session
	return c.keep(secretCookie, s, secretLife)
}

func (c *call) keptSecret() (s secret) {
	if !c.kept(secretCookie, &s) || s.Session != c.who.Actor.Session {
		return secret{}
	}
	return s
}

// QR is the same for the camera of a phone.
func (s secret) QR() picture {
	p, _ := qrCode(s.URL) // what does not fit is typed
	return p
}

// Link is the address that opens an authenticator application: its scheme is one
// that templates do not take for safe by themselves.
func (s secret) Link() template.URL {
	if !strings.HasPrefix(s.URL, "otpauth://") {
		return ""
	}
	return template.URL(s.URL) //nolint:gosec // made by the door, and checked
}

func (c *call) beginTOTP() error {
	url, text, err := c.s.hub.BeginTOTP(c.ctx(), c.who.Actor)
	if err == nil {
		err = c.keepSecret(secret{Text: text, URL: url})
	}
	return c.after(err, totpPath, "")
}

func (c *call) totpPage() error {
	s := c.keptSecret()
	if s.URL == "" {
		return c.to(securityPath, "")
	}
	return c.page("totp", "totp.title", s)
}

func (c *call) confirmTOTP() error {
	s := c.keptSecret()
	if s.URL == "" {
		return c.to(securityPath, "news.too-late")
	}
	err := c.s.hub.ConfirmTOTP(c.ctx(), c.who.Actor, compact(c.form.value("code")))
	if errors.Is(err, fault.Unauthenticated) && !refusedBy(err, "session/prove-again") {
		c.wrong("code", "wrong.totp")
		return c.again("totp", "totp.title", s)
	}
	if err == nil {
		c.unset(secretCookie)
		return c.to(securityPath, "news.totp-added")
	}
	return c.after(err, totpPath, "")
}

func (c *call) removeTOTP() error {
	return c.after(c.s.hub.RemoveTOTP(c.ctx(), c.who.Actor), securityPath, "news.totp-removed")
}

// addDevice makes a password for a mail program.
func (c *call) addDevice() error {
	name := c.form.value("device")
	if name == "" {
		return c.securityAgain("device", "wrong.empty")
	}
	text, err := c.s.hub.AddOwnPassword(c.ctx(), c.who.Actor, name)
	switch {
	case errors.Is(err, fault.Exists):
		return c.securityAgain("device", "wrong.device-exists")
	case errors.Is(err, fault.Invalid), errors.Is(err, fault.TooLarge):
		return c.securityAgain("device", "wrong.device")
	case err == nil:
		err = c.keepSecret(secret{Device: name, Text: text})
	default:
		return c.after(err, securityPath, "")
	}
	return c.after(err, devicePath, "")
}

func (c *call) revokeDevice() error {
	err := c.s.hub.RevokeOwnPassword(c.ctx(), c.who.Actor, c.form.value("id"))
	if errors.Is(err, fault.NotFound) {
		err = nil
	}
	return c.after(err, securityPath, "news.device-revoked")
}
