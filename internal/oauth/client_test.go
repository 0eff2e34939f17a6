package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"vaguemestre/internal/software"
)

func TestASystemProvesWhoItIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, text := range map[string]string{
		"ES384":                h.sign(jose.ES384, h.ec, "ec", h.claims()),
		"RS384":                h.sign(jose.RS384, h.rsa, "rsa", h.claims()),
		"without a key's name": h.sign(jose.ES384, h.ec, "", h.claims()),
	} {
		out := h.browser().post(h.base+"/oauth/token", assertionForm(text))
		if out.status != http.StatusOK || out.json("scope") != "system/*.rs" || out.json("refresh_token") != "" {
			t.Fatalf("%s: %d %s", name, out.status, out.body)
		}
		if who := h.who(out.json("access_token")); who.body != lab+" system/*.rs Serveur signé" {
			t.Errorf("%s: the FHIR service sees %d %q", name, who.status, who.body)
		}
	}
}

// TestAnAssertionThatIsNotGoodIsRefused has one answer for every reason.
func TestAnAssertionThatIsNotGoodIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const late = 5*time.Minute + skew + time.Second
	unix := func(d time.Duration) int64 { return h.now().Add(d).Unix() }
	with := func(more map[string]any) map[string]any {
		c := h.claims()
		for k, v := range more {
			if c[k] = v; v == nil {
				delete(c, k)
			}
		}
		return c
	}
	good := func(more map[string]any) string { return h.sign(jose.ES384, h.ec, "ec", with(more)) }
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"a good one", good(nil), true},
		{"a clock that is slow", good(map[string]any{"iat": unix(-50 * time.Second), "exp": unix(-50 * time.Second)}), true},
		{"a clock that is fast", good(map[string]any{"iat": unix(50 * time.Second), "nbf": unix(50 * time.Second), "exp": unix(5*time.Minute + 50*time.Second)}), true},
		{"the issuer as audience", good(map[string]any{"aud": h.base}), true},
		{"several audiences", good(map[string]any{"aud": []string{"https://x.test", h.base + "/oauth/token"}}), true},

		{"one that has ended", good(map[string]any{"exp": unix(-skew - time.Second)}), false},
		{"one that lives too long", good(map[string]any{"exp": unix(late)}), false},
		{"one without end", good(map[string]any{"exp": nil}), false},
		{"one from the future", good(map[string]any{"iat": unix(skew + time.Second)}), false},
		{"one that is not good yet", good(map[string]any{"nbf": unix(skew + time.Second)}), false},
		{"another's audience", good(map[string]any{"aud": "https://attacker.test/token"}), false},
		{"no audience", good(map[string]any{"aud": nil}), false},
		{"no identifier", good(map[string]any{"jti": nil}), false},
		{"an identifier that is too long", good(map[string]any{"jti": strings.Repeat("x", maxJTI+1)}), false},
		{"another's name as issuer", good(map[string]any{"iss": "certified"}), false},
		{"another's name as subject", good(map[string]any{"sub": "certified"}), false},
		{"a program of people", good(map[string]any{"iss": "lps", "sub": "lps"}), false},
		{"a program nobody knows", good(map[string]any{"iss": "nobody", "sub": "nobody"}), false},
		{"an issuer that is a path", good(map[string]any{"iss": "../c/signed", "sub": "../c/signed"}), false},
		{"no issuer", good(map[string]any{"iss": nil}), false},
		{"a key nobody knows", h.sign(jose.ES384, stranger, "ec", h.claims()), false},
		{"the name of another key", h.sign(jose.ES384, h.ec, "rsa", h.claims()), false},
		{"the name of no key", h.sign(jose.ES384, h.ec, "x", h.claims()), false},
		{"RS256", h.sign(jose.RS256, h.rsa, "rsa", h.claims()), false},
		{"PS384", h.sign(jose.PS384, h.rsa, "rsa", h.claims()), false},
		{"ES256", h.sign(jose.ES256, p256, "ec", h.claims()), false},
		{"no signature", encode(map[string]string{"alg": "none"}) + "." + encode(h.claims()) + ".", false},
		{"no signature, in capitals", encode(map[string]string{"alg": "NONE", "kid": "ec"}) + "." + encode(h.claims()) + ".", false},
		{"a signature cut off", strings.TrimRight(good(nil), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), false},
		{"a key in its own header", ownKey(t, h.claims()), false},
		{"three words", "a.b.c", false},
		{"no words", "", false},
		{"JSON", `{"payload":"e30","signatures":[]}`, false},
		{"too long", good(map[string]any{"x": strings.Repeat("x", maxAssertion)}), false},
	} {
		out := h.browser().post(h.base+"/oauth/token", assertionForm(c.text))
		if c.ok {
			if out.status != http.StatusOK {
				t.Errorf("%s: %d %s", c.name, out.status, out.body)
			}
			continue
		}
		if out.status != http.StatusUnauthorized || out.json("error") != "invalid_client" || out.json("error_description") != errClient.text ||
			!strings.HasPrefix(out.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s", c.name, out.status, out.body)
		}
	}
}

// ownKey is signed by a key that it brings along.
func ownKey(t *testing.T, claims map[string]any) string {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, &jose.SignerOptions{EmbedJWK: true})
	must(t, err)
	payload, err := json.Marshal(claims)
	must(t, err)
	signed, err := signer.Sign(payload)
	must(t, err)
	text, err := signed.CompactSerialize()
	must(t, err)
	return text
}

// TestAPublicKeyIsNoSecret: a token signed by HMAC with what everybody knows of
// the key.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	der, err := x509.MarshalPKIXPublicKey(&h.rsa.PublicKey)
	must(t, err)
	c, err := h.Client(t.Context(), "signed")
	must(t, err)
	for name, secret := range map[string][]byte{
		"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "JWKS": c.Keys, "nothing": make([]byte, 48),
	} {
		for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384} {
			out := h.browser().post(h.base+"/oauth/token", assertionForm(h.sign(alg, secret, "rsa", h.claims())))
			if out.json("error") != "invalid_client" {
				t.Errorf("%s with the %s: %d %s", alg, name, out.status, out.body)
			}
		}
	}
}

func TestAnAssertionIsShownOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claims := h.claims()
	text := h.sign(jose.ES384, h.ec, "ec", claims)
	show := func(text string) answered { return h.browser().post(h.base+"/oauth/token", assertionForm(text)) }
	if out := show(text); out.status != http.StatusOK {
		t.Fatal(out.body)
	}
	if out := show(text); out.json("error") != "invalid_client" {
		t.Errorf("again: %d %s", out.status, out.body)
	}
	h.wait(4*time.Minute + 30*time.Second) // ended, and still within the skew
	if out := show(text); out.json("error") != "invalid_client" {
		t.Errorf("when it has ended: %d %s", out.status, out.body)
	}
	other := maps.Clone(claims)
	other["exp"], other["iat"] = h.now().Add(time.Minute).Unix(), h.now().Unix()
	if out := show(h.sign(jose.RS384, h.rsa, "rsa", other)); out.status != http.StatusOK {
		t.Errorf("the identifier in an assertion of another time: %d %s", out.status, out.body)
	}
}

func TestAShortKeyProvesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &short.PublicKey, KeyID: "short"}}})
	must(t, err)
	must(t, h.AddClient(t.Context(), "operator", software.Client{ID: "short", Name: "Court", Mailbox: lab, Keys: keys, Scopes: "system/*.rs"}))
	claims := h.claims()
	claims["iss"], claims["sub"] = "short", "short"
	if out := h.browser().post(h.base+"/oauth/token", assertionForm(h.sign(jose.RS384, short, "short", claims))); out.json("error") != "invalid_client" {
		t.Errorf("%d %s", out.status, out.body)
	}
}

func TestASystemShowsItsCertificate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine, other := h.withCertificate(h.cert), h.withCertificate(newCertificate(t, h.now()))
	ask := url.Values{"grant_type": {"client_credentials"}, "client_id": {"certified"}}
	for name, b := range map[string]browser{"no certificate": h.browser(), "another certificate": other} {
		if out := b.post(h.base+"/oauth/token", ask); out.json("error") != "invalid_client" {
			t.Errorf("%s: %d %s", name, out.status, out.body)
		}
	}
	out := mine.post(h.base+"/oauth/token", ask)
	if out.status != http.StatusOK || out.json("scope") != "system/DocumentReference.rs" {
		t.Fatalf("%d %s", out.status, out.body)
	}
	token := out.json("access_token")
	for name, b := range map[string]browser{"without the certificate": h.browser(), "with another": other} {
		if who := b.who(token); who.status != http.StatusUnauthorized {
			t.Errorf("the token %s: %d", name, who.status)
		}
	}
	if who := mine.who(token); who.body != lab+" system/DocumentReference.rs Serveur certifié" {
		t.Errorf("with it: %d %q", who.status, who.body)
	}

	for i := range 3 {
		if who := mine.who(""); who.body != lab+" system/DocumentReference.rs Serveur certifié" {
			t.Errorf("the certificate alone, time %d: %d %q", i+1, who.status, who.body)
		}
	}
	list, err := h.Authorizations(t.Context(), address(t, lab))
	if err != nil || len(list) != 2 {
		t.Errorf("%d authorizations for one token and three requests without, %v", len(list), err)
	}
	if who := other.who(""); who.status != http.StatusUnauthorized {
		t.Errorf("another certificate alone: %d", who.status)
	}
	h.wait(20 * time.Minute)
	if who := mine.who(""); who.status != http.StatusOK {
		t.Errorf("the certificate alone, later: %d", who.status)
	}
	if _, err := h.RemoveClient(t.Context(), "operator", "certified"); err != nil {
		t.Fatal(err)
	}
	if who := mine.who(""); who.status != http.StatusUnauthorized {
		t.Errorf("the certificate alone, of a program that was removed: %d", who.status)
	}
}

func TestACertificateHasAnEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.wait(2 * time.Hour)
	b := h.withCertificate(h.cert)
	if out := b.post(h.base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"certified"}}); out.json("error") != "invalid_client" {
		t.Errorf("%d %s", out.status, out.body)
	}
	if who := b.who(""); who.status != http.StatusUnauthorized {
		t.Errorf("alone: %d", who.status)
	}
}

func TestWhatASystemMayNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	must(t, h.AddClient(t.Context(), "operator", software.Client{ID: "web", Name: "Serveur de pages", Redirects: []string{redirect},
		Keys: encodeKeys(t, h), Scopes: "user/*.rs"}))
	claims := h.claims()
	claims["iss"], claims["sub"] = "web", "web"
	for _, c := range []struct {
		name string
		form url.Values
		code string
	}{
		{"a program of people", url.Values{"grant_type": {"client_credentials"}, "client_id": {"lps"}}, "unauthorized_client"},
		{"a program without mailbox", assertionForm(h.sign(jose.ES384, h.ec, "ec", claims)), "unauthorized_client"},
		{"scopes that are not its own", func() url.Values {
			f := assertionForm(h.sign(jose.ES384, h.ec, "ec", h.claims()))
			f.Set("scope", "user/*.rs openid")
			return f
		}(), "invalid_scope"},
		{"an assertion of another kind", func() url.Values {
			f := assertionForm(h.sign(jose.ES384, h.ec, "ec", h.claims()))
			f.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")
			return f
		}(), "invalid_client"},
		{"the name of another beside its assertion", func() url.Values {
			f := assertionForm(h.sign(jose.ES384, h.ec, "ec", h.claims()))
			f.Set("client_id", "certified")
			return f
		}(), "invalid_client"},
	} {
		if out := h.browser().post(h.base+"/oauth/token", c.form); out.json("error") != c.code {
			t.Errorf("%s: %d %s", c.name, out.status, out.body)
		}
	}
	if err := h.Erase(t.Context(), "operator", address(t, lab)); err != nil {
		t.Fatal(err)
	}
	out := h.browser().post(h.base+"/oauth/token", assertionForm(h.sign(jose.ES384, h.ec, "ec", h.claims())))
	if out.json("error") != "unauthorized_client" {
		t.Errorf("the mailbox is gone: %d %s", out.status, out.body)
	}
}

func encodeKeys(t *testing.T, h *house) []byte {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &h.ec.PublicKey, KeyID: "ec"}}})
	must(t, err)
	return b
}

func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	wrong := url.Values{"grant_type": {"client_credentials"}, "client_id": {"certified"}}
	for range maxFailed + 1 {
		if out := h.browser().post(h.base+"/oauth/token", wrong); out.status != http.StatusUnauthorized {
			t.Fatalf("%d %s", out.status, out.body)
		}
	}
	out := h.browser().post(h.base+"/oauth/token", assertionForm(h.sign(jose.ES384, h.ec, "ec", h.claims())))
	if out.status != http.StatusTooManyRequests || out.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", out.status, out.body)
	}
	h.wait(30 * time.Minute)
	if out := h.browser().post(h.base+"/oauth/token", assertionForm(h.sign(jose.ES384, h.ec, "ec", h.claims()))); out.status != http.StatusOK {
		t.Errorf("half an hour later: %d %s", out.status, out.body)
	}
}

func TestIntrospectionTellsAProgramOfItsOwnTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine := h.withCertificate(h.cert)
	token := mine.post(h.base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"certified"}}).json("access_token")
	other := h.browser().post(h.base+"/oauth/token", assertionForm(h.sign(jose.ES384, h.ec, "ec", h.claims()))).json("access_token")
	ask := func(b browser, token string) answered {
		return b.post(h.base+"/oauth/introspect", url.Values{"client_id": {"certified"}, "token": {token}})
	}
	if out := ask(mine, token); out.json("active") != "true" || out.json("client_id") != "certified" || out.json("scope") != "system/DocumentReference.rs" || out.json("exp") == "" {
		t.Errorf("%d %s", out.status, out.body)
	}
	for name, token := range map[string]string{"another's": other, "none": "x", "one cut short": token[:len(token)-2]} {
		if out := ask(mine, token); out.status != http.StatusOK || strings.TrimSpace(out.body) != `{"active":false}` {
			t.Errorf("%s: %d %s", name, out.status, out.body)
		}
	}
	if out := ask(mine, ""); out.json("error") != "invalid_request" {
		t.Errorf("no token: %s", out.body)
	}
	if out := ask(h.browser(), token); out.json("error") != "invalid_client" {
		t.Errorf("without proof: %s", out.body)
	}
	if out := h.browser().post(h.base+"/oauth/introspect", url.Values{"client_id": {"lps"}, "token": {token}}); out.json("error") != "invalid_client" {
		t.Errorf("a program that cannot prove who it is: %s", out.body)
	}
	if out := mine.post(h.base+"/oauth/revoke", url.Values{"client_id": {"certified"}, "token": {other}}); out.status != http.StatusOK || h.who(other).status != http.StatusOK {
		t.Errorf("revoking another's token: %d, then %d", out.status, h.who(other).status)
	}
	h.wait(15 * time.Minute)
	if out := ask(h.withCertificate(h.cert), token); out.json("active") != "false" {
		t.Errorf("a token that has ended: %s", out.body)
	}
}
