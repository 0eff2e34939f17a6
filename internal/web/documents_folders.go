package web

import (
	"errors"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
)

// Folders of one's own.

// foldersView is what the page of folders shows.
type foldersView struct {
	Root    string
	Own     bool
	Folders []choiceView
	Max     int
}

func (c *call) foldersView() (v foldersView, err error) {
	cab, err := c.s.hub.Cabinet(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return v, err
	}
	if !cab.May.Arrange {
		return v, fault.NotFound
	}
	v = foldersView{Root: c.documentsAt(""), Own: c.own(), Max: filing.MaxName}
	count := map[string]int{}
	for _, d := range cab.Documents {
		count[d.Folder]++
	}
	for _, f := range cab.Folders {
		v.Folders = append(v.Folders, choiceView{Key: f.ID, Name: f.Name, Count: count[f.ID], Path: documentFilter{Folder: f.ID, Sort: byDate}.address(v.Root)})
	}
	return v, nil
}

func (c *call) foldersPage() error {
	v, err := c.foldersView()
	if err != nil {
		return err
	}
	return c.page("documents/folders", "documents.folders", v)
}

// changeFolder makes a folder, names it anew or removes it.
func (c *call) changeFolder() error {
	id, a, record := opaqueID(c.form.value("dossier")), c.who.Actor, c.record()
	here := c.documentsAt("/dossiers")
	if c.form.value("act") == "remove" {
		return c.after(c.s.hub.RemoveFolder(c.ctx(), a, record, id), here, "news.folder-removed")
	}
	_, err := c.s.hub.NameFolder(c.ctx(), a, record, id, c.form.value("nom"))
	field, news := "nom", "news.folder-made"
	if id != "" {
		field, news = "", "news.folder-named"
	}
	switch {
	case errors.Is(err, fault.Invalid):
		c.wrong(field, "wrong.folder-name", filing.MaxName)
	case errors.Is(err, fault.Exists):
		c.wrong(field, "wrong.folder-exists")
	case errors.Is(err, fault.Quota):
		c.wrong(field, "wrong.folders-many")
	default:
		return c.after(err, here, news)
	}
	v, err := c.foldersView()
	if err != nil {
		return err
	}
	return c.again("documents/folders", "documents.folders", v)
}
