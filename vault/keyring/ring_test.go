package keyring

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func save(t *testing.T, r *Ring, path string) *Ring {
	t.Helper()
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := LoadRing(path)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestAWrappedValueIsBoundToRingVersionAndContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.key")
	r := NewRing()
	sealed := r.Wrap([]byte("pepper"), "pepper")
	for _, r := range []*Ring{r, save(t, r, path)} {
		if got, err := r.Unwrap(sealed, "pepper"); err != nil || string(got) != "pepper" {
			t.Errorf("Unwrap = %q, %v", got, err)
		}
		if _, err := r.Unwrap(sealed, "cookie"); !errors.Is(err, fault.Corrupt) {
			t.Errorf("another context: %v", err)
		}
	}
	if _, err := NewRing().Unwrap(sealed, "pepper"); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another ring: %v", err)
	}
	r.Add()
	save(t, r, path)
	for at := range sealed {
		sealed[at] ^= 1
		if _, err := r.Unwrap(sealed, "pepper"); !errors.Is(err, fault.Corrupt) {
			t.Errorf("byte %d changed: %v", at, err)
		}
		sealed[at] ^= 1
	}
	for cut := range sealed {
		if _, err := r.Unwrap(sealed[:cut], "pepper"); !errors.Is(err, fault.Corrupt) {
			t.Errorf("cut to %d: %v", cut, err)
		}
	}
	// The same key under another number must not open the value.
	sealed[4] = 2
	r.keys[2] = r.keys[1]
	if _, err := r.Unwrap(sealed, "pepper"); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another version: %v", err)
	}
}

func TestTheHubKeyIsRotatedWithoutALoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.key")
	r := NewRing()
	o := newOwner(t, r, "a")
	_, wraps, _ := NewSession(o.cert)
	old := r.Wrap([]byte("x"), "c")

	if v := r.Add(); v != 2 || r.Version() != 1 {
		t.Errorf("Add = %d, and version %d wraps: an unsaved key must not", v, r.Version())
	}
	loaded := save(t, r, path)
	if r.Version() != 2 || loaded.Version() != 2 {
		t.Errorf("after Save versions %d and %d wrap, want 2", r.Version(), loaded.Version())
	}
	rewrapped, err := r.Rewrap("a", o.locked, o.es)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(rewrapped, o.locked) {
		t.Error("Rewrap changed nothing")
	}
	if again, err := r.Rewrap("a", rewrapped, o.es); err != nil || !bytes.Equal(again, rewrapped) {
		t.Errorf("a second Rewrap is not idle: %v", err)
	}
	for _, locked := range [][]byte{o.locked, rewrapped} {
		if k, err := loaded.Unlock("a", locked, o.es); err != nil {
			t.Error(err)
		} else if _, err := k.Open(wraps); err != nil {
			t.Error(err)
		}
	}
	r.Retire()
	retired := save(t, r, path)
	if _, err := retired.Unlock("a", rewrapped, o.es); err != nil {
		t.Errorf("after Retire the rewrapped key: %v", err)
	}
	if _, err := retired.Unlock("a", o.locked, o.es); !errors.Is(err, fault.Corrupt) {
		t.Errorf("after Retire the old key: %v", err)
	}
	if _, err := retired.Unwrap(old, "c"); !errors.Is(err, fault.Corrupt) {
		t.Errorf("after Retire an old value: %v", err)
	}
	if v := retired.Add(); v != 3 {
		t.Errorf("the version after a retired one is %d, want 3", v)
	}
}

func TestRewrapRefusesWhatDoesNotOpen(t *testing.T) {
	r := NewRing()
	o := newOwner(t, r, "a")
	r.Add()
	if _, err := r.Rewrap("b", o.locked, o.es); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another owner: %v", err)
	}
	if _, err := r.Rewrap("a", o.locked, newErasureSecret()); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another secret: %v", err)
	}
}

func TestASealedHubSaysSo(t *testing.T) {
	var r *Ring
	o := newOwner(t, NewRing(), "a")
	_, _, errNew := r.NewOwner("a", o.es)
	_, errUnlock := r.Unlock("a", o.locked, o.es)
	_, errRewrap := r.Rewrap("a", o.locked, o.es)
	_, errUnwrap := r.Unwrap(nil, "")
	_, errAudit := r.UnwrapAuditKey(nil)
	for _, err := range []error{errNew, errUnlock, errRewrap, errUnwrap, errAudit, r.Save("")} {
		if !errors.Is(err, fault.Sealed) {
			t.Errorf("%v, want sealed", err)
		}
	}
	if _, _, err := NewSession(o.cert); err != nil {
		t.Errorf("a sealed hub cannot file: %v", err)
	}
}

func TestAnOwnerKeyOpensOnlyForItsOwnerWithRingAndSecret(t *testing.T) {
	r := NewRing()
	o := newOwner(t, r, "a")
	refuse := func(what string, r *Ring, part store.Part, locked []byte, es ErasureSecret) {
		t.Helper()
		if _, err := r.Unlock(part, locked, es); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v, want corrupt", what, err)
		}
	}
	refuse("another owner", r, "b", o.locked, o.es)
	refuse("another ring", NewRing(), "a", o.locked, o.es)
	refuse("another secret", r, "a", o.locked, newErasureSecret())
	refuse("no secret", r, "a", o.locked, ErasureSecret{})
	refuse("a tail", r, "a", append(bytes.Clone(o.locked), 0), o.es)
	refuse("too much", r, "a", append(bytes.Clone(o.locked), make([]byte, maxLocked)...), o.es)
	refuse("a swapped private part", r, "a", func() []byte {
		other := newOwner(t, r, "a")
		wrapped, _, _ := splitLocked(o.locked)
		_, secret, _ := splitLocked(other.locked)
		return joinLocked(wrapped, secret)
	}(), o.es)
	for cut := range o.locked {
		refuse(fmt.Sprintf("cut to %d", cut), r, "a", o.locked[:cut], o.es)
	}
	for at := range o.locked {
		b := bytes.Clone(o.locked)
		b[at] ^= 1
		refuse(fmt.Sprintf("byte %d changed", at), r, "a", b, o.es)
	}
	if _, _, err := r.NewOwner("", o.es); !errors.Is(err, fault.Invalid) {
		t.Errorf("an owner without identifier: %v", err)
	}
	if _, _, err := r.NewOwner("a", ErasureSecret{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("an owner without erasure secret: %v", err)
	}
}

func TestKeyFilesOfWrongModeOrFormAreRefusedInWords(t *testing.T) {
	dir := t.TempDir()
	good := ringTitle + "\n1 " + encodeKey(make([]byte, keySize)) + "\n"
	key := encodeKey(make([]byte, keySize))
	for i, c := range []struct {
		content string
		mode    os.FileMode
		want    fault.Kind
		words   string
	}{
		{good, 0o600, "", ""},
		{good, 0o400, "", ""},
		{strings.ReplaceAll(good, "\n", "\r\n"), 0o600, "", ""},
		{good, 0o640, fault.Invalid, "mode is -rw-r-----, want a file of mode 0600 or 0400"},
		{good, 0o644, fault.Invalid, "mode is -rw-r--r--"},
		{good, 0o700, fault.Invalid, "mode is -rwx------"},
		{"", 0o600, fault.Invalid, "first line is not"},
		{indexTitle + "\n" + key, 0o600, fault.Invalid, "first line is not"},
		{ringTitle + "\n", 0o600, fault.Invalid, "holds no key"},
		{ringTitle + "\n1 short\n", 0o600, fault.Invalid, "not 32 bytes in base64"},
		{ringTitle + "\nx " + key + "\n", 0o600, fault.Invalid, "versions do not rise"},
		{ringTitle + "\n0 " + key + "\n", 0o600, fault.Invalid, "versions do not rise"},
		{good + "1 " + key + "\n", 0o600, fault.Invalid, "versions do not rise"},
		{good + strings.Repeat("#\n", maxKeyFile), 0o600, fault.TooLarge, "want at most"},
	} {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadRing(path)
		if fault.Of(err) != c.want || (err != nil && !strings.Contains(err.Error(), c.words)) {
			t.Errorf("%d: %v, want %q and %q", i, err, c.want, c.words)
		}
		if err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("%d: the error shows a key", i)
		}
	}
	if _, err := LoadRing(filepath.Join(dir, "none")); !errors.Is(err, fault.NotFound) {
		t.Errorf("no file: %v", err)
	}
	if _, err := LoadRing(dir); !errors.Is(err, fault.Invalid) {
		t.Errorf("a directory: %v", err)
	}
	if err := NewRing().Save(filepath.Join(dir, "none", "hub.key")); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Save into no directory: %v", err)
	}
}

func TestSaveLeavesOneFileThatOnlyItsOwnerReads(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hub.key")
	if err := os.WriteFile(path+".next", []byte("left by a crash"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := NewRing()
	for range 3 {
		r.Add()
		save(t, r, path)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are left, want one", len(entries))
	}
}

func TestIndexMACsMeetOnlyForTheSameFields(t *testing.T) {
	k := NewIndexKey()
	lists := [][]string{
		{"address"}, {"address", ""}, {"address", "", ""}, {"address", "a"}, {"address", "a", ""}, {"address", "", "a"},
		{"address", "ab"}, {"address", "a", "b"}, {"addressa", "b"}, {"addres", "sab"}, {"pair", "a", "b"}, {"pair", "b", "a"},
		{"pair", "a\x00b"}, {"pair", "a\x00\x00\x00\x01b"},
	}
	seen := make(map[[32]byte]string)
	for _, l := range lists {
		sum := k.MAC(l[0], l[1:]...)
		if other, ok := seen[sum]; ok {
			t.Errorf("%q and %s meet", l, other)
		}
		seen[sum] = fmt.Sprintf("%q", l)
		if sum != k.MAC(l[0], l[1:]...) {
			t.Errorf("%q is not stable", l)
		}
		if sum == NewIndexKey().MAC(l[0], l[1:]...) {
			t.Errorf("%q does not depend on the key", l)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.String(), 1, 5)
		a, b := list.Draw(t, "a"), list.Draw(t, "b")
		same := fmt.Sprintf("%q", a) == fmt.Sprintf("%q", b)
		if (k.MAC(a[0], a[1:]...) == k.MAC(b[0], b[1:]...)) != same {
			t.Fatalf("%q and %q", a, b)
		}
	})
}

func TestTheIndexKeyIsKeptAndSealsFacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.key")
	k := NewIndexKey()
	if err := k.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := LoadIndexKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if k.MAC("x", "y") != again.MAC("x", "y") {
		t.Error("a loaded key is another one")
	}
	sealed := k.Seal(nil, []byte("part-1"), "addr")
	if got, err := again.Open(nil, sealed, "addr"); err != nil || string(got) != "part-1" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if _, err := again.Open(nil, sealed, "pair"); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another context: %v", err)
	}
	if _, err := NewIndexKey().Open(nil, sealed, "addr"); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another key: %v", err)
	}
	s, _ := SessionFromKey(k.key)
	if _, err := s.OpenValue(nil, sealed, "addr"); !errors.Is(err, fault.Corrupt) {
		t.Errorf("the same key in another use: %v", err)
	}
}

func TestTheAuditKeySignsUnderALabel(t *testing.T) {
	r := NewRing()
	k := NewAuditKey()
	again, err := r.UnwrapAuditKey(r.WrapAuditKey(k))
	if err != nil {
		t.Fatal(err)
	}
	sig := k.Sign("checkpoint", []byte("root"))
	public := again.Public()
	if !VerifyAudit(public, "checkpoint", []byte("root"), sig) {
		t.Error("a right signature is refused")
	}
	for what, ok := range map[string]bool{
		"another label":     VerifyAudit(public, "rights", []byte("root"), sig),
		"another message":   VerifyAudit(public, "checkpoint", []byte("roof"), sig),
		"another split":     VerifyAudit(public, "checkpointr", []byte("oot"), sig),
		"another key":       VerifyAudit(NewAuditKey().Public(), "checkpoint", []byte("root"), sig),
		"a short key":       VerifyAudit(public[:ed25519.PublicKeySize-1], "checkpoint", []byte("root"), sig),
		"a short signature": VerifyAudit(public, "checkpoint", []byte("root"), sig[1:]),
	} {
		if ok {
			t.Errorf("%s is accepted", what)
		}
	}
	if k.MAC("head", "1") != again.MAC("head", "1") || k.MAC("head", "1") == k.MAC("head", "2") {
		t.Error("MAC of a head")
	}
	if _, err := r.UnwrapAuditKey(r.Wrap([]byte("short"), auditContext)); !errors.Is(err, fault.Corrupt) {
		t.Errorf("a short key: %v", err)
	}
	if _, err := NewRing().UnwrapAuditKey(r.WrapAuditKey(k)); !errors.Is(err, fault.Corrupt) {
		t.Errorf("another ring: %v", err)
	}
}
