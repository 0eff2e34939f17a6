// Package pdsm writes what the door shows of a record as resources of FHIR R4,
// with the French profiles for sharing documents (PDSm 3.1.1, PDSm4DMP): a
// Patient, a DocumentReference for each document, a Consent for each thing that
// the patient has settled, an AuditEvent for each line of the trail. It names the
// code systems, profiles and extensions of those guides, too.
//
// It asks nobody for anything and decides nothing: what it is given may be
// shown. The API answers with it, and an export of everything is made with it.
package pdsm

// A Writer writes resources that lie at one place: on a server, or in a folder
// of files.
type Writer struct {
	Base string // what identifies the place: an absolute address

	// Binary is the address of the bytes of a document, or with RenditionSuffix
	// after the ID that of the PDF beside it.
	Binary func(id string) string
}
