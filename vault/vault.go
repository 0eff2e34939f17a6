// Package vault is the record of the documents of a space, the DMP, and of the
// sealed bytes that both documents and messages are made of.
//
// A document is one entry (fiche): what is said of it, sealed to the owner, and
// one object: its bytes, sealed once. The message that brought it refers to the
// same object. An object lives as long as somebody holds it.
//
// The package decides nothing and keeps no key that opens: adding needs the
// owner's certificate, and whoever reads brings the key.
//
// Its keys begin with "doc/" and "obj/":
//
//	doc/e/<seq>      one entry, in order of arrival: flags, wraps, sealed metadata
//	doc/i/<id>       where that entry is, and who filed it, a fact
//	doc/u/<mac>      the entry of a producer's uniqueId
//	doc/s/<id>       the states of a document since it was filed, a right
//	doc/r/<id>       the version that replaced it, a fact
//	doc/w/<id>       it waits for its announcement, a fact
//	doc/q/<id>       its identity is doubtful, a fact
//	doc/v/<id>       where a shelf shows it, a fact
//	doc/c/<id>       a shelf is to follow what became of it
//	doc/next         the next sequence number
//	doc/shelved      the next one to be put on a shelf
//	doc/bytes        how much came otherwise than by mail
//	doc/hint/<part>  in the partition of hints: that part may have doc/w or doc/q
//	obj/d/<id>       a small object's sealed bytes
//	obj/h/<id>       the number of holders of an object, where it is not one
//
// An entry is written once. What becomes of the document later is beside it, so
// that an opened entry stays true and may be kept (Cache). What a role without
// the hub key must know is a fact.
package vault

import (
	"crypto/rand"
	"strings"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

const version = 1

// Flags are the states of a document that decide who may see it (JDV_J08 and
// the statuses of the DMP).
type Flags uint8

// Has reports whether all of g are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// The states.
const (
	Masked                    Flags = 1 << iota // MASQUE_PS: hidden from professionals
	HiddenFromPatient                           // INVISIBLE_PATIENT
	HiddenFromRepresentatives                   // INVISIBLE_REP_LEGAUX
	ToVerify                                    // identité à vérifier
	Superseded                                  // a newer version has replaced it
	Deleted                                     // withdrawn, kept for the trail
	Archived                                    // out of sight
)

// NewID returns a random identifier of 26 characters.
func NewID() string { return strings.ToLower(rand.Text()) }

// idLength is the length of NewID's identifiers.
const idLength = 26

// Erase removes every document and small object. Large objects are blobs: the
// door deletes them by the partition's name.
func Erase(w store.Writer) error {
	if err := fact.Erase(w, "doc/"); err != nil {
		return err
	}
	return fact.Erase(w, "obj/")
}
