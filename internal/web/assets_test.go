package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// TestHtmxIsAsPublished: the note beside it names the sum of what npm has.
func TestHtmxIsAsPublished(t *testing.T) {
	sum := sha256.Sum256(assets["htmx.js"].body)
	if note := string(must(files.ReadFile("script/README.md"))); !strings.Contains(note, hex.EncodeToString(sum[:])) {
		t.Errorf("htmx.min.js is %x, and not what its note says", sum)
	}
	if strings.Contains(string(assets["app.js"].body), "htmx={") || len(assets["app.js"].body) > 40<<10 {
		t.Error("our own script holds what is not ours, or too much")
	}
}

// TestAssetsAreKeptForGoodAndSmall: whoever names the version keeps it, another
// version is asked for again, and who takes gzip gets it.
func TestAssetsAreKeptForGoodAndSmall(t *testing.T) {
	h := newHouse(t)
	get := func(path, accepted string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", accepted)
		w := httptest.NewRecorder()
		h.server.Config.Handler.ServeHTTP(w, r)
		return w
	}
	for name, a := range assets {
		plain := get(assetPath(name), "")
		if !bytes.Equal(plain.Body.Bytes(), a.body) || plain.Header().Get("Content-Type") != a.kind || plain.Header().Get("Content-Encoding") != "" ||
			plain.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %v", name, plain.Header())
		}
		if cache := get("/web/"+name+"?000000000000", "").Header().Get("Cache-Control"); strings.Contains(cache, "immutable") {
			t.Errorf("%s of another version is kept: %s", name, cache)
		}
		zipped := get(assetPath(name), "br, gzip;q=0.8")
		if zipped.Header().Get("Content-Encoding") == "gzip" {
			r, err := gzip.NewReader(zipped.Body)
			h.must(err)
			if again, _ := io.ReadAll(r); !bytes.Equal(again, a.body) || zipped.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s is another one when it is compressed", name)
			}
		} else if strings.HasPrefix(a.kind, "text/") {
			t.Errorf("%s is not compressed", name)
		}
		if get(assetPath(name), "gzip;q=0, identity").Header().Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed for who will not have it", name)
		}
	}
	if got := get("/web/nothing.js", "").Code; got != http.StatusNotFound {
		t.Errorf("%d for an asset that is none", got)
	}
}

// TestPagesAreNotCompressed: see asset.
func TestPagesAreNotCompressed(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	newHouse(t).server.Config.Handler.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Encoding"); got != "" {
		t.Errorf("a page is %s", got)
	}
}

// TestThePortalCanBeInstalled: a manifest whose pictures are there, of the size it
// says.
func TestThePortalCanBeInstalled(t *testing.T) {
	var m struct {
		Name, Display string
		Start         string `json:"start_url"`
		Icons         []struct{ Src, Sizes, Type, Purpose string }
	}
	if err := json.Unmarshal(assets["app.webmanifest"].body, &m); err != nil || m.Name == "" || m.Display != "standalone" || m.Start != "/" {
		t.Fatalf("%+v, %v", m, err)
	}
	found := map[string]bool{}
	for _, icon := range m.Icons {
		a, ok := assets[strings.TrimPrefix(icon.Src, "/web/")]
		if !ok || a.kind != icon.Type {
			t.Errorf("%s is not there", icon.Src)
			continue
		}
		found[icon.Sizes+icon.Purpose] = true
		if icon.Type != "image/png" {
			continue
		}
		k, err := png.DecodeConfig(bytes.NewReader(a.body))
		if want := strings.Split(icon.Sizes, "x"); err != nil || len(want) != 2 || want[0] != want[1] || want[0] != map[int]string{192: "192", 512: "512"}[k.Width] || k.Width != k.Height {
			t.Errorf("%s is %d by %d, want %s: %v", icon.Src, k.Width, k.Height, icon.Sizes, err)
		}
	}
	if !found["192x192"] || !found["512x512"] || !found["512x512maskable"] {
		t.Errorf("a browser does not install it with %v", found)
	}
}

// TestScriptsRunFromUsAlone: no page may run what it holds itself, and htmx is told
// to compute nothing and to keep no page.
func TestScriptsRunFromUsAlone(t *testing.T) {
	b := newHouse(t).browser().activates()
	policy := b.header.Get("Content-Security-Policy")
	for _, part := range []string{"script-src 'self';", "connect-src 'self';", "default-src 'none';"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Error(policy)
	}
	m := regexp.MustCompile(`<meta name="htmx-config" content='([^']+)'>`).FindStringSubmatch(b.page)
	if m == nil {
		t.Fatal("htmx is not told anything")
	}
	var told map[string]any
	if err := json.Unmarshal([]byte(m[1]), &told); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"allowEval": false, "allowScriptTags": false, "includeIndicatorStyles": false, "selfRequestsOnly": true, "historyCacheSize": 0.0} {
		if told[key] != want {
			t.Errorf("htmx is told %s = %v", key, told[key])
		}
	}
}
