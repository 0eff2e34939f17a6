package takeout

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const record = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

// A fake is a space that somebody invented.
type fake struct {
	views   []hub.DocumentView
	files   map[string]hub.Content
	folders []string
	mail    []hub.TakenMessage
	lines   []audit.Line
	broken  map[string]error // by the ID of a document or the subject of a message
	damaged int
}

type text string

func (c text) Size() int64 { return int64(len(c)) }

func (c text) ReadRange(w io.Writer, off, n int64) error {
	_, err := io.WriteString(w, string(c[off:off+n]))
	return err
}

func (f *fake) Space() hub.TakenSpace {
	return hub.TakenSpace{PatientView: hub.PatientView{ID: record, Traits: patient.Traits{BirthName: "HÉRON", FirstNames: "Jeanne", BirthDate: "19600229", Sex: "F"}, State: policy.Active}}
}

func (f *fake) Documents(context.Context) ([]hub.DocumentView, int, error) {
	return f.views, f.damaged, nil
}

func (f *fake) Document(_ context.Context, d hub.DocumentView) (hub.Content, error) {
	return f.files[d.ID], f.broken[d.ID]
}

func (f *fake) Rendition(_ context.Context, d hub.DocumentView) (hub.Content, error) {
	return f.files[d.ID+".pdf"], f.broken[d.ID+".pdf"]
}

func (f *fake) Folders(context.Context) (list []mailbox.Folder, err error) {
	for _, name := range f.folders {
		list = append(list, mailbox.Folder{Name: name})
	}
	return list, nil
}

func (f *fake) Messages(context.Context) iter.Seq2[hub.TakenMessage, error] {
	return func(yield func(hub.TakenMessage, error) bool) {
		for _, m := range f.mail {
			if !yield(m, f.broken[m.Envelope.Subject]) {
				return
			}
		}
	}
}

func (f *fake) Lines(context.Context) iter.Seq2[audit.Line, error] {
	return func(yield func(audit.Line, error) bool) {
		for _, l := range f.lines {
			if !yield(l, nil) {
				return
			}
		}
	}
}

func (f *fake) add(shelf, name string, content string, flags vault.Flags) *hub.DocumentView {
	id := fmt.Sprintf("%026d", len(f.views))
	id = strings.NewReplacer("0", "a", "1", "b", "8", "c", "9", "d").Replace(id)
	sum := sha256.Sum256([]byte(content))
	d := hub.DocumentView{ID: record + "." + id, Patient: f.Space().PatientView, Flags: flags,
		Entry: vault.Entry{EntryUUID: id, LogicalID: id, Shelf: shelf, FileName: name, Title: "Titre de " + name, MediaType: "text/plain", Filed: noon, Created: noon,
			Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Author: vault.Author{Name: "Dr Éric THOMAS", Organisation: "Cabinet"}}}
	if f.files == nil {
		f.files, f.broken = map[string]hub.Content{}, map[string]error{}
	}
	f.files[d.ID] = text(content)
	f.views = append(f.views, d)
	return &f.views[len(f.views)-1]
}

func (f *fake) write(folder, subject, content string) {
	f.mail = append(f.mail, hub.TakenMessage{Folder: folder, Received: noon, Size: int64(len(content)), Content: text(content),
		Envelope: message.Envelope{Subject: subject, From: []message.Address{{Name: "Dr Éric THOMAS", Mailbox: "eric.thomas", Host: "medecin.test"}}}})
}

// taken writes a space and reads the zip back: what is in each file, by path.
func taken(t interface{ Fatal(...any) }, f *fake) (map[string]string, []string, Report) {
	var b bytes.Buffer
	rep, err := Write(context.Background(), &b, f, Options{Base: "https://espace.test/fhir", Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files, order := map[string]string{}, []string{}
	for _, e := range z.File {
		r, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(e.Name, err)
		}
		files[e.Name] = string(content)
		order = append(order, e.Name)
	}
	return files, order, rep
}

// sums checks SHA256SUMS against the files, and returns its comments.
func sums(t interface {
	Fatal(...any)
	Errorf(string, ...any)
}, files map[string]string) (comments []string) {
	seen := 0
	for line := range strings.Lines(files["SHA256SUMS"]) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			comments = append(comments, line)
			continue
		}
		sum, path, ok := strings.Cut(line, "  ")
		got := sha256.Sum256([]byte(files[path]))
		if _, there := files[path]; !ok || !there || hex.EncodeToString(got[:]) != sum {
			t.Errorf("%q is not the sum of what is there", line)
		}
		seen++
	}
	if seen != len(files)-1 {
		t.Errorf("%d sums of %d files", seen, len(files)-1)
	}
	return comments
}

// TestEverythingIsInItByteForByte, whatever people called it.
func TestEverythingIsInItByteForByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fake{folders: []string{"INBOX"}}
		name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"../../etc/passwd", "CON", "nul.txt", "a", "A", "a.", " a", "x/y\\z", "résumé.pdf", "rapport\u202efdp.exe",
			strings.Repeat("long", 60) + ".pdf", "", ".", "..", "…", "Compte rendu.pdf", "compte rendu.PDF", "COM1", "anciennes versions", "😀.png", "a\x00b", "trailing. ", "%2e%2e%2f"}))
		for _, dir := range rapid.SliceOfNDistinct(name, 0, 4, func(s string) string { return s }).Draw(t, "folders") {
			f.folders = append(f.folders, "X/"+dir)
		}
		want := map[string]int{}
		for range rapid.IntRange(0, 6).Draw(t, "documents") {
			content := rapid.String().Draw(t, "content")
			flags := rapid.SampledFrom([]vault.Flags{0, vault.Superseded, vault.Archived}).Draw(t, "flags")
			f.add(rapid.SampledFrom([]string{"BIOLOGIE", "CPT_REND", "NO-SHELF"}).Draw(t, "shelf"), name.Draw(t, "file"), content, flags)
			want[content]++
		}
		for range rapid.IntRange(0, 6).Draw(t, "messages") {
			content := rapid.String().Draw(t, "mail")
			f.write(rapid.SampledFrom(f.folders).Draw(t, "folder"), name.Draw(t, "subject"), content)
			want[content]++
		}
		files, order, rep := taken(t, f)
		sums(t, files)
		if rep.Documents != len(f.views) || rep.Messages != len(f.mail) || rep.Lost != 0 || len(order) != len(files) {
			t.Errorf("%+v, %d names of %d files", rep, len(files), len(order))
		}
		got, folded := map[string]int{}, map[string]bool{}
		for path, content := range files {
			if strings.HasPrefix(path, "documents/") || strings.HasPrefix(path, "messages/") {
				got[content]++
			}
			if folded[strings.ToLower(path)] {
				t.Errorf("%q is there twice, in other letters", path)
			}
			folded[strings.ToLower(path)] = true
			checkPath(t, path)
		}
		for path := range files {
			for dir := filepath.Dir(path); dir != "."; dir = filepath.Dir(dir) {
				if folded[strings.ToLower(dir)] {
					t.Errorf("%q is a file and a folder", dir)
				}
			}
		}
		for content, n := range want {
			if got[content] < n {
				t.Errorf("%q is there %d times, not %d", content, got[content], n)
			}
		}
	})
}

var reserved = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$`)

func checkPath(t interface{ Errorf(string, ...any) }, path string) {
	if n := utf8.RuneCountInString(path); n > 120 || !utf8.ValidString(path) {
		t.Errorf("%q has %d characters", path, n)
	}
	for level := range strings.SplitSeq(path, "/") {
		switch {
		case level == "" || strings.Trim(level, ". ") != level,
			strings.ContainsAny(level, `<>:"\|?*`), reserved.MatchString(level),
			strings.ContainsFunc(level, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e || r == 0x200f }):
			t.Errorf("%q is no name everywhere: %q", path, level)
		}
	}
}

func furnished() *fake {
	f := &fake{folders: []string{"INBOX", "Sent", "Projets/Été"}}
	f.add("BIOLOGIE", "glycémie.txt", "Glycémie normale.", 0).Entry.Rendition = "ref"
	f.files[f.views[0].ID+".pdf"] = text("%PDF-1.7 glycémie")
	f.add("BIOLOGIE", "glycémie.txt", "Glycémie, première version.", vault.Superseded)
	f.add("CPT_REND", "consultation.txt", "Tout va bien.", vault.Masked)
	f.write("INBOX", "Vos résultats", "From: a\r\n\r\nBonjour\r\n")
	f.write("Projets/Été", "Re: Vos résultats", "From: b\r\n\r\nMerci\r\n")
	doctor := audit.Line{Number: 2, Time: noon, Kind: audit.Professional, Group: audit.MedicalDocument, Actor: "eric.thomas@medecin.test", ActorName: "Dr Éric THOMAS", Role: "professional", Profession: "G15_10", Act: "read-document", Object: strings.Repeat("a", 26), Rule: "emergency/break-glass", Emergency: true, FR: "Le docteur a lu.", EN: "The doctor read."}
	f.lines = []audit.Line{doctor, {Number: 1, Time: noon.Add(-time.Hour), Kind: audit.Patient, Group: audit.General, Actor: "x", Act: "login", FR: "Connexion.", EN: "Login."}}
	return f
}

func TestTheZipIsOneThatIsRead(t *testing.T) {
	files, order, rep := taken(t, furnished())
	want := []string{"documents/Biologie/glycémie.txt", "documents/Biologie/document.pdf", "documents/Biologie/anciennes versions/glycémie.txt", "documents/Comptes rendus/consultation.txt",
		"messages/INBOX/2026-11-21 Vos résultats.eml", "messages/Projets/Été/2026-11-21 Re Vos résultats.eml",
		"fhir/Patient.ndjson", "fhir/DocumentReference.ndjson", "fhir/Consent.ndjson", "fhir/AuditEvent.ndjson", "history.csv", "index.html", "SHA256SUMS"}
	if strings.Join(order, "\n") != strings.Join(want, "\n") {
		t.Errorf("the files are\n%s\nnot\n%s", strings.Join(order, "\n"), strings.Join(want, "\n"))
	}
	if rep != (Report{Messages: 2, Documents: 3, Lines: 2}) {
		t.Errorf("%+v", rep)
	}
	for name := range files {
		if !strings.HasPrefix(name, "fhir/") {
			continue
		}
		for line := range strings.Lines(files[name]) {
			o, err := fhir.Decode([]byte(line), fhir.Limits{})
			if err != nil {
				t.Fatal(name, err)
			}
			if issues := fhir.Check(o); len(issues) > 0 {
				t.Errorf("%s: %+v\n%s", name, issues, line)
			}
		}
	}
	if refs := files["fhir/DocumentReference.ndjson"]; !strings.Contains(refs, `"url":"../documents/Biologie/glyc%C3%A9mie.txt"`) || !strings.Contains(refs, `"url":"../documents/Biologie/document.pdf"`) {
		t.Errorf("the resources do not say where the files are:\n%s", refs)
	}
	if n := strings.Count(files["history.csv"], "\r\n"); n != 3 {
		t.Errorf("the trail has %d lines", n)
	}
	again, _, _ := taken(t, furnished())
	for name, content := range files {
		if again[name] != content {
			t.Errorf("%s is another one the second time", name)
		}
	}
}

// TestThePageLeadsToEverything: each link is of a file that is there, nothing is
// loaded from elsewhere, and no script runs.
func TestThePageLeadsToEverything(t *testing.T) {
	f := furnished()
	f.add("BIOLOGIE", `<script>alert(1)</script>.txt`, "x", 0).Entry.Title = `"><script>alert(1)</script>`
	f.write("INBOX", `</a><img src=http://evil.example/x>`, "y")
	files, _, _ := taken(t, f)
	page := files["index.html"]
	linked := map[string]bool{}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if strings.HasPrefix(m[1], "#") {
			if !strings.Contains(page, `id="`+m[1][1:]+`"`) {
				t.Errorf("%s leads nowhere", m[1])
			}
			continue
		}
		path := unescape(t, m[1])
		if _, ok := files[path]; !ok {
			t.Errorf("%s leads to no file", m[1])
		}
		linked[path] = true
	}
	for path := range files {
		if path != "index.html" && !linked[path] {
			t.Errorf("nothing leads to %s", path)
		}
	}
	for _, bad := range []string{"<script", "<img", "href=\"http", " src=\""} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	for _, word := range []string{`lang="fr"`, "Jeanne HÉRON", "glycémie", "Médecin", "in an emergency", "anciennes%20versions", "replaced by a newer version", "Boîte de réception"} {
		if !strings.Contains(page, word) {
			t.Errorf("the page lacks %s", word)
		}
	}
	var patientLine map[string]any
	if err := json.Unmarshal([]byte(files["fhir/Patient.ndjson"]), &patientLine); err != nil || patientLine["resourceType"] != "Patient" {
		t.Errorf("%v, %v", patientLine, err)
	}
}

func unescape(t *testing.T, s string) string {
	t.Helper()
	s = strings.ReplaceAll(s, "&#43;", "+")
	out, err := url.PathUnescape(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWhatIsDamagedKeepsNothingElse: it is said on the page and among the sums.
func TestWhatIsDamagedKeepsNothingElse(t *testing.T) {
	f := furnished()
	f.damaged = 1
	f.broken[f.views[2].ID] = fmt.Errorf("vault: open: %w", fault.Corrupt)
	f.broken["Vos résultats"] = fmt.Errorf("hub: object: %w", fault.Internal)
	f.files[f.views[1].ID] = text("something else")
	hidden := f.add("BIOLOGIE", "secret.txt", "secret", 0)
	f.broken[hidden.ID] = fmt.Errorf("hub: %w", fault.NotFound)
	files, _, rep := taken(t, f)
	comments := sums(t, files)
	if rep != (Report{Messages: 1, Documents: 2, Lines: 2, Lost: 4}) || len(comments) != 5 {
		t.Errorf("%+v, %q", rep, comments)
	}
	if page := files["index.html"]; !strings.Contains(page, "Ce qui manque") || !strings.Contains(page, "consultation.txt") || strings.Contains(page, "secret") {
		t.Error("the page does not say what is missing, or says what is hidden")
	}
	if strings.Contains(files["SHA256SUMS"], "secret") {
		t.Error("the sums say what is hidden")
	}
	for _, err := range []error{fault.Unavailable, fault.Denied, fault.Sealed, fault.Unauthenticated} {
		f.broken["Re: Vos résultats"] = err
		if _, got := Write(t.Context(), io.Discard, f, Options{Now: noon}); !errors.Is(got, err) {
			t.Errorf("%v ends in %v", err, got)
		}
	}
}

// A broken pipe is nobody's damaged document.
type short struct{ left int }

func (w *short) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestWhoHasGoneEndsIt(t *testing.T) {
	f := furnished()
	f.files[f.views[0].ID] = zeroes(4 << 20)
	opened := 0
	f.files[f.views[2].ID] = counting{&opened}
	if _, err := Write(t.Context(), &short{left: 100}, f, Options{Now: noon}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("it ends in %v", err)
	}
	if opened > 0 {
		t.Error("it went on after the end")
	}
}

type counting struct{ n *int }

func (c counting) Size() int64                               { return 1 }
func (c counting) ReadRange(w io.Writer, off, n int64) error { *c.n++; return nil }

// zeroes is a large file of which nothing is in memory.
type zeroes int64

func (z zeroes) Size() int64 { return int64(z) }

func (z zeroes) ReadRange(w io.Writer, _, n int64) error {
	chunk := make([]byte, 64<<10)
	for i := range chunk {
		chunk[i] = byte(i * 7)
	}
	for ; n > 0; n -= int64(len(chunk)) {
		if _, err := w.Write(chunk[:min(n, int64(len(chunk)))]); err != nil {
			return err
		}
	}
	return nil
}

// TestALargeSpaceTakesNoMoreMemory than a small one: two gigabytes go through.
func TestALargeSpaceTakesNoMoreMemory(t *testing.T) {
	files, each := 64, 32<<20
	if testing.Short() {
		files = 8
	}
	f := &fake{}
	for i := range files {
		d := f.add("RADIO_SC", fmt.Sprintf("image-%d.jpg", i), "", 0)
		d.Entry.MediaType, d.Entry.SHA256 = "image/jpeg", ""
		f.files[d.ID] = zeroes(each)
	}
	var peak uint64
	watch := &watcher{look: func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
	}}
	runtime.GC()
	if _, err := Write(t.Context(), watch, f, Options{Now: noon}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MB written, %d MB of memory at most", watch.n>>20, peak>>20)
	if watch.n < int64(files*each) || peak > 96<<20 {
		t.Errorf("%d bytes were written, with %d of memory", watch.n, peak)
	}
}

type watcher struct {
	n    int64
	next int64
	look func()
}

func (w *watcher) Write(p []byte) (int, error) {
	if w.n += int64(len(p)); w.n >= w.next {
		w.look()
		w.next = w.n + 64<<20
	}
	return len(p), nil
}

// TestOtherProgramsReadIt: unzip, Python and sha256sum.
func TestOtherProgramsReadIt(t *testing.T) {
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	b := bufio.NewWriter(out)
	if _, err := Write(t.Context(), b, furnished(), Options{Now: noon}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Flush(), out.Close()); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"unzip", "-tq", "all.zip"},
		{"python3", "-c", "import zipfile; z=zipfile.ZipFile('all.zip'); assert z.testzip() is None; z.extractall('out')"},
		{"sh", "-c", "cd out && sha256sum -c --strict SHA256SUMS"},
	} {
		if _, err := exec.LookPath(command[0]); err != nil {
			if os.Getenv("VAGUEMESTRE_TEST_SERVICES") != "" || os.Getenv("CI") != "" { // set by `make test`
				t.Fatal(err)
			}
			t.Skipf("SKIPPED: %v, so programs of others do not read the zip", err)
		}
		c := exec.CommandContext(t.Context(), command[0], command[1:]...)
		c.Dir = dir
		if said, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", command, err, said)
		}
	}
}
