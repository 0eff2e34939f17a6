// Package filename names files. Whatever somebody called one, its name is that of
// one file on every system: nothing in it leads to another folder, separates, hides
// or writes backwards, and no two differ in the case of letters alone.
//
// It knows names and no files. What it makes is for people to read; nothing is
// found again by it.
package filename

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// How long names may be, in characters. A path of the zip is a folder, a slash
// and a name.
const (
	maxPath   = 120
	maxFolder = 56 // of the path of a folder
	maxLevel  = 28 // of one level of it
)

// Names gives files and folders names of their own: those of one zip.
type Names struct{ taken, folders map[string]bool }

// New returns Names of which none is taken.
func New() *Names {
	return &Names{map[string]bool{}, map[string]bool{}}
}

// Tree returns the folder for a path whose levels are separated by slashes.
func (n *Names) Tree(root, path string) string {
	for level := range strings.SplitSeq(path, "/") {
		if utf8.RuneCountInString(root)+maxLevel > maxFolder { // so deep that the rest is one level
			break
		}
		n.folders[key(root)] = true
		root += "/" + Safe(level, "dossier", maxLevel)
	}
	p := n.own(root, "", n.taken)
	n.folders[key(p)] = true
	return p
}

// Folder returns a folder of that name within another: the same each time.
func (n *Names) Folder(in, name string) string {
	p := in + "/" + Safe(name, "dossier", maxLevel)
	n.folders[key(p)] = true
	return p
}

// File returns a path for a file of that name in a folder, which no other has.
func (n *Names) File(in, name string) string {
	room := maxPath - utf8.RuneCountInString(in) - 1 - len(" (99999)")
	name = Safe(name, "document", room)
	ext := path.Ext(name)
	if utf8.RuneCountInString(ext) > 10 || strings.ContainsAny(ext, " ") {
		ext = ""
	}
	return n.own(in+"/"+strings.TrimSuffix(name, ext), ext, n.taken, n.folders)
}

// own makes a path one that is in none of some lists, and takes it.
func (n *Names) own(base, ext string, lists ...map[string]bool) string {
	p := base + ext
	for i := 2; slices.ContainsFunc(lists, func(l map[string]bool) bool { return l[key(p)] }); i++ {
		p = fmt.Sprintf("%s (%d)%s", base, i, ext)
	}
	n.taken[key(p)] = true
	return p
}

// key is what two names have in common that some system takes for the same one.
func key(p string) string { return strings.ToLower(norm.NFKC.String(p)) }

// devices are names that Windows keeps for itself, with whatever ending.
var devices = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true}

func init() {
	for _, d := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"} {
		devices["com"+d], devices["lpt"+d] = true, true
	}
}

// Safe makes one level of a path out of any text, of at most that many characters;
// its ending stays. Where nothing is left of it, it is called otherwise.
func Safe(text, otherwise string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), unicode.IsSpace(r), strings.ContainsRune(`<>:"/\|?*`, r):
			return ' '
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(text, " ")))
	text = trim(strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > most {
		ext := []rune(path.Ext(text))
		if len(ext) > 10 || len(ext) >= most {
			ext = nil
		}
		text = trim(trim(string(runes[:most-len(ext)])) + string(ext))
	}
	if text == "" {
		return otherwise
	}
	if stem, _, _ := strings.Cut(text, "."); devices[strings.ToLower(strings.TrimSpace(stem))] {
		text = "_" + text
		if runes := []rune(text); len(runes) > most {
			text = trim(string(runes[:most]))
		}
	}
	return text
}

// trim takes off what some systems drop at an end, and what hides a file.
func trim(s string) string { return strings.Trim(s, " .~") }

// Extension ends the name of a file of a media type that people keep; "" for any
// other.
func Extension(mediaType string) string {
	return extensions[mediaType]
}

var extensions = map[string]string{
	"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png", "image/tiff": ".tif",
	"text/plain": ".txt", "text/rtf": ".rtf", "application/rtf": ".rtf", "message/rfc822": ".eml",
	"text/xml": ".xml", "application/xslt+xml": ".xml",
}
