package hub

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A parcel is one mail on its way: what it is, once for all its recipients.
type parcel struct {
	Delivery
	receipt Receipt

	mail   *message.Mail // as it will be read, trace fields included
	digest [sha256.Size]byte

	layout   message.Layout
	skeleton []byte
	cuts     []message.Cut

	found   []found       // documents, if a patient is among the recipients
	ends    bool          // it asks to end the exchange
	notice  bool          // it tells of another mail (RFC 3462): a receipt, no message
	contact ident.Address // where a patient is to answer
}

// smallestCut is the size from which an encoded part is worth an object of its
// own.
const smallestCut = 512

// open reads a mail and splits it.
func (h *Hub) open(d Delivery) (*parcel, error) {
	now := h.Now().UTC()
	p := &parcel{Delivery: d, receipt: Receipt{ID: vault.NewID()[:16], Time: now}}
	lim := message.Default
	lim.Size = h.Limits.Mail + maxTrace
	raw := h.trace(d, p.receipt) // with room for the mail
	traced := len(raw)
	raw = append(raw, d.Mail...)
	p.Mail = raw[traced:] // so that the mail is in memory once
	mail, err := message.Parse(raw, lim)
	if err != nil {
		return nil, fmt.Errorf("hub: deliver: %w", err)
	}
	p.mail = mail
	sum := sha256.New()
	message.HashWithoutTrace(sum, mail)
	sum.Sum(p.digest[:0])
	p.layout, p.skeleton, p.cuts = message.Split(mail, worthCutting)
	p.notice = mail.Root.MediaType() == "multipart/report"
	p.ends = endsExchange(mail)
	return p, nil
}

// endsExchange reports whether a mail says that the patient is to answer no more:
// once, by its header or by nothing but its subject (IG ANS, mapping MSS).
func endsExchange(mail *message.Mail) bool {
	return mail.Count("X-MSS-MES") == 1 && strings.TrimSpace(mail.Header("X-MSS-MES")) == "FIN" ||
		mail.Count("Subject") == 1 && mail.Header("Subject") == "[FIN]"
}

// worthCutting reports whether a part is to be an object of its own.
func worthCutting(p *message.Part) bool { return p.Size() >= smallestCut && !isText(p) }

// isText reports whether a part is text to be read with the mail, and no
// attachment.
func isText(p *message.Part) bool {
	return p.Type == "text" && (p.Subtype == "plain" || p.Subtype == "html") && p.Disposition != "attachment" && p.FileName() == ""
}

// maxTrace bounds what trace adds to a mail.
const maxTrace = 2 << 10

// trace makes the fields that final delivery adds (RFC 5321 §4.4). They name
// neither the client's address nor the recipients.
func (h *Hub) trace(d Delivery, r Receipt) []byte {
	hello := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune(".-:[]", c) {
			return c
		}
		return -1
	}, d.Hello)
	if len(hello) > 255 || hello == "" {
		hello = "unknown"
	}
	return fmt.Appendf(make([]byte, 0, 512+len(d.Mail)), "Return-Path: <%s>\r\nReceived: from %s\r\n\tby %s with %s id %s;\r\n\t%s\r\n",
		d.From.Canonical(), hello, h.Domain, d.Protocol, r.ID, r.Time.Format(time.RFC1123Z))
}

// mark identifies the filing of this mail with one owner, so that filing twice
// is filing once. A mail without Message-ID has none.
func (h *Hub) mark(p *parcel, to store.Part) []byte {
	id := p.mail.MessageID()
	if id == "" {
		return nil
	}
	m := h.Index.MAC("hub/filed", p.Actor.Address.Canonical(), string(to), id, string(p.digest[:]))
	return m[:]
}

// contact returns the address that a patient's answer is to go to: Reply-To,
// where policy lets the sender name it, else the sender's own.
func (h *Hub) contact(ctx context.Context, p *parcel) (ident.Address, error) {
	own := p.Actor.Address
	list := p.mail.ReplyTo()
	if p.mail.Count("Reply-To") != 1 || len(list) != 1 {
		return own, nil
	}
	a, bad := ident.ParseAddress(list[0].Spec())
	if bad != nil || a == own || h.isPatient(a) {
		return own, nil
	}
	to, err := h.resolve(ctx, a)
	if err != nil {
		return own, err
	}
	d := policy.Decide(policy.Request{Act: policy.NameReplyTo, Actor: p.Actor.policy(), Now: h.Now(), SenderIsActor: true, Mailbox: to.mailbox()})
	if !d.Allow {
		return own, nil
	}
	return a, nil
}
