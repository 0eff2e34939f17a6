package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/software"
)

// TestAProgramActsForAProfessional goes all the way: the program asks, the person
// logs in and agrees, the code gives tokens, the token opens the door until it
// ends, the refresh token gives another, and revoking one ends all.
func TestAProgramActsForAProfessional(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	out := h.redeem(h.browser().enter(h.asking(), h.colleague))
	if out.status != http.StatusOK || out.json("token_type") != "Bearer" || out.json("expires_in") != "900" ||
		out.json("scope") != "fhirUser offline_access openid user/DocumentReference.rs" || out.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", out.status, out.body)
	}
	if who := h.who(out.json("access_token")); who.body != camille+" fhirUser offline_access openid user/DocumentReference.rs Logiciel d'essai" {
		t.Errorf("the FHIR service sees %d %q", who.status, who.body)
	}

	// OpenID Connect's own client checks what is told of the person.
	ctx := oidc.ClientContext(t.Context(), h.http.Client())
	provider, err := oidc.NewProvider(ctx, h.base)
	must(t, err)
	id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: "lps", Now: h.now, SupportedSigningAlgs: []string{"ES384"}}).Verify(ctx, out.json("id_token"))
	must(t, err)
	var claims struct{ FHIRUser, Name string }
	must(t, id.Claims(&claims))
	if id.Nonce != "n-0S6_WzA2Mj" || claims.FHIRUser != h.base+"/fhir/Practitioner/"+h.colleague.ID[1:] || claims.Name != "Dr Camille DUPRÉ" {
		t.Errorf("the ID token says %+v %+v", id, claims)
	}

	h.wait(15 * time.Minute)
	if who := h.who(out.json("access_token")); who.status != http.StatusUnauthorized {
		t.Errorf("after its end: %d", who.status)
	}
	// fhirclient names no client when it refreshes.
	again := h.browser().post(h.base+"/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {out.json("refresh_token")}, "scope": {"user/DocumentReference.r"}})
	if again.status != http.StatusOK || again.json("scope") != "user/DocumentReference.r" || h.who(again.json("access_token")).status != http.StatusOK {
		t.Fatalf("refresh: %d %s", again.status, again.body)
	}
	gone := h.browser().post(h.base+"/oauth/revoke", url.Values{"token": {again.json("refresh_token")}, "client_id": {"lps"}})
	if gone.status != http.StatusOK || h.who(again.json("access_token")).status != http.StatusUnauthorized {
		t.Errorf("revoked: %d, and the access token gives %d", gone.status, h.who(again.json("access_token")).status)
	}
	for _, secret := range []string{camille, "DUPR", h.colleague.ID[1:], out.json("access_token"), again.json("refresh_token")} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}

func TestTheProviderIsAskedAsItsSettingsSay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.asking()
	q.Set("prompt", "login")
	sent := h.browser().get(h.base + "/oauth/authorize?" + q.Encode()).location().Query()
	for name, want := range map[string]string{"scope": "openid scope_all", "acr_values": "eidas1", "code_challenge_method": "S256",
		"prompt": "login", "client_id": "hub", "redirect_uri": h.base + "/oauth/callback", "response_type": "code"} {
		if got := sent.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(sent.Get("nonce")) < 20 || len(sent.Get("state")) < 20 || sent.Get("state") == "af0ifjsldkj" {
		t.Errorf("nonce and state are %q and %q", sent.Get("nonce"), sent.Get("state"))
	}

	h = newHouse(t, func(c *Config) { c.Professional.ACR, c.Professional.Scopes = "-", []string{"openid", "profile"} })
	sent = h.browser().get(h.base + "/oauth/authorize?" + h.asking().Encode()).location().Query()
	if sent.Has("acr_values") || sent.Has("prompt") || sent.Get("scope") != "openid profile" {
		t.Errorf("with other settings: %v", sent)
	}
}

func TestARefreshTokenUsedTwiceEndsEverything(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.redeem(h.browser().enter(h.asking(), h.colleague))
	renew := func(token string) answered {
		return h.browser().post(h.base+"/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"lps"}})
	}
	second := renew(first.json("refresh_token"))
	thief := renew(first.json("refresh_token"))
	if second.status != http.StatusOK || thief.status != http.StatusBadRequest || thief.json("error") != "invalid_grant" {
		t.Fatalf("%d, then %d %s", second.status, thief.status, thief.body)
	}
	if who := h.who(second.json("access_token")); who.status != http.StatusUnauthorized {
		t.Errorf("the other's access token: %d", who.status)
	}
	if third := renew(second.json("refresh_token")); third.json("error") != "invalid_grant" {
		t.Errorf("the other's refresh token: %s", third.body)
	}
}

func TestATrustedProgramIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	q := h.asking()
	q.Set("client_id", "trusted")
	q.Set("redirect_uri", "https://maison.test/")
	q.Set("scope", "user/*.rs offline_access")
	back := h.browser().arrive(q, h.colleague)
	if back.status != http.StatusSeeOther || back.location().Host != "maison.test" || back.location().Query().Get("code") == "" {
		t.Errorf("%d %s", back.status, back.header.Get("Location"))
	}
}

// TestWhatIsWrongWithTheProgramGoesNowhere: no redirect to where nobody is
// registered.
func TestWhatIsWrongWithTheProgramGoesNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, c := range []struct{ name, query string }{
		{"an unknown program", "client_id=nobody&redirect_uri=" + url.QueryEscape(redirect)},
		{"no program", ""},
		{"no redirect URI", "client_id=lps"},
		{"another redirect URI", "client_id=lps&redirect_uri=https%3A%2F%2Fattacker.test%2F"},
		{"a redirect URI below the registered one", "client_id=lps&redirect_uri=" + url.QueryEscape(redirect+"/../x")},
		{"one with more in its query", "client_id=lps&redirect_uri=" + url.QueryEscape(redirect+"?next=https://attacker.test")},
		{"two redirect URIs", "client_id=lps&redirect_uri=" + url.QueryEscape(redirect) + "&redirect_uri=https%3A%2F%2Fattacker.test%2F"},
		{"two programs", "client_id=lps&client_id=trusted&redirect_uri=" + url.QueryEscape(redirect)},
		{"a system", "client_id=signed&redirect_uri=" + url.QueryEscape(redirect)},
		{"a broken query", "client_id=lps&redirect_uri=%zz"},
		{"a query that is too long", "client_id=lps&x=" + strings.Repeat("x", maxURL)},
	} {
		at := h.browser().get(h.base + "/oauth/authorize?" + c.query)
		if at.status < 400 || at.status >= 500 || at.header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", c.name, at.status, at.header.Get("Location"))
		}
		checkPage(t, c.name, at)
	}
}

// checkPage holds a page against what all pages promise.
func checkPage(t *testing.T, name string, a answered) {
	t.Helper()
	csp := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s: the policy %q lacks %s", name, csp, want)
		}
	}
	for _, want := range []string{`lang="fr"`, `lang="en"`, "<h1>"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("%s: the page lacks %s", name, want)
		}
	}
	if strings.Contains(a.body, "<script") || strings.Contains(a.body, "style=") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s: the page has a script, or a style of its own", name)
	}
	if a.header.Get("X-Frame-Options") != "DENY" || a.header.Get("Referrer-Policy") != "no-referrer" || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%s: headers %v", name, a.header)
	}
}

func TestWhatIsWrongWithTheRequestGoesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, c := range []struct{ name, set, to, code string }{
		{"a token at once", "response_type", "token", "unsupported_response_type"},
		{"no response type", "response_type", "", "unsupported_response_type"},
		{"an answer in the fragment", "response_mode", "fragment", "invalid_request"},
		{"no PKCE", "code_challenge", "", "invalid_request"},
		{"plain PKCE", "code_challenge_method", "plain", "invalid_request"},
		{"PKCE without its method", "code_challenge_method", "", "invalid_request"},
		{"a challenge that is too short", "code_challenge", "abc", "invalid_request"},
		{"a signed request", "request", "eyJ", "request_not_supported"},
		{"a request elsewhere", "request_uri", "https://attacker.test/", "request_uri_not_supported"},
		{"another FHIR service", "aud", "https://attacker.test/fhir", "invalid_request"},
		{"no log-in", "prompt", "none", "login_required"},
		{"no scope of the program's", "scope", "system/*.rs user/Observation.rs", "invalid_scope"},
		{"nothing but who it is", "scope", "openid fhirUser", "invalid_scope"},
		{"scopes in another alphabet", "scope", "é", "invalid_scope"},
		{"a state that is too long", "state", strings.Repeat("x", maxState+1), "invalid_request"},
	} {
		q := h.asking()
		q.Set(c.set, c.to)
		at := h.browser().get(h.base + "/oauth/authorize?" + q.Encode())
		u := at.location()
		got := u.Query()
		if at.status != http.StatusSeeOther || u.Host != "lps.test" || got.Get("error") != c.code || got.Get("iss") != h.base || got.Get("code") != "" {
			t.Errorf("%s: %d %s", c.name, at.status, u)
		}
		if c.set != "state" && got.Get("state") != "af0ifjsldkj" {
			t.Errorf("%s: the state is %q", c.name, got.Get("state"))
		}
	}
}

func TestALogInIsTheBrowsersThatBeganIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	begin := func(b browser) *url.URL {
		t.Helper()
		at := b.get(h.base + "/oauth/authorize?" + h.asking().Encode())
		back := b.post(at.header.Get("Location"), url.Values{"person": {h.colleague.ID}})
		return back.location()
	}
	for _, c := range []struct {
		name   string
		change func(u *url.URL, q url.Values) browser
	}{
		{"another browser", func(*url.URL, url.Values) browser { return h.browser() }},
		{"another state", func(_ *url.URL, q url.Values) browser { q.Set("state", q.Get("state")[:8]+"X"); return browser{} }},
		{"no state", func(_ *url.URL, q url.Values) browser { q.Del("state"); return browser{} }},
		{"no code", func(_ *url.URL, q url.Values) browser { q.Del("code"); return browser{} }},
		{"a code of another log-in", func(_ *url.URL, q url.Values) browser {
			q.Set("code", begin(h.browser()).Query().Get("code"))
			return browser{}
		}},
		{"another provider (mix-up)", func(_ *url.URL, q url.Values) browser { q.Set("iss", "https://attacker.test"); return browser{} }},
		{"an error of the provider", func(_ *url.URL, q url.Values) browser { q.Set("error", "server_error"); return browser{} }},
		{"too late", func(*url.URL, url.Values) browser { h.wait(loginLife); return browser{} }},
	} {
		b := h.browser()
		u := begin(b)
		q := u.Query()
		if other := c.change(u, q); other.Client != nil {
			b = other
		}
		u.RawQuery = q.Encode()
		at := b.get(u.String())
		if at.status != http.StatusBadRequest || !strings.Contains(at.body, "La connexion n&#39;a pas abouti") {
			t.Errorf("%s: %d %s", c.name, at.status, at.body)
		}
		checkPage(t, c.name, at)
	}

	b := h.browser()
	u := begin(b)
	if at := b.get(u.String()); at.status != http.StatusOK {
		t.Fatalf("%d %s", at.status, at.body)
	}
	if at := b.get(u.String()); at.status != http.StatusBadRequest {
		t.Errorf("the same answer again: %d", at.status)
	}

	b = h.browser()
	u = begin(b)
	q := u.Query()
	q.Set("error", "access_denied")
	q.Del("code")
	u.RawQuery = q.Encode()
	if at := b.get(u.String()); at.location().Query().Get("error") != "access_denied" {
		t.Errorf("given up at the provider: %d %s", at.status, at.header.Get("Location"))
	}
}

// TestTheProviderIsNotBelievedEverything twists what it says.
func TestTheProviderIsNotBelievedEverything(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, what, claim string
		value             any
	}{
		{"the nonce of another log-in", "id", "nonce", "x"},
		{"no nonce", "id", "nonce", nil},
		{"another audience", "id", "aud", "other-service"},
		{"another issuer", "id", "iss", "https://attacker.test"},
		{"a log-in that is too weak", "id", "acr", "eidas0"},
		{"a token that has ended", "id", "exp", 1},
		{"another person's information", "userinfo", "sub", "f:fake:x"},
	} {
		h := newHouse(t)
		h.psc.Twist = func(what string, claims map[string]any) {
			if what == c.what {
				claims[c.claim] = c.value
			}
		}
		if at := h.browser().arrive(h.asking(), h.colleague); at.status != http.StatusBadRequest || !strings.Contains(at.body, "économiseur de batterie") {
			t.Errorf("%s: %d %s", c.name, at.status, at.body)
		}
	}
}

func TestAProfessionalWithoutMailboxIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.psc.Twist = nil
	for name, p := range map[string]struct{ id string }{"an RPPS number not in the directory": {h.stranger.ID}, "an ADELI number": {h.adeli.ID}} {
		person := h.stranger
		person.ID = p.id
		at := h.browser().arrive(h.asking(), person)
		if at.status != http.StatusForbidden || !strings.Contains(at.body, "Pas de boîte aux lettres à votre nom") || !strings.Contains(at.body, "RPPS number") {
			t.Errorf("%s: %d %s", name, at.status, at.body)
		}
		checkPage(t, name, at)
	}
	for name, claim := range map[string]any{"a number": 8101234567.0, "nothing": nil, "rubbish": "8é"} {
		h.psc.Twist = func(what string, claims map[string]any) {
			if what == "userinfo" {
				claims["SubjectNameID"] = claim
			}
		}
		if at := h.browser().arrive(h.asking(), h.colleague); at.status != http.StatusForbidden {
			t.Errorf("%s in place of the identifier: %d", name, at.status)
		}
	}
}

func TestConsentIsThePersonsOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	page := b.arrive(h.asking(), h.colleague)
	checkPage(t, "consent", page)
	for _, want := range []string{"Logiciel d&#39;essai", "Dr Camille DUPRÉ", camille, "Consulter : les documents des dossiers médicaux", "30 jours"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://lps.test") {
		t.Errorf("the policy is %q", csp)
	}
	yes := page.answer("yes")
	change := func(name, value string) url.Values {
		v := url.Values{}
		for k := range yes {
			v.Set(k, yes.Get(k))
		}
		v.Set(name, value)
		return v
	}
	refused := func(name string, a answered) {
		t.Helper()
		if a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, a.status, a.header.Get("Location"))
		}
	}
	refused("another browser", h.browser().post(h.base+"/oauth/consent", yes))
	refused("another ticket", b.post(h.base+"/oauth/consent", change("ticket", "AAAA"+yes.Get("ticket"))))
	refused("no ticket", b.post(h.base+"/oauth/consent", change("ticket", "")))
	refused("the cookie of another page", b.post(h.base+"/oauth/consent", change("mark", "AAAAAAAA")))
	other := h.browser()
	refused("another browser that has a page of its own",
		other.post(h.base+"/oauth/consent", change("mark", other.arrive(h.asking(), h.colleague).answer("yes").Get("mark"))))
	for _, cookie := range b.Jar.Cookies(page.url(h)) {
		refused("the ticket of a log-in", b.post(h.base+"/oauth/consent", change("ticket", cookie.Value)))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.base+"/oauth/consent", strings.NewReader(yes.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	refused("a form on another site", b.do(r))

	no := b.post(h.base+"/oauth/consent", change("answer", "no"))
	if u := no.location(); no.status != http.StatusSeeOther || u.Query().Get("error") != "access_denied" || u.Query().Get("state") == "" {
		t.Errorf("refused by the person: %d %s", no.status, u)
	}
	refused("changed one's mind", b.post(h.base+"/oauth/consent", yes))

	page = b.arrive(h.asking(), h.colleague)
	h.wait(consentLife)
	refused("too late", b.post(h.base+"/oauth/consent", page.answer("yes")))

	page = b.arrive(h.asking(), h.colleague)
	if _, err := h.RemoveClient(t.Context(), "operator", "lps"); err != nil {
		t.Fatal(err)
	}
	refused("the program was removed meanwhile", b.post(h.base+"/oauth/consent", page.answer("yes")))
}

func (a answered) url(h *house) *url.URL {
	u, err := url.Parse(h.base + "/oauth/consent")
	must(h.t, err)
	return u
}

// TestACodeIsWorthNothingElsewhere: injected, downgraded, shown by another.
func TestACodeIsWorthNothingElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	must(t, h.AddClient(t.Context(), "operator", software.Client{ID: "other", Name: "Autre", Redirects: []string{redirect}, Scopes: "user/*.rs"}))
	code := h.browser().enter(h.asking(), h.colleague)
	good := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "client_id": {"lps"}, "code_verifier": {verifier}}
	for _, c := range []struct{ name, set, to, code string }{
		{"another program", "client_id", "other", "invalid_grant"},
		{"an unknown program", "client_id", "nobody", "invalid_client"},
		{"no program", "client_id", "", "invalid_client"},
		{"a program that proves who it is, and did not", "client_id", "signed", "invalid_client"},
		{"a secret where there is none", "client_secret", "x", "invalid_client"},
		{"another redirect URI", "redirect_uri", "http://127.0.0.1:5000/cb", "invalid_grant"},
		{"no redirect URI", "redirect_uri", "", "invalid_request"},
		{"a verifier of another log-in", "code_verifier", strings.Repeat("a", 43), "invalid_grant"},
		{"the challenge for the verifier", "code_verifier", known, "invalid_grant"},
		{"no verifier", "code_verifier", "", "invalid_request"},
		{"a verifier that is too short", "code_verifier", "short", "invalid_request"},
		{"no code", "code", "", "invalid_request"},
		{"another code", "code", "vmc_AAAA", "invalid_grant"},
		{"another grant", "grant_type", "password", "unsupported_grant_type"},
		{"no grant", "grant_type", "", "invalid_request"},
		{"a refresh token's grant", "grant_type", "refresh_token", "invalid_request"},
	} {
		v := url.Values{}
		for k := range good {
			v.Set(k, good.Get(k))
		}
		v.Set(c.set, c.to)
		out := h.browser().post(h.base+"/oauth/token", v)
		if out.status < 400 || out.status >= 500 || out.json("error") != c.code || out.json("access_token") != "" {
			t.Errorf("%s: %d %s", c.name, out.status, out.body)
		}
	}
	if out := h.redeem(code); out.status != http.StatusOK {
		t.Errorf("after all that, the code: %d %s", out.status, out.body)
	}
	if out := h.redeem(code); out.json("error") != "invalid_grant" {
		t.Errorf("once more: %d %s", out.status, out.body)
	}
}

func TestWithoutProviderNobodyLogsIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Professional = nil })
	at := h.browser().get(h.base + "/oauth/authorize?" + h.asking().Encode())
	if at.location().Query().Get("error") != "temporarily_unavailable" {
		t.Errorf("%d %s", at.status, at.header.Get("Location"))
	}
	if at := h.browser().get(h.base + "/oauth/callback?state=x&code=y"); at.status != http.StatusBadRequest {
		t.Errorf("callback: %d", at.status)
	}
}

func TestAProviderThatIsAwayIsNotAskedAllTheTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Professional.Issuer += "/not-there" })
	for range 2 {
		at := h.browser().get(h.base + "/oauth/authorize?" + h.asking().Encode())
		if at.status != http.StatusServiceUnavailable || !strings.Contains(at.body, "Recommencez dans quelques minutes") {
			t.Errorf("%d %s", at.status, at.body)
		}
	}
}

func TestEveryKindHasAReply(t *testing.T) {
	for _, k := range fault.Kinds() {
		if p := replies[k]; p.code == "" || p.text == "" || p.status < 400 {
			t.Errorf("no reply for %v", k)
		}
		if status, n := noticeOf(k); status < 400 || n.TitleFR == "" || n.TitleEN == "" || len(n.FR) == 0 || len(n.EN) == 0 {
			t.Errorf("no page for %v", k)
		}
	}
}

func TestABaseIsAHost(t *testing.T) {
	h := newHub(t, time.Now)
	for _, base := range []string{"", "http://hub.test", "https://hub.test/x", "https://", "https://hub.test?x", "hub.test"} {
		if _, err := New(h, Config{Base: base}); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, p := range []Provider{{}, {Issuer: "http://psc.test", ClientID: "x"}, {Issuer: "https://psc.test"}} {
		if _, err := New(h, Config{Base: "https://hub.test", Professional: &p}); fault.Of(err) != fault.Invalid {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
