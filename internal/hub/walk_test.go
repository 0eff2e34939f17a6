package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// everything a session can be asked to show, with the folders and the UIDs of
// somebody else; what it shows goes into one text.
func (s session) showAll(folders []mailbox.FolderID, uids []mailbox.UID) string {
	ctx := s.h.t.Context()
	var shown strings.Builder
	for _, f := range folders {
		if d, err := s.Changes(ctx, f, mailbox.Cursor{}); err == nil {
			fmt.Fprintln(&shown, d)
		}
		for e, err := range s.Entries(ctx, f, uids) {
			if err == nil {
				fmt.Fprintln(&shown, e.Envelope, e.Structure)
			}
		}
		for x, err := range s.Texts(ctx, f, uids, true) {
			if err == nil {
				fmt.Fprintln(&shown, x)
			}
		}
		for _, u := range uids {
			c, err := s.Content(ctx, f, u)
			if err != nil {
				continue
			}
			if err := c.ReadRange(&shown, 0, c.Size()); err != nil {
				s.h.t.Error(err)
			}
		}
	}
	for e, err := range s.Mailbox.h.Trail(ctx, s.actor) {
		if err != nil {
			s.h.t.Error(err)
		}
		fmt.Fprintln(&shown, e)
	}
	list, err := s.Folders(ctx)
	if err != nil {
		s.h.t.Error(err)
	}
	fmt.Fprintln(&shown, list)
	return shown.String()
}

// crowd gives everybody mail, a folder, and to patients a document, with a word
// that is theirs alone.
func crowd(t *testing.T) (h *house, sessions map[string]session, word func(string) string) {
	h = newHouse(t)
	word = func(a string) string { return "mot-" + strings.NewReplacer("@", "-", ".", "-").Replace(a) + "-fin" }
	sessions = map[string]session{}
	for i, a := range []string{alice, bruno, thomas, adam, alone, cardio} {
		raw := mail(adam, []string{a}, word(a), "", word(a))
		if h.isPatient(addr(a)) {
			raw = attach(adam, a, word(a), "", word(a)+".xml", report(fmt.Sprint("1.2.250.1.999.", 100+i), matriculeOf(a), "ESSAI", word(a)),
				word(a)+".pdf", pdf+strings.Repeat("%", 70_000+i))
		}
		if err := h.deliver(adam, raw, a); err != nil {
			t.Fatal(err)
		}
		s := h.session(a)
		if err := s.Create(t.Context(), word(a)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), mailbox.Drafts, mail(a, []string{a}, word(a), "", word(a)), mailbox.Flags{Keywords: []string{word(a)}}, h.now); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Folders(t.Context()); err != nil { // puts documents on shelves
			t.Fatal(err)
		}
		sessions[a] = s
	}
	return h, sessions, word
}

// TestNoSessionReachesAnothersMail asks each session for all that each of the
// others has, by its numbers.
func TestNoSessionReachesAnothersMail(t *testing.T) {
	t.Parallel()
	h, sessions, word := crowd(t)
	for mine, a := range sessions {
		for theirs, b := range sessions {
			var folders []mailbox.FolderID
			seen := map[mailbox.UID]bool{1: true, 99: true}
			list, err := b.Folders(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				if folders = append(folders, f.ID); f.NoSelect {
					continue
				}
				for _, u := range b.uids(f.ID) {
					seen[u] = true
				}
			}
			var uids []mailbox.UID
			for u := mailbox.UID(1); u < 100; u++ {
				if seen[u] {
					uids = append(uids, u)
				}
			}
			shown := a.showAll(folders, uids)
			if got := strings.Contains(shown, word(theirs)); got != (mine == theirs) {
				t.Errorf("the session of %s shows what is %s's: %t", mine, theirs, got)
			}
		}
	}
	h.verifies()
}

// TestNoSessionChangesAnothersMail does everything a session can do, with the
// numbers of somebody else, and then compares all that the others have.
func TestNoSessionChangesAnothersMail(t *testing.T) {
	t.Parallel()
	h, sessions, word := crowd(t)
	for mine, a := range sessions {
		before := map[string][]store.Pair{}
		for theirs, b := range sessions {
			if theirs != mine {
				before[theirs] = h.rows(b.actor.Part)
			}
		}
		for _, b := range sessions {
			ctx := t.Context()
			list, err := b.Folders(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				if f.NoSelect {
					continue
				}
				uids := b.uids(f.ID)
				_, _ = a.SetFlags(ctx, f.ID, uids, mailbox.AddFlags, mailbox.Flags{System: mailbox.Deleted})
				_, _ = a.Copy(ctx, f.ID, uids, mailbox.Archive)
				_, _, _ = a.Move(ctx, f.ID, uids, mailbox.Trash)
				_, _ = a.Expunge(ctx, f.ID, nil)
				_, _ = a.Append(ctx, f.ID, mail(mine, []string{mine}, "x", "", "y"), mailbox.Flags{}, h.now)
				_ = a.Subscribe(ctx, f.Name, false)
				_ = a.Rename(ctx, f.Name, f.Name+"-x")
				_ = a.Delete(ctx, f.Name)
			}
		}
		for theirs, rows := range before {
			if got := h.rows(sessions[theirs].actor.Part); !samePairs(rows, got) {
				t.Errorf("the session of %s changed what is %s's", mine, theirs)
			}
		}
	}
	for _, who := range []string{alice, bruno} {
		if list := h.read(who, "Documents/Imagerie"); len(list) != 1 || !strings.Contains(list[0], word(who)) {
			t.Errorf("%s has lost a document: %q", who, list)
		}
	}
	h.verifies()
}

// rows copies a partition.
func (h *house) rows(part store.Part) (list []store.Pair) {
	h.t.Helper()
	err := h.memory.View(h.t.Context(), part, func(r store.Reader) error {
		for p, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			list = append(list, p)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func samePairs(a, b []store.Pair) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Key != b[i].Key || !bytes.Equal(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

// TestWhatIsCarriedIntoAnotherPartitionDoesNotOpen gives one patient, on disk,
// all the rows and blobs of another: whoever has the disk can do that. Nothing
// of it opens.
func TestWhatIsCarriedIntoAnotherPartitionDoesNotOpen(t *testing.T) {
	t.Parallel()
	h, sessions, word := crowd(t)
	from, to := sessions[alice].actor.Part, sessions[bruno].actor.Part
	for _, s := range sessions {
		s.Close()
	}
	rows := h.rows(from)
	for _, prefix := range []string{"mb/", "doc/", "obj/", "thr/", "pat/", "aud/", "key/", ""} {
		undo := snapshot(t, h.memory, to)
		err := h.memory.Update(t.Context(), to, func(w store.Writer) error {
			for _, p := range rows {
				if strings.HasPrefix(p.Key, prefix) {
					w.Put(p.Key, p.Value)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		h.trails.forget(to)
		if shown := h.showEverything(bruno); strings.Contains(shown, word(alice)) {
			t.Errorf("with the rows %s… of another, a session shows what is theirs", prefix)
		}
		undo()
		h.certs.forget(to)
		h.keys.forget(to)
	}
	h.verifies()
}

// showEverything shows what a new session of somebody does, as far as it gets.
func (h *house) showEverything(who string) string {
	a, err := h.Login(context.Background(), attempt(who), h.password[who])
	if err != nil {
		return ""
	}
	m, err := h.OpenMailbox(context.Background(), a)
	if err != nil {
		return ""
	}
	defer m.Close()
	var shown strings.Builder
	list, _ := m.Folders(context.Background())
	for f := mailbox.FolderID(0); f < 20; f++ {
		for uid := mailbox.UID(1); uid < 4; uid++ {
			c, err := m.Content(context.Background(), f, uid)
			if err == nil {
				err = c.ReadRange(&shown, 0, c.Size())
			}
			if err != nil && !errors.Is(err, fault.NotFound) && !errors.Is(err, fault.Corrupt) {
				h.t.Errorf("opening what was carried over gives %v, want Corrupt or NotFound", err)
			}
		}
	}
	for e := range h.Trail(context.Background(), a) {
		fmt.Fprintln(&shown, e)
	}
	fmt.Fprintln(&shown, list)
	return shown.String()
}

// TestADocumentsObjectOpensWithItsOwnSessionOnly takes the references of one
// document and the session of another, both of one patient.
func TestADocumentsObjectOpensWithItsOwnSessionOnly(t *testing.T) {
	t.Parallel()
	h, sessions, _ := crowd(t)
	part := sessions[alice].actor.Part
	key, err := h.unlock(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	var docs []vault.Document
	err = h.view(t.Context(), part, func(r store.Reader) error {
		for d, err := range vault.Documents(r, h.scope(part), key, 1) {
			if err != nil {
				return err
			}
			docs = append(docs, d)
		}
		for i, d := range docs {
			other := sessions[bruno].actor.Part
			if _, err := h.Hub.read(t.Context(), r, part, d.Session, d.Entry.Object); err != nil {
				t.Errorf("document %d does not open: %v", i, err)
			}
			if _, err := h.Hub.read(t.Context(), r, other, d.Session, d.Entry.Object); !errors.Is(err, fault.Corrupt) {
				t.Errorf("document %d opens in another partition: %v", i, err)
			}
		}
		return nil
	})
	if err != nil || len(docs) == 0 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
}
