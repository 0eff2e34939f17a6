package xdm

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"vaguemestre/internal/fault"
)

// A file of the zip, unpacked.
type file struct {
	name     string // with slashes
	data     []byte
	metadata bool // a METADATA.XML, whatever its spelling
	used     bool // an entry of the metadata describes it
	sha1     string
}

var errEncrypted = fmt.Errorf("encrypted: %w", fault.Invalid)

// open reads the directory of a zip. The library allocates for every entry it
// finds, whatever the count declared, so the entries are counted first.
func open(data []byte, lim Limits) (*zip.Reader, error) {
	if len(data) > lim.Size {
		return nil, fmt.Errorf("%d bytes: %w", len(data), fault.TooLarge)
	}
	if n := bytes.Count(data, []byte("PK\x01\x02")); n > lim.Entries {
		return nil, fmt.Errorf("over %d entries: %w", lim.Entries, fault.TooLarge)
	}
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are checked by us
		return nil, fmt.Errorf("no zip: %w", fault.Invalid)
	}
	return r, nil
}

// unpack reads every file into memory, within the limits.
func unpack(data []byte, lim Limits) (files []*file, defects []string, err error) {
	r, err := open(data, lim)
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	total := 0
	for _, z := range r.File {
		name, err := safeName(z.Name)
		if err != nil {
			return nil, nil, err
		}
		if strings.HasSuffix(name, "/") {
			continue // a folder
		}
		key := strings.ToUpper(name)
		if seen[key] {
			return nil, nil, fmt.Errorf("an entry twice: %w", fault.Invalid)
		}
		seen[key] = true
		if strings.Contains(z.Name, `\`) {
			defects = append(defects, "an entry name has backslashes")
		}
		content, err := unpackOne(z, min(lim.Entry, lim.Total-total), lim.Ratio)
		switch total += int(z.UncompressedSize64); { // what was allocated, whatever came of it
		case errors.Is(err, fault.TooLarge):
			return nil, nil, err
		case errors.Is(err, errEncrypted):
			defects = append(defects, "an entry is encrypted and was left out")
			continue
		case err != nil:
			defects = append(defects, "an entry is damaged and was left out")
			continue
		}
		files = append(files, &file{name: name, data: content, metadata: isMetadataName(name)})
	}
	findMetadata(files)
	return files, defects, nil
}

// unpackOne reads one entry of most bytes at most. Its declared size is only
// believed when it is too large.
func unpackOne(z *zip.File, most, ratio int) ([]byte, error) {
	if packed := max(z.CompressedSize64, 1); z.UncompressedSize64 > uint64(most) ||
		z.UncompressedSize64 > 1<<20 && z.UncompressedSize64/packed > uint64(ratio) {
		return nil, fmt.Errorf("an entry of %d bytes: %w", z.UncompressedSize64, fault.TooLarge)
	}
	const encrypted = 0x1 // bit 0 of the flags, APPNOTE §4.4.4
	if z.Flags&encrypted != 0 {
		return nil, errEncrypted
	}
	r, err := z.Open()
	if err != nil {
		return nil, fmt.Errorf("an entry: %w", fault.Corrupt)
	}
	defer r.Close()
	var b bytes.Buffer
	b.Grow(int(z.UncompressedSize64) + bytes.MinRead)
	n, err := b.ReadFrom(io.LimitReader(r, int64(most)+1))
	switch {
	case n > int64(most):
		return nil, fmt.Errorf("an entry of more than it declares: %w", fault.TooLarge)
	case err != nil:
		return nil, fmt.Errorf("an entry: %w", fault.Corrupt) // cut, or a wrong checksum
	}
	return b.Bytes(), nil
}

var drive = regexp.MustCompile(`^[A-Za-z]:`)

// safeName returns the name with slashes, or fault.Invalid for one that climbs
// out of the folder, starts at a root, or is no text.
func safeName(name string) (string, error) {
	s := strings.ReplaceAll(name, `\`, "/")
	bad := s == "" || len(s) > 512 || strings.HasPrefix(s, "/") || drive.MatchString(s)
	for _, part := range strings.Split(s, "/") {
		bad = bad || part == ".."
	}
	for _, r := range s {
		bad = bad || r < ' ' || r == 0x7f
	}
	if bad {
		return "", fmt.Errorf("an entry name that is no path within the folder: %w", fault.Invalid)
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "_") // names in the code page of an old system
	}
	folder := strings.HasSuffix(s, "/")
	if s = path.Clean(s); folder {
		s += "/"
	}
	return s, nil
}

func isMetadataName(name string) bool {
	return strings.HasSuffix(strings.ToUpper(name), "METADATA.XML")
}

func inXDMFolder(name string) bool {
	return strings.HasPrefix(strings.ToUpper(strings.ReplaceAll(name, `\`, "/")), "IHE_XDM/")
}

// findMetadata marks a SubmitObjectsRequest under another name, when no file
// has the right one.
func findMetadata(files []*file) {
	for _, f := range files {
		if f.metadata {
			return
		}
	}
	for _, f := range files {
		head := f.data[:min(len(f.data), 2048)]
		if strings.EqualFold(path.Ext(f.name), ".xml") && bytes.Contains(head, []byte("SubmitObjectsRequest")) {
			f.metadata = true
		}
	}
}

// furniture reports whether the file is part of the package and no document:
// the notices of IHE XDM, style sheets, images of the index.
func (f *file) furniture() bool {
	base := strings.ToUpper(path.Base(f.name))
	if strings.HasPrefix(base, "README") || strings.HasPrefix(base, "INDEX.") || strings.HasPrefix(base, ".") ||
		strings.HasPrefix(strings.ToUpper(f.name), "__MACOSX/") || base == "THUMBS.DB" {
		return true
	}
	switch path.Ext(base) {
	case ".XSL", ".XSLT":
		return !holdsDocument.Match(f.data[:min(len(f.data), 64<<10)])
	case ".CSS", ".JS", ".HTM", ".HTML", ".GIF", ".ICO", ".DTD", ".XSD":
		return true
	}
	return false
}

// holdsDocument tells a self-presenting CDA from a mere style sheet.
var holdsDocument = regexp.MustCompile(`<(?:[A-Za-z_][\w.-]{0,40}:)?ClinicalDocument[\s>]`)
