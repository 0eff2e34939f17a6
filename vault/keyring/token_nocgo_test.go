//go:build !cgo

package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

func TestAProgramWithoutCgoSaysWhyItTakesNoToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.key")
	text := tokenTitle + "\n" + tokenPrefix + "pkcs11:token=a;object=b?module-path=/p11.so&pin-source=/pin\n1 AAAA\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRing(path); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("LoadRing = %v", err)
	}
}
