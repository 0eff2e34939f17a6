package web

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A call is one request, and who makes it.
type call struct {
	s       *Server
	w       http.ResponseWriter
	r       *http.Request
	lang    string // "fr" or "en"
	seed    string
	session string       // the cookie
	boxID   string       // the cookie
	who     *visitor     // nil: nobody who has signed in
	patient *hub.Footing // whose record a professional has open; nil: nobody's
	form    form
	subject *subject   // see about
	acting  *hub.Actor // a professional as they act in a mailbox that they share; nil: in none
	atEnd   []func()   // given back when the call is over
	held    int64      // bytes of what is open for it; see takeTurn

	visited *hub.Visit // the space of somebody else, where this is a page of it
}

// A visitor is somebody who has signed in.
type visitor struct {
	hub.Actor
	session account.Session
}

// cares reports whether a visitor is a professional, by name.
func (v *visitor) cares() bool { return professional(v.Actor) }

func (s *Server) newCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{s: s, w: w, r: r}
	c.lang = language(c.cookie(langCookie), r.Header.Get("Accept-Language"))
	c.session, c.boxID = c.cookie(sessionCookie), c.cookie(boxCookie)
	if c.seed = c.cookie(seedCookie); len(c.seed) < 32 && r.Method == http.MethodGet {
		c.newSeed()
	}
	return c
}

func (c *call) newSeed() {
	c.seed = newSeed()
	c.set(seedCookie, c.seed, 0)
}

func (c *call) ctx() context.Context { return c.r.Context() }

func (c *call) now() time.Time { return c.s.cfg.Now() }

// language is the one that somebody has chosen, or else prefers of ours.
func language(chosen, accepted string) string {
	if _, ok := catalogues[chosen]; ok {
		return chosen
	}
	for _, one := range strings.Split(accepted[:min(len(accepted), 200)], ",") { // in practice the best comes first
		tag, _, _ := strings.Cut(strings.TrimSpace(one), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if _, ok := catalogues[tag]; ok {
			return tag
		}
	}
	return french
}

// readForm takes a form that came from one of our pages, in this session.
func (c *call) readForm() error {
	if err := c.s.guard.Check(c.r); err != nil {
		return fmt.Errorf("web: form: %v: %w", err, errForged)
	}
	if kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); kind != "application/x-www-form-urlencoded" {
		return fmt.Errorf("web: form: %w", fault.Invalid)
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxForm)
	if err := c.r.ParseForm(); err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return fmt.Errorf("web: form: %w", fault.TooLarge)
		}
		return fmt.Errorf("web: form: %w", fault.Invalid)
	}
	if !c.isOurs(c.r.PostForm.Get("token")) {
		return fmt.Errorf("web: form: %w", errForged)
	}
	c.form = form{values: c.r.PostForm}
	return nil
}

// isOurs reports whether a token is that of the forms of this session.
func (c *call) isOurs(token string) bool {
	if c.seed == "" {
		return false
	}
	want := c.formToken()
	if !c.inMail() || c.r.URL.Path == boxesPath { // where it does not matter which mailbox is open
		token, _, _ = strings.Cut(token, ".")
		want, _, _ = strings.Cut(want, ".")
	}
	return subtle.ConstantTimeCompare([]byte(token), []byte(want)) == 1
}

// recognise finds out who asks. A session that is over is nobody's.
func (c *call) recognise() error {
	if c.session == "" {
		return nil
	}
	a, n, err := c.s.hub.OpenWeb(c.ctx(), c.session)
	if errors.Is(err, fault.Unauthenticated) || errors.Is(err, fault.Invalid) {
		c.unset(sessionCookie)
		c.session = ""
		return nil
	}
	if err == nil {
		c.who = &visitor{a, n}
	}
	return err
}

// attempt is this request as an attempt to come in.
func (c *call) attempt(login string) hub.Attempt {
	at := hub.Attempt{Login: login, Protocol: "web", Device: device(c.r.UserAgent())}
	if remote, err := netip.ParseAddrPort(c.r.RemoteAddr); err == nil {
		at.Remote = remote.Addr().Unmap()
	}
	return at
}

// device names a browser as its holder would.
func device(agent string) string {
	first := func(among [][2]string, otherwise string) string {
		for _, one := range among {
			if strings.Contains(agent, one[0]) {
				return one[1]
			}
		}
		return otherwise
	}
	browser := first([][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"Chrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Safari/", "Safari"}}, "Navigateur")
	system := first([][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"},
		{"Mac OS X", "Mac"}, {"CrOS", "Chromebook"}, {"Linux", "Linux"}}, "")
	return strings.TrimSuffix(browser+", "+system, ", ")
}

// to sends the browser to another page of ours, which tells news, if any.
func (c *call) to(path, news string) error {
	if news != "" {
		c.set(newsCookie, news, time.Minute)
	}
	http.Redirect(c.w, c.r, path, http.StatusSeeOther)
	return nil
}

// enter makes whoever has proved who they are signed in: with a session that is
// theirs alone, whatever the browser had before.
func (c *call) enter(e hub.Entry, news string) error {
	c.set(sessionCookie, e.Token, 0)
	if e.Trust != "" {
		c.set(deviceCookie, e.Trust, hub.TrustLife)
	}
	c.newSeed()
	c.unset(enrolCookie, ticketCookie, boxCookie, placeCookie)
	place := homePath
	if !c.kept(placeCookie, &place) || !c.s.known(place) {
		place = homePath
	}
	return c.to(place, news)
}

// placeLife is how long somebody may take to sign in and be led to where they were
// going.
const placeLife = 15 * time.Minute

// signInFirst leads to a door, and remembers what was asked for. What a form has
// sent is not: to who signs in it is told that it was not taken.
func (c *call) signInFirst(door string) error {
	if c.r.Method == http.MethodPost {
		return c.to(door, "news.session-over.sent")
	}
	if path := c.r.URL.Path; len(path) <= maxValue && c.s.known(path) {
		if err := c.keep(placeCookie, path, placeLife); err != nil {
			return err
		}
	}
	return c.to(door, "news.session-over")
}
