package mailbox

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"vaguemestre/internal/fault"
)

// Limits on the names of folders.
const (
	maxName   = 512 // bytes of a whole name
	maxDepth  = 16  // levels
	maxFolder = 1000
)

const (
	inboxName = "INBOX"
	// ShelfRoot is the folder that holds the vault's shelves.
	ShelfRoot = "Documents"
)

// firstOwnFolder is the number of the first folder that is not well known.
const firstOwnFolder FolderID = 16

var wellKnownNames = map[FolderID]string{
	Inbox: inboxName, Sent: "Sent", Drafts: "Drafts", Trash: "Trash", Archive: "Archive",
}

// canonicalName returns the one form a folder's name has, or fault.Invalid:
// Unicode in NFC, levels separated by "/", the first one INBOX in any case
// written so (RFC 9051 §5.1). One separator at the end is dropped (§6.3.4).
func canonicalName(name string) (string, error) {
	invalid := fmt.Errorf("mailbox: folder name: %w", fault.Invalid)
	name = strings.TrimSuffix(name, "/")
	if len(name) > maxName || !utf8.ValidString(name) {
		return "", invalid
	}
	if name = norm.NFC.String(name); len(name) > maxName {
		return "", invalid
	}
	levels := strings.Split(name, "/")
	if len(levels) > maxDepth || strings.HasPrefix(name, "#") {
		return "", invalid // "#" begins another namespace
	}
	for _, l := range levels {
		if !validLevel(l) {
			return "", invalid
		}
	}
	if strings.EqualFold(levels[0], inboxName) {
		levels[0] = inboxName
	}
	return strings.Join(levels, "/"), nil
}

// validLevel refuses what a client could not show or ask for: nothing, blanks
// at the ends, wildcards, control characters, and characters that are not seen.
func validLevel(l string) bool {
	if l == "" || strings.TrimSpace(l) != l {
		return false
	}
	for _, r := range l {
		if r == '*' || r == '%' || r == '\\' || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// parentName returns the level above, "" if there is none.
func parentName(name string) string {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)]
}

// under reports whether name is below root in the hierarchy.
func under(name, root string) bool {
	return len(name) > len(root) && name[len(root)] == '/' && strings.HasPrefix(name, root)
}

// ofVault reports whether the name is one that the vault's shelves have, in
// whatever case: a folder that looks like them would mislead.
func ofVault(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.EqualFold(first, ShelfRoot)
}
