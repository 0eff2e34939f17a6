package hub

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A Message is one message of a thread, as its reader sees it.
type Message struct {
	ID       MessageID
	Folder   mailbox.FolderID
	Received time.Time
	From     Correspondent
	To       []Correspondent // Cc among them
	More     int             // other recipients
	Subject  string
	Own      bool // the actor wrote it
	Unread   bool
	Answered bool
	Draft    bool
	Trashed  bool
	Notice   bool // of the mail system, with no message that it speaks of

	Body *Body // nil: too much at once; it is opened by itself
	Told []Told
	Ends bool // its sender ends the exchange with it

	Receipt string // who asks to hear that it was read, and has not been told; "": nobody
}

// A Body is what a message holds.
type Body struct {
	Text      string // as it is to be read; of a message in HTML alone, its words
	Cut       bool   // there is more of it
	HTML      bool   // there is a form with layout: see MessageHTML
	OnlyHTML  bool   // and no other
	Files     []File
	Documents []BroughtDocument // of the record, that it brought
}

// A File is an attachment.
type File struct {
	Part string // its number in the message, "2" or "1.3"
	Name string // as its sender named it; may be empty
	Type string // media type, as its sender says
	Size int64  // bytes, more or less
}

// A BroughtDocument is a document of the record that a message brought.
type BroughtDocument struct{ ID, Title, Shelf string }

// A ThreadView is a thread, opened.
type ThreadView struct {
	ID       MessageID
	At       MessageID // the message it was opened at
	Subject  string
	Folder   mailbox.FolderID // where it is listed
	Messages []Message        // the oldest first
	Ended    []Correspondent  // those who take no answer any more
	Answer   MessageID        // the message that an answer would answer; "": none
	Refused  *Refusal         // why there can be none
	Several  bool             // an answer to all would go to more than one
	Shared   bool             // several share the mailbox: one of them may see to the thread
	Charge   Charge

	Earlier, Later MessageID // the next message that is not among Messages, before and after; "": there is none
}

// An extent is how much of a thread is shown at once.
type extent struct {
	messages int // listed
	bodies   int // opened
	text     int // bytes, of one message
	all      int // bytes, of all of them; a file counts as fileBytes
}

// The extents. A page is small, so that it comes quickly wherever one is.
var (
	ofPage  = extent{messages: 40, bodies: 10, text: 16 << 10, all: 20 << 10}
	ofPaper = extent{messages: 500, bodies: 500, text: maxSearchText, all: 4 << 20}
)

const fileBytes = 1200

// Thread opens the thread of a message, as much of it as a page shows: that
// message, and what is unread and new around it. Where the mailbox is shared, the
// trail has each message.
func (h *Hub) Thread(ctx context.Context, a Actor, id MessageID) (ThreadView, error) {
	return h.thread(ctx, a, id, ofPage)
}

// WholeThread opens all of it, to be printed.
func (h *Hub) WholeThread(ctx context.Context, a Actor, id MessageID) (ThreadView, error) {
	return h.thread(ctx, a, id, ofPaper)
}

func (h *Hub) thread(ctx context.Context, a Actor, id MessageID, e extent) (v ThreadView, err error) {
	err = h.atDesk(ctx, a, func(d *desk) error {
		x, err := d.threads(ctx)
		if err != nil {
			return err
		}
		at, t, err := x.find(id)
		if err != nil {
			return err
		}
		v, err = d.open(ctx, x, t, at, e)
		return err
	})
	return v, err
}

func (d *desk) open(ctx context.Context, x *threadIndex, t *threadOf, at *listed, e extent) (ThreadView, error) {
	charges, err := d.charges(ctx)
	if err != nil {
		return ThreadView{}, err
	}
	v := ThreadView{ID: t.id(), At: at.id, Shared: d.actor.Member != nil, Charge: t.charge(charges)}
	messages, notices := t.split()
	for _, l := range messages {
		if v.Subject == "" && !l.isDraft() {
			v.Subject = l.subject
		}
	}
	from, to := around(messages, at, e.messages)
	if from > 0 {
		v.Earlier = messages[from-1].id
	}
	if to < len(messages) {
		v.Later = messages[to].id
	}
	shown := messages[from:to]
	for _, l := range shown {
		one, err := d.message(ctx, x, l)
		if err != nil {
			return v, err
		}
		v.Messages = append(v.Messages, one)
	}
	if err := d.unfold(ctx, v.Messages, shown, at, e); err != nil {
		return v, err
	}
	if err := d.tell(ctx, x, v.Messages, shown, notices); err != nil {
		return v, err
	}
	v.Folder = listedIn(messages)
	return v, d.answerable(ctx, &v, messages)
}

// around chooses which n messages are listed: the newest, unless at is older.
func around(messages []*listed, at *listed, n int) (from, to int) {
	from = max(0, len(messages)-n)
	if i := slices.Index(messages, at); i >= 0 && i < from {
		from = max(0, i-n/2)
	}
	return from, min(len(messages), from+n)
}

// unfold opens messages: the one that was asked for, what is unread, and then the
// newest, as far as the extent goes.
func (d *desk) unfold(ctx context.Context, list []Message, of []*listed, at *listed, e extent) error {
	brought, err := d.brought(ctx)
	if err != nil {
		return err
	}
	order := make([]int, len(of))
	for i := range of {
		order[i] = len(of) - 1 - i
	}
	rank := func(i int) int {
		switch {
		case of[i] == at:
			return 0
		case of[i].isUnread():
			return 1
		}
		return 2
	}
	slices.SortStableFunc(order, func(i, j int) int { return rank(i) - rank(j) })
	left := e.all
	for _, i := range order[:min(len(order), e.bodies)] {
		if left <= 0 {
			break
		}
		if err := d.fill(ctx, &list[i], of[i], brought[of[i].name], e.text); err != nil {
			return err
		}
		left -= len(list[i].Body.Text) + fileBytes*len(list[i].Body.Files)
	}
	return nil
}

// split tells the messages of a thread from the notices about them. Where nobody
// wrote anything, the notices are messages.
func (t *threadOf) split() (messages, notices []*listed) {
	names := map[string]bool{}
	for _, l := range t.messages {
		if l.kind == aMessage && l.name != "" {
			names[l.name] = true
		}
	}
	for _, l := range t.messages {
		if l.kind != aMessage && slices.ContainsFunc(l.refs, func(ref string) bool { return names[ref] }) {
			notices = append(notices, l)
		} else {
			messages = append(messages, l)
		}
	}
	return messages, notices
}

// listedIn is where a thread is found again: the first folder that has
// something of it.
func listedIn(messages []*listed) mailbox.FolderID {
	best := mailbox.Trash
	for _, l := range messages {
		for _, p := range l.at {
			if folderOrder(p.folder) < folderOrder(best) {
				best = p.folder
			}
		}
	}
	return best
}

// message makes what the listing knows of a message.
func (d *desk) message(ctx context.Context, x *threadIndex, l *listed) (Message, error) {
	own := sameAddress(l.from, d.actor.Address)
	one := Message{
		ID: l.id, Folder: l.at[0].folder, Received: l.received, More: l.more, Subject: l.subject, Own: own,
		Unread: l.isUnread(), Answered: l.flags.System&mailbox.Answered != 0,
		Draft:   l.isDraft(),
		Trashed: l.only(mailbox.Trash), Notice: l.kind != aMessage,
	}
	var err error
	if one.From, err = d.h.correspondent(ctx, x.known(l.from)); err != nil {
		return one, err
	}
	if own {
		one.From.Name = d.actor.Name
	}
	one.To, err = d.people(ctx, x, l.to)
	return one, err
}

// A drawn is a message that was taken out: its skeleton, parsed, and the
// structure of the whole.
type drawn struct {
	item *mailbox.Item
	mail *message.Mail // of the skeleton: whatever was cut out is empty in it
}

// take reads the skeleton of a message.
func (d *desk) take(ctx context.Context, l *listed) (*drawn, error) {
	p := l.at[0]
	if err := d.trace(ctx, p.folder, p.uid); err != nil {
		return nil, err
	}
	var out drawn
	err := d.view(ctx, func(r store.Reader) error {
		item, session, _, err := d.book.Item(r, p.folder, p.uid)
		if err != nil {
			return err
		}
		skeleton, err := d.h.read(ctx, r, d.actor.Part, session, vault.Ref(item.Skeleton))
		if err != nil {
			return err
		}
		out.item = item
		lim := message.Default
		lim.Size = max(lim.Size, int64(len(skeleton)))
		out.mail, err = message.Parse(skeleton, lim)
		return err
	})
	return &out, err
}

// fill opens a message, with that many bytes of its text at most.
func (d *desk) fill(ctx context.Context, one *Message, l *listed, brought []vault.Document, most int) error {
	p, err := d.take(ctx, l)
	if err != nil {
		return err
	}
	b := &Body{}
	plain, html := textParts(p.mail)
	switch {
	case plain != nil:
		b.Text, b.Cut = textOfPart(plain, p.mail.Raw, most)
		b.HTML = html != nil
	case html != nil:
		page, err := html.Text(p.mail.Raw, maxSearchText)
		if err != nil {
			return err
		}
		b.Text, b.HTML, b.OnlyHTML = message.HTMLToText(page, most), true, true
	}
	for _, f := range filesOf(&p.item.Structure) {
		if !isInline(f) || !b.HTML {
			b.Files = append(b.Files, File{f.Path, f.FileName(), f.MediaType(), sizeOf(f)})
		}
	}
	for _, doc := range brought {
		b.Documents = append(b.Documents, BroughtDocument{string(d.actor.Part) + "." + doc.ID, doc.Entry.Title, doc.Entry.Shelf})
	}
	one.Body = b
	one.Ends = endsExchange(p.mail)
	if asker := receiptAsked(p.mail); asker != "" && !one.Own && !hasKeyword(l.flags, mdnSent) {
		one.Receipt = asker
	}
	return nil
}

// A MessageFile is an attachment that was opened.
type MessageFile struct {
	File
	Content []byte
}

// MessageFile opens an attachment, by its number in the message.
func (h *Hub) MessageFile(ctx context.Context, a Actor, id MessageID, part string) (f MessageFile, err error) {
	err = h.atMessage(ctx, a, id, func(d *desk, l *listed) error {
		p, err := d.take(ctx, l)
		if err != nil {
			return err
		}
		for _, q := range filesOf(&p.item.Structure) {
			if q.Path == part && part != "" {
				f.File = File{q.Path, q.FileName(), q.MediaType(), 0}
				f.Content, err = d.stuffOf(ctx, l, q)
				f.Size = int64(len(f.Content))
				return err
			}
		}
		return fmt.Errorf("hub: attachment: %w", fault.NotFound)
	})
	return f, err
}

// stuffOf reads and decodes a part.
func (d *desk) stuffOf(ctx context.Context, l *listed, p *message.Part) ([]byte, error) {
	c, err := d.Content(ctx, l.at[0].folder, l.at[0].uid)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(p.Size())
	if err := c.ReadRange(&b, int64(p.BodyStart), int64(p.End-p.BodyStart)); err != nil {
		return nil, err
	}
	alone := *p
	alone.HeaderStart, alone.BodyStart, alone.End = 0, 0, b.Len()
	return alone.Decoded(b.Bytes(), int64(b.Len()))
}

// An InlinePicture is what a message in HTML shows in its place, by the Content-ID.
type InlinePicture struct {
	ID, Type string
	Content  []byte
}

// A MessagePage is a message in HTML, as its sender wrote it: hostile until it has
// been made inert.
type MessagePage struct {
	HTML     string
	Pictures []InlinePicture
}

// Bounds of a message in HTML.
const (
	maxHTML     = 1 << 20
	maxPicture  = 256 << 10
	maxPictures = 1 << 20 // all of one message
)

// MessageHTML opens the HTML form of a message, fault.NotFound if it has none.
func (h *Hub) MessageHTML(ctx context.Context, a Actor, id MessageID) (page MessagePage, err error) {
	err = h.atMessage(ctx, a, id, func(d *desk, l *listed) error {
		p, err := d.take(ctx, l)
		if err != nil {
			return err
		}
		_, html := textParts(p.mail)
		if html == nil {
			return fmt.Errorf("hub: message in HTML: %w", fault.NotFound)
		}
		if page.HTML, err = html.Text(p.mail.Raw, maxHTML); err != nil {
			return err
		}
		left := int64(maxPictures)
		for _, q := range filesOf(&p.item.Structure) {
			if n := sizeOf(q); isInline(q) && n <= maxPicture && n <= left {
				left -= n
				content, err := d.stuffOf(ctx, l, q)
				if err != nil {
					return err
				}
				page.Pictures = append(page.Pictures, InlinePicture{strings.Trim(q.ID, "<>"), q.MediaType(), content})
			}
		}
		return nil
	})
	return page, err
}

// MessageText opens the whole text of a message.
func (h *Hub) MessageText(ctx context.Context, a Actor, id MessageID) (text string, err error) {
	err = h.atMessage(ctx, a, id, func(d *desk, l *listed) error {
		p, err := d.take(ctx, l)
		if err != nil {
			return err
		}
		text, err = textOfMail(p.mail, maxSearchText)
		return err
	})
	return text, err
}

// atMessage runs fn with a message of an actor's mailbox.
func (h *Hub) atMessage(ctx context.Context, a Actor, id MessageID, fn func(*desk, *listed) error) error {
	return h.atDesk(ctx, a, func(d *desk) error {
		x, err := d.threads(ctx)
		if err != nil {
			return err
		}
		l, _, err := x.find(id)
		if err != nil {
			return err
		}
		return fn(d, l)
	})
}

// A RawMessage is a message as it came, to be taken away.
type RawMessage struct {
	ID       MessageID
	Received time.Time
	Subject  string
	Size     int64
	write    func(io.Writer) error
}

// WriteTo writes the message, byte for byte.
func (l RawMessage) WriteTo(w io.Writer) (int64, error) { return l.Size, l.write(w) }

// RawMessages gives whole messages to fn, one after the other, the oldest first:
// a message, or with all every one of its thread.
func (h *Hub) RawMessages(ctx context.Context, a Actor, id MessageID, all bool, fn func(RawMessage) error) error {
	return h.atDesk(ctx, a, func(d *desk) error {
		x, err := d.threads(ctx)
		if err != nil {
			return err
		}
		l, t, err := x.find(id)
		if err != nil {
			return err
		}
		some := []*listed{l}
		if all {
			some = t.messages
		}
		for _, l := range some {
			c, err := d.Content(ctx, l.at[0].folder, l.at[0].uid)
			if err != nil {
				return err
			}
			raw := RawMessage{l.id, l.received, l.subject, c.Size(), func(w io.Writer) error { return c.ReadRange(w, 0, c.Size()) }}
			if err := fn(raw); err != nil {
				return err
			}
		}
		return nil
	})
}

// answerable tells which message an answer would answer, and whether there can be
// one: what policy says of the one it would go to.
func (d *desk) answerable(ctx context.Context, v *ThreadView, messages []*listed) error {
	var last *listed
	for _, l := range messages {
		if l.kind == aMessage && !l.only(mailbox.Trash) && l.flags.System&mailbox.Draft == 0 && !l.is(mailbox.Drafts) {
			if last == nil || !sameAddress(l.from, d.actor.Address) || sameAddress(last.from, d.actor.Address) {
				last = l
			}
		}
	}
	if last == nil {
		return nil
	}
	v.Answer = last.id
	v.Several = len(last.to)+last.more > 1
	if d.actor.Role != policy.Patient {
		return nil
	}
	return d.mayAnswer(ctx, v, last)
}

// mayAnswer decides for a patient.
func (d *desk) mayAnswer(ctx context.Context, v *ThreadView, last *listed) error {
	p, err := d.take(ctx, last)
	if err != nil {
		return err
	}
	to := p.item.Envelope.ReplyTo
	if sameAddress(last.from, d.actor.Address) {
		to = p.item.Envelope.To
	}
	for _, a := range to {
		d2, err := d.decision(ctx, a)
		if err != nil {
			return err
		}
		if d2.Allow {
			continue
		}
		who, err := d.h.correspondent(ctx, a)
		if err != nil {
			return err
		}
		v.Ended = append(v.Ended, who)
		e := policy.Explain(d2.Rule)
		v.Refused = &Refusal{Rule: d2.Rule, FR: e.FR, EN: e.EN, Kind: fault.Denied}
	}
	return nil
}
