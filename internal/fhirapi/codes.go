package fhirapi

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/ident"
	"vaguemestre/vault"
)

// Profiles and extensions of the French guides and of IHE MHD.
const (
	pdsm = "https://interop.esante.gouv.fr/ig/fhir/pdsm/"
	dmp  = "https://interop.esante.gouv.fr/ig/fhir/dmp/"
	mhd  = "https://profiles.ihe.net/ITI/MHD/"

	profileDocument = pdsm + "StructureDefinition/pdsm-comprehensive-document-reference"
	profileSet      = pdsm + "StructureDefinition/pdsm-submissionset-comprehensive"
	profileFolder   = pdsm + "StructureDefinition/pdsm-folder-comprehensive"
	profilePatient  = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient"

	extArchived = pdsm + "StructureDefinition/pdsm-ext-is-archived"
	extDeleted  = pdsm + "StructureDefinition/pdsm-ext-is-deleted"
	extClosing  = dmp + "StructureDefinition/dmp-fermeture"
	extTreating = dmp + "StructureDefinition/dmp-medecin-traitant"

	extAccess = "urn:vaguemestre:extension:access" // TD0.2 has no element for it yet

	extDesignation = mhd + "StructureDefinition/ihe-designationType"
	extSourceID    = mhd + "StructureDefinition/ihe-sourceId"
)

// Code systems.
const (
	uriSystem = "urn:ietf:rfc:3986"

	sysConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	sysVisibility      = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
	sysClass           = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
	sysLOINC           = "http://loinc.org"
	sysProfession      = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
	sysListTypes       = mhd + "CodeSystem/MHDlistTypes"
	sysIdentifierTypes = mhd + "CodeSystem/DocumentReferenceIdentifierTypes"
	sysFormat          = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"

	sysPerson       = "urn:oid:1.2.250.1.71.4.2.1" // IDNPS: "8" and the RPPS
	sysOrganisation = "urn:oid:1.2.250.1.71.4.2.2" // IDNST: "1" and the FINESS
)

// sameSystem lists names of code systems that are in use beside the one this
// edge writes. An OID may be given as "urn:oid:…".
var sameSystem = map[string]string{
	"urn:oid:2.16.840.1.113883.6.1":  sysLOINC,
	"urn:oid:1.2.250.1.213.1.1.4.1":  sysClass,
	"urn:oid:1.2.250.1.213.1.1.4.13": sysVisibility,
	"urn:oid:2.16.840.1.113883.5.25": sysConfidentiality,
	"https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument": sysVisibility,
	"https://mos.esante.gouv.fr/NOS/TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality":             sysConfidentiality,
	"https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire":       "urn:oid:" + cda.SystemTypes,
	"https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc":                                       sysLOINC,
	"https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite":                   "urn:oid:1.2.250.1.71.4.2.4",
	"https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice":                       "urn:oid:1.2.250.1.213.1.1.4.9",
	"https://mos.esante.gouv.fr/NOS/TRE_A00-ProducteurDocNonPS/FHIR/TRE-A00-ProducteurDocNonPS":             "urn:oid:1.2.250.1.213.1.1.4.6",
	"https://profiles.ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode":                               sysFormat,
	"urn:oid:1.3.6.1.4.1.19376.1.2.3": sysFormat,
}

// canonicalSystem gives the systems that are one and the same one name.
func canonicalSystem(s string) string {
	if same, ok := sameSystem[s]; ok {
		return same
	}
	return s
}

// systemOf writes a code system that the record has by its OID as FHIR does.
func systemOf(oid string) string {
	switch {
	case oid == "":
		return ""
	case strings.Contains(oid, ":"):
		return canonicalSystem(oid)
	}
	return canonicalSystem("urn:oid:" + oid)
}

// oidOf is the inverse: an OID where the system has one, else its address.
func oidOf(system string) string {
	system = canonicalSystem(system)
	if system == sysLOINC {
		return cda.SystemLOINC
	}
	return strings.TrimPrefix(system, "urn:oid:")
}

func concept(c vault.Code) *fhir.CodeableConcept {
	if c.Code == "" {
		return nil
	}
	return &fhir.CodeableConcept{Coding: []fhir.Coding{{System: systemOf(c.System), Code: c.Code, Display: c.Display}}}
}

// codeOf reads the first coding of a concept.
func codeOf(c *fhir.CodeableConcept) vault.Code {
	if c == nil || len(c.Coding) == 0 {
		return vault.Code{}
	}
	d := c.Coding[0]
	return vault.Code{Code: d.Code, System: oidOf(d.System), Display: d.Display}
}

func typeConcept(code string) *fhir.CodeableConcept {
	if code == "" {
		return nil
	}
	t, ok := cda.TypeByCode(code)
	if !ok {
		return &fhir.CodeableConcept{Coding: []fhir.Coding{{Code: code}}}
	}
	return &fhir.CodeableConcept{Coding: []fhir.Coding{{System: systemOf(t.System), Code: t.Code, Display: t.Label}}}
}

func classConcept(code string) []fhir.CodeableConcept {
	i := slices.IndexFunc(cda.Classes(), func(c cda.Class) bool { return c.Code == code })
	if code == "" || i < 0 {
		return nil
	}
	return []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: sysClass, Code: code, Display: cda.Classes()[i].French}}}}
}

// A label is a state of a document as a security label says it; some have more
// than one spelling, of which the first is written.
type label struct {
	flag  vault.Flags
	codes []string
	fr    string
}

var labels = []label{
	{vault.Masked, []string{"MASQUE_PS"}, "Masqué aux professionnels de santé"},
	{vault.HiddenFromPatient, []string{"INVISIBLE_PATIENT"}, "Non visible par le patient"},
	{vault.HiddenFromRepresentatives, []string{"INVISIBLE_REPRESENTANTS_LEGAUX", "INVISIBLE_REP_LEGAUX", "INVISIBLE_REPRESENTANT_LEGAL"},
		"Non visible par les représentants légaux du patient"},
}

var confidentialities = map[string]string{"N": "normal", "R": "restricted", "V": "very restricted"}

// securityLabels writes the states of a document, then its confidentiality: the
// guides mask and unmask by replacing the first label.
func securityLabels(confidentiality string, f vault.Flags) []fhir.CodeableConcept {
	var out []fhir.CodeableConcept
	for _, l := range labels {
		if f&l.flag != 0 {
			out = append(out, fhir.CodeableConcept{Coding: []fhir.Coding{{System: sysVisibility, Code: l.codes[0], Display: l.fr}}})
		}
	}
	confidentiality = or(confidentiality, "N")
	return append(out, fhir.CodeableConcept{Coding: []fhir.Coding{
		{System: sysConfidentiality, Code: confidentiality, Display: confidentialities[confidentiality]}}})
}

// readLabels reads security labels. One that is not known is an error: it may
// ask for a secrecy that would not be kept.
func readLabels(concepts []fhir.CodeableConcept) (confidentiality string, f vault.Flags, err error) {
	for _, c := range concepts {
		for _, d := range c.Coding {
			if _, ok := confidentialities[d.Code]; ok {
				confidentiality = max(confidentiality, d.Code) // N, R, V: the stricter one
				continue
			}
			i := slices.IndexFunc(labels, func(l label) bool { return slices.Contains(l.codes, d.Code) })
			if i < 0 {
				return "", 0, unprocessable("Un code de securityLabel n'est pas connu ici.", "A code of securityLabel is not known here.")
			}
			f |= labels[i].flag
		}
	}
	return confidentiality, f, nil
}

// insSystem returns the OID of a matricule: NIR, NIA, or one of tests.
func insSystem(m ident.Matricule) string {
	s := m.Canonical()
	switch {
	case m.IsZero():
		return ""
	case m.Invented():
		return "urn:oid:" + cda.OIDNIRTest
	case s[0] == '7' || s[0] == '8':
		return "urn:oid:" + cda.OIDNIA
	}
	return "urn:oid:" + cda.OIDNIR
}

// isINSSystem reports whether a system is that of a matricule. No system at all
// is taken as one.
func isINSSystem(s string) bool {
	oid := strings.TrimPrefix(s, "urn:oid:")
	return s == "" || oid == cda.OIDNIR || oid == cda.OIDNIA || oid == cda.OIDNIRTest || oid == cda.OIDNIRDemo
}

// The identifiers that producers give have one form in the record, that of XDS:
// an OID, "OID^extension", or "system|value" for what is neither.

// uniqueIdentifier writes a producer's identifier as FHIR does.
func uniqueIdentifier(id string) *fhir.Identifier {
	root, ext, has := strings.Cut(id, "^")
	switch system, value, foreign := strings.Cut(id, "|"); {
	case id == "":
		return nil
	case foreign:
		return &fhir.Identifier{System: system, Value: value}
	case strings.Contains(root, ":"):
		return &fhir.Identifier{System: uriSystem, Value: id}
	case has:
		return &fhir.Identifier{System: "urn:oid:" + root, Value: ext}
	}
	return &fhir.Identifier{System: uriSystem, Value: "urn:oid:" + id}
}

// uniqueID reads a producer's identifier.
func uniqueID(i *fhir.Identifier) string {
	switch {
	case i == nil || i.Value == "":
		return ""
	case i.System == uriSystem || i.System == "":
		return strings.TrimPrefix(i.Value, "urn:oid:")
	case strings.HasPrefix(i.System, "urn:oid:"):
		return strings.TrimPrefix(i.System, "urn:oid:") + "^" + i.Value
	}
	return i.System + "|" + i.Value
}

// uuid makes a UUID of an identifier of ours (RFC 9562, version 8), where XDS
// wants one. It cannot be led back.
func uuid(id string) string {
	h := sha256.Sum256([]byte("vaguemestre/uuid/" + id))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// typedIdentifier is an identifier with what it is an identifier of.
func typedIdentifier(kind string, i *fhir.Identifier) fhir.Identifier {
	out := *i
	out.Type = &fhir.CodeableConcept{Coding: []fhir.Coding{{System: sysIdentifierTypes, Code: kind}}}
	return out
}

// stamp writes an instant.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// readTime reads a date or an instant; one that is less precise begins the span
// it covers. What is no time is zero.
func readTime(s string) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t
	}
	v, _ := spanOf(s)
	return v.from
}
