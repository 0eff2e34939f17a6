//go:build cgo

package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"vaguemestre/internal/fault"
)

// softToken makes a token in a folder of its own, and returns a URI of a key
// that is not on it yet.
func softToken(t *testing.T) (uri string) {
	t.Helper()
	util, err := exec.LookPath("softhsm2-util")
	libraries, _ := filepath.Glob("/usr/lib/*/softhsm/libsofthsm2.so")
	if err != nil || len(libraries) == 0 {
		if os.Getenv("VAGUEMESTRE_TEST_SERVICES") != "" { // in CI
			t.Fatal("softhsm2 is not installed: `make deps` does that")
		}
		t.Skip("SKIPPED, NOT PASSED: softhsm2 is not installed: `make deps` does that")
	}
	folder := t.TempDir()
	tokens, conf, pin := filepath.Join(folder, "tokens"), filepath.Join(folder, "softhsm2.conf"), filepath.Join(folder, "pin")
	if err := errors.Join(os.Mkdir(tokens, 0o700),
		os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nlog.level = ERROR\n"), 0o600),
		os.WriteFile(pin, []byte("271828\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	out, err := exec.Command(util, "--init-token", "--free", "--label", "hub 1", "--pin", "271828", "--so-pin", "314159").CombinedOutput()
	if err != nil {
		t.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
	return fmt.Sprintf("pkcs11:token=hub%%201;object=kek?module-path=%s&pin-source=file:%s", libraries[0], pin)
}

func TestARingOnATokenNeedsTheToken(t *testing.T) {
	uri := softToken(t)
	path := filepath.Join(t.TempDir(), "hub.key")
	r, err := MakePKCS11(path, uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MakePKCS11(path, uri, nil); !errors.Is(err, fault.Exists) {
		t.Errorf("a second one: %v, want Exists", err)
	}
	old := r.Wrap([]byte("pepper"), "c")
	again, err := LoadRing(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Unwrap(old, "c"); err != nil || string(got) != "pepper" {
		t.Errorf("Unwrap = %q, %v", got, err)
	}

	again.Add()
	if err := again.Keep(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for v, k := range again.keys {
		if bytes.Contains(text, []byte(encodeKey(k.key))) || bytes.Contains(text, k.key) {
			t.Errorf("the file holds key %d", v)
		}
	}
	newer, err := LoadRing(path)
	if err != nil || newer.Version() != 2 || len(newer.keys) != 2 {
		t.Fatalf("after a rotation: version %d, %v", newer.Version(), err)
	}

	t.Run("what was changed does not load", func(t *testing.T) {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		swap := func(a, b string) string { return strings.NewReplacer(a, b, b, a).Replace(string(text)) }
		_, first, _ := strings.Cut(lines[3], " ")
		_, second, _ := strings.Cut(lines[4], " ")
		sealed, _ := base64.StdEncoding.DecodeString(first)
		for name, text := range map[string]string{
			"two keys swapped":  swap(first, second),
			"another version":   strings.Replace(string(text), "\n2 ", "\n3 ", 1),
			"no token":          strings.Replace(string(text), lines[2]+"\n", "", 1),
			"another token":     strings.Replace(string(text), "hub%201", "hub%202", 1),
			"another key":       strings.Replace(string(text), "object=kek", "object=kek2", 1),
			"no library":        strings.Replace(string(text), "libsofthsm2.so", "libsofthsm3.so", 1),
			"no PIN":            strings.Replace(string(text), "/pin", "/pin2", 1),
			"too short":         strings.Replace(string(text), first, base64.StdEncoding.EncodeToString(sealed[:20]), 1),
			"not base64":        strings.Replace(string(text), first, "é", 1),
			"the title of none": strings.Replace(string(text), tokenTitle, ringTitle, 1),
			"no key":            strings.Join(lines[:3], "\n"),
		} {
			bad := filepath.Join(t.TempDir(), "hub.key")
			if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := LoadRing(bad)
			if k := fault.Of(err); k != fault.Invalid && k != fault.Unavailable && k != fault.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		for i := range sealed {
			sealed[i] ^= 1
			bad := filepath.Join(t.TempDir(), "hub.key")
			if err := os.WriteFile(bad, []byte(strings.Replace(string(text), first, base64.StdEncoding.EncodeToString(sealed), 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadRing(bad); !errors.Is(err, fault.Invalid) {
				t.Errorf("byte %d changed: %v, want Invalid", i, err)
			}
			sealed[i] ^= 1
		}
	})
	t.Run("without the token", func(t *testing.T) {
		softToken(t) // another one of that name
		if _, err := LoadRing(path); !errors.Is(err, fault.Unavailable) {
			t.Errorf("%v, want Unavailable", err)
		}
		if err := newer.Keep(); !errors.Is(err, fault.Unavailable) {
			t.Errorf("Keep = %v, want Unavailable", err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, text) {
			t.Errorf("the file was changed: %v", err)
		}
	})
	t.Run("with a wrong PIN", func(t *testing.T) {
		_, pin, _ := strings.Cut(uri, "file:")
		if err := os.WriteFile(pin, []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadRing(path); !errors.Is(err, fault.Unavailable) {
			t.Errorf("%v, want Unavailable", err)
		}
		if err := os.Chmod(pin, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadRing(path); !errors.Is(err, fault.Invalid) {
			t.Errorf("a PIN that others read: %v, want Invalid", err)
		}
	})
}

func TestARingMovesOntoAToken(t *testing.T) {
	uri := softToken(t)
	path := filepath.Join(t.TempDir(), "hub.key")
	r := NewRing()
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	sealed := r.Wrap([]byte("x"), "c")
	if _, err := MakePKCS11(path, strings.Replace(uri, "hub%201", "other", 1), r); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a token that is not there: %v, want Unavailable", err)
	}
	if again, err := LoadRing(path); err != nil || again.token != "" {
		t.Fatalf("after a failure the ring is gone: %v", err)
	}
	if _, err := MakePKCS11(path, uri, r); err != nil {
		t.Fatal(err)
	}
	again, err := LoadRing(path)
	if err != nil || again.token != uri {
		t.Fatalf("%v", err)
	}
	if _, err := again.Unwrap(sealed, "c"); err != nil {
		t.Errorf("what was wrapped before: %v", err)
	}
	// The next one on the same token has the same key to seal it, and is another.
	other, err := MakePKCS11(filepath.Join(t.TempDir(), "hub.key"), uri, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Unwrap(sealed, "c"); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another ring: %v, want Corrupt", err)
	}
}

func TestAKeyThatCanLeaveTheTokenIsRefused(t *testing.T) {
	uri := softToken(t)
	extractable(t, uri)
	if _, err := MakePKCS11(filepath.Join(t.TempDir(), "hub.key"), uri, nil); !errors.Is(err, fault.Invalid) {
		t.Errorf("%v, want Invalid", err)
	}
}

// extractable makes the key that a URI names, as one that can be read.
func extractable(t *testing.T, uri string) {
	t.Helper()
	u, err := parseTokenURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	k := &pkcs11Key{ctx: pkcs11.New(u.module)}
	defer k.end()
	if err := k.begin(tokenURI{token: u.token, object: "another", module: u.module, pinSource: u.pinSource}, true); err != nil {
		t.Fatal(err)
	}
	_, err = k.ctx.GenerateKey(k.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, append(u.template(),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, keySize),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true)))
	if err != nil {
		t.Fatal(err)
	}
}
