package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// record returns the ID of somebody's record.
func (h *house) record(address string) string {
	h.t.Helper()
	part, known, err := h.find(h.t.Context(), addr(address))
	if err != nil || !known {
		h.t.Fatalf("no record of %s: %v", address, err)
	}
	return string(part)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// acts lists what the trail of somebody's space says was done, and by whom.
func (h *house) acts(address string) (list []string) {
	h.t.Helper()
	for e, err := range h.Trail(h.t.Context(), Actor{Part: store.Part(h.record(address)), Address: addr(address), Role: policy.Patient}) {
		if err != nil {
			h.t.Fatal(err)
		}
		line := e.Actor + " " + e.Act
		if e.OnBehalf != "" {
			line += " for " + e.OnBehalf
		}
		if e.Refused {
			line += ", refused"
		}
		list = append(list, line)
	}
	return list
}

func (h *house) did(address, line string) {
	h.t.Helper()
	if got := h.acts(address); !slices.Contains(got, line) {
		h.t.Errorf("the trail of %s lacks %q:\n%q", address, line, got)
	}
}

func kinds(list []Outgoing) (k []NoticeKind) {
	for _, n := range list {
		k = append(k, n.Kind)
	}
	return k
}

func TestACarerForDocumentsOnlyUntilSunday(t *testing.T) {
	h := newHouse(t) // it is Saturday
	ctx := t.Context()
	h.reach(bruno, h.checked())
	h.must(h.send(thomas, "Compte rendu", "", alice))
	a, b, record := h.login(alice), h.login(bruno), h.record(alice)
	sunday := h.now.Add(24 * time.Hour)
	documents := Invitation{Kind: patient.Carer, Scope: patient.Scope{ReadDocuments: true}, Until: sunday}
	h.must(h.Invite(ctx, a, record, addr(bruno), documents))
	if got := kinds(h.due()); !slices.Equal(got, []NoticeKind{NoticeDelegation}) {
		t.Errorf("Bruno is told %v", got)
	}
	waiting, err := h.Helped(ctx, b)
	if err != nil || len(waiting) != 1 || waiting[0].Record != record || waiting[0].Link.State != patient.Invited || waiting[0].Name != "Alix ESSAI" {
		t.Fatalf("what waits for him: %+v, %v", waiting, err)
	}
	if list, _ := h.Persons(ctx, a, record); len(list) != 1 || list[0].Name != "" {
		t.Errorf("before he agrees his name is told: %+v", list)
	}
	sees := func() error {
		_, d, err := h.stand(ctx, b, store.Part(record), policy.ReadDocument)
		if err == nil && !d.Allow {
			err = refuse(d)
		}
		return err
	}
	if err := sees(); !errors.Is(err, fault.NotFound) {
		t.Errorf("before he agrees: %v", err)
	}
	h.must(h.AnswerInvitation(ctx, b, record, true))
	if err := sees(); err != nil {
		t.Errorf("once he has agreed: %v", err)
	}
	for act, rule := range map[policy.Act]string{policy.ReadTrail: "carer/not-entrusted", policy.LiveSpace: "carer/not-entrusted",
		policy.Delegate: "carer/not-entrusted", policy.ManageAccess: "carer/not-entrusted", policy.MaskDocument: "carer/not-entrusted"} {
		if _, d, err := h.stand(ctx, b, store.Part(record), act); err != nil || d.Allow || d.Rule != rule {
			t.Errorf("%s: %+v, %v; want %s", act, d, err, rule)
		}
	}
	if _, err := h.CloseSpace(ctx, b, record, false); ruleOf(err) != "carer/not-entrusted" {
		t.Errorf("he closes her space: %v", err)
	}
	h.now = sunday
	if err := sees(); ruleOf(err) != "delegation/ended" {
		t.Errorf("on Sunday: %v", err)
	}
	h.must(h.LiveOn(ctx))
	if list, _ := h.Persons(ctx, a, record); len(list) != 1 || list[0].State != patient.Expired {
		t.Errorf("after Sunday: %+v", list)
	}
	if list, _ := h.Helped(ctx, b); len(list) != 0 {
		t.Errorf("he still helps %+v", list)
	}
	for _, who := range []string{alice, bruno} {
		h.did(who, bruno+" accept-invitation for Alix ESSAI")
		h.did(who, map[string]string{alice: "hub lapse-person", bruno: "hub lapse-person for Alix ESSAI"}[who])
	}
	h.verifies()
}

func TestWhoCannotBeInvited(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	a, record := h.login(alice), h.record(alice)
	good := Invitation{Kind: patient.Carer, Scope: patient.Scope{ReadDocuments: true}, Until: h.now.Add(time.Hour)}
	endless := good
	endless.Until = time.Time{}
	// Whoever has no open space is answered as one who does not exist.
	var words string
	for _, who := range []string{ghost, celia, denis, emma, thomas, stranger} {
		err := h.Invite(ctx, a, record, addr(who), good)
		if !errors.Is(err, fault.NotFound) || words != "" && err.Error() != words {
			t.Errorf("%s: %v, want %s", who, err, words)
		}
		words = err.Error()
	}
	if err := h.Invite(ctx, a, record, addr(alice), good); !errors.Is(err, fault.Invalid) {
		t.Errorf("herself: %v", err)
	}
	if err := h.Invite(ctx, a, record, addr(bruno), endless); !errors.Is(err, fault.Invalid) {
		t.Errorf("without an end: %v", err)
	}
	if err := h.Invite(ctx, a, record, addr(bruno), Invitation{Kind: patient.Representative}); ruleOf(err) != "delegation/only-minors-are-represented" {
		t.Errorf("a representative of an adult: %v", err)
	}
	if err := h.Invite(ctx, h.login(bruno), record, addr(emma), good); !errors.Is(err, fault.NotFound) {
		t.Errorf("by somebody else: %v", err)
	}
	h.must(h.Invite(ctx, a, record, addr(bruno), good))
	if err := h.Invite(ctx, a, record, addr(bruno), good); !errors.Is(err, fault.Exists) {
		t.Errorf("twice: %v", err)
	}
	throttled := false
	for range maxInvitations + 2 {
		throttled = throttled || errors.Is(h.Invite(ctx, a, record, addr(ghost), good), fault.Throttled)
	}
	if !throttled {
		t.Error("INS numbers can be tried out")
	}
}

func TestAnInvitationIsDeclinedOrTakenBack(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	a, b, record := h.login(alice), h.login(bruno), h.record(alice)
	n := Invitation{Kind: patient.Carer, Scope: patient.Scope{Trail: true}, Until: h.now.Add(days)}
	h.must(h.Invite(ctx, a, record, addr(bruno), n))
	h.must(h.AnswerInvitation(ctx, b, record, false))
	if err := h.AnswerInvitation(ctx, b, record, true); !errors.Is(err, fault.NotFound) {
		t.Errorf("after a no: %v", err)
	}
	if list, _ := h.Helped(ctx, b); len(list) != 0 {
		t.Errorf("declined, and there is %+v", list)
	}
	h.must(h.Invite(ctx, a, record, addr(bruno), n))
	h.must(h.EndPerson(ctx, a, record, h.record(bruno)))
	if err := h.AnswerInvitation(ctx, b, record, true); !errors.Is(err, fault.NotFound) {
		t.Errorf("after it was taken back: %v", err)
	}
	h.must(h.Invite(ctx, a, record, addr(bruno), n))
	h.must(h.AnswerInvitation(ctx, b, record, true))
	h.must(h.EndPerson(ctx, b, record, h.record(bruno))) // he has enough of it
	if list, _ := h.Persons(ctx, a, record); len(list) != 1 || list[0].State != patient.Ended {
		t.Errorf("%+v", list)
	}
	if err := h.EndPerson(ctx, a, record, h.record(bruno)); !errors.Is(err, fault.NotFound) {
		t.Errorf("twice: %v", err)
	}
	h.did(alice, bruno+" end-person for Alix ESSAI")
	h.verifies()
}

// child makes a minor whom bruno represents, and returns the address.
func (h *house) child(birth string) string {
	h.t.Helper()
	p := insured("1142099999016", "PETIT", birth)
	p.Cards, p.Mail = nil, ""
	a, err := h.Enrol(h.t.Context(), "operator", p.Person)
	h.must(err)
	part, _, err := h.find(h.t.Context(), a)
	h.must(err)
	h.must(h.commit(h.t.Context(), part, func(t *tx) error {
		return patient.Represent(t, t.Scope, patient.Person{Part: store.Part(h.record(bruno)), Address: bruno, Name: "Bruno", By: bruno}, t.now)
	}))
	h.must(h.hintHelped(h.t.Context(), store.Part(h.record(bruno)), patient.Helped{Part: part, Address: a.Canonical(), Name: "Alix PETIT", Kind: patient.Representative}))
	h.lives(a.Canonical(), patient.Activate)
	return a.Canonical()
}

func TestASecondRepresentativeUntilTheChildIsOfAge(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	child := h.child("20140510")
	h.reach(child, h.checked())
	father, mother, record := h.login(bruno), h.login(alice), h.record(child)
	h.must(h.Invite(ctx, father, record, addr(alice), Invitation{Kind: patient.Representative}))
	h.must(h.AnswerInvitation(ctx, mother, record, true))
	if err := h.EndPerson(ctx, mother, record, h.record(bruno)); ruleOf(err) != "delegation/representatives-stay" {
		t.Errorf("she removes who invited her: %v", err)
	}
	h.must(h.Invite(ctx, mother, record, addr(alice2(h)), Invitation{Kind: patient.Carer, Scope: patient.Scope{Agenda: true}, Until: h.now.Add(days)}))
	h.did(child, alice+" invite for Alix PETIT")
	proof, err := h.CloseSpace(ctx, mother, record, false)
	if err != nil || proof.Event != patient.Close {
		t.Fatalf("she closes it: %+v, %v", proof, err)
	}
	h.did(child, alice+" close for Alix PETIT")
	h.must(h.ReopenSpace(ctx, father, record))
	h.due()

	h.now = time.Date(2032, 5, 9, 23, 0, 0, 0, time.UTC)
	h.must(h.LiveOn(ctx))
	if _, d, _ := h.stand(ctx, father, store.Part(record), policy.ListDocuments); !d.Allow {
		t.Errorf("the day before: %s", d.Rule)
	}
	h.now = h.now.Add(time.Hour)
	if _, d, _ := h.stand(ctx, father, store.Part(record), policy.ListDocuments); d.Rule != "delegation/ended" {
		t.Errorf("on the birthday, before the janitor comes: %s", d.Rule)
	}
	h.must(h.LiveOn(ctx))
	if got := kinds(h.due()); !slices.Contains(got, NoticeOfAge) {
		t.Errorf("the young adult is told %v", got)
	}
	for _, who := range []Actor{father, mother} {
		if _, err := h.CloseSpace(ctx, who, record, true); err == nil {
			t.Error("a parent closes the space of an adult")
		}
		if list, err := h.Helped(ctx, who); err != nil || len(list) != 0 {
			t.Errorf("%s still represents %+v, %v", who.Address.Canonical(), list, err)
		}
	}
	h.verifies()
}

// alice2 is another adult with an open space.
func alice2(h *house) string {
	h.t.Helper()
	a, err := h.Enrol(h.t.Context(), "operator", insured("2852099999011", "MERCIER", "19850000").Person)
	h.must(err)
	h.lives(a.Canonical(), patient.Activate)
	return a.Canonical()
}

func TestClosingReopeningErasing(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.reach(alice, h.checked())
	h.open(alice, thomas)
	h.due() // she is told of the mail
	a, record := h.login(alice), h.record(alice)
	proof, err := h.CloseSpace(ctx, a, record, false)
	h.must(err)
	if got := kinds(h.due()); !slices.Equal(got, []NoticeKind{NoticeClosed}) {
		t.Errorf("she is told %v", got)
	}
	if n := len(h.read(thomas, "INBOX")); n != 0 {
		t.Errorf("who had an exchange open is told something: %d mails", n)
	}
	if err := h.send(thomas, "Bonjour", "", alice); ruleOf(err) != "space/closed" || !errors.Is(err, fault.NotFound) {
		t.Errorf("and writes: %v", err)
	}
	if kept, err := h.Proof(ctx, proof.Reference); err != nil || kept.Event != patient.Close || !kept.At.Equal(h.now) {
		t.Errorf("the reference gives %+v, %v", kept, err)
	}
	again, err := h.ProofOf(ctx, "operator", addr(alice))
	if err != nil || again != proof {
		t.Errorf("the proof asked for again: %+v, %v", again, err)
	}
	h.must(h.AskErasure(ctx, a, record))
	h.after(29 * days)
	h.must(h.WithdrawErasure(ctx, a, record))
	h.after(days)
	if got := h.state(alice); got != policy.Closed && got != policy.Archived {
		t.Fatalf("erased although she took it back: %s", patient.StateName(got))
	}
	h.must(h.ReopenSpace(ctx, a, record))
	if n := len(h.read(alice, "INBOX")); n != 1 {
		t.Errorf("%d mails came back", n)
	}
	_, err = h.CloseSpace(ctx, a, record, true)
	h.must(err)
	h.after(30 * days)
	if got := h.state(alice); got != policy.None {
		t.Errorf("a month after asking it is %s", patient.StateName(got))
	}
	h.verifies()
}

func TestAProofThatWasChangedIsNone(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	proof, err := h.CloseSpace(ctx, h.login(alice), h.record(alice), false)
	h.must(err)
	if p, err := h.VerifyProof(ctx, proof.Text); err != nil || p.Reference != proof.Reference {
		t.Fatalf("as it was given: %+v, %v", p, err)
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"printed with other line ends": {replace(proof.Text, "\n", " \r\n"), nil},
		"another name":                 {replace(proof.Text, "ESSAI", "AUTRE"), fault.Corrupt},
		"another reference":            {replace(proof.Text, proof.Reference, "aaaaaaaaaaaa"), fault.Corrupt},
		"no signature":                 {replace(proof.Text, proofSignature, ""), fault.Invalid},
		"nothing":                      {"", fault.Invalid},
		"a signature alone":            {proofSignature + "AAAA", fault.Invalid},
		"too long":                     {string(make([]byte, maxProof+1)), fault.TooLarge},
	} {
		if _, err := h.VerifyProof(ctx, c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := h.Proof(ctx, "aaaaaaaaaaaa"); !errors.Is(err, fault.NotFound) {
		t.Errorf("an invented reference: %v", err)
	}
	other := newHouse(t)
	if _, err := other.VerifyProof(ctx, proof.Text); !errors.Is(err, fault.Corrupt) {
		t.Errorf("of another hub: %v", err)
	}
}

func TestACrashAmongTwoSpacesIsMadeGoodByTryingAgain(t *testing.T) {
	for _, e := range newHouse(t).engines() {
		for n := 1; ; n++ {
			h := newHouse(t)
			ctx := t.Context()
			a, b, record, his := h.login(alice), h.login(bruno), h.record(alice), h.record(bruno)
			engine := h.engineNamed(e.name)
			story := func() error {
				asked := Invitation{Kind: patient.Carer, Scope: patient.Scope{ReadDocuments: true}, Until: h.now.Add(days)}
				if err := h.Invite(ctx, a, record, addr(bruno), asked); err != nil && !errors.Is(err, fault.Exists) {
					return err
				}
				if err := h.AnswerInvitation(ctx, b, record, true); err != nil && !errors.Is(err, fault.NotFound) {
					return err
				}
				list, err := h.Helped(ctx, b)
				if err == nil && (len(list) != 1 || list[0].Link.State != patient.Accepted) {
					t.Errorf("%s %d: %+v", e.name, n, list)
				}
				if err := h.EndPerson(ctx, a, record, his); err != nil && !errors.Is(err, fault.NotFound) {
					return err
				}
				return nil
			}
			engine.fail(n)
			err := story()
			fired := engine.fired()
			engine.fail(0)
			if err != nil {
				h.now = h.now.Add(time.Minute)
				list, _ := h.Persons(ctx, a, record)
				if ended := len(list) == 1 && list[0].State == patient.Ended; !ended {
					if err := story(); err != nil {
						t.Errorf("%s %d: again: %v", e.name, n, err)
					}
				}
			}
			if list, err := h.Helped(ctx, b); err != nil || len(list) != 0 {
				t.Errorf("%s %d: he still helps %+v, %v", e.name, n, list, err)
			}
			if !fired || n > 60 {
				break
			}
		}
	}
}

func replace(s, old, with string) string { return strings.ReplaceAll(s, old, with) }

func (h *house) engineNamed(name string) engine {
	h.t.Helper()
	for _, e := range h.engines() {
		if e.name == name {
			return e
		}
	}
	h.t.Fatalf("no engine %s", name)
	return engine{}
}

func TestHintsThatLeadNowhereMakeRoom(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	a, b, record := h.login(alice), h.login(bruno), h.record(alice)
	his := store.Part(h.record(bruno))
	for n := range patient.MaxHelped {
		h.must(h.hintHelped(ctx, his, patient.Helped{Part: store.Part(vault.NewID()), Name: fmt.Sprint(n), Kind: patient.Carer}))
	}
	h.must(h.Invite(ctx, a, record, addr(bruno), Invitation{Kind: patient.Carer, Scope: patient.Scope{Agenda: true}, Until: h.now.Add(days)}))
	h.must(h.AnswerInvitation(ctx, b, record, true))
	h.must(h.view(ctx, his, func(r store.Reader) error {
		list, err := patient.AllHelped(r, h.scope(his))
		if len(list) != 1 {
			t.Errorf("%d hints are left, want 1", len(list))
		}
		return err
	}))
}

func TestWhatCannotBeUndoneNeedsAFreshProof(t *testing.T) {
	h := newWeb(t)
	ctx := t.Context()
	a, record := h.enters(false).Actor, h.record(alice)
	h.now = h.now.Add(account.SensitiveFor)
	n := Invitation{Kind: patient.Carer, Scope: patient.Scope{Agenda: true}, Until: h.now.Add(days)}
	_, closing := h.CloseSpace(ctx, a, record, false)
	for name, err := range map[string]error{"closing": closing, "erasing": h.AskErasure(ctx, a, record), "inviting": h.Invite(ctx, a, record, addr(bruno), n)} {
		if ruleOf(err) != "session/prove-again" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := h.state(alice); got != policy.Active {
		t.Errorf("it is %s", patient.StateName(got))
	}
	fresh := h.enters(false)
	if _, err := h.CloseSpace(ctx, fresh.Actor, record, false); err != nil {
		t.Errorf("with a fresh proof: %v", err)
	}
	if _, _, err := h.OpenWeb(ctx, fresh.Token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("she is still logged in to a closed space: %v", err)
	}
}

// FuzzVerifyProof looks for a text that is taken for a proof and is none.
func FuzzVerifyProof(f *testing.F) {
	h := newHouse(f)
	a := h.login(alice)
	proof, err := h.CloseSpace(f.Context(), a, h.record(alice), false)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{proof.Text, "", proofSignature, "Référence : a\n" + proofSignature + "AAAA", "\n\n\n"} {
		f.Add(s)
	}
	plain := func(s string) string {
		var lines []string
		for line := range strings.Lines(strings.TrimSpace(s)) {
			lines = append(lines, strings.TrimRight(line, " \t\r\n"))
		}
		return strings.Join(lines, "\n")
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := h.VerifyProof(t.Context(), s); err == nil && plain(s) != plain(proof.Text) {
			t.Errorf("%q is taken for a proof", s)
		}
	})
}

func TestWhoLooksAtWhoHelpsIsInTheTrail(t *testing.T) {
	h := newHouse(t)
	a := h.login(alice)
	for range 2 {
		if _, err := h.Persons(t.Context(), a, h.record(alice)); err != nil {
			t.Fatal(err)
		}
	}
	looks := 0
	for _, line := range h.acts(alice) {
		if strings.HasSuffix(line, " manage-access") {
			looks++
		}
	}
	if looks != 1 && (a.Session != "" || looks != 2) {
		t.Errorf("the trail has it %d times: %q", looks, h.acts(alice))
	}
}
