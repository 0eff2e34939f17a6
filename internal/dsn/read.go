package dsn

import (
	"bytes"
	"strings"

	"vaguemestre/internal/message"
)

// maxRead bounds the recipients that are read of one notice.
const maxRead = 200

// ReadDelivery reads the message/delivery-status part of a notice, ours or
// another's (RFC 3464 §2): the recipients it speaks of, with their Address,
// Action, Status and Diagnostic. What is no such part speaks of nobody.
func ReadDelivery(part []byte) (list []Recipient) {
	blocks := bytes.Split(bytes.ReplaceAll(part, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	for _, b := range blocks {
		h := message.ParseHeader(append(bytes.Clone(b), "\n\n"...))
		r := Recipient{
			Address: untyped(h.Get("Final-Recipient")), Action: Action(strings.ToLower(strings.TrimSpace(h.Get("Action")))),
			Status: strings.TrimSpace(h.Get("Status")), Diagnostic: untyped(h.Get("Diagnostic-Code")),
		}
		if r.Address == "" || outcomes[r.Action] == (outcomes[""]) {
			continue
		}
		if list = append(list, r); len(list) == maxRead {
			break
		}
	}
	return list
}

// ReadDisposition reads the message/disposition-notification part of a notice
// (RFC 8098 §3.1): FinalRecipient, Type, Automatic and Failure. ok is false for
// what is no such part.
func ReadDisposition(part []byte) (d Disposition, ok bool) {
	h := message.ParseHeader(append(bytes.Clone(part), "\r\n\r\n"...))
	d.FinalRecipient = untyped(h.Get("Final-Recipient"))
	mode, value, found := strings.Cut(h.Get("Disposition"), ";")
	if !found || d.FinalRecipient == "" {
		return Disposition{}, false
	}
	d.Automatic = strings.HasPrefix(strings.ToLower(strings.TrimSpace(mode)), "automatic")
	kind, modifier, _ := strings.Cut(strings.TrimSpace(value), "/")
	d.Type = DispositionType(strings.ToLower(strings.TrimSpace(kind)))
	if said[d.Type] == (sentence{}) {
		return Disposition{}, false
	}
	if level, why, _ := strings.Cut(modifier, ":"); strings.EqualFold(level, "error") || strings.EqualFold(level, "failure") {
		code, label, _ := strings.Cut(strings.TrimSpace(why), "^")
		d.Failure = &Failure{oneLine(code), oneLine(label)}
	}
	return d, true
}

// untyped takes the type off a value: "rfc822; a@b", "smtp; 550 no".
func untyped(s string) string {
	if kind, value, ok := strings.Cut(s, ";"); ok && !strings.Contains(kind, "@") {
		s = value
	}
	return oneLine(s)
}
