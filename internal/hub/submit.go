package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vaguemestre/internal/document"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// maxSubmissions bounds the documents of one call.
const maxSubmissions = 100

// AddDocuments adds documents to a record: all of them, durably and in the
// trail, or none. One whose uniqueId is there with the same bytes is not added
// again; its view is that of the document there is. It opens nothing but those.
//
// A *Refusal says what is to be mended; its Code is 902 for a patient who is not
// known or must not be, and 900 to 906 for the document. fault.TooLarge,
// fault.Quota and fault.Invalid are about the documents as a whole.
func (h *Hub) AddDocuments(ctx context.Context, a Actor, recordID string, list []Submission) ([]DocumentView, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("hub: add documents: none: %w", fault.Invalid)
	}
	if len(list) > maxSubmissions {
		return nil, fmt.Errorf("hub: add documents: %d: %w", len(list), fault.TooLarge)
	}
	if err := h.throttleSender(a, 0, 0); err != nil {
		return nil, err
	}
	part := recordPart(recordID)
	f, d, err := h.stand(ctx, a, part, policy.FileDocument)
	if err != nil {
		return nil, err
	}
	if !d.Allow {
		return nil, unknownPatient(h.refused(ctx, part, a.entry(policy.FileDocument, ""), a, d))
	}
	l := &lot{h: h, actor: a, part: part, person: personOf(f.space)}
	if err := l.examine(list); err != nil {
		return nil, l.refuse(ctx, err)
	}
	if err := l.seal(ctx); err != nil {
		return nil, err
	}
	if err := h.hintWaiting(ctx, part, l.documents); err != nil {
		return nil, err
	}
	if err := h.putBlobs(ctx, part, l.sealed.objects); err != nil {
		return nil, err
	}
	added := false
	err = h.do(ctx, part, func(t *tx) (err error) {
		added = false
		err = l.file(t)
		added = err == nil
		return err
	})
	l.drop(added)
	if err != nil {
		return nil, l.refuse(ctx, err)
	}
	return l.views(ctx)
}

// A lot is the documents of one call on their way into a record.
type lot struct {
	h      *Hub
	actor  Actor
	part   store.Part
	person document.Person

	contents  [][]byte
	sealed    *sealedMail
	documents []sealedDocument
	filed     []vault.Document // as they are in the record
	same      []string         // ID of the document that was there; "" where it was added
	standing  standing
}

// seal seals the documents, each on its own, to the owner of the record.
func (l *lot) seal(ctx context.Context) error {
	cert, err := l.h.certOf(ctx, l.part)
	if err != nil {
		return err
	}
	l.sealed = &sealedMail{part: l.part}
	for i := range l.documents {
		d := &l.documents[i]
		if d.session, d.wraps, err = keyring.NewSession(cert); err != nil {
			return fmt.Errorf("hub: seal document: %w", err)
		}
		if d.entry.Object, err = l.sealed.add(d.session, l.contents[i], isTextMedia(d.entry.MediaType)); err != nil {
			return err
		}
	}
	return nil
}

func isTextMedia(t string) bool {
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "xml") || strings.HasSuffix(t, "rtf") || strings.HasSuffix(t, "json")
}

// file decides on each document and writes those that are new.
func (l *lot) file(t *tx) (err error) {
	if l.standing, err = l.h.standing(t, l.part, l.actor); err != nil {
		return err
	}
	size := int64(0)
	for _, d := range l.documents {
		size += d.entry.Size
	}
	if err := l.h.hasRoom(t, size); err != nil {
		return err
	}
	l.filed, l.same = l.filed[:0], l.same[:0]
	news := false
	for i, d := range l.documents {
		rule, err := l.decide(d)
		if err != nil {
			return err
		}
		filed, same, err := l.h.fileDocument(t, l.actor, d, rule)
		if err != nil {
			return err
		}
		if o := l.sealed.objects[i]; same == "" && o.Ref.Inline() {
			vault.Keep(t, o)
		}
		l.filed, l.same = append(l.filed, filed), append(l.same, same)
		news = news || same == "" && !d.flags.Has(vault.HiddenFromPatient)
	}
	if !news || l.actor.Part == l.part {
		return nil
	}
	return l.h.tellPatient(t, patient.OfDocument)
}

// decide asks policy about one document with the flags it is given.
func (l *lot) decide(d sealedDocument) (rule string, err error) {
	req := l.standing.request
	req.Document = documentFacts(vault.Document{Flags: d.flags, Entry: d.entry}, l.actor)
	req.Document.BeingFiled = true
	req.Act = policy.FileDocument
	decision := policy.Decide(req)
	if decision.Allow && d.flags.Has(vault.HiddenFromPatient) {
		req.Act = policy.HideDocument
		if hidden := policy.Decide(req); !hidden.Allow {
			decision = hidden
		}
	}
	if !decision.Allow {
		return "", refuse(decision)
	}
	return decision.Rule, nil
}

// drop deletes the blobs of documents that were not added.
func (l *lot) drop(added bool) {
	for i, o := range l.sealed.objects {
		if !added || l.same[i] != "" {
			l.h.dropBlobs(l.part, []vault.Object{o})
		}
	}
}

// refuse writes into the trail of the record why a lot was not taken, where the
// error says so.
func (l *lot) refuse(ctx context.Context, err error) error {
	var r *Refusal
	if !errors.As(err, &r) {
		return err
	}
	noted := l.h.note(ctx, l.part, decided(l.actor.entry(policy.FileDocument, ""), policy.Decision{Rule: r.Rule}))
	return unknownPatient(errors.Join(noted, err))
}

// unknownPatient gives a refusal that tells nothing its code, 902.
func unknownPatient(err error) error {
	var r *Refusal
	if errors.As(err, &r) && r.Kind == fault.NotFound {
		return &Refusal{Code: 902, Rule: r.Rule, Kind: r.Kind}
	}
	return err
}

// views shows the documents to the one who brought them.
func (l *lot) views(ctx context.Context) ([]DocumentView, error) {
	v := l.standing.view(l.part, l.standing.decide(policy.ListDocuments))
	views := make([]DocumentView, len(l.filed))
	for i, d := range l.filed {
		if l.same[i] == "" || l.h.Sealed() {
			views[i] = viewDocument(v, d, l.standing.mayRead(d, l.actor))
			continue
		}
		there, err := l.existing(ctx, l.same[i])
		if err != nil {
			return nil, err
		}
		access := l.standing.mayRead(there, l.actor)
		if access.Allow {
			d = there
		}
		views[i] = viewDocument(v, d, disclosed(access))
	}
	return views, nil
}

// existing returns a document that was there already. One that the actor may
// not read is shown to them as they brought it.
func (l *lot) existing(ctx context.Context, id string) (d vault.Document, err error) {
	key, err := l.h.linger(ctx, l.part)
	if err != nil {
		return d, err
	}
	err = l.h.view(ctx, l.part, func(r store.Reader) error {
		d, err = l.h.document(r, l.part, key, id)
		return err
	})
	return d, err
}

// fileDocument adds a sealed document to the record of the transaction, in its
// place among those that are there. One that is there already is not added
// again, and same is its ID.
func (h *Hub) fileDocument(t *tx, a Actor, d sealedDocument, rule string) (filed vault.Document, same string, err error) {
	e := d.entry
	place, err := h.succeed(t, t.Part, a, newcomer{e.UniqueID, e.SHA256, e.Replaces})
	if err != nil || place.same != "" {
		return vault.Document{ID: place.same, Flags: d.flags, Entry: e}, place.same, err
	}
	for _, ref := range d.shared {
		if err := vault.Hold(t, ref); err != nil {
			return filed, "", err
		}
	}
	keep, err := h.keptFrom(t, place)
	if err != nil {
		return filed, "", err
	}
	if !d.flags.Has(vault.HiddenFromPatient) { // which is masked, if at all, once it is announced
		d.flags |= keep
	}
	if err := vault.Add(t, t.Scope, e, d.flags, d.session, d.wraps); err != nil {
		return filed, "", err
	}
	entry := a.entry(policy.FileDocument, e.EntryUUID)
	entry.Rule = rule
	t.note(entry)
	if place.old != nil {
		e.LogicalID = place.old.LogicalID
	}
	filed = vault.Document{ID: e.EntryUUID, Flags: d.flags, Entry: e, Session: d.session}
	return filed, "", h.takePlace(t, a, e.EntryUUID, place)
}

// keptFrom returns from whom a new document is kept, whatever its author says:
// by the patient's choice, and as what it replaces was.
func (h *Hub) keptFrom(t *tx, place succession) (keep vault.Flags, err error) {
	c, err := patient.LoadChoices(t, t.Scope)
	if err != nil {
		return 0, err
	}
	if c.MaskNewDocuments {
		keep = vault.Masked
	}
	if place.old == nil {
		return keep, nil
	}
	f, err := vault.FlagsOf(t, t.Scope, *place.old)
	return keep | f&shared, err
}

// hintWaiting records, before any of the documents is filed, that something may
// wait in a partition: for its announcement, or for its identity to be verified.
func (h *Hub) hintWaiting(ctx context.Context, part store.Part, list []sealedDocument) error {
	for _, d := range list {
		if d.flags&(vault.HiddenFromPatient|vault.ToVerify) != 0 {
			return h.hint(ctx, vault.Hints, part)
		}
	}
	return nil
}
