package hub

import (
	"context"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A ThreadSearch says which threads are wanted. The zero ThreadSearch wants
// those with something in the inbox.
type ThreadSearch struct {
	Folder   mailbox.FolderID // 0 is the inbox
	Anywhere bool             // in every folder but the drafts and the trash
	Unread   bool
	Files    bool
	Kinds    []DocumentKind // with a document of one of these
	Since    time.Time      // something came on that day or later; zero: whenever
	Until    time.Time      // something came before that day; zero: whenever
	Words    string         // all in one message: its text, people, subject, names of files
	Page     int            // from 0
}

// A DocumentKind is a sort of document that people look for.
type DocumentKind string

// The kinds, as the shelves have them.
const (
	Biology      DocumentKind = "BIOLOGIE"
	Imaging      DocumentKind = "RADIO_SC"
	Prescription DocumentKind = "ORD_SOIN"
)

// ThreadsPerPage is how many threads a page has.
const ThreadsPerPage = 50

// A ThreadList is a page of threads, with the folders of the mailbox.
type ThreadList struct {
	Threads []ThreadLine // the newest first
	Total   int          // of threads, on all pages
	Unread  int          // of the threads in the inbox
	Folders []FolderLine
	Kinds   bool // documents are known by their kind
}

// A FolderLine is a folder as the portal shows it.
type FolderLine struct {
	ID      mailbox.FolderID
	Name    string // of one that is the owner's; the well-known ones are named by their ID
	Threads int
	Unread  int // threads
}

// A ThreadLine is one thread in a list.
type ThreadLine struct {
	ID       MessageID // of the message that it opens at
	With     []Correspondent
	More     int // other people
	Subject  string
	Last     time.Time
	Messages int
	Unread   int
	Files    bool
	Answered bool // the last message is the actor's own
	Ended    bool // whoever the actor writes with has ended the exchange
	Draft    bool // something is being written
	Setback  bool // the last news is that something could not be delivered
	Charge   Charge
}

// Threads lists the threads of an actor's mailbox. The trail has it, once a
// session.
func (h *Hub) Threads(ctx context.Context, a Actor, s ThreadSearch) (list ThreadList, err error) {
	err = h.atDesk(ctx, a, func(d *desk) error {
		list, err = d.list(ctx, s)
		return err
	})
	return list, err
}

func (d *desk) list(ctx context.Context, s ThreadSearch) (ThreadList, error) {
	x, err := d.threads(ctx)
	if err != nil {
		return ThreadList{}, err
	}
	found, at, err := d.search(ctx, x, s)
	if err != nil {
		return ThreadList{}, err
	}
	list := ThreadList{Total: len(found), Unread: x.unread(mailbox.Inbox), Folders: x.folderLines(), Kinds: d.actor.Role == policy.Patient}
	charges, err := d.charges(ctx)
	if err != nil {
		return ThreadList{}, err
	}
	from := min(max(s.Page, 0)*ThreadsPerPage, len(found))
	for _, t := range found[from:min(from+ThreadsPerPage, len(found))] {
		l, err := d.line(ctx, x, t, at[t])
		if err != nil {
			return ThreadList{}, err
		}
		l.Charge = t.charge(charges)
		list.Threads = append(list.Threads, l)
	}
	return list, d.markEnded(ctx, list.Threads)
}

// folderLines lists the folders: the well-known first, then the owner's own.
func (x *threadIndex) folderLines() []FolderLine {
	var list []FolderLine
	at := map[mailbox.FolderID]int{}
	for _, known := range []bool{true, false} {
		for _, f := range x.names {
			if f.NoSelect || f.ReadOnly || known != (f.ID <= mailbox.Archive) {
				continue
			}
			at[f.ID] = len(list)
			list = append(list, FolderLine{ID: f.ID, Name: f.Name})
		}
	}
	slices.SortStableFunc(list[:min(int(mailbox.Archive), len(list))], func(a, b FolderLine) int { return int(a.ID) - int(b.ID) })
	for i, f := range list {
		at[f.ID] = i
	}
	for _, t := range x.threads {
		seen := map[mailbox.FolderID]bool{}
		for _, l := range t.messages {
			for _, p := range l.at {
				if i, ok := at[p.folder]; ok && !seen[p.folder] {
					seen[p.folder] = true
					list[i].Threads++
					if t.unread > 0 {
						list[i].Unread++
					}
				}
			}
		}
	}
	return list
}

// unread counts the threads with something in a folder that have unread messages.
func (x *threadIndex) unread(folder mailbox.FolderID) (n int) {
	for _, t := range x.threads {
		if t.unread > 0 && slices.ContainsFunc(t.messages, func(l *listed) bool { return l.is(folder) }) {
			n++
		}
	}
	return n
}

// search returns the threads that are wanted, the newest first, and of each the
// message that was found in it, if words were looked for.
func (d *desk) search(ctx context.Context, x *threadIndex, s ThreadSearch) ([]*threadOf, map[*threadOf]*listed, error) {
	want, err := d.wants(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	at := map[*threadOf]*listed{}
	var found []*threadOf
	for _, t := range x.threads {
		if s.Unread && t.unread == 0 {
			continue
		}
		if i := slices.IndexFunc(t.messages, want); i >= 0 {
			found = append(found, t)
		}
	}
	words := strings.Fields(message.Fold(s.Words))
	if len(words) == 0 {
		return found, at, nil
	}
	hits, err := d.containing(ctx, x, found, want, words)
	if err != nil {
		return nil, nil, err
	}
	found = slices.DeleteFunc(found, func(t *threadOf) bool {
		i := slices.IndexFunc(t.messages, func(l *listed) bool { return hits[l.id] })
		if i >= 0 {
			at[t] = t.messages[i]
		}
		return i < 0
	})
	return found, at, nil
}

// wants returns whether a message is one of those that are looked for, words
// aside.
func (d *desk) wants(ctx context.Context, s ThreadSearch) (func(*listed) bool, error) {
	folder := s.Folder
	if folder == 0 {
		folder = mailbox.Inbox
	}
	var brought map[string][]vault.Document
	if len(s.Kinds) > 0 {
		var err error
		if brought, err = d.brought(ctx); err != nil {
			return nil, err
		}
	}
	return func(l *listed) bool {
		switch {
		case s.Anywhere && (l.only(mailbox.Trash) || l.only(mailbox.Drafts)),
			!s.Anywhere && !l.is(folder),
			s.Unread && !l.isUnread(),
			s.Files && (l.files == 0 || l.kind != aMessage),
			!s.Since.IsZero() && l.received.Before(s.Since),
			!s.Until.IsZero() && !l.received.Before(s.Until):
			return false
		case len(s.Kinds) == 0:
			return true
		}
		return slices.ContainsFunc(brought[l.name], func(e vault.Document) bool {
			return slices.Contains(s.Kinds, DocumentKind(e.Entry.Shelf))
		})
	}, nil
}

// containing returns the wanted messages that hold all the words: in what a
// listing knows, or in the text, which the mailbox keeps sealed for that.
func (d *desk) containing(ctx context.Context, x *threadIndex, among []*threadOf, want func(*listed) bool, words []string) (map[MessageID]bool, error) {
	hits := map[MessageID]bool{}
	left := map[mailbox.FolderID][]mailbox.UID{}
	byPlace := map[place]*listed{}
	for _, t := range among {
		for _, l := range t.messages {
			if !want(l) {
				continue
			}
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(l.folded, w) }) {
				hits[l.id] = true
				continue
			}
			p := l.at[0]
			left[p.folder] = append(left[p.folder], p.uid)
			byPlace[place{folder: p.folder, uid: p.uid}] = l
		}
	}
	for folder, uids := range left {
		slices.Sort(uids)
		for t, err := range d.Texts(ctx, folder, uids, false) {
			if err != nil {
				if hopeless(err) {
					continue
				}
				return nil, err
			}
			l := byPlace[place{folder: folder, uid: t.UID}]
			if l != nil && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(t.Text, w) && !strings.Contains(l.folded, w) }) {
				hits[l.id] = true
			}
		}
	}
	return hits, nil
}

// brought returns the documents of the record that mails brought, by Message-ID:
// those that the actor may see.
func (d *desk) brought(ctx context.Context) (by map[string][]vault.Document, err error) {
	by = map[string][]vault.Document{}
	if d.actor.Role != policy.Patient {
		return by, nil
	}
	err = d.view(ctx, func(r store.Reader) error {
		clear(by)
		f, err := d.h.standing(r, d.actor.Part, d.actor)
		if err != nil {
			return err
		}
		docs, err := d.h.documents(r, d.actor.Part, d.book.key)
		for _, doc := range docs {
			if doc.Entry.MessageID != "" && f.mayRead(doc, d.actor).Allow {
				by[doc.Entry.MessageID] = append(by[doc.Entry.MessageID], doc)
			}
		}
		return err
	})
	return by, err
}

// line makes the line of a thread. at is the message it opens at, nil for the
// newest.
func (d *desk) line(ctx context.Context, x *threadIndex, t *threadOf, at *listed) (ThreadLine, error) {
	line := ThreadLine{ID: t.id(), Last: t.last, Unread: t.unread, Files: t.files}
	if at == nil {
		at = t.newest()
	}
	if at != nil {
		line.ID = at.id
	}
	var others []message.Address
	for _, l := range slices.Backward(t.messages) {
		draft := l.flags.System&mailbox.Draft != 0 || l.only(mailbox.Drafts)
		line.Draft = line.Draft || draft && !l.only(mailbox.Trash)
		if l.kind == aReceipt && len(t.messages) > 1 {
			continue
		}
		own := sameAddress(l.from, d.actor.Address)
		if line.Messages == 0 {
			line.Answered, line.Setback = own && !draft, l.kind == aSetback || l.kind == aBadTwist
		}
		line.Messages++
		if line.Subject == "" || !l.only(mailbox.Trash) && l.kind == aMessage {
			line.Subject = l.subject
		}
		if l.kind != aMessage && len(t.messages) > 1 {
			continue
		}
		if own {
			others = append(others, l.to...)
			line.More = max(line.More, l.more)
		} else {
			others = append(others, l.from)
		}
	}
	people, err := d.people(ctx, x, others)
	if err != nil {
		return line, err
	}
	const shown = 3
	if len(people) > shown {
		line.More += len(people) - shown
		people = people[:shown]
	}
	line.With = people
	return line, nil
}

// people returns who is behind addresses, each once, without the actor.
func (d *desk) people(ctx context.Context, x *threadIndex, list []message.Address) ([]Correspondent, error) {
	var people []Correspondent
	for _, a := range list {
		if sameAddress(a, d.actor.Address) || slices.ContainsFunc(people, func(c Correspondent) bool { return strings.EqualFold(c.Address, a.Spec()) }) {
			continue
		}
		c, err := d.h.correspondent(ctx, x.known(a))
		if err != nil {
			return nil, err
		}
		people = append(people, c)
	}
	return people, nil
}

// markEnded marks the threads in which a patient cannot answer any more.
func (d *desk) markEnded(ctx context.Context, lines []ThreadLine) error {
	if d.actor.Role != policy.Patient {
		return nil
	}
	known := map[string]bool{}
	return d.view(ctx, func(r store.Reader) error {
		for i := range lines {
			ended := len(lines[i].With) > 0
			for _, c := range lines[i].With {
				over, ok := known[c.Address]
				if !ok {
					var err error
					if over, err = d.over(r, c); err != nil {
						return err
					}
					known[c.Address] = over
				}
				ended = ended && over
			}
			lines[i].Ended = ended
		}
		return nil
	})
}
