package hub

import (
	"bytes"
	"errors"

	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

func to(list ...string) (people []message.Address) {
	for _, one := range list {
		local, host, _ := strings.Cut(one, "@")
		people = append(people, message.Address{Mailbox: local, Host: host})
	}
	return people
}

func names(people []message.Address) (list []string) {
	for _, one := range people {
		list = append(list, one.Spec())
	}
	return list
}

// write saves a draft.
func (h *house) write(a Actor, d Draft, files ...message.Attachment) Draft {
	h.t.Helper()
	if d.ID == "" {
		d.ID = NewDraftID()
	}
	saved, err := h.SaveDraft(h.t.Context(), a, d, DraftChange{Add: files})
	h.must(err)
	return saved
}

// leave lets the time pass in which a mail may be taken back.
func (h *house) leaves() {
	h.t.Helper()
	h.now = h.now.Add(UndoTime)
	h.must(h.DueDepartures(h.t.Context()))
}

// newestID returns the ID of the last message in a folder.
func (h *house) newestID(address string, folder mailbox.FolderID) (id MessageID) {
	h.t.Helper()
	s := h.session(address)
	for named, err := range s.ids(folder) {
		h.must(err)
		id = MessageID(named.ID)
	}
	return id
}

func big(name string, n int) message.Attachment {
	return message.Attachment{Name: name, Type: "application/pdf", Content: []byte(pdf + strings.Repeat("%", n))}
}

func TestADraftIsOneMailHoweverOftenItIsSaved(t *testing.T) {
	h := newHouse(t)
	a := h.login(thomas)
	d := h.write(a, Draft{To: to(adam), Subject: "Échange", Text: "Un"}, big("radio.pdf", 90_000), message.Attachment{Name: "petit.txt", Type: "text/plain", Content: []byte("peu")})
	blobs := h.blobsOf(a.Part)
	for _, text := range []string{"Un, deux", "Un, deux, trois €"} {
		h.now = h.now.Add(time.Second)
		d.Text, d.ReadReceipt, d.Delivered, d.Ends = text, true, true, true
		d = h.write(a, d)
	}
	kept := h.read(thomas, "Drafts")
	if len(kept) != 1 || !strings.Contains(kept[0], "Un, deux, trois =E2=82=AC") || !strings.Contains(kept[0], "Disposition-Notification-To: <"+thomas+">") {
		t.Fatalf("a mail program sees %d drafts: %.2000q", len(kept), kept)
	}
	mail, err := message.Parse([]byte(kept[0]), message.Default)
	h.must(err)
	if content, err := mail.Root.Children[1].Decoded(mail.Raw, 1<<20); err != nil || !bytes.Equal(content, big("", 90_000).Content) {
		t.Errorf("the file in it is not what it was: %v", err)
	}
	s := h.session(thomas)
	c, err := s.Changes(t.Context(), mailbox.Drafts, mailbox.Cursor{})
	h.must(err)
	if c.Messages[0].Flags.System&mailbox.Draft == 0 {
		t.Error("it is not marked as a draft")
	}
	if n := h.blobsOf(a.Part); n != blobs {
		t.Errorf("%d objects, there were %d: the file is sealed again", n, blobs)
	}
	got, err := h.Draft(t.Context(), a, d.ID)
	h.must(err)
	if got.Text != d.Text || got.Subject != "Échange" || !slices.Equal(names(got.To), []string{adam}) || !got.ReadReceipt || !got.Delivered || !got.Ends ||
		len(got.Files) != 2 || got.Files[0].Name != "radio.pdf" || got.Files[0].Size != int64(90_000+len(pdf)) || got.Files[1].Size != 3 {
		t.Errorf("it is read as %+v", got)
	}
	got, err = h.SaveDraft(t.Context(), a, got, DraftChange{Drop: []string{got.Files[0].ID}})
	h.must(err)
	if len(got.Files) != 1 || got.Files[0].Name != "petit.txt" || h.blobsOf(a.Part) != blobs-1 {
		t.Errorf("without the file: %+v, %d objects", got.Files, h.blobsOf(a.Part))
	}
	h.verifies()
	h.must(h.DiscardDraft(t.Context(), a, d.ID))
	h.must(h.DiscardDraft(t.Context(), a, d.ID))
	if list, err := h.Drafts(t.Context(), a); err != nil || len(list) != 0 {
		t.Errorf("after it was discarded: %v, %v", list, err)
	}
	h.verifies()
}

func TestADraftOfAnotherProgramGoesOnHere(t *testing.T) {
	h := newHouse(t)
	a, s := h.login(thomas), h.session(thomas)
	raw := attach(thomas, adam, "brouillon@ailleurs", "", "note.pdf", pdf+strings.Repeat("%", 70_000))
	_, err := s.Append(t.Context(), mailbox.Drafts, raw, mailbox.Flags{System: mailbox.Draft}, h.now)
	h.must(err)
	list, err := h.Drafts(t.Context(), a)
	h.must(err)
	if len(list) != 1 || !slices.Equal(names(list[0].To), []string{adam}) {
		t.Fatalf("the list is %+v", list)
	}
	d, err := h.Draft(t.Context(), a, list[0].ID)
	h.must(err)
	if len(d.Files) != 1 || d.Files[0].Name != "note.pdf" {
		t.Fatalf("it has %+v", d.Files)
	}
	_, err = h.SendDraft(t.Context(), a, d.ID)
	h.must(err)
	h.leaves()
	if got := h.read(adam, "INBOX"); len(got) != 1 || !strings.Contains(got[0], "Message-ID: <brouillon@ailleurs>") || strings.Contains(got[0], draftField) {
		t.Errorf("it arrived as %.900q", got)
	}
	h.verifies()
}

func TestAMailIsWrittenTakenBackAndSent(t *testing.T) {
	h := newHouse(t)
	a := h.login(thomas)
	d := h.write(a, Draft{To: to(alice), Cc: to(adam), Subject: "Résultats", Text: "Tout va bien."}, big("radio.pdf", 70_000))
	at, err := h.SendDraft(t.Context(), a, d.ID)
	h.must(err)
	if again, err := h.SendDraft(t.Context(), a, d.ID); err != nil || !again.Equal(at) || !at.Equal(h.now.Add(UndoTime)) {
		t.Errorf("it leaves at %v, then at %v, %v", at, again, err)
	}
	if _, err := h.SaveDraft(t.Context(), a, d, DraftChange{}); !errors.Is(err, fault.Conflict) || ruleOf(err) != "draft/leaves" {
		t.Errorf("what is about to leave is changed: %v", err)
	}
	if err := h.DiscardDraft(t.Context(), a, d.ID); !errors.Is(err, fault.Conflict) {
		t.Errorf("what is about to leave is discarded: %v", err)
	}
	h.must(h.DueDepartures(t.Context()))
	if p, err := h.Passage(t.Context(), a, d.ID); err != nil || !p.Leaves.Equal(at) || len(h.read(alice, "INBOX")) != 0 || len(h.read(thomas, "Drafts")) != 1 {
		t.Errorf("before its time: %+v, %v", p, err)
	}
	h.must(h.TakeBack(t.Context(), a, d.ID))
	h.must(h.TakeBack(t.Context(), a, d.ID))
	h.leaves()
	if len(h.read(alice, "INBOX")) != 0 {
		t.Fatal("what was taken back has left")
	}
	d.Text = "Tout va très bien."
	d = h.write(a, d)
	_, err = h.SendDraft(t.Context(), a, d.ID)
	h.must(err)
	h.leaves()
	for range 2 {
		h.must(h.DueDepartures(t.Context()))
	}
	if err := h.TakeBack(t.Context(), a, d.ID); !errors.Is(err, fault.Conflict) {
		t.Errorf("what has left is taken back: %v", err)
	}
	if _, err := h.SaveDraft(t.Context(), a, d, DraftChange{}); ruleOf(err) != "draft/left" {
		t.Errorf("what has left is written again: %v", err)
	}
	if _, err := h.SendDraft(t.Context(), a, d.ID); ruleOf(err) != "draft/left" {
		t.Errorf("what has left is sent again: %v", err)
	}
	h.must(errors.Join(filed(h, "INBOX", 1, alice, adam), filed(h, "Drafts", 0, thomas), filed(h, "Sent", 1, thomas)))
	sent, got := h.read(thomas, "Sent")[0], h.read(alice, "INBOX")[0]
	if !strings.Contains(sent, "\r\nX-MSS-NIL: "+DefaultProduct+"\r\n") {
		t.Errorf("it does not name its software:\n%s", sent)
	}
	if !strings.HasSuffix(got, sent) || strings.Contains(sent, draftField) || !strings.Contains(sent, "=C3=A8s bien") {
		t.Errorf("what was sent is not what arrived:\n%.1500s\n%.1500s", sent, got)
	}
	if p, err := h.Passage(t.Context(), a, d.ID); err != nil || p.Left.IsZero() {
		t.Errorf("%+v, %v", p, err)
	}
	h.verifies()
}

func TestAPatientAnswers(t *testing.T) {
	h := newHouse(t)
	h.must(h.deliver(thomas, mail(thomas, []string{alice, bruno}, "XDM/1.0/DDM+Bilan", "Cc: <"+adam+">\r\nReply-To: <"+cardio+">\r\n", "Bonjour,\r\ncomment allez-vous ?"), alice, bruno, adam))
	a, id := h.login(alice), h.newestID(alice, mailbox.Inbox)
	d, q, err := h.Answer(t.Context(), a, id, false)
	h.must(err)
	if !slices.Equal(names(d.To), []string{cardio}) || len(d.Cc) != 0 || d.Subject != "Re: Bilan" || q.Text != "Bonjour,\ncomment allez-vous ?" || q.Author.Spec() != thomas {
		t.Errorf("the answer begins as %+v, %+v", d, q)
	}
	all, _, err := h.Answer(t.Context(), a, id, true)
	h.must(err)
	if !slices.Equal(names(all.Cc), []string{bruno, adam}) {
		t.Errorf("to all: %v", names(all.Cc))
	}
	all = h.write(a, all)
	_, err = h.SendDraft(t.Context(), a, all.ID)
	if who := (*Unreachable)(nil); !errors.As(err, &who) || len(who.Who) != 2 || ruleOf(who.Who[0].Err) != "thread/patients-do-not-write-to-each-other" || ruleOf(who.Who[1].Err) != "thread/only-professionals-open" {
		t.Errorf("to all gives %v", err)
	}
	d.Text = "Très bien, merci."
	d = h.write(a, d)
	d.Answers = "" // a form need not bring it back
	d = h.write(a, d)
	_, err = h.SendDraft(t.Context(), a, d.ID)
	h.must(err)
	h.leaves()
	got := h.read(cardio, "INBOX")
	first, err := message.Parse([]byte(h.read(alice, "INBOX")[0]), message.Default)
	h.must(err)
	if len(got) != 1 || !strings.Contains(got[0], "In-Reply-To: <"+first.MessageID()+">") || !strings.Contains(got[0], "References: <"+first.MessageID()+">") {
		t.Errorf("it arrived as %q", got)
	}
	c, err := h.session(alice).Changes(t.Context(), mailbox.Inbox, mailbox.Cursor{})
	h.must(err)
	if c.Messages[0].Flags.System&mailbox.Answered == 0 {
		t.Error("the message is not marked as answered")
	}
	h.must(filed(h, "Sent", 1, alice))
	h.verifies()
}

func TestAnAnswerToAllIsForAllOrForNone(t *testing.T) {
	h := newHouse(t)
	h.must(h.send(adam, "Moi aussi", "", alice))
	h.must(h.send(thomas, "À deux", "Cc: <"+adam+">\r\n", alice))
	h.must(h.send(adam, "[FIN]", "", alice))
	a := h.login(alice)
	list, err := h.Contacts(t.Context(), a)
	h.must(err)
	open := map[string]string{}
	for _, c := range list {
		open[c.Address] = ""
		if c.Refusal != nil {
			open[c.Address] = c.Refusal.Rule
		}
	}
	if len(open) != 2 || open[thomas] != "" || open[adam] != "thread/ended" {
		t.Errorf("they may write to %v", open)
	}
	d := h.write(a, Draft{To: to(thomas, adam), Subject: "Bonjour", Text: "À tous les deux."})
	_, err = h.SendDraft(t.Context(), a, d.ID)
	who := (*Unreachable)(nil)
	if !errors.As(err, &who) || len(who.Who) != 1 || who.Who[0].Address.Spec() != adam || ruleOf(err) != "thread/ended" || !errors.Is(err, fault.Denied) {
		t.Errorf("it gives %v", err)
	}
	h.leaves()
	h.must(errors.Join(filed(h, "INBOX", 0, thomas), filed(h, "Drafts", 1, alice)))
}

// TestWhatMayNoLongerLeaveComesBack: the rule is decided again when the time has
// come.
func TestWhatMayNoLongerLeaveComesBack(t *testing.T) {
	h := newHouse(t)
	h.must(h.send(thomas, "Bonjour", "", alice))
	a := h.login(alice)
	d := h.write(a, Draft{To: to(thomas), Subject: "Une question", Text: "Puis-je reprendre le sport ?"}, big("radio.pdf", 70_000))
	_, err := h.SendDraft(t.Context(), a, d.ID)
	h.must(err)
	h.must(h.send(thomas, "[FIN]", "", alice))
	h.leaves()
	back, err := h.Draft(t.Context(), a, d.ID)
	h.must(err)
	if back.Failed == nil || back.Failed.Rule != "thread/ended" || !strings.Contains(back.Failed.FR, "a mis fin") || back.Text != d.Text || len(back.Files) != 1 || !back.Leaves.IsZero() {
		t.Errorf("it comes back as %+v", back)
	}
	if list, err := h.Drafts(t.Context(), a); err != nil || len(list) != 1 || list[0].Failed == nil {
		t.Errorf("the list says %+v, %v", list, err)
	}
	h.must(filed(h, "INBOX", 0, thomas))
	h.must(h.send(thomas, "Reprenons", "", alice))
	back = h.write(a, back)
	_, err = h.SendDraft(t.Context(), a, back.ID)
	h.must(err)
	h.leaves()
	h.must(errors.Join(filed(h, "INBOX", 1, thomas), filed(h, "Drafts", 0, alice), filed(h, "Sent", 1, alice)))
	h.verifies()
}

func TestNothingLeavesASealedHubNorAClosedSpace(t *testing.T) {
	h := newHouse(t)
	h.must(h.send(thomas, "Bonjour", "", alice))
	a := h.login(alice)
	d := h.write(a, Draft{To: to(thomas), Subject: "Une question", Text: "Puis-je ?"})
	_, err := h.SendDraft(t.Context(), a, d.ID)
	h.must(err)
	h.now = h.now.Add(2 * UndoTime)
	sealed := h.process(func(c *Config) { c.Ring, c.Erasure = nil, nil })
	h.must(sealed.DueDepartures(t.Context()))
	h.must(filed(h, "INBOX", 0, thomas))
	other := h.process(func(*Config) {}) // one that knows of it by its hint alone
	h.must(other.DueDepartures(t.Context()))
	h.must(errors.Join(filed(h, "INBOX", 1, thomas), filed(h, "Sent", 1, alice)))

	d = h.write(a, Draft{To: to(thomas), Subject: "Encore", Text: "Puis-je ?"})
	_, err = h.SendDraft(t.Context(), a, d.ID)
	h.must(err)
	_, err = h.Life(t.Context(), "operator", addr(alice), patient.Close)
	h.must(err)
	h.leaves()
	h.must(filed(h, "INBOX", 1, thomas))
	h.verifies()
}

// TestADraftIsNamedAsNothingElse: a page that was open for long does not write
// under the name of a message that is there.
func TestADraftIsNamedAsNothingElse(t *testing.T) {
	h := newHouse(t)
	h.must(h.send(thomas, "Bonjour", "", adam))
	a := h.login(adam)
	if _, err := h.SaveDraft(t.Context(), a, Draft{ID: h.newestID(adam, mailbox.Inbox), To: to(thomas)}, DraftChange{}); ruleOf(err) != "draft/left" {
		t.Errorf("a draft has the name of a message: %v", err)
	}
	h.must(errors.Join(filed(h, "INBOX", 1, adam), filed(h, "Drafts", 0, adam)))
}

func TestADraftIsBounded(t *testing.T) {
	h := newHouse(t)
	h.Limits.Mail, h.Limits.PatientMail = 200_000, 100_000
	h.must(h.send(thomas, "Bonjour", "", alice))
	a, p := h.login(thomas), h.login(alice)
	d := h.write(a, Draft{To: to(alice), Text: "Voici."}, big("radio.pdf", 100_000))
	if _, err := h.SendDraft(t.Context(), a, d.ID); !errors.Is(err, fault.TooLarge) {
		t.Errorf("too large for a patient: %v", err)
	}
	if _, err := h.SaveDraft(t.Context(), a, d, DraftChange{Add: []message.Attachment{big("b.pdf", 100_000)}}); !errors.Is(err, fault.TooLarge) {
		t.Errorf("too large for anybody: %v", err)
	}
	if _, err := h.SaveDraft(t.Context(), p, Draft{ID: NewDraftID()}, DraftChange{Add: []message.Attachment{big("b.pdf", 100_000)}}); !errors.Is(err, fault.TooLarge) {
		t.Errorf("too large of a patient: %v", err)
	}
	one, _, err := h.Deposit(t.Context(), p, h.record(alice), Submission{Content: big("c.pdf", 60_000).Content, Entry: vault.Entry{TypeCode: "EXPPAT_2", MediaType: "application/pdf", Title: "Radio"}})
	h.must(err)
	all := DraftChange{Documents: []string{one.ID, one.ID, "of nobody"}} // the third is not even looked for
	if _, err := h.SaveDraft(t.Context(), p, Draft{ID: NewDraftID()}, all); !errors.Is(err, fault.TooLarge) {
		t.Errorf("too large with its documents: %v", err)
	}
	if _, err := h.SendDraft(t.Context(), p, h.write(p, Draft{Text: "À qui ?"}).ID); !errors.Is(err, fault.Invalid) {
		t.Errorf("to nobody: %v", err)
	}
	if _, err := h.SaveDraft(t.Context(), p, Draft{ID: "../x"}, DraftChange{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("of no name: %v", err)
	}
	if _, err := h.Draft(t.Context(), p, d.ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("the draft of another: %v", err)
	}
	h.must(filed(h, "Drafts", 1, thomas))
}

func TestDocumentsOfARecordGoWithAMail(t *testing.T) {
	h := newHouse(t)
	h.must(h.deliver(thomas, attach(thomas, alice, "un@test", "", "cr.xml", report("1.2.250.1.999.7", matriculeOf(alice), "ESSAI", "Scanner")), alice))
	a := h.login(alice)
	docs, err := h.Documents(t.Context(), a, h.record(alice))
	h.must(err)
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	d, err := h.SaveDraft(t.Context(), a, Draft{ID: NewDraftID(), To: to(thomas), Text: "Le voici."}, DraftChange{Documents: []string{docs[0].ID}})
	h.must(err)
	if len(d.Files) != 1 || d.Files[0].Name != "cr.xml" {
		t.Errorf("its files are %+v", d.Files)
	}
	_, err = h.SendDraft(t.Context(), a, d.ID)
	h.must(err)
	h.leaves()
	h.must(filed(h, "INBOX", 1, thomas))
	if _, err := h.SaveDraft(t.Context(), h.login(bruno), Draft{ID: NewDraftID()}, DraftChange{Documents: []string{docs[0].ID}}); !errors.Is(err, fault.NotFound) {
		t.Errorf("the document of another: %v", err)
	}

	// What a professional may see and others may not.
	yes := true
	_, err = h.ChangeDocument(t.Context(), a, docs[0].ID, DocumentChange{Masked: &yes})
	h.must(err)
	doctor := h.login(thomas)
	d, err = h.SaveDraft(t.Context(), doctor, Draft{ID: NewDraftID(), To: to(adam)}, DraftChange{Documents: []string{docs[0].ID}})
	h.must(err)
	if _, err = h.SendDraft(t.Context(), doctor, d.ID); ruleOf(err) != "flags/masked-to-professional" {
		t.Errorf("a masked document goes to another professional: %v", err)
	}
	h.verifies()
}

// TestASecretOfAChildGoesToNoMailboxThatItsParentsRead: not even by who wrote it.
func TestASecretOfAChildGoesToNoMailboxThatItsParentsRead(t *testing.T) {
	w := newWard(t)
	tom := w.child("20140510")
	record := w.house.record(tom)
	w.must(w.deliver(thomas, attach(thomas, tom, "secret@test", "", "cr.xml", report("1.2.250.1.99.7", matriculeOf(tom), "PETIT", "Examen")), tom))
	child := Actor{Address: addr(tom), Part: store.Part(record), Role: policy.Patient, Name: "Tom"}
	docs, err := w.Documents(t.Context(), child, record)
	w.must(err)
	yes := true
	_, err = w.ChangeDocument(t.Context(), child, docs[0].ID, DocumentChange{HiddenFromRepresentatives: &yes})
	w.must(err)
	a := w.login(thomas)
	d, err := w.SaveDraft(t.Context(), a, Draft{ID: NewDraftID(), To: to(tom), Text: "Le voici."}, DraftChange{Documents: []string{docs[0].ID}})
	w.must(err)
	d.Text = "Le voici encore."
	d = w.write(a, d) // what it carries is not forgotten
	if _, err = w.SendDraft(t.Context(), a, d.ID); ruleOf(err) != "flags/secret-to-patient" {
		t.Errorf("to the child: %v", err)
	}
	d.To = to(adam)
	d = w.write(a, d)
	if _, err = w.SendDraft(t.Context(), a, d.ID); err != nil {
		t.Errorf("to a colleague: %v", err)
	}
}

func TestWritingInterrupted(t *testing.T) {
	const id = MessageID("aaaaaaaaaaaaaaaaaaaaaaaaaa")
	d := Draft{ID: id, To: to(adam), Subject: "Une fois", Text: "Une seule."}
	interrupt(t, act{
		do: func(h *house, as map[string]Actor) error {
			c := DraftChange{Add: []message.Attachment{big("radio.pdf", 70_000)}}
			if kept, err := h.Draft(t.Context(), as[thomas], id); err == nil && len(kept.Files) > 0 {
				c.Add = nil
			}
			if _, err := h.SaveDraft(t.Context(), as[thomas], d, c); err != nil {
				return err
			}
			_, err := h.SaveDraft(t.Context(), as[thomas], d, DraftChange{})
			return err
		},
		done: func(h *house) error {
			return errors.Join(filed(h, "Drafts", 1, thomas), noOrphans(h, 1))
		},
	})
}

// TestLeavingInterrupted: wherever it stops, a mail that was sent arrives once,
// at a professional and at a patient, and its copy is kept once.
func TestLeavingInterrupted(t *testing.T) {
	const id = MessageID("aaaaaaaaaaaaaaaaaaaaaaaaaa")
	for _, who := range []string{thomas, alice} {
		t.Run(strings.ReplaceAll(who[:4], ".", "_"), func(t *testing.T) {
			people := []string{alice, adam}
			if who == alice {
				people = []string{thomas}
			}
			interrupt(t, act{
				prepare: func(h *house) {
					h.must(h.send(thomas, "Bonjour", "", alice))
					h.write(h.login(who), Draft{ID: id, To: to(people...), Subject: "Une fois", Text: "Une seule."}, big("radio.pdf", 70_000))
				},
				do: func(h *house, as map[string]Actor) error {
					if _, err := h.SendDraft(t.Context(), as[who], id); err != nil && ruleOf(err) != "draft/left" {
						return err
					}
					h.now = h.now.Add(2 * UndoTime)
					return h.DueDepartures(t.Context())
				},
				done: func(h *house) error {
					h.must(h.CarryAll(t.Context()))
					want := map[string]int{adam: 1, alice: 2}
					if who == alice {
						want = map[string]int{thomas: 1}
					}
					for one, n := range want {
						if err := filed(h, "INBOX", n, one); err != nil {
							return err
						}
					}
					return errors.Join(filed(h, "Sent", 1, who), filed(h, "Drafts", 0, who))
				},
			})
		})
	}
}

func TestASubjectIsAnsweredOnce(t *testing.T) {
	for in, want := range map[string]string{
		"Bilan": "Re: Bilan", "Re: Bilan": "Re: Bilan", "RE : re: Bilan": "Re: Bilan", "TR: Bilan": "Re: Bilan", "": "Re:",
		"XDM/1.0/DDM+Scanner": "Re: Scanner", "Re[2]: Bilan": "Re: Bilan", "Rendez-vous": "Re: Rendez-vous",
	} {
		if got := answerSubject(in); got != want {
			t.Errorf("answerSubject(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAnAnswerFollowsWhatItAnswers(t *testing.T) {
	long := strings.Repeat("<a@b> ", maxReferences)
	for name, c := range map[string]struct {
		header string
		want   int
	}{"first": {"", 1}, "second": {"References: <x@y>\r\n", 2}, "without": {"In-Reply-To: <x@y>\r\n", 2}, "long": {"References: " + long + "\r\n", maxReferences}} {
		m, err := message.Parse([]byte("Message-ID: <m@n>\r\n"+c.header+"\r\nBonjour"), message.Default)
		if err != nil {
			t.Fatal(err)
		}
		in, refs := following(m)
		if len(in) != 1 || len(refs) != c.want || refs[len(refs)-1] != "m@n" {
			t.Errorf("%s: %v, %v", name, in, refs)
		}
	}
}

func TestAnAddresseeIsAnAddressOrAMatricule(t *testing.T) {
	h := newHouse(t)
	m := addr(alice).Local()
	for in, want := range map[string]string{
		m: alice, " " + m[:1] + " " + m[1:3] + " " + m[3:] + " ": alice, alice: alice, "Eric.Thomas@Medecin.test": thomas,
		"thomas": "", "": "", m[:14]: "", "a@b@c": "",
	} {
		got, err := h.ParseAddressee(in)
		if got.Canonical() != want || (err == nil) != (want != "") {
			t.Errorf("ParseAddressee(%q) = %v, %v", in, got.Canonical(), err)
		}
	}
}

// ids yields the messages of a folder.
func (s session) ids(f mailbox.FolderID) func(func(mailbox.Named, error) bool) {
	return func(yield func(mailbox.Named, error) bool) {
		err := s.view(s.h.t.Context(), func(r store.Reader) error {
			for named, err := range s.book.IDs(r, f) {
				if !yield(named, err) {
					return nil
				}
			}
			return nil
		})
		s.h.must(err)
	}
}
