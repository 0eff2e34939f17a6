package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vaguemestre/internal/document"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// found is a document of a mail, and where its bytes are.
type found struct {
	document.Document
	content   []byte
	cut       int // of the mail that holds them; -1 if none does
	rendition int // the cut that shows it to a person; -1 if none does
	doubts    []string

	sha1, sha256 string
}

// inspect looks for the documents of a mail that goes to patients, and refuses
// the mail for all where one is not theirs to have. A mail to professionals
// alone makes no document.
func (h *Hub) inspect(ctx context.Context, p *parcel, to []addressee) error {
	patients, others := h.persons(to)
	if len(patients) == 0 {
		return nil
	}
	if int64(len(p.Mail)) > h.Limits.PatientMail {
		return fmt.Errorf("hub: deliver: %w", fault.TooLarge)
	}
	attachments, cuts := p.attachments()
	if len(attachments) == 0 {
		return nil
	}
	result, err := document.Find(document.Input{
		Attachments: attachments,
		CodeCDA:     p.mail.Header("X-MSS-CODECDA"),
		INS:         p.mail.Header("X-MSS-INS"),
		Subject:     p.mail.Header("Subject"),
		Sender:      p.senderLabel(),
		Date:        p.receipt.Time,
	}, document.Limits{})
	if err != nil {
		return fmt.Errorf("hub: deliver: %w", err)
	}
	if len(result.Unread) > 0 {
		return h.refuseMail(ctx, p, mailed(unreadable))
	}
	for _, d := range result.Documents {
		f := found{Document: d, content: d.Files[0].Data, cut: -1, rendition: -1}
		f.sha1, f.sha256 = sums(f.content)
		if i, ok := cuts[d.Files[0].Attachment]; ok && d.Files[0].Path == "" {
			f.cut = i
		}
		if d.Rendition != nil && d.Rendition.Path == "" {
			if i, ok := cuts[d.Rendition.Attachment]; ok {
				f.rendition = i
			}
		}
		var refusal *Refusal
		if f.doubts, refusal = h.judge(d, patients, others); refusal != nil {
			return h.refuseMail(ctx, p, refusal)
		}
		p.found = append(p.found, f)
	}
	return h.checkVersions(ctx, p, to)
}

// checkVersions refuses a mail for all where a document of it may not take its
// place among those that a patient has already.
func (h *Hub) checkVersions(ctx context.Context, p *parcel, to []addressee) error {
	for _, a := range to {
		if !a.Patient || !a.Known || a.Filed {
			continue
		}
		var refusal *Refusal
		err := h.view(ctx, a.Part, func(r store.Reader) error {
			for _, f := range p.found {
				if _, err := h.succeed(r, a.Part, p.Actor, newcomer{f.UniqueID, f.sha256, f.Replaces}); err != nil {
					return err
				}
			}
			return nil
		})
		if errors.As(err, &refusal) {
			return h.refuseMail(ctx, p, mailed(*refusal))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// persons returns the patients among the addressees, and whether there are
// others.
func (h *Hub) persons(to []addressee) (patients []document.Person, others bool) {
	for _, a := range to {
		if !a.Patient {
			others = true
			continue
		}
		m, err := ident.ParseMatricule(a.Address.Local())
		if err != nil {
			continue // resolve has refused it
		}
		person := personOf(a.Space)
		person.Matricule = m
		patients = append(patients, person)
	}
	return patients, others
}

// judge holds a document against the recipients. One that names a patient must
// be every patient's among them: it would reach each mailbox. What is doubtful
// is filed all the same, and marked.
func (h *Hub) judge(d document.Document, patients []document.Person, others bool) (doubts []string, refusal *Refusal) {
	v := document.CheckIdentity(d, patients, h.TestMode)
	switch {
	case v.Outcome == document.WrongPatient, !v.Unidentified() && len(v.Concerns) != len(patients):
		return nil, mailed(wrongPatient)
	case d.Confidentiality.HiddenFromPatient:
		return nil, &hiddenDocument
	case d.Confidentiality.Masked && others:
		return nil, &maskedDocument
	}
	for _, r := range v.Reasons {
		doubts = append(doubts, string(r))
	}
	return doubts, nil
}

// refuseMail writes the refusal of a whole mail into the sender's own trail.
func (h *Hub) refuseMail(ctx context.Context, p *parcel, r *Refusal) error {
	err := h.commit(ctx, p.Actor.Part, func(t *tx) error {
		t.note(decided(p.Actor.entry(policy.FileDocument, p.receipt.ID), policy.Decision{Rule: r.Rule}))
		return nil
	})
	if err != nil {
		return err
	}
	return r
}

// maxAttachment bounds what an attachment decodes to.
const maxAttachment = 64 << 20

// attachments lists what a mail carries besides its text, and which of them
// were cut out.
func (p *parcel) attachments() (list []document.Attachment, cuts map[int]int) {
	cutOf := map[*message.Part]int{}
	for i, c := range p.cuts {
		cutOf[c.Part] = i
	}
	cuts = map[int]int{}
	index := 0
	p.mail.Root.Walk(func(part *message.Part) bool {
		if !part.IsLeaf() || isText(part) {
			return true
		}
		a := document.Attachment{
			Index: index, FileName: part.FileName(), MediaType: part.MediaType(),
			Inline: part.Disposition == "inline" || part.Disposition == "" && part.ID != "", ContentID: part.ID,
		}
		if i, ok := cutOf[part]; ok {
			a.Data, cuts[index] = p.cuts[i].Decoded, i
		} else {
			a.Data, _ = part.Decoded(p.mail.Raw, maxAttachment) // what decodes to nothing is no document
		}
		index++
		list = append(list, a)
		return true
	})
	return list, cuts
}

// senderLabel returns what the sender calls itself.
func (p *parcel) senderLabel() string {
	if list := p.mail.From(); len(list) == 1 && list[0].Name != "" {
		return list[0].Name
	}
	return p.Actor.Address.Canonical()
}

// sealDocuments seals the documents of a mail to a patient. Those whose bytes
// the mail carries share its object: keys says with which session to seal it.
func (h *Hub) sealDocuments(p *parcel, cert *keyring.Cert, s *sealedMail, keys []*keyring.Session) error {
	for _, f := range p.found {
		session, wraps, err := keyring.NewSession(cert)
		if err != nil {
			return fmt.Errorf("hub: seal document: %w", err)
		}
		d := sealedDocument{entry: f.entry(p), flags: f.flags(), session: session, wraps: wraps, object: f.cut, rendition: f.rendition}
		for _, cut := range []int{f.cut, f.rendition} {
			if cut >= 0 && keys[cut] == nil {
				keys[cut] = session
			}
		}
		if f.cut < 0 || keys[f.cut] != session { // not in the mail as such: from a zip, or in an irregular encoding
			ref, err := s.add(session, f.content, f.MediaType != "application/pdf")
			if err != nil {
				return err
			}
			d.entry.Object, d.own, d.object = ref, []vault.Ref{ref}, -1
		}
		if f.rendition >= 0 && keys[f.rendition] != session {
			d.rendition = -1
		}
		s.documents = append(s.documents, d)
	}
	return nil
}

// share tells the documents which objects they have in common with the mail.
func (s *sealedMail) share(refs []vault.Ref) {
	for i := range s.documents {
		d := &s.documents[i]
		if d.object >= 0 {
			d.entry.Object = refs[d.object]
			d.shared = append(d.shared, d.entry.Object)
		}
		if d.rendition >= 0 {
			d.entry.Rendition = refs[d.rendition]
			d.shared = append(d.shared, d.entry.Rendition)
		}
	}
}

// entry says what is known of a document.
func (f found) entry(p *parcel) vault.Entry {
	e := entryOf(f.Document)
	e.EntryUUID = vault.NewID()
	e.LogicalID = e.EntryUUID
	e.Sender, e.FiledBy, e.Establishment = p.Actor.Address.Canonical(), string(p.Actor.Part), p.Actor.Establishment
	e.Doubts, e.MessageID = slices.Clone(f.doubts), p.mail.MessageID()
	e.Filed, e.Size, e.SHA1, e.SHA256 = p.receipt.Time, int64(len(f.content)), f.sha1, f.sha256
	if f.cut >= 0 {
		e.FileName = p.cuts[f.cut].Part.FileName()
	}
	if f.rendition >= 0 {
		e.RenditionName = p.cuts[f.rendition].Part.FileName()
		e.RenditionSize = int64(len(p.cuts[f.rendition].Decoded))
	}
	return e
}

func (f found) flags() vault.Flags {
	flags := flagsOf(f.Confidentiality)
	if len(f.doubts) > 0 {
		flags |= vault.ToVerify
	}
	return flags
}
