package hub

import (
	"context"
	"io"

	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// How much there is to take away of a space, and how far one has come with it.

// Luggage is what a Takeout would hold now, damaged or not, and how the last one
// ended or goes on.
type Luggage struct {
	Documents, Messages int
	Size                int64 // bytes, before any of it is packed
	Last                outbox.Export
	Going               bool // the last one has not ended
}

// Luggage tells those who may take a space away how much that is. "" is the
// actor's own.
func (h *Hub) Luggage(ctx context.Context, a Actor, recordID string) (l Luggage, err error) {
	part := a.recordOr(recordID)
	f, _, err := h.mayTakeOut(ctx, a, part)
	if err != nil {
		return l, err
	}
	key, err := h.linger(ctx, part)
	if err != nil {
		return l, err
	}
	var secrets hidden
	err = h.view(ctx, part, func(r store.Reader) error {
		docs, err := h.documents(r, part, key)
		if err != nil {
			return err
		}
		l = Luggage{}
		secrets = f.hidden(docs, a)
		for _, d := range docs {
			if f.mayRead(d, a).Allow {
				l.Documents++
				l.Size += d.Entry.Size
			}
		}
		return h.lastTaken(r, part, &l)
	})
	if err != nil || !f.mayUseMailbox(part) {
		return l, err
	}
	b, err := h.take(ctx, part)
	if err != nil {
		return l, err
	}
	m := &Mailbox{h: h, actor: Actor{Part: part, Role: policy.Patient}, book: b}
	defer m.Close()
	folders, err := m.takenFolders(ctx)
	for _, f := range folders {
		l.Messages += int(f.Messages)
		l.Size += f.Size
		if err == nil && len(secrets) > 0 {
			err = m.leaveOut(ctx, f.ID, secrets, &l)
		}
	}
	return l, err
}

// leaveOut takes the mails of a folder off a count that are hidden by their names:
// how many there are would say that there are some.
func (m *Mailbox) leaveOut(ctx context.Context, f mailbox.FolderID, secrets hidden, l *Luggage) error {
	return m.view(ctx, func(r store.Reader) error {
		all, err := m.book.Changes(r, f, mailbox.Cursor{})
		if err != nil {
			return err
		}
		var uids []mailbox.UID
		for _, one := range all.Messages {
			uids = append(uids, one.UID)
		}
		n, size := 0, int64(0)
		for e, err := range m.book.Entries(r, f, uids) {
			if err == nil && secrets.names(&e.Envelope) { // one that does not open is told of as lost
				n, size = n+1, size+e.Size
			}
		}
		l.Messages, l.Size = l.Messages-n, l.Size-size
		return nil
	})
}

// TakingOut tells the same people how far the last taking has come, and nothing
// else.
func (h *Hub) TakingOut(ctx context.Context, a Actor, recordID string) (l Luggage, err error) {
	part := a.recordOr(recordID)
	if _, _, err := h.mayTakeOut(ctx, a, part); err != nil {
		return l, err
	}
	err = h.view(ctx, part, func(r store.Reader) error { return h.lastTaken(r, part, &l) })
	return l, err
}

func (h *Hub) lastTaken(r store.Reader, part store.Part, l *Luggage) (err error) {
	l.Last, err = outbox.LoadExport(r, h.scope(part))
	l.Going = l.Last.Going(h.Now())
	return err
}

// mayTakeOut lets those pass who may take a space away, and looks at nothing in
// it.
func (h *Hub) mayTakeOut(ctx context.Context, a Actor, part store.Part) (standing, policy.Decision, error) {
	f, d, err := h.stand(ctx, a, part, policy.ExportRecord)
	if err == nil && !d.Allow {
		err = h.refused(ctx, part, a.entry(policy.ExportRecord, ""), a, d)
	}
	return f, d, err
}

// recordOr is where a record is kept; that of "" is the actor's own.
func (a Actor) recordOr(id string) store.Part {
	if id == "" {
		return a.Part
	}
	return recordPart(id)
}

// begin tells how much there is to take.
func (t *Takeout) begin(ctx context.Context) error {
	l, err := t.h.Luggage(ctx, t.actor, string(t.part))
	if err != nil {
		return err
	}
	now := t.h.Now().UTC()
	t.progress = outbox.Export{Began: now, Of: l.Size}
	return t.tell(ctx)
}

// tell says now and then how far it has come.
func (t *Takeout) tell(ctx context.Context) error {
	now := t.h.Now().UTC()
	if now.Sub(t.progress.Told) < tellEvery {
		return nil
	}
	t.progress.Told = now
	return t.h.commit(ctx, t.part, func(x *tx) error { return outbox.SaveExport(x, x.Scope, t.progress) })
}

// told is a Content of which it is told how far it has been read.
type told struct {
	Content
	t   *Takeout
	ctx context.Context
}

// ReadRange implements Content.
func (c *told) ReadRange(w io.Writer, off, n int64) error {
	return c.Content.ReadRange(&telling{w, c}, off, n)
}

type telling struct {
	io.Writer
	of *told
}

// Write implements io.Writer. It goes on piece by piece: whoever reads may be
// slow.
func (c *telling) Write(b []byte) (n int, err error) {
	const piece = 64 << 10
	for len(b) > 0 && err == nil {
		var m int
		m, err = c.Writer.Write(b[:min(len(b), piece)])
		n, b = n+m, b[m:]
		c.of.t.progress.Done += int64(m)
		if err == nil {
			err = c.of.t.tell(c.of.ctx)
		}
	}
	return n, err
}
