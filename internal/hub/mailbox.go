package hub

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"vaguemestre/internal/account"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
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

// give takes one session off a book. After the last it closes it, and drops the
// owner's key, unless somebody has just looked at the record and will again.
func (h *Hub) give(part store.Part, b *book) {
	h.books.mu.Lock()
	defer h.books.mu.Unlock()
	if b.sessions--; b.sessions == 0 {
		delete(h.books.open, part)
		b.Close()
		if !h.recent.holds(part, h.Now()) {
			h.keys.forget(part)
		}
	}
}

// A place is where a message is in a mailbox.
type place struct {
	folder mailbox.FolderID
	uid    mailbox.UID
	shelf  bool // it shows a document of the vault
}

// messages yields every message of a mailbox, folder by folder.
func (b *book) messages(r store.Reader) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		folders, err := b.Folders(r)
		if err != nil {
			yield(place{}, err)
			return
		}
		for _, f := range folders {
			if f.NoSelect {
				continue
			}
			for named, err := range b.IDs(r, f.ID) {
				if !yield(place{f.ID, named.UID, f.ReadOnly}, err) || err != nil {
					return
				}
			}
		}
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
	err := h.view(ctx, a.Part, func(r store.Reader) (err error) {
		d, err = h.mayUse(r, a)
		return err
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

// mayUse decides whether an actor may use the mailbox that it logged in to, or
// that the person who acts shares.
func (h *Hub) mayUse(r store.Reader, a Actor) (policy.Decision, error) {
	req := policy.Request{Act: policy.UseMailbox, Actor: a.policy(), Now: h.Now(),
		Mailbox: policy.Mailbox{Role: a.Role, Owner: string(a.Part), Establishment: a.Establishment}}
	if a.Role == policy.Patient {
		sp, _, err := patient.Load(r, h.scope(a.Part))
		if err != nil {
			return policy.Decision{}, err
		}
		req.Space = policy.Space{Owner: string(a.Part), State: sp.State}
	}
	if a.Member != nil {
		_, shares, err := directory.MemberOf(r, h.scope(a.Part), a.Member.RPPS)
		if err != nil {
			return policy.Decision{}, err
		}
		req.Actor, req.Mailbox.ActorIsMember = a.Member.policy(), shares
	}
	d := policy.Decide(req)
	if !d.Allow {
		return d, refuse(d)
	}
	return d, nil
}

// holds reports whether what an actor logged in with is still good: else it is
// fault.NotFound.
func (h *Hub) holds(r store.Reader, a Actor) (err error) {
	if a.Web {
		_, err = account.FindSession(r, h.scope(a.Part), a.Session, h.Now())
		return err
	}
	if a.Authorization != "" {
		_, err = account.LoadAuthorization(r, h.scope(a.Part), a.Authorization, h.Now())
		return err
	}
	_, err = account.Device(r, h.scope(a.Part), a.Password)
	return err
}

// Check reports whether the login still holds: fault.Unauthenticated once its
// password or authorization is revoked, or the space is closed or gone. The edge asks when the
// mailbox was changed elsewhere, and now and then.
func (m *Mailbox) Check(ctx context.Context) error {
	who := m.actor
	if who.Member != nil {
		who = *who.Member
	}
	err := m.h.view(ctx, who.Part, func(r store.Reader) error { return m.h.holds(r, who) })
	if err == nil {
		err = m.view(ctx, func(r store.Reader) error {
			_, err := m.h.mayUse(r, m.actor)
			return err
		})
	}
	if k := fault.Of(err); k == fault.NotFound || k == fault.Denied {
		return fmt.Errorf("hub: session: %w", fault.Unauthenticated)
	}
	return err
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
