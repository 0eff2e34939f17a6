package web

import (
	"strings"
	"testing"
	"time"
)

// TestTheHomeTellsWhatIsNew and where to go, without saying what it is about: others
// may see the screen.
func TestTheHomeTellsWhatIsNew(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.at("/", "Tout est à jour", "Personne, depuis un mois", "Désigner votre médecin traitant", "Entrer sans mot de passe")
	h.thomasWrites(h.jeanne.Matricule, "Résultats de la biopsie")
	b.open("/").at("/", "Bonjour Jeanne")
	if strings.Contains(b.page, "biopsie") {
		t.Error("the home says what a message is about")
	}
	h.now = h.now.Add(61 * 24 * time.Hour)
	b.signsIn()
	if strings.Contains(b.page, "Pour bien commencer") {
		t.Error("after two months the home still says how to begin")
	}
}
