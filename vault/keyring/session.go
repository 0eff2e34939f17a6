package keyring

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"vaguemestre/internal/fault"
)

// A Session is one session key: of one message, one document, one trail. It
// seals and opens; its wraps say who can get it back. Since every body and
// every value derives a key of its own, one session may seal any number of
// both. It may be used from many goroutines, Wipe apart.
type Session struct {
	redacted
	key    [keySize]byte
	values func() *box
}

// NewSession makes a session with a fresh key, and wraps it for certificates.
// The wraps are OpenPGP PKESK packets, one for each and in that order, that do
// not say whom they are for.
func NewSession(to ...*Cert) (s *Session, wraps []byte, err error) {
	if s, err = SessionFromKey(newKey()); err != nil {
		return nil, nil, err
	}
	if wraps, err = s.Wrap(to...); err != nil {
		return nil, nil, err
	}
	return s, wraps, nil
}

// SessionFromKey returns the session with that key, as Key gave it.
func SessionFromKey(key []byte) (*Session, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("keyring: session from key: %w", fault.Corrupt)
	}
	s := new(Session)
	copy(s.key[:], key)
	s.values = sync.OnceValue(func() *box { return newBox(s.key[:], "value") })
	return s, nil
}

// Key returns the 32 bytes of the session key. Keep them only inside values
// that are sealed to the same owner.
func (s *Session) Key() []byte { return bytes.Clone(s.key[:]) }

// Wipe overwrites the key, as far as Go lets us; the session is of no use
// afterwards.
func (s *Session) Wipe() { clear(s.key[:]) }

// Wrap makes wraps for more certificates: to share, or to change an owner's
// key without touching what is sealed.
func (s *Session) Wrap(to ...*Cert) ([]byte, error) {
	const size = 1200 // of one wrap
	if len(to) == 0 {
		return nil, fmt.Errorf("keyring: wrap: for nobody: %w", fault.Invalid)
	}
	var w bytes.Buffer
	w.Grow(len(to) * size)
	for _, c := range to {
		err := packet.SerializeEncryptedKeyAEADwithHiddenOption(
			&w, c.hybrid, packet.CipherAES256, true, s.key[:], true, nil)
		if err != nil {
			return nil, fmt.Errorf("keyring: wrap: %v: %w", err, fault.Internal)
		}
	}
	return w.Bytes(), nil
}

// SealValue appends to dst a small value sealed under the session: a version
// byte, a nonce, the ciphertext; 41 bytes more than the plaintext. The context
// names the place of the value; it is not stored, and OpenValue needs it again.
func (s *Session) SealValue(dst, plaintext []byte, context string) []byte {
	return s.values().seal(dst, plaintext, context)
}

// OpenValue appends to dst the plaintext of what SealValue gave. A change of
// any bit, another context or another session is fault.Corrupt.
func (s *Session) OpenValue(dst, sealed []byte, context string) ([]byte, error) {
	out, err := s.values().open(dst, sealed, context)
	if err != nil {
		return nil, fmt.Errorf("keyring: open value: %w", err)
	}
	return out, nil
}
