package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"vaguemestre/internal/fault"
)

// The cookies. All are bound to this host and to HTTPS, are read by no script,
// and come with no request that another site has caused.
const (
	sessionCookie = "__Host-session" // the token of a web session
	deviceCookie  = "__Host-device"  // of a device that its holder trusts
	seedCookie    = "__Host-seed"    // what the tokens in forms are made of
	enrolCookie   = "__Host-enrol"   // how far an enrolment has come, sealed
	ticketCookie  = "__Host-ticket"  // how far a login, or a proof of identity, has come, sealed
	proofCookie   = "__Host-proof"   // proofs of an objection or a closing, sealed
	newsCookie    = "__Host-news"    // what is told on the next page: a key of the catalogue
	langCookie    = "__Host-lang"
	placeCookie   = "__Host-place" // where somebody was going who has to sign in first, sealed
)

// maxCookie bounds what is put into one: browsers keep 4096 bytes with the name.
const maxCookie = 3800

// set gives the browser a cookie, until it is closed if life is 0.
func (c *call) set(name, value string, life time.Duration) {
	http.SetCookie(c.w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// unset takes cookies away.
func (c *call) unset(names ...string) {
	for _, name := range names {
		http.SetCookie(c.w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	}
}

// cookie returns what the browser brought under a name; "" for nothing.
func (c *call) cookie(name string) string {
	k, err := c.r.Cookie(name)
	if err != nil || len(k.Value) > maxCookie {
		return ""
	}
	return k.Value
}

// sealedValue is what a sealed cookie holds.
type sealedValue struct {
	V   json.RawMessage
	End time.Time
}

// keep seals v into a cookie. What does not fit is fault.TooLarge.
func (c *call) keep(name string, v any, life time.Duration) error {
	b, err := json.Marshal(v)
	if err == nil {
		b, err = json.Marshal(sealedValue{b, c.now().Add(life)})
	}
	if err != nil {
		return fmt.Errorf("web: keep: %v: %w", err, fault.Internal)
	}
	text, err := c.s.hub.SealState(name, b)
	if err != nil {
		return err
	}
	if len(text) > maxCookie {
		return fmt.Errorf("web: keep: %w", fault.TooLarge)
	}
	c.set(name, text, life)
	return nil
}

// kept opens a sealed cookie into v; false if there is none that counts.
func (c *call) kept(name string, v any) bool {
	text := c.cookie(name)
	if text == "" {
		return false
	}
	b, err := c.s.hub.OpenState(name, text)
	var sealed sealedValue
	return err == nil && json.Unmarshal(b, &sealed) == nil && c.now().Before(sealed.End) && json.Unmarshal(sealed.V, v) == nil
}

// A seed makes the tokens in the forms of one browser; a new one comes with each
// login.
func newSeed() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// formToken is what a form of this session has to bring back.
func (c *call) formToken() string {
	mac := hmac.New(sha256.New, c.s.cfg.Key)
	fmt.Fprintf(mac, "web/form\x00%s\x00%s", c.seed, c.session)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + c.boxMark()
}
