package mailbox

import (
	"bytes"
	"errors"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// Wraps returns the wraps of the mailbox key, for an owner whose key is changed.
// With FoldAll there are no others. ok is false if there is no mailbox.
func Wraps(r store.Reader) (w keyring.Wrapped, ok bool, err error) {
	value, err := r.Get(keyKey)
	if err != nil || value == nil {
		return w, false, err
	}
	wraps, err := unversioned(value, "key")
	return keyring.Wrapped{Key: keyKey, Wraps: wraps}, err == nil, err
}

// Rewrap replaces the wraps of the mailbox key by others of the same session. It
// changes nothing where they are no longer what was read.
func Rewrap(w store.Writer, read keyring.Wrapped, wraps []byte) error {
	now, ok, err := Wraps(w)
	if err != nil || !ok || !bytes.Equal(now.Wraps, read.Wraps) {
		return err
	}
	w.Put(keyKey, append([]byte{version}, wraps...))
	return nil
}

// FoldAll folds every new entry of every folder, however few they are: what is
// folded is under the mailbox key alone.
func (b *Book) FoldAll(view View, update Update) error {
	var states map[FolderID]*state
	err := view(func(r store.Reader) (err error) {
		states, err = readStates(r)
		return err
	})
	if err != nil {
		return err
	}
	for folder := range states {
		if err := b.fold(view, update, folder, 1); err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// Fresh reports whether a mailbox has entries that are not folded yet.
func Fresh(r store.Reader) (bool, error) {
	states, err := readStates(r)
	for _, st := range states {
		if st.fresh > 0 {
			return true, err
		}
	}
	return false, err
}
