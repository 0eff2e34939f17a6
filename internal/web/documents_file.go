package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filename"
	"vaguemestre/internal/hub"
	"vaguemestre/vault"
)

// The files of documents.

// documentFile gives the original: to be shown, where a browser can do so without
// running anything, else to be saved.
func (c *call) documentFile() error {
	v, file, err := c.s.hub.OpenDocument(c.ctx(), c.who.Actor, c.documentID())
	if err != nil {
		return err
	}
	return c.file(v.ID, fileNameOf(&v.Entry), v.Entry.MediaType, file)
}

// documentRendition gives the PDF that shows a document.
func (c *call) documentRendition() error {
	v, file, err := c.s.hub.OpenRendition(c.ctx(), c.who.Actor, c.documentID())
	if err != nil {
		return err
	}
	return c.file(v.ID+"/pdf", readableName(&v.Entry)+".pdf", "application/pdf", file)
}

// documentInside gives the file that a CDA carries within.
func (c *call) documentInside() error {
	v, b, err := c.openWhole()
	if err != nil {
		return err
	}
	d, err := cda.Parse(b, cda.Limits{})
	if err != nil || d.Embedded == nil {
		return fmt.Errorf("web: nothing inside: %w", fault.NotFound)
	}
	b, err = d.Embedded.Bytes()
	if err != nil {
		return err
	}
	kind := mediaType(d.Embedded.MediaType)
	return c.file(v.ID+"/extrait", readableName(&v.Entry)+fileEnd(kind), kind, wholeFile(b))
}

// openWhole opens the document of this page, to be read here.
func (c *call) openWhole() (hub.DocumentView, []byte, error) {
	v, file, err := c.s.hub.OpenDocument(c.ctx(), c.who.Actor, c.documentID())
	if err != nil {
		return v, nil, err
	}
	b, err := wholeOf(file)
	return v, b, err
}

func wholeOf(file hub.Content) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(file.Size()))
	err := file.ReadRange(&b, 0, file.Size())
	return b.Bytes(), err
}

// wholeFile is a file in memory.
type wholeFile []byte

// Size implements hub.Content.
func (f wholeFile) Size() int64 { return int64(len(f)) }

// ReadRange implements hub.Content.
func (f wholeFile) ReadRange(w io.Writer, off, n int64) error {
	_, err := w.Write(f[off : off+n])
	return err
}

// file sends a file, or the range of it that is asked for.
func (c *call) file(version, name, kind string, file hub.Content) error {
	see := isShown(kind) && kind != "text/plain" // which is read at /lecture
	if !see {
		kind = savedAs(kind)
	}
	c.fileHead(name, kind, see && c.r.URL.Query().Get("enregistrer") == "")
	sum := sha256.Sum256([]byte(version))
	c.w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	http.ServeContent(c.steady(), c.r, "", time.Time{}, io.NewSectionReader(contentAt{file}, 0, file.Size()))
	return nil
}

// savedAs is the type under which a file is saved: one that no browser runs.
func savedAs(kind string) string {
	switch kind {
	case "text/plain", "application/rtf", "text/rtf", "image/tiff":
		return kind
	case cda.MediaType, cda.MediaTypeSelfPresenting:
		return "application/xml"
	}
	return "application/octet-stream"
}

// contentAt reads a document anywhere.
type contentAt struct{ hub.Content }

// ReadAt implements io.ReaderAt.
func (c contentAt) ReadAt(p []byte, off int64) (int, error) {
	n := min(int64(len(p)), c.Size()-off)
	if n <= 0 {
		return 0, io.EOF
	}
	w := bytes.NewBuffer(p[:0:len(p)])
	if err := c.ReadRange(w, off, n); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// fileNameOf is under what name a document is saved.
func fileNameOf(e *vault.Entry) string {
	return readableName(e) + fileEnd(e.MediaType)
}

// maxReadableName bounds such a name without its ending, in characters.
const maxReadableName = 100

// readableName says what a document is, as the name of a file: its day, its title
// and its author.
func readableName(e *vault.Entry) string {
	name := e.About().Format(time.DateOnly) + " " + strings.TrimSuffix(e.Title, path.Ext(e.FileName))
	if e.Author.Name != "" && e.Depositor == "" {
		name += " – " + e.Author.Name
	}
	return filename.Safe(name, "document", maxReadableName)
}
