// Package fault is the closed list of the kinds of failure. A function wraps a
// kind with %w, an edge has one table from kind to reply, and an error without
// a kind is Internal.
package fault

import "errors"

// A Kind is a class of failure that somebody outside may be told. It is an
// error, so that it can be wrapped with %w and tested with errors.Is.
type Kind string

// Error implements error.
func (k Kind) Error() string { return string(k) }

// The kinds. Adding one makes the completeness test of every edge fail until
// that edge has a reply for it.
const (
	Invalid         Kind = "not valid"               // the input breaks a rule of its format
	NotFound        Kind = "not found"               // nothing by that name, or nothing one may know of
	Exists          Kind = "exists already"          // a second one by that name is refused
	Conflict        Kind = "changed meanwhile"       // it is no longer what the caller saw
	Denied          Kind = "not permitted"           // policy said no
	Unauthenticated Kind = "not authenticated"       // who is speaking is not known
	TooLarge        Kind = "too large"               // above a limit of size, count or depth
	Quota           Kind = "no room left"            // the owner's space is full
	Throttled       Kind = "too many requests"       // a rate limit; later it will pass
	Unavailable     Kind = "temporarily unavailable" // a part of the hub is away; later it will pass
	Sealed          Kind = "hub is sealed"           // the hub key is absent: nothing can be opened
	Corrupt         Kind = "corrupt"                 // stored data fails its check
	Internal        Kind = "internal error"          // none of the above: our own mistake
)

// Kinds lists every kind, for the tests that prove a table complete.
func Kinds() []Kind {
	return []Kind{Invalid, NotFound, Exists, Conflict, Denied, Unauthenticated, TooLarge, Quota,
		Throttled, Unavailable, Sealed, Corrupt, Internal}
}

// Of returns the kind that err wraps, Internal if it wraps none, and "" for nil.
func Of(err error) Kind {
	if err == nil {
		return ""
	}
	var k Kind
	if errors.As(err, &k) {
		return k
	}
	return Internal
}
