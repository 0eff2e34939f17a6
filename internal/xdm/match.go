package xdm

import (
	"crypto/sha1"
	"encoding/hex"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// match gives each entry its file and returns the documents, in the order of
// the entries. An entry without a file is left out.
func match(entries []*entry, files []*file, meta *file) []Document {
	found := make([]*file, len(entries))
	finders := []func(*entry) *file{
		func(e *entry) *file { return byPath(e.uri, files, meta) },
		func(e *entry) *file { return byEnding(e.uri, files) },
		func(e *entry) *file { return byHash(e.hash, files) },
	}
	for _, find := range finders { // the surest way first, for all entries
		for i, e := range entries {
			if found[i] == nil {
				if found[i] = find(e); found[i] != nil {
					found[i].used = true
				}
			}
		}
	}
	lastPair(found, files)
	var docs []Document
	for i, e := range entries {
		if found[i] != nil {
			docs = append(docs, e.with(found[i]))
		}
	}
	return docs
}

// free lists the files that may still be a document.
func free(files []*file) []*file {
	var out []*file
	for _, f := range files {
		if !f.used && !f.metadata {
			out = append(out, f)
		}
	}
	return out
}

// byPath follows the URI from the folder of the metadata, from the one above
// it, and from the root of the zip.
func byPath(uri string, files []*file, meta *file) *file {
	rel := relative(uri)
	if rel == "" {
		return nil
	}
	dir := path.Dir(meta.name)
	for _, from := range []string{dir, path.Dir(dir), "."} {
		want := path.Join(from, rel)
		for _, f := range free(files) {
			if strings.EqualFold(f.name, want) {
				return f
			}
		}
	}
	return nil
}

// byEnding takes the one file whose name ends as the URI does: another folder,
// or a slash that was left out.
func byEnding(uri string, files []*file) *file {
	base := path.Base(relative(uri))
	if len(base) < 3 {
		return nil
	}
	var one *file
	for _, f := range free(files) {
		if strings.HasSuffix(strings.ToUpper(f.name), strings.ToUpper(base)) {
			if one != nil {
				return nil
			}
			one = f
		}
	}
	return one
}

func byHash(hash string, files []*file) *file {
	if len(hash) != 2*sha1.Size {
		return nil
	}
	for _, f := range free(files) {
		if hash == f.hash() {
			return f
		}
	}
	return nil
}

// lastPair joins the last entry without a file to the last file without an
// entry, when there is one of each.
func lastPair(found []*file, files []*file) {
	at, rest := -1, free(files)
	for i := range found {
		if found[i] == nil {
			if at >= 0 {
				return
			}
			at = i
		}
	}
	var candidate *file
	for _, f := range rest {
		if f.furniture() {
			continue
		}
		if candidate != nil {
			return
		}
		candidate = f
	}
	if at >= 0 && candidate != nil {
		candidate.used = true
		found[at] = candidate
	}
}

// relative returns the path of a URI slot with slashes, unescaped, without
// what would leave the folder.
func relative(uri string) string {
	uri = strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(uri), `\`, "/"), "file:")
	if u, err := url.PathUnescape(uri); err == nil {
		uri = u
	}
	uri = strings.TrimPrefix(path.Clean("/"+uri), "/")
	return uri
}

// with completes the description with the file, and compares what it declares.
func (e *entry) with(f *file) Document {
	d := e.Document
	d.Name, d.Data = f.name, f.data
	if want := path.Base(relative(e.uri)); want == "." || !strings.EqualFold(want, path.Base(f.name)) {
		d.Defects = append(d.Defects, "the URI does not lead to the file")
	}
	if e.hash != "" {
		if d.HashOK = e.hash == f.hash(); !d.HashOK {
			d.Defects = append(d.Defects, "the hash is not that of the file")
		}
	}
	if e.size != "" && e.size != strconv.Itoa(len(f.data)) {
		d.Defects = append(d.Defects, "the size is not that of the file")
	}
	return d
}

// hash returns the SHA-1 of the file, computed once: entries that lie about
// theirs are compared with every file.
func (f *file) hash() string {
	if f.sha1 == "" {
		f.sha1 = sha1Hex(f.data)
	}
	return f.sha1
}

func sha1Hex(data []byte) string {
	sum := sha1.Sum(data) // the hash XDS prescribes; nothing is trusted by it
	return hex.EncodeToString(sum[:])
}
