package keyring

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

func TestARightsKeySignsForItsVerifier(t *testing.T) {
	r, k := NewRing(), NewRightsKey()
	again, err := r.UnwrapRightsKey(r.WrapRightsKey(k))
	if err != nil {
		t.Fatal(err)
	}
	v, err := ParseRightsVerifier(k.Verifier().Marshal())
	if err != nil || v != k.Verifier() || v != again.Verifier() || v.IsZero() {
		t.Fatalf("the verifier does not come back: %v", err)
	}
	sig := again.Sign("label", []byte("message"))
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"as signed", v.Verify("label", []byte("message"), sig)},
		{"another label", !v.Verify("labe", []byte("lmessage"), sig)},
		{"another message", !v.Verify("label", []byte("Message"), sig)},
		{"another key", !NewRightsKey().Verifier().Verify("label", []byte("message"), sig)},
		{"no key", !RightsVerifier{}.Verify("label", []byte("message"), sig)},
		{"no signature", !v.Verify("label", []byte("message"), nil)},
	} {
		if !c.ok {
			t.Errorf("%s: Verify is wrong", c.name)
		}
	}
	if _, err := r.UnwrapRightsKey(r.WrapAuditKey(NewAuditKey())); !errors.Is(err, fault.Corrupt) {
		t.Errorf("the key of the audit in its place: %v, want Corrupt", err)
	}
	if _, err := (*Ring)(nil).UnwrapRightsKey(nil); !errors.Is(err, fault.Sealed) {
		t.Errorf("without a ring: %v, want Sealed", err)
	}
	if got := fmt.Sprintf("%v %+v", k, *k); strings.Contains(got, "[") {
		t.Errorf("a rights key prints as %s", got)
	}
}

func TestARightsCertificateThatIsNoneIsRefused(t *testing.T) {
	good := string(NewRightsKey().Verifier().Marshal())
	for _, text := range []string{"", "x", rightsTitle, good + "AAAA\n", strings.Replace(good, "1\n", "2\n", 1), good[:len(good)-10], rightsTitle + "\nAAAA\n"} {
		if v, err := ParseRightsVerifier([]byte(text)); !errors.Is(err, fault.Invalid) || !v.IsZero() {
			t.Errorf("%q: %v, want Invalid", text, err)
		}
	}
}
