package owner

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fact/facttest"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

const part store.Part = "part1"

var scope = facttest.Scope(part)

func TestTheKeysOfAnOwnerComeBackAndOpen(t *testing.T) {
	secrets, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := secrets.Add(part)
	if err != nil {
		t.Fatal(err)
	}
	ring := keyring.NewRing()
	cert, locked, err := ring.NewOwner(part, list[0])
	if err != nil {
		t.Fatal(err)
	}
	m := memstore.New()
	update := func(fn func(store.Writer) error) {
		t.Helper()
		if err := m.Update(t.Context(), part, fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(w store.Writer) error { return Keep(w, scope, cert, locked) })

	session, wraps, err := keyring.NewSession(cert)
	if err != nil {
		t.Fatal(err)
	}
	sealed := session.SealValue(nil, []byte("Bonjour"), "here")
	opens := func(how string) {
		t.Helper()
		err := m.View(t.Context(), part, func(r store.Reader) error {
			raw, err := Cert(r, scope)
			if err != nil || !bytes.Equal(raw, cert.Marshal()) {
				t.Errorf("%s: the certificate is another: %v", how, err)
			}
			locked, err := Locked(r)
			if err != nil {
				return err
			}
			key, err := ring.Unlock(part, locked, list[0])
			if err != nil {
				return err
			}
			s, err := key.Open(wraps)
			if err != nil {
				return err
			}
			text, err := s.OpenValue(nil, sealed, "here")
			if string(text) != "Bonjour" {
				t.Errorf("%s: what was sealed opens as %q", how, text)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	opens("as kept")

	ring.Add()
	if err := ring.Save(filepath.Join(t.TempDir(), "ring")); err != nil {
		t.Fatal(err)
	}
	outdated := func() (yes bool) {
		err := m.View(t.Context(), part, func(r store.Reader) (err error) {
			yes, err = Outdated(r, ring)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if !outdated() {
		t.Error("with a newer hub key nothing is outdated")
	}
	update(func(w store.Writer) error {
		return Relock(w, func(locked []byte) ([]byte, error) { return ring.Rewrap(part, locked, list[0]) })
	})
	if outdated() {
		t.Error("locked again, it is outdated")
	}
	ring.Retire()
	opens("locked again under a newer hub key")

	update(func(w store.Writer) error { return errors.Join(Erase(w), fact.EraseRights(w)) })
	err = m.View(t.Context(), part, func(r store.Reader) error {
		for p := range r.Scan("", "") {
			t.Errorf("left is %s", p.Key)
		}
		if _, err := Cert(r, scope); !errors.Is(err, fault.NotFound) {
			t.Errorf("Cert = %v, want NotFound", err)
		}
		if _, err := Locked(r); !errors.Is(err, fault.NotFound) {
			t.Errorf("Locked = %v, want NotFound", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
