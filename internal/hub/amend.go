package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// ChangeDocument changes the states of a document: all that is asked for, in
// one transaction with its trail, or nothing. Whom a document is kept from
// holds for its other versions too. What is so already is no change. It needs
// the hub key.
//
// A document that the actor may not know of is fault.NotFound. A *Refusal with
// Code 900 says that it is no longer what the actor saw, 901 that it is not
// theirs.
func (h *Hub) ChangeDocument(ctx context.Context, a Actor, id string, c DocumentChange) (v DocumentView, err error) {
	part, own := documentPart(id)
	if err := h.throttleSender(a, 0, 0); err != nil {
		return v, err
	}
	f, d, err := h.stand(ctx, a, part, policy.AmendDocument)
	if err != nil {
		return v, err
	}
	if f.space.State != policy.Active { // and may have no key
		return v, h.refused(ctx, part, a.entry(policy.AmendDocument, own), a, d)
	}
	key, err := h.linger(ctx, part)
	if err != nil {
		return v, err
	}
	m := &amendment{h: h, part: part, key: key, actor: a, change: c}
	if err := h.do(ctx, part, func(t *tx) error { return m.make(t, own) }); err != nil {
		return v, m.refuse(ctx, own, err)
	}
	owner := m.standing.view(part, m.standing.decide(policy.ListDocuments))
	return viewDocument(owner, m.document, m.standing.mayRead(m.document, a)), nil
}

// KeptDocument tells what is said of the one document of a record that matches,
// to whoever may keep it in order: its author, who may be a program that reads no
// record, and who may put back what was withdrawn and is shown to nobody. It goes
// into the trail first. None is fault.NotFound, several are fault.Conflict.
func (h *Hub) KeptDocument(ctx context.Context, a Actor, recordID string, match func(DocumentView) bool) (v DocumentView, err error) {
	part, none := recordPart(recordID), fmt.Errorf("hub: kept document: %w", fault.NotFound)
	if err := h.throttleSender(a, 0, 0); err != nil {
		return v, err
	}
	f, _, err := h.stand(ctx, a, part, policy.AmendDocument)
	if err == nil && f.space.State != policy.Active { // and may have no key
		err = none
	}
	if err != nil {
		return v, err
	}
	key, err := h.linger(ctx, part)
	if err != nil {
		return v, err
	}
	var list []DocumentView
	err = h.view(ctx, part, func(r store.Reader) error {
		list = list[:0]
		if f, err = h.standing(r, part, a); err != nil {
			return err
		}
		owner := f.view(part, f.decide(policy.ListDocuments))
		docs, err := h.documents(r, part, key)
		for _, d := range docs {
			if access := f.mayKeep(d, a); access.Allow {
				if v := viewDocument(owner, d, access); match(v) {
					list = append(list, v)
				}
			}
		}
		return err
	})
	switch {
	case err != nil:
		return v, err
	case len(list) == 0:
		return v, none
	case len(list) > 1:
		return v, fmt.Errorf("hub: kept document: several: %w", fault.Conflict)
	}
	_, own := documentPart(list[0].ID)
	return list[0], h.note(ctx, part, decided(a.entry(policy.ReadDocument, own), list[0].Access))
}

// mayKeep decides whether an actor may change a document, or put it back.
func (f standing) mayKeep(d vault.Document, a Actor) policy.Decision {
	f.request.Act = policy.AmendDocument
	if d.Flags.Has(vault.Deleted) {
		f.request.Act = policy.RestoreDocument
	}
	f.request.Document = documentFacts(d, a)
	return policy.Decide(f.request)
}

// An amendment is one change of a document in the making.
type amendment struct {
	h      *Hub
	part   store.Part
	key    *ownerKey
	actor  Actor
	change DocumentChange

	standing standing
	document vault.Document
	refused  turn            // by policy, if one is
	allowed  policy.Decision // the last one that policy allowed
}

// A turn is one thing that is asked for, and what was decided on it.
type turn struct {
	act      policy.Act
	flag     vault.Flags
	on       bool
	from, to string // in words, for the trail
	decision policy.Decision
}

// turns lists what is asked for, in the order in which it is decided.
func (c DocumentChange) turns() (list []turn) {
	add := func(want *bool, flag vault.Flags, on, off policy.Act, clear, set string) {
		switch {
		case want == nil:
		case *want:
			list = append(list, turn{act: on, flag: flag, on: true, from: clear, to: set})
		default:
			list = append(list, turn{act: off, flag: flag, from: set, to: clear})
		}
	}
	add(c.Deleted, vault.Deleted, policy.AmendDocument, policy.RestoreDocument, "there", "withdrawn")
	add(c.Archived, vault.Archived, policy.ArchiveDocument, policy.RestoreDocument, "at hand", "archived")
	add(c.Masked, vault.Masked, policy.MaskDocument, policy.MaskDocument, "visible to professionals", "masked")
	add(c.HiddenFromPatient, vault.HiddenFromPatient, policy.HideDocument, policy.HideDocument,
		"visible to the patient", "not announced")
	add(c.HiddenFromRepresentatives, vault.HiddenFromRepresentatives, policy.HideFromRepresentatives, policy.HideFromRepresentatives,
		"visible to representatives", "hidden from representatives")
	return list
}

// make decides on each thing that is asked for, and writes what is different.
func (m *amendment) make(t *tx, own string) (err error) {
	m.document, m.refused, m.allowed = vault.Document{}, turn{}, policy.Decision{}
	if m.standing, err = m.h.standing(t, m.part, m.actor); err != nil {
		return err
	}
	if m.document, err = m.h.document(t, m.part, m.key, own); err != nil {
		return err
	}
	flags, done, err := m.decide()
	if err != nil {
		return err
	}
	if v := m.change.IfVersion; v != "" && v != m.document.Entry.EntryUUID {
		return &notTheNewest
	}
	if on := m.change.ShowOn; on != nil {
		if err := m.schedule(t, *on); err != nil {
			return err
		}
	} else if len(done) == 0 {
		t.note(decided(m.actor.entry(policy.ReadDocument, m.document.ID), m.allowed)) // it is shown as it is
		return nil
	}
	if len(done) == 0 {
		return nil
	}
	if m.document.Flags.Has(vault.HiddenFromPatient) && !flags.Has(vault.HiddenFromPatient) {
		keep, err := m.h.onceAnnounced(t, m.part, m.key, m.document)
		if err != nil {
			return err
		}
		flags |= keep
	}
	if d := together(flags); !d.Allow {
		return refuse(d)
	}
	for _, u := range done {
		t.note(u.entry(m.actor, m.document.ID))
	}
	before := m.document.Flags
	if m.document, err = vault.Change(t, t.Scope, m.document, flags, t.now); err != nil {
		return err
	}
	return m.shareWithVersions(t, before^flags)
}

// decide asks policy about each thing, and returns the states that would be,
// and what is different.
func (m *amendment) decide() (flags vault.Flags, done []turn, err error) {
	req, before := m.standing.request, m.document.Flags
	req.Document = documentFacts(m.document, m.actor)
	flags = before
	asked := m.change.turns()
	if m.change.ShowOn != nil {
		req.Act = policy.HideDocument
		if m.allowed = policy.Decide(req); !m.allowed.Allow {
			m.refused = turn{act: policy.HideDocument, decision: m.allowed}
			return 0, nil, refuse(m.allowed)
		}
	} else if len(asked) == 0 { // whoever asks for nothing reads
		if m.allowed = m.standing.mayRead(m.document, m.actor); !m.allowed.Allow {
			m.refused = turn{act: policy.ReadDocument, decision: m.allowed}
			return 0, nil, refuse(m.allowed)
		}
	}
	for _, u := range asked {
		req.Act = u.act
		if u.decision = policy.Decide(req); !u.decision.Allow {
			m.refused = u
			return 0, nil, refuse(u.decision)
		}
		m.allowed = u.decision
		if flags.Has(u.flag) == u.on {
			continue
		}
		if u.on && u.flag == vault.Deleted && before.Has(vault.Superseded) {
			return 0, nil, &notTheNewest
		}
		flags ^= u.flag
		done = append(done, u)
	}
	return flags, done, nil
}

func (u turn) entry(a Actor, id string) audit.Entry {
	return decided(a.entry(u.act, id+": "+u.from+" → "+u.to), u.decision)
}

// together asks whether states may stand together.
func together(f vault.Flags) policy.Decision {
	return policy.CheckFlags(policy.Flags{
		Masked: f.Has(vault.Masked), HiddenFromPatient: f.Has(vault.HiddenFromPatient),
		HiddenFromRepresentatives: f.Has(vault.HiddenFromRepresentatives),
	})
}

// shared are the states that the versions of a document have in common: nobody
// is to find in an older one what was kept from them.
const shared = vault.Masked | vault.HiddenFromRepresentatives

// shareWithVersions gives the other versions of the document the shared states
// among those that were changed.
func (m *amendment) shareWithVersions(t *tx, changed vault.Flags) error {
	if changed &= shared; changed == 0 {
		return nil
	}
	versions, err := m.h.versions(t, m.part, m.key, m.document)
	if err != nil {
		return err
	}
	for _, d := range versions {
		flags := d.Flags&^changed | m.document.Flags&changed
		if flags == d.Flags || !together(flags).Allow {
			continue
		}
		if _, err := vault.Change(t, t.Scope, d, flags, t.now); err != nil {
			return err
		}
	}
	return nil
}

// versions returns the other versions of a document.
func (h *Hub) versions(r store.Reader, part store.Part, key *ownerKey, d vault.Document) (list []vault.Document, err error) {
	all, err := h.documents(r, part, key)
	for _, v := range all {
		if v.ID != d.ID && v.Entry.LogicalID == d.Entry.LogicalID {
			list = append(list, v)
		}
	}
	return list, err
}

// onceAnnounced returns from whom a document is kept from the day on which the
// patient sees it: what could not be said while it was hidden.
func (h *Hub) onceAnnounced(t *tx, part store.Part, key *ownerKey, d vault.Document) (keep vault.Flags, err error) {
	c, err := patient.LoadChoices(t, t.Scope)
	if err != nil {
		return 0, err
	}
	if c.MaskNewDocuments {
		keep = vault.Masked
	}
	versions, err := h.versions(t, part, key, d)
	for _, v := range versions {
		keep |= v.Flags & shared
	}
	return keep, err
}

// refuse makes the error of an amendment that failed, and writes down what
// policy refused. What the actor may not read is, to them, not there.
func (m *amendment) refuse(ctx context.Context, own string, err error) error {
	var r *Refusal
	switch {
	case m.document.ID == "" && errors.Is(err, fault.NotFound):
		if d := m.standing.decide(policy.ListDocuments); !d.Allow {
			return m.h.refused(ctx, m.part, m.actor.entry(policy.AmendDocument, own), m.actor, d)
		}
		return err
	case m.refused.decision.Rule == "":
		return err
	}
	err = m.h.refused(ctx, m.part, m.actor.entry(m.refused.act, own), m.actor, m.refused.decision)
	switch {
	case !errors.As(err, &r), r.Kind == fault.NotFound:
		return err
	case !m.standing.mayRead(m.document, m.actor).Allow:
		return &Refusal{Rule: r.Rule, Kind: fault.NotFound}
	case r.Rule == notItsAuthor.Rule:
		return &notItsAuthor
	}
	return err
}
