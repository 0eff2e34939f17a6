package hub

import (
	"context"
	"iter"
	"slices"

	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// Changes tells what happened to a folder since a cursor.
func (m *Mailbox) Changes(ctx context.Context, f mailbox.FolderID, since mailbox.Cursor) (d mailbox.Delta, err error) {
	if m.isShelf(f) {
		if err := m.shelve(ctx); err != nil {
			return d, err
		}
	}
	err = m.view(ctx, func(r store.Reader) error {
		d, err = m.book.Changes(r, f, since)
		return err
	})
	return d, err
}

// How many messages are read in one transaction, so that none stays open while a
// slow client is being written to, and memory stays bounded.
const (
	entryBatch = 256
	textBatch  = 16
)

// Entries yields what a listing shows of messages, in the order of their UIDs,
// which ascend. One that does not open yields its error, and the others follow.
func (m *Mailbox) Entries(ctx context.Context, f mailbox.FolderID, uids []mailbox.UID) iter.Seq2[*mailbox.Entry, error] {
	return batched(ctx, m, uids, entryBatch,
		func() error { return m.prepare(ctx, f) },
		func(r store.Reader, some []mailbox.UID) iter.Seq2[*mailbox.Entry, error] {
			return m.book.Entries(r, f, some)
		})
}

// Texts yields what a search looks at in messages, folded: the text, or with
// header the header fields too.
func (m *Mailbox) Texts(ctx context.Context, f mailbox.FolderID, uids []mailbox.UID, header bool) iter.Seq2[mailbox.Text, error] {
	return batched(ctx, m, uids, textBatch,
		func() error {
			if err := m.prepare(ctx, f); err != nil {
				return err
			}
			view, update := m.transactions(ctx)
			return m.book.FoldTexts(view, update, f, m.readText(ctx, view))
		},
		func(r store.Reader, some []mailbox.UID) iter.Seq2[mailbox.Text, error] {
			// No transaction within the other: enough of those wait for each other.
			within := func(fn func(store.Reader) error) error { return fn(r) }
			return m.book.Texts(r, f, some, header, m.readText(ctx, within))
		})
}

// prepare writes the trail of reading in a folder, and folds what is new in it.
func (m *Mailbox) prepare(ctx context.Context, f mailbox.FolderID) error {
	if err := m.trace(ctx, f, 0); err != nil {
		return err
	}
	view, update := m.transactions(ctx)
	return m.book.Fold(view, update, f)
}

// batched yields what read gives for uids, a batch at a time, outside of the
// transaction that read it.
func batched[T any](ctx context.Context, m *Mailbox, uids []mailbox.UID, size int, prepare func() error, read func(store.Reader, []mailbox.UID) iter.Seq2[T, error]) iter.Seq2[T, error] {
	type result struct {
		v   T
		err error
	}
	return func(yield func(T, error) bool) {
		var none T
		if err := prepare(); err != nil {
			yield(none, err)
			return
		}
		var batch []result
		for some := range slices.Chunk(uids, size) {
			batch = batch[:0]
			err := m.view(ctx, func(r store.Reader) error {
				for v, err := range read(r, some) {
					batch = append(batch, result{v, err})
				}
				return nil
			})
			if err != nil {
				yield(none, err)
				return
			}
			for _, b := range batch {
				if !yield(b.v, b.err) {
					return
				}
			}
		}
	}
}

// maxSearchText bounds the text of one message that a search looks at.
const maxSearchText = 4 << 20

// readText reads the text of a message from its skeleton: the parts that were
// cut out are no text.
func (m *Mailbox) readText(ctx context.Context, view mailbox.View) mailbox.ReadText {
	return func(it *mailbox.Item, s *keyring.Session) (header, body string, err error) {
		var skeleton []byte
		err = view(func(r store.Reader) error {
			skeleton, err = m.h.read(ctx, r, m.actor.Part, s, vault.Ref(it.Skeleton))
			return err
		})
		if err != nil {
			return "", "", err
		}
		mail, err := message.Parse(skeleton, message.Default)
		if err != nil {
			return "", "", err
		}
		t := mail.SearchText(maxSearchText)
		return t.Header, t.Body, nil
	}
}
