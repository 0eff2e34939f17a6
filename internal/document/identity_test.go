package document

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/ident"
)

const (
	her     = "279035121518989" // the standard test patient
	invents = "1602099999001"   // the base of somebody invented
)

func invented(t testing.TB) Person {
	t.Helper()
	m, err := ident.MakeMatricule(invents)
	if err != nil {
		t.Fatal(err)
	}
	return Person{Matricule: m}
}

func TestCheckIdentity(t *testing.T) {
	she, he := standardPatient(t), invented(t)
	traits := func(change func(*cda.Traits)) []cda.Traits {
		v := she.Traits
		change(&v)
		return []cda.Traits{v}
	}
	same := []cda.Traits{she.Traits}
	ins := func(text, oid string) PatientID { return PatientID{Text: text, OID: oid, National: true} }
	hers, his := ins(her, cda.OIDNIR), ins(he.Matricule.Canonical(), cda.OIDNIR)
	local := PatientID{Text: "IPP-42", OID: "1.2.3"}
	for _, tt := range []struct {
		name     string
		patients []PatientID
		traits   []cda.Traits
		to       []Person
		test     bool
		want     Outcome
		concerns []int
		reasons  []Reason
	}{
		{"her document to her", []PatientID{local, hers}, same, []Person{she}, false, OK, []int{0}, nil},
		{"her document to him and her", []PatientID{hers}, same, []Person{he, she}, false, OK, []int{1}, nil},
		{"a document that names nobody", nil, nil, []Person{she}, false, OK, nil, nil},
		{"a document with a local identifier", []PatientID{local}, same, []Person{she}, false, OK, nil, nil},
		{"her matricule as a NIA", []PatientID{ins(her, cda.OIDNIA)}, same, []Person{she}, false, OK, []int{0}, nil},
		{"her matricule written with spaces", []PatientID{ins("2 79 03 51 215 189 89", cda.OIDNIR)}, same, []Person{she}, false, OK, []int{0}, nil},

		{"his document to her", []PatientID{his}, nil, []Person{she}, true, WrongPatient, nil, []Reason{ReasonNotARecipient}},
		{"her document to no patient", []PatientID{hers}, nil, nil, true, WrongPatient, nil, []Reason{ReasonNotARecipient}},
		{"a document of both to her alone", []PatientID{hers, his}, same, []Person{she}, true, WrongPatient, nil, []Reason{ReasonNotARecipient}},
		{"a document of both to both, whose traits are then nobody's", []PatientID{hers, his}, traits(func(v *cda.Traits) { v.Sex = "M" }), []Person{she, he}, true, ToVerify, []int{0, 1}, []Reason{ReasonSeveralPatients}},
		{"a neighbour's matricule: the last digit before the key", []PatientID{ins("279035121518889", cda.OIDNIR)}, same, []Person{she}, true, WrongPatient, nil, []Reason{ReasonNotARecipient}},
		{"a temporary number is somebody else", []PatientID{ins("5123456789012", cda.OIDNIR)}, nil, []Person{she}, true, WrongPatient, nil, []Reason{ReasonNotARecipient}},

		{"her matricule with a wrong key", []PatientID{ins("279035121518900", cda.OIDNIR)}, same, []Person{she}, false, ToVerify, []int{0}, []Reason{ReasonKey}},
		{"her matricule without a key", []PatientID{ins("2790351215189", cda.OIDNIR)}, same, []Person{she}, false, ToVerify, []int{0}, []Reason{ReasonKey}},
		{"a test OID in production", []PatientID{ins(her, cda.OIDNIRTest)}, same, []Person{she}, false, ToVerify, []int{0}, []Reason{ReasonTestOID}},
		{"a test OID in test mode", []PatientID{ins(her, cda.OIDNIRTest)}, same, []Person{she}, true, OK, []int{0}, nil},
		{"a demonstration OID in production", []PatientID{ins(her, cda.OIDNIRDemo)}, same, []Person{she}, false, ToVerify, []int{0}, []Reason{ReasonTestOID}},
		{"called national under an unknown OID", []PatientID{ins(her, "1.2.3")}, same, []Person{she}, true, ToVerify, []int{0}, []Reason{ReasonOID}},
		{"a matricule of words", []PatientID{ins("NON COMMUNIQUEE", cda.OIDNIR)}, nil, []Person{she}, true, ToVerify, nil, []Reason{ReasonForm}},
		{"a matricule cut short", []PatientID{ins("27903", cda.OIDNIR)}, nil, []Person{she}, true, ToVerify, nil, []Reason{ReasonForm}},
		{"twice, by CDA and metadata, one of them under a test OID", []PatientID{hers, ins(her, cda.OIDNIRTest)}, same, []Person{she}, false, ToVerify, []int{0}, []Reason{ReasonTestOID}},

		{"another birth name", []PatientID{hers}, traits(func(v *cda.Traits) { v.BirthName = "AUTRE" }), []Person{she}, true, ToVerify, []int{0}, []Reason{ReasonBirthName}},
		{"another first name", []PatientID{hers}, traits(func(v *cda.Traits) { v.FirstNames = "CLAUDE" }), []Person{she}, true, ToVerify, []int{0}, []Reason{ReasonFirstName}},
		{"another birth date", []PatientID{hers}, traits(func(v *cda.Traits) { v.BirthDate = "19790329" }), []Person{she}, true, ToVerify, []int{0}, []Reason{ReasonBirthDate}},
		{"another sex", []PatientID{hers}, traits(func(v *cda.Traits) { v.Sex = "M" }), []Person{she}, true, ToVerify, []int{0}, []Reason{ReasonSex}},
		{"another birthplace", []PatientID{hers}, traits(func(v *cda.Traits) { v.BirthPlace = "75056" }), []Person{she}, true, ToVerify, []int{0}, []Reason{ReasonBirthPlace}},
		{"all of them", []PatientID{hers}, []cda.Traits{{BirthName: "A", FirstName: "B", BirthDate: "1900", Sex: "M", BirthPlace: "1"}}, []Person{she}, true, ToVerify, []int{0},
			[]Reason{ReasonBirthName, ReasonFirstName, ReasonBirthDate, ReasonSex, ReasonBirthPlace}},
		{"accents, case and hyphens do not count", []PatientID{hers}, traits(func(v *cda.Traits) { v.BirthName, v.FirstNames = "Pat Troïs", "dominique marie louise" }), []Person{she}, true, OK, []int{0}, nil},
		{"the first name alone is enough", []PatientID{hers}, traits(func(v *cda.Traits) { v.FirstNames, v.FirstName = "", "Dominique" }), []Person{she}, true, OK, []int{0}, nil},
		{"a year alone is enough", []PatientID{hers}, traits(func(v *cda.Traits) { v.BirthDate = "19790000" }), []Person{she}, true, OK, []int{0}, nil},
		{"the birth name given as the used one", []PatientID{hers}, traits(func(v *cda.Traits) { v.BirthName, v.UsedName = "", "PAT-TROIS" }), []Person{she}, true, OK, []int{0}, nil},
		{"only a used name, and another", []PatientID{hers}, traits(func(v *cda.Traits) { v.BirthName, v.UsedName = "", "MARTIN" }), []Person{she}, true, ToVerify, []int{0}, []Reason{ReasonBirthName}},
		{"no traits at all", []PatientID{hers}, nil, []Person{she}, true, OK, []int{0}, nil},
		{"traits the hub does not know", []PatientID{his}, same, []Person{he}, true, OK, []int{0}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := CheckIdentity(Document{Patients: tt.patients, Traits: tt.traits}, tt.to, tt.test)
			if v.Outcome != tt.want || !slices.Equal(v.Concerns, tt.concerns) || !slices.Equal(v.Reasons, tt.reasons) {
				t.Errorf("CheckIdentity = %v, concerns %v, because %v", v.Outcome, v.Concerns, v.Reasons)
			}
			if v.Unidentified() != (tt.concerns == nil && tt.want != WrongPatient) {
				t.Errorf("Unidentified = %v", v.Unidentified())
			}
		})
	}
}

// The matricule of a document is not compared with the traits beside it: the
// official examples contradict themselves.
func TestAMatriculeMayContradictItsTraits(t *testing.T) {
	he := invented(t) // sex 1, year 60
	d := Document{Patients: []PatientID{{Text: he.Matricule.Canonical(), OID: cda.OIDNIR, National: true}},
		Traits: []cda.Traits{{BirthDate: "19960124", Sex: "F"}}}
	if v := CheckIdentity(d, []Person{he}, false); v.Outcome != OK {
		t.Errorf("CheckIdentity = %v %v, want ok", v.Outcome, v.Reasons)
	}
}

func TestACDAIsCheckedEndToEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		test bool
		want Outcome
	}{
		{"level1", true, OK}, {"level1", false, ToVerify}, {"level3", false, OK}, {"self-presenting", true, OK}, {"latin1", true, WrongPatient},
	} {
		r := find(t, Input{Attachments: attach("a.xml", cdaCase(t, tt.name))})
		if v := CheckIdentity(r.Documents[0], []Person{standardPatient(t)}, tt.test); v.Outcome != tt.want {
			t.Errorf("%s, test mode %v: %v %v, want %v", tt.name, tt.test, v.Outcome, v.Reasons, tt.want)
		}
	}
}

func TestWhatADocumentLacksOfAnINS(t *testing.T) {
	she := standardPatient(t)
	hers := []PatientID{{Text: her, OID: cda.OIDNIR, National: true}}
	short := func(change func(*cda.Traits)) []cda.Traits {
		v := she.Traits
		change(&v)
		return []cda.Traits{v}
	}
	for _, tt := range []struct {
		name       string
		d          Document
		reasons    []Reason
		incomplete bool
	}{
		{"a whole INS", Document{Level: 1, Patients: hers, Traits: []cda.Traits{she.Traits}}, nil, false},
		{"a CDA without any", Document{Level: 1}, []Reason{ReasonMissing}, false},
		{"a PDF without any", Document{}, nil, false},
		{"one that the sender did not qualify", Document{Level: 1, NotQualified: true, Patients: hers, Traits: []cda.Traits{she.Traits}}, []Reason{ReasonNotQualified}, false},
		{"a PDF of which the sender says it has none", Document{NotQualified: true}, nil, false},
		{"no traits", Document{Level: 1, Patients: hers}, nil, true},
		{"no birth name", Document{Level: 1, Patients: hers, Traits: short(func(v *cda.Traits) { v.BirthName = "" })}, nil, true},
		{"no first name", Document{Level: 1, Patients: hers, Traits: short(func(v *cda.Traits) { v.FirstName, v.FirstNames = "", "" })}, nil, true},
		{"no birth date", Document{Level: 1, Patients: hers, Traits: short(func(v *cda.Traits) { v.BirthDate = "" })}, nil, true},
		{"a sex that is not known", Document{Level: 1, Patients: hers, Traits: short(func(v *cda.Traits) { v.Sex = "U" })}, nil, true},
		{"no birthplace, which may be unknown", Document{Level: 1, Patients: hers, Traits: short(func(v *cda.Traits) { v.BirthPlace = "" })}, nil, false},
		{"whole in the metadata only", Document{Level: 1, Patients: hers, Traits: []cda.Traits{{BirthName: she.Traits.BirthName}, she.Traits}}, nil, false},
	} {
		v := CheckIdentity(tt.d, []Person{she}, false)
		if !slices.Equal(v.Reasons, tt.reasons) || v.Incomplete != tt.incomplete || (v.Outcome == OK) != (tt.reasons == nil) {
			t.Errorf("%s: %v %v, incomplete %t", tt.name, v.Outcome, v.Reasons, v.Incomplete)
		}
	}
}

func TestEveryReasonHasItsSentences(t *testing.T) {
	all := []Reason{ReasonNotARecipient, ReasonKey, ReasonForm, ReasonTestOID, ReasonOID, ReasonSeveralPatients,
		ReasonBirthName, ReasonFirstName, ReasonBirthDate, ReasonSex, ReasonBirthPlace,
		ReasonMissing, ReasonNotQualified}
	if len(meanings) != len(all) {
		t.Errorf("%d meanings for %d reasons", len(meanings), len(all))
	}
	for _, r := range all {
		if r.French() == "" || r.English() == "" || r.Code() < CodeMissing || r.Code() > CodeOther {
			t.Errorf("%s has no words or no code", r)
		}
	}
	for _, o := range []Outcome{OK, ToVerify, WrongPatient} {
		if o.String() == "" {
			t.Errorf("outcome %d has no name", o)
		}
	}
}

func TestPatientsDoNotLeak(t *testing.T) {
	r := find(t, Input{Attachments: attach("a.xml", cdaCase(t, "level1"))})
	d := r.Documents[0]
	v := CheckIdentity(d, []Person{invented(t)}, false)
	s := fmt.Sprintf("%v %+v %#v %v %+v %#v %v", d, r, d, d.Patients, d.Patients, d.Traits, v)
	if strings.Contains(s, "2790351") || strings.Contains(s, "PAT-TROIS") || strings.Contains(s, "1602099") {
		t.Errorf("a patient leaked: %s", s)
	}
}
