package vault

import (
	"strings"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

// A Shown is where a shelf shows a document, and as what. The zero Shown is
// nowhere.
type Shown struct {
	Folder, UID uint32
	Doubtful    bool `json:",omitempty"` // with the warning that its identity is to be verified
	Archived    bool `json:",omitempty"` // among what was put away
}

// ShownAt returns where a document is shown. ok is false if that was never
// said: no shelf shows it, or one does that was filled before they said so.
func ShownAt(r store.Reader, s fact.Scope, id string) (v Shown, ok bool, err error) {
	return fact.Get[Shown](r, s, "doc/v/"+id)
}

// SetShown says where a document is shown.
func SetShown(w store.Writer, s fact.Scope, id string, v Shown) error {
	return fact.Put(w, s, "doc/v/"+id, v)
}

// follow asks for the shelf to follow what became of a document.
func follow(w store.Writer, id string) { w.Put("doc/c/"+id, []byte{version}) }

// Followed says that the shelf has followed.
func Followed(w store.Writer, id string) { w.Delete("doc/c/" + id) }

// ToFollow lists at most n documents of which something became since their
// shelf was last looked at.
func ToFollow(r store.Reader, n int) (ids []string, err error) {
	for p, err := range r.Scan(store.Prefix("doc/c/")) {
		if err != nil {
			return nil, err
		}
		if ids = append(ids, strings.TrimPrefix(p.Key, "doc/c/")); len(ids) == n {
			break
		}
	}
	return ids, nil
}
