package web

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"

	"golang.org/x/sync/semaphore"
)

// A part of a form: with a file name, a file.
type part struct{ name, file, content string }

func multipartOf(parts ...part) (kind string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"`, p.name))
		if p.file != "" {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, p.name, p.file))
			h.Set("Content-Type", "application/pdf")
		}
		pw, _ := w.CreatePart(h)
		_, _ = io.WriteString(pw, p.content)
	}
	w.Close()
	return w.FormDataContentType(), b.Bytes()
}

// sendParts sends a form that carries files.
func (b *browser) sendParts(path string, parts ...part) *browser {
	b.t.Helper()
	kind, body := multipartOf(parts...)
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+path, bytes.NewReader(body))
	b.must(err)
	r.Header.Set("Content-Type", kind)
	return b.do(r)
}

func TestAFormMayCarryFiles(t *testing.T) {
	h := newHouse(t)
	s := h.pages
	var got form
	s.mux.HandleFunc("/essai", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, route{path: "/essai", signed: true, upload: 1000, post: func(c *call) error {
			got = c.form
			_, err := io.WriteString(w, "lu")
			return err
		}})
	})
	b := h.browser()
	if b.open("/connexion").sendParts("/essai", part{"token", "", tokenOf(b)}); b.path != "/connexion" {
		t.Errorf("who has not signed in comes to %s", b.path)
	}
	b = h.browser().activates()
	token := part{"token", "", tokenOf(b)}
	b.sendParts("/essai", token, part{"text", "", "deux\r\nlignes"}, part{"files", "C:\\fakepath\\Radio\u202efdp.pdf", "%PDF"}, part{"files", "", ""}, part{"files", "b.pdf", strings.Repeat("b", 996)})
	if b.status != http.StatusOK || got.text("text", 100) != "deux\nlignes" || len(got.files("files")) != 2 || got.spilled {
		t.Errorf("%d, %+v", b.status, got)
	}
	if f := got.files("files"); len(f) == 2 && (f[0].Name != "Radiofdp.pdf" || f[0].Type != "application/pdf" || string(f[0].Content) != "%PDF") {
		t.Errorf("the file is %+v", f[0])
	}
	b.sendParts("/essai", token, part{"text", "", "gardé"}, part{"files", "a.pdf", strings.Repeat("a", 1001)}, part{"files", "b.pdf", "petit"})
	if b.status != http.StatusOK || !got.spilled || got.value("text") != "gardé" || len(got.files("files")) != 1 {
		t.Errorf("of files that are too large: %d, %+v", b.status, got)
	}
	for name, c := range map[string]struct {
		status int
		parts  []part
	}{
		"without a token":             {403, []part{{"text", "", "x"}}},
		"with that of another":        {403, []part{{"token", "", "x"}}},
		"a file before the token":     {403, []part{{"files", "a.pdf", "a"}, token}},
		"a part without a name":       {400, []part{token, {"", "", "x"}}},
		"more text than anybody has":  {413, []part{token, {"text", "", strings.Repeat("a", maxFields)}}},
		"more than is even read over": {413, []part{token, {"files", "a.pdf", strings.Repeat("a", 2*maxFields)}}},
	} {
		if b.sendParts("/essai", c.parts...); b.status != c.status {
			t.Errorf("%s: %d, want %d", name, b.status, c.status)
		}
	}
	if !s.inFlight.TryAcquire(maxInFlight) {
		t.Error("the memory of a form is not given back")
	}
}

func FuzzAFormWithFiles(f *testing.F) {
	kind, body := multipartOf(part{"token", "", "TOKEN"}, part{"text", "", "deux"}, part{"files", "a.pdf", "%PDF"})
	f.Add(kind, body)
	f.Add("multipart/form-data; boundary=a", []byte("--a\r\nContent-Disposition: form-data; name=token\r\n\r\nx\r\n--a--"))
	s := &Server{guard: http.NewCrossOriginProtection(), inFlight: semaphore.NewWeighted(maxInFlight), cfg: Config{Key: make([]byte, minKey)}}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		body = bytes.Replace(body, []byte("TOKEN"), []byte((&call{s: s, seed: "x"}).formToken()), 1)
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		c := &call{s: s, w: httptest.NewRecorder(), r: r, seed: "x"}
		err := c.readUpload(1000)
		total := 0
		for _, list := range c.form.uploads {
			for _, one := range list {
				if total += len(one.Content); strings.ContainsAny(one.Name, "/\\\x00\r\n") || len(one.Name) > maxFileName {
					t.Errorf("a file is called %q", one.Name)
				}
			}
		}
		if total > 1000 || err != nil && c.form.values != nil {
			t.Errorf("%d bytes of files, %v", total, err)
		}
		for _, give := range c.atEnd {
			give()
		}
	})
}
