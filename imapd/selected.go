package imapd

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
)

// Select implements imapserver.Session, for SELECT and EXAMINE.
func (se *session) Select(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	ctx, cancel := se.command()
	defer cancel()
	info, err := se.box.Folder(ctx, name)
	if err != nil {
		return nil, se.reply(err)
	}
	if info.NoSelect {
		return nil, errNoSelect
	}
	f := se.s.folders.acquire(folderKey{se.actor.Address, info.ID})
	if err := f.refresh(ctx, se.box); err != nil {
		se.s.folders.release(f)
		return nil, se.reply(err)
	}
	se.view, se.folder, se.examined = f.newView(), info, o.ReadOnly
	se.saved, se.stale, se.looked = nil, false, time.Now()
	data := &imap.SelectData{UIDValidity: info.UIDValidity}
	se.describe(data)
	if se.conn.EnabledCaps().Has(imap.CapIMAP4rev2) {
		data.List = &imap.ListData{Delim: delimiter, Mailbox: info.Name, Attrs: attributes(info, false)}
	}
	return data, nil
}

// describe fills in what the view knows. Nothing is read twice, so that EXISTS
// and UIDNEXT are of one moment.
func (se *session) describe(data *imap.SelectData) {
	f := se.view.f
	f.mu.Lock()
	defer f.mu.Unlock()
	data.NumMessages = se.view.exists
	data.UIDNext = imap.UID(max(f.cursor.UIDNext, 1))
	words := map[string]bool{}
	seen := make([]bool, len(f.keywords.sets))
	for i, m := range f.messages[:se.view.exists] {
		if data.FirstUnseenSeqNum == 0 && m.system&mailbox.Seen == 0 {
			data.FirstUnseenSeqNum = uint32(i + 1)
		}
		if !seen[m.words] {
			seen[m.words] = true
			for _, w := range f.keywords.sets[m.words] {
				words[w] = true
			}
		}
	}
	data.Flags = slices.Clone(systemFlags)
	for w := range words {
		data.Flags = append(data.Flags, imap.Flag(w))
	}
	slices.Sort(data.Flags[len(systemFlags):])
	switch {
	case se.examined:
		data.PermanentFlags = []imap.Flag{}
	case se.folder.ReadOnly:
		data.PermanentFlags = []imap.Flag{imap.FlagSeen}
	default:
		data.PermanentFlags = append(slices.Clone(data.Flags), imap.FlagWildcard)
	}
}

// Unselect implements imapserver.Session.
func (se *session) Unselect() error {
	if se.view != nil {
		se.view.close()
		se.s.folders.release(se.view.f)
		se.view, se.saved = nil, nil
	}
	return nil
}

// Poll implements imapserver.Session. The library calls it at the end of every
// command that succeeded.
func (se *session) Poll(w *imapserver.UpdateWriter, mayLeave bool) error {
	if se.view == nil {
		return nil
	}
	if se.due() {
		ctx, cancel := se.command()
		defer cancel()
		if err := se.refresh(ctx); err != nil && !se.view.f.isGone() {
			_ = se.reply(err) // the command itself succeeded; NOOP will look again
		}
	}
	return se.tell(w, mayLeave)
}

// due reports whether it is time to look at the store: always when the client
// asks, else after a hint or a while.
func (se *session) due() bool {
	hinted := false
	select {
	case <-se.hints:
		hinted = true
	default:
	}
	if se.stale || hinted || time.Since(se.looked) > se.s.cfg.Look {
		return true
	}
	c := se.w.current()
	return c == "NOOP" || c == "CHECK"
}

func (se *session) refresh(ctx context.Context) error {
	se.looked, se.stale = time.Now(), false
	if err := se.box.Check(ctx); err != nil {
		if errors.Is(err, fault.Unauthenticated) {
			se.log.Info("imap session dropped")
			se.w.Bye("This login is no longer valid")
		}
		return err
	}
	return se.view.f.refresh(ctx, se.box)
}

// tell writes what the client has not been told, or ends its session.
func (se *session) tell(w *imapserver.UpdateWriter, mayLeave bool) error {
	if why := se.view.ended(); why != "" {
		se.s.metrics.dropped.Inc()
		se.log.Info("imap session dropped")
		se.w.Bye(why)
		return nil
	}
	for _, n := range se.view.tell(mayLeave) {
		var err error
		switch n.kind {
		case came:
			err = w.WriteNumMessages(n.seq)
		case left:
			for ; n.n > 0 && err == nil; n.n-- {
				err = w.WriteExpunge(n.seq)
			}
		case flagged:
			err = w.WriteMessageFlags(n.seq, imap.UID(n.uid), flagNames(n.flags))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Idle implements imapserver.Session. It looks at the store after each hint,
// and now and then without one, for a hint may be lost.
func (se *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	se.idling.Lock()
	defer se.idling.Unlock()
	if se.view == nil {
		select {
		case <-stop:
		case <-se.ctx.Done():
		}
		return nil
	}
	clock := time.NewTicker(se.s.cfg.Look)
	defer clock.Stop()
	for {
		ctx, cancel := se.command()
		err := se.refresh(ctx)
		cancel()
		if err != nil && !se.view.f.isGone() {
			_ = se.reply(err)
		}
		if err := se.tell(w, true); err != nil {
			return se.reply(err)
		}
		select {
		case <-se.hints:
		case <-clock.C:
		case <-stop:
			return nil
		case <-se.ctx.Done():
			return nil
		}
	}
}
