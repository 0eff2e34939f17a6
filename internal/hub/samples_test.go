package hub

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// The table of what real inputs end as: published examples of the ANS and of
// other projects, which are not ours to ship. VAGUEMESTRE_SAMPLES names the
// folder that holds them.
var samples = []struct {
	file string
	to   string // matricule
	want string // the shelf; with "?" before it, marked "identité à vérifier"; or the rule that refuses
}{
	{"ans-testcontenucda-3.0/DOC_NON_STRUCTURE_CDA-R2-N1.xml", patTrois, "Biologie"},
	{"ans-testcontenucda-3.0/BIO-CR-BIO_2021.01_CDA-R2-Niveau-1.xml", patTrois, "Biologie"},
	{"ans-testcontenucda-3.0/IMG_CR_IMG_2024.01_CDA-R2-Niveau-1.xml", patTrois, "Imagerie"},
	{"ans-testcontenucda-3.0/IMG_CR_IMG_2024.01.xml", patTrois, "Imagerie"},
	{"ans-testcontenucda-3.0/BIO-CR-BIO_2024.01_CRP_non_LOINC.xml", patTrois, "Biologie"},
	{"ans-testcontenucda-3.0/BIO-CR-BIO_2024.01_TSH_1.xml", patTrois, "Biologie"},
	{"ans-testcontenucda-3.0/BIO-CR-BIO_2024.01_Microbiologie_V1.xml", patTrois, "Biologie"},
	{"ans-testcontenucda-3.0/BIO-CR-BIO_2021.01_Auto-Presentable.xml", patTrois, "Biologie"},
	{"ans-testcontenucda-3.0/BIO-CR-BIO_2021.01_Auto-Presentable_avec-image.xml", patTrois, "Biologie"},
	{"ans-testcontenucda-3.0/eP-MED-DM_2024.01_PosoStruct.xml", patTrois, "Ordonnances"},
	{"ans-testcontenucda-3.0/eDISP-MED_2024.01.xml", patRealOID, "Ordonnances"},
	{"ans-testcontenucda-3.0/eDISP-MED_2024.01.xml", patTrois, "document/wrong-patient"},
	{"ans-testcontenucda-3.0/LDL-EES_2022.01.xml", patTrois, "Synthèses"},
	{"ans-testcontenucda-3.0/LDL-SES_2022.01.xml", patTrois, "Comptes rendus"},
	{"ans-testcontenucda-3.0/VAC_2023.01.xml", patTrois, "Vaccination"},
	{"ans-testcontenucda-3.0/VAC-NOTE_2023.01.xml", patTrois, "Vaccination"},
	{"ans-testcontenucda-3.0/VSM_1.4_2022.01.xml", patTrois, "Synthèses"},
	{"ans-testcontenucda-3.0/CSE-CS8_2025.01.xml", patWrongKey, "?Certificats"},
	{"ans-testcontenucda-3.0/CSE-CS8_2025.01.xml", patTrois, "document/wrong-patient"},
	{"ans-testcontenucda-3.0/OPH-BRE_2022.02.xml", patTrois, "Comptes rendus"},
	{"ans-testcontenucda-3.0/CANCER-FRCP_2022.01_Transversale.xml", patTrois, "Comptes rendus"},
	{"ans-testcontenucda-3.0/TLM-CR_2022.01.xml", patTrois, "Comptes rendus"},
	{"ans-testcontenucda-3.0/CNAM-HR_2021.01.xml", patTrois, "Remboursements"},
	{"ans-testcontenucda-3.0/BIO-TROD_2024.01_Angine.xml", patTrois, "Certificats"},
	{"ans-hl7v2-exemples/CR_Radio_CDAN1_v1.XML", patTrois, "?Imagerie"},
	{"ans-hl7v2-exemples/CR_Radio_CDAN1_v2.XML", patTrois, "?Imagerie"},
	{"drimbox/DOC00002.xml", patDRIMbox, "Imagerie"},
	{"drimbox/DOC00002.xml", patTrois, "document/wrong-patient"},
	{"direct-project-xd/xdm.zip", patTrois, "Autres documents"},
	{"derived/IHE_XDM_1doc.ZIP", patTrois, nothingNew}, // its documents came by themselves, above
	{"derived/IHE_XDM_2docs.ZIP", patTrois, nothingNew},
}

const nothingNew = "filed without a new document"

// Test patients of the ANS; the last is what CSE-CS8 prints, with its right key.
const (
	patTrois    = "279035121518989"
	patRealOID  = "277076322082910"
	patDRIMbox  = "248039263001064"
	patWrongKey = "221042545611483"
)

func samplesFolder(t *testing.T) string {
	dir := os.Getenv("VAGUEMESTRE_SAMPLES")
	if dir == "" {
		t.Skip("SKIPPED: VAGUEMESTRE_SAMPLES names no folder of real inputs (they are not ours to ship)")
	}
	return dir
}

func sampleHouse(t *testing.T) *house {
	h := newHouse(t)
	for m, traits := range map[string]patient.Traits{
		patTrois:    {BirthName: "PAT-TROIS", FirstNames: "DOMINIQUE MARIE-LOUISE", BirthDate: "19790328", Sex: "F", BirthPlace: "51215"},
		patRealOID:  {},
		patDRIMbox:  {},
		patWrongKey: {},
	} {
		matricule, err := ident.ParseMatricule(m)
		if err != nil {
			t.Fatal(err)
		}
		a, err := h.Enrol(t.Context(), "operator", Person{Matricule: matricule, Traits: traits})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Life(t.Context(), "operator", a, patient.Activate); err != nil {
			t.Fatal(err)
		}
		if h.password[a.Canonical()], err = h.AddPassword(t.Context(), "operator", a, "poste"); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestRealInputsEndAsExpected(t *testing.T) {
	dir := samplesFolder(t)
	h := sampleHouse(t)
	for _, s := range samples {
		t.Run(filepath.Base(s.file)+" to "+s.to[:3], func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(s.file)))
			if err != nil {
				t.Fatal(err)
			}
			to := s.to + "@patient.test"
			before := h.arrivals(to)
			err = h.deliver(thomas, attach(thomas, to, s.file, "", filepath.Base(s.file), string(content)), to)
			if got := ended(h, to, before, err); got != s.want {
				t.Errorf("%s ends as %q, want %q", s.file, got, s.want)
			}
		})
	}
	h.verifies()
}

// ended says what became of one mail: the shelf that grew, or the rule.
func ended(h *house, to string, before map[string]int, err error) string {
	if err != nil {
		return ruleOf(err)
	}
	for shelf, n := range h.arrivals(to) {
		if n == before[shelf] {
			continue
		}
		views := h.read(to, "Documents/"+shelf)
		if strings.Contains(views[len(views)-1], "Identity to be verified") {
			return "?" + shelf
		}
		return shelf
	}
	return nothingNew
}

func TestRealMailsAreFiledAsTheyAre(t *testing.T) {
	dir := samplesFolder(t)
	h := sampleHouse(t)
	for _, b := range []directory.BAL{
		{Kind: directory.Personal, Address: "eric.thomas@medecin.mssante.fr", Profession: policy.Physician, Establishment: "1"},
		{Kind: directory.Personal, Address: "adam.hoda@test-ci-sis.mssante.fr", Profession: policy.Physician},
	} {
		if err := h.AddBAL(t.Context(), "operator", b); err != nil {
			t.Fatal(err)
		}
		var err error
		if h.password[b.Address], err = h.AddPassword(t.Context(), "operator", addr(b.Address), "poste"); err != nil {
			t.Fatal(err)
		}
	}
	patientBAL := patTrois + "@patient.test"
	for _, name := range []string{"mss_pro_to_pro_and_patient.eml", "mss_fin_header.eml", "mss_fin_subject.eml"} {
		raw, err := os.ReadFile(filepath.Join(dir, "derived", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(raw, []byte("\r\n")) {
			raw = bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
		}
		to := []string{patientBAL}
		if strings.Contains(name, "pro_to_pro") {
			to = append(to, "adam.hoda@test-ci-sis.mssante.fr")
		}
		if err := h.deliver("eric.thomas@medecin.mssante.fr", bytes.Clone(raw), to...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, a := range to {
			got := h.read(a, "INBOX")
			if !strings.HasSuffix(got[len(got)-1], string(raw)) {
				t.Errorf("%s is not what was sent", name)
			}
		}
	}
	if got := h.shelves(patientBAL); got["Biologie"] != 1 {
		t.Errorf("shelves are %v, want one document: the PDF beside the zip is its rendition", got)
	}
	if err := h.send(patientBAL, "Merci", "", "eric.thomas@medecin.mssante.fr"); ruleOf(err) != "thread/ended" {
		t.Errorf("after the end the patient's answer gives %v", err)
	}
}
