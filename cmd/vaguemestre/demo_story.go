package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"strings"
	"time"

	"vaguemestre/internal/message"
)

// A letter is one mail of the story.
type letter struct {
	id      string // before the @ of its Message-ID
	answers *letter
	sent    time.Time
	from    person
	to, cc  []person
	replyTo *person
	subject string
	text    string
	header  []message.HeaderField
	files   []message.Attachment
	since   []reading
}

// A reading is what a reader has done with a letter since: IMAP flags.
type reading struct {
	reader person
	flags  string
}

func (l *letter) messageID() string { return l.id + "@" + l.from.domain() }

func (p person) domain() string {
	_, domain, _ := strings.Cut(p.address, "@")
	return domain
}

// compose writes the letter as a mail. The same letter gives the same bytes.
func (l *letter) compose() ([]byte, error) {
	d := message.Draft{
		From: addressList(l.from), To: addressList(l.to...), Cc: addressList(l.cc...),
		Date: l.sent, MessageID: l.messageID(), Subject: l.subject, Text: l.text, Attachments: l.files,
	}
	if l.replyTo != nil {
		d.ReplyTo = addressList(*l.replyTo)
	}
	if l.answers != nil {
		d.InReplyTo = []string{l.answers.messageID()}
		for before := l.answers; before != nil; before = before.answers {
			d.References = append([]string{before.messageID()}, d.References...)
		}
	}
	if l.from.role != rolePatient { // every mail of a professional names its software (ECO.2.4.3)
		d.Header = append(d.Header, message.HeaderField{Name: "X-MSS-NIL", Value: "VAGUEMESTRE-DEMO"})
	}
	d.Header = append(d.Header, l.header...)
	var seed [32]byte
	h := fnv.New64a()
	h.Write([]byte(l.id))
	copy(seed[:], h.Sum(nil))
	return message.Compose(d, rand.NewChaCha8(seed))
}

func addressList(people ...person) []message.Address {
	var list []message.Address
	for _, p := range people {
		local, domain, _ := strings.Cut(p.address, "@")
		list = append(list, message.Address{Name: p.name, Mailbox: local, Host: domain})
	}
	return list
}

// A calendar makes the dates of a story that ends at now.
type calendar struct{ now time.Time }

// ago is a moment of the day so many days before now.
func (c calendar) ago(days, hour, minute int) time.Time {
	y, m, d := c.now.Date()
	return time.Date(y, m, d-days, hour, minute, 0, 0, c.now.Location())
}

// demoStory returns the mails of the last month, in the order in which they are
// sent. The same now gives the same mails.
func demoStory(now time.Time) ([]*letter, error) {
	c := calendar{now}
	results, err := laboratory(c)
	if err != nil {
		return nil, err
	}
	wound, err := woundPhoto(c)
	if err != nil {
		return nil, err
	}
	var list []*letter
	list = append(list, consultation(c)...)
	list = append(list, results, radiology(c))
	list = append(list, wound...)
	list = append(list, glasses(c), vaccination(c), medicines(c))
	list = append(list, cardiology(c)...)
	return append(list, endedExchange(c)...), nil
}

// consultation is a physician's letter, the patient's answer, and the letter
// to a colleague that came of it.
func consultation(c calendar) []*letter {
	prescription := sheet{letterhead: "Dr Éric THOMAS, médecin généraliste – " + tilleuls.name, title: "Ordonnance", lines: []string{
		"Le " + frenchDate(c.ago(26, 0, 0)), "",
		"Mme Dominique PAT-TROIS, née le 28/03/1979", "",
		"# Bilan sanguin à jeun",
		"Glycémie, HbA1c, créatinine, cholestérol total, HDL, LDL, triglycérides, TSH", "",
		"# Traitement",
		"Ramipril 2,5 mg : 1 comprimé le matin, pendant 1 mois", "",
		"Tension à mesurer à la maison, matin et soir, trois jours de suite avant le prochain rendez-vous.", "",
		"Dr Éric THOMAS",
	}}
	first := &letter{
		id: "consultation-1", sent: c.ago(26, 18, 42), from: thomas, to: []person{dominique},
		subject: "Suite à votre consultation de ce jour",
		text: "Bonjour Madame,\n\nComme convenu ce matin, voici votre ordonnance : une prise de sang à faire à jeun et le\n" +
			"traitement pour la tension, à commencer dès demain.\n\nMesurez votre tension matin et soir pendant trois jours avant notre prochain rendez-vous\n" +
			"et notez les chiffres. Si vous avez une toux sèche ou des vertiges, écrivez-moi ici.\n\nBien cordialement,\nDr Éric Thomas\n",
		files: []message.Attachment{pdfFile(c.ago(26, 0, 0), "Prescription_de_produits_de_sante", dominique, 2207, prescription)},
		since: []reading{{dominique, `\Seen \Answered`}},
	}
	answer := &letter{
		id: "consultation-2", answers: first, sent: c.ago(25, 8, 5), from: dominique, to: []person{thomas},
		subject: "Re: Suite à votre consultation de ce jour",
		text: "Bonjour Docteur,\n\nMerci, j'ai rendez-vous au laboratoire jeudi. Une question : je prends déjà du paracétamol pour\n" +
			"mon genou, est-ce compatible avec le ramipril ?\n\nBonne journée,\nDominique Pat-Trois\n",
		since: []reading{{thomas, `\Seen \Answered`}},
	}
	reassured := &letter{
		id: "consultation-3", answers: answer, sent: c.ago(25, 12, 31), from: thomas, to: []person{dominique},
		subject: "Re: Suite à votre consultation de ce jour",
		text: "Bonjour Madame,\n\nOui, le paracétamol est compatible, sans dépasser 3 g par jour. Évitez en revanche l'ibuprofène.\n\n" +
			"Bien cordialement,\nDr Éric Thomas\n",
		since: []reading{{dominique, `\Seen`}},
	}
	referral := &letter{
		id: "adressage-1", sent: c.ago(24, 19, 10), from: thomas, to: []person{adam}, cc: []person{cardio},
		subject: "Avis cardiologique : Mme D. P.",
		text: "Chère consœur,\n\nMerci de recevoir cette patiente que je suis pour une hypertension découverte récemment\n" +
			"(158/96 à trois reprises). Souffle systolique 2/6 au foyer aortique, ECG sans particularité.\n" +
			"Je souhaiterais votre avis et une échographie. Bilan sanguin en cours, je vous le transmets.\n\nConfraternellement,\nÉric Thomas\n",
		since: []reading{{adam, `\Seen \Flagged`}, {cardio, `\Seen`}},
	}
	return []*letter{first, answer, reassured, referral}
}

// laboratory is a report as laboratories send it: the CDA in its package, and
// its rendition beside it, to the patient and the physician.
func laboratory(c calendar) (*letter, error) {
	sampled := c.ago(21, 7, 50)
	r := labReport{
		UniqueID: "1.2.250.1.999.10.2." + sampled.Format("20060102") + ".4171", Number: "4171",
		Sampled: sampled, Issued: c.ago(20, 16, 20), Patient: dominique, Lab: lab,
		Results: []labResult{
			{"Glycémie à jeun", "0,97", "g/L", "0,70 – 1,10"},
			{"HbA1c", "5,6", "%", "4,0 – 6,0"},
			{"Créatinine", "8,1", "mg/L", "5,0 – 9,0"},
			{"Cholestérol total", "2,31", "g/L", "< 2,00"},
			{"HDL", "0,58", "g/L", "> 0,50"},
			{"LDL calculé", "1,49", "g/L", "< 1,60"},
			{"Triglycérides", "1,20", "g/L", "< 1,50"},
			{"TSH", "2,04", "mUI/L", "0,40 – 4,00"},
		},
		Comment: "Cholestérol total modérément augmenté. Contrôle conseillé dans trois mois.",
	}
	zip, err := r.zip()
	if err != nil {
		return nil, err
	}
	return &letter{
		id: "laboratoire-1", sent: c.ago(20, 16, 31), from: lab, to: []person{dominique, thomas},
		subject: "XDM/1.0/DDM+CR d'examens biologiques PAT-TROIS DOMINIQUE 28/03/1979",
		text: "Bonjour,\n\nVeuillez trouver ci-joint le compte rendu de vos examens, demandés par le Dr Thomas.\n\n" +
			"Ce message est envoyé automatiquement par le Laboratoire des Glycines.\n",
		header: []message.HeaderField{{Name: "X-MSS-CODECDA", Value: "11502-2"}, {Name: "X-MSS-INS", Value: "O"}},
		files: []message.Attachment{
			{Name: "IHE_XDM.zip", Type: "application/zip", Content: zip},
			pdfFile(sampled, "CR_d_examens_biologiques", dominique, 4171, r.sheet()),
		},
		since: []reading{{dominique, `\Seen \Flagged`}, {thomas, `\Seen`}},
	}, nil
}

// radiology is a report that wants its answers elsewhere.
func radiology(c calendar) *letter {
	report := sheet{letterhead: tilleuls.name + " – Service d'imagerie médicale", title: "Échographie de l'épaule droite", lines: []string{
		"Examen du " + frenchDate(c.ago(18, 0, 0)), "Mme Louise MERCIER, née en 1985", "",
		"# Indication", "Douleur à l'élévation du bras depuis deux mois.", "",
		"# Résultat",
		"Tendinopathie du supra-épineux, sans rupture.",
		"Fine lame de liquide dans la bourse sous-acromio-deltoïdienne.",
		"Long biceps en place. Pas d'épanchement articulaire.", "",
		"# Conclusion", "Tendinopathie non rompue du supra-épineux avec bursite minime.", "",
		"Dr Sophie LAMBERT, radiologue",
	}}
	return &letter{
		id: "imagerie-1", sent: c.ago(18, 11, 4), from: lambert, to: []person{louise}, cc: []person{renaud},
		subject: "Votre échographie de l'épaule droite",
		text: "Bonjour Madame,\n\nVeuillez trouver ci-joint le compte rendu de votre échographie. Rien d'inquiétant : une tendinite\n" +
			"sans rupture. Le Dr Renaud, en copie, verra avec vous la suite à donner.\n\nBien cordialement,\nDr Sophie Lambert\n",
		files: []message.Attachment{pdfFile(c.ago(18, 0, 0), "CR_d_imagerie_medicale", louise, 1042, report)},
		since: []reading{{louise, `\Seen`}, {renaud, `\Seen`}},
	}
}

// woundPhoto is a nurse's picture, and the patient's thanks.
func woundPhoto(c calendar) ([]*letter, error) {
	picture, err := dressing()
	if err != nil {
		return nil, err
	}
	photo := &letter{
		id: "pansement-1", sent: c.ago(12, 17, 25), from: benali, to: []person{karim},
		subject: "Photo de votre pansement",
		text: "Bonjour Monsieur Haddad,\n\nVoici la photo prise tout à l'heure, pour la montrer au chirurgien mercredi. La cicatrice est belle,\n" +
			"on continue un jour sur deux. Je repasse jeudi vers 9 h.\n\nInès, infirmière\n",
		files: []message.Attachment{{Name: "pansement_genou.jpg", Type: "image/jpeg", Content: picture}},
		since: []reading{{karim, `\Seen \Answered`}},
	}
	thanks := &letter{
		id: "pansement-2", answers: photo, sent: c.ago(12, 19, 2), from: karim, to: []person{benali},
		subject: "Re: Photo de votre pansement",
		text:    "Bonsoir Inès,\n\nBien reçu, merci beaucoup. Jeudi 9 h c'est parfait.\n\nK. Haddad\n",
	}
	return []*letter{photo, thanks}, nil
}

// glasses is an optician's note.
func glasses(c calendar) *letter {
	note := "Optique du Marché – fiche de montage\n\n" +
		"Cliente : Mme Dominique PAT-TROIS\nMonture : écaille, taille 52, déjà choisie\n\n" +
		"Œil droit  : -1,75 (-0,50 à 90°)  addition +1,00\nŒil gauche : -2,00 (-0,25 à 85°)  addition +1,00\n" +
		"Verres progressifs, antireflet\n\nPrêtes samedi. Reste à charge : 38,00 €\n"
	return &letter{
		id: "optique-1", sent: c.ago(9, 14, 48), from: girard, to: []person{dominique},
		subject: "Vos lunettes sont prêtes",
		text: "Bonjour Madame,\n\nVos lunettes sont arrivées, vous pouvez passer les essayer quand vous voulez, du mardi au samedi.\n" +
			"Je vous joins la fiche de montage pour votre dossier.\n\nPaul Girard, Optique du Marché\n",
		files: []message.Attachment{{Name: "fiche_de_montage.txt", Type: "text/plain", Content: []byte(note)}},
	}
}

// vaccination is about a minor, who is written to at their own address.
func vaccination(c calendar) *letter {
	note := sheet{letterhead: "Dr Julie RENAUD, médecin généraliste – " + lilas.name, title: "Note de vaccination", lines: []string{
		"Théo MERCIER, né en 2014", "",
		"# Vaccin", "Rappel diphtérie, tétanos, coqueluche, poliomyélite (dTcaP)", "Injecté le " + frenchDate(c.ago(7, 0, 0)) + ", deltoïde gauche, lot INV-0042", "",
		"# Prochain rendez-vous", "Papillomavirus, première dose : dans deux mois", "",
		"Dr Julie RENAUD",
	}}
	return &letter{
		id: "vaccin-1", sent: c.ago(7, 17, 15), from: renaud, to: []person{theo},
		subject: "Vaccin de Théo",
		text: "Bonjour,\n\nVoici la note du rappel fait ce soir. Un peu de fièvre est possible pendant deux jours.\n\n" +
			"Bien cordialement,\nDr Julie Renaud\n",
		files: []message.Attachment{pdfFile(c.ago(7, 0, 0), "Note_de_vaccination", theo, 88, note)},
	}
}

// medicines is a message without any document.
func medicines(c calendar) *letter {
	return &letter{
		id: "pharmacie-1", sent: c.ago(6, 10, 20), from: olivier, to: []person{dominique}, replyTo: &pharmacy,
		subject: "Votre traitement est prêt",
		text: "Bonjour Madame,\n\nVotre renouvellement est préparé, vous pouvez passer le prendre jusqu'à 19 h 30. Pensez à votre carte\n" +
			"Vitale. Pour toute question, répondez à ce message : c'est toute l'équipe qui lit.\n\nMarc Olivier, Pharmacie des Halles\n",
	}
}

// cardiology answers the physician, and gives the patient an appointment.
func cardiology(c calendar) []*letter {
	letterHome := sheet{letterhead: "Dr Hoda ADAM, cardiologue – " + grandPin.name, title: "Compte rendu de consultation", lines: []string{
		"Le " + frenchDate(c.ago(4, 0, 0)), "Mme Dominique PAT-TROIS, née le 28/03/1979", "",
		"# Examen", "Tension 138/84 sous ramipril 2,5 mg. Souffle fonctionnel, sans retentissement.", "",
		"# Échographie", "Ventricule gauche de taille normale, fraction d'éjection 64 %.", "Valve aortique tricuspide, souple. Pas de fuite.", "",
		"# Conclusion", "Cœur normal. Poursuite du traitement. Contrôle dans un an.", "",
		"Dr Hoda ADAM",
	}}
	report := pdfFile(c.ago(4, 0, 0), "CR_ou_fiche_de_consultation_ou_de_visite", dominique, 530, letterHome)
	return []*letter{{
		id: "cardiologie-1", sent: c.ago(5, 9, 0), from: cardio, to: []person{dominique},
		subject: "Rendez-vous de cardiologie",
		text: "Bonjour Madame,\n\nLe Dr Adam, qui consulte aussi dans notre service, vous recevra demain à 14 h 30, 2e étage.\n" +
			"Apportez votre liste de médicaments et vos derniers examens.\n\nLe secrétariat de cardiologie\n",
		since: []reading{{dominique, `\Seen`}},
	}, {
		id: "cardiologie-2", sent: c.ago(4, 16, 45), from: adam, to: []person{thomas, dominique},
		subject: "Consultation de cardiologie",
		text: "Cher confrère, chère Madame,\n\nMerci de votre confiance. Vous trouverez ci-joint le compte rendu : l'échographie est normale et la\n" +
			"tension est bien contrôlée. On garde le même traitement.\n\nBien cordialement,\nDr Hoda Adam\n",
		files: []message.Attachment{report},
	}}
}

// endedExchange is a professional who answers once, and then ends the exchange
// (X-MSS-MES: FIN).
func endedExchange(c calendar) []*letter {
	question := &letter{
		id: "imagerie-2", sent: c.ago(3, 8, 30), from: lambert, to: []person{louise},
		subject: "Votre échographie : une précision",
		text: "Bonjour Madame,\n\nLe Dr Renaud me demande si vous souhaitez une infiltration. Qu'en pensez-vous ?\n\n" +
			"Dr Sophie Lambert\n",
		since: []reading{{louise, `\Seen \Answered`}},
	}
	answer := &letter{
		id: "imagerie-3", answers: question, sent: c.ago(3, 12, 12), from: louise, to: []person{lambert},
		subject: "Re: Votre échographie : une précision",
		text:    "Bonjour Docteur,\n\nJe préfère d'abord essayer la kinésithérapie. Merci pour tout.\n\nLouise Mercier\n",
		since:   []reading{{lambert, `\Seen`}},
	}
	return []*letter{question, answer, {
		id: "imagerie-4", answers: answer, sent: c.ago(2, 9, 40), from: lambert, to: []person{louise},
		subject: "Fin de notre échange",
		text: "Bonjour Madame,\n\nC'est noté, je le transmets au Dr Renaud, qui reste votre interlocutrice. Je clos cet échange.\n\n" +
			"Bon rétablissement,\nDr Sophie Lambert\n",
		header: []message.HeaderField{{Name: "X-MSS-MES", Value: "FIN"}},
	}}
}

// pdfFile names a sheet as the MSSanté wants it:
// <date>_<type>_<NAME>_<first name>_<file number>.pdf (CI-SIS MSS ECO.2.1.6).
func pdfFile(day time.Time, kind string, p person, number int, s sheet) message.Attachment {
	name := fmt.Sprintf("%s_%s_%s_%s_%d.pdf", day.Format("20060102"), kind, p.traits.BirthName, firstWord(p.traits.FirstNames), number)
	return message.Attachment{Name: name, Type: "application/pdf", Content: s.pdf()}
}

var frenchMonths = strings.Fields("janvier février mars avril mai juin juillet août septembre octobre novembre décembre")

func frenchDate(t time.Time) string {
	return fmt.Sprintf("%d %s %d", t.Day(), frenchMonths[t.Month()-1], t.Year())
}

// dressing draws a picture that could be of a dressing on a knee.
func dressing() ([]byte, error) {
	const width, height = 640, 480
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	inside := func(x, y, cx, cy, rx, ry int) bool {
		dx, dy := float64(x-cx)/float64(rx), float64(y-cy)/float64(ry)
		return dx*dx+dy*dy < 1
	}
	for y := range height {
		for x := range width {
			shade := uint8(20 * y / height)
			c := color.RGBA{226 - shade, 184 - shade, 156 - shade, 255} // skin
			switch {
			case inside(x, y, 320, 240, 60, 8):
				c = color.RGBA{168, 74, 70, 255} // scar
			case inside(x, y, 320, 240, 170, 110):
				c = color.RGBA{246, 244, 238, 255} // gauze
				if (x/6+y/6)%2 == 0 {
					c = color.RGBA{236, 233, 226, 255}
				}
			case y > 430 && x%20 < 2 && (y > 450 || x%100 < 2):
				c = color.RGBA{40, 40, 40, 255} // ruler
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 80})
	return b.Bytes(), err
}
