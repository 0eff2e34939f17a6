package hub

import (
	"context"
	"fmt"
	"slices"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
)

// A Tidying says what becomes of threads, or of one message.
type Tidying struct {
	Threads  []MessageID // named by any message of theirs
	Messages []MessageID // and these messages alone

	Seen   *bool            // read, or unread
	To     mailbox.FolderID // moves; 0: stays
	From   mailbox.FolderID // and only what is in this folder; 0: what is in any but the drafts
	Delete bool             // for good, what is in the trash
}

// Tidy marks, moves or deletes. A thread that is gone is passed over; a message
// that is, is fault.NotFound. What is moved elsewhere than to the trash is what
// came: a copy of what was sent stays with what was sent.
func (h *Hub) Tidy(ctx context.Context, a Actor, t Tidying) error {
	return h.atDesk(ctx, a, func(d *desk) error {
		x, err := d.threads(ctx)
		if err != nil {
			return err
		}
		some, err := x.chosen(t)
		if err != nil {
			return err
		}
		if t.Seen != nil {
			op := mailbox.RemoveFlags
			if *t.Seen {
				op = mailbox.AddFlags
			}
			if err := d.flag(ctx, some, op, mailbox.Flags{System: mailbox.Seen}); err != nil {
				return err
			}
		}
		switch {
		case t.Delete:
			return d.deleteForGood(ctx, some)
		case t.To != 0:
			return d.move(ctx, x, some, t)
		}
		return nil
	})
}

func (x *threadIndex) chosen(t Tidying) (some []*listed, err error) {
	for _, id := range t.Messages {
		l, _, err := x.find(id)
		if err != nil {
			return nil, err
		}
		some = append(some, l)
	}
	for _, id := range t.Threads {
		of := x.in[id]
		if of == nil {
			continue
		}
		for _, l := range of.messages {
			if !slices.Contains(some, l) {
				some = append(some, l)
			}
		}
	}
	return some, nil
}

// flag changes the flags of messages, of all their copies.
func (d *desk) flag(ctx context.Context, some []*listed, op mailbox.FlagOp, f mailbox.Flags) error {
	for folder, uids := range placesOf(some, func(p place, _ *listed) bool { return true }) {
		if _, err := d.SetFlags(ctx, folder, uids, op, f); err != nil {
			return err
		}
	}
	return nil
}

func (d *desk) deleteForGood(ctx context.Context, some []*listed) error {
	for folder, uids := range placesOf(some, func(p place, _ *listed) bool { return p.folder == mailbox.Trash }) {
		if _, err := d.Expunge(ctx, folder, uids); err != nil {
			return err
		}
	}
	return nil
}

func (d *desk) move(ctx context.Context, x *threadIndex, some []*listed, t Tidying) error {
	if x.folders[t.To] == nil || t.To == mailbox.Sent || t.To == mailbox.Drafts {
		return fmt.Errorf("hub: tidy: folder: %w", fault.NotFound)
	}
	which := func(p place, _ *listed) bool {
		switch {
		case p.folder == t.To, p.folder == mailbox.Drafts && t.To != mailbox.Trash:
			return false
		case t.From != 0:
			return p.folder == t.From
		case t.To == mailbox.Trash, len(t.Messages) > 0:
			return true
		}
		return p.folder != mailbox.Sent && p.folder != mailbox.Trash
	}
	for folder, uids := range placesOf(some, which) {
		if _, _, err := d.Move(ctx, folder, uids, t.To); err != nil {
			return err
		}
	}
	return nil
}

// placesOf gathers where messages are, by folder, the UIDs ascending.
func placesOf(some []*listed, which func(place, *listed) bool) map[mailbox.FolderID][]mailbox.UID {
	by := map[mailbox.FolderID][]mailbox.UID{}
	for _, l := range some {
		for _, p := range l.at {
			if which(p, l) {
				by[p.folder] = append(by[p.folder], p.uid)
			}
		}
	}
	for _, uids := range by {
		slices.Sort(uids)
	}
	return by
}

// NewFolder makes a folder of the owner's.
func (h *Hub) NewFolder(ctx context.Context, a Actor, name string) error {
	return h.atDesk(ctx, a, func(d *desk) error { return d.Create(ctx, name) })
}

// RenameFolder renames a folder of the owner's.
func (h *Hub) RenameFolder(ctx context.Context, a Actor, id mailbox.FolderID, name string) error {
	return h.atFolder(ctx, a, id, func(d *desk, was string) error { return d.Rename(ctx, was, name) })
}

// DropFolder deletes a folder of the owner's that has nothing in it; else it is
// fault.Conflict.
func (h *Hub) DropFolder(ctx context.Context, a Actor, id mailbox.FolderID) error {
	return h.atFolder(ctx, a, id, func(d *desk, name string) error {
		f, err := d.Folder(ctx, name)
		if err == nil && f.Messages > 0 {
			err = fmt.Errorf("hub: folder is not empty: %w", fault.Conflict)
		}
		if err != nil {
			return err
		}
		return d.Delete(ctx, name)
	})
}

// atFolder runs fn with the name of a folder that is the owner's.
func (h *Hub) atFolder(ctx context.Context, a Actor, id mailbox.FolderID, fn func(d *desk, name string) error) error {
	return h.atDesk(ctx, a, func(d *desk) error {
		list, err := d.Folders(ctx)
		if err != nil {
			return err
		}
		for _, f := range list {
			if f.ID == id && id > mailbox.Archive && !f.ReadOnly {
				return fn(d, f.Name)
			}
		}
		return fmt.Errorf("hub: folder: %w", fault.NotFound)
	})
}
