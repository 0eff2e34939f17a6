package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

// comesIn signs a professional in.
func (b *browser) comesIn(n string) *browser {
	b.t.Helper()
	number, err := ident.ParseRPPS(n)
	b.must(err)
	b.arrives, b.fails = number, nil
	b.open("/").at("/", "Professionnels de santé", "Se connecter avec Pro Santé Connect")
	if !strings.Contains(b.page, `href="/oauth/portal"`) {
		b.t.Fatal("the welcome does not lead to the provider")
	}
	return b.open("/oauth/portal")
}

func TestAProfessionalSignsInAndOut(t *testing.T) {
	h := newHouse(t)
	b := h.browser().comesIn(rpps(t)).at("/", "Bonjour Dr Éric THOMAS", "Médecin", "Patients", thomas)
	if strings.Contains(b.page, `href="/activite"`) || strings.Contains(b.page, `href="/acces"`) {
		t.Error("pages of a space are offered to somebody who has none")
	}
	b.open("/connexion/pro").at("/")
	b.open("/securite").at("/securite", "Firefox, Linux", "ni mot de passe ni code", "Votre messagerie dans un logiciel")
	if strings.Contains(text(b.page), "Fermer votre espace") || strings.Contains(b.page, "/securite/mot-de-passe") {
		t.Error("a professional is offered what only patients have")
	}
	b.send("/deconnexion").at("/", "Professionnels de santé")
	if h.asked != "/oauth/end" {
		t.Errorf("the provider was asked for %s", h.asked)
	}
	b.open("/patients").at("/connexion/pro", "Se connecter avec Pro Santé Connect")
}

func TestPagesOfASpaceAreNoProfessionals(t *testing.T) {
	h := newHouse(t)
	b := h.browser().comesIn(rpps(t))
	for _, a := range table() {
		if !a.signed || a.by != holders || a.get == nil {
			continue
		}
		if b.open(strings.ReplaceAll(a.path, "{record}", "x")); b.status != http.StatusNotFound {
			t.Errorf("%s: %d", a.path, b.status)
		}
	}
	jeanne := h.browser().activates()
	for _, a := range table() {
		if !a.signed || a.by != professionals {
			continue
		}
		if jeanne.open(strings.ReplaceAll(a.path, "{record}", string(h.part(h.jeanne)))); jeanne.status != http.StatusNotFound {
			t.Errorf("%s, for a patient: %d", a.path, jeanne.status)
		}
	}
}

func TestALoginAtTheProviderThatFailsIsTold(t *testing.T) {
	h := newHouse(t)
	for words, err := range map[string]error{
		"aucune boîte aux lettres": fault.NotFound, "n'a pas abouti": fault.Unauthenticated, "ne répond pas": fault.Unavailable,
	} {
		h.arrives, h.fails = ident.RPPS{}, err
		if b := h.browser().open("/oauth/portal").at("/connexion/pro/suite", words); b.status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", err, b.status)
		}
	}
	stranger, err := ident.MakeRPPS("9900000099")
	h.must(err)
	h.arrives, h.fails = stranger, nil
	b := h.browser().open("/oauth/portal").at("/connexion/pro/suite", "aucune boîte aux lettres")
	b.open("/connexion/pro/suite").at("/") // it counts once
}

// TestAnArrivalIsSealed: nobody makes one, keeps one, or takes another cookie for
// one.
func TestAnArrivalIsSealed(t *testing.T) {
	h := newHouse(t)
	u, err := url.Parse(h.base)
	h.must(err)
	b := h.browser()
	b.Jar.SetCookies(u, []*http.Cookie{{Name: arrivalCookie, Value: rpps(t), Secure: true, Path: "/"}})
	b.open("/connexion/pro/suite").at("/", "C'est la première fois")
	text, err := h.SealState(returnCookie, []byte(`{"V":{"RPPS":"`+rpps(t)+`"},"End":"2027-01-01T00:00:00Z"}`))
	h.must(err)
	b.Jar.SetCookies(u, []*http.Cookie{{Name: arrivalCookie, Value: text, Secure: true, Path: "/"}})
	b.open("/connexion/pro/suite").at("/", "C'est la première fois")

	late := h.browser()
	n, err := ident.ParseRPPS(rpps(t))
	h.must(err)
	h.arrives, h.fails = n, nil
	late.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+"/oauth/portal", nil)
	h.must(err)
	resp, err := late.Do(r)
	h.must(err)
	h.must(resp.Body.Close())
	if got := resp.Header.Get("Content-Security-Policy"); got != content || late.cookieNamed(sessionCookie) != "" {
		t.Errorf("on arrival: %q", got)
	}
	h.now = h.now.Add(arrivalLife)
	late.CheckRedirect = nil
	late.open("/connexion/pro/suite").at("/", "C'est la première fois")
}

func TestAProfessionalProvesThemselvesAtTheProvider(t *testing.T) {
	h := newHouse(t)
	b := h.browser().comesIn(rpps(t))
	h.now = h.now.Add(account.SensitiveFor)
	b.open("/securite").send("/securite/logiciel", "device", "Thunderbird").at("/confirmer", "Pro Santé Connect va vous reconnaître")
	h.since = 5 * time.Minute
	b.open("/oauth/portal").at("/connexion/pro/suite", "se souvenait de vous")
	h.since = 0
	b.open("/oauth/portal?again=1").at("/securite", "C'est bien vous")
	b.send("/securite/logiciel", "device", "Thunderbird").at("/securite/logiciel", "Thunderbird", thomas)

	// Somebody else at the same keyboard is somebody else.
	other, err := ident.MakeRPPS("9900000099")
	h.must(err)
	before := b.cookieNamed(sessionCookie)
	h.arrives = other
	b.open("/oauth/portal?again=1").at("/connexion/pro/suite", "aucune boîte aux lettres")
	if _, _, err := h.OpenWeb(t.Context(), before); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("the session of who was there before: %v", err)
	}
}

func TestWhoWasSignedInAsAPatientIsNoMore(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	before := b.cookieNamed(sessionCookie)
	n, err := ident.ParseRPPS(rpps(t))
	h.must(err)
	h.arrives = n
	b.open("/oauth/portal").at("/", "Bonjour Dr Éric THOMAS")
	if _, _, err := h.OpenWeb(t.Context(), before); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("their session: %v", err)
	}
}

func TestAProfessionalsSessionEndsByItself(t *testing.T) {
	h := newHouse(t)
	b := h.browser().comesIn(rpps(t))
	h.now = h.now.Add(hub.ProfessionalIdle)
	b.open("/patients").at("/connexion/pro", "Votre session est terminée")
	b.comesIn(rpps(t))
	for range 9 {
		h.now = h.now.Add(hub.ProfessionalIdle - 3*time.Minute)
		b.open("/patients")
	}
	b.at("/connexion/pro", "Votre session est terminée")
}
