package imapd

import (
	"context"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"vaguemestre/internal/mailbox"
)

const delimiter = '/'

// specialUse are the folders with a fixed use (RFC 6154 §2).
var specialUse = map[mailbox.FolderID]imap.MailboxAttr{
	mailbox.Sent:    imap.MailboxAttrSent,
	mailbox.Drafts:  imap.MailboxAttrDrafts,
	mailbox.Trash:   imap.MailboxAttrTrash,
	mailbox.Archive: imap.MailboxAttrArchive,
}

// Limits of a LIST: its pattern is matched in time proportional to the product
// of both lengths.
const (
	maxPattern  = 1024
	maxPatterns = 16
)

// List implements imapserver.Session, for LIST and LSUB (RFC 9051 §6.3.9,
// RFC 5258, RFC 6154).
func (se *session) List(w *imapserver.ListWriter, ref string, patterns []string, o *imap.ListOptions) error {
	if len(patterns) == 0 { // asks for the delimiter
		return w.WriteList(&imap.ListData{Attrs: []imap.MailboxAttr{imap.MailboxAttrNoSelect}, Delim: delimiter})
	}
	if len(patterns) > maxPatterns {
		return errComplex
	}
	ps := make([]pattern, len(patterns))
	for i, p := range patterns {
		if len(ref)+len(p) > maxPattern {
			return errComplex
		}
		ps[i] = newPattern(ref + p)
	}
	ctx, cancel := se.command()
	defer cancel()
	all, err := se.box.Folders(ctx)
	if err != nil {
		return se.reply(err)
	}
	for i, f := range all {
		data, err := se.listData(ctx, f, all[i+1:], ps, o)
		if err == nil && data != nil {
			err = w.WriteList(data)
		}
		if err != nil {
			return se.reply(err)
		}
	}
	return nil
}

// listData returns what LIST says of f, nil if it is not selected. after are
// the folders behind it, among them those below it.
func (se *session) listData(ctx context.Context, f mailbox.Folder, after []mailbox.Folder, ps []pattern, o *imap.ListOptions) (*imap.ListData, error) {
	matches := false
	for _, p := range ps {
		matches = matches || p.match(f.Name)
	}
	if !matches {
		return nil, nil
	}
	below := func(of func(mailbox.Folder) bool) bool {
		for _, c := range after {
			if strings.HasPrefix(c.Name, f.Name+"/") && of(c) {
				return true
			}
		}
		return false
	}
	data := &imap.ListData{Delim: delimiter, Mailbox: f.Name}
	data.Attrs = attributes(f, below(func(mailbox.Folder) bool { return true }))
	if o.SelectSpecialUse && specialUse[f.ID] == "" {
		return nil, nil
	}
	if o.SelectRecursiveMatch && below(func(c mailbox.Folder) bool { return c.Subscribed }) {
		data.ChildInfo = &imap.ListDataChildInfo{Subscribed: true}
	}
	if o.SelectSubscribed && !f.Subscribed && data.ChildInfo == nil {
		return nil, nil
	}
	if f.Subscribed && (o.ReturnSubscribed || o.SelectSubscribed) && se.w.current() != "LSUB" {
		data.Attrs = append(data.Attrs, imap.MailboxAttrSubscribed)
	}
	if o.ReturnStatus != nil && !f.NoSelect {
		var err error
		if data.Status, err = se.status(ctx, f, o.ReturnStatus); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// attributes returns what LIST says of a folder by itself.
func attributes(f mailbox.Folder, children bool) []imap.MailboxAttr {
	var as []imap.MailboxAttr
	if f.NoSelect {
		as = append(as, imap.MailboxAttrNoSelect)
	}
	if children {
		as = append(as, imap.MailboxAttrHasChildren)
	} else {
		as = append(as, imap.MailboxAttrHasNoChildren)
	}
	if use := specialUse[f.ID]; use != "" {
		as = append(as, use)
	}
	return as
}

// Status implements imapserver.Session.
func (se *session) Status(name string, o *imap.StatusOptions) (*imap.StatusData, error) {
	ctx, cancel := se.command()
	defer cancel()
	f, err := se.box.Folder(ctx, name)
	if err == nil && f.NoSelect {
		err = errNoSelect
	}
	if err != nil {
		return nil, se.reply(err)
	}
	data, err := se.status(ctx, f, o)
	return data, se.reply(err)
}

// status fills in every item, since the library follows each pointer that was
// asked for.
func (se *session) status(ctx context.Context, f mailbox.Folder, o *imap.StatusOptions) (*imap.StatusData, error) {
	limit, recent := uint32(se.s.cfg.AppendLimit), uint32(0)
	data := &imap.StatusData{
		Mailbox: f.Name, UIDValidity: f.UIDValidity, UIDNext: imap.UID(f.UIDNext),
		NumMessages: &f.Messages, NumUnseen: &f.Unseen, NumRecent: &recent, Size: &f.Size,
		NumDeleted: new(uint32), DeletedStorage: new(int64), AppendLimit: &limit,
	}
	if !o.NumDeleted && !o.DeletedStorage {
		return data, nil
	}
	state := se.s.folders.acquire(folderKey{se.actor.Address, f.ID})
	defer se.s.folders.release(state)
	if err := state.refresh(ctx, se.box); err != nil {
		return nil, err
	}
	state.mu.Lock()
	defer state.mu.Unlock()
	for _, m := range state.messages {
		if m.system&mailbox.Deleted != 0 {
			*data.NumDeleted++
			*data.DeletedStorage += int64(m.size)
		}
	}
	return data, nil
}

// A pattern is a LIST pattern: "*" stands for anything, "%" for anything
// within one level.
type pattern []rune

func newPattern(s string) pattern {
	var p pattern
	for _, r := range s {
		if n := len(p); n > 0 && isWild(r) && isWild(p[n-1]) {
			if r == '*' {
				p[n-1] = '*' // next to each other, the wider one is enough
			}
			continue
		}
		p = append(p, r)
	}
	return p
}

func isWild(r rune) bool { return r == '*' || r == '%' }

// match reports whether p matches the whole of name. It follows every way
// through p at once, so it never goes back. INBOX is the same in any case.
func (p pattern) match(name string) bool {
	if strings.EqualFold(string(p), "INBOX") && name == "INBOX" {
		return true
	}
	at := make([]bool, len(p)+1) // at[i]: what was read may end before p[i]
	at[0] = true
	p.spread(at)
	next := make([]bool, len(p)+1)
	for _, r := range name {
		clear(next)
		for i, is := range at[:len(p)] {
			switch {
			case !is:
			case p[i] == '*', p[i] == '%' && r != delimiter:
				next[i] = true
			case p[i] == r && !isWild(p[i]):
				next[i+1] = true
			}
		}
		p.spread(next)
		at, next = next, at
	}
	return at[len(p)]
}

// spread adds the places reached by a wildcard that stands for nothing.
func (p pattern) spread(at []bool) {
	for i, r := range p {
		if at[i] && isWild(r) {
			at[i+1] = true
		}
	}
}
