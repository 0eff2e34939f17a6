package web

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/document"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/hub"
	"vaguemestre/vault"
)

// What is added to a record: several files at a time, each whole or not at all,
// and of each it is told what became of it.

const (
	maxDeposit  = 50 << 20   // bytes of all files of one form…
	saidDeposit = 50_000_000 // …and what people are told, who count so or so
	maxFiles    = 20
	maxComments = 1000 // bytes, as of a title
)

// deposits are what people call what they deposit, and the type it is kept under.
var deposits = []struct{ name, typeCode string }{
	{"report", "DOCPAT03"}, {"care", "DOCPAT02"}, {"biology", "DOCPAT05"}, {"imaging", "DOCPAT04"}, {"prevention", "DOCPAT06"},
	{"certificate", "DOCPAT07"}, {"administrative", "DOCPAT09"}, {"summary", "DOCPAT01"}, {"directives", "EXPPAT_3"}, {"wishes", "EXPPAT_1"}, {"other", "EXPPAT_2"},
}

// depositView is what the form shows.
type depositView struct {
	Root         string
	Own          bool
	Professional bool
	Kinds        []string // of what is deposited, by people
	Classes      []classView
	Folders      []filing.Folder
	Visibilities []string // from which professionals choose
	Title, Date  string   // as they were filled in
	Comment      string
	Today        string
	Limit        string
	Most         int // bytes
	Accept       string
}

// visibilities are from whom a professional may keep what they file.
var visibilities = []string{"all", "announce", "masked"}

// A classView is the types of one class, for professionals.
type classView struct {
	Name  string
	Types []cda.Type
}

// accepted are the files that a browser offers to choose.
const accepted = ".pdf,.jpg,.jpeg,.png,.tif,.tiff,.txt,.rtf,.xml,application/pdf,image/jpeg,image/png,image/tiff,text/plain,application/rtf,text/xml"

func (c *call) depositForm() (depositView, error) {
	v := depositView{Root: c.documentsAt(""), Own: c.own(), Professional: c.who.cares(), Accept: accepted,
		Today: c.now().In(c.s.cfg.Zone).Format(time.DateOnly), Limit: c.size(saidDeposit), Most: maxDeposit, Visibilities: visibilities,
		Title: c.form.text("titre", maxComments), Date: c.form.value("date"), Comment: c.form.text("commentaire", maxComments)}
	if v.Professional {
		for _, class := range cda.Classes() {
			one := classView{Name: c.either(class.French, class.English)}
			for _, t := range cda.Types() {
				if t.Class == class && t.Class.Code != "99" {
					one.Types = append(one.Types, t)
				}
			}
			slices.SortFunc(one.Types, func(a, b cda.Type) int { return strings.Compare(a.Label, b.Label) })
			if len(one.Types) > 0 {
				v.Classes = append(v.Classes, one)
			}
		}
		return v, nil
	}
	for _, d := range deposits {
		v.Kinds = append(v.Kinds, d.name)
	}
	cab, err := c.s.hub.Cabinet(c.ctx(), c.who.Actor, c.record())
	if err == nil && !cab.May.File {
		err = fmt.Errorf("web: deposit: %w", fault.NotFound)
	}
	v.Folders = cab.Folders
	return v, err
}

func (c *call) depositPage() error {
	v, err := c.depositForm()
	if err != nil {
		return err
	}
	return c.page("documents/add", "documents.add", v)
}

// A depositedView is what became of each file.
type depositedView struct {
	Root  string
	Own   bool
	Files []depositedFile
	Good  int
}

type depositedFile struct {
	Name, Path string
	There      bool   // it was in the record already
	Wrong      string // why it was not taken; "" if it was
}

// deposit adds what a form brings.
func (c *call) deposit() error {
	v, err := c.depositForm()
	if err != nil {
		return err
	}
	s, folder := c.submission(v)
	files := c.form.files("fichiers")
	switch {
	case len(files) == 0 && c.form.spilled:
		c.wrong("fichiers", "wrong.files-large", v.Limit)
	case len(files) == 0:
		c.wrong("fichiers", "wrong.no-file")
	case len(files) > maxFiles:
		c.wrong("fichiers", "wrong.files-many", maxFiles)
	}
	if len(c.form.errs) > 0 {
		return c.again("documents/add", "documents.add", v)
	}
	done := depositedView{Root: v.Root, Own: v.Own}
	var added []string
	for _, f := range files {
		one, id, err := c.depositOne(s, f, len(files) == 1)
		if err != nil {
			return err
		}
		if one.Wrong == "" {
			done.Good++
			added = append(added, id)
		}
		done.Files = append(done.Files, one)
	}
	if folder != "" && len(added) > 0 {
		if err := c.s.hub.PutInFolder(c.ctx(), c.who.Actor, folder, added...); err != nil {
			return err
		}
	}
	if c.form.spilled {
		done.Files = append(done.Files, depositedFile{Wrong: c.words("wrong.files-spilled", v.Limit)})
	}
	return c.page("documents/added", "documents.added", done)
}

// submission reads what the form says of all files.
func (c *call) submission(v depositView) (s hub.Submission, folder string) {
	s.Entry.Title = document.Line(c.form.text("titre", maxComments))
	s.Entry.Comments = c.form.text("commentaire", maxComments)
	if s.Entry.Comments == "" && c.form.values.Get("commentaire") != "" {
		c.wrong("commentaire", "wrong.comment-long")
	}
	if day := c.form.value("date"); day != "" {
		at, err := time.ParseInLocation(time.DateOnly, day, c.s.cfg.Zone)
		if err != nil || at.After(c.now()) || at.Year() < 1900 {
			c.wrong("date", "wrong.day")
		}
		s.Entry.Created, s.Entry.ServiceStart = at, at
	}
	if v.Professional {
		c.professionally(&s)
		return s, ""
	}
	for _, d := range deposits {
		if c.form.value("genre") == d.name {
			s.Entry.TypeCode = d.typeCode
		}
	}
	if s.Entry.TypeCode == "" {
		c.wrong("genre", "wrong.choose")
	}
	if c.form.ticked("masquer") {
		s.Flags |= vault.Masked
	}
	for _, f := range v.Folders {
		if f.ID == c.form.value("dossier") {
			folder = f.ID
		}
	}
	return s, folder
}

// professionally reads what a professional says besides.
func (c *call) professionally(s *hub.Submission) {
	if t, ok := cda.TypeByCode(c.form.value("type")); ok {
		s.Entry.TypeCode = t.Code
	} else {
		c.wrong("type", "wrong.choose")
	}
	switch c.form.pick("visible", visibilities...) {
	case "announce":
		s.Flags |= vault.HiddenFromPatient
	case "masked":
		s.Flags |= vault.Masked
	}
}

// depositOne adds one file. What is wrong with it is told; the error is of the
// whole.
func (c *call) depositOne(s hub.Submission, f file, alone bool) (one depositedFile, id string, err error) {
	one.Name = f.Name
	s.Content, s.Entry.FileName, s.Entry.MediaType = f.Content, f.Name, f.Type
	plain := document.Line(strings.TrimSuffix(f.Name, path.Ext(f.Name)))
	switch {
	case s.Entry.Title == "":
		s.Entry.Title = plain
	case !alone:
		s.Entry.Title = document.Line(s.Entry.Title + " – " + plain)
	}
	if len(f.Content) == 0 {
		one.Wrong = c.words("wrong.file-empty")
		return one, "", nil
	}
	d, there, err := c.s.hub.Deposit(c.ctx(), c.who.Actor, c.record(), s)
	switch {
	case err == nil:
		one.There, one.Path = there, c.documentsAt("/"+idInRecord(d.ID))
		return one, d.ID, nil
	case refusedBy(err, "document/not-a-deposit"):
		one.Wrong = c.words("wrong.file-kind")
	case c.sentence(err) != "":
		one.Wrong = c.sentence(err)
	case errors.Is(err, fault.TooLarge):
		one.Wrong = c.words("wrong.files-large", c.size(saidDeposit))
	case errors.Is(err, fault.Quota):
		one.Wrong = c.words("wrong.no-room")
	case errors.Is(err, fault.Invalid):
		one.Wrong = c.words("wrong.file-kind")
	default:
		return one, "", err
	}
	return one, "", nil
}
