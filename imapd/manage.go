package imapd

import (
	"context"
	"strings"
	"unicode"

	"github.com/emersion/go-imap/v2"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
)

// Limits of the name of a folder.
const (
	maxName  = 255 // bytes
	maxLevel = 16
)

// Create implements imapserver.Session.
func (se *session) Create(name string, o *imap.CreateOptions) error {
	if len(o.SpecialUse) > 0 {
		return errSpecialUse
	}
	name = strings.TrimSuffix(name, "/") // "I shall make folders below it": no news (RFC 9051 §6.3.4)
	if !isName(name) {
		return errName
	}
	ctx, cancel := se.command()
	defer cancel()
	if err := se.mayHold(ctx, name); err != nil {
		return se.reply(err)
	}
	return se.reply(se.box.Create(ctx, name))
}

// Rename implements imapserver.Session.
func (se *session) Rename(from, to string, _ *imap.RenameOptions) error {
	if !isName(to) || strings.HasPrefix(to, from+"/") {
		return errName
	}
	ctx, cancel := se.command()
	defer cancel()
	if _, err := se.movable(ctx, from); err != nil {
		return se.reply(err)
	}
	if err := se.mayHold(ctx, to); err != nil {
		return se.reply(err)
	}
	return se.reply(se.box.Rename(ctx, from, to))
}

// Delete implements imapserver.Session.
func (se *session) Delete(name string) error {
	ctx, cancel := se.command()
	defer cancel()
	f, err := se.movable(ctx, name)
	if err != nil {
		return se.reply(err)
	}
	if se.view != nil && se.folder.ID == f.ID {
		return errInUse
	}
	all, err := se.box.Folders(ctx)
	if err != nil {
		return se.reply(err)
	}
	for _, c := range all {
		if strings.HasPrefix(c.Name, f.Name+"/") {
			return errChildren
		}
	}
	return se.reply(se.box.Delete(ctx, name))
}

// Subscribe implements imapserver.Session.
func (se *session) Subscribe(name string) error { return se.subscribe(name, true) }

// Unsubscribe implements imapserver.Session.
func (se *session) Unsubscribe(name string) error { return se.subscribe(name, false) }

func (se *session) subscribe(name string, on bool) error {
	ctx, cancel := se.command()
	defer cancel()
	return se.reply(se.box.Subscribe(ctx, name, on))
}

// movable returns the folder of that name if a client may rename or delete it.
func (se *session) movable(ctx context.Context, name string) (mailbox.Folder, error) {
	f, err := se.box.Folder(ctx, name)
	switch {
	case err != nil:
		return f, err
	case f.ReadOnly || f.NoSelect:
		return f, errShelf
	case f.ID <= mailbox.Archive:
		return f, errFixed
	}
	return f, nil
}

// mayHold reports by its error whether a folder may have that name: none may
// stand below a shelf, nor beside one.
func (se *session) mayHold(ctx context.Context, name string) error {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		f, err := se.box.Folder(ctx, name[:i])
		switch {
		case fault.Of(err) == fault.NotFound:
		case err != nil:
			return err
		case f.ReadOnly || f.NoSelect:
			return errShelf
		}
	}
	return nil
}

// isName reports whether s can name a folder: levels that are not empty, text
// a person can read, nothing a LIST takes for a wildcard.
func isName(s string) bool {
	if len(s) > maxName || strings.Count(s, "/") >= maxLevel {
		return false
	}
	for level := range strings.SplitSeq(s, "/") {
		if strings.TrimSpace(level) == "" {
			return false
		}
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return isWild(r) || r == unicode.ReplacementChar || !unicode.IsPrint(r)
	})
}
