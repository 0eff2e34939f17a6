package imapd

import (
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"vaguemestre/internal/mailbox"
)

// A watcher keeps what a client knows by nothing but what it was told.
type watcher struct {
	*client
	tags     int
	messages []known
	err      error
}

type known struct {
	uid   uint64
	flags string // "" until told
}

var (
	exists  = regexp.MustCompile(`^\* (\d+) EXISTS$`)
	expunge = regexp.MustCompile(`^\* (\d+) EXPUNGE$`)
	fetched = regexp.MustCompile(`^\* (\d+) FETCH \((.*)\)$`)
	uidItem = regexp.MustCompile(`UID (\d+)`)
	flagsIn = regexp.MustCompile(`FLAGS (\([^)]*\))`)
)

// do sends a command and takes in what comes before its answer.
func (w *watcher) do(command string) (answer string) {
	if w.err != nil {
		return ""
	}
	w.tags++
	tag := fmt.Sprintf("t%d", w.tags)
	io.WriteString(w, tag+" "+command+"\r\n")
	for {
		l, err := w.line()
		if err != nil {
			w.err = fmt.Errorf("%s: %w", command, err)
			return ""
		}
		if rest, ok := strings.CutPrefix(l, tag+" "); ok {
			return rest
		}
		w.err = w.take(l, command)
		if w.err != nil {
			return ""
		}
	}
}

func (w *watcher) take(l, command string) error {
	number := func(re *regexp.Regexp) (int, []string) {
		m := re.FindStringSubmatch(l)
		if m == nil {
			return 0, nil
		}
		n, _ := strconv.Atoi(m[1])
		return n, m
	}
	if n, m := number(exists); m != nil {
		if n < len(w.messages) {
			return fmt.Errorf("EXISTS %d where %d are known", n, len(w.messages))
		}
		w.messages = append(w.messages, make([]known, n-len(w.messages))...)
		return nil
	}
	if n, m := number(expunge); m != nil {
		if n < 1 || n > len(w.messages) {
			return fmt.Errorf("EXPUNGE %d of %d", n, len(w.messages))
		}
		if strings.HasPrefix(command, "FETCH") || strings.HasPrefix(command, "STORE") {
			return fmt.Errorf("EXPUNGE in %s", command)
		}
		w.messages = slices.Delete(w.messages, n-1, n)
		return nil
	}
	n, m := number(fetched)
	if m == nil {
		return nil
	}
	if n < 1 || n > len(w.messages) {
		return fmt.Errorf("FETCH %d of %d", n, len(w.messages))
	}
	k := &w.messages[n-1]
	if u := uidItem.FindStringSubmatch(m[2]); u != nil {
		uid, _ := strconv.ParseUint(u[1], 10, 32)
		if k.uid != 0 && k.uid != uid {
			return fmt.Errorf("message %d was UID %d and is UID %d", n, k.uid, uid)
		}
		k.uid = uid
	}
	if f := flagsIn.FindStringSubmatch(m[2]); f != nil {
		k.flags = f[1]
	}
	return nil
}

// Whatever two sessions and the deliveries do at the same time, each client
// ends with what is there, without ever having been told a number that cannot
// be, and without asking for it all again.
func TestClientsEndWithWhatIsThere(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := start(t, nil)
			b := h.hub.box(martin)
			for range 20 {
				b.file("INBOX", crlfs(note))
			}
			var wg sync.WaitGroup
			watchers := make([]*watcher, 3)
			for i := range watchers {
				watchers[i] = &watcher{client: h.session(t), messages: make([]known, 20)}
			}
			for i, w := range watchers {
				wg.Go(func() { w.wander(rand.New(rand.NewPCG(seed, uint64(i)))) })
			}
			wg.Go(func() {
				for range 30 {
					b.file("INBOX", crlfs(note))
				}
			})
			wg.Wait()
			for i, w := range watchers {
				w.do("NOOP")
				w.do("UID FETCH 1:* UID") // those that came were only counted
				w.do("NOOP")
				if w.err != nil {
					t.Fatalf("client %d: %v", i, w.err)
				}
				compare(t, b, w)
			}
		})
	}
}

// wander does random things.
func (w *watcher) wander(r *rand.Rand) {
	for range 150 {
		n := max(1, len(w.messages))
		set := fmt.Sprintf("%d:%d", 1+r.IntN(n), 1+r.IntN(n))
		switch r.IntN(9) {
		case 0:
			w.do("STORE " + set + " +FLAGS (\\Flagged)")
		case 1:
			w.do("STORE " + set + " -FLAGS.SILENT (\\Flagged)")
			w.do("FETCH " + set + " (UID FLAGS)")
		case 2:
			w.do(fmt.Sprintf("STORE %d +FLAGS (\\Deleted k%d)", 1+r.IntN(n), r.IntN(3)))
		case 3:
			w.do("EXPUNGE")
		case 4:
			w.do("FETCH " + set + " (UID FLAGS)")
		case 5:
			w.do("UID FETCH 1:* FLAGS")
		case 6:
			w.do("APPEND INBOX {21+}\r\nSubject: y\r\n\r\nbonjour")
		case 7:
			w.do(fmt.Sprintf("MOVE %d Trash", 1+r.IntN(n)))
		case 8:
			w.do(fmt.Sprintf("COPY %d INBOX", 1+r.IntN(n)))
		}
	}
}

func compare(t *testing.T, b *fakeBox, w *watcher) {
	t.Helper()
	f, err := b.byName("INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if len(f.messages) != len(w.messages) {
		t.Fatalf("the client knows %d messages, there are %d", len(w.messages), len(f.messages))
	}
	for i, m := range f.messages {
		var names []string
		for _, n := range flagNames(m.Flags) {
			names = append(names, string(n))
		}
		if k := w.messages[i]; k.uid != uint64(m.UID) || k.flags != "" && k.flags != "("+strings.Join(names, " ")+")" {
			t.Errorf("message %d is UID %d (%v) for the client, and UID %d (%v)", i+1, k.uid, k.flags, m.UID, names)
		}
	}
}

// A folder as two views see it, without a connection: every number is mapped
// as a list that is really changed would have it.
func TestViewsAgreeWithAListThatIsReallyChanged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		f := &folder{views: map[*view]struct{}{}, keywords: newKeywordTable()}
		next := mailbox.UID(1)
		grow := func() {
			var ms []mailbox.Message
			for range 1 + r.IntN(4) {
				ms = append(ms, mailbox.Message{UID: next})
				next++
			}
			f.append(ms)
		}
		grow()
		v := f.newView()
		var client []mailbox.UID // what the view's client knows
		for _, m := range f.messages {
			client = append(client, m.uid)
		}
		for range 30 {
			switch r.IntN(3) {
			case 0:
				grow()
			case 1:
				f.remove(func(message) bool { return r.IntN(5) == 0 })
			case 2:
				for _, n := range v.tell(r.IntN(2) == 0) {
					switch n.kind {
					case left:
						client = slices.Delete(client, int(n.seq)-1, int(n.seq-1+n.n))
					case came:
						client = append(client, make([]mailbox.UID, int(n.seq)-len(client))...)
					}
				}
			}
			for i, n := range v.numbers() {
				if n == 0 || n > v.exists {
					continue
				}
				if client[n-1] == 0 {
					client[n-1] = f.messages[i].uid // learned
				}
				if client[n-1] != f.messages[i].uid {
					t.Fatalf("number %d is UID %d for the client, mapped to UID %d", n, client[n-1], f.messages[i].uid)
				}
			}
			if int(v.exists) != len(client) {
				t.Fatalf("exists = %d, the client knows %d", v.exists, len(client))
			}
		}
	}
}
