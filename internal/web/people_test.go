package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
)

// paul lets one more person in: he opens his space, and is signed in.
func (h *house) paul() *browser {
	h.t.Helper()
	p := insured(h.t, "1602099999031", "GEAI", "Paul", "19600301")
	p.Cards, p.Mail = []hub.VitaleCard{{Model: patient.WithPhoto, Serial: "12345678931"}}, "paul@courriel.test"
	_, err := h.ApplyInsured(h.t.Context(), "operator", p)
	h.must(err)
	h.now = h.now.Add(time.Minute)
	b := h.browser()
	b.open("/activer").send("/activer", "matricule", p.Matricule.Canonical(), "birth", "01/03/1960", "card", "photo", "serial", "12345678931", "by", "mail")
	b.send("/activer/code", "code", b.mail("paul@courriel.test")).send("/activer/choix", "own", "open").send("/activer/conditions", "agree", "yes")
	b.send("/activer/contact", "by", "mail", "mail", "").send("/activer/contact/code", "code", b.mail("paul@courriel.test"))
	b.send("/activer/identifiants", "new-login", "geai.bleu", "new-password", password, "repeat", password).send("/activer/ouverture/envoi", "by", "mail")
	return b.send("/activer/ouverture", "code", b.mail("paul@courriel.test")).at("/", "Bonjour Paul")
}

func (h *house) address(b *browser) string { return h.actor(b).Address.Canonical() }

func TestACarerIsInvitedActsAndIsEnded(t *testing.T) {
	h := newHouse(t)
	jeanne, paul := h.browser().activates(), h.paul()
	jeanne.open("/aidants").at("/aidants", "Personne, pour l'instant").open("/aidants/inviter")
	jeanne.send("/aidants/inviter").at("/aidants/inviter", "Ce champ est à remplir", "Cochez au moins une chose", "Choisissez une date à venir")
	jeanne.send("/aidants/inviter", "person", "paul", "scope-trail", "yes", "until", "2027-01-31").at("/aidants/inviter", "Ce n'est pas une adresse")
	jeanne.send("/aidants/inviter", "person", h.address(jeanne), "scope-trail", "yes", "until", "2027-01-31").at("/aidants/inviter", "soi-même")
	nobody := insured(t, "1602099999099", "", "", "").Matricule.Canonical() + "@patient.test"
	jeanne.send("/aidants/inviter", "person", nobody, "scope-trail", "yes", "until", "2027-01-31").at("/aidants/inviter", "Personne ne peut être invité")
	jeanne.send("/aidants/inviter", "person", h.address(paul), "scope-trail", "yes", "until", "2027-01-31").at("/aidants", "L'invitation est envoyée", "Invitation sans réponse", "Voir l'activité")
	record := h.record(jeanne)

	paul.open("/proches/" + record)
	if paul.status != http.StatusNotFound {
		t.Errorf("before he has accepted: %d", paul.status)
	}
	paul.open("/proches").at("/proches", "Jeanne HÉRON vous invite à être son aidant", "Voir l'activité", "31 janvier 2027")
	paul.send("/proches/reponse", "answer", "accept").at("/proches", "C'est accepté", "Vous êtes son aidant")
	paul.open("/proches/"+record).at("/proches/"+record, "Vous êtes dans l'espace de Jeanne HÉRON", "Cette personne vous fait confiance", "Voir son activité")
	paul.open("/proches/"+record+"/activite").at("/proches/"+record+"/activite", "Vous êtes dans l'espace de", "Vous avez consulté cet historique")
	if strings.Contains(paul.page, "/proches/"+record+"/acces") {
		t.Error("he is shown what he may not do")
	}

	jeanne.open("/aidants").at("/aidants", "Paul GEAI")
	by := regexp.MustCompile(`href="(/activite\?par=[^"]+)"`).FindStringSubmatch(jeanne.page)
	if by == nil || strings.Contains(by[1], h.address(paul)) {
		t.Fatalf("no way to what he did: %v", by)
	}
	jeanne.open(by[1]).at("/activite", "a consulté cet historique")
	if strings.Contains(text(jeanne.page), "a ouvert une session") {
		t.Error("others than he are in it")
	}
	jeanne.open("/aidants").send("/aidants/fin").at("/aidants", "C'est terminé", "Avant")
	for _, path := range []string{"", "/activite", "/acces", "/aidants"} {
		if paul.open("/proches/" + record + path); paul.status != http.StatusNotFound || strings.Contains(paul.page, "HÉRON") {
			t.Errorf("%s once it has ended: %d", path, paul.status)
		}
	}
	paul.open("/proches").at("/proches", "Vous n'aidez personne")
}

// TestACarerFindsNothingBeyondTheirScope: every page of the space is nothing to
// one who is not entrusted with it, and to one who is nobody there.
func TestACarerFindsNothingBeyondTheirScope(t *testing.T) {
	h := newHouse(t)
	jeanne, paul := h.browser().activates(), h.paul()
	record := h.record(jeanne)
	h.Limits.RefusedPerHour, h.Limits.RefusedPerDay = 1000, 1000 // one who tries it out is stopped soon
	walk := func(who string, entrusted map[string]bool) {
		t.Helper()
		for _, a := range Addresses() {
			if !strings.HasPrefix(a.Path, peoplePath+"/{record}") {
				continue
			}
			path := strings.Replace(a.Path, "{record}", record, 1)
			if a.Shows && !entrusted[a.Path] {
				if paul.open(path); paul.status != http.StatusNotFound || entrusted == nil && strings.Contains(paul.page, "HÉRON") {
					t.Errorf("%s opens %s: %d", who, a.Path, paul.status)
				}
			}
			if a.Takes {
				paul.open("/proches")
				values := url.Values{"token": {tokenOf(paul)}, "person": {h.record(paul)}, "professional": {thomas}, "act": {"block"}}
				if paul.post(path, values); paul.status != http.StatusNotFound && paul.path == path {
					t.Errorf("%s sends to %s: %d", who, a.Path, paul.status)
				}
			}
		}
	}
	walk("a stranger", nil)
	until := h.now.AddDate(0, 1, 0)
	h.must(h.Invite(t.Context(), h.actor(jeanne), record, h.actor(paul).Address, hub.Invitation{Kind: patient.Carer, Scope: patient.Scope{ReadDocuments: true}, Until: until}))
	walk("one who is invited", nil)
	h.must(h.AnswerInvitation(t.Context(), h.actor(paul), record, true))
	walk("a carer", map[string]bool{"/proches/{record}": true})
	if list, err := h.Relations(t.Context(), h.actor(jeanne), record); err != nil || len(list) != 0 {
		t.Errorf("he has settled something: %+v, %v", list, err)
	}
}

func TestAParentDecidesForAChildLater(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	paul := h.paul()
	b.open("/proches").at("/proches", "Les enfants de ma carte Vitale").open("/proches/enfants").at("/proches/enfants", "Lina HÉRON", "10 mai 2014", "pas encore ouvert")
	b.send("/proches/enfants", "decision", "open").at("/proches/enfants", "Cochez cette case")
	b.send("/proches/enfants", "decision", "open", "certify", "yes").at("/proches/enfants", "C'est fait", "Espace ouvert")
	record := regexp.MustCompile(`href="/proches/([a-z2-7]{26})"`).FindStringSubmatch(b.page)[1]
	at := "/proches/" + record
	b.open(at).at(at, "Vous décidez ici en son nom", "Régler les accès", "Voir qui l'aide").open(at+"/acces").at(at+"/acces", "Vous êtes dans l'espace de Lina HÉRON", "Ses professionnels de santé").lacks("mes documents", "Vos professionnels")
	b.send(at+"/acces", "professional", thomas, "act", "block").at(at+"/acces", "Bloqué")
	b.send(at+"/acces/choix", "centre15", "yes").at(at+"/acces", "C'est enregistré")
	b.open(at+"/activite").at(at+"/activite", "Vous avez certifié représenter", "Vous avez bloqué un professionnel")
	b.open(at + "/activite?sans-moi=yes").at(at + "/activite")
	if strings.Contains(text(b.page), "Vous avez bloqué un professionnel") {
		t.Error("her own acts are not left out")
	}
	b.open(at+"/aidants/inviter").send(at+"/aidants/inviter", "person", h.address(paul), "kind", "representative").at(at+"/aidants", "L'invitation est envoyée", "Représentant légal")
	paul.open("/proches").at("/proches", "second représentant légal de Lina HÉRON").send("/proches/reponse", "answer", "accept").at("/proches", "Jusqu'à ses 18 ans, le 10 mai 2032")
	paul.open(at+"/acces").at(at+"/acces", "Vous êtes dans l'espace de Lina HÉRON")

	h.now = time.Date(2032, 5, 10, 9, 0, 0, 0, time.UTC)
	paul = h.browser()
	paul.open("/connexion").send("/connexion", "login", "geai.bleu", "password", password).send("/connexion/code", "code", h.mail("paul@courriel.test"))
	if paul.open(at); paul.status != http.StatusNotFound {
		t.Errorf("once she is of age: %d", paul.status)
	}
	paul.open("/proches").at("/proches", "Vous n'aidez personne")
}

// TestAChildsSpaceIsClosedAndWhatItHoldsIsErasedOrNot: each is taken back while
// there is time.
func TestAChildsSpaceIsClosedAndWhatItHoldsIsErasedOrNot(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/proches/enfants").send("/proches/enfants", "decision", "open", "certify", "yes").at("/proches/enfants", "Espace ouvert", "Emporter d'abord tout ce qu'il contient")
	b.send("/proches/enfants", "decision", "object", "certify", "yes", "erase", "yes").at("/preuve", "PREUVE DE FERMETURE", "Lina HÉRON")
	b.open("/proches/enfants").at("/proches/enfants", "Espace fermé", "sera effacé le 21 décembre 2026")
	b.send("/proches/enfants", "decision", "object", "certify", "yes").at("/preuve")
	b.open("/proches/enfants").at("/proches/enfants", "Espace fermé").lacks("sera effacé")
	b.send("/proches/enfants", "decision", "object", "certify", "yes", "erase", "yes").open("/proches/enfants").at("/proches/enfants", "sera effacé le")
	b.send("/proches/enfants", "decision", "open", "certify", "yes").at("/proches/enfants", "Espace ouvert").lacks("sera effacé")
}

// TestAnObjectionForAChildGivesItsProof, later as at the activation.
func TestAnObjectionForAChildGivesItsProof(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/proches/enfants").send("/proches/enfants", "decision", "object", "certify", "yes").at("/preuve", "PREUVE D'OPPOSITION", "Lina HÉRON")
	b.open("/proches/enfants").at("/proches/enfants", "Vous vous êtes opposé", "Ouvrir cet espace")
	h.now = h.now.Add(20 * time.Minute)
	b.open("/").open("/proches/enfants").at("/confirmer").send("/confirmer", "password", password).send("/confirmer/code", "code", h.mail("jeanne@courriel.test")).at("/proches/enfants")
}
