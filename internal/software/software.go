// Package software is the record of the programs that may ask for access: the
// registered clients of OAuth 2.0, with how each proves who it is and what it may
// ask for. It is kept in the hub's partition. What a person let a program do is
// not here, but with the person (account).
//
// Its keys begin with "sw/":
//
//	sw/c/<id>            one client, a right
//	sw/used/<end>/<mac>  an assertion that was used, until it ends; a fact
//	sw/signer            the key that signs what programs are told of people, wrapped
package software

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/store"
)

const (
	// MaxClients bounds how many programs there are, and so the work of
	// finding one by its certificate.
	MaxClients = 1000

	maxID, maxName = 64, 60
	maxRedirects   = 10
	maxRedirect    = 500
	maxKeys        = 16 << 10
)

// A Client is a program that may ask for access.
type Client struct {
	ID          string
	Name        string          // as people see it, on the page that asks them and in the trail
	Redirects   []string        `json:",omitempty"` // where an answer may go, compared as they are written
	Keys        json.RawMessage `json:",omitempty"` // JWK set of its public keys (RFC 7517)
	Certificate string          `json:",omitempty"` // SHA-256 of its TLS certificate, in hexadecimal
	Mailbox     string          `json:",omitempty"` // of a system: the mailbox (BAL APP) that it acts for
	Scopes      smart.Scopes    // it may ask for no other
	Trusted     bool            `json:",omitempty"` // the operator answers for it: people are not asked
	Created     time.Time
}

// Public reports whether the program cannot prove who it is: one that runs in
// the hands of people.
func (c Client) Public() bool { return len(c.Keys) == 0 && c.Certificate == "" }

// Check reports what is wrong with c as fault.Invalid.
func (c Client) Check() error {
	wrong := func(what string) error { return fmt.Errorf("software: %s: %w", what, fault.Invalid) }
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case !isID(c.ID):
		return wrong("the identifier of a program is 1 to 64 letters, digits, dots, dashes and underscores")
	case strings.TrimSpace(c.Name) == "" || len(c.Name) > maxName || !utf8.ValidString(c.Name) || strings.ContainsFunc(c.Name, unprintable):
		return wrong("a program has a name, of 60 printable bytes at most")
	case len(c.Redirects) > maxRedirects || slices.ContainsFunc(c.Redirects, func(s string) bool { return !isRedirect(s) }):
		return wrong("a redirect URI is https, http to the machine itself by its number, 127.0.0.1 or [::1] and not localhost (RFC 8252 §7.3), or of a scheme with a dot; without fragment, 10 at most")
	case len(c.Redirects) == 0 && c.Mailbox == "":
		return wrong("a program has a redirect URI, or a mailbox that it acts for")
	case c.Mailbox != "" && c.Public():
		return wrong("a program that acts for a mailbox has keys or a certificate")
	case c.Certificate != "" && !isThumbprint(c.Certificate):
		return wrong("a certificate is named by its SHA-256 in hexadecimal, lower case")
	case c.Scopes == "":
		return wrong("a program has scopes")
	}
	if again, err := smart.Parse(string(c.Scopes)); err != nil || again != c.Scopes {
		return wrong("a scope is not known")
	}
	return checkKeys(c.Keys)
}

func isID(s string) bool {
	const others = "-._0123456789"
	for _, b := range []byte(s) {
		if strings.IndexByte(others, b) < 0 && ((b|0x20) < 'a' || (b|0x20) > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

func isThumbprint(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

// isRedirect applies RFC 9700 §2.1 and RFC 8252 §7.
func isRedirect(s string) bool {
	u, err := url.Parse(s)
	if err != nil || len(s) > maxRedirect || strings.Contains(s, "#") || u.User != nil || u.Opaque != "" {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Hostname() != ""
	case "http":
		return isLoopback(u)
	}
	return strings.Contains(u.Scheme, ".")
}

func isLoopback(u *url.URL) bool {
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && a.IsLoopback()
}

// Redirects to a program on the person's own machine may be to any port (RFC
// 8252 §7.3); all else is compared as it is written.
func sameRedirect(registered, given string) bool {
	if registered == given {
		return true
	}
	r, err1 := url.Parse(registered)
	g, err2 := url.Parse(given)
	if err1 != nil || err2 != nil || r.Scheme != "http" || !isRedirect(given) || !isLoopback(r) || r.Hostname() != g.Hostname() {
		return false
	}
	r.Host, g.Host = "", ""
	return r.String() == g.String()
}

// MayAnswerTo reports whether an answer may go to that redirect URI.
func (c Client) MayAnswerTo(redirect string) bool {
	return slices.ContainsFunc(c.Redirects, func(r string) bool { return sameRedirect(r, redirect) })
}

// checkKeys refuses a key set that names no public key of a kind in use, or
// tells a secret.
func checkKeys(raw json.RawMessage) error {
	if len(raw) == 0 {
		return nil
	}
	wrong := fmt.Errorf("software: keys are a JWK set of public keys, RSA or EC P-384: %w", fault.Invalid)
	var set struct {
		Keys []struct {
			KeyType string          `json:"kty"`
			Curve   string          `json:"crv"`
			Private json.RawMessage `json:"d"`
			Secret  json.RawMessage `json:"k"`
		} `json:"keys"`
	}
	if len(raw) > maxKeys || json.Unmarshal(raw, &set) != nil || len(set.Keys) == 0 {
		return wrong
	}
	for _, k := range set.Keys {
		known := k.KeyType == "RSA" || k.KeyType == "EC" && k.Curve == "P-384"
		if !known || k.Private != nil || k.Secret != nil {
			return wrong
		}
	}
	return nil
}

// Add registers a program. An identifier that is taken is fault.Exists, one
// program too many fault.Quota.
func Add(w store.Writer, s fact.Scope, c Client, now time.Time) error {
	c.Created = now
	if err := c.Check(); err != nil {
		return err
	}
	all, err := All(w, s)
	if err != nil {
		return err
	}
	if len(all) >= MaxClients {
		return fmt.Errorf("software: %d programs are the most: %w", MaxClients, fault.Quota)
	}
	for _, other := range all {
		if other.ID == c.ID || c.Certificate != "" && other.Certificate == c.Certificate {
			return fmt.Errorf("software: a program of that identifier or certificate: %w", fault.Exists)
		}
	}
	return fact.PutRight(w, s, "sw/c/"+c.ID, c)
}

// Find returns a program; fault.NotFound if none has that identifier.
func Find(r store.Reader, s fact.Scope, id string) (Client, error) {
	if !isID(id) {
		return Client{}, fmt.Errorf("software: find: %w", fault.NotFound)
	}
	c, ok, err := fact.GetRight[Client](r, s, "sw/c/"+id)
	if err == nil && !ok {
		err = fmt.Errorf("software: find: %w", fault.NotFound)
	}
	return c, err
}

// FindByCertificate returns the program whose TLS certificate has that SHA-256;
// fault.NotFound if none has.
func FindByCertificate(r store.Reader, s fact.Scope, thumbprint string) (Client, error) {
	for c, err := range fact.AllRights[Client](r, s, "sw/c/") {
		if err != nil || c.Certificate == thumbprint && thumbprint != "" {
			return c, err
		}
	}
	return Client{}, fmt.Errorf("software: find by certificate: %w", fault.NotFound)
}

// All lists the programs, in the order of their identifiers.
func All(r store.Reader, s fact.Scope) ([]Client, error) {
	return fact.Collect(fact.AllRights[Client](r, s, "sw/c/"))
}

// Remove forgets a program; fault.NotFound if there is none.
func Remove(w store.Writer, s fact.Scope, id string) error {
	if _, err := Find(w, s, id); err != nil {
		return err
	}
	return fact.DeleteRight(w, s, "sw/c/"+id)
}

// sweepAtOnce is how many ended assertions one use removes: more than it adds.
const sweepAtOnce = 20

// UseOnce notes that a program used the assertion of that identifier, which ends
// at end: a second time is fault.Exists.
func UseOnce(w store.Writer, s fact.Scope, client, jti string, end, now time.Time) error {
	var ended []string
	for p, err := range w.Scan("sw/used/", usedAt(now)) {
		if err != nil {
			return err
		}
		if ended = append(ended, p.Key); len(ended) == sweepAtOnce {
			break
		}
	}
	for _, key := range ended {
		w.Delete(key)
	}
	mac := s.Key.MAC("software/used", client, jti)
	key := usedAt(end) + hex.EncodeToString(mac[:16])
	if b, err := w.Get(key); err != nil || b != nil {
		if err == nil {
			err = fmt.Errorf("software: an assertion is used once: %w", fault.Exists)
		}
		return err
	}
	return fact.Put(w, s, key, true)
}

func usedAt(t time.Time) string { return fmt.Sprintf("sw/used/%016x/", t.Unix()) }

// version is the first byte of the wrapped key.
const version = 1

// Signer returns the key that KeepSigner kept, nil if there is none.
func Signer(r store.Reader) ([]byte, error) {
	b, err := r.Get("sw/signer")
	if err != nil || b == nil {
		return nil, err
	}
	if b[0] != version {
		return nil, fmt.Errorf("software: signer of an unknown version: %w", fault.Corrupt)
	}
	return b[1:], nil
}

// KeepSigner keeps the key that signs identity tokens, as the caller has wrapped
// it.
func KeepSigner(w store.Writer, wrapped []byte) {
	w.Put("sw/signer", append([]byte{version}, wrapped...))
}
