package web

import (
	"errors"
	"slices"
	"strings"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/hub"
	"vaguemestre/policy"
)

// documentsView is what a list of documents shows.
type documentsView struct {
	Root    string
	Own     bool
	Sees    bool // a professional, to whom the record is open
	Send    bool // by a message
	May     hub.CabinetRights
	Filter  documentFilter
	Shelves []choiceView
	Folders []choiceView
	Authors []choiceView
	Groups  []documentGroup
	Total   int // documents that the filter takes
	All     int // documents of the record
	Pager   pager
	Words   string // of a search
	Kinds   []string
}

// A documentGroup is documents under one heading.
type documentGroup struct {
	Title string
	Lines []documentLine
}

// A choiceView is one of those that a list can be narrowed to.
type choiceView struct {
	Key, Name, Path string
	Count           int
	Chosen          bool
}

func (c *call) documentsList() error {
	cab, err := c.s.hub.Cabinet(c.ctx(), c.who.Actor, c.record())
	if c.onlyFiles() && errors.Is(err, fault.NotFound) {
		return c.to(c.documentsAt("/ajouter"), "news.nothing-filed")
	}
	if err != nil {
		return err
	}
	f := c.documentFilter()
	v := c.documentsView(cab, f)
	var list []documentLine
	shelves := map[string]int{}
	folders := map[string]int{}
	for _, d := range cab.Documents {
		l := c.lineOf(d, cab.Folders)
		v.author(l)
		if !f.takes(l, c.s.cfg.Zone) {
			continue
		}
		inShelf, inFolder := f.Shelf == "" || l.Shelf == f.Shelf, f.Folder == "" || l.Folder == f.Folder
		if inFolder {
			shelves[l.Shelf]++
		}
		if inShelf {
			folders[l.Folder]++
		}
		if inShelf && inFolder {
			list = append(list, l)
		}
	}
	c.shelfChoices(&v, f, shelves)
	c.folderChoices(&v, f, cab.Folders, folders)
	slices.SortFunc(v.Authors, func(a, b choiceView) int { return strings.Compare(a.Name, b.Name) })
	f.order(list)
	list = v.cut(list, f.Page, func(n int) string { f.Page = n; return f.address(v.Root) })
	v.Groups = c.groups(list, f)
	return c.page("documents/list", "documents.title", v)
}

// onlyFiles reports whether somebody may file in a record, and see no more of it
// than what they filed.
func (c *call) onlyFiles() bool {
	return c.patient != nil && !c.patient.Access.Allow && c.patient.State == policy.Active
}

func (c *call) documentsView(cab hub.Cabinet, f documentFilter) documentsView {
	return documentsView{Root: c.documentsAt(""), Own: c.own(), Sees: c.patient != nil && c.patient.Access.Allow, Send: c.sendable(), May: cab.May, Filter: f, All: len(cab.Documents), Kinds: kindsOfFile}
}

// author offers an author to choose.
func (v *documentsView) author(l documentLine) {
	same := func(a choiceView) bool { return a.Key == l.AuthorKey }
	if l.Author == "" || len(v.Authors) >= 200 || slices.ContainsFunc(v.Authors, same) {
		return
	}
	v.Authors = append(v.Authors, choiceView{Key: l.AuthorKey, Name: l.Author, Chosen: l.AuthorKey == v.Filter.Author})
}

// shelfChoices offers the shelves that have something.
func (c *call) shelfChoices(v *documentsView, f documentFilter, count map[string]int) {
	f.Page = 0
	total := 0
	for _, s := range cda.Shelves() {
		total += count[s.Code]
		if count[s.Code] == 0 && f.Shelf != s.Code {
			continue
		}
		to := f
		to.Shelf = s.Code
		v.Shelves = append(v.Shelves, choiceView{s.Code, c.words("documents.shelf." + s.Code), to.address(v.Root), count[s.Code], f.Shelf == s.Code})
	}
	to := f
	to.Shelf = ""
	v.Shelves = slices.Insert(v.Shelves, 0, choiceView{"", c.words("documents.shelf.all"), to.address(v.Root), total, f.Shelf == ""})
}

// folderChoices offers the folders that people have made.
func (c *call) folderChoices(v *documentsView, f documentFilter, folders []filing.Folder, count map[string]int) {
	f.Page = 0
	for _, one := range folders {
		to := f
		chosen := f.Folder == one.ID
		if to.Folder = one.ID; chosen {
			to.Folder = ""
		}
		v.Folders = append(v.Folders, choiceView{one.ID, one.Name, to.address(v.Root), count[one.ID], chosen})
	}
}

// cut leaves the lines of one page, and says where the others are.
func (v *documentsView) cut(list []documentLine, page int, address func(int) string) []documentLine {
	v.Total = len(list)
	v.Pager = paged(len(list), documentsPage, page, address)
	from := (v.Pager.Page - 1) * documentsPage
	return list[from:min(from+documentsPage, len(list))]
}

// groups puts headings above lines: what is pinned, and then the months.
func (c *call) groups(list []documentLine, f documentFilter) (groups []documentGroup) {
	for _, l := range list {
		title := ""
		switch {
		case l.Pinned:
			title = c.words("documents.pinned")
		case f.Sort == byDate, f.Sort == byAge:
			title = c.month(l.Date)
		case len(groups) > 0 && groups[0].Lines[0].Pinned:
			title = c.words("documents.others")
		}
		if n := len(groups); n == 0 || groups[n-1].Title != title {
			groups = append(groups, documentGroup{Title: title})
		}
		g := &groups[len(groups)-1]
		g.Lines = append(g.Lines, l)
	}
	return groups
}

// maxWords bounds what is searched for, in bytes.
const maxWords = 1000

// searchDocuments shows what is found. What is searched for is in no address.
func (c *call) searchDocuments() error {
	words := strings.TrimSpace(c.form.text("mots", maxWords))
	if words == "" {
		return c.to(c.documentsAt(""), "")
	}
	cab, err := c.s.hub.SearchDocuments(c.ctx(), c.who.Actor, c.record(), words)
	if err != nil {
		return err
	}
	f := documentFilter{Sort: byDate, Archived: true}
	v := c.documentsView(cab, f)
	v.Words = words
	var list []documentLine
	for _, d := range cab.Documents {
		list = append(list, c.lineOf(d, cab.Folders))
	}
	f.order(list)
	list = v.cut(list, pageAsked(c.form.value("page")), nil)
	if len(list) > 0 {
		v.Groups = []documentGroup{{Lines: list}}
	}
	return c.page("documents/search", "documents.found", v)
}
