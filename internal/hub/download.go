package hub

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// maxDownload bounds the documents of one download.
const maxDownload = 5000

// An OpenedDocument is one document of a download, with its file and, where its
// author sent one, the PDF that shows it.
type OpenedDocument struct {
	DocumentView
	File, Rendition Content // Rendition is nil where there is none
}

// OpenDocuments opens several documents of one record, one after the other and
// in the order of ids. That all of them were opened is in the trail before the
// first is. Any that the actor may not see is fault.NotFound, before any is
// yielded; one that does not open yields its error, and the others follow.
func (h *Hub) OpenDocuments(ctx context.Context, a Actor, recordID string, ids []string) (iter.Seq2[OpenedDocument, error], error) {
	if len(ids) == 0 || len(ids) > maxDownload {
		return nil, fmt.Errorf("hub: download %d documents: %w", len(ids), fault.Invalid)
	}
	part := recordPart(recordID)
	o, err := h.enter(ctx, a, part, policy.ListDocuments, "")
	if err != nil {
		return nil, err
	}
	var docs []vault.Document
	err = h.do(ctx, part, func(t *tx) error {
		docs = docs[:0]
		if o.standing, err = h.standing(t, part, a); err != nil {
			return err
		}
		for _, id := range ids {
			in, own := documentPart(id)
			d, err := h.document(t, in, o.key, own)
			access := o.mayRead(d, a)
			if err == nil && (in != part || !access.Allow) {
				err = fmt.Errorf("hub: document: %w", fault.NotFound)
			}
			if err != nil {
				return err
			}
			docs = append(docs, d)
			if a.Part != part { // whoever looks at somebody else's record is told of by each document
				t.note(reading(a, policy.ReadDocument, &opening{document: d, access: access}))
			}
		}
		t.note(decided(a.did("download-documents", fmt.Sprint(len(ids))), o.access))
		return nil
	})
	if err != nil {
		return nil, err
	}
	owner := o.view(part, o.decide(policy.ListDocuments))
	return func(yield func(OpenedDocument, error) bool) {
		for _, d := range docs {
			v := OpenedDocument{DocumentView: viewDocument(owner, d, o.mayRead(d, a))}
			err := h.view(ctx, part, func(r store.Reader) error {
				file, err := h.read(ctx, r, part, d.Session, d.Entry.Object)
				v.File = fileContent(file)
				if d.Entry.Rendition != "" && err == nil {
					var beside []byte
					beside, err = h.read(ctx, r, part, d.Session, d.Entry.Rendition)
					v.Rendition = fileContent(beside)
				}
				return err
			})
			if !yield(v, err) || errors.Is(err, context.Canceled) {
				return
			}
		}
	}, nil
}
