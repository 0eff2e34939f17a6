package policy

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden pages")

// golden compares page with a file.
func golden(t *testing.T, file, page string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(page)) {
		t.Errorf("%s is not what the code says; look at the difference after go test ./policy -update", file)
	}
}

func TestMatrix(t *testing.T) {
	for _, tt := range []struct {
		name       string
		profession Profession
		typeCode   string
		want       bool
	}{
		{"a physician reads a report", Physician, "11488-4", true},
		{"a physician reads a psychiatric summary", Physician, "68599-0", true},
		{"a physician does not read a certificate of residence", Physician, "ATTEST-RESID", false},
		{"a physician reads a type without class", Physician, "28617-9", true},
		{"a pharmacist reads reimbursements", Pharmacist, "REMB", true},
		{"a pharmacist reads prescriptions", Pharmacist, "57833-6", true},
		{"a pharmacist does not read advance directives", Pharmacist, "EXPPAT_3", false},
		{"a pharmacist does not read a medical certificate", Pharmacist, "89601-9", false},
		{"a pharmacist does not read a type without class", Pharmacist, "28617-9", false},
		{"a pharmacy aide reads as the pharmacist does", PharmacyAide, "11502-2", true},
		{"a nurse reads a discharge letter of a social structure", Nurse, "83981-1", true},
		{"a nurse does not read a psychological assessment", Nurse, "83901-9", false},
		{"a nurse does not read reimbursements, for want of a source", Nurse, "REMB", false},
		{"a dentist does not read that discharge letter", Dentist, "83981-1", false},
		{"a midwife reads a delivery report", Midwife, "15508-5", true},
		{"a physiotherapist does not read a psychiatric summary", Physiotherapist, "68599-0", false},
		{"a coordinator reads nothing yet", CareCoordinator, "11488-4", false},
		{"a social worker reads nothing yet", SocialWorker, "28653-4", false},
		{"no profession reads nothing", "", "11488-4", false},
		{"an invented profession reads nothing", "G15_99", "11488-4", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Habilitated(tt.profession, tt.typeCode); got != tt.want {
				t.Errorf("Habilitated(%q, %q) = %v, want %v", tt.profession, tt.typeCode, got, tt.want)
			}
		})
	}
}

func TestAnOpticianSeesTheseTypesAndNothingElse(t *testing.T) {
	these := []string{"47420-5", "57828-6", "57833-6", "78513-9", "DOCPAT02", "DOCPAT03"}
	var seen []string
	for _, d := range DocumentTypes() {
		if Decide(before(optician, d.Code, consented)).Allow {
			seen = append(seen, d.Code)
		}
	}
	slices.Sort(seen)
	if !slices.Equal(seen, these) {
		t.Errorf("an optician sees %v, want %v", seen, these)
	}
}

func TestDocumentTypes(t *testing.T) {
	types := DocumentTypes()
	classes := []string{"", "10", "11", "31", "42", "43", "44", "45", "52", "60", "90", "95"}
	seen := map[string]bool{}
	for _, d := range types {
		if d.Code == "" || d.Name == "" || seen[d.Code] || !slices.Contains(classes, d.Class) {
			t.Errorf("type %+v is incomplete, twice there, or of an unknown class", d)
		}
		seen[d.Code] = true
	}
	if len(types) != 114 {
		t.Errorf("%d types, want the 114 of JDV_J07", len(types))
	}
}

func TestEveryRowOfTheSources(t *testing.T) {
	m := ShippedMatrix()
	for _, tt := range []struct {
		who   []Profession
		read  bool
		types []string
	}{
		{[]Profession{Physician}, false, []string{"ATTEST-RESID"}},
		{[]Profession{Pharmacist, PharmacyAide, HospitalPharmacyAide}, true, []string{"11502-2", "18748-4", "34112-3", "11369-6", "87273-9", "PROT_ALD", "REMB",
			"57828-6", "57832-8", "57833-6", "PRESC-BIO", "PRESC-KINE", "PRESC-INF", "PRESC-PEDI", "PRESC-ORTHOPHO", "PRESC-ORTHOPTIE", "PRESC-AAT"}},
		{[]Profession{Pharmacist, PharmacyAide, HospitalPharmacyAide}, false, []string{"75496-0", "34842-5", "68599-0", "83901-9", "68817-6", "89601-9", "EXPPAT_3",
			"ATTEST-RESID", "ATTEST-HEBGT", "86531-1"}},
		{[]Profession{Nurse}, true, []string{"83981-1", "DOCPAT03", "47420-5", "11502-2", "15507-7", "56445-0", "PROT_ALD"}},
		{[]Profession{Nurse}, false, []string{"75496-0", "68599-0", "83901-9", "68817-6", "89601-9"}},
		{[]Profession{Dentist}, false, []string{"80788-3", "75496-0", "83981-1", "83901-9", "68599-0"}},
		{[]Profession{CareCoordinator}, false, []string{"15507-7", "BIL_AUTO", "34794-8", "34112-3", "11506-3", "89601-9", "57833-6", "57828-6", "PRESC-BIO"}},
	} {
		for _, who := range tt.who {
			for _, code := range tt.types {
				if source, mark := m.Source(who, code); m.Allows(who, code) != tt.read || source == "" || mark == "" {
					t.Errorf("%s before %s: Allows = %v by %q (%s), want %v by a source", who.Label(), code, m.Allows(who, code), source, mark, tt.read)
				}
			}
		}
	}
	for _, d := range DocumentTypes() {
		if d.Code != "ATTEST-RESID" && !m.Allows(Physician, d.Code) {
			t.Errorf("a physician does not read %s", d.Code)
		}
	}
}

func TestProfessions(t *testing.T) {
	seen := map[Profession]bool{}
	for p := range Professions() {
		if p == "" || p.Label() == string(p) || seen[p] {
			t.Errorf("profession %q has no name, or is twice there", p)
		}
		seen[p] = true
	}
	for _, p := range []Profession{Physician, Pharmacist, HearingAidSpecialist, Optician, NursingAssistant, AmbulanceDriver, HospitalPharmacyAide, PharmacyAide,
		Dentist, Midwife, Nurse, PsychiatricNurse, Physiotherapist, Podiatrist, SpeechTherapist, Orthoptist, OccupationalTherapist, Dietitian, Psychomotrician,
		Radiographer, SocialWorker, Psychologist, CareCoordinator, MedicalSecretary, MedicalAssistant} {
		if !seen[p] {
			t.Errorf("%s is not in the list", p)
		}
	}
	if len(seen) != 108 {
		t.Errorf("%d professions, want the 108 of JDV_J01 that are people", len(seen))
	}
}

// The page a physician reviews.
func TestHabilitationPage(t *testing.T) {
	golden(t, "../docs/habilitations.md", ShippedMatrix().Page())
}
