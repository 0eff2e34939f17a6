package mailbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A table is the row mb/folders: every folder with its name. What is counted
// in a folder is in its state.
type table struct {
	nextID   FolderID
	validity uint32  // the last UIDVALIDITY given in this mailbox
	folders  []entry // by name
}

type entry struct {
	id         FolderID
	name       string
	subscribed bool
	shelf      bool // of the vault
	noSelect   bool // a level only; it has no state
}

const (
	subscribedBit = 1 << iota
	shelfBit
	noSelectBit
)

func (e entry) bits() (b byte) {
	if e.subscribed {
		b |= subscribedBit
	}
	if e.shelf {
		b |= shelfBit
	}
	if e.noSelect {
		b |= noSelectBit
	}
	return b
}

func (t *table) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(t.nextID))
	b = binary.AppendUvarint(b, uint64(t.validity))
	b = binary.AppendUvarint(b, uint64(len(t.folders)))
	for _, e := range t.folders {
		b = append(binary.AppendUvarint(b, uint64(e.id)), e.bits())
		b = appendBytes(b, e.name)
	}
	return b
}

func parseTable(b []byte) (*table, error) {
	d := decoder{b: b}
	t := &table{nextID: FolderID(d.uint32()), validity: d.uint32()}
	for range d.count(3) {
		e := entry{id: FolderID(d.uint32())}
		bits := d.byte()
		e.subscribed, e.shelf, e.noSelect = bits&subscribedBit != 0, bits&shelfBit != 0, bits&noSelectBit != 0
		e.name = d.string()
		t.folders = append(t.folders, e)
	}
	return t, d.end("folders")
}

func (t *table) sort() {
	slices.SortFunc(t.folders, func(a, b entry) int { return strings.Compare(a.name, b.name) })
}

// find returns the folder of that name, nil if there is none.
func (t *table) find(name string) *entry {
	for i := range t.folders {
		if t.folders[i].name == name {
			return &t.folders[i]
		}
	}
	return nil
}

func (t *table) hasChildren(name string) bool {
	return slices.ContainsFunc(t.folders, func(e entry) bool { return under(e.name, name) })
}

func (b *Book) table(r store.Reader) (*table, error) {
	plain, err := b.open(r, foldersKey)
	if err != nil {
		return nil, err
	}
	if plain == nil {
		return nil, corrupt("folders are missing")
	}
	return parseTable(plain)
}

func (b *Book) putTable(w store.Writer, t *table) {
	t.sort()
	b.seal(w, foldersKey, t.append(nil))
}

// add adds a folder of that name and the levels above it that are missing.
// What makes a level selectable again is a new folder.
func (t *table) add(w store.Writer, e entry) (FolderID, error) {
	if parent := parentName(e.name); parent != "" && t.find(parent) == nil {
		above := entry{name: parent, subscribed: e.subscribed, shelf: e.shelf, noSelect: e.shelf}
		if _, err := t.add(w, above); err != nil {
			return 0, err
		}
	}
	if len(t.folders) >= maxFolder {
		return 0, fmt.Errorf("mailbox: folders: %w", fault.TooLarge)
	}
	e.id = t.nextID
	t.nextID++
	if !e.noSelect {
		t.validity++
		newState(e.id, t.validity, e.shelf).write(w)
	}
	if was := t.find(e.name); was != nil {
		e.subscribed = e.subscribed || was.subscribed
		*was = e
	} else {
		t.folders = append(t.folders, e)
	}
	return e.id, nil
}

// Folders returns all folders, sorted by name.
func (b *Book) Folders(r store.Reader) ([]Folder, error) {
	t, err := b.table(r)
	if err != nil {
		return nil, err
	}
	states, err := readStates(r)
	if err != nil {
		return nil, err
	}
	out := make([]Folder, 0, len(t.folders))
	for _, e := range t.folders {
		st := states[e.id]
		if st == nil && !e.noSelect {
			return nil, corrupt("state is missing")
		}
		out = append(out, e.folder(st))
	}
	return out, nil
}

func (e entry) folder(st *state) Folder {
	f := Folder{ID: e.id, Name: e.name, ReadOnly: e.shelf, NoSelect: e.noSelect, Subscribed: e.subscribed}
	if st != nil {
		f.UIDValidity, f.UIDNext, f.Messages, f.Unseen, f.Size = st.validity, st.next, st.messages, st.unseen, st.size
	}
	return f
}

// readStates returns the states of all folders.
func readStates(r store.Reader) (map[FolderID]*state, error) {
	states := map[FolderID]*state{}
	from, to := store.Prefix(statePrefix)
	for p, err := range r.Scan(from, to) {
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(p.Key[len(statePrefix):], 16, 32)
		if err != nil {
			return nil, corrupt("key")
		}
		id := FolderID(n)
		if states[id], err = parseState(id, p.Value); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// Folder returns the folder of that name, or fault.NotFound.
func (b *Book) Folder(r store.Reader, name string) (Folder, error) {
	t, err := b.table(r)
	if err != nil {
		return Folder{}, err
	}
	e, err := t.named(name)
	if err != nil {
		return Folder{}, err
	}
	if e.noSelect {
		return e.folder(nil), nil
	}
	st, err := readState(r, e.id)
	if err != nil {
		return Folder{}, err
	}
	return e.folder(st), nil
}

// named returns the folder a client means by name. A name that no folder can
// have is fault.NotFound too.
func (t *table) named(name string) (*entry, error) {
	if canonical, err := canonicalName(name); err == nil {
		if e := t.find(canonical); e != nil {
			return e, nil
		}
	}
	return nil, fmt.Errorf("mailbox: folder: %w", fault.NotFound)
}

// Create makes a folder, and the levels above it that are missing (RFC 9051
// §6.3.4). fault.Invalid: no name for a folder. fault.Exists: there is one.
// fault.Denied: among the vault's shelves. fault.TooLarge: too many.
func (b *Book) Create(w store.Writer, name string) (FolderID, error) {
	t, err := b.table(w)
	if err != nil {
		return 0, err
	}
	name, err = t.free(name)
	if err != nil {
		return 0, fmt.Errorf("mailbox: create: %w", err)
	}
	id, err := t.add(w, entry{name: name})
	if err != nil {
		return 0, err
	}
	b.putTable(w, t)
	return id, nil
}

// free returns the canonical form of a name that the owner may give a folder.
func (t *table) free(name string) (string, error) {
	name, err := canonicalName(name)
	if err != nil {
		return "", err
	}
	if ofVault(name) {
		return "", fault.Denied
	}
	if e := t.find(name); e != nil && !e.noSelect {
		return "", fault.Exists
	}
	return name, nil
}

// EnsureShelf makes sure that a read-only folder of the vault exists, and
// returns it: "Documents/…". It writes only if it was missing.
func (b *Book) EnsureShelf(w store.Writer, name string) (FolderID, error) {
	t, err := b.table(w)
	if err != nil {
		return 0, err
	}
	if name, err = canonicalName(name); err != nil || !under(name, ShelfRoot) {
		return 0, fmt.Errorf("mailbox: shelf: %w", fault.Invalid)
	}
	if e := t.find(name); e != nil && !e.noSelect {
		return e.id, nil
	}
	id, err := t.add(w, entry{name: name, subscribed: true, shelf: true})
	if err != nil {
		return 0, err
	}
	b.putTable(w, t)
	return id, nil
}

// Subscribe sets or clears the subscription of a folder.
func (b *Book) Subscribe(w store.Writer, name string, on bool) error {
	t, err := b.table(w)
	if err != nil {
		return err
	}
	e, err := t.named(name)
	if err != nil {
		return err
	}
	if e.subscribed != on {
		e.subscribed = on
		b.putTable(w, t)
	}
	return nil
}

// Delete deletes a folder with its messages, and returns the references they
// held. A folder that has others below it stays as a level that holds no
// messages (RFC 9051 §6.3.5). fault.Denied: a well-known folder, a shelf, or a
// mere level with folders below.
func (b *Book) Delete(w store.Writer, name string) (freed []string, err error) {
	t, err := b.table(w)
	if err != nil {
		return nil, err
	}
	e, err := t.named(name)
	if err != nil {
		return nil, err
	}
	children := t.hasChildren(e.name)
	if e.id < firstOwnFolder || e.shelf || e.noSelect && children {
		return nil, fmt.Errorf("mailbox: delete: %w", fault.Denied)
	}
	if !e.noSelect {
		if freed, err = b.empty(w, e.id); err != nil {
			return nil, err
		}
		w.Delete(stateKey(e.id))
	}
	if children {
		e.noSelect = true
	} else {
		id := e.id
		t.folders = slices.DeleteFunc(t.folders, func(o entry) bool { return o.id == id })
	}
	b.putTable(w, t)
	return freed, nil
}

// empty deletes the rows of every message of a folder, and returns the
// references they held.
func (b *Book) empty(w store.Writer, id FolderID) (freed []string, err error) {
	st, err := readState(w, id)
	if err != nil {
		return nil, err
	}
	ms, err := rows(w, id, nil)
	if err != nil {
		return nil, err
	}
	err = b.records(w, st, ms, func(_ row, rec *record) error {
		refs, err := rec.refs()
		freed = append(freed, refs...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{flagsKind, apartKind, blockKind, textsKind, longKind} {
		if err := fact.Erase(w, folderPrefix(kind, id)); err != nil {
			return nil, err
		}
	}
	return freed, nil
}

// Rename gives a folder, and all below it, another name; the levels above it
// that are missing are made (RFC 9051 §6.3.6). To rename INBOX is to move its
// messages to a new folder: INBOX stays, and what is below it.
//
// A folder gets a new UIDVALIDITY with its new name, so that no name ever shows
// one again, or one below what it showed.
func (b *Book) Rename(w store.Writer, from, to string) error {
	t, err := b.table(w)
	if err != nil {
		return err
	}
	e, err := t.named(from)
	if err != nil {
		return err
	}
	if to, err = t.free(to); err != nil {
		return fmt.Errorf("mailbox: rename: %w", err)
	}
	switch {
	case e.id == Inbox:
		return b.renameInbox(w, t, to)
	case e.id < firstOwnFolder || e.shelf:
		return fmt.Errorf("mailbox: rename: %w", fault.Denied)
	case to == e.name || under(to, e.name):
		return fmt.Errorf("mailbox: rename: below itself: %w", fault.Invalid)
	case t.find(to) != nil: // a level that holds no messages
		return fmt.Errorf("mailbox: rename: %w", fault.Exists)
	}
	old := e.name
	if parent := parentName(to); parent != "" && t.find(parent) == nil {
		if _, err := t.add(w, entry{name: parent}); err != nil {
			return err
		}
	}
	for i := range t.folders {
		e := &t.folders[i]
		if e.name != old && !under(e.name, old) {
			continue
		}
		// A name within its limits is moved, even if a deeper one then
		// exceeds them: refuse that.
		if e.name, err = canonicalName(to + e.name[len(old):]); err != nil {
			return fmt.Errorf("mailbox: rename: %w", err)
		}
		if err := t.revalidate(w, e); err != nil {
			return err
		}
	}
	b.putTable(w, t)
	return nil
}

func (t *table) revalidate(w store.Writer, e *entry) error {
	if e.noSelect {
		return nil
	}
	st, err := readState(w, e.id)
	if errors.Is(err, fault.NotFound) {
		return corrupt("state is missing")
	}
	if err != nil {
		return err
	}
	t.validity++
	st.validity = t.validity
	st.write(w)
	return nil
}

func (b *Book) renameInbox(w store.Writer, t *table, to string) error {
	id, err := t.add(w, entry{name: to})
	if err != nil {
		return err
	}
	b.putTable(w, t)
	ms, err := rows(w, Inbox, nil)
	if err != nil || len(ms) == 0 {
		return err
	}
	uids := make([]UID, len(ms))
	for i, m := range ms {
		uids[i] = m.uid
	}
	_, err = b.Move(w, Inbox, uids, id)
	return err
}
