package hub

import (
	"context"
	"slices"
	"strings"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// maxSearchWords bounds the words of one search.
const maxSearchWords = 10

// SearchDocuments lists those documents of a record, as Cabinet does, that have
// every word that is asked for: in what is said of them, or in their text, where
// they have one and their owner sees it. It goes into the trail first, without
// the words.
func (h *Hub) SearchDocuments(ctx context.Context, a Actor, recordID, words string) (Cabinet, error) {
	c, err := h.Cabinet(ctx, a, recordID)
	if err != nil {
		return c, err
	}
	part := recordPart(recordID)
	if err := h.note(ctx, part, decided(a.did("search-documents", ""), policy.Decision{Allow: true, Rule: c.Patient.Access.Rule})); err != nil {
		return Cabinet{}, err
	}
	asked := strings.Fields(message.Fold(words))
	asked = asked[:min(len(asked), maxSearchWords)]
	if len(asked) == 0 {
		c.Documents = nil
		return c, nil
	}
	inText, err := h.searchTexts(ctx, part, asked)
	if err != nil {
		return Cabinet{}, err
	}
	c.Documents = slices.DeleteFunc(c.Documents, func(d CabinetDocument) bool {
		_, own := documentPart(d.ID)
		return (inText[own] | wordsIn(saidOf(d.Entry), asked)) != 1<<len(asked)-1
	})
	return c, nil
}

// A wordSet says which of the words of a search were found.
type wordSet uint16

func wordsIn(text string, words []string) (s wordSet) {
	for i, w := range words {
		if strings.Contains(text, w) {
			s |= 1 << i
		}
	}
	return s
}

// saidOf is what is said of a document, folded for a search.
func saidOf(e vault.Entry) string {
	kind, _ := cda.TypeByCode(e.TypeCode)
	return message.Fold(strings.Join([]string{e.Title, e.Comments, e.FileName, kind.Label, kind.Shelf.French, kind.Shelf.English, kind.Class.French,
		e.Author.Name, e.Author.Specialty, e.Author.Organisation, e.Authenticator.Name, e.Authenticator.Organisation,
		e.PracticeSetting.Display, e.Facility.Display, e.Set.Title}, "\n"))
}

// searchTexts says which words are in the texts of the documents that the owner of
// a record sees on the shelves of their mailbox, by the ID of the document. Who
// may read which is the caller's to decide.
func (h *Hub) searchTexts(ctx context.Context, part store.Part, words []string) (map[string]wordSet, error) {
	b, err := h.take(ctx, part)
	if err != nil {
		return nil, err
	}
	defer h.give(part, b)
	m := &Mailbox{h: h, actor: Actor{Part: part, Role: policy.Patient}, book: b}
	if err := m.shelve(ctx); err != nil {
		return nil, err
	}
	var folders []mailbox.Folder
	err = m.view(ctx, func(r store.Reader) error {
		folders, err = b.Folders(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	found := map[string]wordSet{}
	for _, f := range folders {
		if !f.ReadOnly || f.NoSelect {
			continue
		}
		if err := m.searchShelf(ctx, f.ID, words, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// searchShelf adds what is found on one shelf to what is on the others.
func (m *Mailbox) searchShelf(ctx context.Context, f mailbox.FolderID, words []string, found map[string]wordSet) error {
	view, update := m.transactions(ctx)
	if err := m.book.Fold(view, update, f); err != nil {
		return err
	}
	if err := m.book.FoldTexts(view, update, f, m.readText(ctx, view)); err != nil {
		return err
	}
	return m.view(ctx, func(r store.Reader) error {
		ids, uids := map[mailbox.UID]string{}, []mailbox.UID(nil)
		for n, err := range m.book.IDs(r, f) {
			if err != nil {
				return err
			}
			uids = append(uids, n.UID)
		}
		for e, err := range m.book.Entries(r, f, uids) {
			if err == nil {
				ids[e.UID], _, _ = strings.Cut(e.Envelope.MessageID, "@")
			}
		}
		within := func(fn func(store.Reader) error) error { return fn(r) }
		for t, err := range m.book.Texts(r, f, uids, false, m.readText(ctx, within)) {
			if err == nil { // one that does not open hides no other
				found[ids[t.UID]] |= wordsIn(t.Text, words)
			}
		}
		return nil
	})
}
