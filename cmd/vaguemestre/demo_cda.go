package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"text/template"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/xdm"
)

// A labReport is a laboratory report as CDA R2 level 3 of the CI-SIS, and the
// package in which it travels.
type labReport struct {
	UniqueID string
	Number   string // of the file, at the laboratory
	Sampled  time.Time
	Issued   time.Time
	Patient  person
	Lab      person
	Results  []labResult
	Comment  string
}

// A labResult is one line of a report.
type labResult struct{ Name, Value, Unit, Usual string }

// The biologist who signs. No real person has this number.
const (
	biologistID     = "899990000014"
	biologistFamily = "FERRAND"
	biologistGiven  = "Agathe"
	labOrganisation = "1990000068"
)

const labTitle = "Compte rendu d'examens biologiques"

const hl7Time = "20060102150405-0700"

var labTemplate = template.Must(template.New("cda").Funcs(template.FuncMap{
	"x":    xmlText,
	"time": func(t time.Time) string { return t.Format(hl7Time) },
	"day":  func(t time.Time) string { return t.Format("02/01/2006") },
}).Parse(`<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <realmCode code="FR"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.2.8.2.1"/>
  <templateId root="1.2.250.1.213.1.1.1.1"/>
  <id root="{{.UniqueID}}"/>
  <code code="11502-2" codeSystem="2.16.840.1.113883.6.1" displayName="CR d'examens biologiques"/>
  <title>{{x .Title}}</title>
  <effectiveTime value="{{time .Issued}}"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25" displayName="Normal"/>
  <languageCode code="fr-FR"/>
  <setId root="{{.UniqueID}}.0"/>
  <versionNumber value="1"/>
  <recordTarget><patientRole>
    <id root="1.2.250.1.213.1.4.10" extension="{{.Patient.INS}}"/>
    <id root="1.2.250.1.999.10.1" extension="{{x .Number}}"/>
    <patient>
      <name><family qualifier="BR">{{x .Patient.Family}}</family><given>{{x .Patient.Given}}</given><given qualifier="BR">{{x .Patient.First}}</given></name>
      <administrativeGenderCode code="{{.Patient.Sex}}" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="{{.Patient.Birth}}"/>
      <birthplace><place><addr><county>{{.Patient.Place}}</county></addr></place></birthplace>
    </patient>
  </patientRole></recordTarget>
  <author>
    <time value="{{time .Issued}}"/>
    <assignedAuthor>
      <id root="1.2.250.1.71.4.2.1" extension="{{.Biologist.ID}}"/>
      <code code="G15_10/SM03" codeSystem="1.2.250.1.213.1.1.4.5" displayName="Médecin - Biologie médicale (SM)"/>
      <assignedPerson><name><prefix>DR</prefix><given>{{x .Biologist.Given}}</given><family>{{x .Biologist.Family}}</family></name></assignedPerson>
      <representedOrganization><id root="1.2.250.1.71.4.2.2" extension="{{.Biologist.Organisation}}"/><name>{{x .LabName}}</name></representedOrganization>
    </assignedAuthor>
  </author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="1.2.250.1.71.4.2.2" extension="{{.Biologist.Organisation}}"/><name>{{x .LabName}}</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <legalAuthenticator>
    <time value="{{time .Issued}}"/><signatureCode code="S"/>
    <assignedEntity><id root="1.2.250.1.71.4.2.1" extension="{{.Biologist.ID}}"/>
      <assignedPerson><name><given>{{x .Biologist.Given}}</given><family>{{x .Biologist.Family}}</family></name></assignedPerson></assignedEntity>
  </legalAuthenticator>
  <documentationOf><serviceEvent>
    <effectiveTime><low value="{{time .Sampled}}"/></effectiveTime>
    <performer typeCode="PRF"><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="{{.Biologist.ID}}"/><representedOrganization>
      <standardIndustryClassCode code="AMBULATOIRE" codeSystem="1.2.250.1.213.1.1.4.9" displayName="Ambulatoire"/>
    </representedOrganization></assignedEntity></performer>
  </serviceEvent></documentationOf>
  <componentOf><encompassingEncounter><effectiveTime value="{{time .Sampled}}"/><location><healthCareFacility>
    <code code="SA25" codeSystem="1.2.250.1.71.4.2.4" displayName="Laboratoire de biologie médicale"/>
  </healthCareFacility></location></encompassingEncounter></componentOf>
  <component><structuredBody>
    <component><section><code code="18719-5" codeSystem="2.16.840.1.113883.6.1" displayName="Biochimie"/><title>Biochimie</title>
      <text>
        <paragraph>Prélèvement sanguin du {{day .Sampled}}, à jeun.</paragraph>
        <table>
          <thead><tr><th>Analyse</th><th>Résultat</th><th>Unité</th><th>Valeurs usuelles</th></tr></thead>
          <tbody>{{range .Results}}
            <tr><td>{{x .Name}}</td><td>{{x .Value}}</td><td>{{x .Unit}}</td><td>{{x .Usual}}</td></tr>{{end}}
          </tbody>
        </table>
      </text>
    </section></component>
    <component><section><title>Commentaire</title><text><paragraph>{{x .Comment}}</paragraph></text></section></component>
  </structuredBody></component>
</ClinicalDocument>
`))

func xmlText(s string) (string, error) {
	var b strings.Builder
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}

// cda writes the report.
func (r labReport) cda() ([]byte, error) {
	t := r.Patient.traits
	var b bytes.Buffer
	err := labTemplate.Execute(&b, map[string]any{
		"UniqueID": r.UniqueID, "Number": r.Number, "Title": labTitle, "LabName": r.Lab.name,
		"Sampled": r.Sampled, "Issued": r.Issued, "Results": r.Results, "Comment": r.Comment,
		"Biologist": map[string]string{"ID": biologistID, "Family": biologistFamily, "Given": biologistGiven, "Organisation": labOrganisation},
		"Patient": map[string]string{
			"INS": r.Patient.matricule.Canonical(), "Family": t.BirthName, "Given": t.FirstNames, "First": firstWord(t.FirstNames),
			"Sex": t.Sex, "Birth": t.BirthDate, "Place": t.BirthPlace,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("demo: laboratory report: %w", err)
	}
	return b.Bytes(), nil
}

// zip packs the report as an IHE_XDM.zip.
func (r labReport) zip() ([]byte, error) {
	doc, err := r.cda()
	if err != nil {
		return nil, err
	}
	t := r.Patient.traits
	author := xdm.Author{
		Person:       xdm.Person{ID: biologistID, OID: "1.2.250.1.71.4.2.1", Family: biologistFamily, Given: biologistGiven},
		Organisation: xdm.Organisation{ID: labOrganisation, OID: "1.2.250.1.71.4.2.2", Name: r.Lab.name},
		Specialty:    xdm.Code{Code: "G15_10/SM03", System: "1.2.250.1.213.1.1.4.5", Display: "Médecin - Biologie médicale (SM)"},
	}
	ins := xdm.PatientID{Text: r.Patient.matricule.Canonical(), OID: cda.OIDNIRTest, Type: "NH"}
	var b bytes.Buffer
	err = xdm.Write(&b, &xdm.Package{
		Sets: []xdm.SubmissionSet{{
			UniqueID: r.UniqueID + ".1", SourceID: "1.2.250.1.999.10", PatientID: ins, Title: labTitle,
			ContentType: xdm.Code{Code: "07", System: "1.2.250.1.213.2.2", Display: "Consultation"},
			Submitted:   r.Issued, Authors: []xdm.Author{author},
		}},
		Documents: []xdm.Document{{
			Name: "DOC00001.XML", Data: doc, UniqueID: r.UniqueID, MediaType: cda.MediaType, Title: labTitle, Language: "fr-FR",
			Type:            xdm.Code{Code: "11502-2", System: cda.SystemLOINC, Display: "CR d'examens biologiques"},
			Class:           xdm.Code{Code: "10", System: cda.SystemClass, Display: "Compte rendu"},
			Format:          xdm.Code{Code: "urn:ihe:lab:xd-lab:2008", System: "1.2.250.1.213.1.1.4.2", Display: "Compte rendu d'examens biologiques"},
			Facility:        xdm.Code{Code: "SA25", System: "1.2.250.1.71.4.2.4", Display: "Laboratoire de biologie médicale"},
			PracticeSetting: xdm.Code{Code: "AMBULATOIRE", System: "1.2.250.1.213.1.1.4.9", Display: "Ambulatoire"},
			Confidentiality: []xdm.Code{{Code: "N", System: "2.16.840.1.113883.5.25", Display: "Normal"}},
			Created:         r.Issued, ServiceStart: r.Sampled, Authors: []xdm.Author{author}, Authenticator: author.Person,
			PatientID: ins, SourcePatientID: xdm.PatientID{Text: r.Number, OID: "1.2.250.1.999.10.1", Type: "PI"},
			SourcePatient: xdm.Traits{Family: t.BirthName, Given: firstWord(t.FirstNames), BirthDate: t.BirthDate, Sex: t.Sex},
		}},
	})
	return b.Bytes(), err
}

// sheet is the rendition: what the CDA says, for a person to read.
func (r labReport) sheet() sheet {
	s := sheet{letterhead: r.Lab.name + " – 4 rue des Glycines, 99999 Valmont", title: labTitle}
	s.lines = append(s.lines,
		"Patient : "+r.Patient.traits.BirthName+" "+r.Patient.traits.FirstNames+"    Dossier n° "+r.Number,
		"Prélèvement sanguin du "+r.Sampled.Format("02/01/2006")+", à jeun", "",
		"# Biochimie")
	for _, x := range r.Results {
		s.lines = append(s.lines, fmt.Sprintf("%s : %s %s   (valeurs usuelles : %s)", x.Name, x.Value, x.Unit, x.Usual))
	}
	s.lines = append(s.lines, "", "# Commentaire", r.Comment, "", "Dr "+biologistGiven+" "+biologistFamily+", médecin biologiste")
	return s
}
