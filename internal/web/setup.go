package web

import (
	"encoding/json"
	"net"
	"net/url"
	"time"

	"vaguemestre/internal/ident"
)

// Setting up a mail program: the page that a QR code leads to on the phone, and
// the files that programs take their settings from (setupfiles.go). None of them
// holds a password.

const (
	setupPath   = "/reglages"
	profilePath = setupPath + "/profil.mobileconfig"

	setupPurpose = "web/setup"
	setupLife    = 10 * time.Minute
	setupParam   = "pour"
)

var settingUp = []route{
	{path: setupPath, get: (*call).setupPage},
	{path: profilePath, get: (*call).profileFile},
}

// setupFor is whose program is set up: what the QR code carries, sealed.
type setupFor struct {
	Name, Address string
	End           time.Time
}

// setupLink is an address that names somebody to us alone, for a while.
func (c *call) setupLink(path string, s setupFor) (string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	text, err := c.s.hub.SealState(setupPurpose, b)
	return path + "?" + setupParam + "=" + url.QueryEscape(text), err
}

// setupAsked is whose program is set up, and the end of the address that says so;
// nobody's where nothing says, or too long ago.
func (c *call) setupAsked() (s setupFor, query string) {
	text := c.r.URL.Query().Get(setupParam)
	if text == "" || len(text) > maxCookie {
		return s, ""
	}
	b, err := c.s.hub.OpenState(setupPurpose, text)
	if err != nil || json.Unmarshal(b, &s) != nil || !c.now().Before(s.End) {
		return setupFor{}, ""
	}
	return s, "?" + setupParam + "=" + url.QueryEscape(text)
}

// A mailServer is where a program connects, with TLS from the first byte.
type mailServer struct{ Host, Port string }

func server(at string) mailServer {
	host, port, _ := net.SplitHostPort(at)
	return mailServer{host, port}
}

// setupView is what the page of the settings shows, and the sheet of a new
// password.
type setupView struct {
	Address    string // "" : whoever looks knows theirs
	Profile    string // address of the profile for Apple's programs
	IMAP, SMTP mailServer
	Late       bool // the link said for whom, and does not any more
}

func (c *call) setup() setupView {
	s, query := c.setupAsked()
	v := setupView{Address: s.Address, Profile: profilePath + query, IMAP: server(c.s.cfg.Mail.IMAP), SMTP: server(c.s.cfg.Mail.SMTP)}
	v.Late = query == "" && c.r.URL.RawQuery != ""
	return v
}

func (c *call) setupPage() error {
	if c.s.cfg.Mail.IMAP == "" || c.s.cfg.Mail.SMTP == "" {
		return nothingHere(c)
	}
	return c.page("setup", "setup.title", c.setup())
}

// profileFile is a configuration profile for Apple's mail programs. It is not
// signed: they say so, and take it. It asks for what it does not hold.
func (c *call) profileFile() error {
	if c.s.cfg.Mail.IMAP == "" || c.s.cfg.Mail.SMTP == "" {
		return nothingHere(c)
	}
	s, _ := c.setupAsked()
	c.fileHead("vaguemestre.mobileconfig", "application/x-apple-aspen-config", false)
	_, _ = c.w.Write(appleProfile(c.s.cfg, s, c.words("name"), c.words("setup.profile")))
	return nil
}

// sheet is what the owner of a new password types into their program.
type sheet struct {
	secret
	setupView
	QR picture
}

// devicePage shows a new password, once, with all that goes with it.
func (c *call) devicePage() error {
	s := c.keptSecret()
	if s.Device == "" {
		return c.to(securityPath, "")
	}
	v := sheet{secret: s, setupView: c.setup()}
	v.Address = c.who.Address.Canonical()
	whose := setupFor{c.who.Name, v.Address, c.now().Add(setupLife)}
	link, err := c.setupLink(setupPath, whose)
	if err == nil {
		v.QR, err = qrCode(c.s.cfg.Base + link)
	}
	if err != nil {
		return err
	}
	if v.Profile, err = c.setupLink(profilePath, whose); err != nil {
		return err
	}
	return c.page("device", "device.title", v)
}

// canonical is the address that a program asks about, as it is written here; ""
// for what is none.
func canonical(text string) string {
	a, err := ident.ParseAddress(text)
	if err != nil {
		return ""
	}
	return a.Canonical()
}
