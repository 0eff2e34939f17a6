package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

func mark(n uint64) Mark { return Mark{Count: n, Hash: bytes.Repeat([]byte{byte(n)}, 32)} }

// newJournal writes a journal of three checkpoints about two trails.
func newJournal(t *testing.T) (path string, k *keyring.AuditKey) {
	t.Helper()
	path, k = filepath.Join(t.TempDir(), "journal"), keyring.NewAuditKey()
	j, err := OpenJournal(path, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	for i, heads := range []map[store.Part]Mark{{"a": mark(1), "b": mark(2)}, {"a": mark(3)}, {"b": mark(4)}} {
		if _, err := j.Append(k, noon.Add(time.Duration(i)*time.Minute), heads, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	return path, k
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAJournalTellsWhatEachCheckpointSaw(t *testing.T) {
	path, k := newJournal(t)
	got, err := ReadJournal(path, k.Public())
	want := map[store.Part][]Mark{"a": {mark(1), mark(3)}, "b": {mark(2), mark(4)}}
	if err != nil || !reflect.DeepEqual(got.Marks, want) {
		t.Errorf("ReadJournal = %v, %v, want %v", got, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
}

func TestACheckpointOfAHubAtRestIsSignedToo(t *testing.T) {
	path, k := newJournal(t)
	j, err := OpenJournal(path, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, none := range []map[store.Part]Mark{nil, {}} {
		if _, err := j.Append(k, noon.Add(time.Hour), none, 3); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ReadJournal(path, k.Public()); err != nil || got.Last.Number != 5 {
		t.Errorf("ReadJournal = %+v, %v", got.Last, err)
	}
}

func TestAJournalGoesOnWhereItStopped(t *testing.T) {
	path, k := newJournal(t)
	whole := readFile(t, path)
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	// However much of the fourth line a crash has left, it is cut off.
	for _, rest := range []string{"", "{", lines[2][:len(lines[2])/2], lines[2]} {
		if err := os.WriteFile(path, []byte(whole+rest), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(path, k.Public())
		if err != nil {
			t.Fatalf("with %d bytes left of a line: %v", len(rest), err)
		}
		if got := readFile(t, path); got != whole {
			t.Errorf("with %d bytes left of a line the journal is not what it was", len(rest))
		}
		if _, err := j.Append(k, noon, map[store.Part]Mark{"a": mark(5)}, 9); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadJournal(path, k.Public()); err != nil || len(got.Marks["a"]) != 3 {
			t.Errorf("after a fourth: %v, %v", got, err)
		}
	}
}

func TestAJournalThatWasChangedIsCorrupt(t *testing.T) {
	path, k := newJournal(t)
	whole := readFile(t, path)
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	lines[2] += "\n"
	broken := map[string]string{
		"the first line gone":  lines[1] + lines[2],
		"a line gone":          lines[0] + lines[2],
		"two lines swapped":    lines[0] + lines[2] + lines[1],
		"a line twice":         lines[0] + lines[1] + lines[1] + lines[2],
		"an empty line":        lines[0] + "\n" + lines[1] + lines[2],
		"what is no JSON":      lines[0] + "x\n",
		"a number changed":     strings.Replace(whole, `"Number":1`, `"Number":2`, 1),
		"a count changed":      strings.Replace(whole, `"Count":1`, `"Count":9`, 1),
		"a trail renamed":      strings.Replace(whole, `"a":`, `"c":`, 1),
		"a generation changed": strings.Replace(whole, `"Secrets":0`, `"Secrets":7`, 1),
		"a signature removed":  whole[:strings.Index(whole, `,"Signature"`)] + "}\n",
		"a time changed":       strings.Replace(whole, "12:00:00", "12:00:01", 1),
	}
	for i := range 40 { // and a byte anywhere
		at := i * len(whole) / 40
		b := []byte(whole)
		b[at] ^= 2
		broken[fmt.Sprintf("byte %d changed", at)] = string(b)
	}
	for name, text := range broken {
		if text == whole {
			t.Fatalf("%s changes nothing", name)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadJournal(path, k.Public()); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: ReadJournal = %v, want Corrupt", name, err)
		}
		if _, err := OpenJournal(path, k.Public()); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: OpenJournal = %v, want Corrupt", name, err)
		}
		if got := readFile(t, path); got != text {
			t.Errorf("%s: a journal that is corrupt was written to", name)
		}
	}
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadJournal(path, keyring.NewAuditKey().Public()); !errors.Is(err, fault.Corrupt) {
		t.Errorf("the journal of another hub: %v, want Corrupt", err)
	}
}

// TestALongLineIsReadInOneGo writes a checkpoint about as many trails as a large
// hub has.
func TestALongLineIsReadInOneGo(t *testing.T) {
	path, k := filepath.Join(t.TempDir(), "journal"), keyring.NewAuditKey()
	j, err := OpenJournal(path, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	heads := map[store.Part]Mark{}
	for i := range 20_000 {
		heads[store.Part(fmt.Sprintf("part%022d", i))] = mark(uint64(i))
	}
	for range 2 {
		if _, err := j.Append(k, noon, heads, 1); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadJournal(path, k.Public())
	if err != nil || len(got.Marks) != len(heads) {
		t.Fatalf("%d trails, %v", len(got.Marks), err)
	}
}

// TestWhatAFailedAppendLeftDoesNotOutliveTheNext plays a flush that failed after
// the line was written: nobody counts it, and the next one may be shorter.
func TestWhatAFailedAppendLeftDoesNotOutliveTheNext(t *testing.T) {
	path, k := newJournal(t)
	j, err := OpenJournal(path, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	left := readFile(t, path) + strings.Repeat("x", 1000) + "\n"
	if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(k, noon, map[store.Part]Mark{"a": mark(5)}, 9); err != nil {
		t.Fatal(err)
	}
	if h, err := ReadJournal(path, k.Public()); err != nil || h.Last.Number != 4 {
		t.Errorf("the journal ends at %d, %v, want 4", h.Last.Number, err)
	}
	if _, err := OpenJournal(path, k.Public()); err != nil {
		t.Errorf("OpenJournal = %v", err)
	}
}

// TestAProofShowsOneHeadOfAll holds the proof of each trail against the root.
func TestAProofShowsOneHeadOfAll(t *testing.T) {
	path, k := filepath.Join(t.TempDir(), "journal"), keyring.NewAuditKey()
	j, err := OpenJournal(path, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	heads := map[store.Part]Mark{}
	for i := range 9000 { // so that buckets hold several
		heads[store.Part(fmt.Sprintf("part%d", i))] = mark(uint64(i + 1))
	}
	if _, err := j.Append(k, noon, heads, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(k, noon, map[store.Part]Mark{"part7": mark(77), "new": mark(1)}, 1); err != nil {
		t.Fatal(err)
	}
	heads["part7"], heads["new"] = mark(77), mark(1)
	told, err := ReadJournal(path, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	w := told.Last
	for part, m := range heads {
		seen, p, ok := told.Proof(part)
		switch {
		case !ok || !reflect.DeepEqual(seen, m):
			t.Fatalf("%s was seen at %v, %v", part, seen, ok)
		case !w.Verify(k.Public()) || w.Trails != 9001 || w.Number != 2:
			t.Fatalf("the checkpoint is %+v", w)
		case !p.Shows(w.Root, part, m):
			t.Fatalf("%s is not shown", part)
		case p.Shows(w.Root, part, Mark{Count: m.Count + 1, Hash: m.Hash}), p.Shows(w.Root, part, Mark{Count: m.Count, Hash: m.Hash, Rights: fact.RightsMark{Counter: 1}}), p.Shows(w.Root, part+"x", m), p.Shows(make([]byte, 32), part, m):
			t.Fatalf("the proof for %s shows what is not so", part)
		case !j.Knows(part, m) || j.Knows(part, Mark{Count: 1 << 40, Hash: m.Hash}):
			t.Fatalf("Knows is wrong about %s", part)
		}
	}
	if _, _, ok := told.Proof("absent"); ok {
		t.Error("a trail that is not there is shown")
	}
	again, err := OpenJournal(path, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.Last(), j.Last()) {
		t.Errorf("opened again, the last checkpoint is %+v, want %+v", again.Last(), j.Last())
	}
}

// TestTheRootIsTheSameInAnyOrder compares a tree that grew with one made at once.
func TestTheRootIsTheSameInAnyOrder(t *testing.T) {
	grown, once := newForest(), newForest()
	for i := range 300 {
		grown.set(store.Part(fmt.Sprint(i%100)), mark(uint64(i)))
		grown.root()
	}
	for i := 99; i >= 0; i-- {
		once.set(store.Part(fmt.Sprint(i)), mark(uint64(200+i)))
	}
	if grown.root() != once.root() || grown.trails != once.trails {
		t.Error("two trees of the same heads have different roots")
	}
}

func BenchmarkCheckpoint(b *testing.B) {
	path, k := filepath.Join(b.TempDir(), "journal"), keyring.NewAuditKey()
	j, err := OpenJournal(path, k.Public())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1_000_000 {
		j.forest.set(store.Part(fmt.Sprintf("part%022d", i)), mark(1))
	}
	j.forest.root()
	heads := map[store.Part]Mark{}
	for i := range 1000 {
		heads[store.Part(fmt.Sprintf("part%022d", i*997))] = mark(2)
	}
	for n := 0; b.Loop(); n++ {
		for part := range heads {
			heads[part] = mark(uint64(n))
		}
		if _, err := j.Append(k, noon, heads, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzReadJournal(f *testing.F) {
	k := keyring.NewAuditKey()
	path := filepath.Join(f.TempDir(), "journal")
	j, err := OpenJournal(path, k.Public())
	if err != nil {
		f.Fatal(err)
	}
	if _, err := j.Append(k, noon, map[store.Part]Mark{"a": mark(1)}, 1); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(whole))
	f.Add(string(whole) + "{")
	f.Add(`{"Number":1,"Heads":{"a":{"Count":1}}}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		j := &Journal{forest: newForest()}
		err := j.walk(strings.NewReader(text), k.Public(), func(Checkpoint) {})
		if err == nil && j.end > 0 && !strings.HasPrefix(text, string(whole)) {
			t.Error("what nobody signed is taken for a journal")
		}
	})
}
