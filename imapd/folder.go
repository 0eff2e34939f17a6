package imapd

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
)

// A folder is what this process knows of one folder, shared by all sessions
// that have it open: the messages, and what happened lately. A view is one
// session's place in that history; a sequence number means something only
// there.
//
// The library's MailboxTracker keeps the history once per session, without a
// bound, and cannot map numbers across more than one arrival; this one keeps
// it once, bounded.
type folder struct {
	key  folderKey
	refs int // of the registry

	look sync.Mutex // one act or one look at the store at a time

	mu       sync.Mutex
	cursor   mailbox.Cursor
	messages []message // ascending UIDs
	keywords keywordTable
	events   []event
	first    uint64 // number of events[0]
	views    map[*view]struct{}
	gone     bool // the folder was deleted
}

type folderKey struct {
	owner ident.Address
	id    mailbox.FolderID
}

// A message is one line of a folder, 24 bytes.
type message struct {
	received int64 // Unix seconds
	uid      mailbox.UID
	size     uint32
	words    uint32 // of the keyword table
	system   mailbox.Flag
}

// An event is one thing that happened, in numbers of that moment.
type event struct {
	kind eventKind
	by   uint32      // id of the view whose client knows already
	seq  uint32      // left: first that left; flagged: which; came: how many there are now
	n    uint32      // left: how many
	uid  mailbox.UID // flagged
}

type eventKind uint8

const (
	came eventKind = iota
	left
	flagged
)

// maxEvents is how far a session may fall behind, or twice the messages of
// the folder if that is more; then it is dropped.
const maxEvents = 16384

// A registry holds the folders open in this process.
type registry struct {
	mu   sync.Mutex
	open map[folderKey]*folder
}

// acquire returns the folder of that key, which the caller releases. It is
// brought up to date by its first refresh.
func (r *registry) acquire(k folderKey) *folder {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = map[folderKey]*folder{}
	}
	f := r.open[k]
	if f == nil || f.isGone() {
		f = &folder{key: k, views: map[*view]struct{}{}, keywords: newKeywordTable()}
		r.open[k] = f
	}
	f.refs++
	return f
}

func (r *registry) release(f *folder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.refs--; f.refs == 0 && r.open[f.key] == f {
		delete(r.open, f.key)
	}
}

func (f *folder) isGone() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gone
}

// refresh brings f up to date with the store.
func (f *folder) refresh(ctx context.Context, box Messages) error {
	f.look.Lock()
	defer f.look.Unlock()
	return f.catchUp(ctx, box)
}

// act runs an act that changes f, and applies what it did before anybody looks:
// who looked in between would have to read the whole folder again. by is not
// told of it.
func (f *folder) act(ctx context.Context, box Messages, by *view, do func() (mailbox.Change, error)) error {
	f.look.Lock()
	defer f.look.Unlock()
	c, err := do()
	if err != nil {
		return err
	}
	return f.apply(ctx, box, c, by)
}

// catchUp reads what happened since f was last looked at. f.look is held.
func (f *folder) catchUp(ctx context.Context, box Messages) error {
	for range 4 {
		f.mu.Lock()
		since := f.cursor
		f.mu.Unlock()
		d, err := box.Changes(ctx, f.key.id, since)
		f.mu.Lock()
		done := false
		switch {
		case fault.Of(err) == fault.NotFound:
			f.gone = true
		case err == nil:
			done, err = f.take(d)
		}
		f.mu.Unlock()
		if done || err != nil {
			return err
		}
	}
	return fmt.Errorf("imapd: refresh: the folder does not stand still: %w", fault.Unavailable)
}

// apply does what an act of this process has done already, without asking the
// store where nothing else happened in between. f.look is held.
func (f *folder) apply(ctx context.Context, box Messages, c mailbox.Change, by *view) error {
	f.mu.Lock()
	switch {
	case c.To.Revision <= f.cursor.Revision:
		f.mu.Unlock()
		return nil // seen already
	case c.From != f.cursor:
		f.mu.Unlock()
		return f.catchUp(ctx, box)
	}
	defer f.mu.Unlock()
	f.remove(func(m message) bool {
		_, is := slices.BinarySearch(c.Gone, m.uid)
		return is
	})
	var id uint32
	if by != nil {
		id = by.id
	}
	for _, m := range c.Messages {
		if i, ok := f.find(m.UID); ok {
			f.reflag(i, m.Flags, id)
		}
	}
	f.append(c.Messages)
	f.cursor = c.To
	f.trim()
	return nil
}

// take applies a delta; done is false if f has moved on meanwhile.
func (f *folder) take(d mailbox.Delta) (done bool, err error) {
	if d.From != f.cursor {
		return d.To.Revision <= f.cursor.Revision && f.cursor != mailbox.Cursor{}, nil
	}
	if d.All {
		there := func(uid mailbox.UID) (int, bool) {
			i := sort.Search(len(d.Messages), func(i int) bool { return d.Messages[i].UID >= uid })
			return i, i < len(d.Messages) && d.Messages[i].UID == uid
		}
		f.remove(func(m message) bool { _, is := there(m.uid); return !is })
		for i := range f.messages {
			j, _ := there(f.messages[i].uid)
			f.reflag(i, d.Messages[j].Flags, 0)
		}
	}
	f.append(d.Messages)
	if d.All && len(f.messages) != len(d.Messages) {
		return false, fmt.Errorf("imapd: refresh: a UID came back: %w", fault.Corrupt)
	}
	f.cursor = d.To
	f.trim()
	return true, nil
}

// remove removes the messages for which gone holds.
func (f *folder) remove(gone func(message) bool) {
	kept := f.messages[:0]
	run := event{kind: left}
	for _, m := range f.messages {
		if gone(m) {
			run.seq = uint32(len(kept) + 1) // those before it that left have left
			run.n++
			continue
		}
		if run.n > 0 {
			f.push(run)
			run.n = 0
		}
		kept = append(kept, m)
	}
	if run.n > 0 {
		f.push(run)
	}
	f.messages = kept
}

// append appends the messages that are new.
func (f *folder) append(all []mailbox.Message) {
	n := len(f.messages)
	var last mailbox.UID
	if n > 0 {
		last = f.messages[n-1].uid
	}
	last = max(last, f.cursor.UIDNext-min(f.cursor.UIDNext, 1)) // a UID below UIDNEXT is not new
	for _, m := range all {
		if m.UID > last {
			f.messages = append(f.messages, message{
				received: m.Received.Unix(), uid: m.UID, size: uint32(min(m.Size, 1<<32-1)),
				words: f.keywords.index(m.Flags.Keywords), system: m.Flags.System,
			})
			last = m.UID
		}
	}
	if len(f.messages) > n {
		f.push(event{kind: came, seq: uint32(len(f.messages))})
	}
}

// reflag gives the message at i its flags.
func (f *folder) reflag(i int, flags mailbox.Flags, by uint32) {
	m := &f.messages[i]
	words := f.keywords.index(flags.Keywords)
	if m.system == flags.System && m.words == words {
		return
	}
	m.system, m.words = flags.System, words
	f.push(event{kind: flagged, seq: uint32(i + 1), uid: m.uid, by: by})
}

func (f *folder) find(uid mailbox.UID) (int, bool) {
	return slices.BinarySearchFunc(f.messages, uid, func(m message, uid mailbox.UID) int {
		return int(int64(m.uid) - int64(uid))
	})
}

func (f *folder) push(e event) {
	if len(f.views) == 0 {
		f.first++ // nobody to tell
		return
	}
	f.events = append(f.events, e)
	if len(f.events) <= max(maxEvents, 2*len(f.messages)) {
		return
	}
	for v := range f.views { // whoever holds the oldest event is too slow
		if v.at == f.first {
			v.lost = true
			delete(f.views, v)
		}
	}
	f.trim()
}

// trim forgets the events that every view has told.
func (f *folder) trim() {
	low := f.next()
	for v := range f.views {
		low = min(low, v.at)
	}
	if n := int(low - f.first); n > 0 {
		f.events = slices.Delete(f.events, 0, n)
		f.first = low
		if len(f.events) == 0 {
			f.events = nil
		}
	}
	if len(f.keywords.sets) > 2*len(f.messages)+64 {
		f.compactKeywords()
	}
}

// next is the number the next event will have.
func (f *folder) next() uint64 { return f.first + uint64(len(f.events)) }

func (f *folder) compactKeywords() {
	fresh := newKeywordTable()
	for i := range f.messages {
		m := &f.messages[i]
		m.words = fresh.index(f.keywords.sets[m.words])
	}
	f.keywords = fresh
}

// flags returns the flags of m. The caller holds f.mu.
func (f *folder) flags(m message) mailbox.Flags {
	return mailbox.Flags{System: m.system, Keywords: f.keywords.sets[m.words]}
}

func (m message) date() time.Time { return time.Unix(m.received, 0).UTC() }

// A keywordTable keeps each set of keywords once; set 0 is empty. A set is
// never changed, so it may be read without the lock.
type keywordTable struct {
	sets  [][]string
	known map[string]uint32
}

func newKeywordTable() keywordTable {
	return keywordTable{sets: [][]string{nil}, known: map[string]uint32{"": 0}}
}

func (t *keywordTable) index(words []string) uint32 {
	if len(words) == 0 {
		return 0
	}
	var key strings.Builder
	var size [4]byte
	for _, w := range words {
		binary.LittleEndian.PutUint32(size[:], uint32(len(w)))
		key.Write(size[:])
		key.WriteString(w)
	}
	i, ok := t.known[key.String()]
	if !ok {
		i = uint32(len(t.sets))
		t.sets = append(t.sets, slices.Clone(words))
		t.known[key.String()] = i
	}
	return i
}
