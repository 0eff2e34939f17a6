package hub

import (
	"context"
	"fmt"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/vault"
)

// SetFlags changes flags.
func (m *Mailbox) SetFlags(ctx context.Context, f mailbox.FolderID, uids []mailbox.UID, op mailbox.FlagOp, flags mailbox.Flags) (c mailbox.Change, err error) {
	err = m.h.do(ctx, m.actor.Part, func(t *tx) error {
		c, err = m.book.SetFlags(t.Writer, f, uids, op, flags)
		return err
	})
	return c, err
}

// Append files a message of the owner's own: a draft, a copy of what was sent.
func (m *Mailbox) Append(ctx context.Context, f mailbox.FolderID, raw []byte, flags mailbox.Flags, received time.Time) (uid mailbox.UID, err error) {
	if m.isShelf(f) {
		return 0, fmt.Errorf("hub: append to a shelf: %w", fault.Denied)
	}
	cert, err := m.h.certOf(ctx, m.actor.Part)
	if err != nil {
		return 0, err
	}
	s, err := m.h.sealOwn(m.actor, cert, raw, received)
	if err != nil {
		return 0, err
	}
	s.filing.Flags = flags
	if err := m.h.putBlobs(ctx, m.actor.Part, s.objects); err != nil {
		return 0, err
	}
	committed := false
	err = m.h.do(ctx, m.actor.Part, func(t *tx) error {
		committed = false
		if err := m.h.hasRoom(t, int64(len(raw))); err != nil {
			return err
		}
		s.keep(t)
		if uid, _, err = m.book.File(t.Writer, f, s.filing); err != nil {
			return err
		}
		committed = true
		t.note(m.act(audit.ActAppend, fmt.Sprintf("folder %d", f)))
		return nil
	})
	if !committed {
		m.h.dropBlobs(m.actor.Part, s.objects)
	}
	return uid, err
}

// act makes the trail entry of an act on a folder.
func (m *Mailbox) act(name, object string) audit.Entry {
	e := m.actor.did(name, object)
	e.Rule = m.rule
	return e
}

// Copy copies messages, and returns their UIDs in the other folder, in order.
func (m *Mailbox) Copy(ctx context.Context, from mailbox.FolderID, uids []mailbox.UID, to mailbox.FolderID) (dst []mailbox.UID, err error) {
	err = m.h.do(ctx, m.actor.Part, func(t *tx) error {
		tr, err := m.book.Copy(t.Writer, from, uids, to)
		if err != nil {
			return err
		}
		for _, ref := range tr.Held {
			if err := vault.Hold(t, vault.Ref(ref)); err != nil {
				return err
			}
		}
		dst = tr.UIDs
		return m.h.hasRoom(t, 0)
	})
	return dst, err
}

// Move moves messages to another folder.
func (m *Mailbox) Move(ctx context.Context, from mailbox.FolderID, uids []mailbox.UID, to mailbox.FolderID) (dst []mailbox.UID, gone mailbox.Change, err error) {
	err = m.h.do(ctx, m.actor.Part, func(t *tx) error {
		tr, err := m.book.Move(t.Writer, from, uids, to)
		dst, gone = tr.UIDs, tr.Gone
		return err
	})
	return dst, gone, err
}

// Expunge removes those of the messages that are \Deleted; nil is all of them.
func (m *Mailbox) Expunge(ctx context.Context, f mailbox.FolderID, uids []mailbox.UID) (c mailbox.Change, err error) {
	err = m.releasing(ctx, func(t *tx) (freed []string, err error) {
		c, freed, err = m.book.Expunge(t.Writer, f, uids)
		if len(c.Gone) > 0 {
			t.note(m.act(audit.ActExpunge, fmt.Sprintf("%d of folder %d", len(c.Gone), f)))
		}
		return freed, err
	})
	return c, err
}

// releasing performs an act that lets go of objects, and deletes the blobs that
// nobody holds any more, once that is durable.
func (m *Mailbox) releasing(ctx context.Context, fn func(*tx) (freed []string, err error)) error {
	var gone []vault.Object
	err := m.h.do(ctx, m.actor.Part, func(t *tx) error {
		gone = gone[:0]
		freed, err := fn(t)
		if err != nil {
			return err
		}
		for _, ref := range freed {
			last, err := vault.Release(t, vault.Ref(ref))
			if err != nil {
				return err
			}
			if last {
				gone = append(gone, vault.Object{Ref: vault.Ref(ref)})
			}
		}
		return nil
	})
	if err == nil {
		m.h.dropBlobs(m.actor.Part, gone)
	}
	return err
}
