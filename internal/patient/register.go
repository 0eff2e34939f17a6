package patient

import (
	"crypto/hmac"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// An Insured is what the register of the insured says of a patient beside the
// traits: by what they can be recognised, and on whose card they are.
type Insured struct {
	Cards      []Card    `json:",omitempty"` // Vitale cards in use
	Holder     string    `json:",omitempty"` // matricule of the person on whose card a child is
	Dependants []string  `json:",omitempty"` // matricules of those on this person's card
	Deceased   bool      `json:",omitempty"`
	Imported   time.Time // when the register last said so
}

// A Card is one Vitale card. Its serial number is what activation asks for, so
// that only its keyed hash is kept.
type Card struct {
	Model CardModel
	Hash  []byte
}

// A CardModel is what a Vitale card looks like, which says how its serial
// number is read.
type CardModel string

// The models.
const (
	WithPhoto    CardModel = "photo" // the last eleven digits
	WithoutPhoto CardModel = "plain" // eight to thirteen digits
)

// NewCard reads a serial number as people type it. A number that no card of
// that model has is fault.Invalid.
func NewCard(k *keyring.IndexKey, model CardModel, serial string) (Card, error) {
	serial = strings.Map(func(c rune) rune {
		if c == ' ' || c == '-' || c == '.' {
			return -1
		}
		return c
	}, serial)
	const digits = "0123456789"
	n := len(serial)
	right := model == WithPhoto && n == 11 || model == WithoutPhoto && n >= 8 && n <= 13
	if !right || strings.Trim(serial, digits) != "" {
		return Card{}, fmt.Errorf("patient: serial number of a Vitale card: the last 11 digits with a photo, 8 to 13 without: %w", fault.Invalid)
	}
	hash := k.MAC("patient/card", string(model), serial)
	return Card{model, hash[:]}, nil
}

// Has reports whether a card is one of the insured's, in constant time for each.
func (i Insured) Has(c Card) (has bool) {
	for _, own := range i.Cards {
		if own.Model == c.Model && hmac.Equal(own.Hash, c.Hash) {
			has = true
		}
	}
	return has
}

// Register keeps what the register of the insured says.
func Register(w store.Writer, s fact.Scope, i Insured) error {
	return fact.PutRight(w, s, "pat/insured", i)
}

// LoadInsured reads it. ok is false for one whom no register named.
func LoadInsured(r store.Reader, s fact.Scope) (i Insured, ok bool, err error) {
	return fact.GetRight[Insured](r, s, "pat/insured")
}

// Correct changes the traits that go with a matricule, as the register says
// them now.
func Correct(w store.Writer, s fact.Scope, t Traits) error {
	sp, ok, err := Load(w, s)
	if err != nil || !ok {
		return fmt.Errorf("patient: correct: %w", cmpErr(err, fault.NotFound))
	}
	sp.Traits = t
	return fact.PutRight(w, s, "pat/space", sp)
}

// Holds reports whether a matricule is of somebody on this person's card.
func (i Insured) Holds(m ident.Matricule) bool {
	for _, d := range i.Dependants {
		if d == m.Canonical() {
			return true
		}
	}
	return false
}
