package hub

import (
	"context"
	"errors"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// shelfRoot is the folder under which the vault is shown.
const shelfRoot = "Documents/"

// archives is the shelf of what was put away, of whatever type.
const archives = "Archives"

// shelve makes the shelves show what is in the vault: the newest version of
// each document that its owner may see, as a mail from its author, dated and
// titled, with its readable text and the original file. The file is the
// document's own object, so nothing is stored twice. What was withdrawn or
// replaced leaves its shelf. It happens when the owner looks, because only then
// can the hub know what kind of document it is.
func (m *Mailbox) shelve(ctx context.Context) error {
	if m.actor.Role != policy.Patient {
		return nil
	}
	for {
		more, err := m.shelveSome(ctx)
		if err != nil || !more {
			return err
		}
	}
}

// shelfBatch bounds the documents that are opened at a time.
const shelfBatch = 32

// A shelving is some documents that came, or of which something became, since
// the shelves were last looked at.
type shelving struct {
	from, next uint64 // those of the new documents that it goes through
	moves      []move
	followed   []string // changed documents that it deals with
}

// A move is what is to become of a document on the shelves.
type move struct {
	doc   vault.Document
	want  bool // on a shelf
	there bool // it is now, at was
	was   vault.Shown
	view  *sealedMail // of one that comes to a shelf
}

// still reports whether the document needs no move.
func (v move) still() bool {
	return v.want == v.there && (!v.want || v.was.Doubtful == v.doc.Flags.Has(vault.ToVerify) && v.was.Archived == v.doc.Flags.Has(vault.Archived))
}

func (m *Mailbox) shelveSome(ctx context.Context) (more bool, err error) {
	var s shelving
	err = m.view(ctx, func(r store.Reader) error {
		s, err = m.readShelving(r)
		return err
	})
	if err != nil || s.next == s.from && len(s.followed) == 0 && len(s.moves) == 0 {
		return false, err
	}
	for i := range s.moves {
		v := &s.moves[i]
		if !v.want {
			continue
		}
		v.view, err = m.viewOf(ctx, v.doc)
		if hopeless(err) {
			m.h.Log.Error("document cannot be shown", "err", err)
			v.want = false
			continue
		}
		if err == nil {
			err = m.h.putBlobs(ctx, m.actor.Part, v.view.objects)
		}
		if err != nil {
			return false, err
		}
	}
	err = m.releasing(ctx, func(t *tx) ([]string, error) { return m.apply(t, &s) })
	return s.next != s.from || len(s.followed) > 0, err
}

// readShelving finds what is to be done, a few documents at a time.
func (m *Mailbox) readShelving(r store.Reader) (s shelving, err error) {
	docs, err := m.candidates(r, &s)
	if err != nil {
		return s, err
	}
	f, err := m.h.standing(r, m.actor.Part, m.actor)
	if err != nil {
		return s, err
	}
	for _, d := range docs {
		v := move{doc: d}
		if v.was, v.there, err = m.shownAt(r, d, s.from); err != nil {
			return s, err
		}
		if v.want, err = m.belongs(r, f, d); err != nil {
			return s, err
		}
		if !v.still() {
			s.moves = append(s.moves, v)
		}
	}
	return s, nil
}

// candidates lists the documents that came, those of which something became,
// and those that nobody announced in time.
func (m *Mailbox) candidates(r store.Reader, s *shelving) (docs []vault.Document, err error) {
	scope := m.h.scope(m.actor.Part)
	if s.from, err = vault.Shelved(r); err != nil {
		return nil, err
	}
	if s.next, err = vault.Next(r); err != nil {
		return nil, err
	}
	if s.next > s.from {
		for d, err := range vault.Documents(r, scope, m.book.key, s.from) {
			if errors.Is(err, fault.Corrupt) { // verify finds it; it hides no other
				m.h.Log.Error("document does not open", "err", err)
				continue
			}
			if err != nil {
				return nil, err
			}
			if docs = append(docs, d); len(docs) == shelfBatch {
				s.next = d.Seq + 1
				break
			}
		}
	}
	if s.followed, err = vault.ToFollow(r, shelfBatch); err != nil {
		return nil, err
	}
	waiting, err := vault.Announcements(r, scope)
	if err != nil {
		return nil, err
	}
	ids := s.followed
	for _, w := range waiting {
		if !m.h.Now().Before(showsAt(w)) {
			ids = append(ids[:len(ids):len(ids)], w.ID)
		}
	}
	for _, id := range ids {
		more, err := m.withVersions(r, id)
		if err != nil {
			return nil, err
		}
		docs = append(docs, more...)
	}
	return unique(docs), nil
}

// announcedAt is when a document that nobody announced shows by itself.
func announcedAt(filed time.Time) time.Time { return filed.AddDate(0, policy.AnnouncementMonths, 0) }

// withVersions returns a document, and its other versions if it replaced one:
// what becomes of the one moves the others.
func (m *Mailbox) withVersions(r store.Reader, id string) ([]vault.Document, error) {
	d, err := m.h.document(r, m.actor.Part, m.book.key, id)
	if errors.Is(err, fault.Corrupt) || errors.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil || d.Entry.LogicalID == d.ID && d.ReplacedBy == "" {
		return []vault.Document{d}, err
	}
	versions, err := m.h.versions(r, m.actor.Part, m.book.key, d)
	return append(versions, d), err
}

func unique(docs []vault.Document) (list []vault.Document) {
	seen := map[string]bool{}
	for _, d := range docs {
		if !seen[d.ID] {
			list = append(list, d)
		}
		seen[d.ID] = true
	}
	return list
}

// belongs reports whether a document is to be on a shelf: its owner may see it,
// and no newer version of it.
func (m *Mailbox) belongs(r store.Reader, f standing, d vault.Document) (bool, error) {
	if !f.mayRead(d, m.actor).Allow {
		return false, nil
	}
	for d.ReplacedBy != "" {
		var err error
		if d, err = m.h.document(r, m.actor.Part, m.book.key, d.ReplacedBy); err != nil {
			return false, err
		}
		if d.Flags.Has(vault.Deleted) || f.mayRead(d, m.actor).Allow {
			return false, nil
		}
	}
	return true, nil
}

// shownAt returns where a document is shown. Where shelves were filled before
// they said so, it is found by what it is shown as.
func (m *Mailbox) shownAt(r store.Reader, d vault.Document, shelved uint64) (v vault.Shown, there bool, err error) {
	v, there, err = vault.ShownAt(r, m.h.scope(m.actor.Part), d.ID)
	if err != nil || there || d.Seq >= shelved {
		return v, there && v.UID != 0, err
	}
	folders, err := m.book.Folders(r)
	if err != nil {
		return v, false, err
	}
	for _, f := range folders {
		if !f.ReadOnly || f.NoSelect {
			continue
		}
		var uids []mailbox.UID
		for n, err := range m.book.IDs(r, f.ID) {
			if err != nil {
				return v, false, err
			}
			uids = append(uids, n.UID)
		}
		for e, err := range m.book.Entries(r, f.ID, uids) {
			if err == nil && e.Envelope.MessageID == m.shownAs(d.ID) {
				return vault.Shown{Folder: uint32(f.ID), UID: uint32(e.UID), Doubtful: d.Flags.Has(vault.ToVerify)}, true, nil
			}
		}
	}
	return v, false, nil
}

// hopeless reports whether a document will fail the same way each time it is
// looked at. Such a one must not keep its owner from all the others.
func hopeless(err error) bool {
	return errors.Is(err, fault.Corrupt) || errors.Is(err, fault.TooLarge) || errors.Is(err, fault.Invalid)
}

// apply moves the documents, unless something became of them meanwhile: the
// next look sees that. It returns the references that are let go.
func (m *Mailbox) apply(t *tx, s *shelving) (freed []string, err error) {
	if now, err := vault.Shelved(t); err != nil || now != s.from {
		return nil, err // another session did it
	}
	for _, v := range s.moves {
		same, err := m.unchanged(t, v)
		if err != nil {
			return nil, err
		}
		if !same {
			return nil, nil
		}
	}
	for _, v := range s.moves {
		refs, err := m.move(t, v)
		if err != nil {
			return nil, err
		}
		freed = append(freed, refs...)
	}
	if s.next != s.from {
		vault.SetShelved(t, s.next)
	}
	for _, id := range s.followed {
		vault.Followed(t, id)
	}
	return freed, nil
}

func (m *Mailbox) unchanged(t *tx, v move) (bool, error) {
	same, err := vault.Unchanged(t, t.Scope, v.doc)
	if err != nil || !same {
		return false, err
	}
	was, there, err := vault.ShownAt(t, t.Scope, v.doc.ID)
	return !there || was == v.was, err
}

// move takes a document from the shelf where it is, and puts it where it is to
// be.
func (m *Mailbox) move(t *tx, v move) (freed []string, err error) {
	if v.there {
		_, freed, err = m.book.Withdraw(t.Writer, mailbox.FolderID(v.was.Folder), []mailbox.UID{mailbox.UID(v.was.UID)})
		if err != nil {
			return nil, err
		}
	}
	shown := vault.Shown{}
	if v.want {
		if shown, err = m.putOnShelf(t, v.doc, v.view); err != nil {
			return nil, err
		}
	}
	return freed, vault.SetShown(t, t.Scope, v.doc.ID, shown)
}

func (m *Mailbox) putOnShelf(t *tx, d vault.Document, v *sealedMail) (vault.Shown, error) {
	name := shelfName(d.Entry.Shelf)
	if d.Flags.Has(vault.Archived) {
		name = archives
	}
	shelf, err := m.book.EnsureShelf(t.Writer, shelfRoot+name)
	if err != nil {
		return vault.Shown{}, err
	}
	uid, _, err := m.book.File(t.Writer, shelf, v.filing)
	if errors.Is(err, fault.TooLarge) { // nothing is written then
		m.h.Log.Error("document cannot be listed", "err", err)
		return vault.Shown{}, nil
	}
	if err != nil {
		return vault.Shown{}, err
	}
	v.keep(t)
	for _, ref := range v.held {
		if err := vault.Hold(t, ref); err != nil {
			return vault.Shown{}, err
		}
	}
	return vault.Shown{Folder: uint32(shelf), UID: uint32(uid), Doubtful: d.Flags.Has(vault.ToVerify), Archived: d.Flags.Has(vault.Archived)}, nil
}

func shelfName(code string) string {
	for _, s := range cda.Shelves() {
		if s.Code == code {
			return s.French
		}
	}
	return "Autres documents"
}
