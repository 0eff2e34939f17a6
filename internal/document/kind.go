package document

import (
	"bytes"
	"path"
	"strings"
	"unicode/utf8"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/xdm"
)

// A kind is a form of document we know.
type kind int

const (
	nothing kind = iota // no document: signatures, cards, calendars, other zips, the unknown
	pdf
	jpeg
	png
	tiff
	rtf
	text
	cdaFile
	xdmZip
)

// how a kind was found, the surest first.
type how int

const (
	byContent how = iota
	byType
	byName
)

var mediaTypes = map[kind]string{
	pdf: "application/pdf", jpeg: "image/jpeg", png: "image/png", tiff: "image/tiff",
	rtf: "application/rtf", text: "text/plain", cdaFile: cda.MediaType, xdmZip: "application/zip",
}

var kindOfType = map[string]kind{
	"application/pdf": pdf, "application/x-pdf": pdf,
	"image/jpeg": jpeg, "image/jpg": jpeg, "image/pjpeg": jpeg,
	"image/png": png, "image/tiff": tiff,
	"application/rtf": rtf, "text/rtf": rtf,
}

var kindOfExt = map[string]kind{
	".pdf": pdf, ".jpg": jpeg, ".jpeg": jpeg, ".png": png, ".tif": tiff, ".tiff": tiff, ".rtf": rtf,
}

func (k kind) mediaType() string { return mediaTypes[k] }

func (k kind) isImage() bool { return k == jpeg || k == png || k == tiff }

// detect says what an attachment is: by its first bytes, then by its declared
// type, then by its name. Plain text has no first bytes, so it must be text,
// declared or named so, and have a name: without one it is a body.
func detect(a Attachment, lim xdm.Limits) (kind, how) {
	if k := magic(a.Data); k != nothing {
		return k, byContent
	}
	ext := strings.ToLower(path.Ext(a.FileName))
	mediaType := strings.ToLower(strings.TrimSpace(a.MediaType))
	switch {
	case isZip(a.Data):
		if xdm.Sniff(a.Data, lim) || isXDMName(a.FileName) {
			return xdmZip, byContent
		}
		return nothing, byContent
	case len(a.Data) == 0:
		return nothing, byContent
	case a.FileName != "" && (ext == ".txt" || mediaType == "text/plain" && ext == "") && isText(a.Data):
		return text, byContent
	}
	if k := kindOfType[mediaType]; k != nothing {
		return k, byType
	}
	if mediaType == "" || mediaType == "application/octet-stream" {
		return kindOfExt[ext], byName
	}
	return nothing, byType
}

func magic(data []byte) kind {
	head := data[:min(len(data), 1024)]
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return jpeg
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return png
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return tiff
	case bytes.HasPrefix(head, []byte(`{\rtf`)):
		return rtf
	case cda.Sniff(data):
		return cdaFile
	case !isZip(data) && bytes.Contains(head, []byte("%PDF-")): // readers accept it there
		return pdf
	}
	return nothing
}

// Genuine reports whether a file is what its type says: by its first bytes where
// they tell.
func Genuine(mediaType string, data []byte) bool {
	switch mediaType {
	case text.mediaType():
		return isText(data)
	case cda.MediaType:
		return cda.Sniff(data)
	}
	k := kindOfType[mediaType]
	return k == nothing || k == magic(data)
}

func isZip(data []byte) bool {
	return bytes.HasPrefix(data, []byte("PK\x03\x04")) || bytes.HasPrefix(data, []byte("PK\x05\x06"))
}

// isXDMName knows the name the MSSanté gives the package, IHE_XDM.zip, with
// what mail clients add to a name that comes twice.
func isXDMName(name string) bool {
	name = strings.ToUpper(path.Base(strings.ReplaceAll(name, `\`, "/")))
	return strings.HasPrefix(name, "IHE_XDM") && strings.HasSuffix(name, ".ZIP")
}

func isText(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), 64<<10)], 0) < 0
}

// isSignature reports whether a document of a package is the signature of the
// others (IHE DSG).
func isSignature(x *xdm.Document) bool {
	return strings.Contains(x.Format.Code, "xmldsig") || x.Class.Code == "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1"
}

// safeMediaType returns s if it is a media type that says nothing but what
// bytes are, else application/octet-stream.
func safeMediaType(s string) string {
	main, sub, ok := strings.Cut(s, "/")
	if !ok || !isToken(main) || !isToken(sub) || len(s) > 100 || main == "multipart" || main == "message" {
		return "application/octet-stream"
	}
	return s
}

// isToken reports whether s is a token of RFC 2045 §5.1.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= utf8.RuneSelf-1 || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}
