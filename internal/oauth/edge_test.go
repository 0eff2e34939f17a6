package oauth

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/oauth/fakepsc"
)

func address(t testing.TB, s string) ident.Address {
	a, err := ident.ParseAddress(s)
	must(t, err)
	return a
}

func TestTheMetadataSayWhatThereIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for path, want := range map[string][]string{
		"/.well-known/oauth-authorization-server": {`"issuer":"` + h.base + `"`, `"code_challenge_methods_supported":["S256"]`,
			`"authorization_response_iss_parameter_supported":true`, `"token_endpoint_auth_methods_supported":["none","private_key_jwt","self_signed_tls_client_auth"]`},
		"/.well-known/openid-configuration": {`"jwks_uri":"` + h.base + `/oauth/keys"`, `"subject_types_supported"`},
		"/.well-known/smart-configuration": {`"launch-standalone"`, `"permission-v2"`, `"client-confidential-asymmetric"`,
			`"token_endpoint_auth_signing_alg_values_supported":["ES384","RS384"]`, `"grant_types_supported":["authorization_code","refresh_token","client_credentials"]`},
		"/oauth/keys": {`"crv":"P-384"`, `"alg":"ES384"`},
	} {
		at := h.browser().get(h.base + path)
		if at.status != http.StatusOK || at.header.Get("Content-Type") != "application/json" || at.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", path, at.status, at.header)
		}
		for _, s := range want {
			if !strings.Contains(at.body, s) {
				t.Errorf("%s lacks %s", path, s)
			}
		}
		if strings.Contains(at.body, `"d":`) {
			t.Errorf("%s tells a private key", path)
		}
	}
	if a, b := h.browser().get(h.base+"/oauth/keys"), h.browser().get(h.base+"/oauth/keys"); a.body != b.body {
		t.Error("the key changes")
	}
}

func TestAnEndpointTakesWhatItIsFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	for _, c := range []struct {
		name, method, path, media, body string
		status                          int
	}{
		{"a token by GET", "GET", "/oauth/token", "", "", 405},
		{"consent by GET", "GET", "/oauth/consent", "", "", 405},
		{"JSON", "POST", "/oauth/token", "application/json", "{}", 400},
		{"no type", "POST", "/oauth/token", "", "grant_type=x", 400},
		{"a parameter twice", "POST", "/oauth/token", "application/x-www-form-urlencoded", "grant_type=x&grant_type=y", 400},
		{"a body that is too long", "POST", "/oauth/token", "application/x-www-form-urlencoded", "x=" + strings.Repeat("x", maxForm), 413},
		{"too many parameters", "POST", "/oauth/token", "application/x-www-form-urlencoded", strings.Repeat("a&", 1) + manyParameters(), 400},
		{"a form that is none", "POST", "/oauth/token", "application/x-www-form-urlencoded", "%zz", 400},
		{"no such page", "GET", "/oauth/nothing", "", "", 404},
		{"a question before a question", "OPTIONS", "/oauth/token", "", "", 204},
		{"the style sheet", "GET", "/oauth/style.css", "", "", 200},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, h.base+c.path, strings.NewReader(c.body))
		must(t, err)
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		if out := b.do(r); out.status != c.status {
			t.Errorf("%s: %d %s", c.name, out.status, out.body)
		}
	}
}

func manyParameters() string {
	var b strings.Builder
	for i := range maxParameters + 1 {
		b.WriteString("p" + strings.Repeat("x", i) + "=1&")
	}
	return b.String()
}

func TestABearerOfTheProviderIsAskedAbout(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	asked := func() int { h.mu.Lock(); defer h.mu.Unlock(); return h.asked }
	token := h.psc.Token("lps-psc", h.colleague)
	for range 3 {
		if who := h.who(token); who.body != camille+" user/*.cruds LPS par Pro Santé Connect" {
			t.Fatalf("%d %q", who.status, who.body)
		}
	}
	if n := asked(); n != 1 {
		t.Errorf("three requests ask %d times", n)
	}
	h.wait(bearerFresh)
	if who := h.who(token); who.status != http.StatusOK || asked() != 2 {
		t.Errorf("a minute later: %d, asked %d times", who.status, asked())
	}
	list, err := h.Authorizations(t.Context(), address(t, camille))
	if err != nil || len(list) != 1 || list[0].Name != "LPS par Pro Santé Connect" {
		t.Fatal(list, err)
	}
	must(t, h.EndAuthorization(t.Context(), "operator", address(t, camille), list[0].ID))
	for range 2 {
		if who := h.who(token); who.status != http.StatusUnauthorized {
			t.Errorf("the session was ended: %d", who.status)
		}
	}
	for name, token := range map[string]string{
		"a token of another service":     h.psc.Token("other-service", h.colleague),
		"of somebody without mailbox":    h.psc.Token("lps-psc", h.stranger),
		"of somebody without RPPS":       h.psc.Token("lps-psc", h.adeli),
		"one the provider does not know": "x",
		"none":                           " ",
	} {
		if who := h.who(token); who.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, who.status, who.body)
		}
	}
	old := h.psc.Token("lps-psc", h.colleague)
	if who := h.who(old); who.status != http.StatusOK {
		t.Fatal(who.status)
	}
	h.wait(20 * time.Minute)
	if who := h.who(old); who.status != http.StatusUnauthorized {
		t.Errorf("one that has ended: %d", who.status)
	}
}

func TestWhatTheProviderSaysOfATokenIsRead(t *testing.T) {
	t.Parallel()
	for name, twist := range map[string]func(map[string]any){
		"not active":                         func(c map[string]any) { c["active"] = false },
		"another issuer":                     func(c map[string]any) { c["iss"] = "https://attacker.test" },
		"no end":                             func(c map[string]any) { delete(c, "exp") },
		"an end in words":                    func(c map[string]any) { c["exp"] = "tomorrow" },
		"an end before":                      func(c map[string]any) { c["exp"] = 1 },
		"no program":                         func(c map[string]any) { delete(c, "client_id") },
		"a professional of another kind":     func(c map[string]any) { c["SubjectNameID"] = 8.0 },
		"no professional, and somebody else": func(c map[string]any) { delete(c, "SubjectNameID"); c["sub"] = "f:fake:x" },
		"nobody at all":                      func(c map[string]any) { delete(c, "SubjectNameID"); delete(c, "sub") },
		"active, in words":                   func(c map[string]any) { c["active"] = "true" },
	} {
		h := newHouse(t)
		h.psc.Twist = func(what string, c map[string]any) {
			if what == "introspection" {
				twist(c)
			}
		}
		if who := h.who(h.psc.Token("lps-psc", h.colleague)); who.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, who.status, who.body)
		}
	}
}

func TestTheProviderTellsOfPeopleInOnePlaceOrTheOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.psc.Twist = func(what string, c map[string]any) {
		if what == "introspection" {
			delete(c, "SubjectNameID")
		}
	}
	if who := h.who(h.psc.Token("lps-psc", h.colleague)); !strings.HasPrefix(who.body, camille) {
		t.Errorf("%d %s", who.status, who.body)
	}
}

func TestBearersOfTheProviderAreOffUnlessNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Professional.Programs = nil })
	if who := h.who(h.psc.Token("lps-psc", h.colleague)); who.status != http.StatusUnauthorized || h.asked != 0 {
		t.Errorf("%d, asked %d times", who.status, h.asked)
	}
}

func TestOnlyABearerIsLetIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.redeem(h.browser().enter(h.asking(), h.colleague)).json("access_token")
	for name, headers := range map[string][]string{
		"nobody": nil, "another scheme": {"Basic " + token}, "DPoP": {"DPoP " + token}, "no token": {"Bearer"}, "an empty token": {"Bearer "},
		"two": {"Bearer " + token, "Bearer " + token}, "a refresh token": {"Bearer vmr_" + token[4:]},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+"/fhir/whoami?access_token="+url.QueryEscape(token), nil)
		must(t, err)
		r.Header["Authorization"] = headers
		if who := h.browser().do(r); who.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, who.status)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+"/fhir/whoami", nil)
	must(t, err)
	r.Header.Set("Authorization", "bearer  "+token)
	if who := h.browser().do(r); who.status != http.StatusOK {
		t.Errorf("in small letters (RFC 9110 §11.1): %d", who.status)
	}
}

func TestTheStandInLetsOnlyItsClientsAsk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	good := url.Values{"client_id": {"hub"}, "redirect_uri": {h.base + "/oauth/callback"}, "response_type": {"code"}, "state": {"s"}, "nonce": {"n"},
		"scope": {"openid scope_all"}, "code_challenge": {known}, "code_challenge_method": {"S256"}}
	for name, to := range map[string]string{"client_id": "x", "redirect_uri": "https://attacker.test/", "response_type": "token", "nonce": "",
		"state": "", "scope": "profile", "code_challenge_method": "plain", "code_challenge": "x"} {
		q := url.Values{}
		for k := range good {
			q.Set(k, good.Get(k))
		}
		q.Set(name, to)
		if at := h.browser().get(h.base + "/psc/auth?" + q.Encode()); at.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, at.status)
		}
	}
	page := h.browser().get(h.base + "/psc/auth?" + good.Encode())
	if page.status != http.StatusOK || !strings.Contains(page.body, "Camille DUPRÉ, Médecin") || !strings.Contains(page.body, "inventées") {
		t.Errorf("%d %s", page.status, page.body)
	}
	if at := h.browser().post(h.base+"/psc/auth?"+good.Encode(), url.Values{"person": {"x"}}); at.status != http.StatusBadRequest {
		t.Errorf("nobody: %d", at.status)
	}
	if _, err := fakepsc.New("psc", nil, nil, time.Now); err == nil {
		t.Error("an issuer that is no address")
	}
}

// FuzzRequests: whatever comes, the answer is a refusal, and nothing breaks.
func FuzzRequests(f *testing.F) {
	h := newHouse(f)
	s, err := New(h.Hub, Config{Base: h.base, Now: h.now})
	must(f, err)
	paths := []string{"token", "revoke", "introspect", "consent", "authorize", "callback"}
	f.Add(uint8(0), "grant_type=authorization_code&code=vmc_AAAA&redirect_uri=x&client_id=lps&code_verifier="+verifier)
	f.Add(uint8(0), "grant_type=client_credentials&client_assertion_type="+assertionType+"&client_assertion=eyJhbGciOiJFUzM4NCJ9.e30.AA")
	f.Add(uint8(0), "grant_type=refresh_token&refresh_token=vmr_AAAA")
	f.Add(uint8(1), "token=vma_AAAA&client_id=lps")
	f.Add(uint8(2), "token=x&client_id=certified")
	f.Add(uint8(3), "ticket=AAAA&mark=x&answer=yes")
	f.Add(uint8(4), h.asking().Encode())
	f.Add(uint8(5), "state=x&code=y")
	f.Fuzz(func(t *testing.T, which uint8, form string) {
		path := paths[int(which)%len(paths)]
		r := httptest.NewRequest(http.MethodPost, "/oauth/"+path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if path == "authorize" || path == "callback" {
			r = httptest.NewRequest(http.MethodGet, "/oauth/"+path, nil)
			r.URL.RawQuery = form
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		body, err := io.ReadAll(w.Body)
		must(t, err)
		if w.Code == http.StatusInternalServerError || strings.Contains(string(body), "access_token\"") {
			t.Errorf("%s %q: %d %s", path, form, w.Code, body)
		}
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, redirect) && !strings.HasPrefix(to, "http://127.0.0.1") && !strings.HasPrefix(to, "https://maison.test/") {
			t.Errorf("%s %q sends to %s", path, form, to)
		}
	})
}

// FuzzAssertion: nothing proves who a program is but its key.
func FuzzAssertion(f *testing.F) {
	h := newHouse(f)
	s, err := New(h.Hub, Config{Base: h.base, Now: h.now})
	must(f, err)
	f.Add(h.sign("ES384", h.ec, "ec", map[string]any{"iss": "signed", "sub": "signed", "aud": "x", "exp": 1}))
	f.Add(encode(map[string]string{"alg": "none"}) + "." + encode(h.claims()) + ".")
	f.Fuzz(func(t *testing.T, text string) {
		form := form{"client_assertion_type": assertionType, "client_assertion": text}
		if c, err := s.assertion(t.Context(), form); err == nil {
			t.Errorf("%q is %s", text, c.ID)
		}
	})
}
