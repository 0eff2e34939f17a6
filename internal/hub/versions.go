package hub

import (
	"errors"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A newcomer is what is known of a document that is to be added to a record
// before it is: enough to find its place among those that are there.
type newcomer struct {
	uniqueID string
	sha256   string
	replaces []string // unique ids, or IDs, of documents of this record or of any other
}

// A succession is the place of a newcomer: the document that it is already, or
// the one that it replaces, or neither.
type succession struct {
	same string // ID
	old  *vault.Filed
	rule string // that lets the sender replace it
}

// succeed finds the place of a newcomer in a record, and decides whether its
// sender may put it there. It opens nothing. What it would replace and is not
// known here is replaced somewhere else. The error is a *Refusal where it is
// the sender's to mend.
func (h *Hub) succeed(r store.Reader, part store.Part, a Actor, n newcomer) (succession, error) {
	s := h.scope(part)
	id, there, err := vault.Find(r, s, n.uniqueID)
	if err != nil {
		return succession{}, err
	}
	if there {
		f, known, err := vault.FiledAs(r, s, id)
		if err == nil && known && f.SHA256 != "" && f.SHA256 != n.sha256 {
			err = &otherBytes
		}
		return succession{same: id}, err
	}
	var place succession
	for _, ref := range n.replaces {
		f, known, err := h.original(r, part, ref)
		if err != nil {
			return place, err
		}
		if !known {
			continue
		}
		if place.old != nil && place.old.ID != f.ID { // which of the two it is a version of, nobody could say
			return place, &notAsDescribed
		}
		if place.rule, err = h.mayReplace(r, part, a, f); err != nil {
			return place, err
		}
		place.old = &f
	}
	return place, nil
}

// original finds the document of a record that a reference names: its uniqueId,
// its ID, or both IDs. Of a document of the first format too little is known
// for it to be replaced: the new one comes beside it.
func (h *Hub) original(r store.Reader, part store.Part, ref string) (f vault.Filed, known bool, err error) {
	id, known, err := vault.Find(r, h.scope(part), ref)
	if err != nil {
		return f, false, err
	}
	if !known {
		id = strings.TrimPrefix(strings.TrimPrefix(ref, "urn:uuid:"), string(part)+".")
	}
	return vault.FiledAs(r, h.scope(part), id)
}

// mayReplace decides whether an actor may replace a document: the newest
// version, and one of their own (errors 900 and 901).
func (h *Hub) mayReplace(r store.Reader, part store.Part, a Actor, f vault.Filed) (rule string, err error) {
	if _, replaced, err := vault.Newer(r, h.scope(part), f.ID); err != nil || replaced {
		return "", errOr(err, &notTheNewest)
	}
	flags, err := vault.FlagsOf(r, h.scope(part), f)
	if err != nil {
		return "", err
	}
	req, err := h.recordFacts(r, part, a)
	if err != nil {
		return "", err
	}
	req.Act = policy.AmendDocument
	req.Document = documentFacts(vault.Document{ID: f.ID, Flags: flags, Entry: vault.Entry{
		Sender: f.Sender, FiledBy: f.FiledBy, Establishment: f.Establishment, Depositor: f.Depositor,
		Author: vault.Author{ID: f.AuthorID, OrganisationID: f.OrganisationID},
	}}, a)
	switch d := policy.Decide(req); {
	case d.Allow:
		return d.Rule, nil
	case d.Rule == "document/withdrawn":
		return "", &notTheNewest
	case d.Rule == notItsAuthor.Rule:
		return "", &notItsAuthor
	default:
		return "", refuse(d)
	}
}

// errOr returns err, or what is the error if there is none.
func errOr(err error, otherwise *Refusal) error {
	if err != nil {
		return err
	}
	return otherwise
}

// takePlace writes down what a newcomer replaces, once it was added.
func (h *Hub) takePlace(t *tx, a Actor, id string, place succession) error {
	if place.old == nil {
		return nil
	}
	err := vault.Replace(t, t.Scope, *place.old, id, t.now)
	if errors.Is(err, fault.Conflict) {
		return &notTheNewest
	}
	if err == nil {
		t.note(decided(a.entry(policy.AmendDocument, place.old.ID+" replaced by "+id), policy.Decision{Allow: true, Rule: place.rule}))
	}
	return err
}
