package web

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
)

// Messagerie: the threads of a mailbox, listed and searched. mail_thread.go opens
// one, mail_file.go what is attached, mail_html.go what is written in HTML.

// mailReader reads a mailbox.
type mailReader interface {
	Threads(ctx context.Context, a hub.Actor, s hub.ThreadSearch) (hub.ThreadList, error)
	Thread(ctx context.Context, a hub.Actor, id hub.MessageID) (hub.ThreadView, error)
	WholeThread(ctx context.Context, a hub.Actor, id hub.MessageID) (hub.ThreadView, error)
	MessageHTML(ctx context.Context, a hub.Actor, id hub.MessageID) (hub.MessagePage, error)
	MessageText(ctx context.Context, a hub.Actor, id hub.MessageID) (string, error)
	MessageFile(ctx context.Context, a hub.Actor, id hub.MessageID, part string) (hub.MessageFile, error)
	RawMessages(ctx context.Context, a hub.Actor, id hub.MessageID, all bool, fn func(hub.RawMessage) error) error
	Tidy(ctx context.Context, a hub.Actor, t hub.Tidying) error
	SendReadReceipt(ctx context.Context, a hub.Actor, id hub.MessageID) error
	WaiveReadReceipt(ctx context.Context, a hub.Actor, id hub.MessageID) error
	NewFolder(ctx context.Context, a hub.Actor, name string) error
	RenameFolder(ctx context.Context, a hub.Actor, id mailbox.FolderID, name string) error
	DropFolder(ctx context.Context, a hub.Actor, id mailbox.FolderID) error
}

const (
	mailboxPath = "/messagerie"
	messagePath = mailboxPath + "/m/"
)

var reading = []route{
	{path: mailboxPath, signed: true, by: anybody, get: (*call).threadsPage},
	{path: mailboxPath + "/recherche", signed: true, by: anybody, get: (*call).searchPage, post: (*call).searchThreads, heavy: true},
	{path: mailboxPath + "/ranger", signed: true, by: anybody, post: (*call).tidyThreads},
	{path: mailboxPath + "/dossiers", signed: true, by: anybody, get: (*call).mailFoldersPage, post: (*call).changeMailFolder},
	{path: messagePath + "{message}", signed: true, by: anybody, get: (*call).threadPage, post: (*call).tidyThread},
	{path: messagePath + "{message}/imprimer", signed: true, by: anybody, get: (*call).printThread, heavy: true},
	{path: messagePath + "{message}/html", signed: true, by: anybody, get: (*call).messageHTML, heavy: true},
	{path: messagePath + "{message}/texte", signed: true, by: anybody, get: (*call).messageText, heavy: true},
	{path: messagePath + "{message}/eml", signed: true, by: anybody, get: (*call).messageSource, slow: true, heavy: true},
	{path: messagePath + "{message}/zip", signed: true, by: anybody, get: (*call).threadArchive, slow: true, heavy: true},
	{path: messagePath + "{message}/p/{part}", signed: true, by: anybody, get: (*call).attachment, slow: true, heavy: true},
	{path: messagePath + "{message}/p/{part}/lecture", signed: true, by: anybody, get: (*call).attachmentPage, heavy: true},
	{path: messagePath + "{message}/p/{part}/f/{file}", signed: true, by: anybody, get: (*call).attachmentInside, slow: true, heavy: true},
}

// threadsView is what a list of threads shows.
type threadsView struct {
	hub.ThreadList
	Lines  []threadLine
	Pick   bool // threads can be ticked
	Token  string
	Folder mailbox.FolderID // 0: of all folders
	Name   string           // of a folder of the owner's own
	Unread bool             // these filters are on
	Files  bool
	Box    string // what the address has for the folder
	Pager  pager
	Search *searchView
	Open   bool // the search is open
	Sought bool // something was looked for
}

// A threadLine is a thread in a list.
type threadLine struct {
	hub.ThreadLine
	Names, Initials, When, Path string
}

// searchView is what was looked for.
type searchView struct {
	Words         string
	Unread, Files bool
	Kinds         map[string]bool
	From, Until   string
}

// narrows reports whether more than words was asked for.
func (s *searchView) narrows() bool {
	return s.Unread || s.Files || len(s.Kinds) > 0 || s.From != "" || s.Until != ""
}

// box reads which folder an address wants, and with which filter.
func (c *call) box() (s hub.ThreadSearch, v threadsView) {
	values := c.r.URL.Query()
	v.Box = values.Get("dossier")
	switch n, err := strconv.ParseUint(v.Box, 10, 32); {
	case v.Box == "tous":
		s.Anywhere = true
	case err == nil && n > 0:
		s.Folder = mailbox.FolderID(n)
	default:
		v.Box, s.Folder = "", mailbox.Inbox
	}
	v.Folder = s.Folder
	s.Unread, s.Files = values.Get("voir") == "non-lus", values.Get("voir") == "pieces"
	v.Unread, v.Files = s.Unread, s.Files
	s.Page = pageAsked(values.Get("page"))
	return s, v
}

// Address is that of this list, with another filter.
func (v threadsView) Address(see string) string { return v.address(see, 1) }

func (v threadsView) address(see string, page int) string {
	values := url.Values{}
	if v.Box != "" {
		values.Set("dossier", v.Box)
	}
	if see != "" {
		values.Set("voir", see)
	}
	if page > 1 {
		values.Set("page", strconv.Itoa(page))
	}
	if len(values) == 0 {
		return mailboxPath
	}
	return mailboxPath + "?" + values.Encode()
}

// see is the filter that is on, as an address has it.
func (v threadsView) see() string {
	switch {
	case v.Unread:
		return "non-lus"
	case v.Files:
		return "pieces"
	}
	return ""
}

// Here is the address of this page.
func (v threadsView) Here() string { return v.address(v.see(), v.Pager.Page) }

// Trash reports whether the list is that of the trash.
func (v threadsView) Trash() bool { return v.Folder == mailbox.Trash }

func (c *call) threadsPage() error {
	s, v := c.box()
	list, err := c.s.hub.Threads(c.ctx(), c.mailbox(), s)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list.Folders, func(f hub.FolderLine) bool { return f.ID == s.Folder }) && !s.Anywhere {
		return nothingHere(c)
	}
	c.fill(&v, list)
	v.Pick, v.Search = true, &searchView{Kinds: map[string]bool{}}
	v.Pager = paged(list.Total, hub.ThreadsPerPage, s.Page, func(page int) string { return v.address(v.see(), page+1) })
	return c.page("mail/threads", "mail.title", v)
}

func (c *call) fill(v *threadsView, list hub.ThreadList) {
	v.ThreadList, v.Token = list, c.formToken()
	for _, t := range list.Threads {
		v.Lines = append(v.Lines, c.threadLine(t))
	}
	for _, f := range list.Folders {
		if f.ID == v.Folder && f.ID > mailbox.Archive {
			v.Name = f.Name
		}
	}
}

func (c *call) threadLine(t hub.ThreadLine) threadLine {
	l := threadLine{ThreadLine: t, When: shortDay(c.lang, t.Last.In(c.s.cfg.Zone), c.now().In(c.s.cfg.Zone)), Path: messagePath + t.ID.String()}
	var names []string
	for _, who := range t.With {
		names = append(names, who.Name)
	}
	if len(names) == 0 {
		names = []string{c.words("mail.nobody")}
	}
	l.Initials = initials(names[0])
	l.Names = strings.Join(names, ", ")
	if t.More > 0 {
		l.Names += " " + c.words("mail.and-more", t.More)
	}
	return l
}

// kindsOfDocuments are the chips of documents.
var kindsOfDocuments = []hub.DocumentKind{hub.Biology, hub.Imaging, hub.Prescription}

// searchPage shows what there is to look for: what was looked for is in no
// address, so that there is nothing to come back to.
func (c *call) searchPage() error {
	list, err := c.s.hub.Threads(c.ctx(), c.mailbox(), hub.ThreadSearch{})
	if err != nil {
		return err
	}
	v := threadsView{Open: true, Search: &searchView{Kinds: map[string]bool{}}}
	list.Threads, list.Total = nil, 0
	c.fill(&v, list)
	return c.page("mail/search", "mail.search.title", v)
}

// searchThreads shows what was found.
func (c *call) searchThreads() error {
	f := &c.form
	s := hub.ThreadSearch{Anywhere: true, Words: f.value("mots"), Unread: f.ticked("non-lus"), Files: f.ticked("pieces")}
	sv := &searchView{Words: s.Words, Unread: s.Unread, Files: s.Files, Kinds: map[string]bool{}}
	for _, k := range kindsOfDocuments {
		if f.ticked("genre-" + string(k)) {
			s.Kinds = append(s.Kinds, k)
			sv.Kinds[string(k)] = true
		}
	}
	if at, err := time.ParseInLocation(time.DateOnly, f.value("du"), c.s.cfg.Zone); err == nil {
		s.Since, sv.From = at, f.value("du")
	}
	if at, err := time.ParseInLocation(time.DateOnly, f.value("au"), c.s.cfg.Zone); err == nil {
		s.Until, sv.Until = at.AddDate(0, 0, 1), f.value("au")
	}
	s.Page = pageAsked(f.value("page"))
	list, err := c.s.hub.Threads(c.ctx(), c.mailbox(), s)
	if err != nil {
		return err
	}
	v := threadsView{Open: sv.narrows(), Search: sv, Sought: true}
	c.fill(&v, list)
	v.Pager = paged(list.Total, hub.ThreadsPerPage, s.Page, nil)
	return c.page("mail/search", "mail.found.title", v)
}

// mailBack is the list that a form was sent from.
func (c *call) mailBack() string {
	u, err := url.Parse(c.form.value("retour"))
	if err != nil || u.Host != "" || u.Scheme != "" || u.Path != mailboxPath {
		return mailboxPath
	}
	return u.RequestURI()
}

// tidyThreads does something with the threads that are ticked.
func (c *call) tidyThreads() error {
	var t hub.Tidying
	for _, s := range c.form.values["fil"] {
		id, err := hub.ParseMessageID(s)
		if err != nil || len(t.Threads) >= hub.ThreadsPerPage {
			continue
		}
		t.Threads = append(t.Threads, id)
	}
	if len(t.Threads) == 0 {
		return c.to(c.mailBack(), "news.mail.none-chosen")
	}
	news, ok := c.tidying(&t)
	if !ok {
		return c.to(c.mailBack(), "news.mail.nothing")
	}
	if err := c.s.hub.Tidy(c.ctx(), c.mailbox(), t); err != nil {
		return err
	}
	return c.to(c.mailBack(), news)
}

// tidying reads from a form what becomes of threads, and what is told then.
func (c *call) tidying(t *hub.Tidying) (news string, ok bool) {
	yes, no := true, false
	from, _ := strconv.ParseUint(c.form.value("de"), 10, 32)
	switch c.form.value("faire") {
	case "lu":
		t.Seen = &yes
		return "news.mail.read", true
	case "non-lu":
		t.Seen = &no
		return "news.mail.unread", true
	case "archiver":
		t.To = mailbox.Archive
		return "news.mail.archived", true
	case "jeter":
		t.To = mailbox.Trash
		return "news.mail.trashed", true
	case "reprendre":
		t.From, t.To = mailbox.Trash, mailbox.Inbox
		return "news.mail.restored", true
	case "supprimer":
		t.Delete = true
		return "news.mail.deleted", true
	case "deplacer":
		to, err := strconv.ParseUint(c.form.value("vers"), 10, 32)
		if err != nil || to == 0 {
			return "", false
		}
		t.To = mailbox.FolderID(to)
		if from == uint64(mailbox.Trash) {
			t.From = mailbox.Trash
		}
		return "news.mail.moved", true
	}
	return "", false
}

// mailFoldersView is what the page of the folders shows.
type mailFoldersView struct{ Own []hub.FolderLine }

func (c *call) mailFoldersView() (v mailFoldersView, err error) {
	list, err := c.s.hub.Threads(c.ctx(), c.mailbox(), hub.ThreadSearch{})
	for _, f := range list.Folders {
		if f.ID > mailbox.Archive {
			v.Own = append(v.Own, f)
		}
	}
	return v, err
}

func (c *call) mailFoldersPage() error {
	v, err := c.mailFoldersView()
	if err != nil {
		return err
	}
	return c.page("mail/folders", "mail.folders.title", v)
}

// changeMailFolder makes, renames or drops a folder.
func (c *call) changeMailFolder() error {
	name := c.form.value("folder-name")
	n, _ := strconv.ParseUint(c.form.value("dossier"), 10, 32)
	id := mailbox.FolderID(n)
	var news string
	var err error
	switch act := c.form.pick("faire", "creer", "renommer", "supprimer"); {
	case act == "supprimer":
		news, err = "news.mail.folder-dropped", c.s.hub.DropFolder(c.ctx(), c.mailbox(), id)
	case name == "":
		c.wrong("folder-name", "wrong.empty")
	case act == "renommer":
		news, err = "news.mail.folder-renamed", c.s.hub.RenameFolder(c.ctx(), c.mailbox(), id, name)
	default:
		news, err = "news.mail.folder-made", c.s.hub.NewFolder(c.ctx(), c.mailbox(), name)
	}
	if err != nil && !c.blameFolder(err) {
		return err
	}
	if len(c.form.errs) > 0 {
		v, err := c.mailFoldersView()
		if err != nil {
			return err
		}
		return c.again("mail/folders", "mail.folders.title", v)
	}
	return c.to(mailboxPath+"/dossiers", news)
}
