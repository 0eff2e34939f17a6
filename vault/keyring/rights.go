package keyring

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"vaguemestre/internal/fault"
)

// A RightsKey signs what decides who may see what. It is random, not derived
// from the hub key, and kept wrapped under it; its public half is with every
// process that decides. It may be used from many goroutines.
type RightsKey struct {
	redacted
	key  []byte
	sign ed25519.PrivateKey
}

// A RightsVerifier is the public half of a RightsKey. The zero value verifies
// nothing.
type RightsVerifier struct{ public string }

const (
	rightsContext = "rights key"
	rightsTitle   = "vaguemestre rights certificate 1"
	rightsComment = "It verifies who may see what. It is no secret, but whoever replaces it decides: keep it where only the administrator writes."
)

// NewRightsKey makes a fresh key. Keep its Wrap before it is used.
func NewRightsKey() *RightsKey { return newRightsKey(newKey()) }

func newRightsKey(key []byte) *RightsKey {
	return &RightsKey{key: key, sign: ed25519.NewKeyFromSeed(subkey(key, "rights sign"))}
}

// WrapRightsKey returns the key wrapped under the ring; it panics on a nil Ring.
func (r *Ring) WrapRightsKey(k *RightsKey) []byte { return r.Wrap(k.key, rightsContext) }

// UnwrapRightsKey opens what WrapRightsKey gave, with the errors of Unwrap.
func (r *Ring) UnwrapRightsKey(sealed []byte) (*RightsKey, error) {
	key, err := r.Unwrap(sealed, rightsContext)
	if err != nil {
		return nil, fmt.Errorf("keyring: rights key: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("keyring: rights key: %w", fault.Corrupt)
	}
	return newRightsKey(key), nil
}

// RenewRightsKey returns what WrapRightsKey gave under the ring's newest key.
func (r *Ring) RenewRightsKey(sealed []byte) ([]byte, error) { return r.Renew(sealed, rightsContext) }

// Verifier returns the half that verifies; of a nil key, the zero one.
func (k *RightsKey) Verifier() RightsVerifier {
	if k == nil {
		return RightsVerifier{}
	}
	return RightsVerifier{string(k.sign.Public().(ed25519.PublicKey))}
}

// Sign signs a message for the use that the label names, with Ed25519.
func (k *RightsKey) Sign(label string, message []byte) []byte {
	return ed25519.Sign(k.sign, frame(label, string(message)))
}

// IsZero reports whether there is no key.
func (v RightsVerifier) IsZero() bool { return v.public == "" }

// Verify reports whether sig is the signature of message under that label.
func (v RightsVerifier) Verify(label string, message, sig []byte) bool {
	return len(v.public) == ed25519.PublicKeySize && ed25519.Verify([]byte(v.public), frame(label, string(message)), sig)
}

// Marshal returns the text of a file that ParseRightsVerifier reads.
func (v RightsVerifier) Marshal() []byte {
	return []byte(rightsTitle + "\n# " + rightsComment + "\n" + encodeKey([]byte(v.public)) + "\n")
}

// ParseRightsVerifier reads what Marshal wrote. Anything else is fault.Invalid.
func ParseRightsVerifier(text []byte) (RightsVerifier, error) {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), func(l string) bool {
		return strings.HasPrefix(l, "#")
	})
	if len(lines) != 2 || strings.TrimSpace(lines[0]) != rightsTitle {
		return RightsVerifier{}, fmt.Errorf("keyring: rights certificate: first line is not %q, or there is not one key: %w", rightsTitle, fault.Invalid)
	}
	public, err := base64.StdEncoding.DecodeString(strings.TrimSpace(lines[1]))
	if err != nil || len(public) != ed25519.PublicKeySize {
		return RightsVerifier{}, fmt.Errorf("keyring: rights certificate: not a key: %w", fault.Invalid)
	}
	return RightsVerifier{string(public)}, nil
}
