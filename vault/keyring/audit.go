package keyring

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"vaguemestre/internal/fault"
)

// An AuditKey signs what the trail must be able to prove: hub-wide checkpoints,
// for anybody to verify, and chain heads, for the hub alone. It is random, not
// derived from the hub key, and kept wrapped under it. It may be used from many
// goroutines.
type AuditKey struct {
	redacted
	key  []byte
	sign ed25519.PrivateKey
	mac  []byte
}

const auditContext = "audit key"

// NewAuditKey makes a fresh key. Keep its Wrap before it is used.
func NewAuditKey() *AuditKey { return newAuditKey(newKey()) }

func newAuditKey(key []byte) *AuditKey {
	return &AuditKey{
		key:  key,
		sign: ed25519.NewKeyFromSeed(subkey(key, "audit sign")),
		mac:  subkey(key, "audit mac"),
	}
}

// WrapAuditKey returns the key wrapped under the ring; it panics on a nil Ring.
func (r *Ring) WrapAuditKey(k *AuditKey) []byte { return r.Wrap(k.key, auditContext) }

// UnwrapAuditKey opens what WrapAuditKey gave, with the errors of Unwrap.
func (r *Ring) UnwrapAuditKey(sealed []byte) (*AuditKey, error) {
	key, err := r.Unwrap(sealed, auditContext)
	if err != nil {
		return nil, fmt.Errorf("keyring: audit key: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("keyring: audit key: %w", fault.Corrupt)
	}
	return newAuditKey(key), nil
}

// RenewAuditKey returns what WrapAuditKey gave under the ring's newest key.
func (r *Ring) RenewAuditKey(sealed []byte) ([]byte, error) { return r.Renew(sealed, auditContext) }

// Public returns the half that verifies. It is no secret.
func (k *AuditKey) Public() ed25519.PublicKey {
	return slices.Clone(k.sign.Public().(ed25519.PublicKey))
}

// Sign signs a message for the use that the label names, with Ed25519.
func (k *AuditKey) Sign(label string, message []byte) []byte {
	return ed25519.Sign(k.sign, frame(label, string(message)))
}

// VerifyAudit reports whether sig is the signature of message under that label
// by the key whose public half this is.
func VerifyAudit(public ed25519.PublicKey, label string, message, sig []byte) bool {
	return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, frame(label, string(message)), sig)
}

// MAC returns the HMAC-SHA-256 of a list of fields, as IndexKey.MAC does.
// Compare with hmac.Equal.
func (k *AuditKey) MAC(label string, fields ...string) [32]byte {
	return mac(k.mac, label, fields)
}
