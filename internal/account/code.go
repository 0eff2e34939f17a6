package account

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Purpose says what a code is for. A code for one is none for another.
type Purpose string

// The purposes.
const (
	LoginCode      Purpose = "login"
	ActivationCode Purpose = "activation"
	MailCode       Purpose = "mail"  // that a mail address is the person's
	PhoneCode      Purpose = "phone" // that a phone is
)

const (
	// CodeGap is how long one waits between two codes (MIN_DELAY_ERROR).
	CodeGap = 30 * time.Second

	// CodeTries is how often a code may be tried.
	CodeTries = 5
)

// A shape is how the codes of a purpose look and how long they live.
type shape struct {
	alphabet string
	length   int
	life     time.Duration
}

const (
	digits = "0123456789"

	// unambiguous leaves out what is mistaken for something else: 0 O o, 1 I l i.
	unambiguous = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz"
)

var shapes = map[Purpose]shape{
	LoginCode:      {digits, 6, 10 * time.Minute},
	ActivationCode: {unambiguous, 8, 24 * time.Hour},
	MailCode:       {digits, 6, 30 * time.Minute},
	PhoneCode:      {digits, 6, 10 * time.Minute},
}

// Life returns how long a code lives that IssueCode is not told otherwise.
func (u Purpose) Life() time.Duration { return shapes[u].life }

// A CodeResult is what became of a code that somebody tried.
type CodeResult string

// The results. All but the first and the second are told only to whoever holds
// the code: they say nothing to those who guess.
const (
	CodeRight     CodeResult = "right"
	CodeWrong     CodeResult = "wrong"
	CodeExpired   CodeResult = "expired"
	CodeUsed      CodeResult = "used"
	CodeExhausted CodeResult = "exhausted" // tried wrongly too often before
)

// A code is what is kept of one: its hash under the pepper.
type code struct {
	Hash    []byte
	Made    time.Time
	Expires time.Time
	Tries   int
	Used    bool
	For     store.Part `json:",omitempty"` // of an activation: whose space; none: nobody's
}

func codeKey(u Purpose) string { return "acc/w/c/" + string(u) }

// ErrTooSoon says that a code was asked for less than CodeGap after another.
var ErrTooSoon = fmt.Errorf("account: code: too soon after another: %w", fault.Throttled)

// IssueCode makes a code and returns it, to be sent; it ends the one before.
// life 0 is the purpose's own. Sooner than CodeGap after another it is
// ErrTooSoon.
func IssueCode(w store.Writer, p *Pepper, part store.Part, u Purpose, life time.Duration, now time.Time) (string, error) {
	return issue(w, p, part, u, code{Made: now, Expires: now.Add(life)}, now)
}

func issue(w store.Writer, p *Pepper, part store.Part, u Purpose, c code, now time.Time) (string, error) {
	sh, ok := shapes[u]
	if !ok {
		return "", fmt.Errorf("account: code: %w", fault.Invalid)
	}
	old, ok, err := get[code](w, p, part, codeKey(u))
	if err != nil {
		return "", err
	}
	if wait := now.Sub(old.Made); ok && wait >= 0 && wait < CodeGap {
		return "", ErrTooSoon
	}
	if !c.Expires.After(now) {
		c.Expires = now.Add(sh.life)
	}
	text, err := sh.draw()
	if err != nil {
		return "", err
	}
	c.Hash = hashCode(p, part, u, text)
	return text, put(w, p, part, codeKey(u), c)
}

// draw makes a code; each is as likely as any other.
func (sh shape) draw() (string, error) {
	var b strings.Builder
	for range sh.length {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(sh.alphabet))))
		if err != nil {
			return "", fmt.Errorf("account: code: %v: %w", err, fault.Internal)
		}
		b.WriteByte(sh.alphabet[n.Int64()])
	}
	return b.String(), nil
}

func hashCode(p *Pepper, part store.Part, u Purpose, text string) []byte {
	return p.MAC("code", string(part), string(u), text)
}

// CheckCode tries a code: it is counted, and used if it is right. The caller
// commits whatever the result, or tries would be for free.
func CheckCode(w store.Writer, p *Pepper, part store.Part, u Purpose, text string, now time.Time) (CodeResult, error) {
	result, _, err := try(w, p, part, u, text, now)
	return result, err
}

// try does the same work and the same writes whether there is a code or not.
func try(w store.Writer, p *Pepper, part store.Part, u Purpose, text string, now time.Time) (CodeResult, store.Part, error) {
	c, _, err := get[code](w, p, part, codeKey(u))
	if err != nil {
		return "", "", err
	}
	if len(text) > maxLogin {
		text = ""
	}
	right := subtle.ConstantTimeCompare(c.Hash, hashCode(p, part, u, strings.TrimSpace(text))) == 1
	result := CodeWrong
	switch {
	case !right:
		c.Tries++
	case c.Used:
		result = CodeUsed
	case !now.Before(c.Expires):
		result = CodeExpired
	case c.Tries >= CodeTries:
		result = CodeExhausted
	default:
		result, c.Used = CodeRight, true
	}
	whose := c.For
	if result != CodeRight {
		whose = ""
	}
	return result, whose, put(w, p, part, codeKey(u), c)
}

// ActivationPart names the partition of the activation code of whoever claims
// to be somebody, with what they say of themselves: it exists as soon as they
// ask, whether there is such a person or not.
func ActivationPart(k *keyring.IndexKey, claim ...string) store.Part {
	return indexPart(k, "account/activation", claim...)
}

// IssueActivation makes a provisional code in an ActivationPart, for the space in
// the partition whose. With no such space the code is nobody's, and all else is
// the same.
func IssueActivation(w store.Writer, p *Pepper, part, whose store.Part, life time.Duration, now time.Time) (string, error) {
	return issue(w, p, part, ActivationCode, code{Made: now, Expires: now.Add(life), For: whose}, now)
}

// RedeemActivation tries a provisional code, as CheckCode does, and returns whose
// space it is for. A code that is nobody's is CodeWrong.
func RedeemActivation(w store.Writer, p *Pepper, part store.Part, text string, now time.Time) (CodeResult, store.Part, error) {
	result, whose, err := try(w, p, part, ActivationCode, text, now)
	if result == CodeRight && whose == "" {
		result = CodeWrong
	}
	return result, whose, err
}

// codeMemory is how long after its end a code is still known, so that its holder
// hears that it has expired rather than that it is wrong.
const codeMemory = 7 * 24 * time.Hour

// SweepCodes removes the codes of a partition whose end is long past.
func SweepCodes(w store.Writer, p *Pepper, part store.Part, now time.Time) error {
	for u := range shapes {
		c, ok, err := get[code](w, p, part, codeKey(u))
		if err != nil {
			return err
		}
		if ok && now.Sub(c.Expires) > codeMemory {
			w.Delete(codeKey(u))
		}
	}
	return nil
}
