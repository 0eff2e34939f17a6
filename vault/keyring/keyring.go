// Package keyring holds the keys: it seals what the hub keeps, and opens it
// again for those who may read. It is the only package that sees a private key
// or imports an OpenPGP library.
//
// The chain, from the outside in:
//
//	Ring (hub key) ─┐
//	ErasureSecret ──┴─▶ Key (owner, private)   Cert (owner, public)
//	                       │ opens wraps          │ makes wraps
//	                       ▼                      ▼
//	                    Session (one message or document) ─▶ bodies, values
//
// Filing needs certificates only: with a [Cert] one makes a [Session], seals
// under it, and keeps its wraps; nothing in that path can open what was filed.
// Opening needs a [Ring] and the owner's [ErasureSecret]: without the ring the
// hub is sealed (fault.Sealed, a normal state); without the secret the owner is
// erased, and no copy of anything else brings them back. The ring is a file, a
// credential that systemd hands over, or a file that a PKCS #11 token seals; a
// [RightsKey] and an [AuditKey] are wrapped under it and sign.
//
// Formats. Owner keys, wraps and bodies are OpenPGP (RFC 9580): version 6 keys
// without user id, Ed25519 over ML-KEM-768+X25519 (RFC 9980, algorithm 35) and
// X25519; sessions are wrapped to the hybrid subkey only, for a hidden
// recipient; bodies are SEIPD version 2, AES-256-GCM. Small values, wrapped
// keys and facts are a version byte and XAES-256-GCM. Everything sealed is bound
// to a name or a context that the caller gives again to open it, so that sealed
// values cannot be exchanged for one another.
//
// What it promises: a value that opens is the value that was sealed, under that
// name, whole. What it does not: it does not say who sealed it, since whoever
// has a certificate may (signed heads and the trail say that); it decides
// nothing (that is policy), keeps nothing but its own key files, and compresses
// nothing. Whatever is wrong with sealed bytes, the error is one and the same
// fault.Corrupt.
package keyring

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// keySize is the length of every symmetric key here: AES-256, HMAC-SHA-256.
const keySize = 32

// birthday is the creation time written into every OpenPGP key and signature,
// so that a certificate does not tell when its owner came.
var birthday = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// profile returns the OpenPGP settings of everything the hub keeps.
func profile(chunk uint64) *packet.Config {
	return &packet.Config{
		V6Keys:        true,
		Algorithm:     packet.PubKeyAlgoEd25519,
		DefaultCipher: packet.CipherAES256,
		AEADConfig:    &packet.AEADConfig{DefaultMode: packet.AEADModeGCM, ChunkSize: chunk},
		Time:          func() time.Time { return birthday },
	}
}

// frame joins a label and fields so that no two lists give the same bytes:
// each is preceded by its length.
func frame(label string, fields ...string) []byte {
	var b bytes.Buffer
	var n [4]byte
	for _, f := range append([]string{label}, fields...) {
		binary.BigEndian.PutUint32(n[:], uint32(len(f)))
		b.Write(n[:])
		b.WriteString(f)
	}
	return b.Bytes()
}

// A redacted value prints as that word under every verb. Types that hold a key
// embed it.
type redacted struct{}

// Format implements fmt.Formatter.
func (redacted) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "redacted") }
