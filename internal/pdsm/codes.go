package pdsm

import (
	"cmp"
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
	IG  = "https://interop.esante.gouv.fr/ig/fhir/pdsm/"
	dmp = "https://interop.esante.gouv.fr/ig/fhir/dmp/"
	MHD = "https://profiles.ihe.net/ITI/MHD/"

	ProfileDocument = IG + "StructureDefinition/pdsm-comprehensive-document-reference"
	ProfileSet      = IG + "StructureDefinition/pdsm-submissionset-comprehensive"
	ProfileFolder   = IG + "StructureDefinition/pdsm-folder-comprehensive"
	ProfilePatient  = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient"

	ExtArchived = IG + "StructureDefinition/pdsm-ext-is-archived"
	ExtDeleted  = IG + "StructureDefinition/pdsm-ext-is-deleted"
	extClosing  = dmp + "StructureDefinition/dmp-fermeture"
	extTreating = dmp + "StructureDefinition/dmp-medecin-traitant"

	extAccess = "urn:vaguemestre:extension:access" // TD0.2 has no element for it yet

	ExtDesignation = MHD + "StructureDefinition/ihe-designationType"
	ExtSourceID    = MHD + "StructureDefinition/ihe-sourceId"
)

// Code systems.
const (
	URISystem = "urn:ietf:rfc:3986"

	SysConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	SysVisibility      = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
	SysClass           = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
	SysLOINC           = "http://loinc.org"
	SysProfession      = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
	SysListTypes       = MHD + "CodeSystem/MHDlistTypes"
	sysIdentifierTypes = MHD + "CodeSystem/DocumentReferenceIdentifierTypes"
	SysFormat          = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"

	SysPerson       = "urn:oid:1.2.250.1.71.4.2.1" // IDNPS: "8" and the RPPS
	SysOrganisation = "urn:oid:1.2.250.1.71.4.2.2" // IDNST: "1" and the FINESS

	SysJ01     = "urn:oid:1.2.250.1.213.1.1.4.5" // professions
	RuleSystem = "urn:vaguemestre:rule"          // the rules of policy
)

// sameSystem lists names of code systems that are in use beside the one this
// package writes. An OID may be given as "urn:oid:…".
var sameSystem = map[string]string{
	"urn:oid:2.16.840.1.113883.6.1":  SysLOINC,
	"urn:oid:1.2.250.1.213.1.1.4.1":  SysClass,
	"urn:oid:1.2.250.1.213.1.1.4.13": SysVisibility,
	"urn:oid:2.16.840.1.113883.5.25": SysConfidentiality,
	"https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument": SysVisibility,
	"https://mos.esante.gouv.fr/NOS/TRE_A08-HL7Confidentiality/FHIR/TRE-A08-HL7Confidentiality":             SysConfidentiality,
	"https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire":       "urn:oid:" + cda.SystemTypes,
	"https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc":                                       SysLOINC,
	"https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite":                   "urn:oid:1.2.250.1.71.4.2.4",
	"https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice":                       "urn:oid:1.2.250.1.213.1.1.4.9",
	"https://mos.esante.gouv.fr/NOS/TRE_A00-ProducteurDocNonPS/FHIR/TRE-A00-ProducteurDocNonPS":             "urn:oid:1.2.250.1.213.1.1.4.6",
	"https://profiles.ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode":                               SysFormat,
	"urn:oid:1.3.6.1.4.1.19376.1.2.3": SysFormat,
}

// CanonicalSystem gives the systems that are one and the same one name.
func CanonicalSystem(s string) string {
	if same, ok := sameSystem[s]; ok {
		return same
	}
	return s
}

// SystemOf writes a code system that the record has by its OID as FHIR does.
func SystemOf(oid string) string {
	switch {
	case oid == "":
		return ""
	case strings.Contains(oid, ":"):
		return CanonicalSystem(oid)
	}
	return CanonicalSystem("urn:oid:" + oid)
}

// oidOf is the inverse: an OID where the system has one, else its address.
func oidOf(system string) string {
	system = CanonicalSystem(system)
	if system == SysLOINC {
		return cda.SystemLOINC
	}
	return strings.TrimPrefix(system, "urn:oid:")
}

// Concept writes a coded value.
func Concept(c vault.Code) *fhir.CodeableConcept {
	if c.Code == "" {
		return nil
	}
	return &fhir.CodeableConcept{Coding: []fhir.Coding{{System: SystemOf(c.System), Code: c.Code, Display: c.Display}}}
}

// CodeOf reads the first coding of a concept.
func CodeOf(c *fhir.CodeableConcept) vault.Code {
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
	return &fhir.CodeableConcept{Coding: []fhir.Coding{{System: SystemOf(t.System), Code: t.Code, Display: t.Label}}}
}

func classConcept(code string) []fhir.CodeableConcept {
	i := slices.IndexFunc(cda.Classes(), func(c cda.Class) bool { return c.Code == code })
	if code == "" || i < 0 {
		return nil
	}
	return []fhir.CodeableConcept{{Coding: []fhir.Coding{{System: SysClass, Code: code, Display: cda.Classes()[i].French}}}}
}

// A Label is a state of a document as a security label says it; some have more
// than one spelling, of which the first is written.
type Label struct {
	Flag  vault.Flags
	Codes []string
	fr    string
}

// Labels lists them.
var Labels = []Label{
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
	for _, l := range Labels {
		if f&l.Flag != 0 {
			out = append(out, fhir.CodeableConcept{Coding: []fhir.Coding{{System: SysVisibility, Code: l.Codes[0], Display: l.fr}}})
		}
	}
	confidentiality = cmp.Or(confidentiality, "N")
	return append(out, fhir.CodeableConcept{Coding: []fhir.Coding{
		{System: SysConfidentiality, Code: confidentiality, Display: confidentialities[confidentiality]}}})
}

// ReadLabels reads security labels. ok is false where one is not known: it may
// ask for a secrecy that would not be kept.
func ReadLabels(concepts []fhir.CodeableConcept) (confidentiality string, f vault.Flags, ok bool) {
	for _, c := range concepts {
		for _, d := range c.Coding {
			if _, ok := confidentialities[d.Code]; ok {
				confidentiality = max(confidentiality, d.Code) // N, R, V: the stricter one
				continue
			}
			i := slices.IndexFunc(Labels, func(l Label) bool { return slices.Contains(l.Codes, d.Code) })
			if i < 0 {
				return "", 0, false
			}
			f |= Labels[i].Flag
		}
	}
	return confidentiality, f, true
}

// INSSystem returns the OID of a matricule: NIR, NIA, or one of tests.
func INSSystem(m ident.Matricule) string {
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

// IsINSSystem reports whether a system is that of a matricule. No system at all
// is taken as one.
func IsINSSystem(s string) bool {
	oid := strings.TrimPrefix(s, "urn:oid:")
	return s == "" || oid == cda.OIDNIR || oid == cda.OIDNIA || oid == cda.OIDNIRTest || oid == cda.OIDNIRDemo
}

// The identifiers that producers give have one form in the record, that of XDS:
// an OID, "OID^extension", or "system|value" for what is neither.

// UniqueIdentifier writes a producer's identifier as FHIR does.
func UniqueIdentifier(id string) *fhir.Identifier {
	root, ext, has := strings.Cut(id, "^")
	switch system, value, foreign := strings.Cut(id, "|"); {
	case id == "":
		return nil
	case foreign:
		return &fhir.Identifier{System: system, Value: value}
	case strings.Contains(root, ":"):
		return &fhir.Identifier{System: URISystem, Value: id}
	case has:
		return &fhir.Identifier{System: "urn:oid:" + root, Value: ext}
	}
	return &fhir.Identifier{System: URISystem, Value: "urn:oid:" + id}
}

// UniqueID reads a producer's identifier.
func UniqueID(i *fhir.Identifier) string {
	switch {
	case i == nil || i.Value == "":
		return ""
	case i.System == URISystem || i.System == "":
		return strings.TrimPrefix(i.Value, "urn:oid:")
	case strings.HasPrefix(i.System, "urn:oid:"):
		return strings.TrimPrefix(i.System, "urn:oid:") + "^" + i.Value
	}
	return i.System + "|" + i.Value
}

// UUID makes a UUID of an identifier of ours (RFC 9562, version 8), where XDS
// wants one. It cannot be led back.
func UUID(id string) string {
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

// Stamp writes an instant.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
