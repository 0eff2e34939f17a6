package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"

	"vaguemestre/internal/fault"
)

// A box seals small values under one key with XAES-256-GCM (C2SP): AES-256-GCM
// under a key derived from the first half of a random 24-byte nonce. Plain
// AES-256-GCM allows 2³² values under one key before random nonces may meet,
// which a filing role reaches within months; this one has no such bound.
type box struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // CMAC subkey, NIST SP 800-38B §6.1
}

const (
	boxVersion  = 1 // first byte of what a box seals
	boxNonce    = 24
	boxOverhead = 1 + boxNonce + 16
)

// newBox returns the box for one use of a key. Uses have different labels, so
// that a key used twice is two keys.
func newBox(key []byte, label string) *box { return xaes(subkey(key, label)) }

// subkey derives the key of one use from a uniform key, by HKDF-SHA256.
func subkey(key []byte, label string) []byte {
	k, err := hkdf.Key(sha256.New, key, nil, "vaguemestre "+label, keySize)
	if err != nil {
		panic("keyring: hkdf: " + err.Error()) // only for absurd lengths
	}
	return k
}

func xaes(key []byte) *box {
	b := new(box)
	var err error
	if b.block, err = aes.NewCipher(key); err != nil {
		panic("keyring: aes: " + err.Error()) // only for a wrong key length
	}
	b.block.Encrypt(b.k1[:], b.k1[:])
	var msb byte
	for i := len(b.k1) - 1; i >= 0; i-- {
		msb, b.k1[i] = b.k1[i]>>7, b.k1[i]<<1|msb
	}
	b.k1[len(b.k1)-1] ^= byte(subtle.ConstantTimeSelect(int(msb), 0x87, 0))
	return b
}

// aead returns the AES-256-GCM of one nonce, and the nonce left for it: NIST SP
// 800-108 in counter mode over CMAC, two blocks, label "X".
func (b *box) aead(nonce []byte) (cipher.AEAD, []byte) {
	var key [keySize]byte
	for i := range 2 {
		m := key[i*aes.BlockSize : (i+1)*aes.BlockSize]
		copy(m, []byte{0, byte(i + 1), 'X', 0})
		copy(m[4:], nonce[:12])
		subtle.XORBytes(m, m, b.k1[:])
		b.block.Encrypt(m, m)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("keyring: aes: " + err.Error())
	}
	clear(key[:])
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("keyring: gcm: " + err.Error())
	}
	return gcm, nonce[12:boxNonce]
}

// seal appends to dst the version byte, the nonce and the ciphertext. The context
// is bound to them, and not stored.
func (b *box) seal(dst, plaintext []byte, context string) []byte {
	var nonce [boxNonce]byte
	_, _ = rand.Read(nonce[:]) // never fails: it ends the program
	gcm, rest := b.aead(nonce[:])
	dst = append(append(dst, boxVersion), nonce[:]...)
	return gcm.Seal(dst, rest, plaintext, boxContext(context))
}

// open appends the plaintext to dst. Whatever is wrong is fault.Corrupt.
func (b *box) open(dst, sealed []byte, context string) ([]byte, error) {
	if len(sealed) < boxOverhead || sealed[0] != boxVersion {
		return nil, fault.Corrupt
	}
	gcm, rest := b.aead(sealed[1 : 1+boxNonce])
	out, err := gcm.Open(dst, rest, sealed[1+boxNonce:], boxContext(context))
	if err != nil {
		return nil, fault.Corrupt
	}
	return out, nil
}

// boxContext is the associated data: the version is part of it.
func boxContext(context string) []byte {
	b := make([]byte, 0, 1+len(context))
	return append(append(b, boxVersion), context...)
}

// newKey returns a fresh random key.
func newKey() []byte {
	k := make([]byte, keySize)
	_, _ = rand.Read(k) // never fails: it ends the program
	return k
}
