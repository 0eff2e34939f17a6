package web

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/message"
	"vaguemestre/internal/patient"
	"vaguemestre/vault"
)

// Documents: the record as people look through it. The same pages show one's own
// record, that of somebody one helps, and that of a patient. Here is the list; a
// document is in documents_page.go and documents_file.go, several at a time in
// documents_zip.go, who sees what in documents_who.go, folders in
// documents_folders.go, and what is added in documents_add.go.

// librarian keeps documents.
type librarian interface {
	Cabinet(ctx context.Context, a hub.Actor, recordID string) (hub.Cabinet, error)
	SearchDocuments(ctx context.Context, a hub.Actor, recordID, words string) (hub.Cabinet, error)
	Withdrawn(ctx context.Context, a hub.Actor, recordID string) ([]hub.DocumentView, error)
	DocumentPage(ctx context.Context, a hub.Actor, id string) (hub.DocumentPage, error)
	OpenDocument(ctx context.Context, a hub.Actor, id string) (hub.DocumentView, hub.Content, error)
	OpenRendition(ctx context.Context, a hub.Actor, id string) (hub.DocumentView, hub.Content, error)
	OpenDocuments(ctx context.Context, a hub.Actor, recordID string, ids []string) (iter.Seq2[hub.OpenedDocument, error], error)
	ChangeDocument(ctx context.Context, a hub.Actor, id string, c hub.DocumentChange) (hub.DocumentView, error)
	Deposit(ctx context.Context, a hub.Actor, recordID string, s hub.Submission) (hub.DocumentView, bool, error)
	NameFolder(ctx context.Context, a hub.Actor, recordID, id, name string) (string, error)
	RemoveFolder(ctx context.Context, a hub.Actor, recordID, id string) error
	PutInFolder(ctx context.Context, a hub.Actor, folder string, documents ...string) error
	PinDocument(ctx context.Context, a hub.Actor, document string, pinned bool) error
	WhoCanSee(ctx context.Context, a hub.Actor, documentID string) ([]hub.Viewer, error)
	SeeAs(ctx context.Context, a hub.Actor, recordID, as string) ([]hub.DocumentView, error)
	Relations(ctx context.Context, a hub.Actor, recordID string) ([]patient.Relation, error)
}

const (
	documentsPath = "/documents"
	documentsPage = 50 // documents on a page
)

var documents = slices.Concat(documentRoutes(documentsPath, holders), documentRoutes(peoplePath+"/{record}"+documentsPath, holders), documentRoutes(recordPath+documentsPath, professionals))

// documentRoutes are the addresses of the documents of one kind of record.
func documentRoutes(root string, by audience) []route {
	list := []route{
		{path: root, get: (*call).documentsList},
		{path: root + "/recherche", post: (*call).searchDocuments, heavy: true},
		{path: root + "/selection", post: (*call).withSelection, slow: true, heavy: true},
		{path: root + "/tout", post: (*call).downloadAll, slow: true, heavy: true},
		{path: root + "/ajouter", get: (*call).depositPage, post: (*call).deposit, upload: maxDeposit},
		{path: root + "/corbeille", get: (*call).withdrawnPage},
		{path: root + "/{document}", get: (*call).documentPage, post: (*call).changeDocument},
		{path: root + "/{document}/fichier", get: (*call).documentFile, slow: true, heavy: true},
		{path: root + "/{document}/pdf", get: (*call).documentRendition, slow: true, heavy: true},
		{path: root + "/{document}/extrait", get: (*call).documentInside, slow: true, heavy: true},
		{path: root + "/{document}/lecture", get: (*call).readDocument, heavy: true},
	}
	if by == holders { // who decides, and keeps it in order
		list = append(list,
			route{path: root + "/dossiers", get: (*call).foldersPage, post: (*call).changeFolder},
			route{path: root + "/comme", get: (*call).seeAsPage, post: (*call).seeAs},
			route{path: root + "/{document}/qui", get: (*call).whoCanSee})
	}
	for i := range list {
		list[i].signed, list[i].by = true, by
	}
	return list
}

// documentsAt is an address among the documents of the record of this page.
func (c *call) documentsAt(rest string) string { return c.at(documentsPath + rest) }

// idInRecord is the ID of a document within its record.
func idInRecord(id string) string {
	_, own, _ := strings.Cut(id, ".")
	return own
}

// own reports whether the record of this page is that of whoever looks at it.
func (c *call) own() bool { return c.record() == string(c.who.Part) }

// A documentLine is a document in a list.
type documentLine struct {
	ID, Path            string
	Title, Kind, Type   string
	Shelf               string // a code
	Author, AuthorKey   string
	Where               string
	Date, Filed         time.Time
	Pinned, New         bool
	Archived, Masked    bool
	Hidden, FromParents bool // from the patient until it is announced; from those who represent them
	ToVerify, Replaced  bool
	Older, Copies       int
	Folder, FolderName  string
}

// line says of a document what lists do.
func (c *call) line(v hub.DocumentView) documentLine {
	e := &v.Entry
	t, _ := cda.TypeByCode(e.TypeCode)
	own := idInRecord(v.ID)
	l := documentLine{
		ID: own, Path: c.documentsAt("/" + own), Title: e.Title, Kind: kindOf(e.MediaType), Type: t.Label, Shelf: e.Shelf,
		Author: c.authorOf(e), Where: e.Author.Organisation, Date: e.About(), Filed: e.Filed,
		Archived: v.Flags.Has(vault.Archived), Masked: v.Flags.Has(vault.Masked),
		Hidden: v.Flags.Has(vault.HiddenFromPatient), FromParents: v.Flags.Has(vault.HiddenFromRepresentatives),
		ToVerify: v.Flags.Has(vault.ToVerify), Replaced: v.Flags.Has(vault.Superseded),
	}
	if l.Where == l.Author {
		l.Where = ""
	}
	if message.Fold(l.Type) == message.Fold(l.Title) {
		l.Type = ""
	}
	l.AuthorKey = c.opaque("author", l.Author)
	return l
}

func (c *call) lineOf(d hub.CabinetDocument, folders []filing.Folder) documentLine {
	l := c.line(d.DocumentView)
	l.Pinned, l.New, l.Older, l.Copies, l.Folder = d.Pinned, d.New, d.Older, d.Copies, d.Folder
	for _, f := range folders {
		if f.ID == d.Folder {
			l.FolderName = f.Name
		}
	}
	return l
}

// opaque stands for a name in an address of this record.
func (c *call) opaque(what, name string) string {
	m := hmac.New(sha256.New, c.s.cfg.Key)
	m.Write([]byte(what + "\x00" + c.record() + "\x00" + name))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// authorOf names who answers for a document, as whoever looks at it would.
func (c *call) authorOf(e *vault.Entry) string {
	switch {
	case e.Depositor == vault.ByPatient && c.own():
		return c.words("documents.by-you")
	case e.Depositor == vault.ByPatient:
		return cmp.Or(e.Author.Name, c.words("documents.by-holder"))
	}
	return cmp.Or(e.Author.Name, e.Author.Organisation, e.Sender)
}

// The kinds of file, as people tell them apart.
const (
	kindPDF   = "pdf"
	kindImage = "image"
	kindText  = "text"
	kindCDA   = "cda"
	kindOther = "other"
)

var kindsOfFile = []string{kindPDF, kindImage, kindText, kindCDA, kindOther}

func kindOf(mediaType string) string {
	switch {
	case mediaType == "application/pdf":
		return kindPDF
	case strings.HasPrefix(mediaType, "image/"):
		return kindImage
	case mediaType == "text/plain", strings.HasSuffix(mediaType, "/rtf"):
		return kindText
	case mediaType == cda.MediaType, mediaType == cda.MediaTypeSelfPresenting:
		return kindCDA
	}
	return kindOther
}

// A documentFilter is what somebody wants to see of a list, and in what order. It
// travels in the address, which says nothing of anybody.
type documentFilter struct {
	Shelf, Folder, Author, Kind, Sort string
	From, To                          string // days
	Archived                          bool
	Page                              int
}

// The orders of a list.
const (
	byDate   = "date" // the latest first
	byAge    = "ancien"
	byTitle  = "nom"
	byAuthor = "auteur"
)

var documentSorts = []string{byDate, byAge, byTitle, byAuthor}

func (c *call) documentFilter() documentFilter {
	q := c.r.URL.Query()
	among := func(name string, list []string) string {
		if v := q.Get(name); slices.Contains(list, v) {
			return v
		}
		return ""
	}
	day := func(name string) string {
		if _, err := time.Parse(time.DateOnly, q.Get(name)); err != nil {
			return ""
		}
		return q.Get(name)
	}
	f := documentFilter{Folder: opaqueID(q.Get("dossier")), Author: opaqueID(q.Get("auteur")), Kind: among("genre", kindsOfFile),
		Sort: cmp.Or(among("tri", documentSorts), byDate), From: day("de"), To: day("a"), Archived: q.Get("archives") == "yes"}
	for _, s := range cda.Shelves() {
		if q.Get("rayon") == s.Code {
			f.Shelf = s.Code
		}
	}
	f.Page = pageAsked(q.Get("page"))
	return f
}

// opaqueID returns what may be an ID of ours, else nothing.
func opaqueID(s string) string {
	if len(s) > 32 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	return s
}

// address is that of a list as f says.
func (f documentFilter) address(root string) string {
	q := url.Values{}
	for name, v := range map[string]string{"rayon": f.Shelf, "dossier": f.Folder, "auteur": f.Author, "genre": f.Kind, "de": f.From, "a": f.To} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if f.Sort != byDate {
		q.Set("tri", f.Sort)
	}
	if f.Archived {
		q.Set("archives", "yes")
	}
	if f.Page > 0 {
		q.Set("page", strconv.Itoa(f.Page+1))
	}
	if len(q) == 0 {
		return root
	}
	return root + "?" + q.Encode()
}

// Narrow reports whether the form below the list says more than the list shows by
// itself.
func (f documentFilter) Narrow() bool {
	return f.Author+f.Kind+f.From+f.To != "" || f.Archived || f.Sort != byDate
}

// takes reports whether a line is wanted, its shelf and folder aside.
func (f documentFilter) takes(l documentLine, zone *time.Location) bool {
	day := l.Date.In(zone).Format(time.DateOnly)
	return (f.Archived || !l.Archived) && (f.Author == "" || l.AuthorKey == f.Author) && (f.Kind == "" || l.Kind == f.Kind) &&
		(f.From == "" || day >= f.From) && (f.To == "" || day <= f.To)
}

// order puts lines in the order that is asked for, what is pinned before the
// rest.
func (f documentFilter) order(list []documentLine) {
	key := map[string]string{}
	if f.Sort == byTitle || f.Sort == byAuthor {
		for _, l := range list {
			name := l.Title
			if f.Sort == byAuthor {
				name = l.Author
			}
			key[l.ID] = message.Fold(name)
		}
	}
	slices.SortStableFunc(list, func(a, b documentLine) int {
		if a.Pinned != b.Pinned {
			if a.Pinned {
				return -1
			}
			return 1
		}
		if f.Sort == byAge {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(key[a.ID], key[b.ID]), b.Date.Compare(a.Date), b.Filed.Compare(a.Filed))
	})
}
