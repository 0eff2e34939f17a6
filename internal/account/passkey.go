package account

import (
	"encoding/json"
	"fmt"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Passkey is one passkey of a person: a key pair of which an authenticator has
// the private half, and gives nothing away without having verified its holder.
type Passkey struct {
	ID      string
	Name    string // what its owner calls it
	Created time.Time
	Used    time.Time
}

// A passkey is a Passkey with its public key, as webauthn.go writes it.
type passkey struct {
	Passkey
	Credential json.RawMessage
}

const (
	passkeyPrefix = "acc/w/k/"

	// MaxPasskeys bounds the passkeys of one person.
	MaxPasskeys = 10
)

// ListPasskeys lists the passkeys of a person.
func ListPasskeys(r store.Reader, p *Pepper, s fact.Scope) (list []Passkey, err error) {
	kept, err := allRights[passkey](r, p, s, passkeyPrefix)
	for _, k := range kept {
		list = append(list, k.Passkey)
	}
	return list, err
}

// RemovePasskey ends a passkey. One that does not exist is fault.NotFound.
func RemovePasskey(w store.Writer, s fact.Scope, id string) error {
	b, err := fact.GetPublicRight(w, s, passkeyPrefix+id)
	if err == nil && b == nil {
		err = fmt.Errorf("account: passkey: %w", fault.NotFound)
	}
	if err != nil {
		return err
	}
	return fact.DeleteRight(w, s, passkeyPrefix+id)
}
