// Package dsn writes the notices a mail hub owes to senders: delivery status
// notifications (RFC 3464, asked for as RFC 3461 says) and message disposition
// notifications (RFC 8098), as complete mails in French and then English.
//
// It decides neither whether a notice is due nor what became of a mail, and it
// sends nothing. A notice goes out with the null reverse-path (MAIL FROM:<>,
// RFC 5321 §4.5.5), and there is none for a mail that came with it: Compose
// refuses. The same value and the same random bytes give the same mail.
package dsn

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/message"
)

// An Action is what became of a mail for one recipient (RFC 3464 §2.3.3).
type Action string

// The actions.
const (
	Failed    Action = "failed"    // given up
	Delayed   Action = "delayed"   // still being tried
	Delivered Action = "delivered" // in the mailbox
	Relayed   Action = "relayed"   // handed to a server that will not tell more
)

// A Delivery tells a sender what became of one mail (RFC 3464).
type Delivery struct {
	ReportingMTA string          // host name of the hub
	From         message.Address // the postmaster
	To           string          // reverse-path of the mail, which is never null
	Date         time.Time       // of the notice
	MessageID    string          // of the notice, without angle brackets
	EnvelopeID   string          // ENVID of MAIL, decoded from xtext
	Arrival      time.Time       // of the mail; zero if not known
	Recipients   []Recipient     // at least one

	Original []byte // the mail, or no more than its header
	Full     bool   // RET=FULL: return all of Original and not its header alone
}

// A Recipient is one addressee of the mail and what became of it there.
type Recipient struct {
	Address      string // forward-path
	OriginalType string // address type of ORCPT, "rfc822" where empty
	Original     string // address of ORCPT, decoded from xtext; "" if none was given
	Action       Action
	Status       string    // RFC 3463, "5.1.1"
	Diagnostic   string    // the reply of the server that decided, "550 5.1.1 …"; "" if it was this one
	RemoteMTA    string    // the server that gave it
	LastAttempt  time.Time // zero if not known
	RetryUntil   time.Time // of a delayed mail

	RemarkFR, RemarkEN string // what its sender is to know besides, in a sentence
}

// Compose writes the notice as a complete mail, 7-bit, with CRLF. An original
// that is not 7-bit is returned as its header only, whatever Full says, since
// no transfer encoding is allowed inside a report (RFC 6522 §4). Random is used
// for the boundary. A null To, no recipient, and what is no address or status
// are fault.Invalid.
func (d Delivery) Compose(random io.Reader) ([]byte, error) {
	if d.To == "" || d.To == "<>" {
		return nil, fmt.Errorf("dsn: compose: null sender: %w", fault.Invalid)
	}
	if len(d.Recipients) == 0 {
		return nil, fmt.Errorf("dsn: compose: no recipient: %w", fault.Invalid)
	}
	status, err := d.status()
	if err != nil {
		return nil, fmt.Errorf("dsn: compose: %w", err)
	}
	head := message.ParseHeader(d.Original)
	n := notice{
		from: d.From, to: d.To, date: d.Date, messageID: d.MessageID,
		subject: subjectOf(d.Recipients), text: d.text(head), about: head,
		reportType: "delivery-status", status: status,
	}
	if d.Full && len(d.Original) > 0 && message.SevenBit(d.Original) {
		n.original = message.Entity{Type: "message/rfc822", Body: d.Original}
	} else if head.Len() > 0 {
		n.original = headersOnly(head)
	}
	return n.compose(random)
}

// status writes the message/delivery-status part (RFC 3464 §2).
func (d Delivery) status() ([]byte, error) {
	var s fields
	if d.EnvelopeID != "" {
		s.add("Original-Envelope-Id", d.EnvelopeID)
	}
	s.add("Reporting-MTA", "dns; "+d.ReportingMTA)
	if !d.Arrival.IsZero() {
		s.add("Arrival-Date", d.Arrival.Format(dateLayout))
	}
	for _, r := range d.Recipients {
		if !validStatus(r.Status, r.Action) || strings.TrimSpace(r.Address) == "" {
			return nil, fmt.Errorf("recipient: %w", fault.Invalid)
		}
		s.blank()
		if r.Original != "" {
			s.add("Original-Recipient", typed(r.OriginalType, r.Original))
		}
		s.add("Final-Recipient", typed("", r.Address))
		s.add("Action", string(r.Action))
		s.add("Status", r.Status)
		if r.RemoteMTA != "" {
			s.add("Remote-MTA", "dns; "+r.RemoteMTA)
		}
		if r.Diagnostic != "" {
			s.add("Diagnostic-Code", "smtp; "+r.Diagnostic)
		}
		if !r.LastAttempt.IsZero() {
			s.add("Last-Attempt-Date", r.LastAttempt.Format(dateLayout))
		}
		if r.Action == Delayed && !r.RetryUntil.IsZero() {
			s.add("Will-Retry-Until", r.RetryUntil.Format(dateLayout))
		}
	}
	return s.b, nil
}

// validStatus reports whether status is one of RFC 3463 and goes with action.
func validStatus(status string, action Action) bool {
	class := map[Action]byte{Failed: '5', Delayed: '4', Delivered: '2', Relayed: '2'}[action]
	codes := strings.Split(status, ".")
	if len(codes) != 3 || class == 0 || len(codes[0]) != 1 {
		return false
	}
	for _, c := range codes {
		if c == "" || len(c) > 3 || strings.Trim(c, "0123456789") != "" {
			return false
		}
	}
	// What was tried until it was given up fails with the code of its delay.
	return codes[0][0] == class || action == Failed && codes[0] == "4"
}
