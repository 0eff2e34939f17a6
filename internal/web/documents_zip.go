package web

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filename"
	"vaguemestre/internal/hub"
)

// Several documents at a time.

// withSelection does with the documents that are ticked what a button says.
func (c *call) withSelection() error {
	var ids []string
	for _, own := range c.form.values["doc"] {
		if own = opaqueID(own); own != "" && len(ids) < 2*documentsPage {
			ids = append(ids, c.record()+"."+own)
		}
	}
	back := c.documentsAt("")
	if len(ids) == 0 {
		return c.to(back, "news.none-ticked")
	}
	switch act := c.form.value("act"); act {
	case "download":
		return c.zip(ids)
	case "write":
		if c.sendable() {
			return c.writeWith(ids)
		}
	case "mask", "unmask":
		for _, id := range ids {
			if err := documentDeeds[act].do(c, id); err != nil {
				return err
			}
		}
		return c.to(back, "news.documents-"+act)
	case "file":
		return c.after(c.s.hub.PutInFolder(c.ctx(), c.who.Actor, c.form.value("dossier"), ids...), back, "news.documents-filed")
	}
	return fmt.Errorf("web: no such deed: %w", fault.Invalid)
}

// downloadAll gives all documents that one sees.
func (c *call) downloadAll() error {
	cab, err := c.s.hub.Cabinet(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return err
	}
	var ids []string
	for _, d := range cab.Documents {
		ids = append(ids, d.ID)
	}
	if len(ids) == 0 {
		return c.to(c.documentsAt(""), "news.none-ticked")
	}
	return c.zip(ids)
}

// zip sends documents as one file, while it reads them.
func (c *call) zip(ids []string) error {
	list, err := c.s.hub.OpenDocuments(c.ctx(), c.who.Actor, c.record(), ids)
	if err != nil {
		return err
	}
	c.fileHead(c.words("documents.zip", c.now().In(c.s.cfg.Zone).Format(time.DateOnly))+".zip", "application/zip", false)
	out := c.begin()
	return c.finish(out, c.writeZip(out, list))
}

func (c *call) writeZip(out io.Writer, list iter.Seq2[hub.OpenedDocument, error]) error {
	z := zip.NewWriter(out)
	names := filename.New()
	for d, err := range list {
		if errors.Is(err, fault.Corrupt) { // one that is damaged keeps nobody from the others
			err = c.intoZip(z, names.File(c.shelfOf(d), readableName(&d.Entry)+".txt"), d.Entry.Filed, wholeFile(c.words("documents.damaged")))
		} else if err == nil {
			err = c.intoZip(z, names.File(c.shelfOf(d), readableName(&d.Entry)+fileEnd(d.Entry.MediaType)), d.Entry.Filed, d.File)
			if err == nil && d.Rendition != nil {
				err = c.intoZip(z, names.File(c.shelfOf(d), readableName(&d.Entry)+".pdf"), d.Entry.Filed, d.Rendition)
			}
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// shelfOf is the folder of a document in a zip: its shelf.
func (c *call) shelfOf(d hub.OpenedDocument) string {
	for _, s := range cda.Shelves() {
		if s.Code == d.Entry.Shelf {
			return filename.Safe(c.words("documents.shelf."+s.Code), s.Code, maxReadableName)
		}
	}
	return filename.Safe(c.words("documents.shelf.AUTR_DOC"), "AUTR_DOC", maxReadableName)
}

func (c *call) intoZip(z *zip.Writer, name string, at time.Time, file hub.Content) error {
	method := zip.Deflate
	if strings.HasSuffix(name, ".pdf") || strings.HasSuffix(name, ".jpg") || strings.HasSuffix(name, ".png") { // compressed already
		method = zip.Store
	}
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: at})
	if err != nil {
		return err
	}
	return file.ReadRange(w, 0, file.Size())
}
