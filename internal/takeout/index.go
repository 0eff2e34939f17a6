package takeout

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/cda"
	"vaguemestre/internal/hub"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// The page that leads to everything, offline.

//go:embed index.html
var indexPage string

// both is a text in French and in English.
type both struct{ FR, EN string }

// A page is what index.html shows.
type page struct {
	Space   hub.TakenSpace
	Made    time.Time
	Shelves []docShelf
	Folders []mailFolder
	Lookers []looker
	Lost    []lostRow
	Report  Report
}

type docShelf struct {
	Name both
	Rows []docRow
}

type docRow struct {
	Path, PDF           string
	Title, Name, Author string
	Date                time.Time
	Size                int64
	Old                 bool // a newer version has replaced it
	Tags                []both
}

type mailFolder struct {
	Name both
	Rows []mailRow
}

type mailRow struct {
	Path, Subject, Who string
	Sent               bool // Who are those it went to
	Date               time.Time
	Size               int64
}

type lostRow struct {
	What both
	Name string
}

func newDocRow(d hub.DocumentView) docRow {
	e := d.Entry
	r := docRow{Title: cmp.Or(e.Title, d.FileName()), Name: d.FileName(), Author: e.Author.Name, Date: e.ServiceStart, Size: e.Size, Old: d.Flags.Has(vault.Superseded)}
	if r.Date.IsZero() {
		r.Date = e.Created
	}
	if r.Date.IsZero() {
		r.Date = e.Filed
	}
	if e.Author.Organisation != "" && e.Author.Organisation != e.Author.Name {
		r.Author = strings.TrimPrefix(r.Author+", "+e.Author.Organisation, ", ")
	}
	for _, t := range []struct {
		flag vault.Flags
		both
	}{
		{vault.Superseded, both{"remplacé par une version plus récente", "replaced by a newer version"}},
		{vault.Masked, both{"masqué aux professionnels", "masked from professionals"}},
		{vault.Archived, both{"archivé", "archived"}},
		{vault.ToVerify, both{"identité à vérifier", "identity to be verified"}},
	} {
		if d.Flags.Has(t.flag) {
			r.Tags = append(r.Tags, t.both)
		}
	}
	return r
}

func newMailRow(path string, m hub.TakenMessage) mailRow {
	e := m.Envelope
	r := mailRow{Path: path, Subject: cmp.Or(e.Subject, "(sans objet / no subject)"), Date: e.Date, Size: m.Size, Sent: m.Folder == "Sent" || m.Folder == "Drafts"}
	if r.Date.IsZero() {
		r.Date = m.Received
	}
	list := e.From
	if r.Sent {
		list = e.To
	}
	for i, a := range list {
		if i == 3 {
			r.Who += " …"
			break
		}
		r.Who = strings.TrimPrefix(r.Who+", "+cmp.Or(a.Name, a.Spec()), ", ")
	}
	return r
}

// folderNames are what people call the folders that every mailbox has.
var folderNames = map[string]both{
	"INBOX": {"Boîte de réception", "Inbox"}, "Sent": {"Envoyés", "Sent"}, "Drafts": {"Brouillons", "Drafts"},
	"Trash": {"Corbeille", "Trash"}, "Archive": {"Archives", "Archive"},
}

func folderName(name string) both {
	if known, ok := folderNames[name]; ok {
		return known
	}
	return both{name, name}
}

// A shelf is where documents stand.
type shelf struct {
	both
	views []hub.DocumentView
}

// shelvesOf puts documents on their shelves, in the order in which these are
// shown.
func shelvesOf(views []hub.DocumentView) (list []shelf) {
	all := cda.Shelves()
	for _, s := range all {
		list = append(list, shelf{both: both{s.French, s.English}})
	}
	for _, d := range views {
		i := slices.IndexFunc(all, func(s cda.Shelf) bool { return s.Code == d.Entry.Shelf })
		if i < 0 {
			i = len(all) - 1
		}
		list[i].views = append(list[i].views, d)
	}
	return slices.DeleteFunc(list, func(s shelf) bool { return len(s.views) == 0 })
}

// A looker is somebody who looked at the record.
type looker struct {
	Name, Profession, Organisation string
	Times                          int
	First, Last                    time.Time
	Emergency                      bool
}

// looking are the acts of those who look at documents.
var looking = map[string]bool{policy.ReadDocument.String(): true, policy.ListDocuments.String(): true, policy.BreakGlass.String(): true,
	"search-documents": true, "download-documents": true, "list-withdrawn": true}

// lookers sums up a trail, whose lines come newest first.
type lookers map[string]*looker

func (s lookers) add(l audit.Line) {
	if l.Refused || !looking[l.Act] || l.Kind == audit.Patient && l.OnBehalf == "" {
		return
	}
	who := s[l.Actor]
	if who == nil {
		who = &looker{Name: cmp.Or(l.ActorName, l.Actor), Profession: policy.Profession(l.Profession).Label(), Organisation: l.Organisation, Last: l.Time}
		s[l.Actor] = who
	}
	who.Times++
	who.First = l.Time
	who.Emergency = who.Emergency || l.Emergency
}

func (s lookers) rows() (list []looker) {
	for _, who := range s {
		list = append(list, *who)
	}
	slices.SortFunc(list, func(a, b looker) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// index writes the page.
func (t *taking) index() error {
	tmpl, err := template.New("").Funcs(template.FuncMap{
		"day":    func(at time.Time) string { return at.In(t.Zone).Format("02/01/2006") },
		"iso":    func(at time.Time) string { return at.In(t.Zone).Format(time.DateOnly) },
		"moment": func(at time.Time) string { return at.In(t.Zone).Format("02/01/2006 15:04") },
		"href":   href,
		"size":   size,
	}).Parse(indexPage)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	t.page.Report = t.Report
	_, err = t.archive.file("index.html", t.Now, false, func(w io.Writer) error { return tmpl.Execute(w, t.page) })
	return err
}

// size tells how large a file is.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f Mo", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d ko", n>>10)
	}
	return fmt.Sprintf("%d o", n)
}

// href writes a path as a relative address.
func href(p string) string {
	levels := strings.Split(p, "/")
	for i, l := range levels {
		levels[i] = url.PathEscape(l)
	}
	return strings.Join(levels, "/")
}
