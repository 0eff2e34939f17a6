package web

import (
	"errors"
	"fmt"
	"net/http"

	"vaguemestre/internal/document"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/hub"
	"vaguemestre/policy"
)

// The page of one document: what it is, the document itself, and what can be
// done with it.

// documentView is what the page shows.
type documentView struct {
	documentLine
	Root      string
	Own       bool
	Send      bool // by a message
	May       hub.DocumentRights
	Entry     entryView
	Why       string // it is visible to whoever looks
	Show      string // how: "frame", "image", "text", "none"
	Source    string // address of what is shown
	File, PDF string // addresses of the original, and of the PDF that shows it
	Inside    string // address of the PDF within the original
	Short     bool   // it takes little room
	Size      string
	Versions  []documentLine
	Twins     []documentLine
	Newest    string // address of the version that replaced this one
	Folders   []filing.Folder
	Doubts    []string
	Readers   string    // address of who has read it; "" for those who may not know
	Wait      *waitView // of one that the patient does not see yet
}

// entryView is what is said of a document, in words.
type entryView struct {
	Authenticator, Specialty, Practice, Comments string
}

// documentID names the document of this page.
func (c *call) documentID() string { return c.record() + "." + c.r.PathValue("document") }

func (c *call) documentPage() error { return c.showDocument(http.StatusOK) }

func (c *call) showDocument(status int) error {
	p, err := c.s.hub.DocumentPage(c.ctx(), c.who.Actor, c.documentID())
	if err != nil {
		return err
	}
	v := documentView{documentLine: c.lineOf(p.CabinetDocument, p.Folders), Root: c.documentsAt(""), Own: c.own(), Send: c.sendable(), May: p.May, Folders: p.Folders}
	v.New = false // it is being read
	v.Why = c.because(p.Access.Rule)
	v.Entry = entryView{Authenticator: p.Entry.Authenticator.Name, Specialty: p.Entry.Author.Specialty,
		Practice: p.Entry.PracticeSetting.Display, Comments: p.Entry.Comments}
	if v.Entry.Authenticator == v.Author {
		v.Entry.Authenticator = ""
	}
	v.Size = c.size(p.Entry.Size)
	for _, one := range p.Versions {
		l := c.line(one)
		if v.Versions = append(v.Versions, l); len(v.Versions) == 1 && l.ID != v.ID {
			v.Newest = l.Path
		}
	}
	for _, one := range p.Twins {
		v.Twins = append(v.Twins, c.line(one))
	}
	for _, r := range p.Entry.Doubts {
		v.Doubts = append(v.Doubts, c.either(document.Reason(r).French(), document.Reason(r).English()))
	}
	v.Wait, v.Readers = c.wait(p.Wait), c.readersOf(v.ID)
	v.shows(p)
	withFrames(c.w.Header())
	return c.show(status, "documents/document", "documents.document", v)
}

// pdfInCDA is the format of a CDA that is the cover of a PDF (IHE XDS-SD).
const pdfInCDA = "urn:ihe:iti:xds-sd:pdf:2008"

// shows says how a document is shown, and where what is shown is.
func (v *documentView) shows(p hub.DocumentPage) {
	v.File = v.Path + "/fichier"
	if p.Entry.Rendition != "" {
		v.PDF = v.Path + "/pdf"
	}
	switch {
	case v.Kind == kindPDF:
		v.Show, v.Source = "frame", v.File
	case v.Kind == kindImage && p.Entry.MediaType != "image/tiff":
		v.Show, v.Source = "image", v.File
	case p.Entry.FormatCode == pdfInCDA:
		v.Show, v.Source, v.Inside = "frame", v.Path+"/extrait", v.Path+"/extrait"
	case v.Kind == kindCDA, v.Kind == kindText:
		v.Show, v.Source, v.Short = "text", v.Path+"/lecture", v.Kind == kindText && p.Entry.Size < 1000
	default:
		v.Show = "none"
	}
}

// because says why somebody may see something.
func (c *call) because(rule string) string {
	e := policy.Explain(rule)
	return c.either(e.FR, e.EN)
}

// A documentDeed is what can be done with a document, and what is told then.
type documentDeed struct {
	news string
	do   func(c *call, id string) error
}

func changing(news string, change func(*hub.DocumentChange, *bool), on bool) documentDeed {
	return documentDeed{news, func(c *call, id string) error {
		var d hub.DocumentChange
		change(&d, &on)
		_, err := c.s.hub.ChangeDocument(c.ctx(), c.who.Actor, id, d)
		return err
	}}
}

var documentDeeds = map[string]documentDeed{
	"mask":      changing("news.document-masked", func(d *hub.DocumentChange, v *bool) { d.Masked = v }, true),
	"unmask":    changing("news.document-unmasked", func(d *hub.DocumentChange, v *bool) { d.Masked = v }, false),
	"keep":      changing("news.document-kept", func(d *hub.DocumentChange, v *bool) { d.HiddenFromRepresentatives = v }, true),
	"share":     changing("news.document-shared", func(d *hub.DocumentChange, v *bool) { d.HiddenFromRepresentatives = v }, false),
	"announce":  changing("news.document-announced", func(d *hub.DocumentChange, v *bool) { d.HiddenFromPatient = v }, false),
	"show-on":   {"news.document-day", (*call).showOn},
	"archive":   changing("news.document-archived", func(d *hub.DocumentChange, v *bool) { d.Archived = v }, true),
	"unarchive": changing("news.document-unarchived", func(d *hub.DocumentChange, v *bool) { d.Archived = v }, false),
	"delete":    changing("news.document-deleted", func(d *hub.DocumentChange, v *bool) { d.Deleted = v }, true),
	"restore":   changing("news.document-restored", func(d *hub.DocumentChange, v *bool) { d.Deleted = v }, false),
	"pin":       {"news.document-pinned", func(c *call, id string) error { return c.s.hub.PinDocument(c.ctx(), c.who.Actor, id, true) }},
	"unpin":     {"news.document-unpinned", func(c *call, id string) error { return c.s.hub.PinDocument(c.ctx(), c.who.Actor, id, false) }},
	"file": {"news.document-filed", func(c *call, id string) error {
		return c.s.hub.PutInFolder(c.ctx(), c.who.Actor, c.form.value("dossier"), id)
	}},
}

// changeDocument does what a button of the page says.
func (c *call) changeDocument() error {
	name := c.form.value("act")
	deed, ok := documentDeeds[name]
	if !ok {
		return fmt.Errorf("web: no such deed: %w", fault.Invalid)
	}
	err := deed.do(c, c.documentID())
	if c.sentence(err) != "" && !errors.Is(err, fault.NotFound) {
		c.wrongText("", c.sentence(err))
		return c.showDocument(http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	if name == "delete" { // its page is no more
		return c.to(c.documentsAt(""), deed.news)
	}
	return c.to(c.documentsAt("/"+c.r.PathValue("document")), deed.news)
}

// withdrawnPage shows what was deleted and may be put back.
func (c *call) withdrawnPage() error {
	list, err := c.s.hub.Withdrawn(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return err
	}
	v := documentsView{Root: c.documentsAt(""), Own: c.own(), Total: len(list)}
	var lines []documentLine
	for _, d := range list[:min(len(list), 100)] {
		lines = append(lines, c.line(d))
	}
	v.Groups = []documentGroup{{Lines: lines}}
	return c.page("documents/withdrawn", "documents.withdrawn", v)
}
