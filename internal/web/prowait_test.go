package web

import "testing"

func TestAProfessionalChoosesTheDayOnWhichADocumentShows(t *testing.T) {
	k := newClinic(t)
	root := "/patients/" + k.record + "/documents"
	b := k.finds(1).adds(root, "fichiers", "x.pdf:"+somePDF, "type", "11488-4", "titre", "Biopsie", "visible", "announce").at(root+"/ajouter", "1 fichier est ajouté")
	at := b.open(root).addressOf("Biopsie")
	filed := k.now
	b.open(at).at(at, "Annonce au patient", "le patient verra ce document le "+day("fr", filed.AddDate(0, 1, 0)),
		"Le "+day("fr", filed.AddDate(0, 0, 14))+", il sera averti qu'un document l'attend")
	b.send(at, "act", "show-on", "jour", filed.AddDate(0, 2, 0).Format("2006-01-02")).at(at, "entre aujourd'hui et un mois après son dépôt")
	b.send(at, "act", "show-on", "jour", "demain").at(at, "entre aujourd'hui et un mois après son dépôt")
	soon := filed.AddDate(0, 0, 5)
	b.send(at, "act", "show-on", "jour", soon.Format("2006-01-02")).at(at, "Le jour est changé", "le patient verra ce document le "+day("fr", soon)).lacks("averti")

	jeanne := k.browser().signsIn()
	jeanne.open("/documents").at("/documents", "Aucun document")
	k.now = soon
	if _, shown, err := k.DueAnnouncements(t.Context()); err != nil || shown != 1 {
		t.Fatalf("%d documents show, %v", shown, err)
	}
	k.browser().signsIn().open("/documents").lists("Biopsie")
}

// TestAnExchangeEndsFromTheRecord: without looking for a message of it.
func TestAnExchangeEndsFromTheRecord(t *testing.T) {
	k := newClinic(t)
	at := "/patients/" + k.record
	b := k.finds(1).at(at, "Écrire au patient").lacks("Mettre fin à l'échange")
	ends := "/messagerie/ecrire/fin?patient=" + k.record
	b.open("/messagerie/ecrire?patient="+k.record).at("/messagerie/ecrire", "Écrire")
	b.fills("send", "subject", "Contrôle", "text", "Bonjour.").at("/messagerie/ecrire/envoi")
	k.leave()
	b.open(at).at(at, "Un échange est en cours", "Mettre fin à l'échange")
	b.open(ends).at("/messagerie/ecrire/fin").send("/messagerie/ecrire/fin").at("/messagerie/ecrire/envoi")
	k.leave()
	b.open(at).at(at, "L'échange est terminé").lacks("Mettre fin à l'échange")

	// Whoever has no patients ends nothing, and of a record that is none nobody does.
	jeanne := k.browser().signsIn()
	for _, one := range []*browser{jeanne, b} {
		address := ends
		if one == b {
			address = "/messagerie/ecrire/fin?patient=" + k.record[1:] + "a"
		}
		if one.open(address); one.status != 404 {
			t.Errorf("%s: %d", address, one.status)
		}
	}
}
