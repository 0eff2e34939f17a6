package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// Documents lists what an actor may see of a record, in order of arrival. What
// they may not see is not in it, and nothing tells how much that is. The trail
// is durable before anything is read. Replaced and archived documents are
// flagged, and for the caller to leave out. A professional who may not see the
// record gets what they filed there themselves; whoever has nothing to see gets
// fault.NotFound, as for a record that does not exist.
func (h *Hub) Documents(ctx context.Context, a Actor, recordID string) ([]DocumentView, error) {
	o, err := h.enter(ctx, a, recordPart(recordID), policy.ListDocuments, "")
	if err != nil {
		return nil, err
	}
	var list []DocumentView
	err = h.view(ctx, o.part, func(r store.Reader) error {
		list = list[:0]
		if o.standing, err = h.standing(r, o.part, a); err != nil {
			return err
		}
		v := o.view(o.part, o.decide(policy.ListDocuments))
		docs, err := h.documents(r, o.part, o.key)
		for _, d := range docs {
			if access := o.mayRead(d, a); access.Allow {
				list = append(list, viewDocument(v, d, access))
			}
		}
		if err == nil && !v.Access.Allow && len(list) == 0 { // there was, a moment ago
			err = fmt.Errorf("hub: documents: %w", fault.NotFound)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Document tells what is said of one document. It goes into the trail first.
// One that the actor may not see is fault.NotFound.
func (h *Hub) Document(ctx context.Context, a Actor, id string) (DocumentView, error) {
	v, _, err := h.openDocument(ctx, a, id, nothing)
	return v, err
}

// OpenDocument opens the file of one document. It goes into the trail first.
// One that the actor may not see is fault.NotFound.
func (h *Hub) OpenDocument(ctx context.Context, a Actor, id string) (DocumentView, Content, error) {
	return h.openDocument(ctx, a, id, original)
}

// OpenRendition opens the PDF that shows a document to people, where its author
// sent one beside it; fault.NotFound if not.
func (h *Hub) OpenRendition(ctx context.Context, a Actor, id string) (DocumentView, Content, error) {
	return h.openDocument(ctx, a, id, rendition)
}

// which file of a document
type which int

const (
	nothing which = iota
	original
	rendition
)

func (h *Hub) openDocument(ctx context.Context, a Actor, id string, file which) (v DocumentView, c Content, err error) {
	part, own := documentPart(id)
	o, err := h.enter(ctx, a, part, policy.ReadDocument, own)
	if err != nil {
		return v, nil, err
	}
	var ref vault.Ref
	switch file {
	case original:
		ref = o.document.Entry.Object
	case rendition:
		if ref = o.document.Entry.Rendition; ref == "" {
			return v, nil, fmt.Errorf("hub: rendition: %w", fault.NotFound)
		}
	}
	v = viewDocument(o.view(part, o.decide(policy.ListDocuments)), o.document, o.access)
	if ref == "" {
		return v, nil, nil
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		b, err := h.read(ctx, r, part, o.document.Session, ref)
		c = fileContent(b)
		return err
	})
	if err != nil {
		return DocumentView{}, nil, err
	}
	return v, c, nil
}

// documentPart takes the ID of a document apart.
func documentPart(id string) (part store.Part, own string) {
	record, own, _ := strings.Cut(id, ".")
	return recordPart(record), own
}

// An opening is a record, or one document of it, that was opened to an actor:
// decided, and in the trail.
type opening struct {
	standing
	h        *Hub
	part     store.Part
	key      *ownerKey
	document vault.Document
	access   policy.Decision
}

// enter decides whether an actor may list a record, or read the document own of
// it, and writes the trail of that, whichever it is. The refusals of both are
// alike.
func (h *Hub) enter(ctx context.Context, a Actor, part store.Part, act policy.Act, own string) (*opening, error) {
	o := &opening{h: h, part: part}
	if err := h.throttleSender(a, 0, 0); err != nil {
		return nil, err
	}
	f, d, err := h.stand(ctx, a, part, policy.ListDocuments)
	if err != nil {
		return nil, err
	}
	o.standing, o.access = f, d
	// Whoever might have filed something there costs as much, whether they did or
	// not. A sealed hub does not know what they filed.
	mayBeAuthor := a.Role == policy.Professional && f.space.State == policy.Active && (act == policy.ReadDocument || !h.Sealed())
	if !d.Allow && !mayBeAuthor {
		return nil, h.refused(ctx, part, a.entry(act, own), a, d)
	}
	if d.Allow {
		if err := h.countRecord(ctx, a, part); err != nil {
			return nil, err
		}
	}
	if o.key, err = h.linger(ctx, part); err != nil {
		return nil, err
	}
	switch {
	case act == policy.ReadDocument:
		err = o.find(ctx, a, own)
	case !d.Allow:
		err = o.findOwn(ctx, a)
	}
	if err != nil {
		return nil, err
	}
	if err := h.traceReading(ctx, a, part, act, o); err != nil {
		return nil, err
	}
	return o, nil
}

// find finds the document that is asked for, and decides on it: its author may
// read it who may not see the record.
func (o *opening) find(ctx context.Context, a Actor, own string) error {
	h := o.h
	err := h.view(ctx, o.part, func(r store.Reader) (err error) {
		if o.standing, err = h.standing(r, o.part, a); err != nil {
			return err
		}
		o.document, err = h.document(r, o.part, o.key, own)
		return err
	})
	switch {
	case errors.Is(err, fault.NotFound): // by that name; it may still be that the actor sees nothing at all
		o.access = o.decide(policy.ListDocuments)
		if o.access.Allow {
			return fmt.Errorf("hub: document: %w", fault.NotFound)
		}
	case err != nil:
		return err
	default:
		o.access = o.mayRead(o.document, a)
	}
	if !o.access.Allow {
		return h.refused(ctx, o.part, a.entry(policy.ReadDocument, own), a, o.access)
	}
	return nil
}

// findOwn finds, for one who may not see the record, whether there is a document
// in it that they may: what they filed themselves.
func (o *opening) findOwn(ctx context.Context, a Actor) error {
	h := o.h
	err := h.view(ctx, o.part, func(r store.Reader) (err error) {
		if o.standing, err = h.standing(r, o.part, a); err != nil {
			return err
		}
		o.access = o.decide(policy.ListDocuments)
		docs, err := h.documents(r, o.part, o.key)
		for _, d := range docs {
			if access := o.mayRead(d, a); access.Allow && !o.access.Allow {
				o.access = access
			}
		}
		return err
	})
	if err == nil && !o.access.Allow {
		err = h.refused(ctx, o.part, a.entry(policy.ListDocuments, ""), a, o.access)
	}
	return err
}

// mayRead decides whether an actor may read a document. Where the patient does
// not show the history of care, it counts as masked.
func (f standing) mayRead(d vault.Document, a Actor) policy.Decision {
	f.request.Act = policy.ReadDocument
	f.request.Document = documentFacts(d, a)
	if f.choices.HideHistory && d.Entry.Class == patient.HistoryClass {
		f.request.Document.Masked = true
	}
	return policy.Decide(f.request)
}

// oneReading is within which time a page of the portal and the file that it shows
// are one reading.
const oneReading = 5 * time.Minute

// traceReading writes into the trail that a record, or a document of it, is
// read: by its owner once a session, by others each time, where what a page takes
// together counts once. A professional's first access is told to the patient.
func (h *Hub) traceReading(ctx context.Context, a Actor, part store.Part, act policy.Act, o *opening) error {
	note := func() error {
		return h.commit(ctx, part, func(t *tx) error {
			t.note(reading(a, act, o))
			if a.Role != policy.Professional {
				return nil
			}
			return h.firstAccess(t, a)
		})
	}
	switch {
	case a.Part == part:
		return h.once(a, part, act.String(), note)
	case a.Web:
		within := strings.Join([]string{act.String(), o.document.ID, o.access.Rule, h.Now().Truncate(oneReading).String()}, " ")
		return h.once(a, part, within, note)
	}
	return note()
}

// reading makes the trail entry of reading.
func reading(a Actor, act policy.Act, o *opening) audit.Entry {
	e := decided(a.entry(act, o.document.ID), o.access)
	e.Emergency = strings.HasPrefix(o.access.Rule, "emergency/")
	return e
}

// firstAccess notes when a professional first saw the record.
func (h *Hub) firstAccess(t *tx, a Actor) error {
	n, err := patient.With(t, t.Scope, a.who())
	if err != nil || !n.FirstAccess.IsZero() {
		return err
	}
	describe(&n, a.describe())
	n.FirstAccess = t.now
	if err := patient.SetRelation(t, t.Scope, n, t.now); err != nil {
		return err
	}
	return h.tellPatient(t, patient.OfFirstAccess)
}

func viewDocument(v PatientView, d vault.Document, access policy.Decision) DocumentView {
	return DocumentView{ID: v.ID + "." + d.ID, Patient: v, Entry: d.Entry, Flags: d.Flags, Access: access}
}

// fileContent is a file that was opened.
type fileContent []byte

// Size returns its length.
func (c fileContent) Size() int64 { return int64(len(c)) }

// ReadRange writes a range of it.
func (c fileContent) ReadRange(w io.Writer, off, n int64) error {
	if off < 0 || n < 0 || off > c.Size() || n > c.Size()-off {
		return fmt.Errorf("hub: range of a document: %w", fault.Invalid)
	}
	_, err := w.Write(c[off : off+n])
	return err
}

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
