package software

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact/facttest"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func lps() Client {
	return Client{ID: "lps", Name: "Logiciel d'essai", Redirects: []string{"https://lps.test/retour"}, Scopes: "openid user/*.rs"}
}

func TestARegistrationIsChecked(t *testing.T) {
	const jwks = `{"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA","kid":"1"}]}`
	for _, c := range []struct {
		name   string
		change func(*Client)
		ok     bool
	}{
		{"a program that people use", func(*Client) {}, true},
		{"no identifier", func(c *Client) { c.ID = "" }, false},
		{"an identifier with a slash", func(c *Client) { c.ID = "a/b" }, false},
		{"an identifier that is too long", func(c *Client) { c.ID = strings.Repeat("a", maxID+1) }, false},
		{"no name", func(c *Client) { c.Name = " " }, false},
		{"a name that plays with the page", func(c *Client) { c.Name = "a\u202eb" }, false},
		{"no redirect URI", func(c *Client) { c.Redirects = nil }, false},
		{"http", func(c *Client) { c.Redirects = []string{"http://lps.test/"} }, false},
		{"http to a name that may lead anywhere", func(c *Client) { c.Redirects = []string{"http://localhost/"} }, false},
		{"http to the machine itself", func(c *Client) { c.Redirects = []string{"http://127.0.0.1/cb"} }, true},
		{"a fragment", func(c *Client) { c.Redirects = []string{"https://lps.test/#a"} }, false},
		{"an empty fragment", func(c *Client) { c.Redirects = []string{"https://lps.test/#"} }, false},
		{"a login in the redirect URI", func(c *Client) { c.Redirects = []string{"https://a@lps.test/"} }, false},
		{"a scheme of one's own", func(c *Client) { c.Redirects = []string{"fr.test.lps:/retour"} }, true},
		{"javascript", func(c *Client) { c.Redirects = []string{"javascript:alert(1)"} }, false},
		{"data", func(c *Client) { c.Redirects = []string{"data:text/html,x"} }, false},
		{"no scope", func(c *Client) { c.Scopes = "" }, false},
		{"an unknown scope", func(c *Client) { c.Scopes = "user/*.everything" }, false},
		{"a mailbox without proof", func(c *Client) { c.Mailbox = "a@b.test" }, false},
		{"a mailbox and keys", func(c *Client) { c.Mailbox, c.Keys, c.Redirects = "a@b.test", json.RawMessage(jwks), nil }, true},
		{"a mailbox and a certificate", func(c *Client) { c.Mailbox, c.Certificate = "a@b.test", strings.Repeat("0f", 32) }, true},
		{"a certificate in capitals", func(c *Client) { c.Certificate = strings.Repeat("0F", 32) }, false},
		{"a certificate cut short", func(c *Client) { c.Certificate = "0f" }, false},
		{"no key in the set", func(c *Client) { c.Keys = json.RawMessage(`{"keys":[]}`) }, false},
		{"a secret key", func(c *Client) { c.Keys = json.RawMessage(`{"keys":[{"kty":"oct","k":"AA"}]}`) }, false},
		{"a private key", func(c *Client) {
			c.Keys = json.RawMessage(`{"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA","d":"AA"}]}`)
		}, false},
		{"a curve not in use", func(c *Client) { c.Keys = json.RawMessage(`{"keys":[{"kty":"EC","crv":"P-256"}]}`) }, false},
		{"no JSON", func(c *Client) { c.Keys = json.RawMessage(`keys`) }, false},
	} {
		one := lps()
		c.change(&one)
		if err := one.Check(); (err == nil) != c.ok || err != nil && !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestWhoNamesLocalhostIsToldWhatIsMeant(t *testing.T) {
	c := lps()
	c.Redirects = []string{"http://localhost:8080/retour"}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "127.0.0.1 or [::1] and not localhost") {
		t.Errorf("they are told %v", err)
	}
}

func TestAnAnswerGoesWhereItWasRegistered(t *testing.T) {
	c := Client{Redirects: []string{"https://lps.test/retour", "http://127.0.0.1/cb?x=1", "fr.test.lps:/retour"}}
	for uri, want := range map[string]bool{
		"https://lps.test/retour":              true,
		"https://lps.test/retour/":             false,
		"https://lps.test/retour?x=1":          false,
		"https://LPS.test/retour":              false,
		"https://lps.test:443/retour":          false,
		"https://lps.test.attacker.test/":      false,
		"https://lps.test@attacker.test/":      false,
		"http://127.0.0.1:51234/cb?x=1":        true,
		"http://127.0.0.1:51234/cb":            false,
		"http://127.0.0.1:51234/other?x=1":     false,
		"http://[::1]:51234/cb?x=1":            false,
		"http://127.0.0.1:1@attacker.test/cb":  false,
		"http://a@127.0.0.1:51234/cb?x=1":      false,
		"http://127.0.0.1:51234/cb?x=1#a":      false,
		"fr.test.lps:/retour":                  true,
		"fr.test.lps:/other":                   false,
		"":                                     false,
		"http://127.0.0.1.attacker.test/cb?x=": false,
	} {
		if got := c.MayAnswerTo(uri); got != want {
			t.Errorf("%q: %t", uri, got)
		}
	}
}

func TestProgramsAreKept(t *testing.T) {
	r := facttest.New(t)
	add := func(c Client) error {
		return r.Update(func(w store.Writer) error { return Add(w, r.Scope, c, noon) })
	}
	system := Client{ID: "labo", Name: "Laboratoire", Mailbox: "labo@labo.test", Certificate: strings.Repeat("0f", 32), Scopes: "system/*.rs"}
	for _, c := range []Client{lps(), system} {
		if err := add(c); err != nil {
			t.Fatal(err)
		}
		if err := add(c); !errors.Is(err, fault.Exists) {
			t.Errorf("twice: %v", err)
		}
	}
	twin := system
	twin.ID = "twin"
	if err := add(twin); !errors.Is(err, fault.Exists) {
		t.Errorf("a certificate for two: %v", err)
	}
	want := system
	want.Created = noon
	r.View(func(rd store.Reader) error {
		if c, err := Find(rd, r.Scope, "labo"); err != nil || !reflect.DeepEqual(c, want) {
			t.Errorf("Find = %+v, %v", c, err)
		}
		if c, err := FindByCertificate(rd, r.Scope, system.Certificate); err != nil || c.ID != "labo" {
			t.Errorf("FindByCertificate = %+v, %v", c, err)
		}
		for _, none := range []string{"", strings.Repeat("00", 32)} {
			if _, err := FindByCertificate(rd, r.Scope, none); !errors.Is(err, fault.NotFound) {
				t.Errorf("FindByCertificate(%q) = %v", none, err)
			}
		}
		for _, none := range []string{"", "x", "../c/lps", "lps\x00"} {
			if _, err := Find(rd, r.Scope, none); !errors.Is(err, fault.NotFound) {
				t.Errorf("Find(%q) = %v", none, err)
			}
		}
		if all, err := All(rd, r.Scope); err != nil || len(all) != 2 {
			t.Errorf("All = %v, %v", all, err)
		}
		return nil
	})
	for i, want := range []error{nil, fault.NotFound} {
		err := r.Update(func(w store.Writer) error { return Remove(w, r.Scope, "labo") })
		if !errors.Is(err, want) {
			t.Errorf("removing, time %d: %v", i+1, err)
		}
	}
}

func TestAnAssertionIsUsedOnce(t *testing.T) {
	r := facttest.New(t)
	now := noon
	use := func(client, jti string, end time.Time) error {
		return r.Update(func(w store.Writer) error { return UseOnce(w, r.Scope, client, jti, end, now) })
	}
	end := noon.Add(5 * time.Minute)
	if err := use("a", "1", end); err != nil {
		t.Fatal(err)
	}
	if err := use("a", "1", end); !errors.Is(err, fault.Exists) {
		t.Errorf("again: %v", err)
	}
	if err := errors.Join(use("b", "1", end), use("a", "2", end)); err != nil {
		t.Errorf("of another program, or another: %v", err)
	}
	for i := range 2 * sweepAtOnce {
		if err := use("a", fmt.Sprint("x", i), end); err != nil {
			t.Fatal(err)
		}
	}
	now = end.Add(time.Second)
	for i := range 4 {
		if err := use("a", fmt.Sprint("y", i), end.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if rows := r.Rows(); len(rows) != 4 {
		t.Errorf("%d assertions are remembered, of which 4 have not ended", len(rows))
	}
}

func FuzzMayAnswerTo(f *testing.F) {
	f.Add("http://127.0.0.1:51234/cb")
	f.Add("https://lps.test/retour")
	c := Client{Redirects: []string{"https://lps.test/retour", "http://127.0.0.1/cb"}}
	f.Fuzz(func(t *testing.T, s string) {
		if c.MayAnswerTo(s) && s != c.Redirects[0] && !strings.HasPrefix(s, "http://127.0.0.1") {
			t.Errorf("an answer may go to %q", s)
		}
	})
}
