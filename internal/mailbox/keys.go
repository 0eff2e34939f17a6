package mailbox

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// Prefix begins every key of this record.
const Prefix = "mb/"

const (
	keyKey     = "mb/key"
	foldersKey = "mb/folders"
	wordsKey   = "mb/words"
	sweepKey   = "mb/sweep"

	statePrefix = "mb/s/"
	markPrefix  = "mb/d/"

	flagsKind = "f"
	apartKind = "n"
	blockKind = "b"
	textsKind = "t"
	longKind  = "l"
)

// version is the first byte of every value.
const version = 1

func stateKey(f FolderID) string { return statePrefix + strconv.FormatUint(uint64(f), 16) }

// folderPrefix begins the keys of one kind in one folder.
func folderPrefix(kind string, f FolderID) string {
	return Prefix + kind + "/" + strconv.FormatUint(uint64(f), 16) + "/"
}

// uidKey names the row of one kind for a UID, or for the block that begins
// there. Eight digits keep keys in the order of UIDs.
func uidKey(kind string, f FolderID, u UID) string {
	return folderPrefix(kind, f) + string(appendUID(nil, u))
}

func appendUID(b []byte, u UID) []byte {
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[u>>shift&15])
	}
	return b
}

// uidOf reads the UID a key ends with.
func uidOf(key string) (UID, error) {
	if len(key) < 8 {
		return 0, corrupt("key")
	}
	n, err := strconv.ParseUint(key[len(key)-8:], 16, 32)
	if err != nil {
		return 0, corrupt("key")
	}
	return UID(n), nil
}

// markSize is how much of a mark is kept.
const markSize = 16

func markKey(mark []byte) string { return markPrefix + hex.EncodeToString(mark[:markSize]) }

// place is what a value sealed under key in part is bound to.
func place(part store.Part, key string) string { return string(part) + "/" + key }

func corrupt(what string) error { return fmt.Errorf("mailbox: %s: %w", what, fault.Corrupt) }

// unversioned returns a value without its version byte.
func unversioned(b []byte, what string) ([]byte, error) {
	if len(b) == 0 || b[0] != version {
		return nil, corrupt(what + " of another version")
	}
	return b[1:], nil
}

// scan yields the rows of one kind in one folder, from one UID to before
// another; to 0 is the end.
func scan(r store.Reader, kind string, f FolderID, from, to UID, fn func(UID, store.Pair) error) error {
	prefix := folderPrefix(kind, f)
	first, last := store.Prefix(prefix)
	if from > 0 {
		first = string(appendUID([]byte(prefix), from))
	}
	if to > 0 {
		last = string(appendUID([]byte(prefix), to))
	}
	for p, err := range r.Scan(first, last) {
		if err != nil {
			return err
		}
		u, err := uidOf(p.Key)
		if err != nil {
			return err
		}
		if err := fn(u, p); err != nil {
			return err
		}
	}
	return nil
}
