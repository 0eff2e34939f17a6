package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/dsn"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/internal/thread"
)

// A threadIndex is what a desk knows of a mailbox at one moment: every message
// but those on the shelves of the vault, each in one thread. It does not change
// once it is made.
type threadIndex struct {
	folders map[mailbox.FolderID]*folderIndex
	names   []mailbox.Folder // as they were, by name
	threads []*threadOf      // the newest first
	where   map[MessageID]*listed
	in      map[MessageID]*threadOf
	called  map[string]string // what the mails call people, by address
}

// A folderIndex is what is known of one folder.
type folderIndex struct {
	cursor   mailbox.Cursor
	messages []mailbox.Message
	notes    map[mailbox.UID]*jotting
}

// A jotting is what a listing keeps of a message. It does not change.
type jotting struct {
	id      MessageID
	name    string // its Message-ID
	refs    []string
	subject string
	from    message.Address
	to      []message.Address // some of them
	more    int               // recipients that are not in to
	files   int
	kind    mailKind
	folded  string // what a search looks at beside the text
}

// A listed is a message with what may become of it: where it is, and its flags.
type listed struct {
	*jotting
	at       []place
	flags    mailbox.Flags
	received time.Time
	size     int64
}

// A mailKind tells messages that people write from notices about them.
type mailKind uint8

const (
	aMessage  mailKind = iota
	aReceipt           // it was delivered, or read: it is shown with the message it speaks of
	aSetback           // it was not delivered, or waits: its sender is to know
	aBadTwist          // of a system that could not integrate a document
)

// A threadOf is the messages of one thread, the oldest first.
type threadOf struct {
	messages []*listed
	last     time.Time // of the last that counts
	unread   int
	files    bool
}

// maxJotted bounds the recipients that a listing keeps of a message.
const maxJotted = 4

// threads returns the index of the mailbox as it is now. What changed since is
// read, and no more; the trail has it that the session reads.
func (d *desk) threads(ctx context.Context) (*threadIndex, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := &threadIndex{folders: map[mailbox.FolderID]*folderIndex{}}
	changed, err := d.changed(ctx, next)
	if err != nil || len(changed) == 0 && d.index != nil && len(next.folders) == len(d.index.folders) {
		if err == nil {
			d.index = &threadIndex{next.folders, next.names, d.index.threads, d.index.where, d.index.in, d.index.called}
		}
		return d.index, err
	}
	if err := d.traceAll(ctx, next.folders); err != nil {
		return nil, err
	}
	for _, id := range changed {
		if err := d.jot(ctx, id, next.folders[id]); err != nil {
			return nil, err
		}
	}
	next.group()
	d.index = next
	return next, nil
}

// changed reads what became of each folder, and returns those of which something
// did.
func (d *desk) changed(ctx context.Context, next *threadIndex) (changed []mailbox.FolderID, err error) {
	err = d.view(ctx, func(r store.Reader) error {
		changed = changed[:0]
		if next.names, err = d.book.Folders(r); err != nil {
			return err
		}
		for _, f := range next.names {
			if f.NoSelect || f.ReadOnly {
				continue
			}
			was := &folderIndex{}
			if d.index != nil && d.index.folders[f.ID] != nil {
				was = d.index.folders[f.ID]
			}
			delta, err := d.book.Changes(r, f.ID, was.cursor)
			if err != nil {
				return err
			}
			now := &folderIndex{cursor: delta.To, messages: was.messages, notes: was.notes}
			switch {
			case delta.All:
				now.messages = delta.Messages
			case len(delta.Messages) > 0:
				now.messages = append(slices.Clone(was.messages), delta.Messages...)
			}
			if delta.All || len(delta.Messages) > 0 {
				changed = append(changed, f.ID)
			}
			next.folders[f.ID] = now
		}
		return nil
	})
	return changed, err
}

// traceAll writes into the trail that the session reads in its folders: one
// entry for all.
func (d *desk) traceAll(ctx context.Context, folders map[mailbox.FolderID]*folderIndex) error {
	var fresh []mailbox.FolderID
	d.Mailbox.mu.Lock()
	for id := range folders {
		if !d.traced[id] {
			fresh = append(fresh, id)
		}
	}
	d.Mailbox.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	if err := d.trace(ctx, mailbox.Inbox, 0); err != nil {
		return err
	}
	d.Mailbox.mu.Lock()
	defer d.Mailbox.mu.Unlock()
	for _, id := range fresh {
		d.traced[id] = true
	}
	return nil
}

// jot reads what a listing shows of the messages of a folder that are new. One
// that does not open is not listed: verify finds it.
func (d *desk) jot(ctx context.Context, id mailbox.FolderID, f *folderIndex) error {
	notes := make(map[mailbox.UID]*jotting, len(f.messages))
	var unknown []mailbox.UID
	for _, m := range f.messages {
		if n := f.notes[m.UID]; n != nil {
			notes[m.UID] = n
		} else {
			unknown = append(unknown, m.UID)
		}
	}
	for e, err := range d.Entries(ctx, id, unknown) {
		switch {
		case fault.Of(err) == fault.Corrupt:
			d.h.Log.Error("message does not open", "err", err)
		case err != nil:
			return err
		default:
			notes[e.UID] = d.h.jotting(e)
		}
	}
	f.notes = notes
	return nil
}

// jotting keeps of a listing's entry what threads need. The entry's texts share
// their memory with what is not needed: they are copied.
func (h *Hub) jotting(e *mailbox.Entry) *jotting {
	env := &e.Envelope
	n := &jotting{id: MessageID(e.ID), name: strings.Clone(env.MessageID), subject: strings.Clone(shownSubject(env.Subject)), kind: kindOf(e)}
	for _, ref := range slices.Concat(env.References, env.InReplyTo) {
		n.refs = append(n.refs, strings.Clone(ref))
	}
	if len(env.From) > 0 {
		n.from = cloned(env.From[0])
	}
	for _, a := range slices.Concat(env.To, env.Cc) {
		if len(n.to) == maxJotted {
			n.more++
			continue
		}
		n.to = append(n.to, cloned(a))
	}
	var words strings.Builder
	fmt.Fprintf(&words, "%s\n%s %s\n", n.subject, n.from.Name, n.from.Spec())
	for _, a := range n.to {
		fmt.Fprintf(&words, "%s %s\n", a.Name, a.Spec())
	}
	for _, p := range filesOf(&e.Structure) {
		if !isInline(p) {
			n.files++
		}
		words.WriteString(p.FileName() + "\n")
	}
	n.folded = message.Fold(words.String())
	return n
}

func cloned(a message.Address) message.Address {
	return message.Address{Name: strings.Clone(a.Name), Mailbox: strings.Clone(a.Mailbox), Host: strings.Clone(a.Host)}
}

// kindOf tells a notice by its structure, and by the words of this hub's own.
func kindOf(e *mailbox.Entry) mailKind {
	root := e.Structure.Root
	if root.MediaType() != "multipart/report" {
		if strings.HasPrefix(e.Envelope.Subject, "[KO Int") {
			return aBadTwist
		}
		return aMessage
	}
	switch {
	case strings.HasPrefix(e.Envelope.Subject, "[KO Int"):
		return aBadTwist
	case root.Params.Get("report-type") == "disposition-notification":
		return aReceipt
	}
	if a, ok := dsn.ActionOf(e.Envelope.Subject); ok && (a == dsn.Delivered || a == dsn.Relayed) {
		return aReceipt
	}
	return aSetback
}

// shownSubject is a subject as people read it: without what only systems read
// (ANS, volet IHE_XDM par messagerie §3.1.3), and without a row of "Re:".
func shownSubject(s string) string {
	answer := ""
	for {
		s = strings.TrimSpace(s)
		head, rest, ok := strings.Cut(s, ":")
		switch {
		case ok && len(head) <= 3 && slices.Contains([]string{"re", "rep", "aw"}, strings.ToLower(strings.TrimSpace(head))):
			answer, s = "Re: ", rest
		case strings.HasPrefix(s, "XDM/1.0/DDM"):
			s = strings.TrimPrefix(strings.TrimPrefix(s, "XDM/1.0/DDM"), "+")
		case s == "":
			return ""
		default:
			return answer + s
		}
	}
}

// folderOrder is that in which the copies of a message count: where it came to,
// before where it was put.
func folderOrder(id mailbox.FolderID) int {
	switch id {
	case mailbox.Inbox:
		return 0
	case mailbox.Sent:
		return 1
	case mailbox.Drafts:
		return 1 << 30
	case mailbox.Trash:
		return 1<<30 + 1
	}
	return int(id)
}

// group makes the threads of what the folders hold.
func (x *threadIndex) group() {
	x.where, x.in, x.called = map[MessageID]*listed{}, map[MessageID]*threadOf{}, map[string]string{}
	var all []*listed
	ids := make([]mailbox.FolderID, 0, len(x.folders))
	for id := range x.folders {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b mailbox.FolderID) int { return cmp.Compare(folderOrder(a), folderOrder(b)) })
	for _, id := range ids {
		f := x.folders[id]
		for _, m := range f.messages {
			n := f.notes[m.UID]
			if n == nil {
				continue
			}
			at := place{folder: id, uid: m.UID}
			if l := x.where[n.id]; l != nil {
				l.at = append(l.at, at)
				continue
			}
			l := &listed{jotting: n, at: []place{at}, flags: m.Flags, received: m.Received, size: m.Size}
			x.where[n.id] = l
			all = append(all, l)
		}
	}
	slices.SortStableFunc(all, func(a, b *listed) int { return a.received.Compare(b.received) })
	said := make([]thread.Message, len(all))
	for i, l := range all {
		said[i] = thread.Message{ID: l.name, Refs: l.refs}
		x.meet(l.from)
		for _, a := range l.to {
			x.meet(a)
		}
	}
	for _, g := range thread.Group(said) {
		t := &threadOf{}
		for _, i := range g {
			t.add(all[i])
			x.in[all[i].id] = t
		}
		t.order()
		t.settle()
		x.threads = append(x.threads, t)
	}
	slices.SortStableFunc(x.threads, func(a, b *threadOf) int { return b.last.Compare(a.last) })
}

// meet remembers what somebody is called.
func (x *threadIndex) meet(a message.Address) {
	if a.Name != "" {
		x.called[strings.ToLower(a.Spec())] = a.Name
	}
}

// known gives an address the name that other mails have for it, if it has none.
func (x *threadIndex) known(a message.Address) message.Address {
	if a.Name == "" {
		a.Name = x.called[strings.ToLower(a.Spec())]
	}
	return a
}

// order puts a message after what it answers, whatever the clocks say.
func (t *threadOf) order() {
	byName := map[string]*listed{}
	for _, l := range t.messages {
		byName[l.name] = l
	}
	placed := make(map[*listed]bool, len(t.messages))
	list := make([]*listed, 0, len(t.messages))
	var put func(*listed)
	put = func(l *listed) {
		if placed[l] {
			return
		}
		placed[l] = true
		for _, ref := range l.refs {
			if before := byName[ref]; before != nil && ref != "" {
				put(before)
			}
		}
		list = append(list, l)
	}
	for _, l := range t.messages {
		put(l)
	}
	t.messages = list
}

func (t *threadOf) add(l *listed) { t.messages = append(t.messages, l) }

// settle counts. A receipt is news about a message, and no message: it neither
// brings a thread to the top nor makes it unread, unless there is nothing else.
func (t *threadOf) settle() {
	alone := !slices.ContainsFunc(t.messages, func(l *listed) bool { return l.kind != aReceipt })
	for _, l := range t.messages {
		t.files = t.files || l.kind == aMessage && l.files > 0
		if l.kind == aReceipt && !alone {
			continue
		}
		if l.received.After(t.last) {
			t.last = l.received
		}
		if l.isUnread() {
			t.unread++
		}
	}
}

// isUnread reports whether its owner has not seen it, and is to.
func (l *listed) isUnread() bool {
	return l.flags.System&(mailbox.Seen|mailbox.Draft) == 0 && !l.is(mailbox.Trash) && !l.is(mailbox.Drafts) && !l.is(mailbox.Sent)
}

// isDraft reports whether it is still being written.
func (l *listed) isDraft() bool {
	return (l.flags.System&mailbox.Draft != 0 || l.is(mailbox.Drafts)) && !l.only(mailbox.Trash)
}

// is reports whether the message is in a folder.
func (l *listed) is(f mailbox.FolderID) bool {
	return slices.ContainsFunc(l.at, func(p place) bool { return p.folder == f })
}

// only reports whether it is in that folder and in no other.
func (l *listed) only(f mailbox.FolderID) bool {
	return !slices.ContainsFunc(l.at, func(p place) bool { return p.folder != f })
}

// newest is the last message that somebody sent; nil if nobody has yet.
func (t *threadOf) newest() *listed {
	for _, l := range slices.Backward(t.messages) {
		if l.kind == aMessage && !l.isDraft() {
			return l
		}
	}
	return nil
}

// id names the thread: by its first message.
func (t *threadOf) id() MessageID { return t.messages[0].id }

// find returns the message of that name, and its thread.
func (x *threadIndex) find(id MessageID) (*listed, *threadOf, error) {
	l := x.where[id]
	if l == nil {
		return nil, nil, fmt.Errorf("hub: message: %w", fault.NotFound)
	}
	return l, x.in[id], nil
}

// sameAddress reports whether a header's address is that of a mailbox.
func sameAddress(a message.Address, b ident.Address) bool {
	p, err := ident.ParseAddress(a.Spec())
	return err == nil && p == b
}
