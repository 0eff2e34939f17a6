package keyring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"vaguemestre/internal/fault"
)

// A Recipient is an OpenPGP key from outside the hub, to export to: the key that
// owners have in their own program.
type Recipient struct {
	entity *openpgp.Entity
	now    time.Time
}

const (
	maxRecipient = 256 << 10 // a key with many signatures on it
	maxRSA       = 8192      // bits: beyond that a key is made to cost time
)

// ParseRecipient reads one public key, armored or not, version 4 or 6. A key that
// is expired or revoked at now, that cannot encrypt, that is weak, that is a
// private one, or one among several, is fault.Invalid; the error says which.
func ParseRecipient(b []byte, now time.Time) (*Recipient, error) {
	r, err := parseRecipient(b, now)
	if err != nil {
		return nil, fmt.Errorf("keyring: parse recipient: %v: %w", err, fault.Invalid)
	}
	return r, nil
}

func parseRecipient(b []byte, now time.Time) (*Recipient, error) {
	if len(b) > maxRecipient {
		return nil, fmt.Errorf("larger than %d bytes", maxRecipient)
	}
	packets, err := unarmor(b)
	if err != nil {
		return nil, err
	}
	keys, err := openpgp.ReadKeyRing(packets)
	if err != nil {
		return nil, errors.New("not an OpenPGP key")
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("%d keys, want one", len(keys))
	}
	r := &Recipient{entity: keys[0], now: now}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// unarmor returns the packets of an armored key, or of one that is not.
func unarmor(b []byte) (io.Reader, error) {
	if len(b) > 0 && b[0]&0x80 != 0 { // a packet, RFC 9580 §4.2
		return bytes.NewReader(b), nil
	}
	block, err := armor.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, errors.New("not an OpenPGP key")
	}
	if block.Type != openpgp.PublicKeyType {
		return nil, errors.New("not a public key")
	}
	return block.Body, nil
}

// check refuses what must not be encrypted to, before any signature of the key
// costs time to verify.
func (r *Recipient) check() error {
	public := []*packet.PublicKey{r.entity.PrimaryKey}
	private := r.entity.PrivateKey != nil
	for _, s := range r.entity.Subkeys {
		public = append(public, s.PublicKey)
		private = private || s.PrivateKey != nil
	}
	if private {
		return errors.New("a private key: export the public one")
	}
	for _, k := range public {
		switch k.PubKeyAlgo {
		case packet.PubKeyAlgoElGamal, packet.PubKeyAlgoDSA:
			return errors.New("an algorithm that is no longer safe")
		case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoRSASignOnly:
			if bits, err := k.BitLength(); err != nil || bits > maxRSA {
				return fmt.Errorf("RSA of more than %d bits", maxRSA)
			}
		}
	}
	if _, err := r.entity.EncryptionKeyWithError(r.now, r.config()); err != nil {
		return errors.New("cannot be encrypted to: expired, revoked, weak or for signing only")
	}
	return nil
}

// Fingerprint returns the hexadecimal digits of the primary key, for a person to
// compare.
func (r *Recipient) Fingerprint() string {
	return hex.EncodeToString(r.entity.PrimaryKey.Fingerprint)
}

func (r *Recipient) config() *packet.Config {
	c := profile(maxChunk)
	c.Time = func() time.Time { return r.now }
	return c
}

// Export writes what it reads as a complete OpenPGP message that the recipient's
// own program opens: SEIPD version 2 for a key that says it reads that, version
// 1 with AES (which every program reads) for one that does not. The name is the
// file name the program will propose, at most 255 bytes.
func Export(w io.Writer, to *Recipient, name string, r io.Reader) error {
	if len(name) > maxName {
		return fmt.Errorf("keyring: export: name of %d bytes: %w", len(name), fault.Invalid)
	}
	out, err := openpgp.EncryptWithParams(w, []*openpgp.Entity{to.entity}, nil, &openpgp.EncryptParams{
		Hints:  &openpgp.FileHints{FileName: name},
		Config: to.config(),
	})
	if err != nil {
		return fmt.Errorf("keyring: export: %w", err)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, r, make([]byte, maxPiece)); err != nil {
		return fmt.Errorf("keyring: export: %w", err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("keyring: export: %w", err)
	}
	return nil
}
