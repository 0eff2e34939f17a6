package patient

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Contact is how the patient is told that something has happened. It is
// sealed to the owner of the space: where a notice goes is known to whoever
// holds the hub key, when it leaves, and to the patient. Codes that let somebody
// in go there too, so that it is a right.
//
//	pat/contact   the contact, sealed to the owner, a right
type Contact struct {
	Mail         string    `json:",omitempty"` // canonical
	MailChecked  time.Time `json:",omitzero"`  // when a code sent there came back
	Phone        string    `json:",omitempty"` // E.164: +33639980001
	PhoneChecked time.Time `json:",omitzero"`
	Phrase       string    `json:",omitempty"` // by which the patient knows our messages from forged ones

	NewMail  string `json:",omitempty"` // a code was sent there and has not come back
	NewPhone string `json:",omitempty"`
}

// HasMail and HasPhone report whether codes may be sent there: it was checked.
func (c Contact) HasMail() bool { return c.Mail != "" && !c.MailChecked.IsZero() }

// HasPhone is HasMail for the phone.
func (c Contact) HasPhone() bool { return c.Phone != "" && !c.PhoneChecked.IsZero() }

const (
	contactKey     = "pat/contact"
	contactVersion = 1
	maxPhrase      = 80 // bytes
	maxMail        = 254
)

// ParseMail returns the canonical form of a mail address of any provider.
func ParseMail(s string) (string, error) {
	a, err := ident.ParseAddress(strings.TrimSpace(s))
	if err != nil || len(s) > maxMail {
		return "", fmt.Errorf("patient: mail address: %w", fault.Invalid)
	}
	return a.Canonical(), nil
}

// ParsePhone returns the E.164 form of a phone number: what begins with 0 is
// French.
func ParsePhone(s string) (string, error) {
	wrong := fmt.Errorf("patient: phone number: %w", fault.Invalid)
	if len(s) > 40 {
		return "", wrong
	}
	s = strings.NewReplacer(" ", "", ".", "", "-", "", "(0)", "", "\u00a0", "", "\u202f", "").Replace(s)
	if rest, ok := strings.CutPrefix(s, "00"); ok {
		s = "+" + rest
	}
	if rest, ok := strings.CutPrefix(s, "0"); ok {
		if s = "+33" + rest; len(rest) != 9 {
			return "", wrong
		}
	}
	digits, ok := strings.CutPrefix(s, "+")
	if !ok || len(digits) < 8 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" || digits[0] == '0' {
		return "", wrong
	}
	if rest, ok := strings.CutPrefix(digits, "33"); ok && (len(rest) != 9 || rest[0] == '0') {
		return "", wrong
	}
	return s, nil
}

// MobilePhone reports whether a number in E.164 form takes text messages, as far
// as it tells: a French one begins with 6 or 7.
func MobilePhone(e164 string) bool {
	rest, french := strings.CutPrefix(e164, "+33")
	return !french || strings.HasPrefix(rest, "6") || strings.HasPrefix(rest, "7")
}

// ParsePhrase returns the phrase of a patient as it is kept: one line that can
// be shown. The empty phrase is none.
func ParsePhrase(s string) (string, error) {
	s = strings.Join(strings.Fields(s), " ")
	odd := func(c rune) bool { return !unicode.IsPrint(c) }
	if len(s) > maxPhrase || !utf8.ValidString(s) || strings.ContainsFunc(s, odd) || strings.Contains(s, "://") {
		return "", fmt.Errorf("patient: a phrase has %d printable bytes at most, and no link: %w", maxPhrase, fault.Invalid)
	}
	return s, nil
}

// MaskMail shows enough of a mail address for its owner to know it:
// "a•••@e•••.test".
func MaskMail(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" {
		return ""
	}
	top := strings.LastIndexByte(domain, '.')
	if top <= 0 {
		top = len(domain)
	}
	return local[:1] + "•••@" + domain[:1] + "•••" + domain[top:]
}

// MaskPhone shows the last two digits of a number.
func MaskPhone(s string) string {
	if len(s) < 4 {
		return ""
	}
	return "•• •• •• •• " + s[len(s)-2:]
}

// SetContact writes the contact of the partition's owner.
func SetContact(w store.Writer, s fact.Scope, owner *keyring.Cert, c Contact) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("patient: contact: %w", err)
	}
	k, wraps, err := keyring.NewSession(owner)
	if err != nil {
		return fmt.Errorf("patient: contact: %w", err)
	}
	defer k.Wipe()
	value := binary.AppendUvarint([]byte{contactVersion}, uint64(len(wraps)))
	value = append(value, wraps...)
	return fact.PutPublicRight(w, s, contactKey, k.SealValue(value, text, contactContext(s)))
}

// HasContact reports whether a partition's owner has a contact, without opening
// it.
func HasContact(r store.Reader) (bool, error) {
	b, err := r.Get(contactKey)
	return b != nil, err
}

// LoadContact opens the contact of a partition's owner. ok is false if there is
// none.
func LoadContact(r store.Reader, s fact.Scope, owner keyring.Opener) (c Contact, ok bool, err error) {
	b, err := fact.GetPublicRight(r, s, contactKey)
	if err != nil || b == nil {
		return c, false, err
	}
	wraps, sealed, ok := splitContact(b)
	if !ok {
		return c, false, fmt.Errorf("patient: contact: %w", fault.Corrupt)
	}
	k, err := owner.Open(wraps)
	if err != nil {
		return c, false, fmt.Errorf("patient: contact: %w", err)
	}
	defer k.Wipe()
	text, err := k.OpenValue(nil, sealed, contactContext(s))
	if err != nil {
		return c, false, fmt.Errorf("patient: contact: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, false, fmt.Errorf("patient: contact: %w", fault.Corrupt)
	}
	return c, true, nil
}

func contactContext(s fact.Scope) string { return string(s.Part) + "/" + contactKey }

func splitContact(b []byte) (wraps, sealed []byte, ok bool) {
	if len(b) == 0 || b[0] != contactVersion {
		return nil, nil, false
	}
	n, used := binary.Uvarint(b[1:])
	rest := b[1:]
	if used <= 0 || n > uint64(len(rest)-used) {
		return nil, nil, false
	}
	rest = rest[used:]
	return rest[:n], rest[n:], true
}
