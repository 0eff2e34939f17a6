package mailbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
)

// A model is what a mailbox should be, in the plainest form.
type model struct {
	folders map[string]*modelFolder
	known   map[string]uint32 // highest UIDVALIDITY seen under a name
	holders map[string]int    // of each reference
	last    int               // number of the last message made
}

type modelFolder struct {
	id       FolderID
	next     UID
	messages map[UID]modelMessage

	cursor Cursor // of the copy that a session keeps
	copy   map[UID]Message
}

type modelMessage struct {
	n     int
	flags Flags
}

func newModel() *model {
	m := &model{folders: map[string]*modelFolder{}, known: map[string]uint32{}, holders: map[string]int{}}
	for id, name := range wellKnownNames {
		m.folders[name] = &modelFolder{id: id, next: 1, messages: map[UID]modelMessage{}}
	}
	return m
}

// A machine does the same to a mailbox and to its model.
type machine struct {
	*desk
	*model
	failing *memstore.Failing
}

func (c *machine) anyName(t *rapid.T, label string) string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(c.folders))).Draw(t, label)
}

func (c *machine) anyFolder(t *rapid.T, label string) *modelFolder {
	return c.folders[c.anyName(t, label)]
}

// anyUIDs draws some UIDs of a folder, ascending, and one it does not have.
func (c *machine) anyUIDs(t *rapid.T, f *modelFolder) []UID {
	uids := []UID{f.next + 3}
	for _, u := range slices.Sorted(maps.Keys(f.messages)) {
		if rapid.IntRange(0, 3).Draw(t, "taken") == 0 {
			uids = append(uids, u)
		}
	}
	slices.Sort(uids)
	return uids
}

func (c *machine) anyFlags(t *rapid.T) Flags {
	return Flags{
		System:   Flag(rapid.IntRange(0, 31).Draw(t, "system")),
		Keywords: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"$Junk", "a", "b", "c"}), 0, 3, rapid.ID).Draw(t, "keywords"),
	}
}

// once runs an act, at times as an engine does that lost a race, and at times
// after a transaction that did the same and was given up.
func (c *machine) once(t *rapid.T, fn func(store.Writer) error) {
	switch rapid.IntRange(0, 9).Draw(t, "luck") {
	case 0:
		c.failing.Fail(memstore.UpdateLoses, 1, nil)
	case 1:
		stop := errors.New("given up")
		err := c.Update(func(w store.Writer) error {
			if err := fn(w); err != nil {
				return err
			}
			for _, f := range c.folders { // a look at what will not be
				for range c.book.Entries(w, f.id, []UID{1, 2, 3, f.next, f.next + 1}) {
				}
			}
			return stop
		})
		if err != stop {
			t.Fatal(err)
		}
	}
	if err := c.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func (c *machine) file(t *rapid.T) {
	f := c.anyFolder(t, "folder")
	for range rapid.IntRange(1, 40).Draw(t, "how many") {
		c.last++
		filing := c.filing(c.last)
		filing.Flags = c.anyFlags(t)
		var uid UID
		c.once(t, func(w store.Writer) (err error) {
			uid, _, err = c.book.File(w, f.id, filing)
			return err
		})
		c.arrive(t, f, uid, modelMessage{c.last, filing.Flags})
		c.holders[skeletonOf(c.last)]++
	}
}

func (c *machine) arrive(t *rapid.T, f *modelFolder, uid UID, m modelMessage) {
	if uid != f.next {
		t.Fatalf("UID %d, want %d", uid, f.next)
	}
	f.next++
	f.messages[uid] = m
}

func (c *machine) setFlags(t *rapid.T) {
	f := c.anyFolder(t, "folder")
	uids, flags := c.anyUIDs(t, f), c.anyFlags(t)
	op := FlagOp(rapid.IntRange(0, 2).Draw(t, "op"))
	var change Change
	c.once(t, func(w store.Writer) (err error) {
		change, err = c.book.SetFlags(w, f.id, uids, op, flags)
		return err
	})
	var changed []UID
	for _, u := range uids {
		m, ok := f.messages[u]
		if !ok {
			continue
		}
		was := m.flags
		m.flags = combined(was, op, flags)
		f.messages[u] = m
		if !cmp.Equal(was, m.flags, cmpopts.EquateEmpty(), cmpopts.SortSlices(strings.Compare)) {
			changed = append(changed, u)
		}
	}
	var got []UID
	for _, m := range change.Messages {
		got = append(got, m.UID)
	}
	if !slices.Equal(got, changed) {
		t.Fatalf("flags of %v changed, want %v", got, changed)
	}
}

func combined(was Flags, op FlagOp, f Flags) Flags {
	set := map[string]bool{}
	for _, k := range was.Keywords {
		set[k] = true
	}
	switch op {
	case AddFlags:
		was.System |= f.System
		for _, k := range f.Keywords {
			set[k] = true
		}
	case RemoveFlags:
		was.System &^= f.System
		for _, k := range f.Keywords {
			delete(set, k)
		}
	case ReplaceFlags:
		return f
	}
	was.Keywords = slices.Sorted(maps.Keys(set))
	return was
}

func (c *machine) copy(t *rapid.T) { c.transfer(t, c.book.Copy, false) }
func (c *machine) move(t *rapid.T) { c.transfer(t, c.book.Move, true) }

func (c *machine) transfer(t *rapid.T, act func(store.Writer, FolderID, []UID, FolderID) (Transfer, error), move bool) {
	from, to := c.anyFolder(t, "from"), c.anyFolder(t, "to")
	uids := c.anyUIDs(t, from)
	var tr Transfer
	c.once(t, func(w store.Writer) (err error) {
		tr, err = act(w, from.id, uids, to.id)
		return err
	})
	for _, ref := range tr.Held {
		c.holders[ref]++
	}
	held, before := 0, maps.Clone(from.messages)
	for i, u := range uids {
		m, ok := before[u]
		if !ok {
			if tr.UIDs[i] != 0 {
				t.Fatalf("a message that was not there has UID %d", tr.UIDs[i])
			}
			continue
		}
		held++
		c.arrive(t, to, tr.UIDs[i], m)
		if move {
			delete(from.messages, u)
		}
	}
	if move {
		held = 0
	}
	if len(tr.Held) != held {
		t.Fatalf("%d references are held, want %d", len(tr.Held), held)
	}
}

func (c *machine) expunge(t *rapid.T) {
	f := c.anyFolder(t, "folder")
	uids := c.anyUIDs(t, f)
	if rapid.Bool().Draw(t, "deleted ones") {
		uids = nil
	}
	var freed []string
	var change Change
	c.once(t, func(w store.Writer) (err error) {
		change, freed, err = c.book.Expunge(w, f.id, uids)
		return err
	})
	c.release(freed)
	var gone []UID
	for _, u := range slices.Sorted(maps.Keys(f.messages)) {
		if uids == nil && f.messages[u].flags.System&Deleted != 0 || slices.Contains(uids, u) {
			gone = append(gone, u)
			delete(f.messages, u)
		}
	}
	if !slices.Equal(change.Gone, gone) {
		t.Fatalf("%v are gone, want %v", change.Gone, gone)
	}
}

func (c *machine) release(freed []string) {
	for _, ref := range freed {
		if c.holders[ref]--; c.holders[ref] == 0 {
			delete(c.holders, ref)
		}
	}
}

func (c *machine) foldSome(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "luck") == 0 {
		c.failing.Fail(memstore.UpdateLoses, 1, nil)
	}
	f := c.anyFolder(t, "folder")
	if err := c.book.fold(c.View, c.Update, f.id, uint32(rapid.IntRange(1, 70).Draw(t, "at least"))); err != nil {
		t.Fatal(err)
	}
}

func (c *machine) foldTexts(t *rapid.T) {
	if err := c.book.FoldTexts(c.View, c.Update, c.anyFolder(t, "folder").id, c.read); err != nil {
		t.Fatal(err)
	}
}

func (c *machine) createFolder(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a", "b", "a/x", "b/x"}).Draw(t, "name")
	for _, n := range []string{parentName(name), name} {
		if n == "" || c.folders[n] != nil {
			continue
		}
		var id FolderID
		c.once(t, func(w store.Writer) (err error) { id, err = c.book.Create(w, n); return err })
		c.folders[n] = &modelFolder{id: id, next: 1, messages: map[UID]modelMessage{}}
	}
}

func (c *machine) deleteFolder(t *rapid.T) {
	name := c.anyName(t, "name")
	f := c.folders[name]
	for other := range c.folders {
		if f.id < firstOwnFolder || under(other, name) {
			return
		}
	}
	var freed []string
	c.once(t, func(w store.Writer) (err error) { freed, err = c.book.Delete(w, name); return err })
	c.release(freed)
	delete(c.folders, name)
}

func (c *machine) renameFolder(t *rapid.T) {
	from := c.anyName(t, "from")
	to := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "to")
	f := c.folders[from]
	if c.folders[to] != nil || f.id < firstOwnFolder && f.id != Inbox {
		return
	}
	c.once(t, func(w store.Writer) error { return c.book.Rename(w, from, to) })
	if f.id == Inbox {
		n := &modelFolder{id: c.desk.folder(to).ID, next: 1, messages: map[UID]modelMessage{}}
		for _, u := range slices.Sorted(maps.Keys(f.messages)) {
			n.messages[n.next] = f.messages[u]
			n.next++
		}
		clear(f.messages)
		c.folders[to] = n
		return
	}
	for name, f := range maps.Clone(c.folders) {
		if name == from || under(name, from) {
			delete(c.folders, name)
			c.folders[to+name[len(from):]] = f
		}
	}
}

func (c *machine) rebuild(t *rapid.T) {
	var wrong bool
	c.once(t, func(w store.Writer) (err error) { wrong, err = Rebuild(w); return err })
	if wrong {
		t.Fatal("a counter was wrong")
	}
}

// check compares everything.
func (c *machine) check(t *rapid.T) {
	var size int64
	count := 0
	holders := map[string]int{}
	c.view(func(r store.Reader) error {
		list, err := c.book.Folders(r)
		if err != nil {
			return err
		}
		if len(list) != len(c.folders) {
			t.Fatalf("%d folders, want %d", len(list), len(c.folders))
		}
		for _, f := range list {
			m := c.folders[f.Name]
			if m == nil || m.id != f.ID || m.next != f.UIDNext || len(m.messages) != int(f.Messages) {
				t.Fatalf("folder %+v, want %+v", f, m)
			}
			if f.UIDValidity < c.known[f.Name] {
				t.Fatalf("UIDVALIDITY of %s went from %d to %d", f.Name, c.known[f.Name], f.UIDValidity)
			}
			c.known[f.Name] = f.UIDValidity
			if err := c.checkFolder(t, r, f, m); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
			size += f.Size
			count += len(m.messages)
			for _, msg := range m.messages {
				holders[skeletonOf(msg.n)]++
			}
		}
		bytes, n, err := Usage(r)
		if bytes != size || int(n) != count {
			t.Fatalf("usage is %d bytes and %d messages, want %d and %d", bytes, n, size, count)
		}
		return err
	})
	if diff := cmp.Diff(holders, c.holders); diff != "" {
		t.Fatalf("holders: %s", diff)
	}
}

func (c *machine) checkFolder(t *rapid.T, r store.Reader, f Folder, m *modelFolder) error {
	uids := slices.Sorted(maps.Keys(m.messages))
	var size int64
	unseen := 0
	want := map[UID]Message{}
	for u, msg := range m.messages {
		n := int64(len(mail(msg.n)))
		size += n
		if msg.flags.System&Seen == 0 {
			unseen++
		}
		want[u] = Message{UID: u, Flags: msg.flags, Received: receivedOf(msg.n), Size: n}
	}
	if f.Size != size || int(f.Unseen) != unseen {
		t.Fatalf("%s: %d bytes and %d unseen, want %d and %d", f.Name, f.Size, f.Unseen, size, unseen)
	}
	delta, err := c.book.Changes(r, f.ID, m.cursor)
	if err != nil {
		return err
	}
	if delta.All {
		m.copy = map[UID]Message{}
	}
	if m.copy == nil {
		m.copy = map[UID]Message{}
	}
	for _, msg := range delta.Messages {
		m.copy[msg.UID] = msg
	}
	m.cursor = delta.To
	if diff := cmp.Diff(want, m.copy, cmpopts.EquateEmpty(), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Fatalf("%s: a session's copy: %s", f.Name, diff)
	}
	var seen []UID
	for e, err := range c.book.Entries(r, f.ID, append(slices.Clone(uids), m.next)) {
		if err != nil {
			return err
		}
		if e.Envelope.Subject != subject(m.messages[e.UID].n) || e.Size != want[e.UID].Size || !e.Received.Equal(want[e.UID].Received) {
			t.Fatalf("%s: entry %d is %+v", f.Name, e.UID, e)
		}
		seen = append(seen, e.UID)
	}
	if !slices.Equal(seen, uids) {
		t.Fatalf("%s: entries %v, want %v", f.Name, seen, uids)
	}
	seen = nil
	for tx, err := range c.book.Texts(r, f.ID, uids, false, c.read) {
		if err != nil {
			return err
		}
		if tx.Text != strings.ToLower(bodyText(m.messages[tx.UID].n)) {
			t.Fatalf("%s: text %d is %q", f.Name, tx.UID, tx.Text)
		}
		seen = append(seen, tx.UID)
	}
	if !slices.Equal(seen, uids) {
		t.Fatalf("%s: texts %v, want %v", f.Name, seen, uids)
	}
	return nil
}

func TestAMailboxIsWhatItsModelIs(t *testing.T) {
	o := newOwner(t, "p-one")
	rapid.Check(t, func(t *rapid.T) {
		failing := memstore.NewFailing(memstore.New())
		c := &machine{desk: &desk{tester: t, owner: o, store: failing}, model: newModel(), failing: failing}
		c.update(func(w store.Writer) error { return Create(w, o.part, o.cert, noon) })
		c.reopen()
		t.Repeat(map[string]func(*rapid.T){
			"":          c.check,
			"file":      c.file,
			"set flags": c.setFlags,
			"copy":      c.copy,
			"move":      c.move,
			"expunge":   c.expunge,
			"fold":      c.foldSome,
			"texts":     c.foldTexts,
			"create":    c.createFolder,
			"delete":    c.deleteFolder,
			"rename":    c.renameFolder,
			"rebuild":   c.rebuild,
			"reopen":    func(*rapid.T) { c.reopen() },
		})
		c.update(Erase)
		if rows := c.dump(); len(rows) != 0 {
			t.Fatalf("%d rows are left", len(rows))
		}
	})
}
