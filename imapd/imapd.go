// Package imapd is the IMAP view of a mailbox and of the vault: IMAP4rev2
// (RFC 9051) and IMAP4rev1 (RFC 3501) over TLS, on go-imap's imapserver. It
// decides nothing and keeps nothing: what a person may see, and the trail of
// it, are the hub's.
//
// How the parts stand to each other:
//
//	Server    listeners, limits, the folders open in this process
//	preface   the clear text before STARTTLS; no library code runs there
//	wire      the connection under the library: limits, ID, literals, pace (line: the grammar of a line)
//	session   one client: its methods are the commands
//	folder    what the process knows of one folder, shared by its sessions
//	view      what one session has told its client of a folder
//	fetch     FETCH: items to bytes, straight to the wire
//	search    SEARCH: a criterion is asked of the cheapest source that knows
//
// # Read-only folders
//
// A folder opened with EXAMINE changes in nothing: STORE, EXPUNGE and MOVE out
// of it are refused, reading sets no \Seen, and CLOSE expunges nothing. A shelf
// of the vault is opened READ-WRITE with PERMANENTFLAGS (\Seen), so that
// clients keep track of what was read; any other flag, and whatever would add
// to a shelf, take from it, rename or delete it, is NO [CANNOT].
//
// # What is left out
//
// CONDSTORE, QRESYNC, SORT, THREAD, QUOTA, ACL, COMPRESS, MULTIAPPEND. SEARCH
// RETURN (SAVE) alone also returns ALL, since the library cannot tell the two
// apart. RENAME of INBOX is refused. "&" in a name is written "&-" to IMAP4rev2
// clients as well, and read so, since the library writes it so. Of two SMALLER
// in one SEARCH the greater counts (the library joins them).
package imapd

import (
	"context"
	"iter"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/saslauth"
)

// A Hub is what imapd asks of the hub.
type Hub interface {
	saslauth.Hub

	// OpenMailbox opens the mailbox of an actor who has logged in, for one
	// session.
	OpenMailbox(ctx context.Context, a hub.Actor) (Mailbox, error)
}

// A Mailbox is the mail of one owner, opened for one session. Its methods are
// safe for concurrent use, and fail with fault kinds.
type Mailbox interface {
	Folders
	Messages
	Acts

	// Watch begins to watch the mailbox. A hint says that something may have
	// changed; there is room for one, and it may be lost (bus.Bus).
	Watch() (hints <-chan struct{}, cancel func())

	// Check is fault.Unauthenticated once the login no longer holds: the
	// password was revoked, or the space closed.
	Check(ctx context.Context) error

	// Close ends the session with the mailbox.
	Close() error
}

// Folders are the folders of a mailbox. A name is a path in UTF-8, its levels
// separated by "/".
type Folders interface {
	// Folders returns every folder, sorted by name, with counts.
	Folders(ctx context.Context) ([]mailbox.Folder, error)

	// Folder returns one; fault.NotFound.
	Folder(ctx context.Context, name string) (mailbox.Folder, error)

	// Create makes a folder, and the levels above it; fault.Exists.
	Create(ctx context.Context, name string) error

	// Rename renames a folder and those below it; fault.Exists.
	Rename(ctx context.Context, from, to string) error

	// Delete deletes a folder and what is in it.
	Delete(ctx context.Context, name string) error

	// Subscribe notes whether the owner wants the folder in short lists.
	Subscribe(ctx context.Context, name string, on bool) error
}

// Messages are the messages of a mailbox, to be read. A UID that is not there,
// or no longer, is passed over where many are asked for.
type Messages interface {
	// Changes tells what happened to a folder since a cursor.
	Changes(ctx context.Context, f mailbox.FolderID, since mailbox.Cursor) (mailbox.Delta, error)

	// Entries yields the entries of uids, which ascend, in order. An entry is
	// valid until the next is asked for. Other methods may be called meanwhile.
	Entries(ctx context.Context, f mailbox.FolderID, uids []mailbox.UID) iter.Seq2[*mailbox.Entry, error]

	// Texts yields what SEARCH BODY looks in, or, with header, SEARCH TEXT:
	// text as message.Fold makes it.
	Texts(ctx context.Context, f mailbox.FolderID, uids []mailbox.UID, header bool) iter.Seq2[mailbox.Text, error]

	// Content opens one message. The trail is written when it returns.
	Content(ctx context.Context, f mailbox.FolderID, uid mailbox.UID) (hub.Content, error)
}

// Acts change a mailbox. Each is one transaction.
type Acts interface {
	// SetFlags combines flags with those of messages. On a shelf it takes \Seen
	// alone.
	SetFlags(ctx context.Context, f mailbox.FolderID, uids []mailbox.UID, op mailbox.FlagOp, flags mailbox.Flags) (mailbox.Change, error)

	// Append files raw, which belongs to the hub afterwards.
	Append(ctx context.Context, f mailbox.FolderID, raw []byte, flags mailbox.Flags, received time.Time) (mailbox.UID, error)

	// Copy copies messages and returns their UIDs in to, in the same order; 0
	// for one that is no longer there.
	Copy(ctx context.Context, from mailbox.FolderID, uids []mailbox.UID, to mailbox.FolderID) ([]mailbox.UID, error)

	// Move does as Copy, and takes the messages out of from.
	Move(ctx context.Context, from mailbox.FolderID, uids []mailbox.UID, to mailbox.FolderID) (dst []mailbox.UID, gone mailbox.Change, err error)

	// Expunge removes uids; nil is every message that is \Deleted.
	Expunge(ctx context.Context, f mailbox.FolderID, uids []mailbox.UID) (mailbox.Change, error)
}
