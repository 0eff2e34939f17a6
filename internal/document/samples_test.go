package document

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/ident"
)

// standardPatient is the test patient of the ANS, as the hub would know her.
func standardPatient(t testing.TB) Person {
	t.Helper()
	m, err := ident.ParseMatricule("279035121518989")
	if err != nil {
		t.Fatal(err)
	}
	return Person{Matricule: m, Traits: cda.Traits{BirthName: "PAT-TROIS", FirstNames: "DOMINIQUE MARIE-LOUISE",
		BirthDate: "19790328", Sex: "F", BirthPlace: "51215"}}
}

// TestSamples sends the official examples to the standard test patient, and
// holds what becomes of each. The files are not part of the project: name
// their folder in VAGUEMESTRE_SAMPLES.
func TestSamples(t *testing.T) {
	dir := os.Getenv("VAGUEMESTRE_SAMPLES")
	if dir == "" {
		t.Skip("SKIPPED: the ANS sample files are not read, because VAGUEMESTRE_SAMPLES does not name their folder")
	}
	for _, tt := range []struct {
		file, want string
	}{
		{"ans-hl7v2-exemples/CR_Radio_CDAN1_v1.XML", `18748-4 Pelvis Masculin, level 1, the patient: to-verify birth-place`},
		{"ans-hl7v2-exemples/CR_Radio_CDAN1_v2.XML", `18748-4 Radio de hanche, level 1, the patient, replaces: to-verify birth-place`},
		{"ans-testcontenucda-3.0/BIO-CR-BIO_2021.01_Auto-Presentable.xml", `11502-2 Compte rendu d'examens biologiques, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/BIO-CR-BIO_2021.01_Auto-Presentable_avec-image.xml", `11502-2 Compte rendu d'examens biologiques, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/BIO-CR-BIO_2021.01_CDA-R2-Niveau-1.xml", `11502-2 Compte rendu d'examens biologiques, level 1, the patient: ok`},
		{"ans-testcontenucda-3.0/BIO-CR-BIO_2024.01_CRP_non_LOINC.xml", `11502-2 Compte rendu d'examens biologiques, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/BIO-CR-BIO_2024.01_Microbiologie_V1.xml", `11502-2 Compte rendu d'examens biologiques, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/BIO-CR-BIO_2024.01_TSH_1.xml", `11502-2 Compte rendu d'examens biologiques, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/BIO-TROD_2024.01_Angine.xml", `96173-0 Test rapide d'orientation diagnostique : TROD Angine, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/CANCER-FRCP_2022.01_Transversale.xml", `34794-8 FRCP ONCO PAYS DE LA LOIRE / 3C CHU Angers / Soins de support, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/CNAM-HR_2021.01.xml", `REMB Données de remboursement, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/CSE-CS8_2025.01.xml", `CERT_DECL Premier certificat de santé (à établir obligatoirement dans les 8 jours suivant la naissance), level 3, another: wrong-patient not-a-recipient`},
		{"ans-testcontenucda-3.0/DOC_NON_STRUCTURE_CDA-R2-N1.xml", `11502-2 Compte rendu d'examens biologiques, level 1, the patient: ok`},
		{"ans-testcontenucda-3.0/IMG_CR_IMG_2024.01.xml", `18748-4 CR d’imagerie médicale - Scanner Tête + Cou + Thorax avec injection, level 3, the patient, replaces: ok`},
		{"ans-testcontenucda-3.0/IMG_CR_IMG_2024.01_CDA-R2-Niveau-1.xml", `18748-4 CR d’imagerie médicale - Scanner Tête + Cou + Thorax avec injection, level 1, the patient, replaces: ok`},
		{"ans-testcontenucda-3.0/JDV_J07_XdsTypeCode_CISIS.xml", `no document`},
		{"ans-testcontenucda-3.0/LDL-EES_2022.01.xml", `18761-7 Lettre de liaison à l'entrée en établissement de santé, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/LDL-SES_2022.01.xml", `11490-0 Lettre de liaison à la sortie de l'établissement de santé, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/OPH-BRE_2022.02.xml", `78513-9 Ophtalmologie - Bilan de réfraction, level 3, the patient, replaces: ok`},
		{"ans-testcontenucda-3.0/TLM-CR_2022.01.xml", `85208-7 Compte-rendu de téléconsultation, level 1, the patient: ok`},
		{"ans-testcontenucda-3.0/VAC-NOTE_2023.01.xml", `87273-9 NOTE DE VACCINATION, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/VAC_2023.01.xml", `11369-6 Historique de vaccinations, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/VSM_1.4_2022.01.xml", `SYNTH Synthèse Médicale, level 3, the patient: ok`},
		{"ans-testcontenucda-3.0/eDISP-MED_2024.01.xml", `60593-1 Dispensation médicamenteuse, level 3, another: wrong-patient not-a-recipient`},
		{"ans-testcontenucda-3.0/eP-MED-DM_2024.01_PosoStruct.xml", `57833-6 Prescription de médicaments et/ou de dispositifs médicaux, level 3, the patient: ok`},
		{"derived/IHE_XDM_1doc.ZIP", `11502-2 Compte rendu d'examens biologiques, level 1, the patient: ok`},
		{"derived/IHE_XDM_2docs.ZIP", `11502-2 Compte rendu d'examens biologiques, level 1, the patient: ok; 11502-2 Compte rendu d'examens biologiques, level 1, the patient: ok`},
		{"direct-project-xd/xdm.zip", ` SUBSET01871efced-488f-4699-b38d-015791e7ef04: ok (nobody)`},
		{"drimbox/DOC00002.xml", `18748-4 DEPISTAGE DU CANCER DU SEIN - FICHE D INTERPRETATION DU BILAN DE DIAGNOSTIC DIFFERE, level 1, another: wrong-patient not-a-recipient`},
		{"ipf/SubmitObjectsRequest_ebrs30.xml", `no document`},
	} {
		t.Run(tt.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(tt.file)))
			if err != nil {
				t.Fatal(err)
			}
			r, err := Find(Input{Attachments: []Attachment{{FileName: filepath.Base(tt.file), Data: data}}}, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range r.Documents {
				got = append(got, describe(d, CheckIdentity(d, []Person{standardPatient(t)}, true)))
			}
			if len(got) == 0 {
				got = []string{"no document"}
			}
			if g := strings.Join(got, "; "); g != tt.want || len(r.Unread) > 0 {
				t.Errorf("got  %s\nwant %s\nunread %d", g, tt.want, len(r.Unread))
			}
		})
	}
}

// TestSamplesSentToWhomTheyName sends each official example to the patient it
// names: none is refused then, and those with a wrong key are marked.
func TestSamplesSentToWhomTheyName(t *testing.T) {
	dir := os.Getenv("VAGUEMESTRE_SAMPLES")
	if dir == "" {
		t.Skip("SKIPPED: the ANS sample files are not read, because VAGUEMESTRE_SAMPLES does not name their folder")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.[xX][mM][lL]"))
	wrongKeys, seen := 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Find(Input{Attachments: []Attachment{{FileName: filepath.Base(file), Data: data}}}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Documents {
			seen++
			var to []Person
			for _, p := range d.Patients {
				if !p.National {
					continue
				}
				m, right, err := ident.ParseMatriculeBase(p.Text)
				if err != nil {
					t.Fatal(err)
				}
				if !right {
					wrongKeys++
				}
				to = append(to, Person{Matricule: m, Traits: d.Traits[0]})
				v := CheckIdentity(d, to, true)
				if want := map[bool]Outcome{true: OK, false: ToVerify}[right]; v.Outcome != want {
					t.Errorf("%s: %v %v, want %v", filepath.Base(file), v.Outcome, v.Reasons, want)
				}
			}
		}
	}
	if seen < 20 || wrongKeys != 1 {
		t.Errorf("%d documents, %d wrong keys, want at least 20 and 1", seen, wrongKeys)
	}
}

// TestTheSampleMailBringsOneDocument reads the sample of a whole mail: the PDF
// beside the package is the rendition of the CDA within it.
func TestTheSampleMailBringsOneDocument(t *testing.T) {
	dir := os.Getenv("VAGUEMESTRE_SAMPLES")
	if dir == "" {
		t.Skip("SKIPPED: the ANS sample files are not read, because VAGUEMESTRE_SAMPLES does not name their folder")
	}
	f, err := os.Open(filepath.Join(dir, "derived", "mss_pro_to_pro_and_patient.eml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	msg, err := mail.ReadMessage(f)
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	in := Input{CodeCDA: msg.Header.Get("X-MSS-CODECDA"), INS: msg.Header.Get("X-MSS-INS")}
	for parts := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.FileName() == "" {
			continue // the body
		}
		data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
		if err != nil {
			t.Fatal(err)
		}
		mediaType, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		in.Attachments = append(in.Attachments, Attachment{Index: len(in.Attachments), FileName: p.FileName(), MediaType: mediaType, Data: data})
	}
	r, err := Find(in, Limits{})
	if err != nil || len(r.Documents) != 1 || len(r.Defects) > 0 {
		t.Fatalf("Find = %d documents, defects %q, %v", len(r.Documents), r.Defects, err)
	}
	d := r.Documents[0]
	if d.Files[0].Attachment != 0 || d.Rendition == nil || d.Rendition.Attachment != 1 || len(d.Defects) > 0 {
		t.Errorf("files %d, rendition %v, defects %q", d.Files[0].Attachment, d.Rendition != nil, d.Defects)
	}
	if v := CheckIdentity(d, []Person{standardPatient(t)}, true); v.Outcome != OK || v.Unidentified() {
		t.Errorf("the verdict is %+v", v)
	}
}

// describe says in one line what a document is and what becomes of it.
func describe(d Document, v Verdict) string {
	s := d.Type.Code + " " + d.Title
	if d.IsCDA() {
		s += ", level " + string(rune('0'+d.Level))
	}
	for _, p := range d.Patients {
		if p.National {
			if p.Text == "279035121518989" {
				s += ", the patient"
			} else {
				s += ", another"
			}
		}
	}
	if len(d.Replaces) > 0 {
		s += ", replaces"
	}
	s += ": " + v.Outcome.String()
	for _, r := range v.Reasons {
		s += " " + string(r)
	}
	if v.Unidentified() {
		s += " (nobody)"
	}
	return s
}
