package message

import (
	"slices"
	"time"
)

// An Envelope is what an IMAP listing shows of a mail (RFC 3501 §7.4.2,
// RFC 9051 §7.5.2), decoded to UTF-8. Sender and ReplyTo are From where the
// mail has none.
type Envelope struct {
	Date     time.Time // zero if there is none that can be read; seconds
	DateText string    // the Date field as written
	Subject  string
	From     []Address
	Sender   []Address
	ReplyTo  []Address
	To       []Address
	Cc       []Address
	Bcc      []Address

	MessageID  string   // without angle brackets
	InReplyTo  []string // without angle brackets
	References []string // without angle brackets, the oldest first; of a mail within another, none
}

const (
	maxSubject    = 4096
	maxReferences = 20 // kept of one mail: the first of all, and the last
)

// Envelope returns the envelope of m.
func (m *Mail) Envelope() Envelope { return m.header.Envelope() }

// Envelope returns the envelope of the mail with this header.
func (h Header) Envelope() Envelope {
	e := h.envelope(maxAddresses)
	e.References = messageIDs(h.Raw("References"))
	if n := len(e.References); n > maxReferences {
		e.References = slices.Delete(e.References, 1, n-maxReferences+1)
	}
	return e
}

// envelope returns the envelope with at most max entries in a list.
func (h Header) envelope(max int) Envelope {
	e := Envelope{
		DateText:  clip(h.Get("Date"), 256),
		Subject:   clip(h.Get("Subject"), maxSubject),
		From:      h.addresses("From", max),
		Sender:    h.addresses("Sender", max),
		ReplyTo:   h.addresses("Reply-To", max),
		To:        h.addresses("To", max),
		Cc:        h.addresses("Cc", max),
		Bcc:       h.addresses("Bcc", max),
		MessageID: h.messageID(),
		InReplyTo: messageIDs(h.Raw("In-Reply-To")),
	}
	e.Date, _ = parseDate(h.Raw("Date"))
	if len(e.Sender) == 0 {
		e.Sender = e.From
	}
	if len(e.ReplyTo) == 0 {
		e.ReplyTo = e.From
	}
	return e
}

const (
	envelopeVersion = 2
	firstEnvelope   = 1 // without References
)

// AppendBinary appends the compact form of e, which ParseEnvelope reads:
//
//	version, number of addresses, number of identifiers,
//	date (0, or 1 with seconds and minutes of zone), texts, six lists,
//	number of references, references
//
// A Sender or ReplyTo equal to From is written as an empty list. It never
// fails.
func (e Envelope) AppendBinary(b []byte) ([]byte, error) {
	w := writer{append(b, envelopeVersion)}
	w.envelope(e)
	w.int(len(e.References))
	for _, id := range e.References {
		w.string(id)
	}
	return w.b, nil
}

// ParseEnvelope reads what AppendBinary wrote; anything else is fault.Corrupt.
// The strings of the result share one copy of b.
func ParseEnvelope(b []byte) (Envelope, error) {
	version := byte(envelopeVersion)
	if len(b) > 0 && b[0] == firstEnvelope {
		version = firstEnvelope
	}
	r := newReader(b, version)
	e := r.envelope()
	if version != firstEnvelope {
		if n := r.count(1); n > 0 {
			e.References = make([]string, n)
		}
		for i := range e.References {
			e.References[i] = r.string()
		}
	}
	if err := r.end("envelope"); err != nil {
		return Envelope{}, err
	}
	return e, nil
}

func (w *writer) envelope(e Envelope) {
	if slices.Equal(e.Sender, e.From) {
		e.Sender = nil
	}
	if slices.Equal(e.ReplyTo, e.From) {
		e.ReplyTo = nil
	}
	lists := [...][]Address{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc}
	total := 0
	for _, l := range lists {
		total += len(l)
	}
	w.int(total)
	w.int(len(e.InReplyTo))
	if e.Date.IsZero() {
		w.int(0)
	} else {
		_, zone := e.Date.Zone()
		w.int(1)
		w.signed(e.Date.Unix())
		w.signed(int64(zone / 60))
	}
	w.string(e.DateText)
	w.string(e.Subject)
	w.string(e.MessageID)
	for _, id := range e.InReplyTo {
		w.string(id)
	}
	for _, l := range lists {
		w.int(len(l))
		for _, a := range l {
			w.string(a.Name)
			w.string(a.Mailbox)
			w.string(a.Host)
		}
	}
}

func (r *reader) envelope() Envelope {
	var e Envelope
	all := make([]Address, r.count(3))
	if n := r.count(1); n > 0 {
		e.InReplyTo = make([]string, n)
	}
	switch r.int() {
	case 0:
	case 1:
		seconds, zone := r.signed(), r.signed()
		if zone < -24*60 || zone > 24*60 || seconds < minUnix || seconds > maxUnix {
			r.fail()
			break
		}
		e.Date = time.Unix(seconds, 0).In(zoneOf(int(zone)))
	default:
		r.fail()
	}
	e.DateText, e.Subject, e.MessageID = r.string(), r.string(), r.string()
	for i := range e.InReplyTo {
		e.InReplyTo[i] = r.string()
	}
	for _, list := range []*[]Address{&e.From, &e.Sender, &e.ReplyTo, &e.To, &e.Cc, &e.Bcc} {
		n := r.int()
		if n > len(all) {
			r.fail()
			break
		}
		if n == 0 {
			continue
		}
		*list, all = all[:n:n], all[n:]
		for i := range *list {
			(*list)[i] = Address{r.string(), r.string(), r.string()}
		}
	}
	if len(all) != 0 {
		r.fail()
	}
	if e.Sender == nil {
		e.Sender = e.From
	}
	if e.ReplyTo == nil {
		e.ReplyTo = e.From
	}
	return e
}

// The years 1 and 9999, beyond which a time.Time has no text.
var (
	minUnix = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC).Unix()
	maxUnix = time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC).Unix()
)

func zoneOf(minutes int) *time.Location {
	if minutes == 0 {
		return time.UTC
	}
	return time.FixedZone("", minutes*60) // whole hours are cached by package time
}
