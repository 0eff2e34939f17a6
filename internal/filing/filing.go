// Package filing is the record of how the people of a space keep its documents
// in order: folders of their own, what is pinned, what somebody has opened.
//
// The name of a folder says something of somebody's health, so that all of it
// is one value, sealed to the owner. It decides nothing, and names documents
// without knowing whether they are there.
//
// Its keys begin with "filing/":
//
//	filing/cabinet  all of it, sealed to the owner
package filing

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Cabinet is how the documents of one space are kept. Documents are named by
// what they keep through their versions, but in Opened, where each is itself.
type Cabinet struct {
	Folders []Folder             `json:",omitempty"` // in the order of their names
	In      map[string]string    `json:",omitempty"` // the folder of a document, by its ID
	Pinned  []string             `json:",omitempty"` // the latest first
	Opened  map[string]time.Time `json:",omitempty"` // when a document was first opened, of those that are new

	session *keyring.Session
	wraps   []byte
}

// A Folder is one that the people of the space have made (mes dossiers).
type Folder struct{ ID, Name string }

// Bounds of a cabinet.
const (
	MaxName   = 50 // characters
	maxFolder = 100
	maxPinned = 100
	maxFiled  = 10_000
	newness   = 30 * 24 * time.Hour
)

const (
	key     = "filing/cabinet"
	version = 1
)

func context(part store.Part) string { return string(part) + "/" + key }

// Load opens the cabinet of a space; an empty one if nothing was put in order.
func Load(r store.Reader, part store.Part, owner keyring.Opener) (c Cabinet, err error) {
	value, err := r.Get(key)
	if err != nil || value == nil {
		return c, err
	}
	wraps, sealed, err := split(value)
	if err != nil {
		return c, err
	}
	session, err := owner.Open(wraps)
	if err != nil {
		return c, fmt.Errorf("filing: %w", err)
	}
	text, err := session.OpenValue(nil, sealed, context(part))
	if err != nil {
		return c, fmt.Errorf("filing: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return Cabinet{}, fmt.Errorf("filing: %w", fault.Corrupt)
	}
	c.session, c.wraps = session, wraps
	return c, nil
}

// Save writes a cabinet that was loaded in the same transaction.
func (c Cabinet) Save(w store.Writer, part store.Part, owner *keyring.Cert) (err error) {
	if c.session == nil {
		if c.session, c.wraps, err = keyring.NewSession(owner); err != nil {
			return fmt.Errorf("filing: %w", err)
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("filing: %w", err)
	}
	w.Put(key, c.session.SealValue(head(c.wraps), text, context(part)))
	return nil
}

// head begins a value.
func head(wraps []byte) []byte {
	return append(binary.AppendUvarint([]byte{version}, uint64(len(wraps))), wraps...)
}

// split takes a value apart.
func split(value []byte) (wraps, sealed []byte, err error) {
	if len(value) == 0 || value[0] != version {
		return nil, nil, fmt.Errorf("filing: of an unknown version: %w", fault.Corrupt)
	}
	n, k := binary.Uvarint(value[1:])
	if k <= 0 || n > uint64(len(value)-1-k) {
		return nil, nil, fmt.Errorf("filing: wraps: %w", fault.Corrupt)
	}
	rest := value[1+k:]
	return rest[:n], rest[n:], nil
}

// Wraps returns the wraps of the cabinet, for an owner whose key is changed. ok
// is false if there is none.
func Wraps(r store.Reader) (w keyring.Wrapped, ok bool, err error) {
	value, err := r.Get(key)
	if err != nil || value == nil {
		return w, false, err
	}
	wraps, _, err := split(value)
	return keyring.Wrapped{Key: key, Wraps: wraps}, err == nil, err
}

// Rewrap replaces the wraps of the cabinet by others of the same session. It
// changes nothing where they are no longer what was read.
func Rewrap(w store.Writer, read keyring.Wrapped, wraps []byte) error {
	value, err := w.Get(key)
	if err != nil || value == nil {
		return err
	}
	now, sealed, err := split(value)
	if err != nil || !bytes.Equal(now, read.Wraps) {
		return err
	}
	w.Put(key, append(head(wraps), sealed...))
	return nil
}

// Erase removes the cabinet.
func Erase(w store.Writer) error { return fact.Erase(w, "filing/") }

// ParseName returns the name of a folder as it is kept: one line that can be
// shown. Anything else is fault.Invalid.
func ParseName(s string) (string, error) {
	s = strings.Join(strings.Fields(s), " ")
	odd := func(c rune) bool { return !unicode.IsPrint(c) }
	if n := utf8.RuneCountInString(s); n == 0 || n > MaxName || !utf8.ValidString(s) || strings.ContainsFunc(s, odd) {
		return "", fmt.Errorf("filing: a name has 1 to %d printable characters: %w", MaxName, fault.Invalid)
	}
	return s, nil
}

// Folder returns the folder of that ID.
func (c *Cabinet) Folder(id string) (Folder, bool) {
	i := c.index(id)
	if i < 0 {
		return Folder{}, false
	}
	return c.Folders[i], true
}

func (c *Cabinet) index(id string) int {
	return slices.IndexFunc(c.Folders, func(f Folder) bool { return f.ID == id })
}

// Name gives a folder its name; a new one that ID. A name that is none is
// fault.Invalid, one that another folder has fault.Exists, one folder too many
// fault.Quota.
func (c *Cabinet) Name(id, name string) error {
	name, err := ParseName(name)
	if err != nil {
		return err
	}
	folded := message.Fold(name)
	for _, f := range c.Folders {
		if f.ID != id && message.Fold(f.Name) == folded {
			return fmt.Errorf("filing: a folder has that name: %w", fault.Exists)
		}
	}
	switch i := c.index(id); {
	case i >= 0:
		c.Folders[i].Name = name
	case len(c.Folders) == maxFolder:
		return fmt.Errorf("filing: %d folders: %w", maxFolder, fault.Quota)
	default:
		c.Folders = append(c.Folders, Folder{id, name})
	}
	slices.SortFunc(c.Folders, func(a, b Folder) int { return strings.Compare(message.Fold(a.Name), message.Fold(b.Name)) })
	return nil
}

// Remove removes a folder. The documents in it are in none, and otherwise as
// they were. One that is not there is fault.NotFound.
func (c *Cabinet) Remove(id string) error {
	i := c.index(id)
	if i < 0 {
		return fmt.Errorf("filing: folder: %w", fault.NotFound)
	}
	c.Folders = slices.Delete(c.Folders, i, i+1)
	for document, folder := range c.In {
		if folder == id {
			delete(c.In, document)
		}
	}
	return nil
}

// Put puts a document into a folder, out of any other; "" is none.
func (c *Cabinet) Put(document, folder string) error {
	switch _, there := c.Folder(folder); {
	case folder == "":
		delete(c.In, document)
		return nil
	case !there:
		return fmt.Errorf("filing: folder: %w", fault.NotFound)
	case len(c.In) >= maxFiled:
		return fmt.Errorf("filing: %d documents in folders: %w", maxFiled, fault.Quota)
	}
	if c.In == nil {
		c.In = map[string]string{}
	}
	c.In[document] = folder
	return nil
}

// Pin pins a document, or takes the pin away. One too many is fault.Quota.
func (c *Cabinet) Pin(document string, pinned bool) error {
	c.Pinned = slices.DeleteFunc(c.Pinned, func(id string) bool { return id == document })
	if !pinned {
		return nil
	}
	if len(c.Pinned) == maxPinned {
		return fmt.Errorf("filing: %d documents are pinned: %w", maxPinned, fault.Quota)
	}
	c.Pinned = slices.Insert(c.Pinned, 0, document)
	return nil
}

// New reports whether a document that came at a time is new: it came lately,
// and nobody has opened it.
func (c *Cabinet) New(document string, came, now time.Time) bool {
	_, opened := c.Opened[document]
	return !opened && now.Sub(came) < newness
}

// Open says that a document was opened. It forgets those that would no longer
// be new.
func (c *Cabinet) Open(document string, came, now time.Time) {
	for id, at := range c.Opened {
		if now.Sub(at) >= newness {
			delete(c.Opened, id)
		}
	}
	if !c.New(document, came, now) {
		return
	}
	if c.Opened == nil {
		c.Opened = map[string]time.Time{}
	}
	c.Opened[document] = came
}
