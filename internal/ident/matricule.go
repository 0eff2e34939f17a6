package ident

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"vaguemestre/internal/fault"
)

// A Matricule is an INS matricule: thirteen characters and a two-digit key.
// The zero value is no matricule. Values can be compared with ==.
type Matricule struct{ s string }

// ParseMatricule reads the fifteen characters of an INS matricule, a NIR or a
// NIA. Spaces are ignored and case does not matter. A wrong length, form or
// key is fault.Invalid, and the error says which, without the characters.
//
// The form and the key, 97 - (N mod 97) with 2A read as 19 and 2B as 18, are
// those of the official validator of the Assurance maladie. Month 20 to 99
// stands for an unknown month of birth.
func ParseMatricule(s string) (Matricule, error) {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	m, key, err := parseMatriculeForm(s)
	if err != nil {
		return Matricule{}, err
	}
	if want := m.key(); key != want {
		return Matricule{}, fmt.Errorf("ident: matricule key is wrong: %w", fault.Invalid)
	}
	return m, nil
}

// ParseMatriculeBase reads fifteen characters as ParseMatricule does, but
// accepts a wrong key and says so: documents carry such matricules, and the
// thirteen characters still say whom they concern.
func ParseMatriculeBase(s string) (m Matricule, keyIsRight bool, err error) {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	m, key, err := parseMatriculeForm(s)
	if err != nil {
		return Matricule{}, false, err
	}
	return m, key == m.key(), nil
}

// parseMatriculeForm checks everything but the key, which it returns.
func parseMatriculeForm(s string) (Matricule, int, error) {
	if len(s) != 15 {
		return Matricule{}, 0, fmt.Errorf("ident: matricule has %d characters, not 15: %w", len(s), fault.Invalid)
	}
	for i := range len(s) {
		digit := s[i] >= '0' && s[i] <= '9'
		corsican := i == 6 && s[5] == '2' && (s[6] == 'A' || s[6] == 'B')
		if !digit && !corsican {
			return Matricule{}, 0, fmt.Errorf("ident: matricule has a character that is no digit: %w", fault.Invalid)
		}
	}
	switch month := s[3:5]; {
	case strings.IndexByte("1278", s[0]) < 0:
		return Matricule{}, 0, fmt.Errorf("ident: matricule begins with neither 1, 2, 7 nor 8: %w", fault.Invalid)
	case month == "00" || (month > "12" && month < "20"):
		return Matricule{}, 0, fmt.Errorf("ident: matricule has no such month of birth: %w", fault.Invalid)
	}
	key, _ := strconv.Atoi(s[13:])
	return Matricule{s[:13] + fmt.Sprintf("%02d", Matricule{s[:13]}.key())}, key, nil
}

// MakeMatricule completes thirteen characters with their key.
func MakeMatricule(base string) (Matricule, error) {
	if len(base) != 13 {
		return Matricule{}, fmt.Errorf("ident: matricule has %d characters before its key, not 13: %w", len(base), fault.Invalid)
	}
	m, _, err := parseMatriculeForm(strings.ToUpper(base) + "00")
	return m, err
}

// key computes the key of the first thirteen characters.
func (m Matricule) key() int {
	n := 0
	for i := range 13 {
		switch c := m.s[i]; c { // 2A counts as 19, 2B as 18
		case 'A':
			n = (n-1)*10 + 9
		case 'B':
			n = (n-1)*10 + 8
		default:
			n = n*10 + int(c-'0')
		}
	}
	return 97 - n%97
}

// Canonical returns the fifteen characters. Call it only to write the
// matricule into a protocol or a sealed record.
func (m Matricule) Canonical() string { return m.s }

// IsZero reports whether m is no matricule.
func (m Matricule) IsZero() bool { return m.s == "" }

// Invented reports whether m is of the range this project invents people in:
// sex 1 or 2, month 20, department 99, commune 999. No real person can have
// such a matricule, so it is accepted in test mode only.
func (m Matricule) Invented() bool {
	return len(m.s) == 15 && (m.s[0] == '1' || m.s[0] == '2') && m.s[3:10] == "2099999"
}

// String returns a pseudonym, so that %v and %s cannot leak.
func (m Matricule) String() string { return pseudonym("ins", m.s) }

// GoString does as String does, for %#v.
func (m Matricule) GoString() string { return m.String() }

// LogValue implements slog.LogValuer.
func (m Matricule) LogValue() slog.Value { return slog.StringValue(m.String()) }
