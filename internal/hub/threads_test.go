package hub

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
)

// threads lists somebody's threads as "subject: unread/messages".
func (h *house) threads(a Actor, s ThreadSearch) (list []string) {
	h.t.Helper()
	got, err := h.Threads(h.t.Context(), a, s)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, t := range got.Threads {
		list = append(list, fmt.Sprintf("%s: %d/%d", t.Subject, t.Unread, t.Messages))
	}
	return list
}

// told writes a mail whose name and references are known.
func (h *house) tells(from, to, id, refs, subject, more, body string) {
	h.t.Helper()
	h.now = h.now.Add(time.Minute)
	raw := fmt.Appendf(nil, "Message-ID: <%s@test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\nFrom: <%s>\r\nTo: <%s>\r\nSubject: %s\r\n%s", id, from, to, subject, more)
	if refs != "" {
		raw = fmt.Appendf(raw, "References: %s\r\n", refs)
	}
	if !strings.Contains(more, "Content-Type") {
		raw = append(raw, "\r\n"...)
	}
	raw = append(raw, body+"\r\n"...)
	if err := h.deliver(from, raw, to); err != nil {
		h.t.Fatalf("%s: %v", id, err)
	}
}

// keeps files a copy of what somebody sent.
func (h *house) keeps(address string, folder mailbox.FolderID, raw string, f mailbox.Flag) {
	h.t.Helper()
	m, err := h.OpenMailbox(h.t.Context(), h.login(address))
	if err != nil {
		h.t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Append(h.t.Context(), folder, []byte(strings.ReplaceAll(raw, "\n", "\r\n")), mailbox.Flags{System: f}, h.now); err != nil {
		h.t.Fatal(err)
	}
}

// entries reads the trail of a mailbox as the escrow can.
func (h *house) traced(address string) (list []audit.Entry) {
	h.t.Helper()
	a := h.login(address)
	err := h.view(h.t.Context(), a.Part, func(r store.Reader) error {
		for s, err := range audit.Entries(r, a.Part, h.escrow, 0) {
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

var tinyPNG = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// first returns the first thread that a search finds, opened.
func (h *house) first(a Actor, s ThreadSearch) ThreadView {
	h.t.Helper()
	list, err := h.Threads(h.t.Context(), a, s)
	if err != nil || len(list.Threads) == 0 {
		h.t.Fatalf("%d threads, %v", len(list.Threads), err)
	}
	v, err := h.Thread(h.t.Context(), a, list.Threads[0].ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func TestThreadsAreListedAsTheirOwnerWouldSayThem(t *testing.T) {
	h := newHouse(t)
	h.tells(thomas, alice, "a1", "", "XDM/1.0/DDM+Résultats", "", "Bonjour.")
	h.tells(alice, thomas, "a2", "<a1@test>", "Re: XDM/1.0/DDM+Résultats", "", "Merci.")
	h.keeps(alice, mailbox.Sent, "Message-ID: <a2@test>\nFrom: <"+alice+">\nTo: <"+thomas+">\nSubject: Re: XDM/1.0/DDM+Résultats\nReferences: <a1@test>\n\nMerci.\n", mailbox.Seen)
	h.tells(thomas, alice, "a3", "<a1@test> <a2@test>", "Re: Re: XDM/1.0/DDM+Résultats", "", "De rien.")
	h.tells(adam, alice, "b1", "", "Rendez-vous", "", "Venez le 3.")
	h.tells(alone, alice, "c1", "", "Résultats", "X-MSS-MES: FIN\r\n", "Fin.")
	a := h.login(alice)
	want := []string{"Résultats: 1/1", "Rendez-vous: 1/1", "Résultats: 2/3"}
	if diff := cmp.Diff(want, h.threads(a, ThreadSearch{})); diff != "" {
		t.Error(diff)
	}
	list, err := h.Threads(t.Context(), a, ThreadSearch{})
	if err != nil || list.Total != 3 || list.Unread != 3 || len(list.Folders) != 5 || !list.Kinds {
		t.Errorf("%+v, %v", list, err)
	}
	if l := list.Threads[0]; !l.Ended || l.With[0].Name != "Dr Paul SEUL" || l.With[0].Kind != OfProfessional {
		t.Errorf("an ended exchange is %+v", l)
	}
	if l := list.Threads[2]; l.Ended || l.Answered || l.With[0].Name != "Dr Éric THOMAS" || len(l.With) != 1 {
		t.Errorf("a lively exchange is %+v", l)
	}
	if diff := cmp.Diff([]string{"Résultats: 2/3"}, h.threads(a, ThreadSearch{Folder: mailbox.Sent})); diff != "" {
		t.Error(diff)
	}
	for words, n := range map[string]int{"merci": 1, "DR": 0, "resultats": 2, "resultats fin": 1, "rendez 3": 1, "rendez fin": 0, "thomas": 1, "": 3} {
		if got := h.threads(a, ThreadSearch{Anywhere: true, Words: words}); len(got) != n {
			t.Errorf("%q is found in %q", words, got)
		}
	}
	if got := h.threads(a, ThreadSearch{Since: h.now.Add(-time.Minute)}); len(got) != 2 {
		t.Errorf("since a minute: %q", got)
	}
	if got := h.threads(a, ThreadSearch{Until: h.now}); len(got) != 2 {
		t.Errorf("until now: %q", got)
	}
}

func TestAThreadIsReadInOrderAndRememberedAsRead(t *testing.T) {
	h := newHouse(t)
	h.tells(thomas, alice, "a1", "", "Question", "Disposition-Notification-To: <"+thomas+">\r\n", "Bonjour,\r\n\r\nComment allez-vous ?")
	h.tells(thomas, alice, "a2", "<a1@test>", "Re: Question", "", "Alors ?")
	a := h.login(alice)
	v := h.first(a, ThreadSearch{})
	if len(v.Messages) != 2 || v.Messages[0].Body.Text != "Bonjour,\n\nComment allez-vous ?" || !v.Messages[1].Unread || v.Answer != v.Messages[1].ID || v.Refused != nil {
		t.Fatalf("%+v", v)
	}
	seen := true
	if err := h.Tidy(t.Context(), a, Tidying{Threads: []MessageID{v.ID}, Seen: &seen}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Question: 0/2"}, h.threads(a, ThreadSearch{})); diff != "" {
		t.Error(diff)
	}
	m, err := h.OpenMailbox(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if f, err := m.Folder(t.Context(), "INBOX"); err != nil || f.Unseen != 0 {
		t.Errorf("IMAP sees %d unseen, %v", f.Unseen, err)
	}
	// A receipt is sent once, and is no message.
	first := v.Messages[0]
	if first.Receipt != thomas || v.Messages[1].Receipt != "" {
		t.Fatalf("receipts are asked by %q and %q", first.Receipt, v.Messages[1].Receipt)
	}
	if err := h.SendReadReceipt(t.Context(), a, first.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.SendReadReceipt(t.Context(), a, first.ID); !errors.Is(err, fault.NotFound) {
		t.Errorf("a second receipt: %v", err)
	}
	h.keeps(thomas, mailbox.Sent, "Message-ID: <a1@test>\nFrom: <"+thomas+">\nTo: <"+alice+">\nSubject: Question\n\nBonjour.\n", mailbox.Seen)
	doctor := h.login(thomas)
	w := h.first(doctor, ThreadSearch{Folder: mailbox.Sent})
	if len(w.Messages) != 1 || len(w.Messages[0].Told) != 1 || w.Messages[0].Told[0].State != WasRead || w.Messages[0].Told[0].Who.Kind != OfPatient {
		t.Errorf("the doctor reads %+v", w)
	}
	if got := h.threads(doctor, ThreadSearch{Unread: true, Anywhere: true}); len(got) != 0 {
		t.Errorf("a receipt is unread: %q", got)
	}
}

// TestNoticesWithoutEndHideNoThread: of very many the newest are told.
func TestNoticesWithoutEndHideNoThread(t *testing.T) {
	h := newHouse(t)
	h.keeps(thomas, mailbox.Sent, "Message-ID: <a1@test>\nFrom: <"+thomas+">\nTo: <"+adam+">\nSubject: Question\n\nBonjour.\n", mailbox.Seen)
	for i := range maxTold + 5 {
		h.keeps(thomas, mailbox.Inbox, fmt.Sprintf("Message-ID: <r%d@test>\nIn-Reply-To: <a1@test>\nFrom: <%s>\nTo: <%s>\nSubject: Lu\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=disposition-notification; boundary=x\n\n"+
			"--x\n\nLu.\n--x\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; %[2]s\nDisposition: manual-action/MDN-sent-manually; displayed\n--x--\n", i, adam, thomas), 0)
	}
	v := h.first(h.login(thomas), ThreadSearch{Folder: mailbox.Sent})
	if len(v.Messages) != 1 || len(v.Messages[0].Told) != maxTold {
		t.Errorf("%d messages, of the first it is told %d times", len(v.Messages), len(v.Messages[0].Told))
	}
}

func TestWhatIsAttachedIsGivenAsItCame(t *testing.T) {
	h := newHouse(t)
	body := "--x\r\nContent-Type: multipart/related; boundary=y\r\n\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>Bonjour <img src=cid:a></p>\r\n" +
		"--y\r\nContent-Type: image/png\r\nContent-ID: <a>\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(tinyPNG) + "\r\n--y--\r\n" +
		"--x\r\nContent-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment\r\n\r\na;b\r\n" +
		"--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=gros.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(bytes.Repeat([]byte("abc"), 900)) + "\r\n--x--"
	h.tells(thomas, adam, "a1", "", "Pièces", "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n", body)
	a := h.login(adam)
	v := h.first(a, ThreadSearch{Files: true})
	b := v.Messages[0].Body
	if b.Text != "Bonjour" || !b.OnlyHTML || len(b.Files) != 2 || b.Files[1].Name != "gros.bin" {
		t.Fatalf("%+v", b)
	}
	for part, want := range map[string]string{b.Files[0].Part: "a;b", b.Files[1].Part: strings.Repeat("abc", 900)} {
		f, err := h.MessageFile(t.Context(), a, v.ID, part)
		if err != nil || string(f.Content) != want || f.Size != int64(len(want)) {
			t.Errorf("%s: %d bytes, %v", part, len(f.Content), err)
		}
	}
	for _, part := range []string{"", "1", "9", "1.1", "x", "2.1"} {
		if _, err := h.MessageFile(t.Context(), a, v.ID, part); !errors.Is(err, fault.NotFound) {
			t.Errorf("part %q: %v", part, err)
		}
	}
	page, err := h.MessageHTML(t.Context(), a, v.ID)
	if err != nil || !strings.Contains(page.HTML, "cid:a") || len(page.Pictures) != 1 || page.Pictures[0].ID != "a" || !bytes.Equal(page.Pictures[0].Content, tinyPNG) {
		t.Errorf("%+v, %v", page, err)
	}
	n := 0
	err = h.RawMessages(t.Context(), a, v.ID, true, func(m RawMessage) error {
		n++
		var w bytes.Buffer
		size, err := m.WriteTo(&w)
		if size != int64(w.Len()) || !strings.HasSuffix(w.String(), "--x--\r\n") {
			t.Errorf("%d of %d bytes", w.Len(), size)
		}
		return err
	})
	if n != 1 || err != nil {
		t.Errorf("%d messages, %v", n, err)
	}
	if got := h.threads(a, ThreadSearch{Words: "gros.bin"}); len(got) != 1 {
		t.Error("a file is not found by its name")
	}
}

// TestNobodyReadsAnothersMessages: a name of one mailbox names nothing in any
// other.
func TestNobodyReadsAnothersMessages(t *testing.T) {
	h := newHouse(t)
	h.tells(thomas, alice, "a1", "", "Secret", "", "Bonjour.")
	id := h.first(h.login(alice), ThreadSearch{}).ID
	for _, who := range []string{bruno, thomas, adam, cardio} {
		a := h.login(who)
		seen := true
		for name, act := range map[string]func() error{
			"open":    func() error { _, err := h.Thread(t.Context(), a, id); return err },
			"file":    func() error { _, err := h.MessageFile(t.Context(), a, id, "1"); return err },
			"html":    func() error { _, err := h.MessageHTML(t.Context(), a, id); return err },
			"text":    func() error { _, err := h.MessageText(t.Context(), a, id); return err },
			"raw":     func() error { return h.RawMessages(t.Context(), a, id, true, nil) },
			"receipt": func() error { return h.SendReadReceipt(t.Context(), a, id) },
			"mark":    func() error { return h.Tidy(t.Context(), a, Tidying{Messages: []MessageID{id}, Seen: &seen}) },
			"trash":   func() error { return h.Tidy(t.Context(), a, Tidying{Messages: []MessageID{id}, To: mailbox.Trash}) },
		} {
			if err := act(); !errors.Is(err, fault.NotFound) {
				t.Errorf("%s may %s: %v", who, name, err)
			}
		}
		if err := h.Tidy(t.Context(), a, Tidying{Threads: []MessageID{id}, To: mailbox.Trash}); err != nil {
			t.Errorf("a thread that is not there: %v", err)
		}
	}
	if got := h.threads(h.login(alice), ThreadSearch{Unread: true}); len(got) != 1 {
		t.Errorf("Alice has %q", got)
	}
}

func TestThreadsAreMovedAndDeletedForGoodFromTheTrashOnly(t *testing.T) {
	h := newHouse(t)
	h.tells(thomas, alice, "a1", "", "Un", "", "Bonjour.")
	h.keeps(alice, mailbox.Sent, "Message-ID: <a2@test>\nFrom: <"+alice+">\nTo: <"+thomas+">\nSubject: Re: Un\nIn-Reply-To: <a1@test>\n\nMerci.\n", mailbox.Seen)
	a := h.login(alice)
	id := h.first(a, ThreadSearch{}).ID
	tidy := func(t0 Tidying) {
		t.Helper()
		t0.Threads = []MessageID{id}
		if err := h.Tidy(t.Context(), a, t0); err != nil {
			t.Fatal(err)
		}
	}
	in := func(f mailbox.FolderID) int { t.Helper(); return len(h.threads(a, ThreadSearch{Folder: f})) }
	tidy(Tidying{Delete: true})
	tidy(Tidying{To: mailbox.Archive})
	if in(mailbox.Inbox) != 0 || in(mailbox.Archive) != 1 || in(mailbox.Sent) != 1 {
		t.Error("archived wrongly")
	}
	tidy(Tidying{To: mailbox.Trash})
	if in(mailbox.Archive) != 0 || in(mailbox.Sent) != 0 || in(mailbox.Trash) != 1 || len(h.threads(a, ThreadSearch{Anywhere: true})) != 0 {
		t.Error("thrown away wrongly")
	}
	tidy(Tidying{To: mailbox.Inbox, From: mailbox.Trash})
	if in(mailbox.Trash) != 0 || in(mailbox.Inbox) != 1 {
		t.Error("not taken back")
	}
	if err := h.Tidy(t.Context(), a, Tidying{Threads: []MessageID{id}, To: mailbox.Drafts}); !errors.Is(err, fault.NotFound) {
		t.Errorf("moved to the drafts: %v", err)
	}
	tidy(Tidying{To: mailbox.Trash})
	tidy(Tidying{Delete: true})
	if _, err := h.Thread(t.Context(), a, id); !errors.Is(err, fault.NotFound) {
		t.Errorf("it is still there: %v", err)
	}
	if err := h.NewFolder(t.Context(), a, "Grand-mère"); err != nil {
		t.Fatal(err)
	}
	list, err := h.Threads(t.Context(), a, ThreadSearch{})
	if err != nil || len(list.Folders) != 6 || list.Folders[5].Name != "Grand-mère" || list.Folders[4].ID != mailbox.Archive {
		t.Fatalf("%+v, %v", list.Folders, err)
	}
	if err := h.DropFolder(t.Context(), a, mailbox.Archive); !errors.Is(err, fault.NotFound) {
		t.Errorf("the archive is dropped: %v", err)
	}
	if err := h.DropFolder(t.Context(), a, list.Folders[5].ID); err != nil {
		t.Error(err)
	}
}

// TestReadingLeavesATrail: once a session, however many pages.
func TestReadingLeavesATrail(t *testing.T) {
	h := newHouse(t)
	h.tells(thomas, alice, "a1", "", "Un", "", "Bonjour.")
	h.tells(thomas, cardio, "b1", "", "Deux", "", "Bonjour.")
	count := func(who string) (n int) {
		for _, e := range h.traced(who) {
			if e.Act == "use-mailbox" {
				n++
			}
		}
		return n
	}
	a := h.login(alice)
	for range 3 {
		h.first(a, ThreadSearch{})
		h.threads(a, ThreadSearch{Anywhere: true, Words: "bonjour"})
	}
	if n := count(alice); n != 1 {
		t.Errorf("%d entries for a session of one's own, want 1", n)
	}
	h.first(h.login(alice), ThreadSearch{})
	if n := count(alice); n != 2 {
		t.Errorf("%d entries for two sessions, want 2", n)
	}
	shared := h.login(cardio)
	h.first(shared, ThreadSearch{})
	if n := count(cardio); n != 2 {
		t.Errorf("%d entries of a shared mailbox, want the list and the message", n)
	}
}

func TestADeskClosesWhenNobodyUsesIt(t *testing.T) {
	h := newHouse(t)
	h.tells(thomas, alice, "a1", "", "Un", "", "Bonjour.")
	a := h.login(alice)
	h.threads(a, ThreadSearch{})
	if len(h.desks.open) != 1 || len(h.books.open) != 1 {
		t.Fatalf("%d desks, %d books", len(h.desks.open), len(h.books.open))
	}
	h.now = h.now.Add(deskIdle)
	h.CloseIdleDesks()
	if len(h.desks.open) != 0 || len(h.books.open) != 0 {
		t.Errorf("%d desks, %d books are left", len(h.desks.open), len(h.books.open))
	}
	h.threads(a, ThreadSearch{})
	h.CloseDesks(a.Part, a.Session)
	if len(h.desks.open) != 0 || len(h.books.open) != 0 {
		t.Errorf("after the end %d desks, %d books are left", len(h.desks.open), len(h.books.open))
	}
	h.threads(a, ThreadSearch{})
	if err := h.RevokePassword(t.Context(), "operator", addr(alice), "poste"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Threads(t.Context(), a, ThreadSearch{}); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a session that is over reads: %v", err)
	}
}

// TestEveryMessageIsInOneThread: whatever is filed, copied, moved or deleted, the
// desk that follows knows what a new one would.
func TestEveryMessageIsInOneThread(t *testing.T) {
	h := newHouse(t)
	a := h.login(thomas)
	m, err := h.OpenMailbox(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	folders := []mailbox.FolderID{mailbox.Inbox, mailbox.Sent, mailbox.Drafts, mailbox.Trash, mailbox.Archive}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		folder := rapid.SampledFrom(folders)
		uids := func(f mailbox.FolderID) (list []mailbox.UID) {
			d, err := m.Changes(t.Context(), f, mailbox.Cursor{})
			if err != nil {
				rt.Fatal(err)
			}
			for _, msg := range d.Messages {
				if rapid.Bool().Draw(rt, "this") {
					list = append(list, msg.UID)
				}
			}
			return list
		}
		for range rapid.IntRange(1, 4).Draw(rt, "acts") {
			f, to := folder.Draw(rt, "folder"), folder.Draw(rt, "to")
			var err error
			switch rapid.IntRange(0, 4).Draw(rt, "act") {
			case 0, 1:
				n++
				h.keeps(thomas, f, fmt.Sprintf("Message-ID: <m%d@test>\nIn-Reply-To: <m%d@test>\nSubject: %d\n\nx\n", n, rapid.IntRange(0, n).Draw(rt, "ref"), n), 0)
			case 2:
				_, err = m.Copy(t.Context(), f, uids(f), to)
			case 3:
				if f != to {
					_, _, err = m.Move(t.Context(), f, uids(f), to)
				}
			case 4:
				_, err = m.SetFlags(t.Context(), f, uids(f), mailbox.ReplaceFlags, mailbox.Flags{System: mailbox.Flag(rapid.IntRange(0, 3).Draw(rt, "flag"))})
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		err := h.atDesk(t.Context(), a, func(d *desk) error {
			x, err := d.threads(t.Context())
			if err != nil {
				return err
			}
			checkIndex(rt, m, x, folders)
			fresh := &desk{Mailbox: m}
			y, err := fresh.threads(t.Context())
			if err == nil && !slices.EqualFunc(x.threads, y.threads, func(a, b *threadOf) bool {
				return a.unread == b.unread && a.last.Equal(b.last) && slices.EqualFunc(a.messages, b.messages, func(l, m *listed) bool {
					return l.id == m.id && slices.Equal(l.at, m.at) && l.flags.System == m.flags.System
				})
			}) {
				rt.Fatal("a desk that follows knows other threads than a new one")
			}
			return err
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// checkIndex compares with what the folders hold: each place of each message
// once, in one thread.
func checkIndex(t *rapid.T, m *Mailbox, x *threadIndex, folders []mailbox.FolderID) {
	t.Helper()
	seen := map[place]int{}
	for _, th := range x.threads {
		for _, l := range th.messages {
			for _, p := range l.at {
				seen[p]++
			}
		}
	}
	total := 0
	for _, f := range folders {
		d, err := m.Changes(context.Background(), f, mailbox.Cursor{})
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range d.Messages {
			total++
			if n := seen[place{folder: f, uid: msg.UID}]; n != 1 {
				t.Fatalf("message %d of folder %d is in %d threads", msg.UID, f, n)
			}
		}
	}
	if total != len(seen) {
		t.Fatalf("%d places are in threads, of %d", len(seen), total)
	}
}

// TestAThreadIsInOrderWhateverTheClocksSay: an answer is after what it answers,
// even if a mail program put it there before.
func TestAThreadIsInOrderWhateverTheClocksSay(t *testing.T) {
	h := newHouse(t)
	h.tells(thomas, alice, "a3", "<a1@test> <a2@test>", "Re: Un", "", "Trois.")
	h.keeps(alice, mailbox.Sent, "Message-ID: <a2@test>\nFrom: Alice Petit <"+alice+">\nTo: <"+thomas+">\nSubject: Re: Un\nReferences: <a1@test>\n\nDeux.\n", mailbox.Seen)
	h.tells(thomas, alice, "a1", "", "Un", "", "Un.")
	v := h.first(h.login(alice), ThreadSearch{})
	var got []string
	for _, m := range v.Messages {
		got = append(got, m.Body.Text)
	}
	if diff := cmp.Diff([]string{"Un.", "Deux.", "Trois."}, got); diff != "" {
		t.Error(diff)
	}
}

// TestPeopleAreCalledWhatOtherMailsCallThem: a patient is in no directory.
func TestPeopleAreCalledWhatOtherMailsCallThem(t *testing.T) {
	h := newHouse(t)
	h.keeps(thomas, mailbox.Sent, "Message-ID: <a1@test>\nFrom: <"+thomas+">\nTo: <"+alice+">\nSubject: Un\n\nBonjour.\n", mailbox.Seen)
	h.tells(thomas, alice, "a1", "", "Un", "", "Bonjour.")
	a := h.login(thomas)
	if v := h.first(a, ThreadSearch{Folder: mailbox.Sent}); v.Messages[0].To[0].Name != alice {
		t.Errorf("before: %+v", v.Messages[0].To)
	}
	h.keeps(thomas, mailbox.Inbox, "Message-ID: <b1@test>\nFrom: Alice Petit <"+alice+">\nTo: <"+thomas+">\nSubject: Deux\n\nBonjour.\n", 0)
	list, err := h.Threads(t.Context(), a, ThreadSearch{Folder: mailbox.Sent})
	if err != nil || list.Threads[0].With[0].Name != "Alice Petit" || list.Threads[0].With[0].Address != alice {
		t.Errorf("%+v, %v", list.Threads, err)
	}
}

// TestAReceiptOfAPatientsMailIsFoundBesideIt: what left by the outbox is named in
// its notice.
func TestAReceiptOfAPatientsMailIsFoundBesideIt(t *testing.T) {
	h := newHouse(t)
	h.tells(thomas, alice, "a1", "", "Un", "", "Bonjour.")
	h.keeps(alice, mailbox.Sent, "Message-ID: <a2@test>\nFrom: <"+alice+">\nTo: <"+thomas+">\nSubject: Re: Un\nReferences: <a1@test>\n\nMerci.\n", mailbox.Seen)
	a := h.login(alice)
	d := Delivery{Actor: a, From: a.Address, Protocol: "ESMTPSA", Hello: "lps.test", To: []Recipient{{Address: addr(thomas), Notify: NotifySuccess}},
		Mail: []byte("Message-ID: <a2@test>\r\nFrom: <" + alice + ">\r\nTo: <" + thomas + ">\r\nSubject: Re: Un\r\nReferences: <a1@test>\r\n\r\nMerci.\r\n")}
	if _, err := h.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := h.CarryAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := h.first(a, ThreadSearch{})
	if len(v.Messages) != 2 || len(v.Messages[1].Told) != 1 || v.Messages[1].Told[0].State != WasDelivered {
		t.Errorf("%+v", v.Messages)
	}
	if n, err := h.Unread(t.Context(), a); n != 1 || err != nil {
		t.Errorf("%d threads are unread, want the one with the message: %v", n, err)
	}
}

// TestALongThreadIsReadAPageAtATime: what is asked for, what is unread and what is
// new, within what a page holds; all of it on paper.
func TestALongThreadIsReadAPageAtATime(t *testing.T) {
	h := newHouse(t)
	for i := range 60 {
		h.keeps(thomas, mailbox.Inbox, fmt.Sprintf("Message-ID: <m%d@test>\nReferences: <m0@test>\nFrom: <%s>\nTo: <%s>\nSubject: Long\n\n%d %s\n", i, adam, thomas, i, strings.Repeat("mot ", 300)), mailbox.Seen)
		h.now = h.now.Add(time.Minute)
	}
	a := h.login(thomas)
	list, err := h.Threads(t.Context(), a, ThreadSearch{})
	if err != nil || len(list.Threads) != 1 || list.Threads[0].Messages != 60 {
		t.Fatalf("%+v, %v", list.Threads, err)
	}
	shown := func(v ThreadView, err error) (opened []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range v.Messages {
			if m.Body != nil {
				n, _, _ := strings.Cut(m.Body.Text, " ")
				opened = append(opened, n)
			}
		}
		return opened
	}
	v, err := h.Thread(t.Context(), a, list.Threads[0].ID)
	if got := shown(v, err); len(v.Messages) != ofPage.messages || len(got) != ofPage.bodies || got[len(got)-1] != "59" || v.Earlier == "" || v.Later != "" || v.Subject != "Long" {
		t.Errorf("%d messages, %q are opened, before it %q, after it %q", len(v.Messages), got, v.Earlier, v.Later)
	}
	for range 4 { // back to the first
		if v.Earlier == "" {
			break
		}
		v, err = h.Thread(t.Context(), a, v.Earlier)
		shown(v, err)
	}
	if got := shown(v, err); v.Messages[0].ID != v.ID || v.Earlier != "" || v.Later == "" || !slices.Contains(got, "19") {
		t.Errorf("the first page begins at %q, of %q; %q are opened", v.Messages[0].ID, v.ID, got)
	}
	v, err = h.WholeThread(t.Context(), a, v.ID)
	if got := shown(v, err); len(got) != 60 || v.Earlier != "" || v.Later != "" {
		t.Errorf("on paper there are %q", got)
	}
}
