package imapd

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	mail "vaguemestre/internal/message"
	"vaguemestre/internal/store"
)

const password = "correct-horse"

// A fakeHub keeps one mailbox per address, in memory, and lets everybody in
// who knows the password.
type fakeHub struct {
	mu     sync.Mutex
	boxes  map[string]*fakeBox
	fails  map[string]error // by method: what it returns instead
	calls  map[string]int
	failed int // LoginFailed
}

func newFakeHub() *fakeHub {
	return &fakeHub{boxes: map[string]*fakeBox{}, fails: map[string]error{}, calls: map[string]int{}}
}

func (h *fakeHub) fail(method string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fails[method] = err
}

func (h *fakeHub) enter(method string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls[method]++
	return h.fails[method]
}

func (h *fakeHub) called(method string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[method]
}

func (h *fakeHub) actor(login string) (hub.Actor, error) {
	a, err := ident.ParseAddress(login)
	return hub.Actor{Address: a, Part: store.Part(login)}, err
}

func (h *fakeHub) Login(_ context.Context, a hub.Attempt, p string) (hub.Actor, error) {
	if err := h.enter("Login"); err != nil {
		return hub.Actor{}, err
	}
	actor, err := h.actor(a.Login)
	if err != nil || p != password {
		return hub.Actor{}, fmt.Errorf("fake: login: %w", fault.Unauthenticated)
	}
	return actor, nil
}

func (h *fakeHub) Secrets(context.Context, hub.Attempt) (account.Secrets, error) {
	c, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		return account.Secrets{}, err
	}
	s := account.Secrets{Salt: []byte("0123456789abcdef"), Iterations: 4096}
	k, err := c.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(s.Salt), Iters: s.Iterations})
	if err != nil {
		return account.Secrets{}, err
	}
	s.Keys = []account.SecretKey{{ID: "one", StoredKey: k.StoredKey, ServerKey: k.ServerKey}}
	return s, nil
}

func (h *fakeHub) LoginProved(_ context.Context, a hub.Attempt, _ string) (hub.Actor, error) {
	return h.actor(a.Login)
}

func (h *fakeHub) LoginFailed(context.Context, hub.Attempt) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed++
	return nil
}

func (h *fakeHub) OpenMailbox(_ context.Context, a hub.Actor) (Mailbox, error) {
	if err := h.enter("OpenMailbox"); err != nil {
		return nil, err
	}
	return h.box(string(a.Part)), nil
}

func (h *fakeHub) box(login string) *fakeBox {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.boxes[login] == nil {
		h.boxes[login] = newFakeBox(h)
	}
	return h.boxes[login]
}

// A fakeBox is a mailbox. Every change is a revision of its folder.
type fakeBox struct {
	h        *fakeHub
	mu       sync.Mutex
	folders  []*fakeFolder
	lastID   mailbox.FolderID
	watchers map[chan struct{}]struct{}
}

type fakeFolder struct {
	mailbox.Folder
	rev      uint64
	events   []uint64 // revisions that did more than append
	messages []*fakeMessage
}

type fakeMessage struct {
	mailbox.Message
	raw   []byte
	rev   uint64 // that brought it
	mail  *mail.Mail
	text  mail.SearchText
	entry mailbox.Entry
}

func newFakeBox(h *fakeHub) *fakeBox {
	b := &fakeBox{h: h, watchers: map[chan struct{}]struct{}{}, lastID: 100}
	for id, name := range map[mailbox.FolderID]string{mailbox.Inbox: "INBOX", mailbox.Sent: "Sent", mailbox.Drafts: "Drafts",
		mailbox.Trash: "Trash", mailbox.Archive: "Archive", 20: "Documents", 21: "Documents/Ordonnances"} {
		f := b.add(name, id)
		f.Subscribed = id <= mailbox.Archive
		f.NoSelect, f.ReadOnly = id == 20, id == 21
	}
	return b
}

func (b *fakeBox) add(name string, id mailbox.FolderID) *fakeFolder {
	f := &fakeFolder{Folder: mailbox.Folder{ID: id, Name: name, UIDValidity: uint32(1000 + id), UIDNext: 1}}
	b.folders = append(b.folders, f)
	sort.Slice(b.folders, func(i, j int) bool { return b.folders[i].Name < b.folders[j].Name })
	return f
}

// file puts a mail into a folder, as a delivery does.
func (b *fakeBox) file(name, raw string) mailbox.UID {
	f, err := b.Folder(context.Background(), name)
	if err != nil {
		panic(err)
	}
	uid, err := b.Append(context.Background(), f.ID, []byte(raw), mailbox.Flags{}, time.Date(2026, 3, 2, 10, 20, 30, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	return uid
}

func (b *fakeBox) byID(id mailbox.FolderID) (*fakeFolder, error) {
	for _, f := range b.folders {
		if f.ID == id {
			return f, nil
		}
	}
	return nil, fmt.Errorf("fake: folder: %w", fault.NotFound)
}

func (b *fakeBox) byName(name string) (*fakeFolder, error) {
	for _, f := range b.folders {
		if f.Name == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("fake: folder: %w", fault.NotFound)
}

func (f *fakeFolder) described() mailbox.Folder {
	d := f.Folder
	d.Messages, d.Unseen, d.Size = uint32(len(f.messages)), 0, 0
	for _, m := range f.messages {
		d.Size += m.Size
		if m.Flags.System&mailbox.Seen == 0 {
			d.Unseen++
		}
	}
	return d
}

func (f *fakeFolder) cursor() mailbox.Cursor {
	return mailbox.Cursor{Revision: f.rev, UIDNext: f.UIDNext}
}

func (b *fakeBox) hint() {
	for w := range b.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (b *fakeBox) Folders(context.Context) ([]mailbox.Folder, error) {
	if err := b.h.enter("Folders"); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []mailbox.Folder
	for _, f := range b.folders {
		all = append(all, f.described())
	}
	return all, nil
}

func (b *fakeBox) Folder(_ context.Context, name string) (mailbox.Folder, error) {
	if err := b.h.enter("Folder"); err != nil {
		return mailbox.Folder{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.byName(name)
	if err != nil {
		return mailbox.Folder{}, err
	}
	return f.described(), nil
}

func (b *fakeBox) Create(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.byName(name); err == nil {
		return fmt.Errorf("fake: create: %w", fault.Exists)
	}
	b.lastID++
	b.add(name, b.lastID)
	return nil
}

func (b *fakeBox) Rename(_ context.Context, from, to string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.byName(to); err == nil {
		return fmt.Errorf("fake: rename: %w", fault.Exists)
	}
	for _, f := range b.folders {
		if f.Name == from || strings.HasPrefix(f.Name, from+"/") {
			f.Name = to + strings.TrimPrefix(f.Name, from)
		}
	}
	sort.Slice(b.folders, func(i, j int) bool { return b.folders[i].Name < b.folders[j].Name })
	return nil
}

func (b *fakeBox) Delete(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.folders = slices.DeleteFunc(b.folders, func(f *fakeFolder) bool { return f.Name == name })
	b.hint()
	return nil
}

func (b *fakeBox) Subscribe(_ context.Context, name string, on bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.byName(name)
	if err == nil {
		f.Subscribed = on
	}
	return err
}

func (b *fakeBox) Changes(_ context.Context, id mailbox.FolderID, since mailbox.Cursor) (mailbox.Delta, error) {
	if err := b.h.enter("Changes"); err != nil {
		return mailbox.Delta{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.byID(id)
	if err != nil {
		return mailbox.Delta{}, err
	}
	d := mailbox.Delta{From: since, To: f.cursor()}
	d.All = since == mailbox.Cursor{} || len(f.events) > 0 && f.events[len(f.events)-1] > since.Revision
	for _, m := range f.messages {
		if d.All || m.rev > since.Revision {
			d.Messages = append(d.Messages, m.Message)
		}
	}
	return d, nil
}

// pick returns the messages of uids, nil for all.
func (f *fakeFolder) pick(uids []mailbox.UID) []*fakeMessage {
	var ms []*fakeMessage
	for _, m := range f.messages {
		if _, is := slices.BinarySearch(uids, m.UID); uids == nil || is {
			ms = append(ms, m)
		}
	}
	return ms
}

func (b *fakeBox) some(id mailbox.FolderID, uids []mailbox.UID) ([]*fakeMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.byID(id)
	if err != nil {
		return nil, err
	}
	return f.pick(uids), nil
}

func (b *fakeBox) Entries(_ context.Context, id mailbox.FolderID, uids []mailbox.UID) iter.Seq2[*mailbox.Entry, error] {
	return func(yield func(*mailbox.Entry, error) bool) {
		ms, err := b.some(id, uids)
		if err == nil {
			err = b.h.enter("Entries")
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for _, m := range ms {
			if !yield(&m.entry, nil) {
				return
			}
		}
	}
}

func (b *fakeBox) Texts(_ context.Context, id mailbox.FolderID, uids []mailbox.UID, header bool) iter.Seq2[mailbox.Text, error] {
	return func(yield func(mailbox.Text, error) bool) {
		ms, err := b.some(id, uids)
		if err == nil {
			err = b.h.enter("Texts")
		}
		if err != nil {
			yield(mailbox.Text{}, err)
			return
		}
		for _, m := range ms {
			t := mailbox.Text{UID: m.UID, Text: m.text.Body}
			if header {
				t.Text = m.text.Header + m.text.Body
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

func (b *fakeBox) Content(_ context.Context, id mailbox.FolderID, uid mailbox.UID) (hub.Content, error) {
	if err := b.h.enter("Content"); err != nil {
		return nil, err
	}
	ms, err := b.some(id, []mailbox.UID{uid})
	if err != nil || len(ms) == 0 {
		return nil, fmt.Errorf("fake: content: %w", fault.NotFound)
	}
	return fakeContent{b.h, ms[0].raw}, nil
}

type fakeContent struct {
	h   *fakeHub
	raw []byte
}

func (c fakeContent) Size() int64 { return int64(len(c.raw)) }

func (c fakeContent) ReadRange(w io.Writer, off, n int64) error {
	if err := c.h.enter("ReadRange"); err != nil {
		w.Write(c.raw[off : off+n/2])
		return err
	}
	_, err := w.Write(c.raw[off : off+n])
	return err
}

func (b *fakeBox) SetFlags(_ context.Context, id mailbox.FolderID, uids []mailbox.UID, op mailbox.FlagOp, flags mailbox.Flags) (mailbox.Change, error) {
	if err := b.h.enter("SetFlags"); err != nil {
		return mailbox.Change{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.byID(id)
	if err != nil {
		return mailbox.Change{}, err
	}
	c := mailbox.Change{From: f.cursor()}
	for _, m := range f.pick(uids) {
		was := m.Flags
		m.Flags = combine(was, op, flags)
		if m.Flags.System != was.System || !slices.Equal(m.Flags.Keywords, was.Keywords) {
			c.Messages = append(c.Messages, m.Message)
		}
	}
	if len(c.Messages) > 0 {
		f.bump(true)
		b.hint()
	}
	c.To = f.cursor()
	return c, nil
}

func combine(was mailbox.Flags, op mailbox.FlagOp, f mailbox.Flags) mailbox.Flags {
	switch op {
	case mailbox.AddFlags:
		words := append(slices.Clone(was.Keywords), f.Keywords...)
		slices.Sort(words)
		return mailbox.Flags{System: was.System | f.System, Keywords: slices.Compact(words)}
	case mailbox.RemoveFlags:
		words := slices.DeleteFunc(slices.Clone(was.Keywords), func(k string) bool { return slices.Contains(f.Keywords, k) })
		return mailbox.Flags{System: was.System &^ f.System, Keywords: words}
	}
	return f
}

func (f *fakeFolder) bump(more bool) {
	f.rev++
	if more {
		f.events = append(f.events, f.rev)
	}
}

func (b *fakeBox) Append(_ context.Context, id mailbox.FolderID, raw []byte, flags mailbox.Flags, received time.Time) (mailbox.UID, error) {
	if err := b.h.enter("Append"); err != nil {
		return 0, err
	}
	m, err := mail.Parse(raw, mail.Limits{})
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.byID(id)
	if err != nil {
		return 0, err
	}
	f.bump(false)
	uid := f.put(&fakeMessage{Message: mailbox.Message{Flags: flags, Received: received, Size: int64(len(raw))}, raw: raw, mail: m})
	b.hint()
	return uid, nil
}

func (f *fakeFolder) put(m *fakeMessage) mailbox.UID {
	c := *m
	c.UID, c.rev = f.UIDNext, f.rev
	f.UIDNext++
	c.text = c.mail.SearchText(1 << 20)
	c.entry = mailbox.Entry{UID: c.UID, Received: c.Received, Size: c.Size, Envelope: c.mail.Envelope(), Structure: *c.mail.Structure()}
	f.messages = append(f.messages, &c)
	return c.UID
}

func (b *fakeBox) Copy(_ context.Context, from mailbox.FolderID, uids []mailbox.UID, to mailbox.FolderID) ([]mailbox.UID, error) {
	if err := b.h.enter("Copy"); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.copy(from, uids, to)
}

func (b *fakeBox) copy(from mailbox.FolderID, uids []mailbox.UID, to mailbox.FolderID) ([]mailbox.UID, error) {
	src, err := b.byID(from)
	if err != nil {
		return nil, err
	}
	dst, err := b.byID(to)
	if err != nil {
		return nil, err
	}
	dst.bump(false)
	var out []mailbox.UID
	for _, m := range src.pick(uids) {
		out = append(out, dst.put(m))
	}
	b.hint()
	return out, nil
}

func (b *fakeBox) Move(_ context.Context, from mailbox.FolderID, uids []mailbox.UID, to mailbox.FolderID) ([]mailbox.UID, mailbox.Change, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out, err := b.copy(from, uids, to)
	if err != nil {
		return nil, mailbox.Change{}, err
	}
	f, err := b.byID(from)
	if err != nil {
		return nil, mailbox.Change{}, err
	}
	return out, f.drop(f.pick(uids)), nil
}

func (b *fakeBox) Expunge(_ context.Context, id mailbox.FolderID, uids []mailbox.UID) (mailbox.Change, error) {
	if err := b.h.enter("Expunge"); err != nil {
		return mailbox.Change{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.byID(id)
	if err != nil {
		return mailbox.Change{}, err
	}
	gone := f.pick(uids)
	if uids == nil {
		gone = slices.DeleteFunc(gone, func(m *fakeMessage) bool { return m.Flags.System&mailbox.Deleted == 0 })
	}
	c := f.drop(gone)
	b.hint()
	return c, nil
}

func (f *fakeFolder) drop(gone []*fakeMessage) mailbox.Change {
	c := mailbox.Change{From: f.cursor()}
	for _, m := range gone {
		c.Gone = append(c.Gone, m.UID)
	}
	f.messages = slices.DeleteFunc(f.messages, func(m *fakeMessage) bool { return slices.Contains(gone, m) })
	if len(gone) > 0 {
		f.bump(true)
	}
	c.To = f.cursor()
	return c
}

func (b *fakeBox) Watch() (<-chan struct{}, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := make(chan struct{}, 1)
	b.watchers[w] = struct{}{}
	return w, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, w)
	}
}

func (b *fakeBox) Close() error { return nil }

// raws returns every message of a folder.
func (b *fakeBox) raws(name string) (all []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, err := b.byName(name)
	if err != nil {
		panic(err)
	}
	for _, m := range f.messages {
		all = append(all, string(m.raw))
	}
	return all
}

// crlfs makes a mail of a text with line feeds.
func crlfs(s string) string { return strings.ReplaceAll(strings.TrimLeft(s, "\n"), "\n", "\r\n") }

func martinAddress(t *testing.T) ident.Address {
	t.Helper()
	a, err := ident.ParseAddress("dr.martin@ch-a.test")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (b *fakeBox) Check(context.Context) error { return nil }
