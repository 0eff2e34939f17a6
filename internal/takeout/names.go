package takeout

import (
	"fmt"
	"net/url"
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

// names gives files and folders names of their own: whatever somebody called
// them, they lie in the zip, nowhere else, on every system, and no two differ in
// the case of letters alone.
type names struct{ taken, folders map[string]bool }

func newNames() *names {
	return &names{map[string]bool{}, map[string]bool{}}
}

// tree returns the folder for a path whose levels are separated by slashes.
func (n *names) tree(root, path string) string {
	for level := range strings.SplitSeq(path, "/") {
		if utf8.RuneCountInString(root)+maxLevel > maxFolder { // so deep that the rest is one level
			break
		}
		n.folders[key(root)] = true
		root += "/" + safe(level, "dossier", maxLevel)
	}
	p := n.own(root, "", n.taken)
	n.folders[key(p)] = true
	return p
}

// folder returns a folder of that name within another: the same each time.
func (n *names) folder(in, name string) string {
	p := in + "/" + safe(name, "dossier", maxLevel)
	n.folders[key(p)] = true
	return p
}

// file returns a path for a file of that name in a folder, which no other has.
func (n *names) file(in, name string) string {
	room := maxPath - utf8.RuneCountInString(in) - 1 - len(" (99999)")
	name = safe(name, "document", room)
	ext := path.Ext(name)
	if utf8.RuneCountInString(ext) > 10 || strings.ContainsAny(ext, " ") {
		ext = ""
	}
	return n.own(in+"/"+strings.TrimSuffix(name, ext), ext, n.taken, n.folders)
}

// own makes a path one that is in none of some lists, and takes it.
func (n *names) own(base, ext string, lists ...map[string]bool) string {
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

// safe makes one level of a path out of any text, of at most max characters; its
// ending stays. Nothing in it separates, hides, or writes backwards.
func safe(text, otherwise string, max int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), unicode.IsSpace(r), strings.ContainsRune(`<>:"/\|?*`, r):
			return ' '
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(text, " ")))
	text = trim(strings.Join(strings.Fields(text), " "))
	if runes := []rune(text); len(runes) > max {
		ext := []rune(path.Ext(text))
		if len(ext) > 10 || len(ext) >= max {
			ext = nil
		}
		text = trim(trim(string(runes[:max-len(ext)])) + string(ext))
	}
	if text == "" {
		return otherwise
	}
	if stem, _, _ := strings.Cut(text, "."); devices[strings.ToLower(strings.TrimSpace(stem))] {
		text = "_" + text
		if runes := []rune(text); len(runes) > max {
			text = trim(string(runes[:max]))
		}
	}
	return text
}

// trim takes off what some systems drop at an end, and what hides a file.
func trim(s string) string { return strings.Trim(s, " .~") }

// href writes a path as a relative address.
func href(p string) string {
	levels := strings.Split(p, "/")
	for i, l := range levels {
		levels[i] = url.PathEscape(l)
	}
	return strings.Join(levels, "/")
}
