package hub

import (
	"io"
	"net/netip"
	"time"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// An Actor is who acts: somebody, or some machine, that has logged in.
type Actor struct {
	Address       ident.Address // of the mailbox that logged in
	Part          store.Part    // where that mailbox is kept
	Role          policy.Role
	Profession    policy.Profession
	RPPS          string // eleven digits, of a professional who is known by it
	Name          string // as it is displayed
	Organisation  string // name of the establishment
	Establishment string // opaque; equal for two who belong together
	Device        string // name of the application password used
	Password      string // its ID
	Session       string // opaque; names this login in the trail
	Web           bool   // came in through the web: Session is the ID of a session there
	Member        *Actor // the person who acts, where the mailbox is one that they share; see Hub.Shared

	Authorization string       // of the program that acts, where a token was shown
	Scopes        smart.Scopes // of that token; without one, nothing through the API

	Allowance directory.Allowance // of refused recipients, where an operator has raised it
}

// An Attempt is somebody trying to log in.
type Attempt struct {
	Login    string     // as the client gave it
	Protocol string     // "smtp", "imap" or "web"
	Remote   netip.Addr // of the client
	Device   string     // what the client calls itself, through the web
}

// A Delivery is one mail that an Actor hands over for some recipients.
type Delivery struct {
	Actor      Actor
	From       ident.Address // MAIL FROM; zero for the null reverse-path of a notice
	To         []Recipient
	EnvelopeID string // DSN ENVID, decoded (RFC 3461 §4.4)
	ReturnFull bool   // DSN RET=FULL (RFC 3461 §4.3)
	Mail       []byte // as it came, CRLF line ends checked; owned by the hub afterwards
	Protocol   string // for the Received header: "ESMTPSA" or "UTF8SMTPSA" (RFC 3848, 6531)
	Hello      string // the client's EHLO argument, not trusted
	Remote     netip.Addr
}

// A Recipient is one RCPT of a Delivery.
type Recipient struct {
	Address  ident.Address
	Notify   Notify
	Original string // DSN ORCPT, decoded, with its type: "rfc822;a@b" (RFC 3461 §4.2)
}

// Notify says which notifications a sender asked for (RFC 3461 §4.1). The zero
// value is the default: failure.
type Notify uint8

// The bits of Notify. NotifyNever stands alone.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// A Receipt says that a Delivery is filed, durable and in the trail.
type Receipt struct {
	ID   string // shown to the sender, written in the trail
	Time time.Time
}

// A Refusal is the error of an act that policy refused, for an edge to tell
// the person: which rule, and its sentence. It wraps fault.Denied, or the kind
// that the edge must answer with instead.
type Refusal struct {
	Rule   string
	FR, EN string // a sentence for a person
	Kind   error  // a fault.Kind
	Code   int    // of the integration of a document, 900 to 906 (CI-SIS); 0 for any other
}

// Error implements error. It names the rule only.
func (r *Refusal) Error() string { return "hub: refused by " + r.Rule }

// Unwrap gives the kind.
func (r *Refusal) Unwrap() error { return r.Kind }

// Content is one message's bytes, exactly as they came.
type Content interface {
	Size() int64

	// ReadRange writes n bytes from off, which lie within the message.
	ReadRange(w io.Writer, off, n int64) error
}
