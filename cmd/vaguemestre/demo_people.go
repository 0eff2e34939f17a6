package main

import (
	"fmt"
	"hash/fnv"
	"strings"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// Roles, as accounts.csv has them.
const (
	rolePatient      = "patient"
	roleProfessional = "professional"
	roleOrganisation = "organisation"
	roleApplication  = "application"
)

// Domains of the demo. The two of the real network are those of the public
// test messages of the ANS, so that these can be sent to the demo as they are:
// it relays nothing, and cannot reach anybody there.
const (
	demoDomain        = "hub.vaguemestre.test"
	demoPatientDomain = "patient.mssante.fr"
)

// A person is somebody, or some machine, with a mailbox in the demo. All are
// invented, but for the test patients of the ANS.
type person struct {
	role       string
	name       string // as it is displayed
	profession string // in French, for people to read
	address    string // canonical; the login as well
	note       string // what is special, in English
	password   string // once it is made
	token      string // for the API, as long as the demo runs

	// Of a patient.
	matricule ident.Matricule
	traits    patient.Traits
	minor     bool
	life      []patient.Event // after enrolment

	// Of all others.
	bal directory.BAL
}

// A place is an establishment or a practice.
type place struct{ finess, name string }

var (
	tilleuls = place{"990000001", "Centre hospitalier des Tilleuls"}
	grandPin = place{"990000019", "Hôpital du Grand Pin"}
	lilas    = place{"990000027", "Cabinet médical des Lilas"}
	halles   = place{"990000035", "Pharmacie des Halles"}
	soins    = place{"990000043", "Cabinet infirmier de la Gare"}
	lunettes = place{"990000050", "Optique du Marché"}
	glycines = place{"990000068", "Laboratoire des Glycines"}
)

// The cast of the demo: who has a name in its story. Addresses at
// medecin.mssante.fr, ch-test.mssante.fr and test-ci-sis.mssante.fr are those
// of the public test messages.
var (
	thomas   = professional("Dr Éric THOMAS", "Médecin généraliste", policy.Physician, "eric.thomas@medecin.mssante.fr", tilleuls)
	adam     = professional("Dr Hoda ADAM", "Cardiologue", policy.Physician, "adam.hoda@test-ci-sis.mssante.fr", grandPin)
	lambert  = professional("Dr Sophie LAMBERT", "Radiologue", policy.Physician, "sophie.lambert@ch-tilleuls.mssante.test", tilleuls)
	renaud   = professional("Dr Julie RENAUD", "Médecin généraliste", policy.Physician, "julie.renaud@cabinet-lilas.mssante.test", lilas)
	olivier  = professional("Marc OLIVIER", "Pharmacien", policy.Pharmacist, "marc.olivier@pharmacie-halles.mssante.test", halles)
	benali   = professional("Inès BENALI", "Infirmière", policy.Nurse, "ines.benali@infirmiers-gare.mssante.test", soins)
	girard   = professional("Paul GIRARD", "Opticien-lunetier", policy.Optician, "paul.girard@optique-marche.mssante.test", lunettes)
	cardio   = sharedBox(directory.Organisational, "Secrétariat de cardiologie", "secretariat.cardio@ch-test.mssante.fr", tilleuls)
	pharmacy = sharedBox(directory.Practice, "Pharmacie des Halles", "accueil@pharmacie-halles.mssante.test", halles)
	lab      = sharedBox(directory.Application, "Laboratoire des Glycines", "sil@labo-glycines.mssante.test", glycines)

	dominique  = official("279035121518989", patient.Traits{BirthName: "PAT-TROIS", FirstNames: "DOMINIQUE MARIE-LOUISE", BirthDate: "19790328", Sex: "F", BirthPlace: "51215"})
	ruth       = official("277076322082910", patient.Traits{BirthName: "NESSI", FirstNames: "RUTH ISABELLE", BirthDate: "19770714", Sex: "F", BirthPlace: "63220"})
	alain      = official("162018885045327", patient.Traits{BirthName: "PAT-SIX", FirstNames: "ALAIN", BirthDate: "19960124", Sex: "M"})
	andre      = official("146026322000196", patient.Traits{BirthName: "PAT-HUIT", FirstNames: "ANDRE", Sex: "M"})
	dominique2 = official("248039263001064", patient.Traits{BirthName: "PAT-TROIS", FirstNames: "DOMINIQUE", Sex: "F"})

	louise = born(invented("2852099999901", "MERCIER", "LOUISE", "active", patient.Activate), "19850617")
	karim  = invented("1602099999902", "HADDAD", "KARIM", "active", patient.Activate)
	theo   = born(invented("1142099999906", "MERCIER", "THEO", "minor", patient.Activate), "20140903")
	jeanne = born(invented("2382099999903", "PERRIN", "JEANNE", "not activated"), "19380512")
	robert = invented("1522099999904", "LEGRAND", "ROBERT", "opposed", patient.Oppose)
	nadia  = invented("2712099999905", "FERHAT", "NADIA", "closed", patient.Activate, patient.Close)
)

// namedPatients and namedOthers are the cast in the order of accounts.csv.
var (
	namedPatients = []person{dominique, ruth, alain, andre, dominique2, louise, karim, theo, jeanne, robert, nadia}
	namedOthers   = []person{thomas, adam, lambert, renaud, olivier, benali, girard, cardio, pharmacy, lab}
)

// sharers are who shares the mailboxes that are nobody's own.
var sharers = []struct{ who, mailbox person }{{thomas, cardio}, {lambert, cardio}, {olivier, pharmacy}}

// population returns the cast and that many more, always the same ones.
func population(patients, professionals int) []person {
	list := append([]person(nil), namedPatients...)
	for i := range patients {
		list = append(list, anotherPatient(i))
	}
	list = append(list, namedOthers...)
	for i := range professionals {
		list = append(list, anotherProfessional(i))
	}
	return list
}

// mostMore bounds what can be asked for: there are no more matricules.
const mostMore = 100_000

func professional(name, profession string, code policy.Profession, address string, at place) person {
	return person{role: roleProfessional, name: name, profession: profession, address: address, note: "active",
		bal: directory.BAL{Kind: directory.Personal, Address: address, Name: name, RPPS: rppsOf(address), Profession: code, Establishment: at.finess, Organisation: at.name}}
}

// inventedRPPS makes a number of a range that is given to nobody, of its first ten digits.
func inventedRPPS(n int) string {
	r, err := ident.MakeRPPS(fmt.Sprintf("%010d", n))
	if err != nil {
		panic("demo: " + err.Error()) // ten digits always have a key
	}
	return r.String()
}

// rppsOf makes the number of somebody of the cast, always the same.
func rppsOf(address string) string {
	sum := fnv.New32a()
	sum.Write([]byte(address))
	return inventedRPPS(990_000_0000 + int(sum.Sum32()%100_000_000))
}

func sharedBox(kind directory.BALKind, name, address string, at place) person {
	p := person{role: roleOrganisation, name: name, profession: at.name, address: address, note: "active",
		bal: directory.BAL{Kind: kind, Address: address, Name: name, Establishment: at.finess, Organisation: at.name}}
	switch kind {
	case directory.Application:
		p.role, p.profession = roleApplication, "Système de laboratoire"
	case directory.Practice:
		p.profession = "Officine"
	}
	return p
}

// official makes a test patient of the ANS, with the traits its samples give.
func official(matricule string, t patient.Traits) person {
	m, err := ident.ParseMatricule(matricule)
	if err != nil {
		panic("demo: the cast: " + err.Error()) // a broken table, and a test sees it first
	}
	return spaceOf(m, t, "active", patient.Activate)
}

// invented makes a patient of the range in which this project invents people:
// sex, year, then 20 99 999 and a number.
func invented(base, name, first, note string, life ...patient.Event) person {
	m, err := ident.MakeMatricule(base)
	if err != nil || !m.Invented() {
		panic("demo: a matricule out of range")
	}
	century := "19"
	if base[1:3] < "20" {
		century = "20"
	}
	sex := "M"
	if base[0] == '2' {
		sex = "F"
	}
	p := spaceOf(m, patient.Traits{BirthName: name, FirstNames: first, BirthDate: century + base[1:3] + "0000", Sex: sex, BirthPlace: "99999"}, note, life...)
	p.minor = note == "minor"
	return p
}

// born gives an invented patient a date of birth, for whoever is to say it.
func born(p person, date string) person {
	p.traits.BirthDate = date
	return p
}

func spaceOf(m ident.Matricule, t patient.Traits, note string, life ...patient.Event) person {
	return person{role: rolePatient, name: t.BirthName + " " + capital(firstWord(t.FirstNames)), address: strings.ToLower(m.Canonical()) + "@" + demoPatientDomain,
		note: note, matricule: m, traits: t, life: life}
}

// anotherPatient makes the i-th patient beyond the cast. Orders from 1 to 899
// are theirs, those above are the cast's.
func anotherPatient(i int) person {
	const orders, years = 899, 100
	order := 1 + i%orders
	year := (order*7 + i/orders) % years  // each patient of an order has another year…
	sex := 1 + (order+i/(orders*years))%2 // …and the other sex when the years are used up
	base := fmt.Sprintf("%d%02d2099999%03d", sex, year, order)
	first := maleNames
	if sex == 2 {
		first = femaleNames
	}
	return invented(base, nth(surnames, i), strings.ToUpper(nth(first, i/len(surnames)+i)), "active", patient.Activate)
}

// anotherProfessional makes the i-th professional beyond the cast.
func anotherProfessional(i int) person {
	trade := trades[i%len(trades)]
	first := maleNames
	if i%2 == 0 {
		first = femaleNames
	}
	given, family := capital(nth(first, i)), nth(surnames, i/3+7*i)
	title := ""
	if trade.code == policy.Physician {
		title = "Dr "
	}
	address := fmt.Sprintf("%s.%s.%d@praticiens.mssante.test", strings.ToLower(given), strings.ToLower(family), i+1)
	at := place{fmt.Sprintf("99%07d", 1000+i/4), fmt.Sprintf("Maison de santé n° %d", 1+i/4)}
	p := professional(title+given+" "+family, trade.name, trade.code, address, at)
	p.bal.RPPS = inventedRPPS(980_000_0000 + i)
	return p
}

var trades = []struct {
	code policy.Profession
	name string
}{
	{policy.Physician, "Médecin généraliste"}, {policy.Nurse, "Infirmier"}, {policy.Pharmacist, "Pharmacien"},
	{policy.Physiotherapist, "Masseur-kinésithérapeute"}, {policy.Midwife, "Sage-femme"}, {policy.Dentist, "Chirurgien-dentiste"},
	{policy.Optician, "Opticien-lunetier"}, {policy.SpeechTherapist, "Orthophoniste"},
}

// Names without accents: they are in addresses too.
var (
	surnames = strings.Fields("ARNAUD BARBIER BONNET BOYER CARON CHEVALIER COLIN DUMAS FABRE FAURE FONTAINE GAUTHIER GERARD HUBERT JOLY LACROIX " +
		"LEMAIRE LEROUX MARCHAND MASSON MEUNIER MOREL NOEL PICARD PERRET RIVIERE ROCHE ROUSSEL SCHMITT VIDAL VINCENT ZIANI")
	femaleNames = strings.Fields("Adele Alice Amina Camille Chloe Clara Elise Emma Fatou Jade Lea Lina Manon Nora Rose Sarah Zoe")
	maleNames   = strings.Fields("Adrien Amadou Antoine Basile Bruno Cedric Denis Gabriel Hugo Jules Leo Lucas Nassim Noah Pablo Tom Yann")
)

func nth(list []string, i int) string { return list[i%len(list)] }

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

// capital writes a name with one capital letter.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
}
