// Package mailbox is the record of the mail of one owner: folders, UIDs, flags
// and the sealed entries a listing is made of. It knows nothing of protocols,
// and keeps no message: a message is a sealed skeleton and sealed parts, which
// the door keeps by their references.
//
// Filing needs the owner's certificate only. File appends one sealed entry to
// the folder; the next session that opens the mailbox, as a Book, folds new
// entries into blocks under the mailbox key, which is sealed to the owner.
// Folder names and keywords are under that key too: the well-known folders have
// fixed numbers, all others a number that says nothing.
//
// Its keys begin with "mb/"; numbers in them are hexadecimal:
//
//	mb/key                     the mailbox key, sealed to the owner
//	mb/folders                 names and uses of the folders, under the mailbox key
//	mb/words                   the keywords that flags refer to by number, likewise
//	mb/s/<folder>              state of a folder: UIDs, counters, cursor
//	mb/f/<folder>/<uid>        one message: flags, date, size (in clear)
//	mb/n/<folder>/<uid>        its entry, apart: not folded yet, or too large for a block
//	mb/b/<folder>/<first uid>  a block of folded entries, under the mailbox key
//	mb/t/<folder>/<first uid>  texts for searching, made at need, likewise
//	mb/l/<folder>/<uid>        a text too long for its block, likewise
//	mb/d/<mac>                 mark of a message filed, so that twice is once
//	mb/sweep                   where the sweep of marks goes on
//
// A block holds the entries of 256 consecutive UIDs, a block of texts those of
// 64: which one holds a message follows from its UID. What is sealed is bound
// to its partition and its key: a value moved to another place does not open
// (fault.Corrupt). What was filed is bound to its partition and its ID instead,
// until it is folded, since filing knows neither the UID nor a secret.
//
// Functions take a Reader or Writer of the owner's partition, from the one who
// has the store; none begins a transaction but Fold and FoldTexts, which are
// lent them. None has an effect but through its Writer: what a Book caches is
// checked against the store each time it is used.
package mailbox

import (
	"time"

	"vaguemestre/internal/message"
)

// A FolderID numbers a folder within its mailbox, for ever.
type FolderID uint32

// The folders every mailbox has.
const (
	Inbox FolderID = 1 + iota
	Sent
	Drafts
	Trash
	Archive
)

// A UID numbers a message within its folder, ascending and never reused
// (RFC 9051 §2.3.1.1).
type UID uint32

// A Folder describes one folder and counts what is in it.
type Folder struct {
	ID          FolderID
	Name        string // path in UTF-8, levels separated by "/"; "INBOX" for the inbox
	ReadOnly    bool   // a shelf of the vault
	NoSelect    bool   // a level of the hierarchy that holds no messages: "Documents"
	Subscribed  bool
	UIDValidity uint32
	UIDNext     UID
	Messages    uint32
	Unseen      uint32
	Size        int64 // sum of RFC822.SIZE
}

// A Flag is a bit of Flags.
type Flag uint8

// The system flags (RFC 9051 §2.3.2).
const (
	Seen Flag = 1 << iota
	Answered
	Flagged
	Deleted
	Draft
)

// Flags are the flags of one message: system flags and keywords. Keywords are
// kept sorted, without repetition, at most 64 of 64 bytes.
type Flags struct {
	System   Flag
	Keywords []string
}

// A Message is what a folder says of a message in clear.
type Message struct {
	UID      UID
	Flags    Flags
	Received time.Time // to the second: INTERNALDATE
	Size     int64     // RFC822.SIZE, in bytes
}

// A Cursor is a moment in the life of a folder. The zero Cursor is before all.
type Cursor struct {
	Revision uint64 // grows with each transaction that changes the folder
	UIDNext  UID
}

// A Delta is what happened to a folder between two Cursors. Either Appended
// holds the messages that came and nothing else happened, or All is set and
// Messages holds every message there is: whoever keeps a copy compares.
type Delta struct {
	From, To Cursor
	All      bool
	Messages []Message // ascending UIDs
}

// A Change is what one act did to a folder: it moved it from From to To.
type Change struct {
	From, To Cursor
	Messages []Message // those with new flags, or those that came
	Gone     []UID     // those that left, ascending
}

// A FlagOp says how SetFlags combines the flags given with those there are.
type FlagOp int

// The operations of STORE (RFC 9051 §6.4.6).
const (
	AddFlags FlagOp = iota
	RemoveFlags
	ReplaceFlags
)

// An Entry is what a listing shows of a message, made once, at filing.
type Entry struct {
	UID       UID
	ID        string // names the message in its mailbox, wherever it is moved; its copies share it
	Received  time.Time
	Size      int64
	Envelope  message.Envelope
	Structure message.Structure
}
