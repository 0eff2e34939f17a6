package fhirapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"vaguemestre/internal/fhir"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/dialogues")

// Each file in testdata/dialogues is a conversation with one server: lines with
// ">" are what a client sends, lines with "<" what it gets, others are remarks.
func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d dialogues, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, newServer(t, newFake()), string(text))
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("%s is now:\n%s", name, firstDifference(string(text), got))
			}
		})
	}
}

// converse sends what the client says in text, and gives text back with what it
// gets to hear.
func converse(t *testing.T, s http.Handler, text string) string {
	var out, request strings.Builder
	send := func() {
		if request.Len() > 0 {
			out.WriteString(hear(t, s, request.String()))
			request.Reset()
		}
	}
	for line := range strings.Lines(text) {
		said, client := strings.CutPrefix(line, ">")
		switch {
		case client:
			request.WriteString(strings.TrimPrefix(said, " "))
			out.WriteString(line)
			continue
		case strings.HasPrefix(line, "<"):
			continue
		}
		send()
		out.WriteString(line)
	}
	send()
	return out.String()
}

var cursorPattern = regexp.MustCompile(`_cursor=[A-Za-z0-9_-]+`)

func hear(t *testing.T, s http.Handler, request string) string {
	head, body, _ := strings.Cut(strings.TrimSuffix(request, "\n"), "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	r := httptest.NewRequest(method, "https://dmp.test"+target, strings.NewReader(body))
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var out strings.Builder
	out.WriteString("< " + itoa(w.Code) + " " + http.StatusText(w.Code) + "\n")
	for _, name := range []string{"Content-Type", "Content-Range", "Location", "ETag", "Allow", "WWW-Authenticate", "Content-Disposition", "Access-Control-Allow-Origin"} {
		if v := w.Header().Get(name); v != "" && (name != "Access-Control-Allow-Origin" || method == "OPTIONS") {
			out.WriteString("< " + name + ": " + v + "\n")
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s may be stored", method, target)
	}
	text := w.Body.String()
	if strings.HasPrefix(w.Header().Get("Content-Type"), fhir.MediaType) && text != "" {
		emitted(t, method+" "+target, w.Body.Bytes())
		var b bytes.Buffer
		if err := json.Indent(&b, w.Body.Bytes(), "", "  "); err != nil {
			t.Fatalf("%s %s: %v", method, target, err)
		}
		text = cursorPattern.ReplaceAllString(b.String(), "_cursor=…")
	}
	for line := range strings.Lines(text) {
		out.WriteString("< " + line)
	}
	return strings.TrimSuffix(out.String(), "\n") + "\n"
}

// resources are all that was emitted in the tests, for the referees.
var resources struct {
	sync.Mutex
	all map[string]bool
}

// emitted checks what was emitted, and keeps it for the referees.
func emitted(t testing.TB, where string, data []byte) {
	o, err := fhir.Decode(data, fhir.Limits{})
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	for _, i := range fhir.Check(o) {
		t.Errorf("%s: %s %s", where, i.Path, i.Message)
	}
	if fuzzing() {
		return
	}
	resources.Lock()
	defer resources.Unlock()
	if resources.all == nil {
		resources.all = map[string]bool{}
	}
	resources.all[string(bytes.ReplaceAll(bytes.TrimSpace(data), []byte("\n"), []byte(" ")))] = true
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range bs {
		if i >= len(as) || as[i] != bs[i] {
			return strings.Join(bs[max(0, i-3):min(len(bs), i+12)], "\n")
		}
	}
	return "shorter"
}

func emittedValue(t testing.TB, where string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	emitted(t, where, b)
}

// fuzzing reports whether this process fuzzes: what comes of it is not judged.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}
