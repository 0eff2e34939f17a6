package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/runes"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"vaguemestre/internal/fault"
)

// A Cost is what a hash of Argon2id costs (RFC 9106 §4). It is kept with each
// hash: another one changes new hashes, and old ones at their next login.
type Cost struct {
	Time, Memory uint32 // passes, KiB
	Threads      uint8
}

// DefaultCost is the least that OWASP asks for.
var DefaultCost = Cost{Time: 2, Memory: 19 << 10, Threads: 1}

// A verifier is what is kept of a password.
type verifier struct {
	Cost
	Salt, Hash []byte
}

// hash runs Argon2id over the peppered password, when a slot is free.
func (p *Pepper) hash(ctx context.Context, a Cost, salt []byte, password string) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("account: hash: %v: %w", ctx.Err(), fault.Unavailable)
	}
	p.hashes.Add(1)
	return argon2.IDKey(p.MAC("password", password), salt, a.Time, a.Memory, a.Threads, 32), nil
}

func (p *Pepper) newVerifier(ctx context.Context, password string) (v verifier, err error) {
	v = verifier{Cost: p.Cost, Salt: randomBytes(16)}
	v.Hash, err = p.hash(ctx, v.Cost, v.Salt, normalPassword(password))
	return v, err
}

// matches does the same work whether there is a verifier or not.
func (p *Pepper) matches(ctx context.Context, v verifier, password string) (bool, error) {
	known := len(v.Hash) > 0
	if !known {
		v = verifier{Cost: p.Cost, Salt: make([]byte, 16), Hash: make([]byte, 32)}
	}
	if len(password) > maxPassword {
		password = "" // not worth hashing; no password is empty
	}
	got, err := p.hash(ctx, v.Cost, v.Salt, normalPassword(password))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, v.Hash) == 1 && known, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// normalPassword makes the forms in which keyboards write one password one
// (RFC 8265 §4.2). What is no password under it stays as it is.
func normalPassword(s string) string {
	if n, err := precis.OpaqueString.String(s); err == nil {
		return n
	}
	return s
}

const (
	// MinPassword is the least number of characters. With four kinds of
	// characters, a limit on tries and a second factor it is above what the
	// CNIL asks for (deliberation 2022-100, second case: 50 bits).
	MinPassword = 9

	maxPassword = 256 // bytes
)

// A Weakness is a rule that a password breaks.
type Weakness struct {
	Rule   string
	FR, EN string
}

// The weaknesses, in the order in which they are told.
var weaknesses = []struct {
	Weakness
	breaks func(password string, about Personal) bool
}{
	{Weakness{"password/form", "Le mot de passe contient un caractère qui ne peut pas être utilisé, ou dépasse 256 octets.",
		"The password has a character that cannot be used, or is longer than 256 bytes."},
		func(s string, _ Personal) bool {
			_, err := precis.OpaqueString.String(s)
			return err != nil && s != "" || len(s) > maxPassword || !utf8.ValidString(s)
		}},
	{Weakness{"password/short", "Le mot de passe doit compter au moins 9 caractères.", "The password needs 9 characters or more."},
		func(s string, _ Personal) bool { return utf8.RuneCountInString(s) < MinPassword }},
	{Weakness{"password/no-lower", "Il manque une lettre minuscule.", "A lower-case letter is missing."}, lacks(unicode.IsLower)},
	{Weakness{"password/no-upper", "Il manque une lettre majuscule.", "An upper-case letter is missing."}, lacks(unicode.IsUpper)},
	{Weakness{"password/no-digit", "Il manque un chiffre.", "A digit is missing."}, lacks(unicode.IsDigit)},
	{Weakness{"password/no-special", "Il manque un caractère spécial.", "A special character is missing."},
		lacks(func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })},
	{Weakness{"password/personal", "Le mot de passe contient votre nom, votre date de naissance, votre numéro de sécurité sociale ou votre identifiant.",
		"The password contains your name, your date of birth, your social security number or your login."},
		func(s string, about Personal) bool { return about.in(s) }},
	{Weakness{"password/common", "Ce mot de passe est trop courant : il serait deviné en peu d'essais.",
		"This password is too common: it would be guessed in a few tries."},
		func(s string, _ Personal) bool { return isCommon(s) }},
}

func lacks(is func(rune) bool) func(string, Personal) bool {
	return func(s string, _ Personal) bool { return !strings.ContainsFunc(s, is) }
}

// Weaknesses lists the rules that a password breaks: none if it may be chosen.
func Weaknesses(password string, about Personal) (list []Weakness) {
	for _, w := range weaknesses {
		if w.breaks(password, about) {
			list = append(list, w.Weakness)
		}
	}
	return list
}

// Personal is what others may know of a person, and a password must not hold.
type Personal struct {
	Names     []string // birth name, first names, name used
	BirthDate string   // YYYYMMDD, 00 where unknown
	Matricule string   // digits
	Login     string
}

// in reports whether something personal is in a password.
func (a Personal) in(password string) bool {
	folded, digits := fold(password), onlyDigits(password)
	for _, name := range append(slices.Clone(a.Names), a.Login) {
		for _, word := range strings.FieldsFunc(plain(name), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			if len(word) >= 3 && (strings.Contains(folded, fold(word)) || strings.Contains(plain(password), word)) {
				return true
			}
		}
	}
	for _, d := range dateForms(a.BirthDate) {
		if strings.Contains(digits, d) {
			return true
		}
	}
	const long = 6 // digits of the matricule in a row
	for i := 0; i+long <= len(a.Matricule); i++ {
		if strings.Contains(digits, a.Matricule[i:i+long]) {
			return true
		}
	}
	return false
}

// dateForms lists how people write their birth date in digits.
func dateForms(d string) (forms []string) {
	if len(d) != 8 || onlyDigits(d) != d {
		return nil
	}
	year, short, month, day := d[:4], d[2:4], d[4:6], d[6:]
	if year != "0000" {
		forms = append(forms, year)
	}
	if month != "00" && day != "00" {
		forms = append(forms, day+month+short, short+month+day, month+day+short, day+month+year, year+month+day)
	}
	return forms
}

func onlyDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s)
}

// plain is s in lower case without accents.
func plain(s string) string {
	t := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)))
	if out, _, err := transform.String(t, s); err == nil {
		s = out
	}
	return strings.ToLower(s)
}

// fold is plain with the usual disguises undone: p@ssw0rd is password.
func fold(s string) string {
	return strings.NewReplacer("@", "a", "4", "a", "0", "o", "1", "i", "!", "i", "|", "i", "3", "e", "€", "e",
		"5", "s", "$", "s", "7", "t", "+", "t", "8", "b", "9", "g").Replace(plain(s))
}

// blocked is our own list of words that people choose, French and English, one
// a line.
//
//go:embed blocked.txt
var blockedText string

var blocked = func() map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(blockedText) {
		if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "#") {
			set[word] = true
		}
	}
	return set
}()

// isCommon reports whether a password is a word of the list with ornaments, a
// row of keys or of the alphabet, or few characters over and over.
func isCommon(s string) bool {
	bare := strings.TrimFunc(plain(s), notLetter)
	for _, form := range []string{bare, strings.TrimFunc(fold(s), notLetter), fold(bare), lettersOf(bare), lettersOf(fold(s))} {
		if blocked[form] || isRow(form) || madeOfBlocked(form) {
			return true
		}
	}
	distinct := map[rune]bool{}
	for _, c := range plain(s) {
		distinct[c] = true
	}
	return len(distinct) < 5
}

func notLetter(c rune) bool { return !unicode.IsLetter(c) }

func lettersOf(s string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsLetter(c) {
			return -1
		}
		return c
	}, s)
}

// madeOfBlocked reports whether a word is two words of the list.
func madeOfBlocked(s string) bool {
	for i := 3; i+3 <= len(s); i++ {
		if blocked[s[:i]] && blocked[s[i:]] {
			return true
		}
	}
	return false
}

// rows are how keys and letters follow each other.
var rows = []string{"abcdefghijklmnopqrstuvwxyz", "azertyuiopqsdfghjklmwxcvbn", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm",
	"aqwzsxedcrfvtgbyhnujikolpm", "qazwsxedcrfvtgbyhnujmikolp"}

func isRow(s string) bool {
	if len(s) < 4 {
		return false
	}
	backwards := []rune(s)
	slices.Reverse(backwards)
	for _, row := range rows {
		if strings.Contains(row, s) || strings.Contains(row, string(backwards)) {
			return true
		}
	}
	return false
}
