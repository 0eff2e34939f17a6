//go:build !cgo

package keyring

import (
	"fmt"

	"vaguemestre/internal/fault"
)

// openToken says that this program cannot.
func openToken(tokenURI, bool) (tokenKey, error) {
	return nil, fmt.Errorf("this program was built without cgo, which the library of a PKCS #11 token needs: build it with CGO_ENABLED=1: %w", fault.Unavailable)
}
