package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

func TestTheEscrowOpensWithAllItsPartsAndNotWithTwo(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "escrow")
	cert, err := MakeEscrow(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MakeEscrow(folder); !errors.Is(err, fault.Exists) {
		t.Errorf("a second one: %v, want Exists", err)
	}
	session, wraps, err := NewSession(cert)
	if err != nil {
		t.Fatal(err)
	}
	sealed := session.SealValue(nil, []byte("entry"), "c")
	opens := func(folders ...string) error {
		k, err := OpenEscrow(folders...)
		if err != nil {
			return err
		}
		s, err := k.Open(wraps)
		if err != nil {
			return err
		}
		_, err = s.OpenValue(nil, sealed, "c")
		return err
	}
	if err := opens(folder); err != nil {
		t.Errorf("whole: %v", err)
	}
	for _, name := range []string{escrowRing, escrowSecret, escrowLocked} {
		other := t.TempDir()
		if err := os.Rename(filepath.Join(folder, name), filepath.Join(other, name)); err != nil {
			t.Fatal(err)
		}
		if err := opens(folder, other); err != nil {
			t.Errorf("%s is with somebody else: %v", name, err)
		}
		if err := opens(folder); !errors.Is(err, fault.NotFound) || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v, want NotFound", name, err)
		}
		if err := opens(other); !errors.Is(err, fault.NotFound) {
			t.Errorf("with %s alone: %v, want NotFound", name, err)
		}
		strange := filepath.Join(t.TempDir(), "escrow")
		if _, err := MakeEscrow(strange); err != nil {
			t.Fatal(err)
		}
		for _, n := range []string{escrowRing, escrowSecret, escrowLocked} {
			if n != name {
				if err := os.Remove(filepath.Join(strange, n)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := opens(folder, strange); !errors.Is(err, fault.Corrupt) {
			t.Errorf("with another's %s: %v, want Corrupt", name, err)
		}
		if err := opens(folder, other, strange); !errors.Is(err, fault.Invalid) {
			t.Errorf("with two of %s: %v, want Invalid", name, err)
		}
		if err := os.Rename(filepath.Join(other, name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
}
