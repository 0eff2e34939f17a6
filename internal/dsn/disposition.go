package dsn

import (
	"fmt"
	"io"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/message"
)

// A DispositionType is what was done with a mail (RFC 8098 §3.2.6.2).
type DispositionType string

// The dispositions.
const (
	Displayed  DispositionType = "displayed"  // shown to the person
	Processed  DispositionType = "processed"  // handled by a program without being shown
	Dispatched DispositionType = "dispatched" // forwarded
	Deleted    DispositionType = "deleted"    // thrown away, perhaps unseen
)

// A Disposition answers a request for a disposition notification (RFC 8098),
// also in the form by which a hospital system says that it has integrated a
// document or not (ANS, volet IHE_XDM par messagerie, struct-msg-mdn).
type Disposition struct {
	ReportingUA string // "host; product"
	From        message.Address
	To          string // what RequestedBy gave
	Date        time.Time
	MessageID   string // of the notice, without angle brackets

	OriginalRecipient string // address of ORCPT, if known
	FinalRecipient    string
	Type              DispositionType
	Automatic         bool // made and sent by a program, not by the person
	Failure           *Failure

	Original    []byte               // the mail, or no more than its header
	Attachments []message.Attachment // documents that go back with a failure
}

// A Failure says why a document could not be integrated.
type Failure struct {
	Code  string // "902", of the volet's table 900 to 906
	Label string // "Patient inconnu"
}

// RequestedBy returns the address to which a notification about m may be sent
// without asking the person: that of Disposition-Notification-To, if there is
// exactly one and it is the reverse-path of m, and m is not itself sent by a
// machine (RFC 8098 §2.1: anything else could make a loop, or write to others).
func RequestedBy(m *message.Mail, reversePath string) (string, bool) {
	list := m.Head().AddressList("Disposition-Notification-To")
	auto := strings.ToLower(m.Header("Auto-Submitted"))
	if len(list) != 1 || reversePath == "" || auto != "" && !strings.HasPrefix(auto, "no") ||
		m.Root.MediaType() == "multipart/report" {
		return "", false
	}
	to := list[0].Spec()
	return to, strings.EqualFold(to, reversePath)
}

// Compose writes the notification as a complete mail, 7-bit, with CRLF. Random
// is used for the boundary. A null To and what is no address are fault.Invalid.
func (d Disposition) Compose(random io.Reader) ([]byte, error) {
	if d.To == "" || d.To == "<>" {
		return nil, fmt.Errorf("dsn: compose: null sender: %w", fault.Invalid)
	}
	if d.FinalRecipient == "" || said[d.Type] == (sentence{}) {
		return nil, fmt.Errorf("dsn: compose: disposition: %w", fault.Invalid)
	}
	head := message.ParseHeader(d.Original)
	n := notice{
		from: d.From, to: d.To, date: d.Date, messageID: d.MessageID,
		subject: d.subject(head.Get("Subject")), text: d.text(head.Get("Subject")), about: head,
		reportType: "disposition-notification", status: d.status(head),
	}
	if head.Len() > 0 {
		n.original = headersOnly(head)
	}
	for _, a := range d.Attachments {
		n.more = append(n.more, a.Entity())
	}
	return n.compose(random)
}

func (d Disposition) subject(original string) string {
	if d.Failure != nil { // the volet's own words, which programs look for
		return fmt.Sprintf("[KO Intégration système !][%s] %s", d.Failure.Code, original)
	}
	return "Accusé de lecture / Read receipt: " + original
}

// status writes the message/disposition-notification part (RFC 8098 §3.1).
func (d Disposition) status(head message.Header) []byte {
	var s fields
	if d.ReportingUA != "" {
		s.add("Reporting-UA", d.ReportingUA)
	}
	if d.OriginalRecipient != "" {
		s.add("Original-Recipient", typed("", d.OriginalRecipient))
	}
	s.add("Final-Recipient", typed("", d.FinalRecipient))
	if id := head.Get("Message-ID"); id != "" {
		s.add("Original-Message-ID", id)
	}
	mode := "manual-action/MDN-sent-manually"
	if d.Automatic {
		mode = "automatic-action/MDN-sent-automatically"
	}
	value := mode + "; " + string(d.Type)
	if d.Failure != nil {
		value += "/Error: " + d.Failure.Code + "^" + d.Failure.Label
	}
	s.add("Disposition", value)
	return s.b
}

// said tells what was done with the mail.
var said = map[DispositionType]sentence{
	Displayed:  {"a été affiché à son destinataire. Cela ne prouve pas qu'il a été lu ni compris.", "was displayed to its recipient. This does not prove that it was read or understood."},
	Processed:  {"a été intégré par le système du destinataire.", "was integrated by the recipient's system."},
	Dispatched: {"a été transmis à un autre destinataire.", "was forwarded to another recipient."},
	Deleted:    {"a été supprimé par son destinataire ; il n'a peut-être pas été lu.", "was deleted by its recipient; it may not have been read."},
}

func (d Disposition) text(subject string) string {
	s, final := said[d.Type], oneLine(d.FinalRecipient)
	if f := d.Failure; f != nil {
		why := about(" (", oneLine(f.Code+" "+f.Label), ")")
		s = sentence{
			"n'a pas pu être intégré par le système du destinataire" + why + ". Vérifiez l'identité du patient et le document, puis envoyez-le de nouveau.",
			"could not be integrated by the recipient's system" + why + ". Please check the identity of the patient and the document, then send it again.",
		}
	}
	return fmt.Sprintf("Bonjour,\n\nVotre message%s, adressé à %s, %s\n%sHello,\n\nYour message%s to %s %s\n",
		about(" « ", subject, " »"), final, s.fr, separator, about(` "`, subject, `"`), final, s.en)
}
