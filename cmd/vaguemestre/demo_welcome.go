package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
)

// notes are the words of a note for people, French first.
var notes = map[string]string{
	"active":        "actif / active",
	"minor":         "mineur / minor",
	"not activated": "pas encore activé / not activated",
	"opposed":       "opposition / opposed",
	"closed":        "fermé / closed",
}

// welcome is what a newcomer reads: who is who, what to try, and what is
// refused on purpose.
func (d *demo) welcome(people []person) string {
	var b strings.Builder
	kept := "effacées à l'arrêt / removed at the end"
	if !d.passing {
		kept = "conservées / kept"
	}
	fmt.Fprintf(&b, "Vaguemestre · messagerie de santé sécurisée, personnes inventées / secure health mail, invented people\n"+
		"Données / data: %s (%s). Ctrl-C : arrêter / stop.\n\n", d.folder, kept)
	d.portal(&b)
	d.whoIsWho(&b, people)
	fmt.Fprintf(&b, `
LOGICIEL DE MESSAGERIE / MAIL CLIENT   serveur / server localhost, identifiant / login = adresse / address
  IMAP  port %d TLS, %d STARTTLS        SMTP  port %d TLS, %d STARTTLS        CA  %s
API DMP (FHIR)                         https://localhost:%d/fhir, jetons / tokens: %s
CODES, AVIS / CODES, NOTICES           %s
`, d.portBase+imapsPort, d.portBase+imapPort, d.portBase+smtpsPort, d.portBase+submissionPort, filepath.Join(d.folder, caName),
		d.portBase+httpsPort, filepath.Join(d.folder, accountsFile), filepath.Join(d.folder, outboxFolder))
	d.toTry(&b, people)
	d.refusals(&b)
	return trailingBlanks.ReplaceAllString(b.String(), "\n")
}

var trailingBlanks = regexp.MustCompile(` +\n`)

// portal says how to come in with a browser.
func (d *demo) portal(b *strings.Builder) {
	born := jeanne.traits.BirthDate
	fmt.Fprintf(b, `PORTAIL / PORTAL   https://localhost:%d/   codes: %s
  connexion / sign in: dominique, louise (mère de / mother of Theo), mot de passe / password: %s
  professionnels / professionals: Pro Santé Connect (fictif / a stand-in)
  première fois / first time: %s, n° sécu / INS number %s, née le / born %s/%s/%s, carte Vitale avec photo / with a photo %s

`, d.portBase+httpsPort, filepath.Join(d.folder, outboxFolder), portalPassword,
		jeanne.name, jeanne.matricule.Canonical(), born[6:], born[4:6], born[:4], jeanneInsured.card)
}

// whoIsWho is the table of the cast.
func (d *demo) whoIsWho(b *strings.Builder, people []person) {
	passwords := map[string]string{}
	for _, p := range people {
		passwords[p.address] = p.password
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PATIENTS\tadresse / address\tmot de passe / password\t")
	for _, p := range namedPatients {
		note := notes[p.note]
		if !p.matricule.Invented() {
			note = "patient de test de l'ANS / ANS test patient"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", p.name, p.address, passwords[p.address], note)
	}
	fmt.Fprintln(w, "PROFESSIONNELS / PROFESSIONALS\t\t\t")
	for _, p := range namedOthers {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", p.name, p.address, passwords[p.address], p.profession)
	}
	w.Flush()
	if more := len(people) - len(namedPatients) - len(namedOthers); more > 0 {
		fmt.Fprintf(b, "  + %d autres dans / others in %s\n", more, filepath.Join(d.folder, accountsFile))
	}
}

// A trial is a command that a newcomer may paste into a shell, in the folder of
// the demo.
type trial struct{ fr, en, command string }

// trials are the commands that the demo proposes; the tests run every one.
func (d *demo) trials(people []person) []trial {
	passwords := map[string]string{}
	for _, p := range people {
		passwords[p.address] = p.password
	}
	const next = " \\\n      "
	curl := func(who person) string {
		return "curl -sS --cacert " + caName + " -u " + who.address + ":" + passwords[who.address] + next
	}
	swaks := fmt.Sprintf("swaks -s localhost:%d -tls --tls-verify --tls-ca-path %s -au %s -ap %s"+next,
		d.portBase+submissionPort, caName, thomas.address, passwords[thomas.address])
	imaps := fmt.Sprintf("imaps://localhost:%d", d.portBase+imapsPort)
	fhir := func(who person, ask string) string {
		return fmt.Sprintf("curl -sS --cacert %s -H \"Authorization: Bearer $(grep %s %s | cut -d, -f8)\"", caName, who.address, accountsFile) +
			next + fmt.Sprintf("'https://localhost:%d/fhir/%s'", d.portBase+httpsPort, ask)
	}
	const hers = "patient.identifier=urn:oid:1.2.250.1.213.1.4.8%7C279035121518989"
	smtps := fmt.Sprintf("smtps://localhost:%d", d.portBase+smtpsPort)
	return []trial{{
		"un médecin écrit à sa patiente, avec un document", "a physician writes to a patient, with a document",
		swaks + "-f " + thomas.address + " -t " + dominique.address +
			" --body 'Bonjour, tout va bien.' --attach-type text/plain --attach-name bilan.txt --attach 'HDL 0,58 g/L'",
	}, {
		"elle lit son dernier message", "she reads her last message",
		curl(dominique) + "'" + imaps + "/INBOX;MAILINDEX=*'",
	}, {
		"ses analyses, au rayon Biologie de son DMP", "her laboratory report, on its shelf of the vault",
		curl(dominique) + "'" + imaps + "/Documents/Biologie;MAILINDEX=1;SECTION=1'",
	}, {
		"elle répond à son médecin", "she answers her physician",
		curl(dominique) + smtps + " --mail-from " + dominique.address + " --mail-rcpt " + thomas.address +
			" -H 'From: " + dominique.address + "' -H 'Subject: Merci' -F '=Merci Docteur.'",
	}, {
		"il lit la réponse", "he reads the answer",
		curl(thomas) + "'" + imaps + "/INBOX;MAILINDEX=*'",
	}, {
		"son médecin traitant consulte son DMP par l'API", "her treating physician consults her record by the API",
		fhir(thomas, "DocumentReference?"+hers),
	}, {
		"l'opticien, avec son accord, n'y voit que l'ordonnance", "the optician, with her consent, sees nothing but the prescription",
		fhir(girard, "DocumentReference?"+hers),
	}}
}

func (d *demo) toTry(b *strings.Builder, people []person) {
	fmt.Fprintf(b, "\nÀ ESSAYER / TO TRY\n  cd %s\n", shellWord(d.folder))
	for _, t := range d.trials(people) {
		fmt.Fprintf(b, "  # %s / %s\n  %s\n", t.fr, t.en, t.command)
	}
}

// A demoRefusal is somebody who writes in vain.
type demoRefusal struct {
	from   person
	to     string // an address
	reply  string // how the server's answer begins
	fr, en string
}

// refused are the mails that do not pass; the tests try every one.
func refused() []demoRefusal {
	last := len("279035121518989") - 1
	wrongKey := dominique.address[:last] + "8" + dominique.address[last+1:]
	nobody := invented("1702099999999", "", "", "active").address
	return []demoRefusal{
		{thomas, jeanne.address, "550 5.1.1", "espace pas encore activé", "space not activated"},
		{thomas, robert.address, "550 5.1.1", "opposition", "opposed"},
		{thomas, nadia.address, "550 5.1.1", "espace fermé", "space closed"},
		{thomas, nobody, "550 5.1.1", "personne : la réponse est la même", "nobody: the answer is the same"},
		{thomas, wrongKey, "553 5.1.3", "clé du matricule fausse", "wrong key of the INS"},
		{dominique, louise.address, "550 5.7.1", "entre patients", "between patients"},
		{dominique, renaud.address, "550 5.7.1", "ne lui a jamais écrit", "has never written to her"},
		{dominique, olivier.address, "550 5.7.1", "veut ses réponses ailleurs", "wants answers elsewhere"},
		{louise, lambert.address, "550 5.7.1", "a mis fin à l'échange", "has ended the exchange"},
	}
}

func (d *demo) refusals(b *strings.Builder) {
	b.WriteString("\nREFUSÉ EXPRÈS / REFUSED ON PURPOSE\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, r := range refused() {
		fmt.Fprintf(w, "  %s\t%s → %s\t%s / %s\n", r.reply, r.from.name, r.to, r.fr, r.en)
	}
	w.Flush()
}

// shellWord quotes a path for a shell, where it must be.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
