package keyring

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"vaguemestre/internal/fault"
)

// maxCert bounds what ParseCert reads; ours have 1.9 KB.
const maxCert = 16 << 10

// A Cert is an owner's public half: it seals, and opens nothing. It is an
// OpenPGP version 6 certificate that names nobody. It may be used from many
// goroutines; parsing one verifies its signatures, so keep it when it is used
// often.
type Cert struct {
	raw    []byte
	id     string
	hybrid *packet.PublicKey // the ML-KEM-768+X25519 subkey
}

// ParseCert reads what Marshal wrote. Anything else, a private key above all,
// is fault.Corrupt.
func ParseCert(b []byte) (*Cert, error) {
	c, err := parseCert(b)
	if err != nil {
		return nil, fmt.Errorf("keyring: parse certificate: %w", fault.Corrupt)
	}
	return c, nil
}

func parseCert(b []byte) (*Cert, error) {
	// The first byte says "public key packet", RFC 9580 §4.2: no other
	// parser of the library is reached first.
	if len(b) == 0 || len(b) > maxCert || b[0] != 0xC6 {
		return nil, fault.Corrupt
	}
	packets := packet.NewReader(bytes.NewReader(b))
	e, err := openpgp.ReadEntity(packets)
	if err != nil {
		return nil, err
	}
	if _, err := packets.Next(); err != io.EOF {
		return nil, fault.Corrupt
	}
	if e.PrimaryKey.Version != 6 || len(e.Identities) != 0 {
		return nil, fault.Corrupt
	}
	for _, s := range e.Subkeys {
		if s.PrivateKey != nil {
			return nil, fault.Corrupt
		}
	}
	k, err := e.EncryptionKeyWithError(time.Time{}, profile(0))
	if err != nil {
		return nil, err
	}
	if k.PublicKey.PubKeyAlgo != packet.PubKeyAlgoMlkem768X25519 {
		return nil, fault.Corrupt
	}
	return &Cert{
		raw:    bytes.Clone(b),
		id:     hex.EncodeToString(e.PrimaryKey.Fingerprint),
		hybrid: k.PublicKey,
	}, nil
}

// Marshal returns the certificate as OpenPGP packets. The caller must not
// change them.
func (c *Cert) Marshal() []byte { return c.raw }

// Fingerprint returns the 64 hexadecimal digits of the primary key.
func (c *Cert) Fingerprint() string { return c.id }
