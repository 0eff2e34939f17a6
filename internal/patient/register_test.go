package patient

import (
	"errors"
	"testing"

	"vaguemestre/internal/fault"
)

func TestSerialNumbersOfVitaleCards(t *testing.T) {
	r := newRecord(t)
	tests := []struct {
		model  CardModel
		serial string
		ok     bool
	}{
		{WithPhoto, "12345678901", true},
		{WithPhoto, "1234 567-890.1", true},
		{WithPhoto, "1234567890", false},
		{WithPhoto, "123456789012", false},
		{WithoutPhoto, "12345678", true},
		{WithoutPhoto, "1234567890123", true},
		{WithoutPhoto, "1234567", false},
		{WithoutPhoto, "12345678901234", false},
		{WithoutPhoto, "1234567a", false},
		{"", "12345678901", false},
		{"gold", "12345678901", false},
	}
	for _, tt := range tests {
		c, err := NewCard(r.Key, tt.model, tt.serial)
		if tt.ok != (err == nil) || !tt.ok && !errors.Is(err, fault.Invalid) {
			t.Errorf("%s %q gives %v", tt.model, tt.serial, err)
		}
		if tt.ok && len(c.Hash) != 32 {
			t.Errorf("%s %q is kept as %x", tt.model, tt.serial, c.Hash)
		}
	}
}

func TestACardIsRecognisedAsItsModelOnly(t *testing.T) {
	r := newRecord(t)
	card := func(m CardModel, serial string) Card {
		c, err := NewCard(r.Key, m, serial)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	i := Insured{Cards: []Card{card(WithPhoto, "12345678901"), card(WithoutPhoto, "87654321")}}
	if !i.Has(card(WithPhoto, "12345 678901")) || !i.Has(card(WithoutPhoto, "87654321")) {
		t.Error("an own card is not recognised")
	}
	if i.Has(card(WithoutPhoto, "12345678901")) || i.Has(card(WithPhoto, "00000000000")) || (Insured{}).Has(card(WithoutPhoto, "87654321")) {
		t.Error("another card is recognised")
	}
}
