package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// taken is what somebody takes away of a record.
type taken struct {
	documents, mail []string
	lines           []audit.Line
}

func (h *house) takes(a Actor, record string) (all taken, err error) {
	h.t.Helper()
	ctx := h.t.Context()
	t, err := h.TakeOut(ctx, a, record)
	if err != nil {
		return all, err
	}
	whole := false
	defer func() { h.must(t.End(ctx, whole)) }()
	views, _, err := t.Documents(ctx)
	if err != nil {
		return all, err
	}
	for _, d := range views {
		c, err := t.Document(ctx, d)
		if err != nil {
			return all, err
		}
		var b bytes.Buffer
		h.must(c.ReadRange(&b, 0, c.Size()))
		all.documents = append(all.documents, b.String())
	}
	for m, err := range t.Messages(ctx) {
		if err != nil {
			return all, err
		}
		var b bytes.Buffer
		h.must(m.Content.ReadRange(&b, 0, m.Content.Size()))
		all.mail = append(all.mail, m.Folder+"\n"+b.String())
	}
	for l, err := range t.Lines(ctx) {
		if err != nil {
			return all, err
		}
		all.lines = append(all.lines, l)
	}
	whole = true
	return all, nil
}

func (w *ward) submit(by, title, content string, f vault.Flags) string {
	w.t.Helper()
	views, err := w.AddDocuments(w.t.Context(), w.login(by), w.record, []Submission{{Flags: f, Content: []byte(content),
		Entry: vault.Entry{TypeCode: biology, MediaType: "text/plain", Title: title, UniqueID: "1.2.250.1.999." + fmt.Sprint(len(content)), Created: w.now}}})
	w.must(err)
	return views[0].ID
}

// TestEverythingIsTakenAwayByteForByte: each message and each document, and the
// trail, in which the taking stands before and after.
func TestEverythingIsTakenAwayByteForByte(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	var sent []string
	for i := range 3 {
		w.must(w.send(thomas, fmt.Sprintf("Compte rendu %d", i), "", alice))
	}
	w.submit(biolab, "Biologie", "Glycémie normale.", 0)
	w.submit(biolab, "À annoncer", "Ceci attend d'être annoncé.", vault.HiddenFromPatient)
	for _, name := range []string{"INBOX", "Sent"} {
		sent = append(sent, w.read(alice, name)...)
	}
	all, err := w.takes(w.login(alice), w.record)
	w.must(err)
	if len(all.mail) != len(sent) || len(sent) == 0 {
		t.Fatalf("%d messages are taken of %d", len(all.mail), len(sent))
	}
	for i, m := range all.mail {
		if !strings.HasSuffix(m, sent[i]) {
			t.Errorf("message %d is another one:\n%s", i, m)
		}
	}
	seen, err := w.Documents(ctx, w.login(alice), w.record)
	w.must(err)
	if len(all.documents) != len(seen) || !strings.Contains(strings.Join(all.documents, "\n"), "Glycémie normale.") || strings.Contains(strings.Join(all.documents, "\n"), "annoncé") {
		t.Errorf("the documents are %q, of %d", all.documents, len(seen))
	}
	if len(all.lines) == 0 || all.lines[0].Act != "export-record" || all.lines[0].Actor != alice {
		t.Errorf("the newest line is not of the taking itself: %+v", all.lines[:min(1, len(all.lines))])
	}
	acts := w.acts(alice)
	if n := len(acts); acts[n-1] != alice+" list-documents" && acts[n-1] != alice+" "+audit.ActTaken {
		t.Errorf("the trail ends with %q", acts[n-2:])
	}
	w.did(alice, alice+" "+audit.ActTaken)
	w.verifies()
}

func TestWhoMayTakeARecordAway(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	w.must(w.Declare(ctx, w.login(martin), w.record, InCareTeam))
	for who, want := range map[string]error{bruno: fault.NotFound, martin: fault.Denied, thomas: fault.Denied} {
		if _, err := w.takes(w.login(who), w.record); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", who, err, want)
		}
	}
	a, b := w.login(alice), w.login(bruno)
	w.must(w.Invite(ctx, a, w.record, addr(bruno), Invitation{Kind: patient.Carer, Scope: patient.Scope{ReadDocuments: true, ReadMessages: true, Trail: true}, Until: w.now.Add(days)}))
	w.must(w.AnswerInvitation(ctx, b, w.record, true))
	if _, err := w.takes(b, w.record); ruleOf(err) != "carer/not-entrusted" {
		t.Errorf("a carer: %v", err)
	}
	if _, err := w.takes(b, "nowhere"); !errors.Is(err, fault.NotFound) {
		t.Errorf("of nobody: %v", err)
	}
	w.did(alice, bruno+" export-record, refused")
}

// TestATakingAsksForAProof of whoever comes through the web.
func TestATakingAsksForAProof(t *testing.T) {
	h := newHouse(t)
	a := h.login(alice)
	var n account.Session
	h.must(h.commit(t.Context(), a.Part, func(x *tx) (err error) {
		n, _, err = account.NewSession(x, x.Scope, account.Session{Kind: account.WebSession, Created: h.now, Expires: h.now.AddDate(0, 0, 1), Proved: h.now.Add(-account.SensitiveFor)})
		return err
	}))
	a.Web, a.Session = true, n.ID
	if _, err := h.TakeOut(t.Context(), a, ""); ruleOf(err) != "session/prove-again" {
		t.Errorf("without a proof: %v", err)
	}
	h.must(h.commit(t.Context(), a.Part, func(x *tx) error { return account.ProveSession(x, x.Scope, n.ID, "mail", x.now) }))
	taking, err := h.TakeOut(t.Context(), a, "")
	h.must(err)
	if _, err := taking.still(t.Context()); err != nil {
		t.Errorf("while it goes on: %v", err)
	}
	h.must(h.EndWebSession(t.Context(), a, n.ID))
	for _, err := range taking.Lines(t.Context()) {
		if !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("once the session was ended elsewhere: %v", err)
		}
	}
	h.must(taking.End(t.Context(), false))
	h.did(alice, alice+" "+audit.ActCut)
}

// TestASecretOfAChildIsNotTakenAway by who represents the child, nor is the mail
// that brought it; the child finds both.
func TestASecretOfAChildIsNotTakenAway(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	tom := w.child("20140510")
	record := w.record
	w.record = w.house.record(tom)
	defer func() { w.record = record }()
	w.submit(biolab, "Biologie", "Glycémie normale.", 0)
	w.submit(biolab, "Entretien", "Ceci reste entre nous, Tom.", vault.HiddenFromRepresentatives)
	w.must(w.deliver(thomas, attach(thomas, tom, "secret@test", "", "cr.xml", report("1.2.250.1.99.7", matriculeOf(tom), "PETIT", "Examen")), tom))
	child := Actor{Address: addr(tom), Part: store.Part(w.record), Role: 1, Name: "Tom"}
	before, err := w.takes(w.login(bruno), w.record)
	w.must(err)
	if len(before.mail) != 1 || len(before.documents) != 2 {
		t.Fatalf("%d messages, %q", len(before.mail), before.documents)
	}
	seen, err := w.Documents(ctx, child, w.record)
	w.must(err)
	yes := true
	for _, d := range seen { // what came by mail becomes secret, too
		if d.Entry.MessageID != "" {
			_, err := w.ChangeDocument(ctx, child, d.ID, DocumentChange{HiddenFromRepresentatives: &yes})
			w.must(err)
		}
	}
	all, err := w.takes(w.login(bruno), w.record)
	w.must(err)
	if len(all.mail) != 0 || len(all.documents) != 1 || all.documents[0] != "Glycémie normale." {
		t.Errorf("the representative takes %d messages and %q", len(all.mail), all.documents)
	}
	if l, err := w.Luggage(ctx, w.login(bruno), w.record); err != nil || l.Messages != 0 || l.Documents != 1 || l.Size != int64(len("Glycémie normale.")) {
		t.Errorf("and is told of %+v, %v", l, err)
	}
	for _, l := range all.lines {
		if strings.Contains(l.FR, "Entretien") || l.Title == "Entretien" {
			t.Errorf("the trail says %q", l.FR)
		}
	}
	own, err := w.takes(child, "")
	w.must(err)
	if len(own.mail) != 1 || len(own.documents) != 3 {
		t.Errorf("the child takes %d messages and %q", len(own.mail), own.documents)
	}

	// What the child sends on of it, and what is answered, is no way around; nor is
	// what its author has withdrawn since.
	w.must(w.commit(ctx, child.Part, func(x *tx) error {
		n, _, err := account.NewSession(x, x.Scope, account.Session{Kind: account.WebSession, Created: w.now, Expires: w.now.AddDate(0, 0, 1), Proved: w.now})
		child.Web, child.Session = true, n.ID
		return err
	}))
	var secrets []string
	for _, d := range seen {
		if d.Entry.Title == "Entretien" || d.Entry.MessageID != "" {
			secrets = append(secrets, d.ID)
		}
	}
	for _, id := range secrets {
		_, err = w.SaveDraft(ctx, child, Draft{ID: NewDraftID(), Subject: "Voici"}, DraftChange{Documents: []string{id}})
		w.must(err)
	}
	w.must(w.send(thomas, "Votre entretien", "In-Reply-To: <secret@test>\r\n", tom))
	w.must(w.send(thomas, "Autre chose", "", tom))
	for _, d := range seen {
		if d.Entry.MessageID != "" {
			_, err := w.ChangeDocument(ctx, w.login(thomas), d.ID, DocumentChange{Deleted: &yes})
			w.must(err)
		}
	}
	all, err = w.takes(w.login(bruno), w.record)
	w.must(err)
	if len(all.mail) != 1 || !strings.Contains(all.mail[0], "Autre chose") {
		t.Errorf("the representative takes %q", all.mail)
	}
	if own, err = w.takes(child, ""); err != nil || len(own.mail) != 3+len(secrets) || len(secrets) != 2 {
		t.Errorf("the child takes %d messages, %v", len(own.mail), err)
	}
}

// TestHowFarATakingHasComeIsTold to whoever takes, and how it ended.
func TestHowFarATakingHasComeIsTold(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	a := w.login(alice)
	for i := range 3 {
		w.must(w.send(thomas, fmt.Sprintf("Compte rendu %d", i), "", alice))
	}
	w.submit(biolab, "Biologie", "Glycémie normale.", 0)
	l0, err := w.Luggage(ctx, a, w.record)
	w.must(err)
	if l0.Messages != 3 || l0.Documents == 0 || l0.Size == 0 || l0.Going || !l0.Last.Began.IsZero() {
		t.Errorf("before: %+v", l0)
	}
	taking, err := w.TakeOut(ctx, a, w.record)
	w.must(err)
	size := int64(0)
	for m, err := range taking.Messages(ctx) {
		w.must(err)
		w.now = w.now.Add(time.Minute)
		w.must(m.Content.ReadRange(io.Discard, 0, m.Content.Size()))
		size += m.Content.Size()
	}
	l, err := w.TakingOut(ctx, a, w.record)
	if err != nil || !l.Going || l.Last.Done != size || l.Last.Of != l0.Size {
		t.Errorf("meanwhile: %+v, %v", l, err)
	}
	w.now = w.now.Add(outbox.Silence)
	if l, err = w.TakingOut(ctx, a, w.record); err != nil || l.Going || l.Last.Whole {
		t.Errorf("when nothing more is heard of it: %+v, %v", l, err)
	}
	w.must(taking.End(ctx, true))
	if l, err = w.TakingOut(ctx, a, w.record); err != nil || l.Going || !l.Last.Whole {
		t.Errorf("after: %+v, %v", l, err)
	}
	for who, want := range map[string]error{bruno: fault.NotFound, thomas: fault.Denied} {
		if _, err := w.Luggage(ctx, w.login(who), w.record); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", who, err, want)
		}
		if _, err := w.TakingOut(ctx, w.login(who), w.record); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", who, err, want)
		}
	}
}

// TestTooManyTakingsWait: one process serves a few at a time.
func TestTooManyTakingsWait(t *testing.T) {
	h := newHouse(t)
	a := h.login(alice)
	var list []*Takeout
	for range maxTakeouts {
		one, err := h.TakeOut(t.Context(), a, "")
		h.must(err)
		list = append(list, one)
	}
	if _, err := h.TakeOut(t.Context(), a, ""); !errors.Is(err, fault.Unavailable) {
		t.Errorf("one too many: %v", err)
	}
	for _, one := range list {
		h.must(one.End(t.Context(), true))
	}
	if one, err := h.TakeOut(t.Context(), a, ""); err != nil {
		t.Errorf("once they have ended: %v", err)
	} else {
		h.must(one.End(t.Context(), true))
	}
}

// TestNoTrailNoTaking: what cannot be written down is not begun.
func TestNoTrailNoTaking(t *testing.T) {
	h := newHouse(t)
	a := h.login(alice)
	m := &mute{Store: h.Store}
	h.Store = m
	m.at = "begins"
	if _, err := h.TakeOut(t.Context(), a, ""); !errors.Is(err, fault.Unavailable) {
		t.Errorf("it begins: %v", err)
	}
}
