package hub

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filename"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A Draft is a mail that somebody writes. It is kept in their folder of drafts
// as any mail program keeps one, so that they may go on in another.
type Draft struct {
	ID            MessageID // stays the same however often it is saved
	To, Cc        []message.Address
	Subject, Text string
	Files         []DraftFile
	Answers       MessageID // the message that it answers; "": none, or one that is no longer there

	ReadReceipt bool // its writer asks to be told when it is read (RFC 8098)
	Delivered   bool // and when it is delivered (RFC 3461)
	Ends        bool // it ends the exchange: X-MSS-MES: FIN

	Saved  time.Time // zero: it was not yet
	Size   int64     // of the whole mail, in bytes
	Leaves time.Time // it was sent, and may be taken back until then; zero: it was not sent
	Failed *Refusal  // it was sent and has come back: why
}

// A DraftFile is a file in a Draft.
type DraftFile struct {
	ID, Name, Type string
	Size           int64
}

// A DraftChange is what is to become of the files of a draft.
type DraftChange struct {
	Add       []message.Attachment
	Documents []string // IDs of documents of records: their files, as they were filed
	Drop      []string // IDs of files
}

// NewDraftID names a draft that is about to be written: so it is one draft, however
// often it is saved, or sent.
func NewDraftID() MessageID { return MessageID(vault.NewID()) }

// What is refused of a mail that is being written, and what is told of it.
var (
	errDraftLeaves = &Refusal{Rule: "draft/leaves", Kind: fault.Conflict,
		FR: "Ce message est en train de partir : annulez l'envoi pour le reprendre.",
		EN: "This message is about to leave: take it back to change it."}
	errDraftLeft = &Refusal{Rule: "draft/left", Kind: fault.Conflict,
		FR: "Ce message est déjà parti.", EN: "This message has left already."}
	errHiddenToPatient = &Refusal{Rule: "flags/hidden-to-patient", Kind: fault.Denied,
		FR: "Une pièce jointe vient d'un document qui n'a pas encore été annoncé au patient : elle ne peut pas partir vers sa messagerie.",
		EN: "An attachment comes from a document that was not yet announced to the patient: it cannot go to their mailbox."}
	errSecretToPatient = &Refusal{Rule: "flags/secret-to-patient", Kind: fault.Denied,
		FR: "Une pièce jointe vient d'un document caché aux représentants légaux du patient : elle ne peut pas partir vers sa messagerie, qu'ils peuvent lire.",
		EN: "An attachment comes from a document that is hidden from the patient's legal representatives: it cannot go to their mailbox, which these may read."}
	errMaskedToProfessional = &Refusal{Rule: "flags/masked-to-professional", Kind: fault.Denied,
		FR: "Une pièce jointe vient d'un document que le patient a masqué aux professionnels : elle ne peut pas leur être envoyée.",
		EN: "An attachment comes from a document that the patient has hidden from professionals: it cannot be sent to them."}
)

// errDraftMoved says that a draft was saved elsewhere meanwhile.
var errDraftMoved = errors.New("hub: draft: saved elsewhere")

// atDrafts runs fn with the mailbox of an actor's session, of whom the trail says
// that they read their drafts.
func (h *Hub) atDrafts(ctx context.Context, a Actor, fn func(*Mailbox) error) error {
	return h.atDesk(ctx, a, func(d *desk) error {
		if err := d.trace(ctx, mailbox.Drafts, 0); err != nil {
			return err
		}
		return fn(d.Mailbox)
	})
}

// Draft returns a draft of an actor; fault.NotFound if there is none by that ID.
func (h *Hub) Draft(ctx context.Context, a Actor, id MessageID) (d Draft, err error) {
	err = h.atDrafts(ctx, a, func(m *Mailbox) error {
		k, err := m.keptDraft(ctx, id)
		if err == nil && k == nil {
			err = fmt.Errorf("hub: draft: %w", fault.NotFound)
		}
		if err == nil {
			d = k.Draft
		}
		return err
	})
	return d, err
}

// Drafts lists the drafts of an actor, the one saved last first. Of each it
// tells what a list shows: neither its text nor its files.
func (h *Hub) Drafts(ctx context.Context, a Actor) (list []Draft, err error) {
	err = h.atDrafts(ctx, a, func(m *Mailbox) error {
		return m.view(ctx, func(r store.Reader) error {
			list, err = m.listDrafts(r)
			return err
		})
	})
	return list, err
}

func (m *Mailbox) listDrafts(r store.Reader) ([]Draft, error) {
	ids, uids := map[mailbox.UID]string{}, []mailbox.UID{}
	for named, err := range m.book.IDs(r, mailbox.Drafts) {
		if err != nil {
			return nil, err
		}
		ids[named.UID] = named.ID
		uids = append(uids, named.UID)
	}
	var list []Draft
	for e, err := range m.book.Entries(r, mailbox.Drafts, uids) {
		if err != nil {
			return nil, err
		}
		d := Draft{ID: MessageID(ids[e.UID]), To: e.Envelope.To, Cc: e.Envelope.Cc, Subject: e.Envelope.Subject, Saved: e.Received, Size: e.Size}
		if err := m.h.departing(r, m.actor.Part, &d); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	slices.Reverse(list)
	return list, nil
}

// departing tells of a draft whether it was sent.
func (h *Hub) departing(r store.Reader, part store.Part, d *Draft) error {
	p, ok, err := outbox.FindDeparture(r, h.scope(part), string(d.ID))
	if err != nil || !ok {
		return err
	}
	switch p.Stage {
	case outbox.Waiting, outbox.Leaving:
		d.Leaves = p.At
	case outbox.Returned:
		d.Failed = &Refusal{Rule: p.Rule, FR: p.FR, EN: p.EN, Kind: fault.Denied}
	}
	return nil
}

// editable is an error for a draft that was sent.
func (h *Hub) editable(r store.Reader, part store.Part, id MessageID) error {
	p, ok, err := outbox.FindDeparture(r, h.scope(part), string(id))
	switch {
	case err != nil || !ok:
		return err
	case p.Stage == outbox.Left:
		return errDraftLeft
	case p.Stage != outbox.Returned:
		return errDraftLeaves
	}
	return nil
}

// SaveDraft keeps a draft in the place of what was kept of it before: at no
// moment are there two, or none. Files that stay are not sealed again. The first
// time it takes over what it follows of the message that it answers. A draft that
// was sent, or an ID that a message has, is fault.Conflict; one that is too large,
// fault.TooLarge.
func (h *Hub) SaveDraft(ctx context.Context, a Actor, d Draft, c DraftChange) (saved Draft, err error) {
	if _, err := ParseMessageID(string(d.ID)); err != nil {
		return saved, fmt.Errorf("hub: draft: %w", fault.Invalid)
	}
	var marks draftMarks
	if c.Add, marks, err = h.addDocuments(ctx, a, c); err != nil {
		return saved, err
	}
	err = h.atDrafts(ctx, a, func(m *Mailbox) error {
		for range 3 {
			saved, err = m.saveDraft(ctx, d, c, marks)
			if !errors.Is(err, errDraftMoved) {
				return err
			}
		}
		return fmt.Errorf("hub: draft: saved elsewhere: %w", fault.Conflict)
	})
	return saved, err
}

func (m *Mailbox) saveDraft(ctx context.Context, d Draft, c DraftChange, marks draftMarks) (Draft, error) {
	h := m.h
	if err := m.view(ctx, func(r store.Reader) error { return h.editable(r, m.actor.Part, d.ID) }); err != nil {
		return d, err
	}
	was, err := m.keptDraft(ctx, d.ID)
	if err != nil {
		return d, err
	}
	k, err := m.follow(ctx, was, d)
	if err != nil {
		return d, err
	}
	k.marks |= marks
	k.change(was, c)
	s, err := m.sealDraft(ctx, k)
	if err != nil {
		return d, err
	}
	if err := h.putBlobs(ctx, m.actor.Part, s.objects); err != nil {
		return d, err
	}
	committed := false
	err = m.releasing(ctx, func(t *tx) ([]string, error) {
		committed = false
		freed, err := m.replaceDraft(t, was, s)
		committed = err == nil
		return freed, err
	})
	if !committed {
		h.dropBlobs(m.actor.Part, s.objects)
	}
	if err != nil {
		return d, err
	}
	return k.Draft, nil
}

// replaceDraft files a draft, and lets go of what was kept of it.
func (m *Mailbox) replaceDraft(t *tx, was *keptDraft, s *sealedMail) (freed []string, err error) {
	if err := m.h.editable(t, m.actor.Part, MessageID(s.filing.ID)); err != nil {
		return nil, err
	}
	uids, err := m.draftUIDs(t, MessageID(s.filing.ID))
	if err != nil {
		return nil, err
	}
	if !slices.Equal(uids, was.places()) {
		return nil, errDraftMoved
	}
	if was == nil { // no message has its name
		if _, there, err := m.placeOf(t, MessageID(s.filing.ID)); err != nil {
			return nil, err
		} else if there {
			return nil, errDraftLeft
		}
		t.note(m.act(audit.ActAppend, fmt.Sprintf("folder %d", mailbox.Drafts)))
	}
	if err := m.hold(t, s); err != nil {
		return nil, err
	}
	if _, _, err := m.book.File(t.Writer, mailbox.Drafts, s.filing); err != nil {
		return nil, err
	}
	if freed, err = m.expungeDraft(t, uids); err != nil {
		return nil, err
	}
	return freed, m.h.hasRoom(t, 0)
}

// hold keeps the objects of a mail, and those that it shares.
func (m *Mailbox) hold(t *tx, s *sealedMail) error {
	s.keep(t)
	for _, ref := range s.held {
		if err := vault.Hold(t, ref); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mailbox) expungeDraft(t *tx, uids []mailbox.UID) (freed []string, err error) {
	if len(uids) == 0 {
		return nil, nil
	}
	_, freed, err = m.book.Expunge(t.Writer, mailbox.Drafts, uids)
	return freed, err
}

// DiscardDraft deletes a draft for good. One that is not there is deleted; one
// that is about to leave is fault.Conflict.
func (h *Hub) DiscardDraft(ctx context.Context, a Actor, id MessageID) error {
	return h.atDrafts(ctx, a, func(m *Mailbox) error {
		return m.releasing(ctx, func(t *tx) ([]string, error) {
			if err := h.editable(t, a.Part, id); err != nil {
				return nil, err
			}
			uids, err := m.draftUIDs(t, id)
			if err != nil || len(uids) == 0 {
				return nil, err
			}
			outbox.DropDeparture(t, string(id))
			t.note(m.act(audit.ActExpunge, fmt.Sprintf("1 of folder %d", mailbox.Drafts)))
			return m.expungeDraft(t, uids)
		})
	})
}

// draftUIDs finds a draft in its folder.
func (m *Mailbox) draftUIDs(r store.Reader, id MessageID) (uids []mailbox.UID, err error) {
	for named, err := range m.book.IDs(r, mailbox.Drafts) {
		if err != nil {
			return nil, err
		}
		if named.ID == string(id) {
			uids = append(uids, named.UID)
		}
	}
	return uids, nil
}

// addDocuments opens the documents that a draft is to have, and returns all files
// that come to it, with what must be remembered of them. Opening goes into the
// trail of the record. No more of them is opened than a mail has room for.
func (h *Hub) addDocuments(ctx context.Context, a Actor, c DraftChange) (files []message.Attachment, marks draftMarks, err error) {
	files = c.Add
	room := h.draftLimit(a)
	if a.Member != nil { // a record is open to a person, not to the mailbox that they share
		a = *a.Member
	}
	for _, id := range c.Documents {
		more, flags, err := h.documentFiles(ctx, a, id)
		if err != nil {
			return nil, 0, err
		}
		for _, f := range more {
			if room -= int64(len(f.Content)); room < 0 {
				return nil, 0, fmt.Errorf("hub: draft: documents: %w", fault.TooLarge)
			}
		}
		files = append(files, more...)
		marks |= marksOf(flags)
	}
	return files, marks, nil
}

// documentFiles opens a document with what shows it to people.
func (h *Hub) documentFiles(ctx context.Context, a Actor, id string) (files []message.Attachment, flags vault.Flags, err error) {
	part, own := documentPart(id)
	o, err := h.enter(ctx, a, part, policy.ReadDocument, own)
	if err != nil {
		return nil, 0, err
	}
	e := o.document.Entry
	files = []message.Attachment{{Name: attachedName(e), Type: e.MediaType}}
	refs := []vault.Ref{e.Object}
	if e.Rendition != "" {
		files, refs = append(files, message.Attachment{Name: e.RenditionName, Type: "application/pdf"}), append(refs, e.Rendition)
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		for i := range files {
			if files[i].Content, err = h.read(ctx, r, part, o.document.Session, refs[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return files, o.document.Flags, err
}

// attachedName names a document in a mail: as its file was, else by its title.
func attachedName(e vault.Entry) string {
	name := fileName(e)
	title := filename.Safe(e.Title, "", maxAttachedName)
	if e.FileName != "" || title == "" {
		return name
	}
	return title + path.Ext(name)
}

// maxAttachedName bounds a name that is made of a title, in characters.
const maxAttachedName = 80
