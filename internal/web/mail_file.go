package web

import (
	"archive/zip"
	"cmp"
	"fmt"
	"html/template"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filename"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/xdm"
)

// What is attached to messages, and messages as they came. Nothing that a
// stranger sent is ever a page of ours: it is a file to be kept, or it is shown
// under a policy by which it does nothing.

// sendFile sends the bytes of a file, to be seen if its type is one that is
// shown, and its content is of that type; else to be kept.
func (c *call) sendFile(name, kind string, content []byte, see bool) error {
	base, _, _ := mime.ParseMediaType(kind)
	switch {
	case base == "text/plain":
		kind = "text/plain; charset=utf-8"
	case isShown(base) && sniffed(content) == base:
		kind = base
	default:
		kind, see = "application/octet-stream", false
	}
	c.fileHead(filename.Safe(name, "document", 120), kind, see)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	if c.r.Method != http.MethodHead {
		_, _ = c.steady().Write(content) // whoever has gone is told nothing
	}
	return nil
}

// fileView says of an attachment how it can be seen.
func (c *call) fileView(message string, f hub.File) fileView {
	v := fileView{File: f, Path: message + "/p/" + f.Part, Kind: kindOfFile(f), Human: c.size(f.Size)}
	switch {
	case v.Kind == "xdm" || v.Kind == "cda":
		v.See, v.Read = v.Path+"/lecture", true
	case isShown(f.Type):
		v.See, v.NewTab = v.Path+"?voir=1", true
		v.Image = strings.HasPrefix(f.Type, "image/") && f.Size <= 2<<20
		v.Peek = f.Type == "application/pdf"
	}
	return v
}

func isXML(f hub.File) bool {
	return f.Type == "text/xml" || f.Type == "application/xml" || strings.HasSuffix(f.Type, "+xml") && f.Type != "image/svg+xml"
}

// kindOfFile names a sort of file, for the catalogue.
func kindOfFile(f hub.File) string {
	ext := strings.ToLower(path.Ext(f.Name))
	switch {
	case f.Type == "application/pdf" || ext == ".pdf":
		return "pdf"
	case strings.HasPrefix(f.Type, "image/"):
		return "image"
	case strings.EqualFold(f.Name, "IHE_XDM.zip"):
		return "xdm"
	case isXML(f):
		return "cda"
	case strings.HasPrefix(f.Type, "text/"):
		return "text"
	case f.Type == "message/rfc822":
		return "message"
	case ext == ".zip":
		return "zip"
	}
	return "file"
}

func (c *call) attached() (f hub.MessageFile, err error) {
	id, err := c.messageID()
	if err != nil {
		return f, err
	}
	return c.s.hub.MessageFile(c.ctx(), c.mailbox(), id, c.r.PathValue("part"))
}

func (c *call) attachment() error {
	f, err := c.attached()
	if err != nil {
		return err
	}
	name := f.Name
	if name == "" {
		name = c.words("mail.kind."+kindOfFile(f.File)) + fileEnd(f.Type)
	}
	return c.sendFile(name, f.Type, f.Content, c.r.URL.Query().Has("voir"))
}

// A reading is a document that was made readable.
type readingView struct {
	Title, Author string
	Created       time.Time
	Body          template.HTML // made from scratch by package cda
	File          string        // address of the file it is, or holds; "": of none
	See           bool          // that file opens in the browser
	Name          string
}

// readingsView is what the page of an attachment shows.
type readingsView struct {
	Name, Back, File string
	Documents        []readingView
}

// attachmentPage makes a document, or a package of them, readable.
func (c *call) attachmentPage() error {
	f, err := c.attached()
	if err != nil {
		return err
	}
	here := strings.TrimSuffix(c.r.URL.Path, "/lecture")
	v := readingsView{Name: f.Name, Back: messagePath + c.r.PathValue("message"), File: here}
	for i, d := range inside(f) {
		r := d.view()
		if d.file != nil && (d.document == nil || d.document.Embedded != nil) { // else it is what is read here
			r.File = fmt.Sprintf("%s/f/%d", here, i)
			r.See = isShown(d.kind)
		}
		v.Documents = append(v.Documents, r)
	}
	return c.page("mail/reading", "mail.reading.title", v)
}

// attachmentInside gives one of the files in an attachment.
func (c *call) attachmentInside() error {
	f, err := c.attached()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.r.PathValue("file"))
	list := inside(f)
	if err != nil || n < 0 || n >= len(list) || list[n].file == nil {
		return fmt.Errorf("web: file within an attachment: %w", fault.NotFound)
	}
	return c.sendFile(list[n].name, list[n].kind, list[n].file, c.r.URL.Query().Has("voir"))
}

// An insider is a document within an attachment: one that is made readable, or a
// file.
type insider struct {
	title, name, kind string
	document          *cda.Document
	file              []byte
}

// inside takes an attachment apart: a CDA document, or the documents of an
// IHE_XDM.zip. What is neither has nothing inside.
func inside(f hub.MessageFile) []insider {
	if cda.Sniff(f.Content) {
		return []insider{insiderOf(f.Name, "", f.Type, f.Content)}
	}
	if !xdm.Sniff(f.Content, xdm.Limits{}) {
		return nil
	}
	p, err := xdm.Read(f.Content, xdm.Limits{})
	if err != nil {
		return nil
	}
	var list []insider
	for _, d := range p.Documents {
		if d.Described || cda.Sniff(d.Data) || strings.HasSuffix(strings.ToLower(d.Name), ".pdf") {
			list = append(list, insiderOf(path.Base(d.Name), d.Title, d.MediaType, d.Data))
		}
	}
	return list
}

func insiderOf(name, title, kind string, data []byte) insider {
	in := insider{title: title, name: name, kind: kind, file: data}
	if kind == "" || kind == "application/octet-stream" {
		in.kind = sniffed(data)
	}
	if !cda.Sniff(data) {
		return in
	}
	d, err := cda.Parse(data, cda.Limits{})
	if err != nil {
		return in
	}
	in.document = d
	if in.title == "" {
		in.title = d.Title
	}
	if d.Embedded == nil {
		return in
	}
	if content, err := d.Embedded.Bytes(); err == nil {
		in.file, in.kind, in.name = content, d.Embedded.MediaType, strings.TrimSuffix(name, path.Ext(name))+fileEnd(d.Embedded.MediaType)
	}
	return in
}

func (in insider) view() readingView {
	r := readingView{Title: in.title, Name: in.name}
	if r.Title == "" {
		r.Title = in.name
	}
	if d := in.document; d != nil {
		r.Created = d.Created
		if len(d.Authors) > 0 {
			r.Author = strings.TrimSpace(d.Authors[0].Name + " " + bracketed(d.Authors[0].Organisation.Name))
		}
		r.Body = template.HTML(d.HTML()) //nolint:gosec // package cda makes it from scratch and escapes every text
	}
	return r
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// messageText is the whole text of a message, and nothing else.
func (c *call) messageText() error {
	id, err := c.messageID()
	if err != nil {
		return err
	}
	text, err := c.s.hub.MessageText(c.ctx(), c.mailbox(), id)
	if err != nil {
		return err
	}
	return c.sendFile("message.txt", "text/plain", []byte(text), true)
}

// messageSource is a message as it came.
func (c *call) messageSource() error {
	id, err := c.messageID()
	if err != nil {
		return err
	}
	out := c.begin()
	err = c.s.hub.RawMessages(c.ctx(), c.mailbox(), id, false, func(m hub.RawMessage) error {
		c.fileHead(c.messageName(m)+".eml", "message/rfc822", false)
		c.w.Header().Set("Content-Length", strconv.FormatInt(m.Size, 10))
		if c.r.Method == http.MethodHead {
			return nil
		}
		_, err := m.WriteTo(out)
		return err
	})
	return c.finish(out, err)
}

// threadArchive is a zip of every message of a thread, made while it is sent.
func (c *call) threadArchive() error {
	id, err := c.messageID()
	if err != nil {
		return err
	}
	out := c.begin()
	z := zip.NewWriter(out)
	n := 0
	err = c.s.hub.RawMessages(c.ctx(), c.mailbox(), id, true, func(m hub.RawMessage) error {
		if n++; n == 1 {
			c.fileHead(c.messageName(m)+".zip", "application/zip", false)
		}
		if c.r.Method == http.MethodHead {
			return nil
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%02d %s.eml", n, c.messageName(m)), Modified: m.Received, Method: zip.Deflate, NonUTF8: false})
		if err != nil {
			return fmt.Errorf("web: zip: %v: %w", err, fault.Internal)
		}
		_, err = m.WriteTo(w)
		return err
	})
	if err == nil && c.r.Method != http.MethodHead {
		if err = z.Close(); err != nil {
			err = fmt.Errorf("web: zip: %v: %w", err, fault.Unavailable)
		}
	}
	return c.finish(out, err)
}

// messageName names the file of a message: its day and its subject.
func (c *call) messageName(m hub.RawMessage) string {
	subject := cmp.Or(m.Subject, c.words("mail.no-subject"))
	return filename.Safe(m.Received.In(c.s.cfg.Zone).Format(time.DateOnly)+" "+subject, "message", 90)
}
