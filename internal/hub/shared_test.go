package hub

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/policy"
)

const (
	nadia = "nadia.roche@hopital.test" // of the house that the secretariat is of
	ines  = "ines.colas@ailleurs.test" // of another
)

// newUnit is a house with two professionals who come in by the web.
func newUnit(t *testing.T) (h *house, ofHouse, ofAnother Actor) {
	t.Helper()
	h = newHouse(t)
	come := func(base, address, name, establishment string) Actor {
		n, err := ident.MakeRPPS(base)
		h.must(err)
		h.must(h.AddBAL(t.Context(), "operator", directory.BAL{
			Kind: directory.Personal, Address: address, Name: name, RPPS: n.String(), Profession: policy.Nurse, Establishment: establishment}))
		e, err := h.OpenProfessionalWeb(t.Context(), n, h.now, Attempt{Protocol: "web", Remote: here, Device: "Firefox"})
		h.must(err)
		return e.Actor
	}
	return h, come("8109990001", nadia, "Nadia ROCHE", "750000001"), come("8109990002", ines, "Inès COLAS", "750000077")
}

// shared returns an actor as one who acts in the mailbox of an address.
func (h *house) shared(a Actor, address string) (Actor, error) {
	part, _, err := h.find(h.t.Context(), addr(address))
	h.must(err)
	return h.Shared(h.t.Context(), a, string(part))
}

func TestASharedMailboxIsOpenedByWhoIsNamedThere(t *testing.T) {
	h, roche, colas := newUnit(t)
	ctx := t.Context()
	none := func(a Actor) {
		t.Helper()
		if list, err := h.SharedMailboxes(ctx, a); err != nil || len(list) != 0 {
			t.Errorf("shares %v, %v", list, err)
		}
		if _, err := h.shared(a, cardio); ruleOf(err) != "mailbox/not-yours" || !errors.Is(err, fault.NotFound) {
			t.Errorf("nobody has named her: %v", err)
		}
	}
	none(roche)
	h.must(h.AddMember(ctx, "operator", addr(cardio), addr(nadia)))
	if err := h.AddMember(ctx, "operator", addr(cardio), addr(nadia)); !errors.Is(err, fault.Exists) {
		t.Errorf("named again: %v", err)
	}
	list, err := h.SharedMailboxes(ctx, roche)
	h.must(err)
	if len(list) != 1 || list[0].Name != "Secrétariat de cardiologie" || list[0].Address != addr(cardio) {
		t.Fatalf("she shares %+v", list)
	}
	none(colas)
	in, err := h.Shared(ctx, roche, list[0].ID)
	h.must(err)
	if in.Address != addr(cardio) || in.Session != roche.Session || in.Member == nil || in.Member.Address != addr(nadia) {
		t.Errorf("she acts as %+v", in)
	}
	if _, err := h.Shared(ctx, in, list[0].ID); ruleOf(err) != "mailbox/not-yours" {
		t.Errorf("through a mailbox to another: %v", err)
	}
	members, err := h.Members(ctx, addr(cardio))
	h.must(err)
	if len(members) != 1 || members[0].Address != nadia || members[0].Name != "Nadia ROCHE" {
		t.Errorf("the members are %+v", members)
	}

	h.must(h.RemoveMember(ctx, "operator", addr(cardio), addr(nadia)))
	if err := h.RemoveMember(ctx, "operator", addr(cardio), addr(nadia)); !errors.Is(err, fault.NotFound) {
		t.Errorf("removed again: %v", err)
	}
	none(roche)
	h.verifies()
}

// TestWhoCannotShareAMailboxIsNotNamed: only professionals with a number, in
// mailboxes of their own house that are nobody's own.
func TestWhoCannotShareAMailboxIsNotNamed(t *testing.T) {
	h, _, _ := newUnit(t)
	for what, who := range map[string][2]string{
		"somebody of another house":      {cardio, ines},
		"somebody without a number":      {cardio, thomas},
		"a patient":                      {cardio, alice},
		"another organisation's mailbox": {cardio, cardio},
		"into a mailbox of a person":     {thomas, nadia},
		"into the mailbox of a patient":  {alice, nadia},
	} {
		if err := h.AddMember(t.Context(), "operator", addr(who[0]), addr(who[1])); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := h.AddMember(t.Context(), "operator", addr(stranger), addr(nadia)); !errors.Is(err, fault.NotFound) {
		t.Errorf("into none: %v", err)
	}
	h.verifies()
}

// TestWhatIsDoneInASharedMailboxIsTheMembers: to others it is the mailbox's; the
// trails have it as hers.
func TestWhatIsDoneInASharedMailboxIsTheMembers(t *testing.T) {
	h, roche, _ := newUnit(t)
	ctx := t.Context()
	h.must(h.AddMember(ctx, "operator", addr(cardio), addr(nadia)))
	h.must(h.send(thomas, "Avis", "", cardio))
	in, err := h.shared(roche, cardio)
	h.must(err)
	threads, err := h.Threads(ctx, in, ThreadSearch{})
	h.must(err)
	if threads.Total != 1 || threads.Threads[0].Subject != "Avis" {
		t.Fatalf("she reads %+v", threads)
	}
	if own, err := h.Threads(ctx, roche, ThreadSearch{}); err != nil || own.Total != 0 {
		t.Errorf("in her own there is %+v, %v", own, err)
	}

	d := h.write(in, Draft{To: to(alice), Subject: "Rendez-vous", Text: "Bonjour"})
	_, err = h.SendDraft(ctx, in, d.ID)
	h.must(err)
	if _, err := h.Draft(ctx, roche, d.ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("the draft is in her own mailbox too: %v", err)
	}
	h.must(h.EndWebSession(ctx, roche, roche.Session)) // what was sent leaves all the same
	h.leaves()
	got := h.read(alice, "INBOX")
	if len(got) != 1 || !strings.Contains(got[0], "<"+cardio+">") || strings.Contains(got[0], nadia) {
		t.Errorf("the patient has %.900q", got)
	}
	if sent := h.read(cardio, "Sent"); len(sent) != 1 {
		t.Errorf("%d copies are kept with the others' mails", len(sent))
	}
	for _, where := range []string{cardio, alice} {
		w := &ward{house: h}
		list := w.trailOf(where)
		if !slices.ContainsFunc(list, func(e audit.Entry) bool {
			return e.Actor == nadia && e.RPPS == roche.RPPS && e.OnBehalf == "Secrétariat de cardiologie"
		}) {
			t.Errorf("the trail of %s does not name her: %+v", where, list)
		}
	}
	if _, err := h.Threads(ctx, in, ThreadSearch{}); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("after her session: %v", err)
	}
	h.verifies()
}

// TestWhoLeavesASharedMailboxIsOutAtOnce: in a session that has it open, and with
// a mail that is about to leave.
func TestWhoLeavesASharedMailboxIsOutAtOnce(t *testing.T) {
	h, roche, _ := newUnit(t)
	ctx := t.Context()
	h.must(h.AddMember(ctx, "operator", addr(cardio), addr(nadia)))
	in, err := h.shared(roche, cardio)
	h.must(err)
	_, err = h.Threads(ctx, in, ThreadSearch{})
	h.must(err)
	d := h.write(in, Draft{To: to(alice), Subject: "Rendez-vous", Text: "Bonjour"})
	_, err = h.SendDraft(ctx, in, d.ID)
	h.must(err)
	h.must(h.RemoveMember(ctx, "operator", addr(cardio), addr(nadia)))
	for what, act := range map[string]func(context.Context) error{
		"read": func(ctx context.Context) error { _, err := h.Threads(ctx, in, ThreadSearch{}); return err },
		"write": func(ctx context.Context) error {
			_, err := h.SaveDraft(ctx, in, Draft{ID: NewDraftID(), To: to(alice)}, DraftChange{})
			return err
		},
		"count":  func(ctx context.Context) error { _, err := h.Unread(ctx, in); return err },
		"look":   func(ctx context.Context) error { _, err := h.Passage(ctx, in, d.ID); return err },
		"choose": func(ctx context.Context) error { _, err := h.shared(roche, cardio); return err },
	} {
		if err := act(ctx); err == nil {
			t.Errorf("she may still %s", what)
		}
	}
	h.now = h.now.Add(UndoTime + time.Second)
	h.must(h.DueDepartures(ctx))
	if got := h.read(alice, "INBOX"); len(got) != 0 {
		t.Errorf("what she sent was delivered: %.300q", got)
	}
	s := h.session(cardio)
	if n := len(s.uids(mailbox.Drafts)); n != 1 {
		t.Errorf("%d drafts are left to the others, want hers", n)
	}
	if list, err := h.Unread(ctx, roche); err != nil || list != 0 {
		t.Errorf("her own mailbox: %d, %v", list, err)
	}
	h.verifies()
}

// TestADocumentIsAttachedByThePerson: what they may open of a record goes with a
// mail of the mailbox that they share; the mailbox itself opens none.
func TestADocumentIsAttachedByThePerson(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	n, err := ident.MakeRPPS("8109990001")
	w.must(err)
	w.must(w.AddBAL(ctx, "operator", directory.BAL{
		Kind: directory.Personal, Address: nadia, Name: "Dr Nadia ROCHE", RPPS: n.String(), Profession: policy.Physician, Establishment: "750000001"}))
	e, err := w.OpenProfessionalWeb(ctx, n, w.now, Attempt{Protocol: "web", Remote: here, Device: "Firefox"})
	w.must(err)
	w.must(w.AddMember(ctx, "operator", addr(cardio), addr(nadia)))
	in, err := w.shared(e.Actor, cardio)
	w.must(err)
	id := w.file(alice, consultation, 0)
	attach := func() error {
		_, err := w.SaveDraft(ctx, in, Draft{ID: NewDraftID(), To: to(adam)}, DraftChange{Documents: []string{id}})
		return err
	}
	if err := attach(); !errors.Is(err, fault.NotFound) {
		t.Errorf("before the record is open to her: %v", err)
	}
	w.must(w.Declare(ctx, e.Actor, w.record, InCareTeam))
	w.must(attach())
	if last := w.last(alice); last.Actor != nadia || last.Act != policy.ReadDocument.String() {
		t.Errorf("the patient's trail ends with %+v", last)
	}
}

// TestOneOfThoseWhoShareSeesToAThread: the others see who, may take it over, and a
// mail program sees a flag that names nobody.
func TestOneOfThoseWhoShareSeesToAThread(t *testing.T) {
	h, roche, _ := newUnit(t)
	ctx := t.Context()
	n, err := ident.MakeRPPS("8109990003")
	h.must(err)
	const lise = "lise.faure@hopital.test"
	h.must(h.AddBAL(ctx, "operator", directory.BAL{
		Kind: directory.Personal, Address: lise, Name: "Lise FAURE", RPPS: n.String(), Profession: policy.Nurse, Establishment: "750000001"}))
	e, err := h.OpenProfessionalWeb(ctx, n, h.now, Attempt{Protocol: "web", Remote: here, Device: "Firefox"})
	h.must(err)
	for _, who := range []string{nadia, lise} {
		h.must(h.AddMember(ctx, "operator", addr(cardio), addr(who)))
	}
	one, err := h.shared(roche, cardio)
	h.must(err)
	two, err := h.shared(e.Actor, cardio)
	h.must(err)
	h.must(h.send(thomas, "Avis", "", cardio))
	id := h.newestID(cardio, mailbox.Inbox)
	sees := func(a Actor, want Charge) {
		t.Helper()
		list, err := h.Threads(ctx, a, ThreadSearch{})
		h.must(err)
		v, err := h.Thread(ctx, a, id)
		h.must(err)
		if list.Threads[0].Charge != want || v.Charge != want || !v.Shared {
			t.Errorf("%s reads %+v in the list, %+v in the thread, want %+v", a.Member.Name, list.Threads[0].Charge, v.Charge, want)
		}
	}
	sees(one, Charge{})
	h.must(h.TakeCharge(ctx, one, id, true))
	h.must(h.TakeCharge(ctx, one, id, true))
	sees(one, Charge{"Nadia ROCHE", true})
	sees(two, Charge{"Nadia ROCHE", false})
	s := h.session(cardio)
	c, err := s.Changes(ctx, mailbox.Inbox, mailbox.Cursor{})
	h.must(err)
	if k := c.Messages[0].Flags.Keywords; len(k) != 1 || !strings.HasPrefix(strings.ToLower(k[0]), chargeFlag) || strings.Contains(k[0], roche.RPPS) {
		t.Errorf("a mail program reads %q", k)
	}
	h.must(h.TakeCharge(ctx, two, id, true))
	sees(one, Charge{"Lise FAURE", false})
	sees(two, Charge{"Lise FAURE", true})
	h.must(h.TakeCharge(ctx, one, id, false))
	sees(two, Charge{})
	h.must(h.TakeCharge(ctx, two, id, true))
	h.must(h.RemoveMember(ctx, "operator", addr(cardio), addr(lise)))
	sees(one, Charge{}) // whoever has left sees to nothing
	if err := h.TakeCharge(ctx, roche, id, true); !errors.Is(err, fault.NotFound) {
		t.Errorf("in her own mailbox: %v", err)
	}
	h.verifies()
}
