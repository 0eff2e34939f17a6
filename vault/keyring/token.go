package keyring

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"vaguemestre/internal/fault"
)

// A hub key ring on a token (PKCS #11: a smart card, an HSM) is a file of which
// each key is sealed, with AES-256-GCM, by a key that never leaves the token. The
// file says which, in its first line, as a PKCS #11 URI (RFC 7512):
//
//	vaguemestre hub key ring on a token 1
//	token pkcs11:token=hub;object=kek?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/pin
//	1 <base64 of nonce, ciphertext and tag>
//
// Each is bound to its version. The token is asked at start and when the ring is
// saved; between, the keys are in memory, as those of any ring.
const (
	tokenTitle   = "vaguemestre hub key ring on a token 1"
	tokenComment = "The keys are sealed by the token that the next line names; without it this file is of no use."
	tokenPrefix  = "token "
	tokenLabel   = "hub key ring on a token"

	maxURI = 2048
	maxPIN = 256
)

// A tokenURI is what we use of a PKCS #11 URI.
type tokenURI struct {
	token, serial, object string
	id                    string // bytes of CKA_ID
	module                string // path of the library
	pinSource             string // path of the file that holds the PIN
}

// parseTokenURI reads a PKCS #11 URI that names one secret key. An attribute that
// it does not know is fault.Invalid: to ignore it could be to take another key.
func parseTokenURI(s string) (u tokenURI, err error) {
	wrong := func(what string) (tokenURI, error) {
		return tokenURI{}, fmt.Errorf("PKCS #11 URI: %s: %w", what, fault.Invalid)
	}
	rest, ok := strings.CutPrefix(s, "pkcs11:")
	if !ok || len(s) > maxURI {
		return wrong("does not begin with \"pkcs11:\", or is too long")
	}
	path, query, asked := strings.Cut(rest, "?")
	for where, list := range []string{path, query} {
		if list == "" && (where == 0 || !asked) {
			continue
		}
		for _, attribute := range strings.Split(list, [...]string{";", "&"}[where]) {
			name, text, _ := strings.Cut(attribute, "=")
			value, err := url.PathUnescape(text)
			if err != nil || value == "" || strings.ContainsRune(value, 0) && name != "id" {
				return wrong("attribute " + printable(name) + " has no value that can be read")
			}
			field := u.field(where, name)
			switch {
			case name == "pin-value":
				return wrong("pin-value: a PIN does not belong into a configuration: name its file with pin-source")
			case name == "type" && where == 0:
				if value != "secret-key" {
					return wrong("type: want secret-key")
				}
			case field == nil:
				return wrong("attribute " + printable(name) + " is not known here")
			case *field != "":
				return wrong("attribute " + name + " is there twice")
			default:
				*field = value
			}
		}
	}
	u.pinSource = strings.TrimPrefix(u.pinSource, "file:")
	u.pinSource = strings.TrimPrefix(u.pinSource, "//")
	switch {
	case u.token == "" && u.serial == "":
		return wrong("names no token")
	case u.object == "" && u.id == "":
		return wrong("names no object")
	case !filepath.IsAbs(u.module):
		return wrong("module-path is not the absolute path of a library")
	case !filepath.IsAbs(u.pinSource):
		return wrong("pin-source is not the absolute path of a file")
	}
	return u, nil
}

// field returns where the value of an attribute goes: one of the path, before
// the question mark, or of the query.
func (u *tokenURI) field(where int, name string) *string {
	fields := [...]map[string]*string{
		{"token": &u.token, "serial": &u.serial, "object": &u.object, "id": &u.id},
		{"module-path": &u.module, "pin-source": &u.pinSource},
	}
	return fields[where][name]
}

// printable shortens a name from outside for an error.
func printable(s string) string { return fmt.Sprintf("%.40q", s) }

// pin reads the PIN.
func (u tokenURI) pin() (string, error) {
	b, err := readPrivateFile(u.pinSource, maxPIN)
	if err != nil {
		return "", err
	}
	defer clear(b)
	return strings.TrimRight(string(b), "\r\n"), nil
}

// A tokenKey is the key on a token, while it is open. Bytes are bound to what
// seal is given with them, and open needs again.
type tokenKey interface {
	seal(plaintext, bound []byte) ([]byte, error)
	open(sealed, bound []byte) ([]byte, error)
	close()
}

// openTokenLines returns the URI that lines begin with, and the others opened.
func openTokenLines(lines []string) (uri string, out []string, err error) {
	if len(lines) == 0 || !strings.HasPrefix(lines[0], tokenPrefix) {
		return "", nil, fmt.Errorf("names no token: %w", fault.Invalid)
	}
	uri = strings.TrimPrefix(lines[0], tokenPrefix)
	out, err = throughToken(uri, lines[1:], func(k tokenKey, text string, bound []byte) (string, error) {
		sealed, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", fmt.Errorf("not base64: %w", fault.Invalid)
		}
		key, err := k.open(sealed, bound)
		return encodeKey(key), err
	})
	return uri, out, err
}

// sealTokenLines does the reverse.
func sealTokenLines(uri string, lines []string) ([]string, error) {
	out, err := throughToken(uri, lines, func(k tokenKey, text string, bound []byte) (string, error) {
		key, err := decodeKey(text)
		if err != nil {
			return "", err
		}
		sealed, err := k.seal(key, bound)
		if err != nil {
			return "", err
		}
		// What the token has sealed it must open, before anything is replaced.
		if again, err := k.open(sealed, bound); err != nil || string(again) != string(key) {
			return "", fmt.Errorf("the token does not open what it has sealed: %w", fault.Unavailable)
		}
		return base64.StdEncoding.EncodeToString(sealed), nil
	})
	if err != nil {
		return nil, err
	}
	return append([]string{tokenPrefix + uri}, out...), nil
}

// throughToken lets fn change the key of each line.
func throughToken(uri string, lines []string, fn func(k tokenKey, text string, bound []byte) (string, error)) (out []string, err error) {
	u, err := parseTokenURI(uri)
	if err != nil {
		return nil, err
	}
	k, err := openToken(u, false)
	if err != nil {
		return nil, err
	}
	defer k.close()
	for _, line := range lines {
		version, text, _ := strings.Cut(line, " ")
		if text, err = fn(k, strings.TrimSpace(text), frame(tokenLabel, version)); err != nil {
			return nil, err
		}
		out = append(out, version+" "+text)
	}
	return out, nil
}

// MakePKCS11 writes a ring, nil for a fresh one, to a file at path in which the
// token that a PKCS #11 URI names seals it; Save keeps it so. Where the token has
// no key of that name yet, it makes one. A file at path is replaced: that moves a
// ring onto a token, after which the hub key should be rotated, since the old
// ones were on disk.
//
// The URI has the attributes token or serial, object or id, module-path (of the
// token's library) and pin-source (a file of mode 0600). A token that is not
// there or does not take the PIN is fault.Unavailable, a key that could leave
// the token fault.Invalid.
func MakePKCS11(path, uri string, r *Ring) (*Ring, error) {
	u, err := parseTokenURI(uri)
	if err == nil {
		var k tokenKey
		if k, err = openToken(u, true); err == nil {
			k.close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: hub key ring on a token: %w", err)
	}
	if r == nil {
		if _, err := os.Lstat(path); err == nil {
			return nil, fmt.Errorf("keyring: hub key ring on a token: %s: %w", path, fault.Exists)
		}
		r = NewRing()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	was, home := r.token, r.home
	r.token, r.home = uri, path
	if err := r.save(path); err != nil {
		r.token, r.home = was, home
		return nil, err
	}
	return r, nil
}
