package web

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
	"vaguemestre/vault"
)

var (
	tickedBox    = regexp.MustCompile(`<input type="checkbox" name="([a-z]+)" value="([^"]*)" checked>`)
	subjectField = regexp.MustCompile(`<input id="subject" name="subject" type="text" value="([^"]*)"`)
	textField    = regexp.MustCompile(`(?s)<textarea id="text"[^>]*>\n?(.*?)</textarea>`)
)

// fills sends the form of a message as a browser does, with some fields changed
// and a button pressed. A name that begins with + adds to those of its name, one
// that begins with - has none.
func (b *browser) fills(act string, fields ...string) *browser {
	b.t.Helper()
	return b.post(composePath, b.written(act, fields...))
}

func (b *browser) written(act string, fields ...string) url.Values {
	b.t.Helper()
	_, form, ok := strings.Cut(b.page, `action="`+composePath+`"`)
	if !ok {
		b.t.Fatalf("%s (%d) has no message to write:\n%s", b.path, b.status, text(b.page))
	}
	form, _, _ = strings.Cut(form, "</form>")
	values := url.Values{}
	for _, m := range slices.Concat(hidden.FindAllStringSubmatch(form, -1), tickedBox.FindAllStringSubmatch(form, -1)) {
		values.Add(m[1], m[2])
	}
	values.Set("subject", subjectField.FindStringSubmatch(form)[1])
	values.Set("text", textField.FindStringSubmatch(form)[1])
	for i := 0; i < len(fields); i += 2 {
		switch name := fields[i][1:]; fields[i][0] {
		case '+':
			values.Add(name, fields[i+1])
		case '-':
			values.Del(name)
		default:
			values.Set(fields[i], fields[i+1])
		}
	}
	values.Set("act", act)
	return values
}

// brings sends the same form with files.
func (b *browser) brings(act string, files []part, fields ...string) *browser {
	b.t.Helper()
	values := b.written(act, fields...)
	parts := []part{{"token", "", values.Get("token")}}
	values.Del("token")
	for name, list := range values {
		for _, v := range list {
			parts = append(parts, part{name, "", v})
		}
	}
	return b.sendParts(composePath, append(parts, files...)...)
}

// offers is the value of the box of somebody whom a message may be for.
func (b *browser) offers(name, address string) string {
	b.t.Helper()
	for _, m := range regexp.MustCompile(`name="`+name+`" value="([^"]*)"`).FindAllStringSubmatch(b.page, -1) {
		if strings.Contains(m[1], address) {
			return m[1]
		}
	}
	b.t.Fatalf("%s is not offered:\n%s", address, text(b.page))
	return ""
}

// keeps fails the test unless the form has what was written.
func (b *browser) keeps(subject, written string) *browser {
	b.t.Helper()
	v := b.written("")
	if v.Get("subject") != subject || v.Get("text") != written {
		b.t.Errorf("the form has %q, %q, want %q, %q", v.Get("subject"), v.Get("text"), subject, written)
	}
	return b
}

// leave lets pass what it takes for messages to leave.
func (h *house) leave() {
	h.t.Helper()
	h.now = h.now.Add(hub.UndoTime + time.Second)
	h.must(h.DueDepartures(h.t.Context()))
	h.must(h.CarryAll(h.t.Context()))
}

// doctor is Thomas, signed in, with his pages.
func (h *house) doctor() (*browser, hub.Actor) {
	h.t.Helper()
	b := h.browser().comesIn(rpps(h.t)).at("/", "Dr Éric THOMAS")
	return b, h.actor(b)
}

// letter is the newest message with a subject in a folder of somebody's; nil: none.
func (h *house) letter(a hub.Actor, folder mailbox.FolderID, subject string) *hub.Message {
	h.t.Helper()
	list, err := h.Threads(h.t.Context(), a, hub.ThreadSearch{Folder: folder})
	h.must(err)
	for _, l := range list.Threads {
		v, err := h.Thread(h.t.Context(), a, l.ID)
		h.must(err)
		for _, m := range slices.Backward(v.Messages) {
			if m.Subject == subject && m.Folder == folder {
				return &m
			}
		}
	}
	return nil
}

// written is a message of Thomas in Jeanne's mailbox.
func (k *clinic) written(subject string) (*browser, *hub.Message) {
	k.t.Helper()
	b, _ := k.doctor()
	b.open(composePath+"?patient="+k.record).at(composePath).fills("send", "subject", subject, "text", "Bonjour, voici vos résultats.\nÀ bientôt.").at(leavingPath)
	k.leave()
	m := k.letter(k.her, mailbox.Inbox, subject)
	if m == nil {
		k.t.Fatal("it did not arrive")
	}
	return b, m
}

// TestAMessageFromItsFirstWordToItsArrival: draft, files, sending, taking back,
// sending again, and there it is.
func TestAMessageFromItsFirstWordToItsArrival(t *testing.T) {
	k := newClinic(t)
	b, doctor := k.doctor()
	b.open(composePath).at(composePath, "Écrire un message", "pour une urgence, appelez", "38 Mo")
	b.fills("add", "recipient", spaced(k.jeanne.Matricule.Canonical()), "subject", "Compte rendu").at(composePath, "Le destinataire est ajouté", "INS "+strings.Join(strings.Fields(spaced(k.jeanne.Matricule.Canonical())), " "))
	b.fills("save", "text", "Bonjour <b>Madame</b>,\n\nvoici.").at(composePath, "Le brouillon est enregistré", "Brouillon enregistré à").keeps("Compte rendu", "Bonjour <b>Madame</b>,\n\nvoici.")
	b.brings("attach", []part{{"files", "radio.pdf", "%PDF-1.4 radio"}, {"files", "note.txt", "deux"}}).at(composePath, "C'est joint", "radio.pdf", "note.txt", "18 Mo")
	drop := regexp.MustCompile(`value="(drop [^"]+)" aria-label="Retirer note.txt"`).FindStringSubmatch(b.page)
	if drop == nil {
		t.Fatal("a file cannot be taken off")
	}
	b.fills(drop[1]).at(composePath, "La pièce jointe est retirée")
	if strings.Contains(text(b.page), "note.txt") {
		t.Error("the file is still there")
	}
	b.open(draftsPath).at(draftsPath, "Compte rendu")
	b.open(regexp.MustCompile(`href="(/messagerie/ecrire\?b=[^"]+)"`).FindStringSubmatch(b.page)[1]).at(composePath, "radio.pdf")

	b.fills("send", "read", "yes").at(leavingPath, "Votre message va partir", "20", "Compte rendu")
	leaving := b.page
	id, _, _ := strings.Cut(strings.SplitAfter(leaving, "etat?b=")[1], `"`)
	if b.open(leavingPath+"/etat?b="+id).page != "waiting" {
		t.Errorf("a script hears %q", b.page)
	}
	b.open(composePath + "?b=" + id).at(leavingPath)
	b.page = leaving
	b.send(leavingPath+"/annuler").at(composePath, "L'envoi est annulé", "radio.pdf").keeps("Compte rendu", "Bonjour <b>Madame</b>,\n\nvoici.")
	if k.leave(); k.letter(k.her, mailbox.Inbox, "Compte rendu") != nil {
		t.Fatal("what was taken back has arrived")
	}

	b.fills("preview").at(previewPath, "Voici ce qui partira", "radio.pdf")
	b.send(leavingPath).at(leavingPath, "Annuler l'envoi")
	leaving = b.page
	k.leave()
	b.open(leavingPath+"?b="+id).at(leavingPath, "Votre message est parti")
	if b.open(leavingPath+"/etat?b="+id).page != "left" {
		t.Errorf("a script hears %q", b.page)
	}
	b.page = leaving
	b.send(leavingPath+"/annuler").at(leavingPath, "Il est trop tard")
	b.open(composePath + "?b=" + id).at(leavingPath)
	b.open(draftsPath).at(draftsPath, "pas de brouillon")

	m := k.letter(k.her, mailbox.Inbox, "Compte rendu")
	if m == nil || !strings.Contains(m.Body.Text, "Bonjour <b>Madame</b>") || len(m.Body.Files) != 1 || m.Body.Files[0].Name != "radio.pdf" || m.Receipt == "" {
		t.Fatalf("what arrived is %+v", m)
	}
	if k.letter(doctor, mailbox.Sent, "Compte rendu") == nil {
		t.Error("no copy is kept")
	}
	if said := k.log.String(); said != "" {
		t.Errorf("the log says %s", said)
	}
}

func TestAPatientWritesToWhoWroteToThem(t *testing.T) {
	k := newClinic(t)
	jeanne := k.browser().signsIn()
	jeanne.open(composePath).at(composePath, "Vous ne pouvez pas écrire ici", "c'est toujours lui qui commence")

	_, m := k.written("Vos résultats")
	jeanne.open(composePath).at(composePath, "Dr Éric THOMAS", "Identité vérifiée", "Médecin", "jamais pour une urgence", "18 Mo")
	for _, part := range []string{"Demander un accusé", "Mettre fin", `name="recipient"`} {
		if strings.Contains(jeanne.page, part) {
			t.Errorf("a patient is offered %s", part)
		}
	}
	jeanne.open(composePath+"?a="+m.ID.String()).at(composePath, "Répondre").keeps("Re: Vos résultats", "\n\nLe 21 novembre 2026 à 09:02, Dr Éric THOMAS a écrit\u00a0:\n> Bonjour, voici vos résultats.\n> À bientôt.\n")
	jeanne.fills("send", "text", "Merci, docteur.").at(leavingPath, "Dr Éric THOMAS")
	k.leave()
	doctor, a := k.doctor()
	got := k.letter(a, mailbox.Inbox, "Re: Vos résultats")
	if got == nil || got.Body.Text != "Merci, docteur.\n" && got.Body.Text != "Merci, docteur." {
		t.Fatalf("what arrived is %+v", got)
	}

	// Nobody else is written to, whatever a form says.
	jeanne.open(composePath).fills("send", "to", nurse, "subject", "Bonjour", "text", "Bonjour").at(composePath, "Vous ne pouvez écrire qu'aux professionnels qui vous ont déjà écrit").keeps("Bonjour", "Bonjour")
	if jeanne.status != http.StatusUnprocessableEntity {
		t.Errorf("%d", jeanne.status)
	}

	// The exchange ends.
	jeanne.open(composePath).fills("save", "to", jeanne.offers("to", thomas), "subject", "Encore", "text", "Une question.").at(composePath)
	late := jeanne.page
	if last := doctor.open(composePath + "?a=" + got.ID.String() + "&dernier=1").at(composePath).written(""); last.Get("ends") != "yes" {
		t.Error("a last message does not end the exchange")
	}
	doctor.open(composePath+"?a="+got.ID.String()+"&fin=1").at(endPath, "Mettre fin à l'échange", "Jeanne HÉRON").send(endPath).at(leavingPath, "L'échange prend fin")
	k.leave()
	jeanne.open(composePath).at(composePath, "Vous ne pouvez pas écrire ici", "À qui vous ne pouvez plus écrire", "Dr Éric THOMAS")
	jeanne.open(composePath+"?a="+m.ID.String()).at(composePath, "Vous ne pouvez pas écrire ici")
	jeanne.page = late
	jeanne.fills("send").at(composePath, "Dr Éric THOMAS").keeps("Encore", "Une question.")
}

func TestAnAnswerToAllIsForAll(t *testing.T) {
	k := newClinic(t)
	b, _ := k.doctor()
	b.open(composePath+"?patient="+k.record).fills("add", "recipient", nurse).at(composePath, "Sylvie MARTIN")
	b.fills("send", "subject", "Pansement", "text", "À refaire.").at(leavingPath, "Sylvie MARTIN")
	k.leave()
	m := k.letter(k.her, mailbox.Inbox, "Pansement")
	jeanne := k.browser().signsIn()
	if one := jeanne.open(composePath + "?a=" + m.ID.String()).at(composePath).written(""); len(one["to"]) != 1 || len(one["cc"]) != 0 {
		t.Errorf("an answer is to %v, %v", one["to"], one["cc"])
	}
	nurses := k.browser().comesIn(k.number(2))
	got := k.letter(k.actor(nurses), mailbox.Inbox, "Pansement")
	all := nurses.open(composePath + "?a=" + got.ID.String() + "&tous=1").at(composePath).written("")
	if len(all["to"]) != 1 || !strings.Contains(all.Get("to"), thomas) || len(all["cc"]) != 1 || !strings.Contains(all.Get("cc"), "patient.test") {
		t.Errorf("an answer to all is to %v, %v", all["to"], all["cc"])
	}
}

// TestWhatWasWrittenStaysOnThePage: whatever is wrong.
func TestWhatWasWrittenStaysOnThePage(t *testing.T) {
	k := newClinic(t)
	b, doctor := k.doctor()
	b.open(composePath).fills("send", "subject", "A", "text", "B").at(composePath, "Choisissez au moins un destinataire").keeps("A", "B")
	b.fills("add", "recipient", "personne").at(composePath, "ni un matricule INS ni une adresse").keeps("A", "B")
	b.fills("add", "recipient", "absent@medecin.test").at(composePath).keeps("A", "B")
	if b.status != http.StatusUnprocessableEntity {
		t.Errorf("nobody is added: %d", b.status)
	}
	b.fills("add", "recipient", k.jeanne.Matricule.Canonical()).at(composePath).fills("send", "text", " ").at(composePath, "Écrivez votre message")
	b.fills("save", "text", "B").at(composePath)
	long := strings.Repeat("é", maxText/2+1)
	b.brings("save", nil, "text", long, "subject", strings.Repeat("s", maxSubject+1)).at(composePath, "Ce message est trop long", "L'objet est trop long").keeps(strings.Repeat("s", maxSubject+1), long)
	id := b.written("").Get("b")
	b.open(composePath+"?b="+id).at(composePath).keeps("A", "B")

	k.Limits.Mail, k.Limits.PatientMail = 600<<10, 400<<10
	b.brings("attach", []part{{"files", "gros.pdf", strings.Repeat("x", 500<<10)}}).at(composePath, "C'est trop volumineux").keeps("A", "B")
	b.brings("attach", []part{{"files", "moyen.pdf", strings.Repeat("x", 330<<10)}}).at(composePath, "moyen.pdf")
	b.fills("send").at(composePath, "C'est trop volumineux", "moyen.pdf").keeps("A", "B")
	k.Limits.Quota = 1
	b.fills("save", "text", "C").at(composePath, "Votre messagerie est pleine").keeps("A", "C")
	if k.letter(doctor, mailbox.Sent, "A") != nil {
		t.Error("it has left")
	}
}

func TestADraftIsSavedByAScript(t *testing.T) {
	k := newClinic(t)
	b, _ := k.doctor()
	values := b.open(composePath).written("", "subject", "Brouillon", "text", "Trois mots")
	b.post(composePath+"/seul", values)
	if b.status != http.StatusOK || !strings.HasPrefix(b.page, "Brouillon enregistré à") {
		t.Errorf("%d, %q", b.status, b.page)
	}
	id := values.Get("b")
	b.open(composePath+"?b="+id).at(composePath).keeps("Brouillon", "Trois mots")
	// It is its writer's alone.
	for _, path := range []string{composePath, previewPath, leavingPath, choosePath} {
		other := k.browser().comesIn(k.number(2)).open(path + "?b=" + id)
		if other.status != http.StatusNotFound && strings.Contains(other.page, "Trois mots") {
			t.Errorf("%s shows somebody else's draft: %d", path, other.status)
		}
	}
	b.open(composePath+"?b="+id).send(draftsPath+"/supprimer").at(draftsPath, "Le brouillon est supprimé", "pas de brouillon")
	if b.open(composePath + "?b=" + id); b.status != http.StatusNotFound {
		t.Errorf("a draft that was deleted: %d", b.status)
	}
}

func TestDocumentsGoWithAMessage(t *testing.T) {
	k := newClinic(t)
	_, m := k.written("Vos résultats")
	for _, title := range []string{"Radio du genou", "Ancienne ordonnance"} {
		_, _, err := k.Deposit(t.Context(), k.her, k.record, hub.Submission{Entry: vault.Entry{TypeCode: "DOCPAT04", Title: title}, Content: []byte("%PDF-1.4 " + title)})
		k.must(err)
	}
	jeanne := k.browser().signsIn()
	jeanne.open(composePath+"?a="+m.ID.String()).fills("documents", "text", "Voici ma radio.").at(choosePath, "Radio du genou", "Ancienne ordonnance")
	jeanne.send(choosePath).at(choosePath, "Choisissez une des réponses")
	jeanne.send(choosePath, "document", jeanne.boxOf("Radio du genou")).at(composePath, "C'est joint", "Radio du genou").keeps("Re: Vos résultats", "Voici ma radio.")
	jeanne.fills("send").at(leavingPath)
	k.leave()
	doctor, a := k.doctor()
	got := k.letter(a, mailbox.Inbox, "Re: Vos résultats")
	if got == nil || len(got.Body.Files) != 1 || !strings.Contains(got.Body.Files[0].Name, "Radio du genou") {
		t.Fatalf("what arrived is %+v", got)
	}

	// A professional sees those of the patient whom they write to, as far as they may.
	k.must(k.Declare(t.Context(), a, k.record, hub.InCareTeam))
	doctor.open(composePath+"?patient="+k.record).at(composePath).fills("documents").at(choosePath, "Radio du genou", "figure dans l'historique")
	doctor.send(choosePath, "document", doctor.boxOf("Radio du genou")).at(composePath, "Radio du genou")
	doctor.open(composePath).fills("documents").at(choosePath, "Indiquez d'abord à quel patient")

	// From the documents themselves.
	doctor.open(patientsPath+"/"+k.record+documentsPath).at(patientsPath+"/"+k.record+documentsPath, "Envoyer par message")
	doctor.send(doctor.path+"/selection", "doc", ownID(doctor.page, "Ancienne ordonnance"), "act", "write").at(composePath, "C'est joint", "Ancienne ordonnance")
	if to := doctor.written("")["to"]; len(to) > 0 {
		t.Errorf("it is for %v already", to)
	}
	jeanne.open(documentsPath).send(documentsPath+"/selection", "doc", ownID(jeanne.page, "Ancienne ordonnance"), "act", "write").at(composePath, "Ancienne ordonnance")
	jeanne.open(documentsPath+"/"+ownID(jeanne.open(documentsPath).page, "Radio du genou")).send(documentsPath+"/selection", "act", "write").at(composePath, "Radio du genou")
}

// ownID is the ID of a document within its record, as a list has it.
func ownID(page, title string) string {
	before, _, _ := strings.Cut(page, title)
	_, id, _ := strings.Cut(before[strings.LastIndex(before, `name="doc"`):], `value="`)
	id, _, _ = strings.Cut(id, `"`)
	return id
}

func TestAMessageIsWrittenInASharedMailbox(t *testing.T) {
	k := newClinic(t)
	k.shares()
	b, doctor := k.doctor()
	b.open(boxesPath)
	b.chooses(b.boxID()).at(mailboxPath)
	b.open(composePath+"?patient="+k.record).at(composePath, "Boîte partagée : Cabinet du Port")
	b.fills("send", "subject", "Votre rendez-vous", "text", "Demain à dix heures.").at(leavingPath)
	k.leave()
	m := k.letter(k.her, mailbox.Inbox, "Votre rendez-vous")
	if m == nil || m.From.Address != cabinet || m.From.Name != "Cabinet du Port" {
		t.Fatalf("what arrived is %+v", m)
	}
	if k.letter(doctor, mailbox.Sent, "Votre rendez-vous") != nil {
		t.Error("the copy is in the doctor's own mailbox")
	}
	jeanne := k.browser().signsIn()
	jeanne.open(composePath+"?a="+m.ID.String()).at(composePath, "Cabinet du Port").fills("send", "text", "Merci.").at(leavingPath)
	k.leave()
	b.open(mailboxPath).at(mailboxPath, "Non lu : Jeanne HÉRON 2 , 2 messages, Votre rendez-vous")
}

// boxOf is the value of the box of a document.
func (b *browser) boxOf(title string) string {
	b.t.Helper()
	m := regexp.MustCompile(`name="document" value="([^"]+)"><span>` + regexp.QuoteMeta(title)).FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("no %s:\n%s", title, text(b.page))
	}
	return m[1]
}

// TestWhatDoesNotLeaveComesBack: who may not be written to any more when a message
// leaves is told to its writer, who loses nothing.
func TestWhatDoesNotLeaveComesBack(t *testing.T) {
	k := newClinic(t)
	doctor, m := k.written("Vos résultats")
	jeanne := k.browser().signsIn()
	doctor.open(composePath+"?patient="+k.record).fills("send", "subject", "Fin", "text", "Au revoir.", "ends", "yes").at(leavingPath)
	k.now = k.now.Add(10 * time.Second)
	jeanne.open(composePath+"?a="+m.ID.String()).fills("send", "text", "Merci.").at(leavingPath)
	id, _, _ := strings.Cut(strings.SplitAfter(jeanne.page, "etat?b=")[1], `"`)
	k.now = k.now.Add(11 * time.Second)
	k.must(k.DueDepartures(t.Context()))
	k.must(k.CarryAll(t.Context()))
	k.leave()
	if jeanne.open(leavingPath+"/etat?b="+id).page != "back" {
		t.Errorf("a script hears %q", jeanne.page)
	}
	jeanne.open(leavingPath+"?b="+id).at(composePath, "Votre message n'est pas parti", "Rien n'est perdu").keeps("Re: Vos résultats", "Merci.")
	jeanne.open(draftsPath).at(draftsPath, "N'est pas parti")
}
