package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

const (
	nurse    = "sylvie.martin@cabinet.test"
	optician = "luc.besson@optique.test"
)

// A clinic is a house where Jeanne's space is open, with a nurse and an optician.
type clinic struct {
	*house
	her    hub.Actor // Jeanne
	record string
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	k := &clinic{house: newHouse(t)}
	for i, b := range []directory.BAL{
		{Address: nurse, Name: "Sylvie MARTIN", Profession: policy.Nurse, Organisation: "Cabinet infirmier"},
		{Address: optician, Name: "Luc BESSON", Profession: policy.Optician},
	} {
		b.Kind, b.RPPS = directory.Personal, k.number(i+2)
		k.must(k.AddBAL(t.Context(), "operator", b))
	}
	b := k.browser().activates()
	a, _, err := k.OpenWeb(t.Context(), b.cookieNamed(sessionCookie))
	k.must(err)
	k.her, k.record = a, string(a.Part)
	return k
}

// number is the RPPS number of the nth professional.
func (h *house) number(n int) string {
	h.t.Helper()
	r, err := ident.MakeRPPS(fmt.Sprintf("99000000%02d", n))
	h.must(err)
	return r.String()
}

// finds is a professional who has found Jeanne.
func (k *clinic) finds(n int) *browser {
	k.t.Helper()
	b := k.browser().comesIn(k.number(n))
	b.open("/patients").at("/patients", "Matricule INS")
	return b.send("/patients", "ins", spaced(k.jeanne.Matricule.Canonical())).at("/patients/" + k.record)
}

func (k *clinic) decides(fn func(address ident.Address) error, whose string) {
	k.t.Helper()
	a, err := ident.ParseAddress(whose)
	k.must(err)
	k.must(fn(a))
}

func (k *clinic) blocks(whose string) {
	k.t.Helper()
	k.decides(func(a ident.Address) error { return k.BlockProfessional(k.t.Context(), k.her, k.record, a) }, whose)
}

// history is what Jeanne reads of who did what.
func (k *clinic) history() (list []string) {
	k.t.Helper()
	page, err := k.History(k.t.Context(), k.her, k.record, hub.HistoryQuery{Limit: 100})
	k.must(err)
	for _, l := range page.Lines {
		list = append(list, fmt.Sprintf("%s %s %t %s", l.Act, l.ActorName, l.Refused, l.Reason))
	}
	return list
}

func TestAPatientIsFoundByTheirNumberOnly(t *testing.T) {
	k := newClinic(t)
	b := k.browser().comesIn(k.number(1)).open("/patients")
	number := k.jeanne.Matricule.Canonical()
	for typed, words := range map[string]string{
		"":                     "Ce champ est à remplir",
		number[:13]:            "Il manque la clé",
		number[:13] + "00":     "Ce n'est pas un matricule",
		"Jeanne HÉRON":         "Ce n'est pas un matricule",
		"2 60 20 99 999 099 ?": "Ce n'est pas un matricule",
	} {
		if b.open("/patients").send("/patients", "ins", typed).at("/patients", words); b.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", typed, b.status)
		}
	}
	// Never opened, and nobody at all: one answer.
	var pages []string
	for _, m := range []ident.Matricule{k.lina.Matricule, insured(t, "2602099999099", "", "", "").Matricule} {
		b.open("/patients").send("/patients", "ins", m.Canonical()).at("/patients", "Aucun espace ouvert n'est connu")
		pages = append(pages, strings.ReplaceAll(text(b.page), m.Canonical(), ""))
	}
	if pages[0] != pages[1] {
		t.Errorf("the answers differ:\n%s\n%s", pages[0], pages[1])
	}
	b.open("/patients").send("/patients", "ins", "2 60.20-99 999 021 "+number[13:]).at("/patients/"+k.record, "Identité non communiquée", "Ce dossier ne vous est pas ouvert", "Ouvrir ce dossier")
	if strings.Contains(text(b.page), "HÉRON") || strings.Contains(text(b.page), "1960") {
		t.Error("who has no access is told who it is")
	}
	b.open("/").at("/", "Patients récents", "Identité non communiquée")
	b.send("/deconnexion")
	if b.cookieNamed(recentCookie) != "" {
		t.Error("the recent patients stay behind")
	}
}

func TestADeclarationOpensARecordUntilItEnds(t *testing.T) {
	k := newClinic(t)
	b := k.finds(2)
	b.send("/patients/"+k.record+"/lien").at("/patients/"+k.record+"/lien", "Choisissez une des réponses")
	b.open("/patients/"+k.record).send("/patients/"+k.record+"/lien", "link", "agreed")
	b.at("/patients/"+k.record, "Le dossier vous est ouvert", "Jeanne HÉRON", "29 février 1960", "femme", "Vous avez déclaré l'accord du patient")
	b.send("/patients/"+k.record+"/lien", "link", "team").at("/patients/"+k.record, "équipe de soins")
	if got := k.history(); !strings.Contains(strings.Join(got, "\n"), "declare-care Sylvie MARTIN false") {
		t.Errorf("her history says %q", got)
	}
	b.open("/").at("/", "Jeanne HÉRON", "29 février 1960")

	// The next session knows nothing of the patients of this one.
	k.now = k.now.Add(hub.ProfessionalIdle)
	b.comesIn(k.number(2))
	if strings.Contains(text(b.page), "Jeanne") {
		t.Error("recent patients of another session are shown")
	}
}

func TestTheGlassIsBrokenWithAReason(t *testing.T) {
	k := newClinic(t)
	k.mail("")
	k.decides(func(a ident.Address) error {
		return k.NameRole(t.Context(), k.her, k.record, a, patient.TreatingPhysician)
	}, thomas)
	b := k.finds(2)
	at := "/patients/" + k.record
	b.open(at+"/urgence").at(at+"/urgence", "pour 2 h", "Le patient est averti", "médecin traitant")
	if strings.Contains(b.page, `value="centre15"`) {
		t.Error("who does not regulate is offered the access of who does")
	}
	b.send(at+"/urgence", "reason", "oui").at(at+"/urgence", "Quelque chose est à corriger")
	if !strings.Contains(b.page, `aria-describedby="reason-wrong reason-hint"`) || !strings.Contains(b.page, ">oui</textarea>") {
		t.Error("the reason is not kept beside what is wrong with it")
	}
	b.send(at+"/urgence", "reason", strings.Repeat("inconsciente ", 50)).at(at+"/urgence", "500 caractères au plus")
	b.send(at+"/urgence", "reason", "Patiente inconsciente\r\naux urgences", "kind", "centre15").at(at+"/urgence", "réservé au médecin régulateur")
	b.open(at+"/urgence").send(at+"/urgence", "reason", "Patiente inconsciente\r\naux urgences")
	b.at(at, "Jeanne HÉRON", "Accès en urgence, par bris de glace", "il reste 2 h", "Urgence jusqu'à 11:")
	k.now = k.now.Add(25 * time.Minute)
	b.open(at).at(at, "il reste 1 h 35 min")
	if got := strings.Join(k.history(), "\n"); !strings.Contains(got, "break-glass Sylvie MARTIN false Patiente inconsciente aux urgences") {
		t.Errorf("her history says\n%s", got)
	}
	b.send(at+"/urgence/fin").at(at, "L'accès en urgence est terminé", "Ce dossier ne vous est pas ouvert")
	if strings.Contains(text(b.page), "HÉRON") {
		t.Error("after its end, the name is still told")
	}
	treating := k.finds(1).at(at, "Médecin traitant", "Jeanne HÉRON", "annoncer un document")
	if strings.Contains(treating.page, `action="`+at+`/lien"`) || strings.Contains(treating.page, at+"/urgence") {
		t.Error("the treating physician is offered what they need not ask for")
	}
}

func TestAnEmergencyNeedsNoSearch(t *testing.T) {
	k := newClinic(t)
	b := k.browser().comesIn(k.number(2)).open("/patients")
	for range 30 { // in vain
		b.open("/patients").send("/patients", "ins", k.lina.Matricule.Canonical())
	}
	if b.status != http.StatusTooManyRequests {
		t.Fatalf("%d", b.status)
	}
	b.at("/patients", "Trop de recherches", "accès en urgence")
	b.open("/urgence").send("/urgence", "ins", "", "reason", "Patiente inconsciente").at("/urgence", "Ce champ est à remplir")
	b.send("/urgence", "ins", k.jeanne.Matricule.Canonical(), "reason", "Patiente inconsciente").at("/patients/"+k.record, "Jeanne HÉRON", "Accès en urgence")
	other := k.browser().comesIn(k.number(3)).open("/urgence")
	if other.send("/urgence", "ins", k.lina.Matricule.Canonical(), "reason", "Patiente inconsciente").at("/urgence", "Aucun espace ouvert"); other.status != http.StatusNotFound {
		t.Errorf("of a space that never opened: %d", other.status)
	}
}

// TestWhoIsBlockedStandsLikeAStranger: on the page nothing tells, and what they ask
// for comes to nothing, and into the history.
func TestWhoIsBlockedStandsLikeAStranger(t *testing.T) {
	k := newClinic(t)
	at := "/patients/" + k.record
	stranger := text(k.finds(2).page)
	k.blocks(nurse)
	b := k.finds(2)
	if text(b.page) != stranger {
		t.Errorf("it differs:\n%s\n%s", stranger, text(b.page))
	}
	if b.send(at+"/lien", "link", "agreed").at(at+"/lien", "ne peut pas vous être ouvert ainsi"); b.status != http.StatusNotFound {
		t.Errorf("declaring: %d", b.status)
	}
	if b.open(at+"/urgence").send(at+"/urgence", "reason", "Patiente inconsciente").at(at+"/urgence", "ne peut pas vous être ouvert ainsi"); b.status != http.StatusNotFound {
		t.Errorf("breaking the glass: %d", b.status)
	}
	if got := strings.Join(k.history(), "\n"); !strings.Contains(got, "declare-care Sylvie MARTIN true") || !strings.Contains(got, "break-glass Sylvie MARTIN true") {
		t.Errorf("her history says\n%s", got)
	}
}

func TestWhatThePatientRefusedIsToldToWhoAsks(t *testing.T) {
	k := newClinic(t)
	at := "/patients/" + k.record
	k.must(k.SetChoices(t.Context(), k.her, k.record, patient.Choices{OpposedToBreakGlass: true}))
	b := k.finds(2)
	if b.open(at+"/urgence").send(at+"/urgence", "reason", "Patiente inconsciente").at(at+"/urgence", "patient"); b.status != http.StatusForbidden {
		t.Errorf("%d", b.status)
	}
}

func TestAnAdministratorBlocksForThePatient(t *testing.T) {
	k := newClinic(t)
	at := "/patients/" + k.record
	k.decides(func(a ident.Address) error { return k.GrantAdministrator(t.Context(), k.her, k.record, a) }, thomas)
	b := k.finds(1).at(at, "droits d'administration", "Bloquer un professionnel")
	b.send(at+"/blocage", "professional", "personne").at(at+"/blocage", "Aucun professionnel n'a cette adresse")
	b.open(at).send(at+"/blocage", "professional", nurse).at(at, "Ce professionnel est bloqué")
	rest := k.finds(2)
	if rest.send(at+"/lien", "link", "agreed"); rest.status != http.StatusNotFound {
		t.Errorf("the nurse declares: %d", rest.status)
	}
	rest.post(at+"/blocage", url.Values{"token": {tokenOf(rest)}, "professional": {thomas}})
	if rest.status != http.StatusUnprocessableEntity && rest.status != http.StatusForbidden {
		t.Errorf("a nurse blocks: %d", rest.status)
	}
}

// TestARecordIsNotGuessed: whatever there is behind an address, the answer is one.
func TestARecordIsNotGuessed(t *testing.T) {
	k := newClinic(t)
	b := k.browser().comesIn(k.number(3))
	other := byte('a') // one that hers does not end with
	if strings.HasSuffix(string(k.her.Part), "a") {
		other = 'b'
	}
	var first string
	for _, id := range []string{"x", "aaaaaaaaaaaaaaaaaaaaaaaaaa", "hub", "nobody", string(k.her.Part)[:25] + string(other)} {
		for _, path := range []string{"", "/urgence"} {
			b.open("/patients/" + id + path)
			if first == "" {
				first = text(b.page)
			}
			if b.status != http.StatusNotFound || text(b.page) != first {
				t.Errorf("%s%s: %d %s", id, path, b.status, text(b.page))
			}
		}
	}
	nobody := k.browser()
	nobody.open("/patients/"+k.record).at("/connexion/pro", "Votre session est terminée")
}
