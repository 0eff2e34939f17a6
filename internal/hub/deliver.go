package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/conversation"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// Deliver files a mail with every recipient, durably and in the trail, before
// it returns. A retry after an error files nothing twice.
//
// A *Refusal says that nobody may have this mail, fault.Invalid that it is not a
// mail, fault.TooLarge that it is too large for one of its recipients; of all
// other errors a retry is the remedy. A recipient who is refused only now, while
// others are not, is told to the sender by a notification.
func (h *Hub) Deliver(ctx context.Context, d Delivery) (Receipt, error) {
	if len(d.To) == 0 {
		return Receipt{}, fmt.Errorf("hub: deliver: to nobody: %w", fault.Invalid)
	}
	p, err := h.open(d)
	if err != nil {
		return Receipt{}, err
	}
	if err := h.checkAuthor(p); err != nil {
		return Receipt{}, err
	}
	to, err := h.resolveAll(ctx, p)
	if err != nil {
		return Receipt{}, err
	}
	if d.Actor.Role == policy.Patient {
		return p.receipt, h.answer(ctx, p, to)
	}
	if err := h.inspect(ctx, p, to); err != nil {
		return Receipt{}, err
	}
	if p.contact, err = h.contact(ctx, p); err != nil {
		return Receipt{}, err
	}
	return p.receipt, h.fileAll(ctx, p, to)
}

// resolveAll finds the addressees of a mail, each once.
func (h *Hub) resolveAll(ctx context.Context, p *parcel) ([]addressee, error) {
	seen := map[ident.Address]bool{}
	to := make([]addressee, 0, len(p.To))
	for _, r := range p.To {
		if seen[r.Address] {
			continue
		}
		seen[r.Address] = true
		a, err := h.resolveAgain(ctx, p, r.Address)
		if err != nil {
			return nil, err
		}
		to = append(to, a)
	}
	return to, nil
}

// resolveAgain finds an addressee that CheckRecipient has allowed, most often a
// moment ago, and what it takes to seal to it. What it remembers is only where
// the addressee is: whoever is no longer there is not known.
func (h *Hub) resolveAgain(ctx context.Context, p *parcel, a ident.Address) (addressee, error) {
	to := addressee{Address: a, Patient: h.isPatient(a)}
	var ok bool
	if to.Part, ok = h.places.get(a); !ok {
		var err error
		if to, err = h.locate(ctx, a); err != nil {
			return to, err
		}
	}
	return to, h.view(ctx, to.Part, func(r store.Reader) (err error) {
		if err = h.load(r, &to); err != nil || !to.Known {
			return err
		}
		if to.Cert, err = h.cert(r, to.Part); err != nil {
			return err
		}
		to.Filed, err = mailbox.Marked(r, h.mark(p, to.Part), h.Now())
		return err
	})
}

// checkAuthor holds the From: and Sender: fields against the one who logged in
// (RFC 6409 §8.1): exactly one author, and it is the actor.
func (h *Hub) checkAuthor(p *parcel) error {
	mine := func(field string) bool {
		list := p.mail.From()
		if field == "Sender" {
			list = p.mail.Sender()
		}
		if p.mail.Count(field) != 1 || len(list) != 1 {
			return false
		}
		a, err := ident.ParseAddress(list[0].Spec())
		return err == nil && a == p.Actor.Address
	}
	ok := mine("From") && (p.mail.Count("Sender") == 0 || mine("Sender"))
	if !ok || p.From != p.Actor.Address && !p.From.IsZero() {
		return refuse(policy.Decide(policy.Request{Act: policy.SendMail, Actor: p.Actor.policy(), Mailbox: policy.Mailbox{Role: policy.Professional}}))
	}
	return nil
}

// fileAll files a mail with each addressee, one transaction each. Where one of
// them fails for now, the others are filed all the same: the retry will find
// them done.
func (h *Hub) fileAll(ctx context.Context, p *parcel, to []addressee) error {
	var refused []failure
	var passing error
	for _, a := range to {
		if ctx.Err() != nil {
			return fmt.Errorf("hub: deliver: %v: %w", ctx.Err(), fault.Unavailable)
		}
		var r *Refusal
		switch err := h.file(ctx, p, a); {
		case errors.As(err, &r):
			refused = append(refused, failure{a.Address, r})
		case err != nil && passing == nil:
			passing = err
		}
	}
	if passing != nil {
		return passing
	}
	if len(refused) == len(to) {
		return refused[0].Refusal
	}
	return h.reportDelivery(ctx, p, to, refused)
}

// file files a mail with one addressee: sealed first, blobs next, then one
// transaction that decides and writes everything else.
func (h *Hub) file(ctx context.Context, p *parcel, to addressee) error {
	if !to.Known { // what CheckRecipient knew has changed since
		return refuse(policy.Decide(policy.Request{Act: policy.SendMail, Actor: p.Actor.policy(), SenderIsActor: true, Mailbox: to.mailbox()}))
	}
	if to.Filed { // the retry of a large mail to many would else take as long each time
		return nil
	}
	s, err := h.seal(p, to)
	if err != nil {
		return err
	}
	if err := h.hintWaiting(ctx, to.Part, s.documents); err != nil {
		return err
	}
	if err := h.putBlobs(ctx, to.Part, s.objects); err != nil {
		return err
	}
	filed := false
	err = h.do(ctx, to.Part, func(t *tx) error {
		filed = false
		twice, err := mailbox.Marked(t, s.filing.Mark, t.now)
		if err != nil || twice {
			return err
		}
		if err := h.decideMail(t, p, to, s); err != nil {
			return err
		}
		err = h.write(t, mailbox.Inbox, s)
		if err == nil && to.Patient && !p.notice {
			err = h.tellPatient(t, patient.OfMessage)
		}
		filed = err == nil
		return err
	})
	if !filed { // for certain: where the commit may have happened, the sweep decides
		h.dropBlobs(to.Part, s.objects)
	}
	return err
}

// decideMail asks policy about the mail, continues the exchange if it is with
// a patient, ends it if the mail says so, and notes all that.
func (h *Hub) decideMail(t *tx, p *parcel, to addressee, s *sealedMail) error {
	req, err := h.sendFacts(t, p.Actor, to)
	if err != nil {
		return err
	}
	d := policy.Decide(req)
	if !d.Allow {
		return refuse(d)
	}
	if err := h.hasRoom(t, int64(len(p.mail.Raw))); err != nil {
		return full(err, to, req.Thread.Exists)
	}
	t.note(decided(p.Actor.entry(policy.SendMail, p.receipt.ID), d))
	if !to.Patient {
		return nil
	}
	req.Act = policy.FileDocument
	if d = policy.Decide(req); !d.Allow && len(s.documents) > 0 {
		return refuse(d)
	}
	s.rule = d.Rule
	if p.notice { // a read receipt opens nothing, and opens nothing again
		return nil
	}
	if err := conversation.Continue(t, t.Scope, p.Actor.Address, p.contact, t.now); err != nil {
		return err
	}
	if !p.ends {
		return nil
	}
	req.Act = policy.EndThread
	req.Thread = policy.Thread{Exists: true, Open: true, OpenedByActor: true}
	if d = policy.Decide(req); d.Allow {
		err = conversation.End(t, t.Scope, p.Actor.Address, t.now)
	}
	t.note(decided(p.Actor.entry(policy.EndThread, p.receipt.ID), d))
	return err
}

// write writes a sealed mail and its documents into the transaction.
func (h *Hub) write(t *tx, folder mailbox.FolderID, s *sealedMail) error {
	s.keep(t)
	if _, _, err := mailbox.File(t, folder, s.filing); err != nil {
		return err
	}
	for _, d := range s.documents {
		_, same, err := h.fileDocument(t, s.actor, d, s.rule)
		if err != nil {
			return err
		}
		if same != "" { // the mail keeps what it carries
			err = releaseAll(t, d.own)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hasRoom reports whether an owner can take n more bytes, in mails and
// documents.
func (h *Hub) hasRoom(r store.Reader, n int64) error {
	used, _, err := mailbox.Usage(r)
	if err != nil {
		return err
	}
	documents, err := vault.Bytes(r)
	if err == nil && used+documents+n > h.Limits.Quota {
		err = fmt.Errorf("hub: mailbox: %w", fault.Quota)
	}
	return err
}

func releaseAll(t *tx, refs []vault.Ref) error {
	for _, ref := range refs {
		if _, err := vault.Release(t, ref); err != nil {
			return err
		}
	}
	return nil
}
