package web

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/vault"
)

// A download is what comes after a form was sent, while it comes.
type download struct {
	io.Reader
	http.Header
	path   string // where it came from
	status int
}

// takes sends the form of a page.
func (b *browser) takes(action string) download {
	b.t.Helper()
	values := url.Values{"token": {tokenOf(b)}}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+action, strings.NewReader(values.Encode()))
	b.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", b.agent)
	resp, err := b.Do(r)
	b.must(err)
	b.t.Cleanup(func() { b.must(resp.Body.Close()) })
	return download{resp.Body, resp.Header, resp.Request.URL.Path, resp.StatusCode}
}

// proves has Jeanne prove once more who she is.
func (b *browser) proves() *browser {
	b.t.Helper()
	return b.at("/confirmer").send("/confirmer", "password", password).send("/confirmer/code", "code", b.mail("jeanne@courriel.test"))
}

// unpacks reads a zip that came: what is in each file, by path.
func (b *browser) unpacks(d download) map[string]string {
	b.t.Helper()
	if kind := d.Get("Content-Type"); kind != "application/zip" {
		b.t.Fatalf("what came is %s, %d", kind, d.status)
	}
	all, err := io.ReadAll(d)
	b.must(err)
	z, err := zip.NewReader(bytes.NewReader(all), int64(len(all)))
	b.must(err)
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		b.must(err)
		content, err := io.ReadAll(r)
		b.must(errors.Join(err, r.Close()))
		files[f.Name] = string(content)
	}
	return files
}

func (b *browser) deposits(record, title string) {
	b.t.Helper()
	s := hub.Submission{Entry: vault.Entry{TypeCode: "11502-2", MediaType: "text/plain", Title: title, FileName: title + ".txt", Created: b.house.now}, Content: []byte("Contenu de " + title)}
	_, _, err := b.Deposit(b.t.Context(), b.actor(b), record, s)
	b.must(err)
}

// within joins what is in all files but the sums.
func within(files map[string]string) string {
	var all strings.Builder
	for path, content := range files {
		all.WriteString(path + "\n" + content + "\n")
	}
	return all.String()
}

// TestAHolderTakesEverythingAwayAndNothingOfAnother: through the pages, of a hub
// that holds others.
func TestAHolderTakesEverythingAwayAndNothingOfAnother(t *testing.T) {
	h := newHouse(t)
	jeanne, paul := h.browser().activates(), h.paul()
	jeanne.deposits(h.record(jeanne), "Glycémie de Jeanne")
	paul.deposits(h.record(paul), "Radio de Paul")
	h.thomasWrites(h.jeanne.Matricule, "Résultats de Jeanne")
	paul.writes("paul-1", "Subject: Lettre pour Paul\n\nSecret de Paul\n")

	h.now = h.now.Add(20 * time.Minute)
	jeanne.open("/").open("/exporter").proves().at("/exporter", "Documents : 1", "messages : 1", "Personne n'a encore tout emporté", "Gardez-le en lieu sûr")
	all := jeanne.takes("/exporter")
	if name := all.Get("Content-Disposition"); name != `attachment; filename="espace-sante-2026-11-21.zip"` {
		t.Errorf("it is called %s", name)
	}
	files := jeanne.unpacks(all)
	told := within(files)
	for _, word := range []string{"Glycémie de Jeanne", "Contenu de Glycémie de Jeanne", "Résultats de Jeanne", `"resourceType":"Consent"`} {
		if !strings.Contains(told, word) {
			t.Errorf("%q is not in it", word)
		}
	}
	for _, word := range []string{"Paul", "GEAI", h.record(paul), "Secret"} {
		if strings.Contains(told, word) {
			t.Errorf("%q is in it", word)
		}
	}
	checkSums(t, files)
	checkOffline(t, files)
	jeanne.open("/exporter").at("/exporter", "Dernier téléchargement le", "complet")
	jeanne.open("/exporter/avancement").at("/exporter/avancement", "complet")
	jeanne.open("/activite").at("/activite", "Vous avez reçu tout le dossier, jusqu'au bout")
	jeanne.open("/fermer").at("/fermer", "Avant de fermer, gardez une copie de tout")
}

// checkSums recomputes each sum.
func checkSums(t *testing.T, files map[string]string) {
	t.Helper()
	n := 0
	for line := range strings.Lines(files["SHA256SUMS"]) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		sum, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		content, ok := files[path]
		if got := sha256.Sum256([]byte(content)); !ok || hex.EncodeToString(got[:]) != sum {
			t.Errorf("the sum of %s is another one", path)
		}
		n++
	}
	if n != len(files)-1 {
		t.Errorf("%d sums of %d files", n, len(files)-1)
	}
}

// checkOffline follows each reference of the page: all are of files beside it.
func checkOffline(t *testing.T, files map[string]string) {
	t.Helper()
	page, n := files["index.html"], 0
	for _, m := range regexp.MustCompile(`(?i)\b(?:href|src|srcset|action|poster|data)="?([^"\s>]*)`).FindAllStringSubmatch(page, -1) {
		n++
		path, err := url.PathUnescape(strings.ReplaceAll(m[1], "&#43;", "+"))
		if _, ok := files[path]; err != nil || !ok && !strings.HasPrefix(path, "#") {
			t.Errorf("the page refers to %s", m[1])
		}
	}
	if n < 6 || strings.Contains(page, "@import") || strings.Contains(page, "url(") || strings.Contains(page, "<script") {
		t.Errorf("the page has %d references, or loads something:\n%s", n, page)
	}
}

// TestWhoIsNotTheHolderTakesNothing: a child's space is taken by the parent, and
// by nobody else.
func TestWhoIsNotTheHolderTakesNothing(t *testing.T) {
	h := newHouse(t)
	jeanne, paul := h.browser().activates(), h.paul()
	jeanne.open("/proches/enfants").send("/proches/enfants", "decision", "open", "certify", "yes")
	at := "/proches/" + regexp.MustCompile(`href="/proches/([a-z2-7]{26})"`).FindStringSubmatch(jeanne.page)[1]
	jeanne.open(at).at(at, "Tout emporter").open(at+"/exporter").at(at+"/exporter", "de Lina HÉRON, dans un seul fichier")
	files := jeanne.unpacks(jeanne.takes(at + "/exporter"))
	if all := within(files); !strings.Contains(all, "Lina HÉRON") || strings.Contains(all, h.jeanne.Matricule.Canonical()+`"`) {
		t.Error("it is not the child's")
	}
	for _, path := range []string{at, "/proches/" + h.record(jeanne)} {
		for _, more := range []string{"/exporter", "/exporter/avancement"} {
			if paul.open(path + more); paul.status != http.StatusNotFound {
				t.Errorf("%s: %d", more, paul.status)
			}
		}
		paul.open("/proches")
		if d := paul.takes(path + "/exporter"); d.status != http.StatusNotFound {
			t.Errorf("it is taken: %d", d.status)
		}
	}
	h.now = h.now.Add(20 * time.Minute)
	jeanne.open("/")
	if d := jeanne.takes("/exporter"); d.path != "/confirmer" {
		t.Errorf("without a proof: %s", d.path)
	}
	if nobody := h.browser().open("/exporter"); nobody.path != "/connexion" {
		t.Errorf("nobody is at %s", nobody.path)
	}
}

// TestALargeMailboxIsTakenInLittleMemory: what is not in the store of this test
// does not grow with what is taken.
func TestALargeMailboxIsTakenInLittleMemory(t *testing.T) {
	h := newHouse(t)
	jeanne := h.browser().activates()
	messages, each := 16, 6<<20
	if testing.Short() {
		messages = 4
	}
	for i := range messages {
		raw := make([]byte, each*3/4)
		_, _ = rand.Read(raw)
		body := base64.StdEncoding.EncodeToString(raw)
		var lines strings.Builder
		for ; len(body) > 76; body = body[76:] {
			lines.WriteString(body[:76] + "\n")
		}
		jeanne.writes(fmt.Sprint("large-", i), "Subject: Images\nMIME-Version: 1.0\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"+lines.String())
	}
	h.now = h.now.Add(20 * time.Minute)
	jeanne.open("/").open("/exporter").proves().at("/exporter")
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	all := jeanne.takes("/exporter")
	var n, peak int64
	chunk := make([]byte, 1<<20)
	for looked := int64(0); ; {
		m, err := all.Read(chunk)
		if n += int64(m); n-looked > 4<<20 {
			looked = n
			runtime.GC() // what is held, not what has been let go
			runtime.ReadMemStats(&now)
			peak = max(peak, int64(now.HeapInuse)-int64(before.HeapInuse))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		h.must(err)
	}
	t.Logf("%d MB came, with %d MB of memory at most", n>>20, peak>>20)
	if n < int64(messages*each)*7/10 || peak > 32<<20 {
		t.Errorf("%d bytes came, with %d of memory", n, peak)
	}
	jeanne.open("/exporter").at("/exporter", "complet")
}
