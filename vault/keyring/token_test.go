package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

func TestAURIOfATokenIsReadAsRFC7512Says(t *testing.T) {
	const good = "pkcs11:token=h%C3%B4pital%201;object=hub%2fkek?module-path=/usr/lib/p11.so&pin-source=file:/etc/pin"
	for uri, want := range map[string]tokenURI{
		good: {token: "hôpital 1", object: "hub/kek", module: "/usr/lib/p11.so", pinSource: "/etc/pin"},
		"pkcs11:serial=0a;id=%01%00%ff;type=secret-key?pin-source=/etc/pin&module-path=/p11.so": {
			serial: "0a", id: "\x01\x00\xff", module: "/p11.so", pinSource: "/etc/pin"},
		"pkcs11:token=a;object=b?module-path=/p11.so&pin-source=file:///etc/pin": {token: "a", object: "b", module: "/p11.so", pinSource: "/etc/pin"},
	} {
		if got, err := parseTokenURI(uri); err != nil || got != want {
			t.Errorf("%s = %+v, %v, want %+v", uri, got, err, want)
		}
	}
	for name, uri := range map[string]string{
		"empty":                       "",
		"no scheme":                   strings.TrimPrefix(good, "pkcs11:"),
		"no token":                    strings.Replace(good, "token=h%C3%B4pital%201;", "", 1),
		"no object":                   strings.Replace(good, ";object=hub%2fkek", "", 1),
		"no library":                  strings.Replace(good, "module-path=/usr/lib/p11.so&", "", 1),
		"a library of the search":     strings.Replace(good, "/usr/lib/p11.so", "p11.so", 1),
		"no PIN":                      strings.Replace(good, "&pin-source=file:/etc/pin", "", 1),
		"a PIN within":                good + "&pin-value=1234",
		"a PIN of a program":          strings.Replace(good, "file:/etc/pin", "|/bin/pin", 1),
		"a PIN of another host":       strings.Replace(good, "file:/etc/pin", "https://pin.test/", 1),
		"a public key":                strings.Replace(good, "?", ";type=public?", 1),
		"an attribute nobody knows":   strings.Replace(good, "?", ";manufacturer=x?", 1),
		"an attribute of the query":   strings.Replace(good, "?", ";pin-source=/x?", 1),
		"an attribute twice":          strings.Replace(good, "?", ";token=x?", 1),
		"an empty value":              strings.Replace(good, "hub%2fkek", "", 1),
		"a broken escape":             strings.Replace(good, "%2f", "%2", 1),
		"a NUL":                       strings.Replace(good, "%2f", "%00", 1),
		"an empty attribute":          strings.Replace(good, "?", ";?", 1),
		"too long":                    good + strings.Repeat("a", maxURI),
		"nothing after the question?": "pkcs11:token=a;object=b?",
	} {
		if got, err := parseTokenURI(uri); !errors.Is(err, fault.Invalid) || got != (tokenURI{}) {
			t.Errorf("%s: %+v, %v, want Invalid", name, got, err)
		}
	}
}

func FuzzParseTokenURI(f *testing.F) {
	f.Add("pkcs11:token=a;object=b?module-path=/p11.so&pin-source=file:///etc/pin")
	f.Add("pkcs11:serial=%30;id=%00;type=secret-key?pin-source=/etc/pin&module-path=/p11.so")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseTokenURI(s)
		if err != nil {
			return
		}
		if u.token+u.serial == "" || u.object+u.id == "" || !filepath.IsAbs(u.module) || !filepath.IsAbs(u.pinSource) {
			t.Errorf("%q gives %+v", s, u)
		}
	})
}

func TestARingIsHandedOverBySystemd(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", folder)
	r := NewRing()
	path := filepath.Join(folder, "hub.key")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	sealed := r.Wrap([]byte("x"), "c")
	for mode, ok := range map[os.FileMode]bool{0o400: true, 0o440: true, 0o600: true, 0o444: false, 0o640: false, 0o660: false, 0o500: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		got, err := LoadRing("credential:hub.key")
		switch {
		case !ok && !errors.Is(err, fault.Invalid):
			t.Errorf("mode %o: %v, want Invalid", mode, err)
		case ok && err != nil:
			t.Errorf("mode %o: %v", mode, err)
		case ok:
			if _, err := got.Unwrap(sealed, "c"); err != nil {
				t.Errorf("mode %o: %v", mode, err)
			}
			if err := got.Keep(); !errors.Is(err, fault.Invalid) || got.Version() != 1 {
				t.Errorf("a credential is written to: %v", err)
			}
		}
	}
	if err := os.Chmod(path, 0o440); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRing(path); !errors.Is(err, fault.Invalid) {
		t.Errorf("mode 0440 of a plain file: %v, want Invalid", err)
	}
	for source, want := range map[string]error{
		"credential:": fault.Invalid, "credential:..": fault.Invalid, "credential:../hub.key": fault.Invalid,
		"credential:/etc/passwd": fault.Invalid, "credential:other": fault.NotFound,
	} {
		if _, err := LoadRing(source); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", source, err, want)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := LoadRing("credential:hub.key"); !errors.Is(err, fault.NotFound) {
		t.Errorf("outside of systemd: %v, want NotFound", err)
	}
}
