package hub

import (
	"context"

	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A Visit is the space of somebody else as one who acts for its owner finds it:
// whose it is, by what right they come, and what they may do there.
type Visit struct {
	Record string // ID
	Traits patient.Traits
	State  policy.SpaceState
	Minor  bool
	Link   patient.Person // who comes, in what right and until when
	May    Possible
}

// Possible is what somebody may do in a space now: a page shows the others to
// nobody. Each act is decided again when it is done.
type Possible struct {
	Read    bool // the documents
	Deposit bool // one more
	Mask    bool // documents from professionals
	Mail    bool // read the messages
	Trail   bool // read who did what
	Access  bool // see and change who may read
	Persons bool // see, invite and end carers and representatives
	Life    bool // open, close, ask for erasure
	Export  bool // take all of it away
}

// Visit opens the door of somebody's space to one who acts for its owner. Whoever
// does not, or not any more, is refused as for a record that does not exist.
func (h *Hub) Visit(ctx context.Context, a Actor, recordID string) (Visit, error) {
	part := recordPart(recordID)
	f, d, err := h.stand(ctx, a, part, policy.ListDocuments)
	if err != nil {
		return Visit{}, err
	}
	if a.Part == part || !f.person.InForce(h.Now()) || f.person.Kind == patient.Representative && !f.space.IsMinor(h.Now()) {
		if d.Allow || !policy.Discreet(d.Rule) { // one's own space is no visit; nor does one learn that a delegation has ended
			d = policy.Decision{Rule: "document/not-yours"}
		}
		return Visit{}, h.refused(ctx, part, a.entry(policy.ListDocuments, ""), a, d)
	}
	v := Visit{Record: string(part), Traits: f.space.Traits, State: f.space.State, Minor: f.space.IsMinor(h.Now()), Link: f.person}
	v.May = f.possible(part)
	return v, nil
}

// possible decides each act that a page may offer.
func (f standing) possible(part store.Part) Possible {
	may := func(act policy.Act) bool { return f.decide(act).Allow }
	return Possible{
		Read: may(policy.ListDocuments), Deposit: may(policy.FileDocument), Mask: may(policy.MaskDocument),
		Mail: f.mayUseMailbox(part), Trail: may(policy.ReadTrail), Access: may(policy.ManageAccess), Persons: may(policy.Delegate),
		Life: may(policy.LiveSpace), Export: may(policy.ExportRecord),
	}
}

// mayUseMailbox decides whether the mailbox of the owner of a space may be used.
func (f standing) mayUseMailbox(part store.Part) bool {
	f.request.Mailbox = policy.Mailbox{Role: policy.Patient, Owner: string(part)}
	return f.decide(policy.UseMailbox).Allow
}
