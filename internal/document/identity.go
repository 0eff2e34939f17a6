package document

import (
	"strings"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/ident"
)

// A Person is a patient among the recipients, and what the hub knows of them.
// A trait it does not know is zero.
type Person struct {
	Matricule ident.Matricule
	Traits    cda.Traits
}

// An Outcome says what may be done with a document.
type Outcome int

// The outcomes, the better ones first.
const (
	OK           Outcome = iota // file it
	ToVerify                    // file it, and mark it: identité à vérifier
	WrongPatient                // refuse the mail for all: 904
)

// String names the outcome as the trail does.
func (o Outcome) String() string { return [...]string{"ok", "to-verify", "wrong-patient"}[o] }

// A Verdict on whom a document concerns.
type Verdict struct {
	Outcome  Outcome
	Concerns []int    // the recipients it names; none for a document without an INS
	Reasons  []Reason // why it is not OK, each once
}

// Unidentified reports whether nothing in the document names a recipient, as
// in a plain PDF.
func (v Verdict) Unidentified() bool { return len(v.Concerns) == 0 && v.Outcome != WrongPatient }

// A Reason is why a verdict is not OK. Reasons are kept in records and trails,
// so they do not change.
type Reason string

// The reasons. None carries an identity.
const (
	ReasonNotARecipient   Reason = "not-a-recipient"
	ReasonKey             Reason = "key"
	ReasonForm            Reason = "form"
	ReasonTestOID         Reason = "test-oid"
	ReasonOID             Reason = "oid"
	ReasonSeveralPatients Reason = "several-patients"
	ReasonBirthName       Reason = "birth-name"
	ReasonFirstName       Reason = "first-name"
	ReasonBirthDate       Reason = "birth-date"
	ReasonSex             Reason = "sex"
	ReasonBirthPlace      Reason = "birth-place"
)

// A sentence in both languages of the hub.
type sentence struct{ french, english string }

var sentences = map[Reason]sentence{
	ReasonNotARecipient:   {"904 : le matricule INS du document n'est pas celui d'un destinataire", "904: the INS of the document is not that of a recipient"},
	ReasonKey:             {"la clé du matricule INS est fausse ou absente", "the key of the INS is wrong or missing"},
	ReasonForm:            {"le matricule INS du document est illisible", "the INS of the document cannot be read"},
	ReasonTestOID:         {"le matricule INS est déclaré comme un matricule de test", "the INS is declared as a test one"},
	ReasonOID:             {"le matricule INS est déclaré sous un OID inconnu", "the INS is declared under an unknown OID"},
	ReasonSeveralPatients: {"le document désigne plusieurs patients", "the document names several patients"},
	ReasonBirthName:       {"le nom de naissance diffère", "the birth name differs"},
	ReasonFirstName:       {"le prénom de naissance diffère", "the first name differs"},
	ReasonBirthDate:       {"la date de naissance diffère", "the date of birth differs"},
	ReasonSex:             {"le sexe diffère", "the sex differs"},
	ReasonBirthPlace:      {"le lieu de naissance diffère", "the place of birth differs"},
}

// French says the reason to a person.
func (r Reason) French() string { return sentences[r].french }

// English says the reason to a person.
func (r Reason) English() string { return sentences[r].english }

// CheckIdentity compares the patients a document names with the patients among
// the recipients (house rule A5). The thirteen characters of an INS decide
// whose document it is. Those of nobody among the recipients make it
// WrongPatient, whatever else it names. The same thirteen with a wrong key,
// under an OID of tests outside test mode, or beside traits that differ from
// the known ones, make it ToVerify. What names nobody is OK.
//
// The matricule is never compared with the birth date or the sex: official
// test documents contradict it.
func CheckIdentity(d Document, recipients []Person, testMode bool) Verdict {
	c := checker{to: recipients, test: testMode}
	for _, id := range d.Patients {
		if id.National {
			c.check(id)
		}
	}
	if len(c.v.Concerns) == 1 {
		for _, t := range d.Traits {
			c.compare(t, recipients[c.v.Concerns[0]].Traits)
		}
	}
	if len(c.v.Concerns) > 1 {
		c.because(ToVerify, ReasonSeveralPatients)
	}
	if c.v.Outcome == WrongPatient {
		c.v.Concerns = nil
	}
	return c.v
}

type checker struct {
	to   []Person
	test bool
	v    Verdict
}

func (c *checker) because(o Outcome, r Reason) {
	c.v.Outcome = max(c.v.Outcome, o)
	for _, old := range c.v.Reasons {
		if old == r {
			return
		}
	}
	c.v.Reasons = append(c.v.Reasons, r)
}

const baseLength = 13 // characters of a matricule before its key

func (c *checker) check(id PatientID) {
	written := strings.ToUpper(strings.Join(strings.Fields(id.Text), ""))
	if len(written) < baseLength || strings.Trim(written[:baseLength], "0123456789AB") != "" {
		c.because(ToVerify, ReasonForm)
		return
	}
	found := false
	for i, p := range c.to {
		own := p.Matricule.Canonical()
		if own == "" || own[:baseLength] != written[:baseLength] {
			continue
		}
		found = true
		c.concerns(i)
		if own != written {
			c.because(ToVerify, ReasonKey)
		}
	}
	if !found {
		c.because(WrongPatient, ReasonNotARecipient)
		return
	}
	switch id.OID {
	case cda.OIDNIR, cda.OIDNIA:
	case cda.OIDNIRTest, cda.OIDNIRDemo:
		if !c.test {
			c.because(ToVerify, ReasonTestOID)
		}
	default:
		c.because(ToVerify, ReasonOID)
	}
}

func (c *checker) concerns(i int) {
	for _, old := range c.v.Concerns {
		if old == i {
			return
		}
	}
	c.v.Concerns = append(c.v.Concerns, i)
}

// compare notes the traits that both sides give and that differ. Case, accents
// and hyphens do not count; a date may be a beginning of the other.
func (c *checker) compare(said, known cda.Traits) {
	birthName := said.BirthName
	if birthName == "" && fold(said.UsedName) != fold(known.UsedName) {
		birthName = said.UsedName // older software writes one name and does not say which
	}
	if differ(fold(birthName), fold(known.BirthName)) {
		c.because(ToVerify, ReasonBirthName)
	}
	if a, b := firstNames(said), firstNames(known); a != "" && b != "" && !strings.HasPrefix(a, b) && !strings.HasPrefix(b, a) {
		c.because(ToVerify, ReasonFirstName)
	}
	a, b := date(said.BirthDate), date(known.BirthDate)
	if n := min(len(a), len(b)); differ(a[:n], b[:n]) {
		c.because(ToVerify, ReasonBirthDate)
	}
	if known.Sex != "U" && said.Sex != "U" && differ(strings.ToUpper(said.Sex), strings.ToUpper(known.Sex)) {
		c.because(ToVerify, ReasonSex)
	}
	if differ(strings.ToUpper(said.BirthPlace), strings.ToUpper(known.BirthPlace)) {
		c.because(ToVerify, ReasonBirthPlace)
	}
}

func differ(a, b string) bool { return a != "" && b != "" && a != b }

// firstNames returns the first names in order, each followed by a blank: one
// side may give the first one only.
func firstNames(t cda.Traits) string {
	s := t.FirstNames
	if s == "" {
		s = t.FirstName
	}
	if s = fold(s); s != "" {
		s += " "
	}
	return s
}

// date drops the month or day that is not known, written 00.
func date(s string) string {
	for len(s) > 4 && strings.HasSuffix(s, "00") {
		s = s[:len(s)-2]
	}
	return s
}
