package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"vaguemestre/internal/blob"
	"vaguemestre/internal/blob/memblob"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/policy"
)

// A failingBlobs passes every call to another store and makes the n-th coming
// of one fail.
type failingBlobs struct {
	blob.Store

	mu    sync.Mutex
	at    blobMoment
	left  int
	fired bool
}

type blobMoment int

const (
	putFails   blobMoment = iota // nothing is kept
	putAnswers                   // the blob is kept, but Put fails
	openFails
	deleteFails
)

func (f *failingBlobs) fail(at blobMoment, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.left, f.fired = at, n, false
}

var errBlobs = fmt.Errorf("blobs: away: %w", fault.Unavailable)

func (f *failingBlobs) reach(at blobMoment) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at != at || f.left == 0 {
		return nil
	}
	if f.left--; f.left > 0 {
		return nil
	}
	f.fired = true
	return errBlobs
}

func (f *failingBlobs) Put(ctx context.Context, part store.Part, id blob.ID, write func(io.Writer) error) error {
	if err := f.reach(putFails); err != nil {
		return err
	}
	if err := f.Store.Put(ctx, part, id, write); err != nil {
		return err
	}
	return f.reach(putAnswers)
}

func (f *failingBlobs) Open(ctx context.Context, part store.Part, id blob.ID) (io.ReadSeekCloser, error) {
	if err := f.reach(openFails); err != nil {
		return nil, err
	}
	return f.Store.Open(ctx, part, id)
}

func (f *failingBlobs) Delete(ctx context.Context, part store.Part, id blob.ID) error {
	if err := f.reach(deleteFails); err != nil {
		return err
	}
	return f.Store.Delete(ctx, part, id)
}

// An engine is one way to make the n-th call of something fail.
type engine struct {
	name  string
	fail  func(n int) // 0: nothing fails
	fired func() bool
}

// engines puts failing engines below the hub.
func (h *house) engines() []engine {
	s, b := memstore.NewFailing(h.memory), &failingBlobs{Store: h.blobs}
	h.Hub.Store, h.Hub.Blobs = s, b
	var list []engine
	for name, at := range map[string]memstore.Moment{
		"view begins": memstore.ViewBegins, "view ends": memstore.ViewEnds,
		"update begins": memstore.UpdateBegins, "update ends": memstore.UpdateEnds,
		"update loses a race": memstore.UpdateLoses, "update answers": memstore.UpdateAnswers,
	} {
		list = append(list, engine{name, func(n int) { s.Fail(at, n, fault.Unavailable) }, s.Fired})
	}
	for name, at := range map[string]blobMoment{
		"blob put": putFails, "blob put answers": putAnswers, "blob open": openFails, "blob delete": deleteFails,
	} {
		list = append(list, engine{name, func(n int) { b.fail(at, n) }, func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.fired
		}})
	}
	return list
}

// copyOf returns a house with the same people and the same things in it, on
// engines of its own. The erasure secrets are shared.
func (h *house) copyOf(t testing.TB) *house {
	t.Helper()
	c := &house{t: t, now: h.now, password: maps.Clone(h.password), escrow: h.escrow, replicas: h.replicas}
	memory, blobs := memstore.New(), memblob.New()
	for part, err := range h.memory.Parts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		err := h.memory.View(t.Context(), part, func(r store.Reader) error {
			return memory.Update(t.Context(), part, func(w store.Writer) error {
				for p, err := range r.Scan("", "") {
					if err != nil {
						return err
					}
					w.Put(p.Key, p.Value)
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for info, err := range h.blobs.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		err := blobs.Put(t.Context(), info.Part, info.ID, func(w io.Writer) error {
			r, err := h.blobs.Open(t.Context(), info.Part, info.ID)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(w, r)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c.memory, c.blobs = memory, blobs
	config := h.Hub.Config
	config.Store, config.Blobs, config.Now = memory, blobs, func() time.Time { return c.now }
	var err error
	if c.Hub, err = New(config); err != nil {
		t.Fatal(err)
	}
	c.certs, c.keys = h.certs, h.keys // the same, and costly to unlock again
	return c
}

// An act is something done in a house that must end whole or not at all.
type act struct {
	prepare func(*house) // once for all tries
	arrange func(*house) // before each
	do      func(*house, map[string]Actor) error
	done    func(*house) error // what must be so at the end, and once
	again   fault.Kind         // of an error of the repetition that says "it is done"
	halfway bool               // verification may say that the act has not come to its end
}

// interrupt lets an act fail at the n-th call of each engine, for every n; after
// each the house must verify, and the act repeated must succeed, once.
func interrupt(t *testing.T, a act) {
	t.Parallel()
	base, as := newHouse(t), map[string]Actor{}
	if a.prepare != nil {
		a.prepare(base)
	}
	for _, who := range []string{alice, thomas, adam} {
		as[who] = base.login(who)
	}
	for _, e := range base.copyOf(t).engines() {
		t.Run(strings.ReplaceAll(e.name, " ", "_"), func(t *testing.T) {
			for n := 1; ; n++ {
				h := base.copyOf(t)
				if a.arrange != nil {
					a.arrange(h)
				}
				e := pick(h.engines(), e.name)
				e.fail(n)
				first := a.do(h, as)
				fired := e.fired()
				e.fail(0)
				if first != nil && (!fired || !errors.Is(first, fault.Unavailable)) {
					t.Errorf("call %d: the first try gives %v, want Unavailable", n, first)
				}
				if a.halfway {
					if rep, err := h.VerifyTrails(t.Context()); err != nil || len(rep.Findings) > 0 {
						t.Errorf("call %d: %v, %+v", n, err, rep.Findings)
					}
				} else {
					h.verifies()
				}
				if err := a.do(h, as); err != nil && (a.again == "" || fault.Of(err) != a.again) {
					t.Errorf("call %d (first try: %v): repeated, it gives %v", n, first, err)
				}
				if err := a.done(h); err != nil {
					t.Errorf("call %d (first try: %v): %v", n, first, err)
				}
				h.verifies()
				if !fired {
					return
				}
			}
		})
	}
}

func pick(list []engine, name string) engine {
	for _, e := range list {
		if e.name == name {
			return e
		}
	}
	panic(name)
}

// filed returns an error unless each address has that many messages in a folder.
func filed(h *house, folder string, n int, addresses ...string) error {
	for _, a := range addresses {
		if got := len(h.read(a, folder)); got != n {
			return fmt.Errorf("%s has %d messages in %s, want %d", a, got, folder, n)
		}
	}
	return nil
}

// noOrphans returns an error if a blob is left two days later that nothing
// refers to, or one is gone that something does.
func noOrphans(h *house, want int) error {
	h.now = time.Now().Add(48 * time.Hour) // blobs are as old as the clock of their engine says
	if err := h.Sweep(h.t.Context()); err != nil {
		return err
	}
	n := 0
	for _, err := range h.blobs.All(h.t.Context()) {
		if err != nil {
			return err
		}
		n++
	}
	if n != want {
		return fmt.Errorf("%d blobs after the sweep, want %d", n, want)
	}
	h.verifies()
	return nil
}

// deliverAs delivers for somebody who has logged in.
func (h *house) deliverAs(a Actor, raw []byte, to ...string) error {
	d := Delivery{Actor: a, From: a.Address, Mail: raw, Protocol: "ESMTPSA", Hello: "lps.test"}
	for _, a := range to {
		d.To = append(d.To, Recipient{Address: addr(a)})
	}
	_, err := h.Deliver(h.t.Context(), d)
	return err
}

func attempt(login string) Attempt {
	return Attempt{Login: login, Protocol: "imap", Remote: netip.MustParseAddr("192.0.2.1")}
}

// large is a mail with a document large enough for a blob.
func large(from, to, id string) []byte {
	return attach(from, to, id, "", "note.pdf", pdf+strings.Repeat("%", 70_000))
}

func TestAMailToAPatientInterrupted(t *testing.T) {
	interrupt(t, act{
		do: func(h *house, as map[string]Actor) error {
			return h.deliverAs(as[thomas], large(thomas, alice, "un@test"), alice)
		},
		done: func(h *house) error {
			if got := h.shelves(alice); got["Autres documents"] != 1 {
				return fmt.Errorf("shelves are %v, want one document", got)
			}
			return errors.Join(filed(h, "INBOX", 1, alice), noOrphans(h, 1))
		},
	})
}

func TestAMailToTwoInterrupted(t *testing.T) {
	raw := mail(thomas, []string{alice, adam}, "Deux", "", "Bonjour.")
	interrupt(t, act{
		do: func(h *house, as map[string]Actor) error {
			return h.deliverAs(as[thomas], bytes.Clone(raw), alice, adam)
		},
		done: func(h *house) error {
			return errors.Join(filed(h, "INBOX", 1, alice, adam), noOrphans(h, 0))
		},
	})
}

func TestANoticeOfSuccessInterrupted(t *testing.T) {
	raw := mail(thomas, []string{adam}, "Accusé", "", "Bonjour.")
	interrupt(t, act{
		do: func(h *house, as map[string]Actor) error {
			_, err := h.Deliver(t.Context(), Delivery{Actor: as[thomas], From: addr(thomas), Mail: bytes.Clone(raw),
				Protocol: "ESMTPSA", To: []Recipient{{Address: addr(adam), Notify: NotifySuccess}}})
			return err
		},
		done: func(h *house) error {
			if n := len(h.read(thomas, "INBOX")); n < 1 || n > 3 {
				return fmt.Errorf("%d notices, want one for each try that was not told it failed", n)
			}
			return filed(h, "INBOX", 1, adam)
		},
	})
}

func TestAPatientsAnswerInterrupted(t *testing.T) {
	interrupt(t, act{
		prepare: func(h *house) {
			for _, from := range []string{thomas, alone} {
				if err := h.send(from, "Bonjour", "", alice); err != nil {
					t.Fatal(err)
				}
			}
		},
		do: func(h *house, as map[string]Actor) error {
			return h.deliverAs(as[alice], large(alice, thomas, "answer@test"), thomas, alone)
		},
		done: func(h *house) error {
			if err := h.CarryAll(t.Context()); err != nil {
				return err
			}
			st, err := h.Status(t.Context())
			if err != nil || st.Waiting != 0 {
				return fmt.Errorf("%d lines wait, %v", st.Waiting, err)
			}
			return errors.Join(filed(h, "INBOX", 1, thomas, alone), noOrphans(h, 2))
		},
	})
}

// A session is a mailbox that is open in a test.
type session struct {
	*Mailbox
	h *house
}

func (h *house) session(address string) session {
	h.t.Helper()
	m, err := h.OpenMailbox(h.t.Context(), h.login(address))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { m.Close() })
	return session{m, h}
}

// uids lists what is in a folder.
func (s session) uids(f mailbox.FolderID) (list []mailbox.UID) {
	s.h.t.Helper()
	d, err := s.Changes(s.h.t.Context(), f, mailbox.Cursor{})
	if err != nil {
		s.h.t.Fatal(err)
	}
	for _, m := range d.Messages {
		list = append(list, m.UID)
	}
	return list
}

func TestAnAppendInterrupted(t *testing.T) {
	interrupt(t, act{
		do: func(h *house, as map[string]Actor) error {
			m, err := h.OpenMailbox(t.Context(), as[thomas])
			if err != nil {
				return err
			}
			defer m.Close()
			_, err = m.Append(t.Context(), mailbox.Drafts, large(thomas, adam, "brouillon@test"), mailbox.Flags{System: mailbox.Draft}, h.now)
			return err
		},
		done: func(h *house) error {
			// Append knows no marks: what was kept although it failed is there twice.
			n := len(h.read(thomas, "Drafts"))
			if n < 1 || n > 2 {
				return fmt.Errorf("%d drafts", n)
			}
			return noOrphans(h, n)
		},
	})
}

func TestAnExpungeInterrupted(t *testing.T) {
	interrupt(t, act{
		prepare: func(h *house) {
			for i := range 3 {
				if err := h.deliver(thomas, large(thomas, adam, fmt.Sprint(i, "@test")), adam); err != nil {
					t.Fatal(err)
				}
			}
			s := h.session(adam)
			if _, err := s.SetFlags(t.Context(), mailbox.Inbox, s.uids(mailbox.Inbox)[:2], mailbox.AddFlags, mailbox.Flags{System: mailbox.Deleted}); err != nil {
				t.Fatal(err)
			}
		},
		do: func(h *house, as map[string]Actor) error {
			m, err := h.OpenMailbox(t.Context(), as[adam])
			if err != nil {
				return err
			}
			defer m.Close()
			_, err = m.Expunge(t.Context(), mailbox.Inbox, nil)
			return err
		},
		done: func(h *house) error { return errors.Join(filed(h, "INBOX", 1, adam), noOrphans(h, 1)) },
	})
}

func TestAMoveAndACopyInterrupted(t *testing.T) {
	interrupt(t, act{
		prepare: func(h *house) {
			for i := range 2 {
				if err := h.deliver(thomas, large(thomas, adam, fmt.Sprint(i, "@test")), adam); err != nil {
					t.Fatal(err)
				}
			}
		},
		do: func(h *house, as map[string]Actor) error {
			m, err := h.OpenMailbox(t.Context(), as[adam])
			if err != nil {
				return err
			}
			defer m.Close()
			d, err := m.Changes(t.Context(), mailbox.Inbox, mailbox.Cursor{})
			if err != nil {
				return err
			}
			var uids []mailbox.UID
			for _, msg := range d.Messages {
				uids = append(uids, msg.UID)
			}
			_, _, err = m.Move(t.Context(), mailbox.Inbox, uids, mailbox.Archive)
			return err
		},
		done: func(h *house) error {
			return errors.Join(filed(h, "INBOX", 0, adam), filed(h, "Archive", 2, adam), noOrphans(h, 2))
		},
	})
}

func TestShelvingInterrupted(t *testing.T) {
	interrupt(t, act{
		prepare: func(h *house) {
			raw := attach(thomas, alice, "docs@test", "", "cr.xml", report("1.2.250.1.999.7", matriculeOf(alice), "ESSAI", "Scanner"), "note.pdf", pdf+strings.Repeat("%", 70_000))
			if err := h.deliver(thomas, raw, alice); err != nil {
				t.Fatal(err)
			}
		},
		do: func(h *house, as map[string]Actor) error {
			m, err := h.OpenMailbox(t.Context(), as[alice])
			if err != nil {
				return err
			}
			defer m.Close()
			_, err = m.Folders(t.Context())
			return err
		},
		done: func(h *house) error {
			total := 0
			for _, n := range h.shelves(alice) {
				total += n
			}
			if total != 1 && total != 2 {
				return fmt.Errorf("%d documents on the shelves", total)
			}
			want := total
			if again := h.shelves(alice); len(again) == 0 {
				return fmt.Errorf("the shelves are empty the next time, they had %d", want)
			}
			return noOrphans(h, 1)
		},
	})
}

func TestAnEnrolmentInterrupted(t *testing.T) {
	m, err := ident.MakeMatricule("1602099999077")
	if err != nil {
		t.Fatal(err)
	}
	interrupt(t, act{
		do: func(h *house, as map[string]Actor) error {
			_, err := h.Enrol(t.Context(), "operator", Person{Matricule: m, Traits: patient.Traits{BirthName: "ESSAI"}})
			return err
		},
		again: fault.Exists,
		done: func(h *house) error {
			st, err := h.Status(t.Context())
			if err != nil || st.Mailboxes[directory.OfPatient] != 6 {
				return fmt.Errorf("%d patients, want 6: %v", st.Mailboxes[directory.OfPatient], err)
			}
			zoe := m.Canonical() + "@patient.test"
			if _, err := h.Life(t.Context(), "operator", addr(zoe), patient.Activate); err != nil {
				return err
			}
			if h.password[zoe], err = h.AddPassword(t.Context(), "operator", addr(zoe), "poste"); err != nil {
				return err
			}
			for _, err := range h.Trail(t.Context(), h.login(zoe)) {
				if err != nil {
					return fmt.Errorf("the owner does not read the trail: %w", err)
				}
			}
			return h.send(thomas, "Bonjour", "", zoe)
		},
	})
}

func TestAnErasureInterrupted(t *testing.T) {
	m, err := ident.MakeMatricule("1602099999078")
	if err != nil {
		t.Fatal(err)
	}
	zoe := m.Canonical() + "@patient.test"
	interrupt(t, act{
		arrange: func(h *house) {
			_, enrolled := h.Enrol(t.Context(), "operator", Person{Matricule: m})
			_, activated := h.Life(t.Context(), "operator", addr(zoe), patient.Activate)
			if err := errors.Join(enrolled, activated, h.deliver(thomas, large(thomas, zoe, "un@test"), zoe)); err != nil {
				t.Fatal(err)
			}
		},
		do: func(h *house, _ map[string]Actor) error {
			return h.Erase(t.Context(), "operator", addr(zoe))
		},
		again:   fault.NotFound,
		halfway: true,
		done: func(h *house) error {
			for range h.blobs.All(t.Context()) {
				return errors.New("a blob is left")
			}
			if st, err := h.Status(t.Context()); err != nil || st.Mailboxes[directory.OfPatient] != 5 {
				return fmt.Errorf("%d patients, want 5: %v", st.Mailboxes[directory.OfPatient], err)
			}
			if err := h.CheckRecipient(t.Context(), h.login(thomas), addr(zoe)); !errors.Is(err, fault.NotFound) {
				return fmt.Errorf("the address leads somewhere: %v", err)
			}
			// The person may come back, with a new space.
			_, err := h.Enrol(t.Context(), "operator", Person{Matricule: m})
			return err
		},
	})
}

func TestALoginInterrupted(t *testing.T) {
	interrupt(t, act{
		do: func(h *house, as map[string]Actor) error {
			_, err := h.Login(t.Context(), attempt(thomas), h.password[thomas])
			return err
		},
		done: func(h *house) error {
			a := h.login(thomas)
			if a.Role != policy.Professional || a.Address != addr(thomas) {
				return fmt.Errorf("the actor is %+v", a)
			}
			return nil
		},
	})
}
