package hub

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// books are the mailboxes that are open in this process: one Book for each
// owner, shared by the owner's sessions.
type books struct {
	mu   sync.Mutex
	open map[store.Part]*book
}

type book struct {
	*mailbox.Book
	sessions int
	key      *ownerKey
}

func newBooks() *books { return &books{open: map[store.Part]*book{}} }

// take returns the book of a partition, opening it if it is not.
func (h *Hub) take(ctx context.Context, part store.Part) (*book, error) {
	h.books.mu.Lock()
	if b := h.books.open[part]; b != nil {
		b.sessions++
		h.books.mu.Unlock()
		return b, nil
	}
	h.books.mu.Unlock()

	key, err := h.unlock(ctx, part)
	if err != nil {
		return nil, err
	}
	opened := &book{sessions: 1, key: key}
	err = h.view(ctx, part, func(r store.Reader) error {
		opened.Book, err = mailbox.Open(r, part, key, h.cache)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.books.mu.Lock()
	defer h.books.mu.Unlock()
	if b := h.books.open[part]; b != nil { // another session was quicker
		b.sessions++
		return b, nil
	}
	h.books.open[part] = opened
	return opened, nil
}

// give takes one session off a book, and closes it after the last.
func (h *Hub) give(part store.Part, b *book) {
	h.books.mu.Lock()
	defer h.books.mu.Unlock()
	if b.sessions--; b.sessions == 0 {
		delete(h.books.open, part)
		b.Close()
	}
}

// A Mailbox is the mail of one owner, opened for one session: INBOX and the
// other folders, and for a patient the shelves of the vault. Its methods may be
// called from many goroutines.
type Mailbox struct {
	h     *Hub
	actor Actor
	rule  string // that lets the actor use it
	book  *book

	mu      sync.Mutex
	traced  map[mailbox.FolderID]bool // folders this session has read in
	shelves map[mailbox.FolderID]bool // folders that show the vault
	closed  bool
}

// OpenMailbox opens the mailbox of an actor who has logged in. A hub that is
// sealed opens none: fault.Sealed.
func (h *Hub) OpenMailbox(ctx context.Context, a Actor) (*Mailbox, error) {
	var d policy.Decision
	err := h.view(ctx, a.Part, func(r store.Reader) error {
		req := policy.Request{Act: policy.UseMailbox, Actor: a.policy(), Now: h.Now(),
			Mailbox: policy.Mailbox{Role: a.Role, Owner: string(a.Part), Establishment: a.Establishment}}
		if a.Role == policy.Patient {
			sp, _, err := patient.Load(r, h.scope(a.Part))
			if err != nil {
				return err
			}
			req.Space = policy.Space{Owner: string(a.Part), State: sp.State}
		}
		if d = policy.Decide(req); !d.Allow {
			return refuse(d)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b, err := h.take(ctx, a.Part)
	if err != nil {
		return nil, err
	}
	return &Mailbox{h: h, actor: a, rule: d.Rule, book: b, traced: map[mailbox.FolderID]bool{}, shelves: map[mailbox.FolderID]bool{}}, nil
}

// Close ends the session with the mailbox.
func (m *Mailbox) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.h.give(m.actor.Part, m.book)
	}
	return nil
}

// Watch begins to watch the mailbox for changes made elsewhere.
func (m *Mailbox) Watch() (hints <-chan struct{}, cancel func()) { return m.h.Bus.Watch(m.actor.Part) }

func (m *Mailbox) view(ctx context.Context, fn func(store.Reader) error) error {
	return m.h.view(ctx, m.actor.Part, fn)
}

// transactions lends a fold what it needs; what it writes changes nothing that
// anybody sees.
func (m *Mailbox) transactions(ctx context.Context) (mailbox.View, mailbox.Update) {
	return func(fn func(store.Reader) error) error { return m.view(ctx, fn) },
		func(fn func(store.Writer) error) error {
			return m.h.commit(ctx, m.actor.Part, func(t *tx) error { return fn(t.Writer) })
		}
}

// trace writes into the trail that this session reads in a folder: once, or,
// where the mailbox is shared, for every message.
func (m *Mailbox) trace(ctx context.Context, f mailbox.FolderID, uid mailbox.UID) error {
	shared := uid != 0 && (m.actor.Role == policy.Organisation || m.actor.Role == policy.Application)
	m.mu.Lock()
	done := m.traced[f]
	m.mu.Unlock()
	if done && !shared {
		return nil
	}
	err := m.h.commit(ctx, m.actor.Part, func(t *tx) error {
		object := fmt.Sprintf("folder %d", f)
		if shared {
			object += fmt.Sprintf(" message %d", uid)
		}
		e := m.actor.entry(policy.UseMailbox, object)
		e.Rule = m.rule
		t.note(e)
		return nil
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.traced[f] = true
	m.mu.Unlock()
	return nil
}

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
			return m.book.FoldTexts(view, update, f, m.readText(ctx))
		},
		func(r store.Reader, some []mailbox.UID) iter.Seq2[mailbox.Text, error] {
			return m.book.Texts(r, f, some, header, m.readText(ctx))
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
func (m *Mailbox) readText(ctx context.Context) mailbox.ReadText {
	return func(it *mailbox.Item, s *keyring.Session) (header, body string, err error) {
		var skeleton []byte
		err = m.view(ctx, func(r store.Reader) error {
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

// Content opens one message. The trail is durable when it returns.
func (m *Mailbox) Content(ctx context.Context, f mailbox.FolderID, uid mailbox.UID) (Content, error) {
	if err := m.trace(ctx, f, uid); err != nil {
		return nil, err
	}
	c := &content{m: m, ctx: ctx, cached: -1}
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
			return nil, err
		}
		c.cached = i
	}
	return partFrom(c.part, from), nil
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
		t.note(m.act("append", f))
		return nil
	})
	if !committed {
		m.h.dropBlobs(m.actor.Part, s.objects)
	}
	return uid, err
}

// act makes the trail entry of an act on a folder.
func (m *Mailbox) act(name string, f mailbox.FolderID) audit.Entry {
	e := m.actor.entry(policy.UseMailbox, fmt.Sprintf("%s folder %d", name, f))
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
			t.note(m.act(fmt.Sprintf("expunge %d of", len(c.Gone)), f))
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
