package ident

import (
	"fmt"

	"vaguemestre/internal/fault"
)

// An RPPS is the number of a health professional: eleven digits, the last one
// a Luhn key. The zero value is no number. It is published in the annuaire, so
// it needs no pseudonym.
type RPPS struct{ s string }

// ParseRPPS reads eleven digits; anything else, or a wrong key, is
// fault.Invalid.
func ParseRPPS(s string) (RPPS, error) {
	if len(s) != 11 || !allDigits(s) || !luhn(s) {
		return RPPS{}, fmt.Errorf("ident: RPPS is not eleven digits with a right key: %w", fault.Invalid)
	}
	return RPPS{s}, nil
}

// MakeRPPS completes ten digits with their key.
func MakeRPPS(base string) (RPPS, error) {
	for k := byte('0'); k <= '9'; k++ {
		if r, err := ParseRPPS(base + string(k)); err == nil {
			return r, nil
		}
	}
	return RPPS{}, fmt.Errorf("ident: RPPS has not ten digits before its key: %w", fault.Invalid)
}

// String returns the eleven digits.
func (r RPPS) String() string { return r.s }

// A FINESS is the number of an establishment: nine characters, digits but for
// the A or B of a Corsican department. The zero value is no number. It is
// public.
type FINESS struct{ s string }

// ParseFINESS reads nine characters; anything else is fault.Invalid. The key
// is not checked: published numbers without a right one exist.
func ParseFINESS(s string) (FINESS, error) {
	if len(s) != 9 || !allDigits(s[:1]) || !allDigits(s[2:]) || !allDigits(s[1:2]) && s[1] != 'A' && s[1] != 'B' {
		return FINESS{}, fmt.Errorf("ident: FINESS is not nine digits: %w", fault.Invalid)
	}
	return FINESS{s}, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// luhn checks the last digit of s (ISO/IEC 7812-1 annex B).
func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
