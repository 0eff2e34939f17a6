package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
)

// Writing: a message, its draft, and how it leaves. write_form.go reads and shows
// the form, write_send.go is what happens once it is sent, write_attach.go chooses
// documents.
//
//	/messagerie/ecrire                a new message
//	/messagerie/ecrire?a=ID           the answer to a message; &tous=1 to all of it
//	/messagerie/ecrire?b=ID           a draft
//	/messagerie/ecrire?patient=ID     of a professional, to the patient of a record
//	/messagerie/ecrire/fin?a=ID       a professional ends the exchange that a message is of;
//	                                  also /messagerie/ecrire?a=ID&fin=1; with a last message, &dernier=1

// writer writes messages.
type writer interface {
	Contacts(ctx context.Context, a hub.Actor) ([]hub.Contact, error)
	WhoIs(ctx context.Context, a hub.Actor, one message.Address) (hub.Contact, error)
	ParseAddressee(text string) (ident.Address, error)
	PatientAddress(m ident.Matricule) (ident.Address, error)
	CheckRecipient(ctx context.Context, a hub.Actor, address ident.Address) error
	Answer(ctx context.Context, a hub.Actor, id hub.MessageID, all bool) (hub.Draft, hub.Quoted, error)
	Draft(ctx context.Context, a hub.Actor, id hub.MessageID) (hub.Draft, error)
	Drafts(ctx context.Context, a hub.Actor) ([]hub.Draft, error)
	SaveDraft(ctx context.Context, a hub.Actor, d hub.Draft, c hub.DraftChange) (hub.Draft, error)
	DiscardDraft(ctx context.Context, a hub.Actor, id hub.MessageID) error
	SendDraft(ctx context.Context, a hub.Actor, id hub.MessageID) (time.Time, error)
	TakeBack(ctx context.Context, a hub.Actor, id hub.MessageID) error
	Passage(ctx context.Context, a hub.Actor, id hub.MessageID) (hub.Passage, error)
	Documents(ctx context.Context, a hub.Actor, recordID string) ([]hub.DocumentView, error)
	FilesLimit(a hub.Actor, toPatient bool) int64
}

const (
	composePath = mailboxPath + "/ecrire"
	previewPath = composePath + "/relire"
	choosePath  = composePath + "/documents"
	leavingPath = composePath + "/envoi"
	endPath     = composePath + "/fin"
	draftsPath  = mailboxPath + "/brouillons"

	maxUpload = 50 << 20 // bytes of the files of one form; the door says how large a message may be
)

var writing = []route{
	{path: composePath, signed: true, by: anybody, get: (*call).composePage, post: (*call).compose, upload: maxUpload},
	{path: composePath + "/seul", signed: true, by: anybody, post: (*call).autosave, upload: maxUpload},
	{path: previewPath, signed: true, by: anybody, get: (*call).previewPage},
	{path: choosePath, signed: true, by: anybody, get: (*call).choosePage, post: (*call).chooseDocuments},
	{path: leavingPath, signed: true, by: anybody, get: (*call).leavingPage, post: (*call).sendPreviewed},
	{path: leavingPath + "/annuler", signed: true, by: anybody, post: (*call).takeBack},
	{path: leavingPath + "/etat", signed: true, by: anybody, get: (*call).leavingState},
	{path: endPath, signed: true, by: anybody, get: (*call).endPage, post: (*call).endExchange},
	{path: draftsPath, signed: true, by: anybody, get: (*call).draftsPage},
	{path: draftsPath + "/supprimer", signed: true, by: anybody, post: (*call).discardDraft},
}

// composePage shows a message that is about to be written.
func (c *call) composePage() error {
	q := c.r.URL.Query()
	if text := q.Get("b"); text != "" {
		return c.draftPage(text)
	}
	if q.Get("a") != "" && q.Get("fin") != "" {
		return c.to(endPath+"?a="+url.QueryEscape(q.Get("a")), "")
	}
	d, err := c.newDraft(q)
	if err != nil {
		return err
	}
	v, err := c.composing(d, q.Get("patient"))
	if err != nil {
		return err
	}
	v.Ends = q.Get("dernier") != "" && v.Pro && v.ToOne
	if v.shut() {
		return c.page("write/cannot", "write.cannot.title", v)
	}
	return c.page("write/compose", v.title(), v)
}

// newDraft begins a message as an address asks for it.
func (c *call) newDraft(q url.Values) (d hub.Draft, err error) {
	if text := q.Get("a"); text != "" {
		id, err := hub.ParseMessageID(text)
		if err != nil {
			return d, err
		}
		d, quoted, err := c.s.hub.Answer(c.ctx(), c.mailbox(), id, q.Get("tous") != "")
		d.Text = c.quote(quoted)
		return d, err
	}
	d.ID = hub.NewDraftID()
	if id := q.Get("patient"); id != "" && c.who.cares() {
		p, err := c.s.hub.Footing(c.ctx(), c.who.Actor, id)
		if err != nil {
			return d, err
		}
		address, err := c.s.hub.PatientAddress(p.Matricule)
		if err != nil {
			return d, err
		}
		to := message.Address{Mailbox: address.Local(), Host: address.Domain()}
		if p.Access.Allow {
			to.Name = p.Traits.Name()
		}
		d.To = []message.Address{to}
	}
	return d, nil
}

// writeWith begins a message with documents, of one's own record or of a patient's.
func (c *call) writeWith(documents []string) error {
	patient := ""
	if c.who.cares() {
		patient = c.record()
	} else if may, err := c.mayWrite(); err != nil || !may {
		return errors.Join(err, c.to(composePath, ""))
	}
	d := hub.Draft{ID: hub.NewDraftID()}
	_, err := c.s.hub.SaveDraft(c.ctx(), c.mailbox(), d, hub.DraftChange{Documents: documents[:min(len(documents), maxChosen)]})
	switch {
	case errors.Is(err, fault.TooLarge):
		return c.to(c.documentsAt(""), "news.files-too-large")
	case err != nil:
		return err
	}
	return c.to(composeAt(d.ID, patient), "news.files-attached")
}

// mayWrite reports whether there is anybody whom a patient may write to.
func (c *call) mayWrite() (bool, error) {
	list, err := c.s.hub.Contacts(c.ctx(), c.mailbox())
	return slices.ContainsFunc(list, func(one hub.Contact) bool { return one.Refusal == nil }), err
}

// sendable reports whether documents of this record may be sent from here: there is
// a mailbox that they may go from.
func (c *call) sendable() bool { return c.own() || c.who.cares() }

// draftPage shows a draft, or what became of it.
func (c *call) draftPage(text string) error {
	id, err := hub.ParseMessageID(text)
	if err != nil {
		return err
	}
	return c.withDraft(id, func(d hub.Draft) error {
		if !d.Leaves.IsZero() {
			return c.to(leavingAt(id), "")
		}
		v, err := c.composing(d, c.r.URL.Query().Get("patient"))
		if err != nil {
			return err
		}
		if d.Failed != nil {
			v.Failed = c.either(d.Failed.FR, d.Failed.EN)
		}
		return c.page("write/compose", v.title(), v)
	})
}

// withDraft does something with a draft, or leads to where it has gone.
func (c *call) withDraft(id hub.MessageID, do func(hub.Draft) error) error {
	d, err := c.s.hub.Draft(c.ctx(), c.mailbox(), id)
	if errors.Is(err, fault.NotFound) {
		if _, gone := c.s.hub.Passage(c.ctx(), c.mailbox(), id); gone == nil {
			return c.to(leavingAt(id), "")
		}
	}
	if err != nil {
		return err
	}
	return do(d)
}

// onItsWay reports whether an error says of a draft that it was sent.
func onItsWay(err error) bool {
	return refusedBy(err, "draft/leaves") || refusedBy(err, "draft/left")
}

// draftAt is the address of a page about a draft, which remembers from whose record
// a professional began it.
func draftAt(path string, id hub.MessageID, patient string) string {
	address := path + "?b=" + id.String()
	if patient != "" {
		address += "&patient=" + url.QueryEscape(patient)
	}
	return address
}

func composeAt(id hub.MessageID, patient string) string { return draftAt(composePath, id, patient) }

func leavingAt(id hub.MessageID) string { return draftAt(leavingPath, id, "") }

// compose does what a button of the form asks for. Whatever it is, what was
// written is kept first.
func (c *call) compose() error {
	d, ok := c.written()
	if !ok {
		return fmt.Errorf("web: compose: %w", fault.Invalid)
	}
	if c.tooLong(d) {
		return c.composeAgain(d)
	}
	act, argument, _ := strings.Cut(c.form.value("act"), " ")
	c.checkWritten(&d, act)
	change := hub.DraftChange{Add: c.brought()}
	if act == "drop" {
		change.Drop = []string{argument}
	}
	saved, err := c.save(d, change)
	switch {
	case onItsWay(err):
		return c.to(leavingAt(d.ID), "")
	case err != nil:
		c.blameSaving(err)
	default:
		d = saved
	}
	if len(c.form.errs) > 0 {
		return c.composeAgain(d)
	}
	return c.goOn(d, act)
}

// save keeps a draft. What it answers may be gone meanwhile: then it answers
// nothing, and is not lost.
func (c *call) save(d hub.Draft, change hub.DraftChange) (hub.Draft, error) {
	saved, err := c.s.hub.SaveDraft(c.ctx(), c.mailbox(), d, change)
	if errors.Is(err, fault.NotFound) && d.Answers != "" {
		d.Answers = ""
		return c.s.hub.SaveDraft(c.ctx(), c.mailbox(), d, change)
	}
	return saved, err
}

// blameSaving says why a draft was not kept: what was written is on the page.
func (c *call) blameSaving(err error) {
	switch {
	case errors.Is(err, fault.TooLarge):
		c.wrong("files", "wrong.write.too-large", c.limit(false))
	case errors.Is(err, fault.Quota):
		c.wrong("", "wrong.write.quota")
	case c.sentence(err) != "":
		c.wrongText("", c.sentence(err))
	default:
		c.s.cfg.Log.Error("web: save a draft", "err", err)
		c.wrong("", "wrong.write.not-saved")
	}
}

// goOn leads to what a button of the form asks for, once the draft is kept.
func (c *call) goOn(d hub.Draft, act string) error {
	patient := c.form.value("patient")
	switch act {
	case "send", "preview":
		if strings.TrimSpace(d.Text) == "" && len(d.Files) == 0 {
			c.wrong("text", "wrong.write.empty")
			return c.composeAgain(d)
		}
		if act == "send" {
			return c.send(d)
		}
		return c.to(draftAt(previewPath, d.ID, ""), "")
	case "documents":
		return c.to(draftAt(choosePath, d.ID, patient), "")
	case "save":
		return c.to(composeAt(d.ID, patient), "news.draft-saved")
	case "attach":
		return c.to(composeAt(d.ID, patient)+"#files", "news.files-attached")
	case "drop":
		return c.to(composeAt(d.ID, patient)+"#files", "news.file-dropped")
	case "add":
		return c.to(composeAt(d.ID, patient), "news.recipient-added")
	}
	return c.to(composeAt(d.ID, patient), "")
}

// composeAgain shows the form once more, with the files that the draft has.
func (c *call) composeAgain(d hub.Draft) error {
	kept, err := c.s.hub.Draft(c.ctx(), c.mailbox(), d.ID)
	if err == nil {
		d.Files, d.Answers = kept.Files, kept.Answers
	} else if !errors.Is(err, fault.NotFound) {
		return err
	}
	v, err := c.composing(d, c.form.value("patient"))
	if err != nil {
		return err
	}
	return c.again("write/compose", v.title(), v)
}

// autosave keeps the draft, for a script; it answers with words for whoever
// writes.
func (c *call) autosave() error {
	d, ok := c.written()
	if !ok {
		return fmt.Errorf("web: autosave: %w", fault.Invalid)
	}
	if c.tooLong(d) {
		return fmt.Errorf("web: autosave: %w", fault.TooLarge)
	}
	saved, err := c.save(d, hub.DraftChange{})
	if err != nil {
		return err
	}
	return c.plainly(c.words("write.autosaved", saved.Saved.In(c.s.cfg.Zone).Format("15:04")))
}

// plainly answers a script with a few words.
func (c *call) plainly(words string) error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = c.w.Write([]byte(words)) // whoever has gone is told nothing
	return nil
}

// draftsView is what the page of drafts shows, beside the folders of the mailbox.
type draftsView struct {
	threadsView
	Lines []draftLine
	More  bool // older ones are not shown
}

// draftLine is a draft in the list.
type draftLine struct {
	hub.Draft
	Path   string
	People string
	Failed string
}

func (c *call) draftsPage() error {
	list, err := c.s.hub.Drafts(c.ctx(), c.mailbox())
	if err != nil {
		return err
	}
	threads, err := c.s.hub.Threads(c.ctx(), c.mailbox(), hub.ThreadSearch{Folder: mailbox.Drafts})
	if err != nil {
		return err
	}
	v := draftsView{threadsView: threadsView{ThreadList: threads, Folder: mailbox.Drafts}, More: len(list) > maxDrafts}
	for _, d := range list[:min(len(list), maxDrafts)] {
		l := draftLine{Draft: d, Path: composeAt(d.ID, "")}
		if !d.Leaves.IsZero() {
			l.Path = leavingAt(d.ID)
		}
		if d.Failed != nil {
			l.Failed = c.either(d.Failed.FR, d.Failed.EN)
		}
		var names []string
		for _, one := range slices.Concat(d.To, d.Cc) {
			names = append(names, nameOf(one))
		}
		l.People = strings.Join(names, ", ")
		v.Lines = append(v.Lines, l)
	}
	return c.page("write/drafts", "write.drafts.title", v)
}

// maxDrafts bounds those of a page.
const maxDrafts = 50

func nameOf(one message.Address) string {
	if one.Name != "" {
		return one.Name
	}
	return one.Spec()
}

func (c *call) discardDraft() error {
	id, err := hub.ParseMessageID(c.form.value("b"))
	if err != nil {
		return err
	}
	switch err := c.s.hub.DiscardDraft(c.ctx(), c.mailbox(), id); {
	case onItsWay(err):
		return c.to(leavingAt(id), "")
	case err != nil:
		return err
	}
	return c.to(draftsPath, "news.draft-discarded")
}
