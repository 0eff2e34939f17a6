package hub

import (
	"strings"

	"vaguemestre/policy"
	"vaguemestre/vault"
)

// documentFacts says of a document what policy needs to know, before an actor.
func documentFacts(d vault.Document, a Actor) policy.Document {
	e, has := &d.Entry, func(f vault.Flags) bool { return d.Flags&f != 0 }
	return policy.Document{
		TypeCode:                  e.TypeCode,
		Masked:                    has(vault.Masked),
		HiddenFromPatient:         has(vault.HiddenFromPatient),
		HiddenFromRepresentatives: has(vault.HiddenFromRepresentatives),
		Restricted:                e.Restricted(),
		Withdrawn:                 has(vault.Deleted),
		FiledAt:                   e.Filed,
		AuthorIsActor:             isAuthor(e, a),
		AuthorIsEstablishment:     isEstablishment(e, a),
		DepositedByPatient:        e.Depositor != "",
	}
}

// isAuthor reports whether the actor filed the document, or is the
// professional it names. Old entries know the address it was sent from only.
func isAuthor(e *vault.Entry, a Actor) bool {
	switch {
	case e.FiledBy != "" && e.FiledBy == string(a.Part),
		e.FiledBy == "" && e.Sender != "" && e.Sender == a.Address.Canonical():
		return true
	}
	return e.Depositor == "" && a.RPPS != "" && a.RPPS == rpps(e.Author.ID)
}

// isEstablishment reports whether the actor acts for the establishment that
// filed the document, or that the document names.
func isEstablishment(e *vault.Entry, a Actor) bool {
	if a.Establishment == "" || e.Depositor != "" {
		return false
	}
	return a.Establishment == e.Establishment || a.Establishment == finess(e.Author.OrganisationID)
}

// rpps returns the RPPS of a national identifier of a professional: without the
// "8" that says which kind it is. Any other has none.
func rpps(id string) string {
	switch {
	case len(id) == 12 && strings.HasPrefix(id, "8"):
		return id[1:]
	case len(id) == 11:
		return id
	}
	return ""
}

// finess returns the FINESS of a national identifier of a structure: without
// the "1" that says which kind it is. Any other is itself.
func finess(id string) string {
	if len(id) == 10 && strings.HasPrefix(id, "1") {
		return id[1:]
	}
	return id
}
