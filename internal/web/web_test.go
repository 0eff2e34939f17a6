package web

import (
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
)

func logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestJeanneActivatesHerSpace(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.open("/").at("/", "Votre espace santé", "appelez le 15", "Activer ou s'opposer", "jamais de lien").activates()
	b.open("/").at("/", "Bonjour Jeanne", "21 novembre 2026", h.jeanne.Matricule.Canonical()+"@patient.test")
	if strings.Contains(text(b.page), "Votre espace santé est ouvert.") {
		t.Error("news are told twice")
	}
	b.send("/deconnexion").at("/", "Vous êtes déconnecté", "C'est la première fois").signsIn()
	if said := h.log.String(); said != "" {
		t.Errorf("the log says %s", said)
	}
}

func TestAWrongFirstCodeSaysNothing(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.identifies().send("/activer/code", "code", "Zzzz9999").at("/activer/code", "Ce code ne convient pas")
	if b.status != http.StatusUnprocessableEntity || !strings.Contains(b.page, `aria-describedby="code-wrong code-hint"`) && !strings.Contains(b.page, `aria-describedby="code-wrong `) {
		t.Errorf("%d, the field is not described by what is wrong:\n%s", b.status, b.page)
	}
	b.send("/activer/code", "code", strings.ToLower(h.mail("jeanne@courriel.test"))+"x").at("/activer/code", "Ce code ne convient pas")

	// Of somebody who is nobody, the same is said.
	other := h.browser()
	other.open("/activer").send("/activer", "matricule", insured(t, "2602099999099", "", "", "").Matricule.Canonical(), "birth", "29/02/1960", "card", "photo", "serial", "12345678901", "by", "mail")
	other.at("/activer/code", "Si ces informations sont exactes").send("/activer/code", "code", "Zzzz9999").at("/activer/code", "Ce code ne convient pas")
}

func TestWhatCannotBeIsToldBesideItsField(t *testing.T) {
	b := newHouse(t).browser()
	b.open("/activer").send("/activer").at("/activer", "Quelque chose est à corriger", "Ce champ est à remplir")
	b.send("/activer", "matricule", "260209999902199", "birth", "31/02/1960", "card", "photo", "serial", "123").
		at("/activer", "une clé de 2 chiffres", "Écrivez le jour", "les 11 derniers chiffres")
	for _, part := range []string{`<a href="#matricule">`, `id="matricule-wrong"`, `aria-invalid="true"`, `role="alert" tabindex="-1" autofocus`, `value="31/02/1960"`, "<title>Erreur"} {
		if !strings.Contains(b.page, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
}

func TestJeanneObjectsForHerself(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.begins().at("/activer/choix", "Lina HÉRON", "10 mai 2014").send("/activer/choix").at("/activer/choix", "Choisissez une des réponses")
	b.send("/activer/choix", "own", "object").at("/preuve", "PREUVE D'OPPOSITION", "PROOF OF OBJECTION", "Signature :")
	p, err := h.VerifyProof(t.Context(), b.open("/preuve/texte").page)
	if err != nil || p.Event != "oppose" {
		t.Errorf("the proof is %+v, %v", p, err)
	}
	if !strings.Contains(b.header.Get("Content-Disposition"), "attachment") {
		t.Error("the text is no file")
	}
	b.open("/activer/choix").at("/activer")
}

func TestAnObjectionForAChildNeedsACertificationAndGivesAProof(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.begins()
	child := regexp.MustCompile(`name="(child-[a-z2-7]{26})"`).FindStringSubmatch(b.page)
	if child == nil {
		t.Fatalf("no child:\n%s", b.page)
	}
	b.send("/activer/choix", "own", "open", child[1], "object").at("/activer/choix", "Cochez cette case")
	b.send("/activer/choix", "own", "open", child[1], "object", "certify", "yes").at("/preuve", "Lina HÉRON", "Poursuivre l'ouverture")
	b.open("/activer/conditions").at("/activer/conditions", "Étape 3 sur 6")
}

func TestAPasswordHasToldItsRulesBeforeAndAfter(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.begins().send("/activer/choix", "own", "open").send("/activer/conditions").at("/activer/conditions", "acceptez les conditions")
	b.send("/activer/conditions", "agree", "yes").send("/activer/contact", "by", "mail", "mail", "personne").at("/activer/contact", "nom@exemple.fr")
	b.send("/activer/contact", "by", "sms", "phone", "").at("/activer/contact", "Ce champ est à remplir")
	b.send("/activer/contact", "by", "mail", "mail", "autre@courriel.test").send("/activer/contact/code", "code", "000000").at("/activer/contact/code", "Ce n'est pas le bon code")
	b.send("/activer/contact/code", "code", h.mail("autre@courriel.test"))
	b.at("/activer/identifiants", "compte au moins 9 caractères")
	b.send("/activer/identifiants", "new-login", "ab", "new-password", password, "repeat", password).at("/activer/identifiants", "5 à 40 lettres")
	b.send("/activer/identifiants", "new-login", login, "new-password", "heron", "repeat", "heron").at("/activer/identifiants", "Il manque une lettre majuscule", "Il manque un chiffre")
	b.send("/activer/identifiants", "new-login", login, "new-password", password, "repeat", "x").at("/activer/identifiants", "ne sont pas les mêmes")
	if strings.Contains(b.page, password) {
		t.Error("a password is shown again")
	}
}

func TestStepsAreNotSkipped(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.open("/activer/ouverture").at("/activer", "Le temps est écoulé")
	b.begins()
	for _, path := range []string{"/activer/conditions", "/activer/contact", "/activer/contact/code", "/activer/identifiants", "/activer/ouverture"} {
		b.open(path).at("/activer/choix")
	}
	h.now = h.now.Add(31 * time.Minute)
	b.open("/activer/choix").at("/activer", "Le temps est écoulé")
}

func TestSigningInIsThrottled(t *testing.T) {
	h := newHouse(t)
	h.browser().activates()
	b := h.browser()
	b.open("/connexion").send("/connexion", "login", login).at("/connexion", "Ce champ est à remplir")
	for range 50 {
		if b.send("/connexion", "login", login, "password", "faux"); b.status == http.StatusTooManyRequests {
			b.at("/connexion", "Trop d'essais")
			if b.header.Get("Retry-After") == "" {
				t.Error("not when to come back")
			}
			return
		}
		b.at("/connexion", "n'est pas le bon")
	}
	t.Error("fifty wrong passwords, and no end")
}

func TestATrustedDeviceNeedsAPasswordAndNoCode(t *testing.T) {
	h := newHouse(t)
	h.browser().activates()
	h.now = h.now.Add(time.Minute)
	b := h.browser()
	b.open("/connexion").send("/connexion", "login", login, "password", password).at("/connexion/code")
	b.send("/connexion/code", "code", "000000", "trust", "yes").at("/connexion/code", "Ce n'est pas le bon code")
	b.send("/connexion/code", "code", h.mail("jeanne@courriel.test"), "trust", "yes").at("/", "Bonjour")
	b.send("/deconnexion").open("/connexion").send("/connexion", "login", login, "password", "faux").at("/connexion", "n'est pas le bon")
	b.send("/connexion", "login", login, "password", password).at("/", "Bonjour")
}

// TestNoCodeIsPromisedThatWasNotSent: a second one waits for thirty seconds.
func TestNoCodeIsPromisedThatWasNotSent(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.send("/deconnexion").open("/connexion").send("/connexion", "login", login, "password", password)
	b.at("/connexion/code", "Attendez trente secondes", "Comment voulez-vous recevoir votre code").send("/connexion/code/envoi", "by", "mail").at("/connexion/code/envoi", "Attendez 30 secondes")
	h.now = h.now.Add(31 * time.Second)
	b.send("/connexion/code/envoi", "by", "mail").at("/connexion/code", "Un code vient d'être envoyé").send("/connexion/code", "code", h.mail("jeanne@courriel.test")).at("/", "Bonjour")
}

func TestAnIdleSessionEnds(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	h.now = h.now.Add(31 * time.Minute)
	b.open("/").at("/", "C'est la première fois")
}

// TestAFormComesFromOurPages: a token of this session, from no other site.
func TestAFormComesFromOurPages(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(b.page)[1]
	foreign := h.browser().open("/connexion")
	foreignToken := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(foreign.page)[1]
	for name, c := range map[string]struct {
		token  string
		header [2]string
		status int
	}{
		"without a token":                  {"", [2]string{"", ""}, 403},
		"with that of another browser":     {foreignToken, [2]string{"", ""}, 403},
		"from another site":                {token, [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"from a neighbour":                 {token, [2]string{"Sec-Fetch-Site", "same-site"}, 403},
		"from another origin":              {token, [2]string{"Origin", "https://evil.example"}, 403},
		"from our page":                    {token, [2]string{"Sec-Fetch-Site", "same-origin"}, 200},
		"from a browser that says no more": {token, [2]string{"", ""}, 200},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.base+"/langue", strings.NewReader(url.Values{"token": {c.token}, "lang": {"fr"}}.Encode()))
		h.must(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.header[0] != "" {
			r.Header.Set(c.header[0], c.header[1])
		}
		if b.do(r); b.status != c.status {
			t.Errorf("%s: %d, want %d", name, b.status, c.status)
		}
	}
}

// TestASessionIsNotFixed: what a browser had before a login is worth nothing
// after it, and the tokens of its forms change.
func TestASessionIsNotFixed(t *testing.T) {
	h := newHouse(t)
	h.browser().activates()
	b := h.browser()
	u, err := url.Parse(h.base)
	h.must(err)
	b.Jar.SetCookies(u, []*http.Cookie{{Name: sessionCookie, Value: "planted", Secure: true, Path: "/"}})
	b.open("/connexion")
	seed := b.cookieNamed(seedCookie)
	if b.cookieNamed(sessionCookie) != "" {
		t.Error("a session that is none is kept")
	}
	b.signsIn()
	if b.cookieNamed(seedCookie) == seed || len(b.cookieNamed(sessionCookie)) < 40 {
		t.Error("the login changes nothing")
	}
	old := b.cookieNamed(sessionCookie)
	b.send("/deconnexion")
	thief := h.browser()
	thief.Jar.SetCookies(u, []*http.Cookie{{Name: sessionCookie, Value: old, Secure: true, Path: "/"}})
	thief.open("/").at("/", "C'est la première fois")
}

// TestOneStolenCookieIsNotEnough: a session without its seed sends no form, a
// trusted device or a half login opens nothing.
func TestOneStolenCookieIsNotEnough(t *testing.T) {
	h := newHouse(t)
	h.browser().activates()
	h.now = h.now.Add(time.Minute)
	b := h.browser()
	b.open("/connexion").send("/connexion", "login", login, "password", password)
	half := b.cookieNamed(ticketCookie)
	b.send("/connexion/code", "code", h.mail("jeanne@courriel.test"), "trust", "yes").at("/", "Bonjour")
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(b.page)[1]
	u, err := url.Parse(h.base)
	h.must(err)
	stolen := func(name, value string) *browser {
		thief := h.browser()
		thief.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Secure: true, Path: "/"}})
		return thief
	}
	if thief := stolen(sessionCookie, b.cookieNamed(sessionCookie)).post("/deconnexion", url.Values{"token": {token}}); thief.status != http.StatusForbidden {
		t.Errorf("a session without its seed sends a form: %d", thief.status)
	}
	stolen(deviceCookie, b.cookieNamed(deviceCookie)).open("/").at("/", "C'est la première fois")
	stolen(ticketCookie, half).open("/").at("/", "C'est la première fois")
	b.open("/").at("/", "Bonjour")
}

func TestCookiesAreForThisHostAlone(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.open("/connexion")
	check := func() {
		for _, line := range b.header["Set-Cookie"] {
			k, err := http.ParseSetCookie(line)
			if err != nil || !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" {
				t.Errorf("%s, %v", line, err)
			}
			if strings.Contains(line, h.jeanne.Matricule.Canonical()) {
				t.Error("a cookie holds a matricule")
			}
		}
	}
	check()
	b.identifies()
	check()
	if location := b.header.Get("Location"); location != "/activer/code" {
		t.Errorf("it leads to %s", location)
	}
}

func TestThePagesLockTheBrowser(t *testing.T) {
	b := newHouse(t).browser().open("/")
	for name, want := range map[string]string{
		"Content-Security-Policy":    "default-src 'none'",
		"Strict-Transport-Security":  "max-age=31536000",
		"Referrer-Policy":            "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin",
		"X-Content-Type-Options":     "nosniff",
		"Cache-Control":              "no-store",
	} {
		if !strings.Contains(b.header.Get(name), want) {
			t.Errorf("%s is %q, want %s", name, b.header.Get(name), want)
		}
	}
	if regexp.MustCompile(`<script(>| [^>]*>[^<])`).MatchString(b.page) || strings.Contains(b.page, " style=") || strings.Contains(b.page, "http://") {
		t.Error("a page holds a script, a style or an address of elsewhere")
	}
	b.open("/activer/code/envoi").at("/activer") // nothing is shown there: someone has loaded it again
	b.open("/nulle-part").at("/nulle-part", "Il n'y a rien ici")
	if b.status != http.StatusNotFound {
		t.Errorf("%d for nothing", b.status)
	}
}

func TestTheCommonStyleStaysSmall(t *testing.T) {
	if common := must(files.ReadFile("style/1-common.css")); len(common) > 10<<10 {
		t.Errorf("what every page has is styled in %d bytes", len(common))
	}
}

func TestALanguageIsChosen(t *testing.T) {
	b := newHouse(t).browser()
	b.open("/connexion").at("/connexion", "Mot de passe").send("/langue", "lang", "en").at("/connexion", "Password").open("/").at("/", "Your health space")
	for accepted, want := range map[string]string{"": "fr", "en-GB,en;q=0.9": "en", "de, fr;q=0.5": "fr", "de": "fr", "EN": "en"} {
		if got := language("", accepted); got != want {
			t.Errorf("language(%q) = %s, want %s", accepted, got, want)
		}
	}
	b.send("/langue", "lang", "fr", "back", "//evil.example").at("/")
}

func TestOnlyAPageOfOursIsComeBackTo(t *testing.T) {
	s := newHouse(t).pages
	for _, ours := range []string{"/", "/securite", "/proches/abc/documents", "/messagerie/m/abc"} {
		if !s.known(ours) {
			t.Errorf("%s is not known", ours)
		}
	}
	for _, other := range []string{"", "securite", "//securite", "//evil.example", "//evil.example/../securite", "//evil.example/%2e%2e/securite",
		`/\evil.example/../securite`, "/./securite", "/securite/", "https://evil.example/securite", "/nulle-part", "/deconnexion"} {
		if s.known(other) {
			t.Errorf("%s is known", other)
		}
	}
}

func TestAFormIsBounded(t *testing.T) {
	b := newHouse(t).browser().open("/connexion")
	if b.send("/connexion", "login", strings.Repeat("a", maxForm)); b.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", b.status)
	}
}

func TestEveryKindOfFailureHasAPage(t *testing.T) {
	for _, k := range append(fault.Kinds(), "") {
		how, ok := failings[k]
		if k == "" {
			how, ok = forged, true
		}
		if !ok || how.status < 400 {
			t.Errorf("no page for %v", k)
		}
		for lang := range catalogues {
			for _, part := range []string{".title", ".text"} {
				if catalogues[lang][how.words+part] == "" {
					t.Errorf("no words for %v in %s", k, lang)
				}
			}
		}
	}
}

// TestTheCataloguesAgree: the same keys, the same number of things to be put
// in, no key twice, and none that no page uses.
func TestTheCataloguesAgree(t *testing.T) {
	fr, en := catalogues[french], catalogues[english]
	verbs := regexp.MustCompile(`%[a-z]`)
	for _, k := range slices.Sorted(maps.Keys(fr)) {
		if text, ok := en[k]; !ok || !slices.Equal(verbs.FindAllString(text, -1), verbs.FindAllString(fr[k], -1)) {
			t.Errorf("%s: %q, %q", k, fr[k], text)
		}
	}
	for k := range en {
		if _, ok := fr[k]; !ok {
			t.Errorf("%s is in English only", k)
		}
	}
	for _, lang := range []string{french, english} {
		keys := 0
		names := must(fs.Glob(files, "words/"+lang+"/*.json"))
		for _, name := range names {
			for d := json.NewDecoder(strings.NewReader(string(must(files.ReadFile(name))))); ; keys++ {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		if want := 2 * (len(catalogues[lang]) + len(names)); keys != want {
			t.Errorf("%s: a key is there twice", lang)
		}
	}
}

// TestEveryWordOfThePagesIsInTheCatalogue finds the keys that pages and code name
// in full, and bare text in pages.
func TestEveryWordOfThePagesIsInTheCatalogue(t *testing.T) {
	inPage := regexp.MustCompile(`\bt "([a-z0-9.-]+)"`)
	fields := regexp.MustCompile(`\.Field "([a-z-]+)"`)
	bare := regexp.MustCompile(`\pL{3,}`)
	inner := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	attribute := regexp.MustCompile(`[a-z-]+="[^"]*"`) // of a part that stands within a tag
	err := fs.WalkDir(files, "pages", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".html") {
			return err
		}
		b, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		page := string(b)
		for _, m := range inPage.FindAllStringSubmatch(page, -1) {
			if _, ok := catalogues[french][m[1]]; !ok {
				t.Errorf("%s: no words for %s", name, m[1])
			}
		}
		for _, m := range fields.FindAllStringSubmatch(page, -1) {
			if _, ok := catalogues[french]["field."+m[1]]; !ok {
				t.Errorf("%s: no words for the field %s", name, m[1])
			}
		}
		rest := attribute.ReplaceAllString(tags.ReplaceAllString(inner.ReplaceAllString(page, ""), ""), "")
		if m := bare.FindString(rest); m != "" {
			t.Errorf("%s holds the word %q", name, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestABirthDateIsReadAsPeopleWriteIt(t *testing.T) {
	for in, want := range map[string]string{
		"28/03/1979": "19790328", "28 3 1979": "19790328", "1979-03-28": "19790328", "28.03.1979": "19790328", "28031979": "19790328",
		"00/00/1938": "19380000", "": "", "28/03/79": "", "31/02/1960": "", "12/13/1979": "", "demain": "", "1/2/3/4": "", "29/02/1960": "19600229",
	} {
		if got := birthDate(in); got != want {
			t.Errorf("birthDate(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestABrowserIsNamedAsItsHolderWould(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                           "Firefox, Linux",
		"Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36":            "Chrome, Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile Safari/604.1": "Safari, iPhone",
		"": "Navigateur",
	} {
		if got := device(agent); got != want {
			t.Errorf("device(%q) = %q, want %q", agent, got, want)
		}
	}
}
