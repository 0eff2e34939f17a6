// Package smart knows the scopes of SMART App Launch 2.2.0: what a person or an
// operator lets a program ask the FHIR interface. It is pure. A scope only ever
// narrows what policy allows; having one gives no right.
//
// It knows the scopes of version 2 ("user/DocumentReference.rs"), without search
// parameters behind them, and those that are words ("openid", "offline_access").
package smart

import (
	"fmt"
	"slices"
	"strings"

	"vaguemestre/internal/fault"
)

// Scopes are scopes written as OAuth 2.0 does (RFC 6749 §3.3): in order, once
// each, with one space between them. The zero Scopes allow nothing.
type Scopes string

// An Interaction is one letter of a scope.
type Interaction byte

// The interactions (SMART App Launch 2.2.0, Scopes for requesting FHIR resources).
const (
	Create Interaction = 'c'
	Read   Interaction = 'r' // read and vread
	Update Interaction = 'u' // update and patch
	Delete Interaction = 'd'
	Search Interaction = 's' // search, and history of a type
)

const (
	letters   = "cruds"
	maxScopes = 64
	maxLength = 2048
)

// words are the scopes that name no resource.
var words = []string{"fhirUser", "offline_access", "openid"}

// contexts are whose data a scope speaks of: the patient chosen at launch, all
// that the person who logged in may see, all that the system may see.
var contexts = []string{"patient", "user", "system"}

// A scope is one scope that names a resource.
type scope struct{ context, resource, letters string }

// Parse reads a scope parameter. Scopes that are not known are left out, as RFC
// 6749 §3.3 lets a server do; a parameter that is no list of scopes, or too long
// a one, is fault.Invalid.
func Parse(s string) (Scopes, error) {
	if len(s) > maxLength || strings.Count(s, " ") >= maxScopes {
		return "", fmt.Errorf("smart: scopes: %w", fault.TooLarge)
	}
	for _, c := range []byte(s) { // NQSCHAR and space
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return "", fmt.Errorf("smart: scopes: %w", fault.Invalid)
		}
	}
	var known []string
	for f := range strings.FieldsSeq(s) {
		if _, ok := parse(f); ok || slices.Contains(words, f) {
			known = append(known, f)
		}
	}
	return join(known), nil
}

func join(list []string) Scopes {
	slices.Sort(list)
	return Scopes(strings.Join(slices.Compact(list), " "))
}

// parse reads one scope: context, resource type or *, and the letters in order.
func parse(s string) (scope, bool) {
	context, rest, ok1 := strings.Cut(s, "/")
	resource, perms, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || !slices.Contains(contexts, context) || !isType(resource) || perms == "" {
		return scope{}, false
	}
	left := letters
	for i := range len(perms) {
		_, after, ok := strings.Cut(left, perms[i:i+1])
		if !ok {
			return scope{}, false
		}
		left = after
	}
	return scope{context, resource, perms}, true
}

// isType reports whether s is * or has the form of a resource type.
func isType(s string) bool {
	if s == "*" {
		return true
	}
	if s == "" || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c|0x20) < 'a' || (c|0x20) > 'z' {
			return false
		}
	}
	return true
}

// Has reports whether a scope is among s, as it is written.
func (s Scopes) Has(word string) bool { return slices.Contains(strings.Fields(string(s)), word) }

// Allows reports whether s lets a program have that interaction with a resource
// of that type, in one of the contexts.
func (s Scopes) Allows(resource string, i Interaction) bool {
	for f := range strings.FieldsSeq(string(s)) {
		c, ok := parse(f)
		if ok && (c.resource == "*" || c.resource == resource) && strings.IndexByte(c.letters, byte(i)) >= 0 {
			return true
		}
	}
	return false
}

// Resources lists the types of resources that s names, * among them, sorted.
func (s Scopes) Resources() []string {
	var list []string
	for f := range strings.FieldsSeq(string(s)) {
		if c, ok := parse(f); ok {
			list = append(list, c.resource)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Within returns what is both in s and in limit: of a scope that is wider than
// the limit, the part that is not.
func (s Scopes) Within(limit Scopes) Scopes {
	var list []string
	for f := range strings.FieldsSeq(string(s)) {
		if limit.Has(f) {
			list = append(list, f)
			continue
		}
		asked, ok := parse(f)
		if !ok {
			continue
		}
		for l := range strings.FieldsSeq(string(limit)) {
			if c, ok := parse(l); ok {
				if part, ok := asked.and(c); ok {
					list = append(list, part)
				}
			}
		}
	}
	return join(list)
}

// and returns the scope that both a and b include.
func (a scope) and(b scope) (string, bool) {
	resource := a.resource
	switch {
	case a.context != b.context:
		return "", false
	case a.resource == "*":
		resource = b.resource
	case b.resource != "*" && b.resource != a.resource:
		return "", false
	}
	both := strings.Map(func(c rune) rune {
		if strings.ContainsRune(b.letters, c) {
			return c
		}
		return -1
	}, a.letters)
	return a.context + "/" + resource + "." + both, both != ""
}

// In returns the scopes of s that are in one of those contexts, and the words.
func (s Scopes) In(contexts ...string) Scopes {
	var list []string
	for f := range strings.FieldsSeq(string(s)) {
		if c, ok := parse(f); !ok || slices.Contains(contexts, c.context) {
			list = append(list, f)
		}
	}
	return join(list)
}
