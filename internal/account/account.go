// Package account is the record of who may log in, and with what.
//
// Mail programs log in with application passwords, one per device, named and
// revocable. Such a password is random and long, so it needs no slow hash; what is
// kept of it are the keys of SCRAM-SHA-256, made when it is, which do not let
// anybody log in.
//
// People log in through the web: a name and a password of their choosing, and a
// second factor each time: a code, an authenticator, a passkey. What they prove
// themselves with is kept under the pepper, which a role without the hub key does
// not have. What they get is a session, and programs on their behalf a token.
//
// It sends nothing, asks no policy and writes no trail: that is the door's.
//
// Its keys begin with "acc/":
//
//	acc/salt          the salt of the application passwords, a right
//	acc/p/<id>        one application password, a right
//	acc/a/<id>        one authorization of a program, a right
//	acc/s/<id>        one session, a right
//	acc/w/person      who may log in through the web, under the pepper, a right
//	acc/w/c/<purpose> a code that was sent, under the pepper
//	acc/w/totp        an authenticator, under the pepper, a right; /new until it is confirmed
//	acc/w/k/<id>      a passkey, under the pepper, a right
//	acc/w/seen/<mac>  a challenge that was answered, under the pepper
//	acc/at            in the partition of a login: whose it is, a fact
//	acc/pepper        in the hub's partition: the pepper, wrapped
package account

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

const (
	// Iterations is the least that RFC 7677 §4 asks for. A password of 130
	// random bits is out of reach with one iteration as well.
	Iterations = 4096

	// MaxPasswords bounds the devices of one account, and so the work of
	// a login.
	MaxPasswords = 20

	maxName = 60
)

// A Password is one application password, without its secret.
type Password struct {
	ID      string
	Device  string // what the owner calls the device
	Created time.Time
}

type password struct {
	ID, Device           string
	Created              int64
	StoredKey, ServerKey []byte
}

// Create makes the account of a partition. It has no password yet.
func Create(w store.Writer, s fact.Scope) error {
	salt := make([]byte, 16)
	rand.Read(salt)
	return fact.PutRight(w, s, "acc/salt", salt)
}

// AddPassword makes an application password for the device of that name and
// returns it: it is shown once, and cannot be had again. An empty, over-long
// or unprintable name is fault.Invalid, a name in use fault.Exists, one device too many
// fault.Quota.
func AddPassword(w store.Writer, s fact.Scope, device string, now time.Time) (secret string, err error) {
	if device = strings.TrimSpace(device); !isName(device) {
		return "", fmt.Errorf("account: a device is named in 1 to %d printable bytes: %w", maxName, fault.Invalid)
	}
	salt, ok, err := fact.GetRight[[]byte](w, s, "acc/salt")
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("account: add password: %w", fault.NotFound)
	}
	n := 0
	for p, err := range fact.AllRights[password](w, s, "acc/p/") {
		if err != nil {
			return "", err
		}
		if n++; p.Device == device {
			return "", fmt.Errorf("account: a device of that name: %w", fault.Exists)
		}
	}
	if n >= MaxPasswords {
		return "", fmt.Errorf("account: %d devices are the most: %w", MaxPasswords, fault.Quota)
	}
	secret = group(strings.ToLower(rand.Text()))
	p := password{ID: strings.ToLower(rand.Text()[:10]), Device: device, Created: now.Unix()}
	p.StoredKey, p.ServerKey = derive(secret, salt)
	return secret, fact.PutRight(w, s, "acc/p/"+p.ID, p)
}

// isName reports whether a device can be called that: people read it in lists
// and in the trail.
func isName(s string) bool {
	unprintable := func(c rune) bool { return !unicode.IsPrint(c) }
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable)
}

// group writes 26 characters as people copy them: abcdefg-hijklmn-opqrstu-vwxyz.
func group(s string) string {
	return s[:7] + "-" + s[7:14] + "-" + s[14:20] + "-" + s[20:]
}

// Passwords lists the application passwords of an account.
func Passwords(r store.Reader, s fact.Scope) ([]Password, error) {
	var list []Password
	for p, err := range fact.AllRights[password](r, s, "acc/p/") {
		if err != nil {
			return nil, err
		}
		list = append(list, Password{p.ID, p.Device, time.Unix(p.Created, 0).UTC()})
	}
	return list, nil
}

// Device returns the name of the device whose password has that ID;
// fault.NotFound once it is revoked.
func Device(r store.Reader, s fact.Scope, id string) (string, error) {
	p, ok, err := fact.GetRight[password](r, s, "acc/p/"+id)
	if err == nil && !ok {
		err = fmt.Errorf("account: password: %w", fault.NotFound)
	}
	return p.Device, err
}

// Revoke ends the password of a device, given by its ID or its name. One that
// does not exist is fault.NotFound.
func Revoke(w store.Writer, s fact.Scope, device string) error {
	for p, err := range fact.AllRights[password](w, s, "acc/p/") {
		if err != nil {
			return err
		}
		if p.ID == device || p.Device == device {
			return fact.DeleteRight(w, s, "acc/p/"+p.ID)
		}
	}
	return fmt.Errorf("account: revoke: %w", fault.NotFound)
}

// Load returns what a login needs to know. An account without passwords gives
// Secrets that nothing matches.
func Load(r store.Reader, s fact.Scope) (Secrets, error) {
	salt, ok, err := fact.GetRight[[]byte](r, s, "acc/salt")
	if err != nil || !ok {
		return Secrets{}, err
	}
	secrets := Secrets{Salt: salt, Iterations: Iterations}
	for p, err := range fact.AllRights[password](r, s, "acc/p/") {
		if err != nil {
			return Secrets{}, err
		}
		secrets.Keys = append(secrets.Keys, SecretKey{p.ID, p.StoredKey, p.ServerKey})
	}
	return secrets, nil
}

// Fake returns Secrets for a login that does not exist: the same for the same
// login each time, so that nobody learns which exist, and matched by nothing.
func Fake(k *keyring.IndexKey, login string) Secrets {
	salt := k.MAC("account/fake-salt", login)
	stored := k.MAC("account/fake-stored", login)
	server := k.MAC("account/fake-server", login)
	return Secrets{salt[:16], Iterations, []SecretKey{{"", stored[:], server[:]}}}
}

// Match reports which of the passwords secret is. It takes the same time
// whether or not one matches.
func (s Secrets) Match(secret string) (id string, ok bool) {
	stored, _ := derive(secret, s.Salt)
	for _, k := range s.Keys {
		if subtle.ConstantTimeCompare(stored, k.StoredKey) == 1 && k.ID != "" {
			id, ok = k.ID, true
		}
	}
	return id, ok
}

// derive makes the keys of RFC 5802 §3.
func derive(secret string, salt []byte) (stored, server []byte) {
	salted, err := pbkdf2.Key(sha256.New, secret, salt, Iterations, sha256.Size)
	if err != nil { // only for a key length no hash can give
		panic(err)
	}
	client := mac(salted, "Client Key")
	sum := sha256.Sum256(client)
	return sum[:], mac(salted, "Server Key")
}

func mac(key []byte, s string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(s))
	return m.Sum(nil)
}

// Erase removes the account.
func Erase(w store.Writer) error { return fact.Erase(w, "acc/") }
