package imapd

import (
	"context"
	"fmt"
	"io"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
)

var storeOps = map[imap.StoreFlagsOp]mailbox.FlagOp{
	imap.StoreFlagsAdd: mailbox.AddFlags,
	imap.StoreFlagsDel: mailbox.RemoveFlags,
	imap.StoreFlagsSet: mailbox.ReplaceFlags,
}

// Store implements imapserver.Session.
func (se *session) Store(_ *imapserver.FetchWriter, set imap.NumSet, store *imap.StoreFlags, _ *imap.StoreOptions) error {
	flags, err := parseFlags(store.Flags)
	switch {
	case err != nil:
		return err
	case se.examined:
		return errReadOnly
	case se.folder.ReadOnly && (flags.System&^mailbox.Seen != 0 || len(flags.Keywords) > 0):
		return errShelf
	}
	ctx, cancel := se.command()
	defer cancel()
	ts := se.view.targets(set, se.saved)
	if len(ts) == 0 {
		return nil
	}
	err = se.view.f.act(ctx, se.box, se.view, func() (mailbox.Change, error) {
		return se.box.SetFlags(ctx, se.folder.ID, uidsOf(ts), storeOps[store.Op], flags)
	})
	if err != nil || store.Silent {
		return se.reply(err)
	}
	// RFC 9051 §6.4.6: the new value, also where nothing changed.
	_, byUID := set.(imap.UIDSet)
	e := encoder{}
	for _, t := range se.view.current(ts) {
		e.begin(t.seq)
		e.flags(t.flags)
		if byUID {
			e.uid(t.uid)
		}
		e.end()
	}
	return se.reply(se.w.Raw(e.b))
}

// current returns those of ts that are still there, with their flags of now.
func (v *view) current(ts []target) []target {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	kept := ts[:0]
	for _, t := range ts {
		if i, ok := v.f.find(t.uid); ok {
			t.message, t.flags = v.f.messages[i], v.f.flags(v.f.messages[i])
			kept = append(kept, t)
		}
	}
	return kept
}

// Expunge implements imapserver.Session, for EXPUNGE, UID EXPUNGE and CLOSE.
// What left is told by the Poll that follows.
func (se *session) Expunge(_ *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	if se.examined || se.folder.ReadOnly {
		if se.w.current() == "CLOSE" { // nothing is expunged, and that is no error (RFC 9051 §6.4.1)
			return nil
		}
		if se.examined {
			return errReadOnly
		}
		return errShelf
	}
	ctx, cancel := se.command()
	defer cancel()
	var only []mailbox.UID
	if uids != nil { // RFC 4315 §2.1: those of the set that are \Deleted
		if err := se.refresh(ctx); err != nil {
			return se.reply(err)
		}
		for _, t := range se.view.targets(*uids, se.saved) {
			if t.system&mailbox.Deleted != 0 {
				only = append(only, t.uid)
			}
		}
		if len(only) == 0 {
			return nil
		}
	}
	return se.reply(se.view.f.act(ctx, se.box, nil, func() (mailbox.Change, error) {
		return se.box.Expunge(ctx, se.folder.ID, only)
	}))
}

// Copy implements imapserver.Session.
func (se *session) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	ctx, cancel := se.command()
	defer cancel()
	to, err := se.receiver(ctx, dest)
	if err != nil {
		return nil, se.reply(err)
	}
	uids := uidsOf(se.view.targets(set, se.saved))
	if len(uids) == 0 {
		return nil, nil
	}
	dst, err := se.box.Copy(ctx, se.folder.ID, uids, to.ID)
	if err != nil {
		return nil, se.reply(destination(err))
	}
	se.stale = se.stale || to.ID == se.folder.ID
	return copyData(to, uids, dst), nil
}

// Move implements imapserver.SessionMove. What left is told by the Poll that
// follows.
func (se *session) Move(w *imapserver.MoveWriter, set imap.NumSet, dest string) error {
	switch {
	case se.examined:
		return errReadOnly
	case se.folder.ReadOnly:
		return errShelf
	}
	ctx, cancel := se.command()
	defer cancel()
	to, err := se.receiver(ctx, dest)
	if err != nil {
		return se.reply(err)
	}
	uids := uidsOf(se.view.targets(set, se.saved))
	if len(uids) == 0 {
		return nil
	}
	var dst []mailbox.UID
	err = se.view.f.act(ctx, se.box, nil, func() (gone mailbox.Change, err error) {
		dst, gone, err = se.box.Move(ctx, se.folder.ID, uids, to.ID)
		return gone, destination(err)
	})
	if err != nil {
		return se.reply(err)
	}
	if data := copyData(to, uids, dst); data != nil {
		return w.WriteCopyData(data)
	}
	return nil
}

// receiver returns the folder of that name if mail may be put into it.
func (se *session) receiver(ctx context.Context, name string) (mailbox.Folder, error) {
	f, err := se.box.Folder(ctx, name)
	switch {
	case err != nil:
		return f, destination(err)
	case f.ReadOnly || f.NoSelect:
		return f, errShelf
	}
	return f, nil
}

// copyData makes a COPYUID of two lists of the same order (RFC 4315 §3); nil
// if nothing was copied.
func copyData(to mailbox.Folder, src, dst []mailbox.UID) *imap.CopyData {
	data := &imap.CopyData{UIDValidity: to.UIDValidity}
	for i := range min(len(src), len(dst)) {
		if dst[i] == 0 { // left meanwhile
			continue
		}
		data.SourceUIDs.AddNum(imap.UID(src[i]))
		data.DestUIDs.AddNum(imap.UID(dst[i]))
	}
	if len(data.SourceUIDs) == 0 {
		return nil
	}
	return data
}

// Append implements imapserver.Session. The wire has checked the size.
func (se *session) Append(name string, r imap.LiteralReader, o *imap.AppendOptions) (*imap.AppendData, error) {
	flags, err := parseFlags(o.Flags)
	if err != nil {
		return nil, err
	}
	ctx, cancel := se.command()
	defer cancel()
	f, err := se.receiver(ctx, name)
	if err != nil {
		return nil, se.reply(err)
	}
	raw, done, err := se.readMail(ctx, r)
	if err != nil {
		return nil, se.reply(err)
	}
	defer done()
	received := o.Time
	if received.IsZero() {
		received = se.s.cfg.Now()
	}
	filing, cancelFiling := se.command() // the time the client took is its own
	defer cancelFiling()
	uid, err := se.box.Append(filing, f.ID, raw, flags, received)
	if err != nil {
		return nil, se.reply(destination(err))
	}
	se.stale = se.stale || se.view != nil && f.ID == se.folder.ID
	return &imap.AppendData{UIDValidity: f.UIDValidity, UID: imap.UID(uid)}, nil
}

// hold takes n bytes of the memory budget; done gives them back.
func (se *session) hold(ctx context.Context, n int64) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, se.s.cfg.BudgetWait)
	defer cancel()
	if err := se.s.budget.Acquire(ctx, n); err != nil {
		return nil, fmt.Errorf("imapd: memory budget: %w", fault.Unavailable)
	}
	return func() { se.s.budget.Release(n) }, nil
}

// readMail reads a literal within the memory budget.
func (se *session) readMail(ctx context.Context, r imap.LiteralReader) (raw []byte, done func(), err error) {
	if done, err = se.hold(ctx, r.Size()); err != nil {
		return nil, nil, err
	}
	raw = make([]byte, r.Size())
	if _, err := io.ReadFull(r, raw); err != nil {
		done()
		return nil, nil, fmt.Errorf("imapd: append: %v: %w", err, fault.Unavailable)
	}
	return raw, done, nil
}
