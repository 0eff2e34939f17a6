package takeout

import (
	"archive/zip"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"vaguemestre/internal/filename"
)

// An archive is a zip that is written, with the sum of every file in it. The
// library writes zip64 where sizes or numbers ask for it.
type archive struct {
	zip   *zip.Writer
	out   *sink
	now   time.Time
	names *filename.Names
	sums  []string
}

// A sink remembers that nothing more can be written.
type sink struct {
	io.Writer
	err error
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (n int, err error) {
	if s.err == nil {
		n, s.err = s.Writer.Write(p)
	}
	return n, s.err
}

func newArchive(w io.Writer, now time.Time) *archive {
	out := &sink{Writer: w}
	a := &archive{zip: zip.NewWriter(out), out: out, now: now, names: filename.New()}
	a.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	return a
}

// dawn is the first time that a zip can tell.
var dawn = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// file writes one file and returns its sum. Its path is one of names, or fixed.
// After an error of write the file ends where that stopped.
func (a *archive) file(path string, at time.Time, asIs bool, write func(io.Writer) error) (string, error) {
	h := &zip.FileHeader{Name: path, Method: zip.Deflate, Modified: at.UTC()}
	if asIs {
		h.Method = zip.Store
	}
	if h.Modified.Before(dawn) {
		h.Modified = a.now.UTC()
	}
	h.SetMode(0o644)
	w, err := a.zip.CreateHeader(h)
	if err != nil {
		return "", fmt.Errorf("archive: %w", err)
	}
	hash := sha256.New()
	err = write(io.MultiWriter(w, hash))
	sum := hex.EncodeToString(hash.Sum(nil))
	a.sums = append(a.sums, sum+"  "+path+"\n")
	return sum, err
}

// close writes the sums of all files, with what is not there in comments, and
// ends the zip.
func (a *archive) close(lost []lostRow) error {
	var b strings.Builder
	b.WriteString("# sha256sum -c SHA256SUMS\n")
	for _, l := range lost {
		fmt.Fprintf(&b, "# N'a pas pu être lu / could not be read: %s\n", oneLine(l.What.FR+" "+l.Name))
	}
	for _, s := range a.sums {
		b.WriteString(s)
	}
	h := &zip.FileHeader{Name: "SHA256SUMS", Method: zip.Deflate, Modified: a.now.UTC()}
	h.SetMode(0o644)
	w, err := a.zip.CreateHeader(h)
	if err == nil {
		_, err = io.WriteString(w, b.String())
	}
	if err == nil {
		err = a.zip.Close()
	}
	if err != nil {
		return fmt.Errorf("takeout: archive: %w", err)
	}
	return nil
}

// oneLine takes what would begin another line out of a text.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
