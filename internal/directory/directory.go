// Package directory is the record of the mailboxes of this hub, the annuaire:
// which partition an address leads to, and what is public of the professional,
// the organisation or the software it belongs to.
//
// The index from address to partition is one small partition per address,
// named by a keyed hash of it, so that neither a dump nor a listing of keys
// shows an address, and none is hot.
//
// Its keys begin with "dir/":
//
//	dir/at     in an index partition: where the mailbox is, a fact
//	dir/rpps   in the index partition of an RPPS number: where its mailboxes are, a fact
//	dir/shared likewise: where the mailboxes are that they share, a fact
//	dir/bal    in the mailbox's partition: what is public of it, a right
//	dir/m/     likewise: who shares it, a right for each
package directory

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// A BALKind is the kind of a mailbox, as TRE_R257-TypeBAL has it, and the
// patient's.
type BALKind string

// The kinds.
const (
	Personal       BALKind = "PER"
	Organisational BALKind = "ORG"
	Application    BALKind = "APP"
	Practice       BALKind = "CAB"
	OfPatient      BALKind = "PAT"
)

// A BAL is a mailbox (boîte aux lettres) and what is public of it. A patient's
// has nothing public but its existence, and not even that is told.
type BAL struct {
	Kind          BALKind
	Address       string            // canonical
	Name          string            // as it is displayed
	RPPS          string            `json:",omitempty"`
	Profession    policy.Profession `json:",omitempty"`
	Establishment string            `json:",omitempty"` // FINESS, or what tells establishments apart
	Organisation  string            `json:",omitempty"` // name of the establishment
	Unlisted      bool              `json:",omitempty"` // liste rouge
	Created       time.Time
	Allowance     Allowance `json:",omitzero"`
}

// An Allowance is how many refused recipients a sender may name before it is
// slowed down, where an operator has raised it; zero is the hub's own limit.
type Allowance struct{ PerHour, PerDay int }

// Role returns the role that policy gives to whoever logs in to the mailbox.
func (b BAL) Role() policy.Role {
	switch b.Kind {
	case OfPatient:
		return policy.Patient
	case Organisational:
		return policy.Organisation
	case Application:
		return policy.Application
	}
	return policy.Professional
}

// IndexPart names the partition that says where the mailbox of an address is.
func IndexPart(k *keyring.IndexKey, a ident.Address) store.Part {
	mac := k.MAC("directory/address", a.Canonical())
	return store.Part("x" + hex.EncodeToString(mac[:16]))
}

// Find returns the partition of the mailbox, in a transaction on the
// IndexPart of its address, which s names. ok is false if there is none.
func Find(r store.Reader, s fact.Scope) (part store.Part, ok bool, err error) {
	return fact.Get[store.Part](r, s, "dir/at")
}

// Claim makes an address lead to a partition. An address that is taken is
// fault.Exists; claiming it again for the same partition is not an error.
func Claim(w store.Writer, s fact.Scope, part store.Part) error {
	old, ok, err := Find(w, s)
	switch {
	case err != nil:
		return err
	case ok && old != part:
		return fmt.Errorf("directory: address: %w", fault.Exists)
	}
	return fact.Put(w, s, "dir/at", part)
}

// ProfessionalPart names the partition that says which mailboxes the health
// professional of a number has.
func ProfessionalPart(k *keyring.IndexKey, n ident.RPPS) store.Part {
	mac := k.MAC("directory/rpps", n.String())
	return store.Part("x" + hex.EncodeToString(mac[:16]))
}

// Mailboxes returns the partitions of a professional's mailboxes, the oldest
// first, in a transaction on the ProfessionalPart of the number, which s names.
func Mailboxes(r store.Reader, s fact.Scope) ([]store.Part, error) {
	list, _, err := fact.Get[[]store.Part](r, s, "dir/rpps")
	return list, err
}

// Attach adds a mailbox to those of a professional, Detach takes it away. Doing
// so again is not an error.
func Attach(w store.Writer, s fact.Scope, part store.Part) error {
	list, err := Mailboxes(w, s)
	if err != nil || slices.Contains(list, part) {
		return err
	}
	return fact.Put(w, s, "dir/rpps", append(list, part))
}

// Detach does as Attach says.
func Detach(w store.Writer, s fact.Scope, part store.Part) error {
	list, err := Mailboxes(w, s)
	if err != nil || !slices.Contains(list, part) {
		return err
	}
	list = slices.DeleteFunc(list, func(p store.Part) bool { return p == part })
	if len(list) == 0 {
		return Erase(w)
	}
	return fact.Put(w, s, "dir/rpps", list)
}

// Describe writes what is public of a mailbox.
func Describe(w store.Writer, s fact.Scope, b BAL) error { return fact.PutRight(w, s, "dir/bal", b) }

// Load reads what is public of a mailbox. ok is false if the partition holds
// none.
func Load(r store.Reader, s fact.Scope) (b BAL, ok bool, err error) {
	return fact.GetRight[BAL](r, s, "dir/bal")
}

// Erase removes what the record keeps in a mailbox's or an index partition.
func Erase(w store.Writer) error { return fact.Erase(w, "dir/") }
