package hub

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// Content opens one message. The trail is durable when it returns.
func (m *Mailbox) Content(ctx context.Context, f mailbox.FolderID, uid mailbox.UID) (Content, error) {
	if err := m.trace(ctx, f, uid); err != nil {
		return nil, err
	}
	c, err := m.open(ctx, f, uid)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// open opens a message that the trail speaks of.
func (m *Mailbox) open(ctx context.Context, f mailbox.FolderID, uid mailbox.UID) (*content, error) {
	c := &content{m: m, ctx: ctx, folder: f, uid: uid, cached: -1}
	err := m.view(ctx, func(r store.Reader) error {
		var err error
		if c.item, c.session, _, err = m.book.Item(r, f, uid); err != nil {
			return err
		}
		c.skeleton, err = m.h.read(ctx, r, m.actor.Part, c.session, vault.Ref(c.item.Skeleton))
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// content is a message that was opened: its skeleton, and the part that was
// read last.
type content struct {
	m        *Mailbox
	ctx      context.Context // of the command that opened it, which it does not outlive
	folder   mailbox.FolderID
	uid      mailbox.UID
	item     *mailbox.Item
	session  *keyring.Session
	skeleton []byte

	cached int
	part   []byte
}

// Size returns the length of the message.
func (c *content) Size() int64 { return c.item.Layout.Size() }

// ReadRange writes a range of the message, opening the parts it touches.
func (c *content) ReadRange(w io.Writer, off, n int64) error {
	return c.item.Layout.WriteRange(w, off, n, c.skeleton, c.open)
}

func (c *content) open(i int, from int64) (io.ReadCloser, error) {
	if c.cached != i {
		err := c.m.view(c.ctx, func(r store.Reader) (err error) {
			c.part, err = c.m.h.readPart(c.ctx, r, c.m.actor.Part, c.session, c.item.Parts[i])
			return err
		})
		if err != nil {
			return nil, c.gone(err)
		}
		c.cached = i
	}
	return partFrom(c.part, from), nil
}

// gone tells a message that was expunged meanwhile from one that is damaged.
func (c *content) gone(err error) error {
	if !errors.Is(err, fault.Corrupt) {
		return err
	}
	view := c.m.view(c.ctx, func(r store.Reader) error {
		_, _, _, now := c.m.book.Item(r, c.folder, c.uid)
		if errors.Is(now, fault.NotFound) {
			err = now
		}
		return nil
	})
	return cmp.Or(view, err)
}

func partFrom(part []byte, from int64) io.ReadCloser {
	return io.NopCloser(bytes.NewReader(part[min(from, int64(len(part))):]))
}

// readPart returns a part that was cut out of a message.
func (h *Hub) readPart(ctx context.Context, r store.Reader, part store.Part, s *keyring.Session, p mailbox.PartRef) ([]byte, error) {
	if p.Key != nil {
		var err error
		if s, err = keyring.SessionFromKey(p.Key); err != nil {
			return nil, err
		}
	}
	return h.read(ctx, r, part, s, vault.Ref(p.Ref))
}
