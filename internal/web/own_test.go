package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
)

func TestOnlyWhoHasSignedInSeesTheirSpace(t *testing.T) {
	h := newHouse(t)
	for _, r := range append(keeping, proving...) {
		if r.get == nil {
			continue
		}
		h.browser().open(r.path).at("/connexion", "Votre session est terminée")
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	h := newHouse(t)
	h.browser().activates()
	phone := h.browser()
	phone.agent = "Mozilla/5.0 (Linux; Android 16) Chrome/141.0.0.0 Mobile Safari/537.36"
	phone.signsIn()
	b := h.browser().signsIn()
	b.open("/securite").at("/securite", "Firefox, Linux Cet appareil", "Chrome, Android", "heron.gris", "jeanne@courriel.test")
	_, after, _ := strings.Cut(b.page, "Chrome, Android")
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(after)[1]
	b.send("/securite/session", "id", id).at("/securite", "Cette session est terminée")
	phone.open("/").at("/", "C'est la première fois")
	b.send("/securite/autres").at("/securite", "Toutes les autres sessions")
	if strings.Contains(b.page, `action="/securite/session"`) {
		t.Error("there are other sessions")
	}
}

func TestWhatMattersAsksForAProofFirst(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	h.now = h.now.Add(20 * time.Minute)
	b.open("/securite").send("/securite/phrase", "phrase", "le héron gris").at("/confirmer", "Confirmez que c'est bien vous")
	b.send("/confirmer").at("/confirmer", "Ce champ est à remplir").send("/confirmer", "password", "faux").at("/confirmer", "pas le bon mot de passe")
	b.send("/confirmer", "password", password).at("/confirmer/code").send("/confirmer/code", "code", "000000").at("/confirmer/code", "pas le bon code")
	b.send("/confirmer/code", "code", h.mail("jeanne@courriel.test")).at("/securite", "C'est bien vous")
	b.send("/securite/phrase", "phrase", "voir https://x").at("/securite/phrase", "80 caractères")
	b.send("/securite/phrase", "phrase", "le héron gris").at("/securite", "« le héron gris »", "C'est enregistré")
	for _, back := range []string{"//evil.example", "//evil.example/../securite"} {
		if b.open("/confirmer?retour=" + back); strings.Contains(b.page, "evil") {
			t.Errorf("a proof leads to %s", back)
		}
	}
}

func TestAPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	h := newHouse(t)
	phone := h.browser().activates()
	b := h.browser().signsIn()
	const better = "Pont-Rouge.63"
	b.open("/securite/mot-de-passe").at("/securite/mot-de-passe", "compte au moins 9")
	b.send("/securite/mot-de-passe", "password", "faux", "new-password", better, "repeat", better).at("/securite/mot-de-passe", "pas le bon mot de passe")
	b.send("/securite/mot-de-passe", "password", password, "new-password", "court", "repeat", "court").at("/securite/mot-de-passe", "Il manque un chiffre")
	b.send("/securite/mot-de-passe", "password", password, "new-password", better, "repeat", "").at("/securite/mot-de-passe", "ne sont pas les mêmes")
	b.send("/securite/mot-de-passe", "password", password, "new-password", better, "repeat", better).at("/securite", "Votre mot de passe est changé")
	phone.open("/").at("/", "C'est la première fois")
	phone.open("/connexion").send("/connexion", "login", login, "password", password).at("/connexion", "n'est pas le bon")
}

func TestAContactIsChanged(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	h.now = h.now.Add(time.Minute)
	b.open("/securite/courriel").send("/securite/courriel", "mail", "pas une adresse").at("/securite/courriel", "nom@exemple.fr")
	b.send("/securite/courriel", "mail", "neuve@courriel.test").at("/securite/courriel", "Le code que vous avez reçu")
	b.send("/securite/courriel", "mail", "neuve@courriel.test").at("/securite/courriel", "30 secondes")
	b.open("/securite/courriel").send("/securite/courriel/code", "code", "000000").at("/securite/courriel/code", "pas le bon code")
	b.send("/securite/courriel/code", "code", h.mail("neuve@courriel.test")).at("/securite", "neuve@courriel.test")
}

func TestAnAuthenticatorIsAddedUsedAndRemoved(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/securite").send("/securite/authentificateur").at("/securite/authentificateur", "Visez ce code")
	secret := regexp.MustCompile(`<p class="secret">([A-Z2-7]+)</p>`).FindStringSubmatch(b.page)
	if secret == nil || !strings.Contains(b.page, `href="otpauth://totp/`) {
		t.Fatalf("no secret:\n%s", b.page)
	}
	b.send("/securite/authentificateur/code", "code", "000000").at("/securite/authentificateur/code", "Ce n'est pas le code attendu")
	code := func() string {
		c, err := totp.GenerateCode(secret[1], h.now)
		h.must(err)
		return c
	}
	b.send("/securite/authentificateur/code", "code", code()).at("/securite", "est ajoutée", "Retirer l'application")
	b.open("/securite/authentificateur").at("/securite")

	other := h.browser()
	h.now = h.now.Add(time.Minute)
	other.open("/connexion").send("/connexion", "login", login, "password", password).at("/connexion/code", "application d'authentification")
	other.send("/connexion/code/envoi", "by", "mail").at("/connexion/code", "Un code vient d'être envoyé").send("/connexion/code/envoi", "by", "totp")
	other.send("/connexion/code", "code", code()).at("/", "Bonjour")
	other.open("/securite").send("/securite/authentificateur/fin").at("/securite", "est retirée")
}

func TestAMailProgramGetsAPasswordOfItsOwn(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/securite").send("/securite/logiciel", "device", "").at("/securite/logiciel", "Ce champ est à remplir")
	b.send("/securite/logiciel", "device", "Thunderbird").at("/securite/logiciel", "n'est montré que maintenant")
	secret := regexp.MustCompile(`<dd class="secret">([^<@]+)</dd>`).FindStringSubmatch(b.page)
	if secret == nil {
		t.Fatal("no password")
	}
	at := hub.Attempt{Login: h.jeanne.Matricule.Canonical() + "@patient.test", Protocol: "imap"}
	if a, err := h.Login(t.Context(), at, secret[1]); err != nil || a.Device != "Thunderbird" {
		t.Errorf("%+v, %v", a, err)
	}
	b.open("/securite").send("/securite/logiciel", "device", "Thunderbird").at("/securite/logiciel", "porte déjà ce nom")
	b.open("/securite").send("/securite/logiciel/fin").at("/securite", "ne sert plus")
	if _, err := h.Login(t.Context(), at, secret[1]); err == nil {
		t.Error("a password that was revoked lets in")
	}
}

// TestWhatIsShownOnceIsShownInOneSession: who comes next to the same browser, be it
// after a session that nobody has ended, sees nothing of it.
func TestWhatIsShownOnceIsShownInOneSession(t *testing.T) {
	b := newHouse(t).browser().activates()
	b.open("/securite").send("/securite/logiciel", "device", "Thunderbird").at("/securite/logiciel", "Thunderbird")
	b.open("/securite/logiciel").at("/securite/logiciel", "Thunderbird")
	u, err := url.Parse(b.base)
	b.must(err)
	b.Jar.SetCookies(u, []*http.Cookie{{Name: sessionCookie, Path: "/", Secure: true, MaxAge: -1}})
	b.signsIn().open("/securite/logiciel").at("/securite")
	b.open("/securite").send("/securite/logiciel", "device", "Téléphone").at("/securite/logiciel", "Téléphone").send("/deconnexion")
	if b.cookieNamed(secretCookie) != "" {
		t.Error("a password outlives its session")
	}
}

func TestTheActivityIsReadInSentences(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/activite").at("/activite", "21 novembre 2026", "Chaque accès est inscrit ici")
	b.open("/activite?qui=HEALTHCARE_PROFESSIONAL&de=2026-11-21&a=2026-11-21&quoi=MEDICAL_DOCUMENT&urgence=yes").at("/activite", "Rien ne correspond", "Tout montrer")
	b.open("/activite?avant=3").at("/activite", "Revenir au plus récent")
	b.open("/activite?avant=x&de=demain&qui=tous").at("/activite", "novembre")
	b.open("/activite/csv")
	if b.status != http.StatusOK || !strings.HasPrefix(b.page, "trail,number,time") || !strings.Contains(b.header.Get("Content-Disposition"), "activite.csv") {
		t.Errorf("%d %v %.80s", b.status, b.header, b.page)
	}
}

func TestAccessIsDecided(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/acces").at("/acces", "Aucun professionnel n'a encore accès")
	b.send("/acces", "professional", "personne", "act", "consent").at("/acces", "Aucun professionnel ne peut être désigné")
	b.send("/acces", "professional", "nul@medecin.test", "act", "consent").at("/acces", "Aucun professionnel ne peut être désigné")
	b.send("/acces", "professional", thomas, "act", "MEDECIN_TRAITANT").at("/acces", "Dr Éric THOMAS", "Médecin traitant")
	b.send("/acces", "professional", thomas, "act", "consent").at("/acces", "Autorisé par vous")
	b.send("/acces", "professional", thomas, "act", "withdraw").at("/acces", "L'autorisation est retirée")
	b.send("/acces", "professional", thomas, "act", "no-role").at("/acces", "C'est enregistré")
	b.send("/acces", "professional", thomas, "act", "block").at("/acces", "Bloqué")
	p, err := h.Relations(t.Context(), h.actor(b), h.record(b))
	h.must(err)
	if len(p) != 1 || p[0].Blocked.IsZero() {
		t.Errorf("%+v", p)
	}
	b.send("/acces", "professional", thomas, "act", "unblock").at("/acces", "n'est plus bloqué")
	b.send("/acces", "professional", thomas, "act", "oppose").at("/acces", "Écarté de l'équipe de soins", "Médecin")
	b.send("/acces", "professional", thomas, "act", "SAGE_FEMME_REFERENTE").at("/acces", "Aucun professionnel ne peut être désigné ainsi")
	b.open(regexp.MustCompile(`href="(/activite\?par=[^"]+)"`).FindStringSubmatch(b.page)[1]).at("/activite", "Rien ne correspond")
	b.open("/acces").send("/acces", "professional", thomas, "act", "admit").at("/acces", "de nouveau faire partie")
	if b.post("/acces", url.Values{"token": {tokenOf(b)}, "act": {"erase"}, "professional": {thomas}}); b.status != http.StatusBadRequest {
		t.Errorf("%d for an act that is none", b.status)
	}
}

func tokenOf(b *browser) string {
	return regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(b.page)[1]
}

// actor is who is signed in with a browser.
func (h *house) actor(b *browser) hub.Actor {
	h.t.Helper()
	a, _, err := h.OpenWeb(h.t.Context(), b.cookieNamed(sessionCookie))
	h.must(err)
	return a
}

func (h *house) record(b *browser) string { return string(h.actor(b).Part) }

func TestEmergencyChoicesAreKept(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/acces").send("/acces/choix", "centre15", "yes", "masked", "yes", "tell-document", "yes").at("/acces", "C'est enregistré")
	k, err := h.Choices(t.Context(), h.actor(b), h.record(b))
	h.must(err)
	if k.OpposedToCentre15 || !k.OpposedToBreakGlass || !k.MaskedInEmergency || !k.OpposedToCareTeam || k.MaskNewDocuments || k.HideHistory ||
		!k.Wants(patient.OfDocument) || k.Wants(patient.OfMessage) || k.Wants(patient.OfFirstAccess) || !k.Wants(patient.OfEmergency) {
		t.Errorf("%+v", k)
	}
	for _, box := range []string{`id="centre15" name="centre15" value="yes" checked`, `id="glass" name="glass" value="yes">`} {
		if !strings.Contains(b.page, box) {
			t.Errorf("the page lacks %s", box)
		}
	}
}

// TestAnErasureThatWasAskedForCanBeTakenBack while there is time, though nobody
// signs in to a closed space.
func TestAnErasureThatWasAskedForCanBeTakenBack(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/fermer").send("/fermer", "erase", "yes", "sure", "yes").at("/preuve")
	b.begins().at("/activer/choix", "sera effacé le 21 décembre 2026", "laissez-le fermé sans cocher la case")
	b.send("/activer/choix", "own", "object").at("/preuve", "PREUVE DE FERMETURE")
	b.begins().at("/activer/choix", "Rouvrir mon espace").lacks("sera effacé")
	h.now = h.now.Add(h.Delays.Erasure + time.Hour)
	h.must(h.LiveOn(t.Context()))
	b.begins().at("/activer/choix", "Rouvrir mon espace")
}

func TestASpaceIsClosedWithAProofAndOpenedAgain(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	h.now = h.now.Add(20 * time.Minute)
	b.open("/fermer").at("/confirmer").send("/confirmer", "password", password).at("/confirmer/code")
	b.send("/confirmer/code", "code", h.mail("jeanne@courriel.test")).at("/fermer", "Plus personne ne pourra le consulter")
	b.send("/fermer", "erase", "yes").at("/fermer", "Cochez cette case")
	b.send("/fermer", "sure", "yes").at("/preuve", "PREUVE DE FERMETURE", "Signature")
	if p, err := h.VerifyProof(t.Context(), b.open("/preuve/texte").page); err != nil || p.Event != "close" {
		t.Errorf("the proof is %+v, %v", p, err)
	}
	b.open("/").at("/", "C'est la première fois")
	h.now = h.now.Add(time.Minute)
	b.open("/connexion").send("/connexion", "login", login, "password", password).at("/connexion/code")
	b.send("/connexion/code", "code", h.mail("jeanne@courriel.test")).at("/connexion/code", "Ce n'est pas le bon code") // nothing tells that it is closed

	b.begins().at("/activer/choix", "Rouvrir mon espace").send("/activer/choix", "own", "open")
	b.send("/activer/conditions", "agree", "yes").send("/activer/contact", "by", "mail").send("/activer/contact/code", "code", h.mail("jeanne@courriel.test"))
	b.at("/activer/identifiants", "Votre identifiant est heron.gris").send("/activer/identifiants", "new-login", login, "new-password", password, "repeat", password)
	h.now = h.now.Add(time.Minute)
	b.send("/activer/ouverture/envoi", "by", "mail").send("/activer/ouverture", "code", h.mail("jeanne@courriel.test")).at("/", "Bonjour Jeanne")
}

// TestNothingOfAPersonIsInAnAddressOrALog walks through every page and looks
// there for what may not be.
func TestNothingOfAPersonIsInAnAddressOrALog(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	var seen []string
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		seen = append(seen, r.URL.String())
		return nil
	}
	b.activates()
	for _, path := range []string{"/", "/securite", "/activite", "/acces", "/fermer"} {
		b.open(path)
		for _, m := range regexp.MustCompile(`(?:href|action)="([^"]*)"`).FindAllStringSubmatch(b.page, -1) {
			seen = append(seen, m[1])
		}
	}
	all := strings.Join(seen, "\n") + h.log.String()
	m := h.jeanne.Matricule.Canonical()
	for _, secret := range []string{m, m[:13], "HÉRON", "H%C3%89RON", "jeanne", login, password, h.record(b), b.cookieNamed(sessionCookie)} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in an address or a log:\n%s", secret, all)
		}
	}
}

// TestWhoHasToSignInFirstIsLedWhereTheyWereGoing, and to no other site.
func TestWhoHasToSignInFirstIsLedWhereTheyWereGoing(t *testing.T) {
	h := newHouse(t)
	h.browser().activates()
	b := h.browser()
	b.open("/activite").at("/connexion", "Votre session est terminée")
	h.now = h.now.Add(time.Minute)
	b.send("/connexion", "login", login, "password", password).send("/connexion/code", "code", h.mail("jeanne@courriel.test")).at("/activite")
	b.send("/deconnexion").signsIn()

	late := h.browser()
	late.open("/securite").at("/connexion")
	h.now = h.now.Add(placeLife)
	late.signsIn()

	b.open("/securite")
	h.now = h.now.Add(24 * time.Hour)
	b.send("/securite/phrase", "phrase", "le héron gris").at("/connexion", "n'a pas été pris").signsIn()
}
