package hub

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"vaguemestre/internal/blob"
	"vaguemestre/internal/store"
	"vaguemestre/internal/xdm"
)

// A nesting store tells of a View within a View: an engine with few readers
// would wait for itself.
type nestingStore struct {
	store.Store
	open   atomic.Int32
	nested atomic.Bool
}

func (s *nestingStore) View(ctx context.Context, part store.Part, fn func(store.Reader) error) error {
	if s.open.Add(1) > 1 {
		s.nested.Store(true)
	}
	defer s.open.Add(-1)
	return s.Store.View(ctx, part, fn)
}

func TestASearchOfATextTooLongToKeepOpensNoViewWithinAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	body := strings.Builder{}
	for text := base64.StdEncoding.EncodeToString(noise); text != ""; text = text[min(76, len(text)):] {
		body.WriteString(text[:min(76, len(text))] + "\r\n")
	}
	if err := h.deliver(thomas, mail(thomas, []string{adam}, "Long", "", body.String()+"aiguille"), adam); err != nil {
		t.Fatal(err)
	}
	nesting := &nestingStore{Store: h.Hub.Store}
	h.Hub.Store = nesting
	s := h.session(adam)
	found := 0
	for text, err := range s.Texts(t.Context(), 1, s.uids(1), false) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(text.Text), "aiguille") {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the text was found %d times", found)
	}
	if nesting.nested.Load() {
		t.Error("a View was opened within another")
	}
}

// files are as many attachments of one size, that nothing compresses.
func files(n, size int) (list []string) {
	for i := range n {
		noise := make([]byte, size)
		rand.Read(noise)
		list = append(list, fmt.Sprintf("photo%d.jpg", i), string(noise))
	}
	return list
}

func TestAnAnswerWithManySmallFilesGoesThrough(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.open(alice, thomas)
	raw := attach(alice, thomas, "photos@test", "", files(20, 60_000)...)
	if err := h.deliver(alice, raw, thomas); err != nil {
		t.Fatalf("20 photos of 60 kB: %v", err)
	}
	if err := h.CarryAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.read(thomas, "INBOX"); len(got) != 1 || !strings.HasSuffix(got[0], string(raw)) {
		t.Errorf("%d mails came, or not as they were sent", len(got))
	}
	h.verifies()
}

// zipped is an IHE_XDM.zip of one document.
func zipped(t *testing.T, d xdm.Document) string {
	t.Helper()
	var b bytes.Buffer
	err := xdm.Write(&b, &xdm.Package{Sets: []xdm.SubmissionSet{{UniqueID: "1.2.3"}}, Documents: []xdm.Document{d}})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestNoDocumentKeepsAPatientFromTheOthers(t *testing.T) {
	t.Parallel()
	huge := pdf + files(1, 1<<20)[1] + strings.Repeat("%", 38<<20)
	for name, file := range map[string][]string{
		"unpacked, larger than any mail": {"IHE_XDM.zip", zipped(t, xdm.Document{Name: "a.pdf", MediaType: "application/pdf", Title: "Grand", Data: []byte(huge)})},
		"a title without end":            {"cr.xml", report("1.2.250.1.999.7", matriculeOf(alice), "ESSAI", strings.Repeat("Long ", 60_000))},
		"a title of control characters":  {"cr.xml", report("1.2.250.1.999.8", matriculeOf(alice), "ESSAI", strings.Repeat("&#9;&#10;&#x85;", 50_000))},
		"a file name without end":        {strings.Repeat("n", 100_000) + ".pdf", pdf},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if err := h.deliver(thomas, attach(thomas, alice, "hostile@test", "", file...), alice); err != nil {
				t.Fatal(err)
			}
			text := report("1.2.250.1.999.9", matriculeOf(alice), "ESSAI", "Radiographie")
			if err := h.deliver(thomas, attach(thomas, alice, "plain@test", "", "cr.xml", text), alice); err != nil {
				t.Fatal(err)
			}
			if got := h.shelves(alice); got["Imagerie"]+got["Autres documents"] != 2 {
				t.Errorf("shelves are %v, want both documents", got)
			}
			h.verifies()
		})
	}
}

// countingBlobs counts what is put.
type countingBlobs struct {
	blob.Store
	puts atomic.Int32
}

func (c *countingBlobs) Put(ctx context.Context, part store.Part, id blob.ID, write func(io.Writer) error) error {
	c.puts.Add(1)
	return c.Store.Put(ctx, part, id, write)
}

func TestARetryDoesNothingAgainForThoseWhoHaveTheMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	blobs := &countingBlobs{Store: h.blobs}
	h.Hub.Blobs = blobs
	raw := large(thomas, adam, "retry@test")
	if err := h.deliver(thomas, raw, adam, cardio); err != nil {
		t.Fatal(err)
	}
	if n := blobs.puts.Swap(0); n != 2 {
		t.Fatalf("%d blobs were put, want one for each recipient", n)
	}
	if err := h.deliver(thomas, raw, adam, cardio, alone); err != nil {
		t.Fatal(err)
	}
	if n := blobs.puts.Load(); n != 1 {
		t.Errorf("the retry put %d blobs, want one, for the recipient who is new", n)
	}
	h.verifies()
}

func TestAnOwnersKeyLeavesMemoryWithTheLastSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := h.session(alice), h.session(alice)
	part := one.actor.Part
	one.Close()
	if _, ok := h.keys.get(part); !ok {
		t.Error("the key went with the first of two sessions")
	}
	two.Close()
	if _, ok := h.keys.get(part); ok {
		t.Error("the key is still there after the last session")
	}
	for _, err := range h.Trail(t.Context(), two.actor) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := h.keys.get(part); ok {
		t.Error("the key is still there after the trail was read")
	}
}
