package hub

import (
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// documents returns the documents of a record as they are now, in order of
// arrival, with the owner's key. It decides nothing. One that does not open
// keeps nobody from the others: verify finds it.
func (h *Hub) documents(r store.Reader, part store.Part, key *ownerKey) ([]vault.Document, error) {
	docs, damaged, err := h.docs.Documents(r, h.scope(part), key)
	if len(damaged) > 0 {
		h.Log.Error("documents do not open", "number", len(damaged))
	}
	return docs, err
}

// document returns one of them by its own ID; fault.NotFound if there is none.
func (h *Hub) document(r store.Reader, part store.Part, key *ownerKey, id string) (vault.Document, error) {
	return h.docs.Get(r, h.scope(part), key, id)
}
