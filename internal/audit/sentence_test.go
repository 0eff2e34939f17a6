package audit

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"vaguemestre/policy"
)

// filing is the entry of a mail that a physician of a hospital sends.
var filing = Entry{Time: noon, Actor: "eric.thomas@hopital.test", ActorName: "Dr Éric THOMAS", Role: "professional",
	RPPS: "10001234567", Profession: policy.Physician, Organisation: "Centre hospitalier d'Essai", Means: "poste 3",
	Session: "abcdefghijkl", Act: "send-mail", Object: "abcdefghijklmnopqrstuvwxyz", Rule: "thread/professional-opens"}

func TestASentenceSaysWhoDidWhatAndWhen(t *testing.T) {
	with := func(change func(*Entry)) Entry {
		e := filing
		change(&e)
		return e
	}
	for name, c := range map[string]struct {
		e      Entry
		fr, en string
	}{
		"a professional": {with(func(e *Entry) { e.Act = "read-document" }),
			"Le 21 novembre 2026 à 12 h 00 : Dr Éric THOMAS, profession : médecin, Centre hospitalier d'Essai, par « poste 3 », a lu un document.",
			`21 November 2026, 12:00: Dr Éric THOMAS, physician, Centre hospitalier d'Essai, through "poste 3", read a document.`},
		"an emergency": {with(func(e *Entry) { e.Act, e.Emergency, e.Reason, e.Means = "break-glass", true, "patient inconscient", "" }),
			"Le 21 novembre 2026 à 12 h 00 : Dr Éric THOMAS, profession : médecin, Centre hospitalier d'Essai, a demandé un accès en urgence, qui lui a été donné. Accès en urgence. Motif : « patient inconscient ».",
			`21 November 2026, 12:00: Dr Éric THOMAS, physician, Centre hospitalier d'Essai, asked for an emergency access, which was given. Emergency access. Reason given: "patient inconscient".`},
		"a refusal": {with(func(e *Entry) { e.Act, e.Refused, e.Means = "list-documents", true, "" }),
			"Le 21 novembre 2026 à 12 h 00 : Dr Éric THOMAS, profession : médecin, Centre hospitalier d'Essai, a voulu consulter la liste des documents : cela lui a été refusé.",
			"21 November 2026, 12:00: Dr Éric THOMAS, physician, Centre hospitalier d'Essai, tried to look at the list of documents, which was refused."},
		"a representative": {Entry{Time: noon, ActorName: "Zoé ESSAI", Role: "patient", OnBehalf: "Alix ESSAI", Act: "login"},
			"Le 21 novembre 2026 à 12 h 00 : Zoé ESSAI, pour Alix ESSAI, a ouvert une session.",
			"21 November 2026, 12:00: Zoé ESSAI, on behalf of Alix ESSAI, logged in."},
		"the patient": {Entry{Time: noon, ActorName: "Alix ESSAI", Role: "patient", Act: "login"},
			"Le 21 novembre 2026 à 12 h 00 : Alix ESSAI (patient) a ouvert une session.",
			"21 November 2026, 12:00: Alix ESSAI (patient) logged in."},
		"the operator": {Entry{Time: noon, Actor: "marie", Role: "administrator", Act: "enrol"},
			"Le 21 novembre 2026 à 12 h 00 : l'opérateur (marie) a créé cet espace.",
			"21 November 2026, 12:00: the operator (marie) made this space."},
		"the hub": {Entry{Time: noon, Actor: SystemActor, Role: SystemActor, Act: "notify"},
			"Le 21 novembre 2026 à 12 h 00 : la messagerie a déposé un avis de remise.",
			"21 November 2026, 12:00: the mail service left a notice of delivery."},
		"nobody known": {Entry{Time: noon, Actor: "192.0.2.1", Act: "login", Refused: true},
			"Le 21 novembre 2026 à 12 h 00 : une personne non identifiée (192.0.2.1) a voulu ouvrir une session : cela lui a été refusé.",
			"21 November 2026, 12:00: somebody unidentified (192.0.2.1) tried to log in, which was refused."},
		"an act of another version": {Entry{Time: noon, Actor: "marie", Role: "administrator", Act: "x-y"},
			"Le 21 novembre 2026 à 12 h 00 : l'opérateur (marie) a fait « x-y ».",
			`21 November 2026, 12:00: the operator (marie) did "x-y".`},
	} {
		if fr, en := Sentence(c.e); fr != c.fr || en != c.en {
			t.Errorf("%s:\ngot  %s\n     %s\nwant %s\n     %s", name, fr, en, c.fr, c.en)
		}
	}
}

func TestEveryActOfPolicyHasItsWords(t *testing.T) {
	for a := policy.Login; a.String() != policy.Act(0).String(); a++ {
		if _, ok := actions[a.String()]; !ok {
			t.Errorf("%q has no words: add it to acts.go", a)
		}
	}
	for _, name := range Acts() {
		a := actions[name]
		for _, s := range []string{string(a.group), a.fr, a.en, a.toFR, a.toEN} {
			if s == "" || strings.TrimSpace(s) != s || strings.HasSuffix(s, ".") {
				t.Errorf("%s: %q is no part of a sentence", name, s)
			}
		}
	}
}

func TestEveryActorIsOfTheKindThePatientKnows(t *testing.T) {
	for want, list := range map[Kind][]Entry{
		Professional: {filing, {Role: "partner", RPPS: "10001234567"}},
		Facility:     {{Role: "organisation"}, {Role: "application"}, {Role: "partner"}},
		Support:      {{Role: "administrator", Act: "block"}},
		Enrolment:    {{Role: "administrator", Act: "enrol"}, {Role: "administrator", Act: "activate"}},
		Patient:      {{Role: "patient"}},
		ThirdParty:   {{Role: string(ThirdParty)}},
		System:       {{Role: SystemActor}, {}},
	} {
		for _, e := range list {
			if got := e.Kind(); got != want {
				t.Errorf("%+v is %s, want %s", e, got, want)
			}
		}
	}
}

func TestTheProfessionsHaveEnglishNames(t *testing.T) {
	if len(english) != 25 {
		t.Errorf("%d professions have an English name", len(english))
	}
	for p, en := range english {
		if p.Label() == string(p) {
			t.Errorf("policy does not know %s, %s", p, en)
		}
	}
	if fr := lower(policy.Radiographer.Label()); fr != "manipulateur ERM" {
		t.Errorf("lower gives %q", fr)
	}
}

// TestAFilingEntryStaysSmall holds what a mail costs in the trail: with a name,
// RPPS, profession and establishment more than before, no longer than before.
func TestAFilingEntryStaysSmall(t *testing.T) {
	text, err := filing.encode()
	if err != nil {
		t.Fatal(err)
	}
	long, err := json.Marshal(map[string]any{ // as it was written without names
		"Time": noon, "Actor": filing.Actor, "Role": filing.Role, "Device": filing.Means, "Session": filing.Session,
		"Act": filing.Act, "Object": filing.Object, "Rule": filing.Rule})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d before", len(text), len(long))
	if len(text) > 300 {
		t.Errorf("an entry has %d bytes: %s", len(text), text)
	}
}

func FuzzEntry(f *testing.F) {
	text, err := filing.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"t":-9223372036854775808,"c":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := decode(text)
		if err != nil {
			return
		}
		Sentence(e)
		again, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decode(again); err != nil || back != e {
			t.Errorf("%+v comes back as %+v, %v", e, back, err)
		}
	})
}

// TestWhatOneDidIsToldToOneself: every act, done and refused, speaks to its actor.
func TestWhatOneDidIsToldToOneself(t *testing.T) {
	third := regexp.MustCompile(`^Vous (a|n'a|s'est) | (son|sa|ses|lui) |\b(they|their)\b`)
	for act := range actions {
		for _, refused := range []bool{false, true} {
			fr, en := Line{Act: act, Refused: refused}.Yours()
			if third.MatchString(fr) || third.MatchString(en) || !strings.HasPrefix(fr, "Vous ") {
				t.Errorf("%s: %s %s", act, fr, en)
			}
		}
	}
	for _, c := range []struct {
		line   Line
		fr, en string
	}{
		{Line{Act: "use-mailbox", Means: "Chrome"}, "Vous avez consulté des messages, par « Chrome ».", `You looked at messages, through "Chrome".`},
		{Line{Act: "login", Refused: true}, "Vous avez voulu ouvrir une session : cela vous a été refusé.", "You tried to log in, which was refused."},
		{Line{Act: "set-phrase"}, "Vous avez choisi votre phrase de reconnaissance.", "You chose the phrase that tells our messages."},
	} {
		if fr, en := c.line.Yours(); fr != c.fr || en != c.en {
			t.Errorf("%s\n%s", fr, en)
		}
	}
}
