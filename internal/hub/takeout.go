package hub

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filename"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A Takeout is all that a space holds, opened for somebody to take away: decided,
// and in the trail before any of it is read. What is hidden from them is not in
// it. It reads one thing at a time, and asks again with each whether they still
// may. End must be called.
//
// What cannot be read any more, being damaged, is an error of kind fault.Corrupt,
// fault.Invalid, fault.TooLarge or fault.Internal of that one thing, which keeps
// nobody from the others; any other error ends the taking.
type Takeout struct {
	space TakenSpace

	h      *Hub
	actor  Actor
	part   store.Part
	trail  *openedTrail
	before uint64 // number of the first line that is not in it
	hidden hidden
	mail   *Mailbox // nil where the actor may not read it

	progress outbox.Export // as it was last told, but for what is done
}

// A TakenSpace is whose a space is, and what they have settled there.
type TakenSpace struct {
	PatientView
	Choices   patient.Choices
	Relations []patient.Relation
}

// A TakenMessage is a message as its owner has it.
type TakenMessage struct {
	Folder   string
	Received time.Time
	Flags    mailbox.Flags
	Envelope message.Envelope
	Size     int64
	Content  Content // byte for byte; every part of it opened a moment ago
}

const (
	maxTakeouts = 4               // that one process serves at a time
	tellEvery   = 2 * time.Second // how far one has come
)

// TakeOut opens a space for its owner, or for whoever represents them, who has
// lately proved who they are, to take all of it away. "" is the actor's own. Too
// many at a time is fault.Unavailable.
func (h *Hub) TakeOut(ctx context.Context, a Actor, recordID string) (t *Takeout, err error) {
	part := a.recordOr(recordID)
	f, d, err := h.mayTakeOut(ctx, a, part)
	if err != nil {
		return nil, err
	}
	if err := h.proved(ctx, a); err != nil {
		return nil, err
	}
	key, err := h.linger(ctx, part)
	if err != nil {
		return nil, err
	}
	if h.takeouts.Add(1) > maxTakeouts {
		h.takeouts.Add(-1)
		return nil, fmt.Errorf("hub: take out: too many at a time: %w", fault.Unavailable)
	}
	defer func() {
		if err != nil {
			h.takeouts.Add(-1)
		}
	}()
	if err := h.note(ctx, part, decided(a.entry(policy.ExportRecord, ""), d)); err != nil {
		return nil, err
	}
	t = &Takeout{h: h, actor: a, part: part, trail: &openedTrail{h, part, a, key, f, map[string]named{}}}
	if err := t.open(ctx, f); err != nil {
		return nil, errors.Join(err, t.end(context.WithoutCancel(ctx), false)) // whoever asked may have gone
	}
	return t, nil
}

// open has everything ready to be read.
func (t *Takeout) open(ctx context.Context, f standing) error {
	if err := t.prepare(ctx); err != nil {
		return err
	}
	if err := t.begin(ctx); err != nil || !f.mayUseMailbox(t.part) {
		return err
	}
	b, err := t.h.take(ctx, t.part)
	if err != nil {
		return err
	}
	t.mail = &Mailbox{h: t.h, actor: Actor{Part: t.part, Role: policy.Patient}, book: b}
	return nil
}

// prepare reads what is small, and finds what is hidden from the actor.
func (t *Takeout) prepare(ctx context.Context) error {
	return t.h.view(ctx, t.part, func(r store.Reader) error {
		s := t.h.scope(t.part)
		f, err := t.h.standing(r, t.part, t.actor)
		var errs [3]error
		var head audit.Mark
		t.space.PatientView = f.view(t.part, f.decide(policy.ListDocuments))
		t.space.Choices, errs[0] = patient.LoadChoices(r, s)
		t.space.Relations, errs[1] = patient.Relations(r, s)
		head, errs[2] = audit.Head(r, s)
		t.before = head.Count + 1
		docs, failed := t.h.documents(r, t.part, t.trail.key)
		t.hidden = f.hidden(docs, t.actor)
		return errors.Join(err, failed, errors.Join(errs[:]...))
	})
}

// hidden is what of a space is hidden from one who may take it away: the files of
// documents, by their objects and their sums, and the mails that brought them, by
// their Message-ID.
type hidden map[string]bool

// hidden finds it. What was withdrawn meanwhile is as hidden as it was.
func (f standing) hidden(docs []vault.Document, a Actor) hidden {
	all := hidden{}
	for _, d := range docs {
		d.Flags &^= vault.Deleted
		access := f.mayRead(d, a)
		if access.Allow || !hides(access.Rule) {
			continue
		}
		e := &d.Entry
		for _, name := range []string{string(e.Object), string(e.Rendition), e.MessageID} {
			all[name] = true
		}
		if string(a.Part) != f.request.Space.Owner { // the owner has sent or had the same otherwise, and knows
			all[e.SHA256] = true
		}
	}
	delete(all, "")
	return all
}

// covers reports whether a mail is hidden: one that brought a document that is,
// one that answers it, or one with the same file.
func (l hidden) covers(c *content) (bool, error) {
	if l.names(&c.item.Envelope) {
		return true, nil
	}
	for i, p := range c.item.Parts {
		if l[p.Ref] {
			return true, nil
		}
		if _, err := c.open(i, 0); err != nil {
			return false, err
		}
		if l.holds(c.part) {
			return true, nil
		}
	}
	return l.within(c.skeleton), nil
}

// names reports whether a mail brought a document that is hidden, or answers one
// that did.
func (l hidden) names(e *message.Envelope) bool {
	has := func(name string) bool { return l[name] }
	return has(e.MessageID) || slices.ContainsFunc(e.InReplyTo, has) || slices.ContainsFunc(e.References, has)
}

func (l hidden) holds(file []byte) bool {
	if len(l) == 0 {
		return false
	}
	_, sum := sums(file)
	return l[sum]
}

// within looks at the files that are too small to be kept apart from their mail.
func (l hidden) within(skeleton []byte) (found bool) {
	if len(l) == 0 {
		return false
	}
	mail, err := message.Parse(skeleton, message.Limits{Size: int64(len(skeleton))})
	if err != nil {
		return false
	}
	mail.Root.Walk(func(p *message.Part) bool {
		if p.IsLeaf() && !isText(p) {
			file, err := p.Decoded(mail.Raw, maxAttachment)
			found = found || err == nil && l.holds(file)
		}
		return !found
	})
	return found
}

// still decides once more, with what holds now, and keeps the session of whoever
// takes it all awake meanwhile.
func (t *Takeout) still(ctx context.Context) (f standing, err error) {
	f, d, err := t.h.stand(ctx, t.actor, t.part, policy.ExportRecord)
	switch {
	case err != nil:
		return f, err
	case !d.Allow:
		return f, refuse(d)
	}
	t.h.recent.use(t.part, t.h.Now())
	if err := t.tell(ctx); err != nil || !t.actor.Web {
		return f, err
	}
	var n account.Session
	err = t.h.view(ctx, t.actor.Part, func(r store.Reader) error {
		n, err = account.FindSession(r, t.h.scope(t.actor.Part), t.actor.Session, t.h.Now())
		return err
	})
	if err == nil && n.Stale(t.h.Now()) {
		err = t.h.commit(ctx, t.actor.Part, func(x *tx) error { return account.TouchSession(x, x.Scope, n.ID, x.now) })
	}
	return f, err
}

// Space says whose it is, and what they have settled.
func (t *Takeout) Space() TakenSpace { return t.space }

// Documents lists what the actor may see of the documents, each version of each,
// in order of arrival, and says how many do not open at all.
func (t *Takeout) Documents(ctx context.Context) (list []DocumentView, damaged int, err error) {
	err = t.h.view(ctx, t.part, func(r store.Reader) error {
		list, damaged = nil, 0
		f, err := t.h.standing(r, t.part, t.actor)
		if err != nil {
			return err
		}
		docs, lost, err := t.h.docs.Documents(r, t.h.scope(t.part), t.trail.key)
		for _, d := range docs {
			if access := f.mayRead(d, t.actor); access.Allow {
				list = append(list, viewDocument(t.space.PatientView, d, access))
			}
		}
		if t.actor.Part == t.part { // of anybody else they may be hidden
			damaged = len(lost)
		}
		return err
	})
	return list, damaged, err
}

// Document opens the file of a document. One that the actor may not see any more
// is fault.NotFound.
func (t *Takeout) Document(ctx context.Context, d DocumentView) (Content, error) {
	return t.file(ctx, d, func(d vault.Document) vault.Ref { return d.Entry.Object })
}

// Rendition opens the PDF beside a document.
func (t *Takeout) Rendition(ctx context.Context, d DocumentView) (Content, error) {
	return t.file(ctx, d, func(d vault.Document) vault.Ref { return d.Entry.Rendition })
}

func (t *Takeout) file(ctx context.Context, d DocumentView, which func(vault.Document) vault.Ref) (c Content, err error) {
	f, err := t.still(ctx)
	if err != nil {
		return nil, err
	}
	_, own := documentPart(d.ID)
	err = t.h.view(ctx, t.part, func(r store.Reader) error {
		now, err := t.h.document(r, t.part, t.trail.key, own)
		if err != nil {
			return err
		}
		if !f.mayRead(now, t.actor).Allow {
			return fmt.Errorf("hub: take out: %w", fault.NotFound)
		}
		b, err := t.h.read(ctx, r, t.part, now.Session, which(now))
		c = &told{fileContent(b), t, ctx}
		return err
	})
	return c, err
}

// Messages yields every message, folder by folder, in order of arrival. With a
// message that cannot be read comes what is known of it. The shelves of the
// documents are no messages.
func (t *Takeout) Messages(ctx context.Context) iter.Seq2[TakenMessage, error] {
	return func(yield func(TakenMessage, error) bool) {
		folders, err := t.Folders(ctx)
		if err != nil {
			yield(TakenMessage{}, err)
			return
		}
		for _, f := range folders {
			var all mailbox.Delta
			err := t.mail.view(ctx, func(r store.Reader) error {
				all, err = t.mail.book.Changes(r, f.ID, mailbox.Cursor{})
				return err
			})
			if err != nil {
				yield(TakenMessage{Folder: f.Name}, err)
				return
			}
			for _, n := range all.Messages {
				m, err := t.message(ctx, f, n)
				if errors.Is(err, fault.NotFound) { // gone meanwhile, or hidden
					continue
				}
				if !yield(m, err) {
					return
				}
			}
		}
	}
}

// Folders lists those that hold messages.
func (t *Takeout) Folders(ctx context.Context) (list []mailbox.Folder, err error) {
	if t.mail == nil {
		return nil, nil
	}
	return t.mail.takenFolders(ctx)
}

func (m *Mailbox) takenFolders(ctx context.Context) (list []mailbox.Folder, err error) {
	err = m.view(ctx, func(r store.Reader) error {
		list, err = m.book.Folders(r)
		return err
	})
	return slices.DeleteFunc(list, func(f mailbox.Folder) bool { return f.NoSelect || f.ReadOnly }), err
}

// message opens one message, and every part of it once, so that what is damaged
// shows before any of it is handed out.
func (t *Takeout) message(ctx context.Context, f mailbox.Folder, n mailbox.Message) (m TakenMessage, err error) {
	m = TakenMessage{Folder: f.Name, Received: n.Received, Flags: n.Flags, Size: n.Size}
	if _, err := t.still(ctx); err != nil {
		return m, err
	}
	c, err := t.mail.open(ctx, f.ID, n.UID)
	if err != nil {
		return m, err
	}
	m.Envelope, m.Content = c.item.Envelope, &told{c, t, ctx}
	covered, err := t.hidden.covers(c)
	if covered {
		err = fmt.Errorf("hub: take out: %w", fault.NotFound)
	}
	return m, err
}

// Lines yields the trail as History shows it, newest first, up to when the taking
// began.
func (t *Takeout) Lines(ctx context.Context) iter.Seq2[audit.Line, error] {
	return func(yield func(audit.Line, error) bool) {
		for before := t.before; before > 1; {
			if _, err := t.still(ctx); err != nil {
				yield(audit.Line{}, err)
				return
			}
			lines, next, err := t.trail.some(ctx, before, HistoryQuery{})
			if err != nil {
				yield(audit.Line{}, err)
				return
			}
			for _, l := range lines {
				if !yield(l, nil) {
					return
				}
			}
			before = next
		}
	}
}

// End writes into the trail how the taking ended, and lets go of what it held.
func (t *Takeout) End(ctx context.Context, whole bool) error {
	t.h.takeouts.Add(-1)
	return t.end(ctx, whole)
}

func (t *Takeout) end(ctx context.Context, whole bool) error {
	if t.mail != nil {
		t.mail.Close()
	}
	e := t.actor.did(audit.ActTaken, "")
	if !whole {
		e = t.actor.did(audit.ActCut, "")
	}
	return t.h.commit(ctx, t.part, func(x *tx) error {
		x.note(e)
		t.progress.Told, t.progress.Ended, t.progress.Whole = x.now, x.now, whole
		return outbox.SaveExport(x, x.Scope, t.progress)
	})
}

// FileName is what the file of a document is called: as its author named it, or
// else by its title and its type.
func (d DocumentView) FileName() string {
	e := d.Entry
	if e.FileName == "" && e.Title != "" {
		return e.Title + filename.Extension(e.MediaType)
	}
	return fileName(e)
}
