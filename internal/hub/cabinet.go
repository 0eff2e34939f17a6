package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A Cabinet is a record as people look through it.
type Cabinet struct {
	Patient   PatientView
	Documents []CabinetDocument // the latest to come first
	Folders   []filing.Folder   // of the people of the space; nobody else is told
	May       CabinetRights
}

// CabinetRights are what an actor may do with a record: whether a button is of
// use, and no more than that.
type CabinetRights struct {
	File    bool // add documents
	Arrange bool // in folders, and pin
	Mask    bool // documents from professionals, or show them
	Decide  bool // ask who sees what
}

// A CabinetDocument is a document where its people keep it: its newest version,
// and one of those that are the same to the byte.
type CabinetDocument struct {
	DocumentView
	Folder string // ID; "" for none
	Pinned bool
	New    bool // it came lately, and nobody of the space has opened it
	Older  int  // versions that it replaced
	Copies int  // others with the same bytes
}

// Cabinet lists a record as Documents does, in the order in which its people
// keep it: a document is there once, whatever its versions and copies.
func (h *Hub) Cabinet(ctx context.Context, a Actor, recordID string) (Cabinet, error) {
	o, err := h.enter(ctx, a, recordPart(recordID), policy.ListDocuments, "")
	if err != nil {
		return Cabinet{}, err
	}
	var c Cabinet
	err = h.view(ctx, o.part, func(r store.Reader) (err error) {
		c, err = o.cabinet(r, a)
		return err
	})
	if err != nil {
		return Cabinet{}, err
	}
	return c, nil
}

func (o *opening) cabinet(r store.Reader, a Actor) (c Cabinet, err error) {
	h := o.h
	if o.standing, err = h.standing(r, o.part, a); err != nil {
		return c, err
	}
	kept, err := o.filing(r)
	if err != nil {
		return c, err
	}
	c.Patient = o.view(o.part, o.decide(policy.ListDocuments))
	c.May = o.cabinetRights()
	if c.May.Arrange {
		c.Folders = kept.Folders
	}
	docs, err := h.documents(r, o.part, o.key)
	if err != nil {
		return c, err
	}
	var seen []CabinetDocument
	for _, d := range docs {
		if access := o.mayRead(d, a); access.Allow {
			seen = append(seen, o.kept(kept, c.May.Arrange, viewDocument(c.Patient, d, access)))
		}
	}
	if !c.Patient.Access.Allow && len(seen) == 0 { // there was, a moment ago
		return c, fmt.Errorf("hub: cabinet: %w", fault.NotFound)
	}
	c.Documents = fold(seen)
	return c, nil
}

func (o *opening) cabinetRights() CabinetRights {
	may := func(act policy.Act) bool { return o.decide(act).Allow }
	return CabinetRights{File: may(policy.FileDocument), Arrange: may(policy.ArrangeRecord), Mask: may(policy.MaskDocument), Decide: may(policy.ManageAccess)}
}

// filing reads how the people of the space keep it.
func (o *opening) filing(r store.Reader) (filing.Cabinet, error) {
	return filing.Load(r, o.part, o.key)
}

// kept says where a document is kept, to those who keep it there.
func (o *opening) kept(c filing.Cabinet, arranges bool, v DocumentView) CabinetDocument {
	d := CabinetDocument{DocumentView: v}
	if arranges {
		e := &v.Entry
		d.Folder, d.Pinned = c.In[e.LogicalID], slices.Contains(c.Pinned, e.LogicalID)
		d.New = e.Depositor == "" && !v.Flags.Has(vault.Superseded) && c.New(v.ID, e.Filed, o.h.Now())
	}
	return d
}

// fold leaves one document of each that has versions, the newest, and of those
// that are the same and are kept from the same people. They come in order of
// arrival, and go out the latest first.
func fold(list []CabinetDocument) (folded []CabinetDocument) {
	type same struct {
		sum, shelf string
		flags      vault.Flags
	}
	versions, copies := map[string]int{}, map[same]int{}
	for _, d := range slices.Backward(list) {
		id := d.Entry.LogicalID
		if i, ok := versions[id]; ok && id != "" {
			folded[i].Older++
			continue
		}
		of := same{d.Entry.SHA256, d.Entry.Shelf, d.Flags}
		if i, ok := copies[of]; ok && of.sum != "" {
			versions[id] = i
			folded[i].Copies++
			folded[i].Pinned = folded[i].Pinned || d.Pinned
			folded[i].Folder = cmp.Or(folded[i].Folder, d.Folder)
			continue
		}
		versions[id], copies[of] = len(folded), len(folded)
		folded = append(folded, d)
	}
	return folded
}

// A DocumentPage is all that is told of one document.
type DocumentPage struct {
	CabinetDocument
	Versions []DocumentView // all that the actor may see, this one among them, the newest first; nil if it is alone
	Twins    []DocumentView // others with the same bytes
	Folders  []filing.Folder
	May      DocumentRights
	Wait     *Wait // of one that the patient does not see yet; only they are not told
}

// DocumentRights are what an actor may do with a document: whether a button is
// of use, and no more than that.
type DocumentRights struct {
	Arrange                 bool
	Mask                    bool // from professionals, or show it to them
	HideFromRepresentatives bool // of whom there are some
	Announce                bool // to the patient who does not see it yet
	Archive                 bool // or take it out again
	Delete                  bool
	Decide                  bool // ask who sees it
}

// DocumentPage tells what is said of one document, and what the actor may do
// with it. It goes into the trail first, as reading it. From then on it is no
// longer new.
func (h *Hub) DocumentPage(ctx context.Context, a Actor, id string) (p DocumentPage, err error) {
	part, own := documentPart(id)
	o, err := h.enter(ctx, a, part, policy.ReadDocument, own)
	if err != nil {
		return p, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		kept, err := o.filing(r)
		if err != nil {
			return err
		}
		p = DocumentPage{May: o.rights(o.document, a)}
		owner := o.view(part, o.decide(policy.ListDocuments))
		p.CabinetDocument = o.kept(kept, p.May.Arrange, viewDocument(owner, o.document, o.access))
		if p.May.Arrange {
			p.Folders = kept.Folders
		}
		if p.May.HideFromRepresentatives {
			if p.May.HideFromRepresentatives, err = o.represented(r); err != nil {
				return err
			}
		}
		if p.Flags.Has(vault.HiddenFromPatient) && a.Role != policy.Patient {
			if p.Wait, err = h.wait(r, part, o.document.ID); err != nil {
				return err
			}
		}
		return o.relatives(r, a, owner, &p)
	})
	if err != nil || !p.New {
		return p, err
	}
	return p, h.arrange(ctx, a, part, nil, func(g *arranging) error {
		g.Open(p.ID, p.Entry.Filed, g.now)
		return nil
	})
}

// rights decides on all that one could do with a document.
func (o *opening) rights(d vault.Document, a Actor) DocumentRights {
	f := o.standing
	f.request.Document = documentFacts(d, a)
	may := func(act policy.Act) bool { return f.decide(act).Allow }
	away := d.Flags.Has(vault.Archived)
	return DocumentRights{
		Arrange: may(policy.ArrangeRecord), Decide: may(policy.ManageAccess),
		Mask: may(policy.MaskDocument), HideFromRepresentatives: may(policy.HideFromRepresentatives),
		Announce: d.Flags.Has(vault.HiddenFromPatient) && may(policy.HideDocument),
		Archive:  !away && may(policy.ArchiveDocument) || away && may(policy.RestoreDocument),
		Delete:   !d.Flags.Has(vault.Superseded) && may(policy.AmendDocument),
	}
}

// represented reports whether somebody stands for the owner of the record.
func (o *opening) represented(r store.Reader) (bool, error) {
	persons, err := patient.Persons(r, o.h.scope(o.part))
	stands := func(p patient.Person) bool { return p.Kind == patient.Representative && p.State == patient.Accepted }
	return slices.ContainsFunc(persons, stands), err
}

// relatives finds the versions of a document, and those that are the same.
func (o *opening) relatives(r store.Reader, a Actor, owner PatientView, p *DocumentPage) error {
	docs, err := o.h.documents(r, o.part, o.key)
	for _, d := range slices.Backward(docs) {
		access := o.mayRead(d, a)
		switch {
		case !access.Allow:
		case d.Entry.LogicalID == p.Entry.LogicalID:
			p.Versions = append(p.Versions, viewDocument(owner, d, access))
		case d.Entry.SHA256 == p.Entry.SHA256 && d.Entry.SHA256 != "":
			p.Twins = append(p.Twins, viewDocument(owner, d, access))
		}
	}
	if len(p.Versions) == 1 {
		p.Versions = nil
	}
	return err
}

// Withdrawn lists the documents of a record that were deleted and that the actor
// may put back. It goes into the trail first.
func (h *Hub) Withdrawn(ctx context.Context, a Actor, recordID string) (list []DocumentView, err error) {
	o, err := h.enter(ctx, a, recordPart(recordID), policy.ListDocuments, "")
	if err != nil {
		return nil, err
	}
	if err := h.note(ctx, o.part, decided(a.did("list-withdrawn", ""), o.access)); err != nil {
		return nil, err
	}
	err = h.view(ctx, o.part, func(r store.Reader) error {
		list = nil
		owner := o.view(o.part, o.decide(policy.ListDocuments))
		docs, err := h.documents(r, o.part, o.key)
		for _, d := range slices.Backward(docs) {
			if !d.Flags.Has(vault.Deleted) {
				continue
			}
			if access := o.mayKeep(d, a); access.Allow {
				list = append(list, viewDocument(owner, d, access))
			}
		}
		return err
	})
	return list, err
}
