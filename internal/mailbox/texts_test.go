package mailbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// read is the door's: it makes the text of a mail from its subject, which tells
// its number.
func (d *desk) read(it *Item, s *keyring.Session) (header, body string, err error) {
	if s == nil {
		return "", "", errors.New("no session")
	}
	n, err := strconv.Atoi(it.Envelope.Subject[strings.LastIndexByte(it.Envelope.Subject, ' ')+1:])
	return "subject: " + strings.ToLower(it.Envelope.Subject), strings.ToLower(bodyText(n)), err
}

func (d *desk) texts(folder FolderID, uids []UID, header bool, read ReadText) map[UID]string {
	d.Helper()
	out := map[UID]string{}
	d.view(func(r store.Reader) error {
		last := UID(0)
		for t, err := range d.book.Texts(r, folder, uids, header, read) {
			if err != nil {
				return err
			}
			if t.UID <= last {
				d.Errorf("text %d after %d", t.UID, last)
			}
			last = t.UID
			out[t.UID] = t.Text
		}
		return nil
	})
	return out
}

func noRead(*Item, *keyring.Session) (string, string, error) {
	return "", "", errors.New("read although it is kept")
}

func TestTextsAreKeptAfterTheFirstSearch(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 130)
	check := func(when string, read ReadText) {
		t.Helper()
		for _, header := range []bool{false, true} {
			got := d.texts(Inbox, []UID{1, 64, 65, 130, 131}, header, read)
			if len(got) != 4 {
				t.Fatalf("%s: %d texts, want 4", when, len(got))
			}
			for u, s := range got {
				want := strings.ToLower(bodyText(int(u) - 1))
				if header {
					want = "subject: " + strings.ToLower(subject(int(u)-1)) + "\n" + want
				}
				if s != want {
					t.Errorf("%s: text of %d = %q, want %q", when, u, s, want)
				}
			}
		}
	}
	check("not kept", d.read)
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, d.read); err != nil {
		t.Fatal(err)
	}
	check("kept", noRead)
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, noRead); err != nil {
		t.Errorf("a second fold reads again: %v", err)
	}
	d.reopen()
	check("in a new session", noRead)
	d.file(Inbox, 130)
	if got := d.texts(Inbox, []UID{130, 131}, false, d.read); len(got) != 2 {
		t.Errorf("with one that came: %d texts, want 2", len(got))
	}
}

// A text is not kept of a message that left while it was read.
func TestTextsOfWhatLeftAreNotKept(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 3)
	update := func(fn func(store.Writer) error) error {
		d.update(func(w store.Writer) error { _, _, err := d.book.Expunge(w, Inbox, []UID{2}); return err })
		if err := d.book.FoldTexts(d.View, d.Update, Inbox, d.read); err != nil { // so does another process
			return err
		}
		return d.Update(fn)
	}
	if err := d.book.FoldTexts(d.View, update, Inbox, d.read); err != nil {
		t.Fatal(err)
	}
	d.view(func(r store.Reader) error {
		texts, err := d.book.keptTexts(r, Inbox, 0)
		if err != nil {
			return err
		}
		if _, ok := findText(texts, 2); ok || len(texts) != 2 {
			t.Errorf("%d texts are kept, want 2", len(texts))
		}
		st, err := readState(r, Inbox)
		if st.texts != 2 {
			t.Errorf("%d texts are counted, want 2", st.texts)
		}
		return err
	})
}

func TestLongTextsAreFoundToo(t *testing.T) {
	d := newDesk(t)
	random := func(n int) string {
		var b strings.Builder
		r := rand.New(rand.NewPCG(1, uint64(n)))
		for b.Len() < n {
			fmt.Fprintf(&b, "%x ", r.Uint64())
		}
		return b.String()
	}
	sizes := []int{0, 10, 100 << 10, 4 << 20, maxText + 1}
	d.fileMany(Inbox, 0, len(sizes))
	var reads atomic.Int32
	read := func(it *Item, s *keyring.Session) (string, string, error) {
		reads.Add(1)
		_, _, err := d.read(it, s)
		return "", random(sizes[int(it.Envelope.MessageID[5]-'0')]), err
	}
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, read); err != nil {
		t.Fatal(err)
	}
	if n := reads.Swap(0); int(n) != len(sizes) {
		t.Errorf("%d reads, want %d", n, len(sizes))
	}
	got := d.texts(Inbox, d.uids(Inbox), true, read)
	for i, n := range sizes {
		if got[UID(i+1)] != random(n) {
			t.Errorf("the text of %d bytes is another", n)
		}
	}
	if n := reads.Load(); n != 2 {
		t.Errorf("%d reads in a search, want 2: those too long to keep", n)
	}
	d.update(func(w store.Writer) error { _, _, err := d.book.Expunge(w, Inbox, d.uids(Inbox)); return err })
	for _, p := range d.dump() {
		if strings.HasPrefix(p.Key, "mb/l/") || strings.HasPrefix(p.Key, "mb/t/") {
			t.Errorf("row %s is left", p.Key)
		}
	}
}

func TestAMessageThatCannotBeReadDoesNotStopASearch(t *testing.T) {
	d := newDesk(t)
	d.fileMany(Inbox, 0, 3)
	read := func(it *Item, s *keyring.Session) (string, string, error) {
		if it.Envelope.Subject == subject(1) {
			return "", "", fmt.Errorf("blob: %w", fault.Corrupt)
		}
		return d.read(it, s)
	}
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, read); err != nil {
		t.Fatal(err)
	}
	d.view(func(r store.Reader) error {
		good, bad := 0, 0
		for _, err := range d.book.Texts(r, Inbox, []UID{1, 2, 3}, false, read) {
			if err == nil {
				good++
			} else if errors.Is(err, fault.Corrupt) {
				bad++
			}
		}
		if good != 2 || bad != 1 {
			t.Errorf("%d texts and %d errors, want 2 and 1", good, bad)
		}
		return nil
	})
	away := func(*Item, *keyring.Session) (string, string, error) {
		return "", "", fmt.Errorf("blob: %w", fault.Unavailable)
	}
	d.file(Inbox, 3)
	if err := d.book.FoldTexts(d.View, d.Update, Inbox, away); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a store that is away: %v", err)
	}
}
