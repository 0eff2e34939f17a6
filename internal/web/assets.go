package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"slices"
	"strings"
)

// An asset is a file that pages load: the same for everybody, and nothing about
// anybody.
//
// Assets are compressed, pages are not: a page holds tokens and what strangers
// wrote, and its length, once compressed, would tell of the one through the other
// (BREACH). Pages are small enough.
type asset struct {
	body, zipped  []byte // zipped is nil where that saves nothing
	kind, version string
}

var assets = map[string]asset{
	"style.css":         newAsset("text/css; charset=utf-8", "style/*.css"),
	"app.js":            newAsset("text/javascript; charset=utf-8", "script/*.js"),
	"htmx.js":           newAsset("text/javascript; charset=utf-8", "script/htmx.min.js"),
	"app.webmanifest":   newAsset("application/manifest+json", "style/app.webmanifest"),
	"icon.svg":          newAsset("image/svg+xml", "style/icon.svg"),
	"icon-180.png":      newAsset("image/png", "style/icon-180.png"),
	"icon-192.png":      newAsset("image/png", "style/icon-192.png"),
	"icon-512.png":      newAsset("image/png", "style/icon-512.png"),
	"icon-maskable.png": newAsset("image/png", "style/icon-maskable.png"),
}

// newAsset makes one of the files that match, in the order of their names. What
// others have written (*.min.js) is there only by its whole name.
func newAsset(kind, pattern string) asset {
	names := must(fs.Glob(files, pattern))
	if len(names) > 1 {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, ".min.js") })
	}
	a := asset{kind: kind}
	for _, name := range names {
		a.body = append(a.body, must(files.ReadFile(name))...)
	}
	sum := sha256.Sum256(a.body)
	a.version = hex.EncodeToString(sum[:6])
	var b bytes.Buffer
	w := must(gzip.NewWriterLevel(&b, gzip.BestCompression))
	_ = must(w.Write(a.body))
	if must(b.Len(), w.Close()) < len(a.body)*9/10 {
		a.zipped = b.Bytes()
	}
	return a
}

// assetPath returns where a page finds one: the address changes with what is in it.
func assetPath(name string) string { return "/web/" + name + "?" + assets[name].version }

// asset serves one. Whoever names this version may keep it for good.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=300")
	if r.URL.RawQuery == a.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := a.body
	if a.zipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body = a.zipped
		}
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// takesGzip reports whether a client that sends this Accept-Encoding takes gzip
// (RFC 9110 §12.5.3).
func takesGzip(accepted string) bool {
	for one := range strings.SplitSeq(accepted, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(one), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.Trim(strings.TrimSpace(weight), "q=0. ") != "" || weight == ""
		}
	}
	return false
}
