package hub

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// A draft as a mail: what is kept of one between two visits, and how it is read
// again.

// draftField holds what a mail has no field for. It does not leave.
const draftField = "X-Vaguemestre-Draft"

// draftMarks are what must be remembered of the documents that a draft carries.
type draftMarks uint8

const (
	fromHidden draftMarks = 1 << iota // of one that the patient does not see yet
	fromMasked                        // of one that the patient has masked
	fromSecret                        // of one that those who represent the patient do not see
)

func marksOf(f vault.Flags) (m draftMarks) {
	if f.Has(vault.HiddenFromPatient) {
		m |= fromHidden
	}
	if f.Has(vault.Masked) {
		m |= fromMasked
	}
	if f.Has(vault.HiddenFromRepresentatives) {
		m |= fromSecret
	}
	return m
}

// A keptDraft is a draft with what is not shown of it.
type keptDraft struct {
	Draft
	marks draftMarks

	messageID             string
	inReplyTo, references []string

	files   []keptFile
	uids    []mailbox.UID // where it is
	item    *mailbox.Item
	key     *keyring.Session // of its skeleton
	foreign bool             // another program has composed it
}

// A keptFile is a file of a draft: sealed already, if it has a place, and then
// its Content is as many zeros.
type keptFile struct {
	message.Attachment
	place mailbox.PartRef
}

func (k *keptDraft) places() []mailbox.UID {
	if k == nil {
		return nil
	}
	return k.uids
}

// change gives a draft its files: those that it had, but for what is dropped, and
// those that are added.
func (k *keptDraft) change(was *keptDraft, c DraftChange) {
	k.files = nil
	if was != nil {
		for i, f := range was.files {
			if !slices.Contains(c.Drop, was.Files[i].ID) {
				k.files = append(k.files, f)
			}
		}
	}
	for _, f := range c.Add {
		if f.Name == "" {
			f.Name = "document"
		}
		k.files = append(k.files, keptFile{Attachment: f})
	}
	if len(k.files) == 0 {
		k.marks = 0
	}
	k.listFiles()
}

// listFiles says of the files what is shown of them.
func (k *keptDraft) listFiles() {
	k.Files = nil
	for i, f := range k.files {
		n := int64(len(f.Content))
		k.Files = append(k.Files, DraftFile{ID: fmt.Sprintf("%d.%d", i, n), Name: f.Name, Type: f.Type, Size: n})
	}
}

// follow makes what is to be kept of a draft: of an answer, with what it follows.
func (m *Mailbox) follow(ctx context.Context, was *keptDraft, d Draft) (*keptDraft, error) {
	k := &keptDraft{Draft: d}
	switch {
	case was != nil:
		k.messageID, k.inReplyTo, k.references, k.marks = was.messageID, was.inReplyTo, was.references, was.marks
		k.Answers, k.Failed = was.Answers, was.Failed
	default:
		k.messageID = m.h.newMessageID()
		if d.Answers == "" {
			break
		}
		_, mail, err := m.readMessage(ctx, d.Answers)
		if err != nil {
			return nil, err
		}
		k.inReplyTo, k.references = following(mail)
	}
	return k, nil
}

// sealDraft composes a draft and seals what is new of it.
func (m *Mailbox) sealDraft(ctx context.Context, k *keptDraft) (*sealedMail, error) {
	h := m.h
	now := h.Now().UTC()
	raw, err := m.composeDraft(k)
	if err != nil {
		return nil, err
	}
	if k.Size = int64(len(raw)); k.Size > h.draftLimit(m.actor) {
		return nil, fmt.Errorf("hub: draft: %w", fault.TooLarge)
	}
	mail, err := message.Parse(raw, message.Limits{Size: h.Limits.Mail})
	if err != nil {
		return nil, fmt.Errorf("hub: draft: %w", err)
	}
	cert, err := h.certOf(ctx, m.actor.Part)
	if err != nil {
		return nil, err
	}
	s, err := newSealedMail(m.actor.Part, cert)
	if err != nil {
		return nil, err
	}
	s.filing.ID = string(k.ID)
	s.filing.Flags = mailbox.Flags{System: mailbox.Draft | mailbox.Seen}
	k.Saved = now
	return s, s.finishShared(mail, now, k.files)
}

// finishShared seals a mail whose files after its text are these, in order: those
// that have a place are shared, not sealed again.
func (s *sealedMail) finishShared(mail *message.Mail, now time.Time, files []keptFile) (err error) {
	layout, skeleton, cuts := message.Split(mail, worthCutting)
	parts := make([]mailbox.PartRef, len(cuts))
	for i, c := range cuts {
		if f := fileOf(mail, c.Part); f >= 0 && f < len(files) && files[f].place.Ref != "" {
			parts[i] = files[f].place
			s.held = append(s.held, vault.Ref(parts[i].Ref))
			continue
		}
		ref, err := s.add(s.session, c.Decoded, isTextLike(c.Part))
		if err != nil {
			return err
		}
		parts[i].Ref = string(ref)
	}
	return s.finish(mail, layout, skeleton, parts, now)
}

// fileOf tells which file of a draft a part is; -1 if it is none.
func fileOf(mail *message.Mail, p *message.Part) int {
	for i, child := range mail.Root.Children {
		if child == p {
			return i - 1
		}
	}
	return -1
}

// draftLimit is how large a mail of an actor may ever be.
func (h *Hub) draftLimit(a Actor) int64 {
	if a.Role == policy.Patient {
		return h.Limits.PatientMail
	}
	return h.Limits.Mail
}

// FilesLimit is how many bytes the files of a mail of an actor may have together,
// less where it is for a patient: about three quarters of the mail, since on their
// way they are text (RFC 2045 §6.8).
func (h *Hub) FilesLimit(a Actor, toPatient bool) int64 {
	limit := h.draftLimit(a)
	if toPatient {
		limit = min(limit, h.Limits.PatientMail)
	}
	return max(0, (limit-maxWritten)*57/78)
}

// maxWritten is how much of a mail is kept for what is written, in bytes.
const maxWritten = 256 << 10

func (m *Mailbox) composeDraft(k *keptDraft) ([]byte, error) {
	own := m.actor.Address
	d := message.Draft{
		From: []message.Address{{Name: m.actor.Name, Mailbox: own.Local(), Host: own.Domain()}}, To: k.To, Cc: k.Cc,
		Date: m.h.Now().In(m.h.Zone), MessageID: k.messageID, InReplyTo: k.inReplyTo, References: k.references,
		Subject: k.Subject, Text: k.Text,
	}
	if m.actor.Role != policy.Patient { // every mail of a professional names its software (ECO.2.4.3)
		d.Header = append(d.Header, message.HeaderField{Name: "X-MSS-NIL", Value: m.h.Product})
	}
	if k.ReadReceipt {
		d.Header = append(d.Header, message.HeaderField{Name: "Disposition-Notification-To", Value: "<" + own.Canonical() + ">"})
	}
	if k.Ends {
		d.Header = append(d.Header, message.HeaderField{Name: "X-MSS-MES", Value: "FIN"})
	}
	d.Header = append(d.Header, message.HeaderField{Name: draftField, Value: k.state()})
	for _, f := range k.files {
		d.Attachments = append(d.Attachments, f.Attachment)
	}
	raw, err := message.Compose(d, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("hub: draft: %w", err)
	}
	return raw, nil
}

// state is what draftField holds.
func (k *keptDraft) state() string {
	words := []string{"portal"}
	if k.Delivered {
		words = append(words, "delivered")
	}
	if k.marks&fromHidden != 0 {
		words = append(words, "hidden")
	}
	if k.marks&fromMasked != 0 {
		words = append(words, "masked")
	}
	if k.marks&fromSecret != 0 {
		words = append(words, "secret")
	}
	if k.Answers != "" {
		words = append(words, "answers="+string(k.Answers))
	}
	return strings.Join(words, "; ")
}

func (k *keptDraft) setState(text string) {
	for word := range strings.SplitSeq(text, ";") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(word), "="); name {
		case "delivered":
			k.Delivered = true
		case "hidden":
			k.marks |= fromHidden
		case "masked":
			k.marks |= fromMasked
		case "secret":
			k.marks |= fromSecret
		case "answers":
			if id, err := ParseMessageID(value); err == nil {
				k.Answers = id
			}
		}
	}
}

// keptDraft reads a draft; nil if there is none by that ID.
func (m *Mailbox) keptDraft(ctx context.Context, id MessageID) (*keptDraft, error) {
	k := &keptDraft{Draft: Draft{ID: id}}
	var skeleton []byte
	err := m.view(ctx, func(r store.Reader) (err error) {
		if k.uids, err = m.draftUIDs(r, id); err != nil || len(k.uids) == 0 {
			return err
		}
		if k.item, k.key, _, err = m.book.Item(r, mailbox.Drafts, k.uids[len(k.uids)-1]); err != nil {
			return err
		}
		if skeleton, err = m.h.read(ctx, r, m.actor.Part, k.key, vault.Ref(k.item.Skeleton)); err != nil {
			return err
		}
		return m.h.departing(r, m.actor.Part, &k.Draft)
	})
	if err != nil || len(k.uids) == 0 {
		return nil, err
	}
	mail, err := message.Parse(skeleton, message.Default)
	if err != nil {
		return nil, err
	}
	if k.foreign = mail.Count(draftField) == 0; k.foreign {
		return k, m.readForeign(ctx, k)
	}
	k.read(mail)
	k.readFiles(mail)
	return k, nil
}

// maxDraftText bounds the text of a draft that is read, in bytes.
const maxDraftText = 1 << 20

// read reads the header and the text of a draft.
func (k *keptDraft) read(mail *message.Mail) {
	k.To, k.Cc, k.Subject, k.messageID = mail.To(), mail.Cc(), mail.Header("Subject"), mail.MessageID()
	k.inReplyTo, k.references = ids(mail.Header("In-Reply-To")), ids(mail.Header("References"))
	k.ReadReceipt = mail.Count("Disposition-Notification-To") > 0
	k.Ends = mail.Header("X-MSS-MES") == "FIN"
	k.Saved, _ = mail.Date()
	k.Size = k.item.Layout.Size()
	k.setState(mail.Header(draftField))
	k.Text = writtenText(mail)
}

// writtenText returns what a mail says, to be written on: lines end with LF.
func writtenText(mail *message.Mail) string {
	text, _ := textOfMail(mail, maxDraftText) // as much as there is
	return strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}

// readFiles finds the files of a draft that was composed here: what stands after
// its text. What was cut out of the mail is empty in its skeleton.
func (k *keptDraft) readFiles(mail *message.Mail) {
	cut, whole := 0, k.item.Structure.Root.Children
	for i, p := range mail.Root.Children {
		if i == 0 || i >= len(whole) {
			continue
		}
		f := keptFile{Attachment: message.Attachment{Name: p.FileName(), Type: p.MediaType()}}
		if whole[i].Size() >= smallestCut && cut < len(k.item.Parts) {
			f.place = k.item.Parts[cut]
			if f.place.Key == nil {
				f.place.Key = k.key.Key()
			}
			f.Content = make([]byte, k.item.Layout.PartSize(cut))
			cut++
		} else {
			f.Content, _ = p.Decoded(mail.Raw, maxDraftText) // smaller than what is cut
		}
		k.files = append(k.files, f)
	}
	k.listFiles()
}

// readForeign reads a draft that a mail program has composed, whatever its shape:
// its text, and everything else as files.
func (m *Mailbox) readForeign(ctx context.Context, k *keptDraft) error {
	raw, err := m.wholeDraft(ctx, k)
	if err != nil {
		return err
	}
	mail, err := message.Parse(raw, message.Limits{Size: m.h.Limits.Mail})
	if err != nil {
		return err
	}
	k.read(mail)
	if k.messageID == "" {
		k.messageID = m.h.newMessageID()
	}
	mail.Root.Walk(func(p *message.Part) bool {
		switch {
		case p.Message != nil:
			k.files = append(k.files, keptFile{Attachment: message.Attachment{Name: "message.eml", Type: "application/octet-stream", Content: mail.Raw[p.BodyStart:p.End]}})
		case p.IsLeaf() && !isText(p) && !within(mail, p):
			content, _ := p.Decoded(mail.Raw, m.h.Limits.Mail)
			name := p.FileName()
			if name == "" {
				name = "document"
			}
			k.files = append(k.files, keptFile{Attachment: message.Attachment{Name: name, Type: p.MediaType(), Content: content}})
		}
		return true
	})
	k.listFiles()
	return nil
}

// within reports whether a part belongs to a message inside a mail.
func within(mail *message.Mail, p *message.Part) bool {
	inside := false
	mail.Root.Walk(func(other *message.Part) bool {
		inside = inside || other.Message != nil && other != p && other.BodyStart <= p.HeaderStart && p.End <= other.End
		return !inside
	})
	return inside
}

// wholeDraft returns a draft as it is kept, byte for byte.
func (m *Mailbox) wholeDraft(ctx context.Context, k *keptDraft) ([]byte, error) {
	c := &content{m: m, ctx: ctx, folder: mailbox.Drafts, uid: k.uids[len(k.uids)-1], item: k.item, session: k.key, cached: -1}
	err := m.view(ctx, func(r store.Reader) (err error) {
		c.skeleton, err = m.h.read(ctx, r, m.actor.Part, k.key, vault.Ref(k.item.Skeleton))
		return err
	})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(int(c.Size()))
	err = c.ReadRange(&b, 0, c.Size())
	return b.Bytes(), err
}

// ids reads a field of identifiers.
func ids(text string) (list []string) {
	for _, word := range strings.Fields(text) {
		if id := strings.Trim(word, "<>"); id != "" && len(list) < maxReferences {
			list = append(list, id)
		}
	}
	return list
}

// maxReferences bounds the identifiers of a References field.
const maxReferences = 30

// following returns what an answer to a mail follows (RFC 5322 §3.6.4).
func following(mail *message.Mail) (inReplyTo, references []string) {
	if references = ids(mail.Header("References")); len(references) == 0 {
		if before := ids(mail.Header("In-Reply-To")); len(before) == 1 {
			references = before
		}
	}
	id := mail.MessageID()
	if id == "" {
		return nil, references
	}
	if len(references) >= maxReferences { // the first of all, and the last
		references = append(references[:1:1], references[2:]...)
	}
	return []string{id}, append(references, id)
}
