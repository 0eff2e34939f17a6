package document

import (
	"slices"
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
	WrongPatient                // file it nowhere: 904
)

// String names the outcome as the trail does.
func (o Outcome) String() string { return [...]string{"ok", "to-verify", "wrong-patient"}[o] }

// A Verdict on whom a document concerns.
type Verdict struct {
	Outcome  Outcome
	Concerns []int    // the recipients it names; none for a document without an INS
	Reasons  []Reason // why it is not OK, each once

	// Incomplete says that the document names a patient without all the traits
	// that make an INS (birth name, first name, birth date, sex). A mail is
	// filed without them; what is fed to a record is not: 905.
	Incomplete bool
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
	ReasonMissing         Reason = "missing"
	ReasonNotQualified    Reason = "not-qualified"
)

// The codes of integration errors that concern identity (ANS, volet
// transmission d'un document CDA par messagerie, error-codes.md).
const (
	CodeMissing    = 903 // no INS in the document
	CodeMismatch   = 904 // matricule or traits do not match exactly
	CodeIncomplete = 905 // matricule present, traits incomplete
	CodeOther      = 906
)

// A meaning is the code of a reason and its sentence in both languages.
type meaning struct {
	code            int
	french, english string
}

var meanings = map[Reason]meaning{
	ReasonNotARecipient:   {CodeMismatch, "le matricule INS du document n'est pas celui d'un destinataire", "the INS of the document is not that of a recipient"},
	ReasonKey:             {CodeMismatch, "la clé du matricule INS est fausse ou absente", "the key of the INS is wrong or missing"},
	ReasonForm:            {CodeMissing, "le matricule INS du document est illisible", "the INS of the document cannot be read"},
	ReasonTestOID:         {CodeOther, "le matricule INS est déclaré comme un matricule de test", "the INS is declared as a test one"},
	ReasonOID:             {CodeOther, "le matricule INS est déclaré sous un OID inconnu", "the INS is declared under an unknown OID"},
	ReasonSeveralPatients: {CodeOther, "le document désigne plusieurs patients", "the document names several patients"},
	ReasonBirthName:       {CodeMismatch, "le nom de naissance diffère", "the birth name differs"},
	ReasonFirstName:       {CodeMismatch, "le prénom de naissance diffère", "the first name differs"},
	ReasonBirthDate:       {CodeMismatch, "la date de naissance diffère", "the date of birth differs"},
	ReasonSex:             {CodeMismatch, "le sexe diffère", "the sex differs"},
	ReasonBirthPlace:      {CodeMismatch, "le lieu de naissance diffère", "the place of birth differs"},
	ReasonMissing:         {CodeMissing, "le document ne porte aucun matricule INS", "the document has no INS"},
	ReasonNotQualified:    {CodeIncomplete, "l'expéditeur déclare que l'INS n'est pas qualifiée", "the sender declares that the INS is not qualified"},
}

// French says the reason to a person.
func (r Reason) French() string { return meanings[r].french }

// English says the reason to a person.
func (r Reason) English() string { return meanings[r].english }

// Code returns the integration error that the reason is.
func (r Reason) Code() int { return meanings[r].code }

// CheckIdentity compares the patients a document names with the patients among
// the recipients (house rule A5). The thirteen characters of an INS decide
// whose document it is. Those of nobody among the recipients make it
// WrongPatient, whatever else it names. The same thirteen with a wrong key,
// under an OID of tests outside test mode, or beside traits that differ from
// the known ones, make it ToVerify; so do a CDA without any INS, and an INS that
// the sender says is not qualified. Any other that names nobody is OK.
//
// The matricule is never compared with the birth date or the sex: official
// test documents contradict it.
func CheckIdentity(d Document, recipients []Person, testMode bool) Verdict {
	c := checker{to: recipients, test: testMode}
	named := false
	for _, id := range d.Patients {
		if id.National {
			named = true
			c.check(id)
		}
	}
	if !named && d.IsCDA() {
		c.because(ToVerify, ReasonMissing)
	}
	if d.NotQualified && len(c.v.Concerns) > 0 {
		c.because(ToVerify, ReasonNotQualified)
	}
	c.v.Incomplete = named && !slices.ContainsFunc(d.Traits, complete)
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

// complete reports whether traits are those of an INS. The place of birth is
// not asked for: it may be unknown.
func complete(t cda.Traits) bool {
	return t.BirthName != "" && firstNames(t) != "" && len(date(t.BirthDate)) >= 4 && (t.Sex == "M" || t.Sex == "F")
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
