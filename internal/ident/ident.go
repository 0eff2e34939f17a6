// Package ident holds the identities of the field, each a type whose values
// are right by construction: the INS matricule of a patient, the RPPS of a
// professional, the FINESS of an establishment, the address of a mailbox.
//
// Canonical gives the characters, for a protocol or a sealed record. String
// and LogValue give a pseudonym, so that a %v, a %s or a log line cannot leak
// one; it is keyed with a secret of this process, so it cannot be enumerated,
// and the same person has the same pseudonym until the process ends.
package ident

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

var pseudonymKey = func() []byte {
	k := make([]byte, 32)
	rand.Read(k) // never fails, see crypto/rand
	return k
}()

func pseudonym(kind, s string) string {
	if s == "" {
		return kind + ":none"
	}
	m := hmac.New(sha256.New, pseudonymKey)
	m.Write([]byte(s))
	return kind + ":" + strings.ToLower(base32.StdEncoding.EncodeToString(m.Sum(nil)[:10]))
}
