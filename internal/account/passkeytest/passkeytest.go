// Package passkeytest gives tests an authenticator in software, that makes and
// shows passkeys (WebAuthn level 3) without a browser.
package passkeytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// Flags of authenticator data (WebAuthn level 3, §6.1).
const (
	UserPresent  = 0x01
	UserVerified = 0x04
	hasKey       = 0x40
)

// A Key is a passkey and the browser around it. It does as good ones do, unless a
// test changes what it says.
type Key struct {
	ID      []byte // of the credential
	Handle  []byte // of the user, from its registration
	Count   uint32 // of signatures, as it says
	Flags   byte
	Origin  string // of the page, as the browser says
	Domain  string // of the relying party
	Another bool   // signs with a key that is not the passkey's

	t   testing.TB
	key *ecdsa.PrivateKey
}

// New makes a key for the pages at https:// and a domain.
func New(t testing.TB, domain string) *Key {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Key{t: t, key: key, ID: []byte(rand.Text()), Flags: UserPresent | UserVerified, Origin: "https://" + domain, Domain: domain}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// cborBytes is a byte string of CBOR (RFC 8949 §3).
func cborBytes(b []byte) []byte {
	if len(b) < 24 {
		return append([]byte{0x40 | byte(len(b))}, b...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0x59}, uint16(len(b))), b...)
}

// options is what both kinds of options have.
type options struct {
	PublicKey struct {
		Challenge string
		User      struct{ ID string }
	}
}

func (k *Key) read(raw []byte) (o options) {
	k.t.Helper()
	if err := json.Unmarshal(raw, &o); err != nil || o.PublicKey.Challenge == "" {
		k.t.Fatalf("options %s: %v", raw, err)
	}
	return o
}

func (k *Key) client(kind, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.Origin, "crossOrigin": false})
	return b
}

func (k *Key) data(flags byte) []byte {
	domain := sha256.Sum256([]byte(k.Domain))
	b := append(domain[:], flags)
	return binary.BigEndian.AppendUint32(b, k.Count)
}

// Makes answers a registration, with no attestation.
func (k *Key) Makes(raw []byte) []byte {
	o := k.read(raw)
	k.Handle, _ = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID)
	point, err := k.key.PublicKey.Bytes()
	if err != nil {
		k.t.Fatal(err)
	}
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21}, cborBytes(point[1:33])...)
	cose = append(append(cose, 0x22), cborBytes(point[33:])...)
	auth := append(k.data(k.Flags|hasKey), make([]byte, 16)...) // no AAGUID
	auth = append(binary.BigEndian.AppendUint16(auth, uint16(len(k.ID))), k.ID...)
	auth = append(auth, cose...)
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(object, 0x67), "attStmt"...)
	object = append(append(object, 0xa0, 0x68), "authData"...)
	object = append(object, cborBytes(auth)...)
	return k.answer(map[string]any{
		"clientDataJSON": b64(k.client("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64(object)})
}

// Answers answers a login.
func (k *Key) Answers(raw []byte) []byte {
	o := k.read(raw)
	client, auth := k.client("webauthn.get", o.PublicKey.Challenge), k.data(k.Flags)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(auth[:len(auth):len(auth)], hash[:]...))
	key := k.key
	if k.Another {
		key = New(k.t, k.Domain).key
	}
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		k.t.Fatal(err)
	}
	return k.answer(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(auth), "signature": b64(signature), "userHandle": b64(k.Handle)})
}

func (k *Key) answer(response map[string]any) []byte {
	b, _ := json.Marshal(map[string]any{"id": b64(k.ID), "rawId": b64(k.ID), "type": "public-key", "response": response})
	return b
}
