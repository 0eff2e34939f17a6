package hub

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/software"
)

// SealState seals what an edge gives a browser to bring back, for one purpose.
// The filing role cannot make one. It must hold its own end: fault.Sealed without
// the hub key.
func (h *Hub) SealState(purpose string, b []byte) (string, error) {
	if h.Sealed() {
		return "", fmt.Errorf("hub: seal state: %w", fault.Sealed)
	}
	return base64.RawURLEncoding.EncodeToString(h.Ring.Wrap(b, "hub/state/"+purpose)), nil
}

// OpenState opens what SealState sealed for that purpose; anything else is
// fault.Invalid.
func (h *Hub) OpenState(purpose, text string) ([]byte, error) {
	if h.Sealed() {
		return nil, fmt.Errorf("hub: open state: %w", fault.Sealed)
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("hub: open state: %w", fault.Invalid)
	}
	b, err := h.Ring.Unwrap(sealed, "hub/state/"+purpose)
	if err != nil {
		return nil, fmt.Errorf("hub: open state: %v: %w", err, fault.Invalid)
	}
	return b, nil
}

const identityPurpose = "hub/identity-signer"

// IdentitySigner returns the key that signs what programs are told of people
// (OpenID Connect ID tokens), making it at need. One that does not open any more
// is replaced: what it signed is read at once.
func (h *Hub) IdentitySigner(ctx context.Context) (k *ecdsa.PrivateKey, err error) {
	if h.Sealed() {
		return nil, fmt.Errorf("hub: identity signer: %w", fault.Sealed)
	}
	wrapped, err := h.wraps(ctx)
	if err != nil {
		return nil, err
	}
	defer wrapped()
	err = h.commit(ctx, hubPart, func(t *tx) error {
		wrapped, err := software.Signer(t)
		if err != nil {
			return err
		}
		if der, err := h.Ring.Unwrap(wrapped, identityPurpose); wrapped != nil && err == nil {
			k, err = x509.ParseECPrivateKey(der)
			return err
		}
		if k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
			return err
		}
		der, err := x509.MarshalECPrivateKey(k)
		if err == nil {
			software.KeepSigner(t, h.Ring.Wrap(der, identityPurpose))
		}
		return err
	})
	return k, err
}
