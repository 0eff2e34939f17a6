package hub

import (
	"context"
	"fmt"
	"strings"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
)

// Folders returns every folder of the mailbox, sorted by name, with counts.
func (m *Mailbox) Folders(ctx context.Context) (list []mailbox.Folder, err error) {
	if err := m.shelve(ctx); err != nil {
		return nil, err
	}
	err = m.view(ctx, func(r store.Reader) error {
		list, err = m.book.Folders(r)
		return err
	})
	for _, f := range list {
		m.noteShelf(f)
	}
	return list, err
}

// noteShelf remembers which folders show the vault: looking at one of them, and
// at no other, puts what is new on its shelf.
func (m *Mailbox) noteShelf(f mailbox.Folder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shelves[f.ID] = f.ReadOnly
}

func (m *Mailbox) isShelf(f mailbox.FolderID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shelves[f]
}

// Folder returns the folder of that name.
func (m *Mailbox) Folder(ctx context.Context, name string) (f mailbox.Folder, err error) {
	if strings.HasPrefix(name, shelfRoot) {
		if err := m.shelve(ctx); err != nil {
			return f, err
		}
	}
	err = m.view(ctx, func(r store.Reader) error {
		f, err = m.book.Folder(r, name)
		return err
	})
	if err == nil {
		m.noteShelf(f)
	}
	return f, err
}

// Create makes a folder, and the levels above it.
func (m *Mailbox) Create(ctx context.Context, name string) error {
	return m.h.do(ctx, m.actor.Part, func(t *tx) error {
		_, err := m.book.Create(t.Writer, name)
		return err
	})
}

// Rename renames a folder and those below it.
func (m *Mailbox) Rename(ctx context.Context, from, to string) error {
	return m.h.do(ctx, m.actor.Part, func(t *tx) error { return m.book.Rename(t.Writer, from, to) })
}

// Delete deletes a folder with its messages.
func (m *Mailbox) Delete(ctx context.Context, name string) error {
	return m.releasing(ctx, func(t *tx) ([]string, error) {
		f, err := m.book.Folder(t.Writer, name)
		if err != nil {
			return nil, err
		}
		t.note(m.act(audit.ActDeleteFolder, fmt.Sprintf("folder %d", f.ID)))
		return m.book.Delete(t.Writer, name)
	})
}

// Subscribe notes whether the owner wants the folder in short lists.
func (m *Mailbox) Subscribe(ctx context.Context, name string, on bool) error {
	return m.h.do(ctx, m.actor.Part, func(t *tx) error { return m.book.Subscribe(t.Writer, name, on) })
}
