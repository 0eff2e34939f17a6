package ident

import (
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/net/idna"

	"vaguemestre/internal/fault"
)

// An Address is a mailbox address, local part and domain in lower case, the
// domain as A-labels. The zero value is no address. Values can be compared
// with ==.
//
// The local part is an ASCII dot-atom (RFC 5322 §3.2.3) and nothing else:
// quoted forms can carry a second address or a parameter through software
// that unquotes them, and no mailbox of the MSSanté needs one.
type Address struct{ local, domain string }

// ParseAddress reads "local@domain". What is not an address by the rule above,
// or longer than RFC 5321 §4.5.3.1 allows, is fault.Invalid.
func ParseAddress(s string) (Address, error) {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || strings.Contains(domain, "@") {
		return Address{}, fmt.Errorf("ident: address has not exactly one @: %w", fault.Invalid)
	}
	if !isDotAtom(local) || len(local) > 64 {
		return Address{}, fmt.Errorf("ident: address has a local part that is no dot-atom: %w", fault.Invalid)
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err == nil { // some names change once more: only a fixed point is one name
		var again string
		if again, err = idna.Lookup.ToASCII(ascii); again != ascii {
			err = fault.Invalid
		}
	}
	if err != nil || !strings.Contains(ascii, ".") || len(ascii) > 253 || !isHostname(ascii) {
		return Address{}, fmt.Errorf("ident: address has a domain that is no host name: %w", fault.Invalid)
	}
	return Address{strings.ToLower(local), strings.ToLower(ascii)}, nil
}

func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			c := atom[i]
			alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if !alnum && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0 {
				return false
			}
		}
	}
	return true
}

func isHostname(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i] | 0x20
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

// Canonical returns "local@domain". Call it only to write the address into a
// protocol or a sealed record.
func (a Address) Canonical() string {
	if a == (Address{}) {
		return ""
	}
	return a.local + "@" + a.domain
}

// Local returns the part before the @.
func (a Address) Local() string { return a.local }

// Domain returns the part after the @.
func (a Address) Domain() string { return a.domain }

// IsZero reports whether a is no address.
func (a Address) IsZero() bool { return a == Address{} }

// String returns a pseudonym, so that %v and %s cannot leak.
func (a Address) String() string { return pseudonym("bal", a.Canonical()) }

// GoString does as String does, for %#v.
func (a Address) GoString() string { return a.String() }

// LogValue implements slog.LogValuer.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }
