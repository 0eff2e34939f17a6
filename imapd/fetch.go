package imapd

import (
	"bytes"
	"context"
	"iter"
	"math"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
)

// A fetch is one FETCH command, made ready.
type fetch struct {
	se       *session
	o        *imap.FetchOptions
	body     bool // BODY, the structure without its extension
	extended bool // BODYSTRUCTURE
	sections []section
	seen     bool // reading sets \Seen
	e        encoder
	streamed bool          // a part of this response was sent
	unseen   []mailbox.UID // read, and not \Seen yet
	failed   error         // of a message that could not be read
}

// Fetch implements imapserver.Session.
func (se *session) Fetch(w *imapserver.FetchWriter, set imap.NumSet, o *imap.FetchOptions) error {
	f, err := se.newFetch(w, o)
	if err != nil {
		return err
	}
	ts := se.view.targets(set, se.saved)
	err = f.run(ts)
	if markErr := f.mark(); err == nil {
		err = markErr
	}
	if err == nil {
		err = f.failed
	}
	return se.reply(err)
}

func (se *session) newFetch(w *imapserver.FetchWriter, o *imap.FetchOptions) (*fetch, error) {
	caps := se.conn.EnabledCaps()
	f := &fetch{se: se, o: o, e: encoder{utf8: caps.Has(imap.CapIMAP4rev2) || caps.Has(imap.CapUTF8Accept)}}
	if o.BodyStructure != nil {
		asked := se.w.Probe(func() {
			m := w.CreateMessage(1)
			m.WriteBodyStructure(&imap.BodyStructureSinglePart{Extended: &imap.BodyStructureSinglePartExt{}})
			m.Close()
		})
		f.body = bytes.Contains(asked, []byte("(BODY ("))
		f.extended = bytes.Contains(asked, []byte("BODYSTRUCTURE ("))
	}
	for _, b := range o.BodySection {
		f.sections = append(f.sections, bodySection(se.itemName(w, b), b))
		f.seen = f.seen || !b.Peek
	}
	for _, b := range o.BinarySection {
		f.sections = append(f.sections, binarySection(b))
		f.seen = f.seen || !b.Peek
	}
	for _, b := range o.BinarySectionSize {
		f.sections = append(f.sections, binarySize(b))
	}
	if len(f.sections) > maxSections {
		return nil, errComplex
	}
	for _, s := range f.sections {
		// RFC 9051 §9: both are 32 bits on the wire, and the second is not 0.
		if p := s.partial; p != nil && (p.Offset > math.MaxUint32 || p.Size <= 0 || p.Size > math.MaxUint32) {
			return nil, errPartial
		}
	}
	f.seen = f.seen && !se.examined
	return f, nil
}

// itemName returns the name under which a body section was asked for: BODY[TEXT]
// or RFC822.TEXT, which only the library's writer knows. So it writes an empty
// one, which is not sent.
func (se *session) itemName(w *imapserver.FetchWriter, b *imap.FetchItemBodySection) string {
	wrote := se.w.Probe(func() {
		m := w.CreateMessage(1)
		m.WriteBodySection(b, 0).Close()
		m.Close()
	})
	wrote = bytes.TrimPrefix(wrote, []byte("* 1 FETCH ("))
	return string(bytes.TrimSuffix(wrote, []byte(" {0}\r\n)\r\n")))
}

// run writes a response for each message that is still there.
func (f *fetch) run(ts []target) error {
	if !f.wantsEntries() {
		for _, t := range ts {
			if err := f.write(t, nil); err != nil {
				return err
			}
		}
		return f.send(0)
	}
	i := 0
	for entry, err := range f.entries(uidsOf(ts)) {
		if fault.Of(err) == fault.Corrupt {
			f.failed = err // of one message; the others may follow
			continue
		}
		if err != nil {
			return err
		}
		for i < len(ts) && ts[i].uid < entry.UID {
			i++ // left meanwhile: the client will be told
		}
		if i == len(ts) || ts[i].uid != entry.UID {
			continue
		}
		if err := f.write(ts[i], entry); err != nil {
			return err
		}
	}
	return f.send(0)
}

func (f *fetch) wantsEntries() bool {
	return f.o.Envelope || f.o.BodyStructure != nil || slices.ContainsFunc(f.sections, section.wantsEntry)
}

func (f *fetch) entries(uids []mailbox.UID) iter.Seq2[*mailbox.Entry, error] {
	// Without the limit of a command: a listing lasts as long as its client
	// reads, whose pace the connection watches.
	return f.se.box.Entries(f.se.ctx, f.se.folder.ID, uids)
}

// write writes the response for one message. Its error ends the command; a
// message that cannot be read is noted, and the others go on.
func (f *fetch) write(t target, entry *mailbox.Entry) error {
	start := len(f.e.b)
	f.streamed = false
	f.e.begin(t.seq)
	if f.o.UID {
		f.e.uid(t.uid)
	}
	if f.o.Flags {
		f.e.flags(t.flags)
	}
	if f.o.InternalDate {
		f.e.date(t.date())
	}
	if f.o.RFC822Size {
		f.e.item("RFC822.SIZE")
		f.e.number(int64(t.size))
	}
	if f.o.Envelope {
		f.e.item("ENVELOPE")
		f.e.envelope(&entry.Envelope)
	}
	if f.body {
		f.e.item("BODY")
		f.e.structure(entry.Structure.Root, false)
	}
	if f.extended {
		f.e.item("BODYSTRUCTURE")
		f.e.structure(entry.Structure.Root, true)
	}
	if len(f.sections) > 0 {
		if err := f.content(t, entry); err != nil {
			return f.skip(start, err)
		}
	}
	f.e.end()
	return f.send(outSize)
}

// skip drops the response begun at start. If a part of it was sent already, the
// connection can only end.
func (f *fetch) skip(start int, err error) error {
	if f.streamed {
		_ = f.se.reply(err) // log it
		f.se.w.abort()
		return errHangUp
	}
	switch kind := fault.Of(err); {
	case kind == fault.NotFound: // left meanwhile
	case kind == fault.Corrupt, kind == fault.TooLarge, isReply(err):
		f.failed = err
	default:
		return err
	}
	f.e.b = f.e.b[:start]
	return nil
}

// send sends what was written, if it is more than min bytes.
func (f *fetch) send(min int) error {
	if len(f.e.b) <= min {
		return nil
	}
	err := f.se.w.Raw(f.e.b)
	f.e.b = f.e.b[:0]
	return err
}

// content writes the items that are read from the message itself.
func (f *fetch) content(t target, entry *mailbox.Entry) error {
	ctx := f.se.ctx // without the limit of a command, as entries
	c, err := f.se.box.Content(ctx, f.se.folder.ID, t.uid)
	if err != nil {
		return err
	}
	for _, s := range f.sections {
		if err := s.check(entry); err != nil {
			return err
		}
	}
	for _, s := range f.sections {
		if err := f.section(ctx, s, c, entry); err != nil {
			return err
		}
	}
	if f.seen && t.system&mailbox.Seen == 0 {
		f.unseen = append(f.unseen, t.uid)
	}
	return nil
}

// mark sets \Seen on what was read, at once for all of it.
func (f *fetch) mark() error {
	if len(f.unseen) == 0 {
		return nil
	}
	ctx, cancel := f.se.command()
	defer cancel()
	return f.se.addSeen(ctx, f.unseen)
}

func (se *session) addSeen(ctx context.Context, uids []mailbox.UID) error {
	return se.view.f.act(ctx, se.box, nil, func() (mailbox.Change, error) {
		return se.box.SetFlags(ctx, se.folder.ID, uids, mailbox.AddFlags, mailbox.Flags{System: mailbox.Seen})
	})
}
